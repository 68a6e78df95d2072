"""The base classes of the tests of operations: what holds for every operation on arrays."""

from typing import NamedTuple

import numpy as np
import pytest
from closeness import assert_formulas_agree, assert_within_contract
from numpy.lib.stride_tricks import sliding_window_view

import kapre_ref as kr

FIRST, LAST = "channels_first", "channels_last"


class Case(NamedTuple):
    """The shape of an input, and the parameters that are passed with it."""

    shape: tuple
    parameters: dict

    def __str__(self):
        return "-".join([str(self.shape), *(f"{k}={v}" for k, v in self.parameters.items())])


def case(*shape, **parameters):
    """Write a case as it reads in a table."""
    return Case(shape, parameters)


def channels_first(x, data_format, item_ndim):
    """Return an array of any of the four layouts as (batch, channel, ...)."""
    if x.ndim == item_ndim + 2:
        return x if data_format == FIRST else np.moveaxis(x, -1, 1)
    return x[:, None] if x.ndim == item_ndim + 1 else x[None, None]


def as_caller(y, leading_ndim, data_format):
    """Return an array (batch, channel, ...) in the layout of an input with such leading axes."""
    if leading_ndim == 2:
        return y if data_format == FIRST else np.moveaxis(y, 1, -1)
    return y[:, 0] if leading_ndim else y[0, 0]


def frames_of(x, frame_length, hop_length, pad_end=False, pad_value=0, data_format="default"):
    """Return every hop_length-th of all possible frames, and pad the signal if asked to."""
    signals = channels_first(x, data_format, 1)
    n_samples = signals.shape[2]
    if pad_end:
        margin = [(0, 0), (0, 0), (0, frame_length - 1)]
        signals = np.pad(signals, margin, constant_values=np.asarray(pad_value, x.dtype))
    if signals.shape[2] < frame_length:
        return np.empty((*signals.shape[:2], 0, frame_length), x.dtype)
    frames = sliding_window_view(signals, frame_length, axis=2)[:, :, ::hop_length]
    return frames[:, :, : -(-n_samples // hop_length)] if pad_end else frames


def wide(x):
    """Return an array in long double, real or complex."""
    return x.astype(np.result_type(x.dtype, np.longdouble))


def double(x):
    """Return an array in float64 or complex128."""
    return x.astype(np.result_type(x.dtype, np.float64))


class OperationTests:
    """Tests of an operation that is given by its functions and cases; subclasses add to them.

    `plain` is the formula as one would write it in NumPy or SciPy, in the input's own precision.
    `precise` is the formula in long double, which float64 is measured by.
    """

    public = oracle = plain = precise = None
    dtypes = ("float16", "float32", "float64")
    cases = ()
    usual = None  # Tests of anything but shapes and parameters use this case.

    def example(self, rng, shape, dtype):
        """Return an input: by default, noise between -1 and 1."""
        return np.asarray(rng.uniform(-1, 1, shape), dtype)

    def call(self, function, x, parameters, **more):
        """Call the public function or the oracle; subclasses pass further arguments."""
        return function(x, **parameters, **more)

    def run(self, backend, x, parameters):
        """Return the public function's answer as a NumPy array."""
        return backend.numpy(self.call(self.public, backend.array(x), parameters))

    def assert_kernel_close(self, got, x, parameters):
        """Measure a kernel's result as the contract says."""
        if x.real.dtype == np.float64 and self.precise is not None:
            truth = self.precise(wide(x), **parameters)
            plain = self.oracle(x, **parameters)
        else:
            truth = self.oracle(double(x), **parameters)
            plain = self.plain(x, **parameters).astype(self.oracle(x, **parameters).dtype)
        assert_formulas_agree(plain, truth)
        assert_within_contract(got, truth, plain)

    def test_matches_oracle(self, backend, dtype, case, rng):
        x = self.example(rng, case.shape, dtype)
        got = self.run(backend, x, case.parameters)
        self.assert_kernel_close(got, x, case.parameters)

    def test_any_arrangement(self, arrangement, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        passed = arrangement.array(x)
        got = arrangement.numpy(self.call(self.public, passed, parameters))
        assert got.dtype.isnative
        self.assert_kernel_close(got, x, parameters)

    def test_dtypes_are_numpys_own(self, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        for order in "=<>":
            passed = x.astype(x.dtype.newbyteorder(order))
            for function in (self.public, self.oracle):
                got = self.call(function, passed, parameters).dtype
                assert got is np.dtype(got.type)

    def test_input_is_not_modified(self, arrangement, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        passed = arrangement.array(x.copy())
        self.call(self.public, passed, parameters)
        np.testing.assert_array_equal(passed.tolist(), x.tolist())

    def test_oracle_rounds_once(self, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        got, exact = self.oracle(x, **parameters), self.oracle(double(x), **parameters)
        np.testing.assert_array_equal(got, exact.astype(got.dtype))

    def test_same_bits_with_any_number_of_threads(self, backend, rng):
        shape, parameters = max(self.cases, key=lambda one: np.prod(one.shape))
        x = self.example(rng, shape, self.dtypes[-1])
        results = set()
        try:
            for n_threads in (1, 2, 3, 2):
                kr.set_num_threads(n_threads)
                results.add(self.run(backend, x, parameters).tobytes())
        finally:
            kr.set_num_threads(None)
        assert len(results) == 1


FAULTS = {
    "list": (lambda out: out.tolist(), TypeError, "out must be a numpy.ndarray or an array of"),
    "shape": (lambda out: out[..., :-1].copy(), ValueError, r"out must have shape \(.*got shape"),
    "flat": (lambda out: out.reshape(-1), ValueError, r"out must have shape \(.*got shape"),
    "dtype": (lambda out: out.astype("c16"), TypeError, "out must have dtype .*got complex128"),
    "strides": (lambda out: out.repeat(2, -1)[..., ::2], ValueError, "out must be C-contiguous"),
    "read-only": (lambda out: _frozen(out), ValueError, "out must be writeable"),
    "big-endian": (
        lambda out: out.astype(out.dtype.newbyteorder(">")),
        TypeError,
        "out must have dtype .*got >",
    ),
}


def _frozen(out):
    out.flags.writeable = False
    return out


class TakesOut(OperationTests):
    """Tests of an operation that takes the argument `out`."""

    def _input_and_result(self, backend, rng, dtype):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        return x, self.run(backend, x, parameters), parameters

    def test_out_is_filled_and_returned(self, backend, dtype, rng):
        x, expected, parameters = self._input_and_result(backend, rng, dtype)
        out = backend.array(np.full(expected.shape, -77, expected.dtype))
        got = self.call(self.public, backend.array(x), parameters, out=out)
        assert got is out
        np.testing.assert_array_equal(backend.numpy(out), expected)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_out_that_does_not_fit(self, backend, fault, rng):
        if backend.name == "gpu" and fault in ("read-only", "big-endian"):
            fault = "strides"  # CuPy has neither of these two
        spoil, kind, match = FAULTS[fault]
        x, expected, parameters = self._input_and_result(backend, rng, self.dtypes[0])
        out = spoil(backend.array(np.full(expected.shape, -77, expected.dtype)))
        with pytest.raises(kind, match=match):
            self.call(self.public, backend.array(x), parameters, out=out)
        assert np.all(np.asarray(out if fault == "list" else out.tolist()) == -77)

    def test_out_that_overlaps(self, backend, rng):
        x, expected, parameters = self._input_and_result(backend, rng, self.dtypes[0])
        # The last few samples share memory with the first few results.
        start = (x.nbytes - 1) // 16 * 16
        memory = backend.array(np.zeros(start + expected.nbytes, np.uint8))
        shared = memory[: x.nbytes].view(x.dtype).reshape(x.shape)
        shared[...] = backend.array(x)
        out = memory[start:].view(expected.dtype).reshape(expected.shape)
        with pytest.raises(ValueError, match="out must not overlap the input"):
            self.call(self.public, shared, parameters, out=out)
        np.testing.assert_array_equal(backend.numpy(shared), x)
