"""apply_filterbank."""

import numpy as np
import plain_formulas
import pytest
from closeness import assert_close, assert_oracle_close, assert_within_contract, eps_of
from conftest import Backend
from operation import FIRST, TakesOut, as_caller, case, channels_first, wide

import kapre_ref as kr
from kapre_ref.kernels.cpu import filterbanks


class TestApplyFilterbank(TakesOut):
    public = staticmethod(kr.apply_filterbank)
    oracle = staticmethod(kr.apply_filterbank_reference)
    usual = case(2, 7, 33, 3)
    cases = (
        case(7, 33),
        case(2, 7, 33),
        case(2, 7, 33, 3),
        case(2, 3, 7, 33, data_format=FIRST),
        case(0, 7, 33),
        case(2, 0, 33),
        case(2, 7, 33, 0),
        case(3, 400, 513),  # large enough for several threads
        case(1, 400, 257, 2),
        case(1, 1, 2),
    )

    def example(self, rng, shape, dtype):
        return rng.uniform(0, 1, shape).astype(dtype)

    def _filterbank(self, x, parameters, dtype):
        frequency = 3 if parameters.get("data_format") == FIRST else min(x.ndim - 1, 2)
        n_freq = x.shape[frequency]
        # A small filterbank is dense; a large one is sparse, as mel filterbanks are.
        if n_freq < 100:
            weights = np.random.default_rng(1).uniform(-1, 1, (n_freq, 5))
        else:
            weights = kr.filterbank_mel(16000, n_freq, 20, dtype=np.float64)
        return weights.astype(dtype)

    def call(self, function, x, parameters, **more):
        weights = self._filterbank(x, parameters, x.dtype.newbyteorder("="))
        backend = Backend("cpu" if isinstance(x, np.ndarray) else "gpu")
        return function(x, backend.array(weights), **parameters, **more)

    def precise(self, x, filterbank=None, **parameters):
        data_format = parameters.get("data_format", "default")
        if filterbank is None:
            filterbank = self._filterbank(x, parameters, np.float64)
        bands = channels_first(x, data_format, 2) @ filterbank.astype(x.dtype)
        return as_caller(bands, x.ndim - 2, data_format)

    def assert_kernel_close(self, got, x, parameters):
        weights = self._filterbank(x, parameters, x.dtype.newbyteorder("="))
        data_format = parameters.get("data_format", "default")
        plain = plain_formulas.apply_filterbank(channels_first(x, data_format, 2), weights)
        plain = as_caller(plain, x.ndim - 2, data_format).astype(got.dtype)
        truth = self.precise(wide(x), weights, **parameters)
        assert_within_contract(got, truth, plain)

    def test_filterbank_in_any_arrangement(self, arrangement, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        weights = self._filterbank(x, parameters, dtype)
        passed = arrangement.array(weights)
        got = arrangement.numpy(self.public(arrangement.backend.array(x), passed))
        self.assert_kernel_close(got, x, parameters)
        np.testing.assert_array_equal(passed.tolist(), weights.tolist())

    def test_out_that_overlaps_the_filterbank(self, backend, rng):
        x = backend.array(rng.uniform(0, 1, (7, 33)))
        weights = rng.uniform(0, 1, (33, 33))
        memory = backend.array(weights.copy())
        for out in (memory[:7], memory[26:]):
            with pytest.raises(ValueError, match="out must not overlap the input"):
                self.public(x, memory[::-1], out=out)
        np.testing.assert_array_equal(backend.numpy(memory), weights)

    def test_oracle_rounds_once(self, dtype, rng):
        x, weights = self.example(rng, (7, 33), dtype), rng.uniform(-1, 1, (33, 5)).astype(dtype)
        exact = self.oracle(x.astype(np.float64), weights.astype(np.float64))
        np.testing.assert_array_equal(self.oracle(x, weights), exact.astype(dtype))

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        weights = self._filterbank(x, case.parameters, np.float64)
        got = self.oracle(x, weights, **case.parameters)
        assert_oracle_close(got, self.precise(wide(x), weights, **case.parameters))

    @pytest.mark.parametrize("mixed", [("f4", "f8"), ("f8", "f4"), ("f2", "f8"), ("f4", "f2")])
    def test_dtype_is_that_of_x(self, backend, mixed, rng):
        x = rng.uniform(0, 1, (7, 33)).astype(mixed[0])
        weights = rng.uniform(0, 1, (33, 5)).astype(mixed[1])
        got = backend.numpy(self.public(backend.array(x), backend.array(weights)))
        assert got.dtype == x.dtype
        tolerance = 8 * eps_of(x.dtype) * 33
        assert_close(got, x.astype("f8") @ weights.astype("f8"), tolerance)

    def test_identity_and_no_bands(self, backend, rng):
        x = rng.uniform(0, 1, (7, 33)).astype(np.float32)
        got = backend.numpy(self.public(backend.array(x), backend.array(np.eye(33))))
        np.testing.assert_array_equal(got, x)
        empty = backend.numpy(self.public(backend.array(x), backend.array(np.ones((33, 0)))))
        assert empty.shape == (7, 0)

    def test_nan_stays_in_its_frame(self, backend, rng):
        x = rng.uniform(0, 1, (2, 7, 33)).astype(np.float32)
        x[1, 3, 5], x[0, 2, 6] = np.nan, np.inf
        got = backend.numpy(self.public(backend.array(x), backend.array(np.ones((33, 4)))))
        assert np.isnan(got[1, 3]).all()
        assert (got[0, 2] == np.inf).all()
        assert np.isfinite(np.delete(got.reshape(14, 4), [2, 10], 0)).all()

    @pytest.mark.parametrize("sparse", [True, False])
    def test_what_is_not_finite_reaches_every_band(self, backend, dtype, sparse, rng):
        # Zero times NaN or infinity is NaN, also where a kernel has no need to multiply by zero.
        x = rng.uniform(0, 1, (40, 257)).astype(dtype)
        x[3, 0], x[5, 100], x[7, 0], x[39, 256] = np.nan, np.inf, -np.inf, np.nan
        if sparse:
            weights = kr.filterbank_mel(16000, 257, 20, f_min=300.0, f_max=7000.0)
        else:
            weights = rng.uniform(-1, 1, (257, 20)).astype(np.float32)
        got = backend.numpy(self.public(backend.array(x), backend.array(weights)))
        with np.errstate(invalid="ignore"):
            expected = self.oracle(x, weights)
        finite = np.isfinite(expected)
        assert finite.all(axis=1).sum() == 36
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        assert np.isfinite(got[finite]).all()

    @pytest.mark.parametrize(
        ("x", "filterbank", "kind", "match"),
        [
            (np.ones((7, 33)), np.ones((32, 5)), ValueError, "as many rows as .* 33, got .*32, 5"),
            (np.ones((7, 33)), np.ones(33), ValueError, r"filterbank must have shape .*\(33,\)"),
            (
                np.ones((7, 33)),
                np.ones((33, 5), int),
                TypeError,
                "filterbank must have dtype .*int",
            ),
            (np.ones((7, 33), int), np.ones((33, 5)), TypeError, "x must have dtype .* got int"),
            (np.ones((7, 33)), "mel", TypeError, r"filterbank must be a numpy.* str"),
            (np.ones(33), np.ones((33, 5)), ValueError, r"x must have shape .* got shape \(33,\)"),
        ],
    )
    def test_rules(self, x, filterbank, kind, match):
        with pytest.raises(kind, match=match):
            kr.apply_filterbank(x, filterbank)

    def test_bad_format(self):
        with pytest.raises(ValueError, match=r"data_format must be one of .* got 'first'"):
            kr.apply_filterbank(np.ones((7, 33)), np.ones((33, 5)), "first")


class TestBandsOfLongFrames:
    """Long frames are summed two at a time, not transposed. Here all frames count as long."""

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch):
        monkeypatch.setattr(filterbanks, "_TURNED_BYTES", 0)
        yield
        kr.set_num_threads(None)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("n_bands", [1, 7, 8, 40, 45, 128])
    @pytest.mark.parametrize("n_frames", [17, 18, 33])
    def test_numbers_of_bands_and_frames(self, dtype, n_bands, n_frames, rng):
        x = rng.uniform(0, 1, (n_frames, 1033)).astype(dtype)
        weights = np.zeros((1033, n_bands), np.float32)
        # Bands have one bin or many, also at both ends, and one band is empty.
        for band in range(n_bands):
            first = band * 1033 // n_bands
            weights[first : first + 1 + 20 * (band % 7), band] = rng.uniform(-1, 1)
        weights[-1, n_bands - 1] = 1
        weights[:, n_bands // 2] = 0
        got = kr.apply_filterbank(x, weights)
        precise = wide(x) @ wide(weights)
        # Up to 121 terms below 1 allow four eps of the largest sums; float16 rounds one eps off.
        assert_close(got, precise, 256 * eps_of(dtype))

    def test_what_is_not_finite_and_threads(self, rng):
        x = rng.uniform(0, 1, (2_001, 1025)).astype(np.float32)
        weights = kr.filterbank_mel(22050, 1025, 125)
        expected = kr.apply_filterbank(x, weights).view(np.uint32)
        x[5, 0], x[8, 1024], x[2_000, 0] = np.nan, np.inf, -np.inf
        for n_threads in (1, 2, 3, 7):
            kr.set_num_threads(n_threads)
            got = kr.apply_filterbank(x, weights)
            # No band is where these are, and 0 times them is NaN; frames beside keep their bits.
            assert np.isnan(got[[5, 8, 2_000]]).all()
            others = np.delete(np.arange(2_001), [5, 8, 2_000])
            np.testing.assert_array_equal(got.view(np.uint32)[others], expected[others])
