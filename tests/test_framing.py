"""frame and energy."""

import numpy as np
import plain_formulas
import pytest
from closeness import assert_close, eps_of
from operation import FIRST, LAST, TakesOut, as_caller, case, frames_of, wide

import kapre_ref as kr
from kapre_ref._framing import count_frames

LAYOUTS = (
    case(50, frame_length=8, hop_length=3),
    case(3, 50, frame_length=8, hop_length=3),
    case(2, 50, 3, frame_length=8, hop_length=3),
    case(2, 3, 50, frame_length=8, hop_length=3, data_format=FIRST),
)
LENGTHS = (
    case(2, 0, frame_length=8, hop_length=4),
    case(2, 7, frame_length=8, hop_length=4),
    case(2, 8, frame_length=8, hop_length=4),
    case(0, 50, 1, frame_length=8, hop_length=4),
    case(2, 50, 0, frame_length=8, hop_length=4),
    case(2, 32, frame_length=8, hop_length=8),
    case(2, 9, frame_length=1, hop_length=1),
    case(2, 7, frame_length=8, hop_length=4, pad_end=True, pad_value=-1.5),
    case(2, 0, frame_length=8, hop_length=4, pad_end=True, pad_value=-1.5),
    case(2, 33, frame_length=8, hop_length=5, pad_end=True, pad_value=2),
    case(2, 3, 33, frame_length=17, hop_length=5, pad_end=True, data_format=FIRST),
    case(2, 33, 3, frame_length=40, hop_length=40, pad_end=True, pad_value=0.25),
    case(2, 70_000, 2, frame_length=400, hop_length=160),  # large enough for several threads
)


class TestFrame(TakesOut):
    public = staticmethod(kr.frame)
    oracle = staticmethod(kr.frame_reference)
    cases = LAYOUTS + LENGTHS
    usual = case(2, 30, 3, frame_length=8, hop_length=5, pad_end=True, pad_value=0.5)

    def assert_kernel_close(self, got, x, parameters):
        """Require copies of the samples, exactly."""
        data_format = parameters.get("data_format", "default")
        expected = as_caller(frames_of(x, **parameters), x.ndim - 1, data_format)
        assert got.dtype == x.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, expected)

    def test_oracle_against_all_frames(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        self.assert_kernel_close(self.oracle(x, **case.parameters), x, case.parameters)

    def test_special_values_are_copied(self, backend):
        x = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3e38], np.float32)
        got = self.run(backend, x, {"frame_length": 3, "hop_length": 3})
        assert got.tobytes() == x.tobytes()

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"frame_length": 0}, ValueError, "frame_length must be an integer at least 1, got 0"),
            ({"hop_length": 0}, ValueError, "hop_length must be an integer at least 1, got 0"),
            ({"hop_length": 9}, ValueError, "hop_length must be at most frame_length=8, got 9"),
            ({"hop_length": 2.5}, ValueError, r"hop_length must be an integer, got 2\.5"),
            ({"frame_length": "8"}, TypeError, "frame_length must be an integer, got '8'"),
            ({"pad_end": 1}, TypeError, "pad_end must be True or False, got 1"),
            (
                {"pad_end": True, "pad_value": np.nan},
                ValueError,
                "pad_value must be a finite .*, got nan",
            ),
            (
                {"pad_end": True, "pad_value": None},
                TypeError,
                "pad_value must be a number, got None",
            ),
            ({"data_format": "last"}, ValueError, "data_format must be one of .* got 'last'"),
            ({"data_format": None}, TypeError, "data_format must be a string, got None"),
            ({"x": np.ones((2, 3, 4, 5))}, ValueError, r"x must have shape .* got shape \(2, 3, 4"),
            ({"x": np.ones((), np.float32)}, ValueError, r"x must have shape .* got shape \(\)"),
            ({"x": np.ones(9, np.int16)}, TypeError, "got int16; scale it .* x / 32768"),
            ({"x": [1.0] * 9}, TypeError, r"x must be a numpy\.ndarray .* got list"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.frame(**{"x": np.ones(9), "frame_length": 8, "hop_length": 4, **arguments})


class TestCountFrames:
    @pytest.mark.parametrize("frame_length", [1, 2, 7, 8])
    @pytest.mark.parametrize("hop_length", [1, 3, 8, 11])
    @pytest.mark.parametrize("pad_end", [False, True])
    def test_by_counting(self, frame_length, hop_length, pad_end):
        for n_samples in range(40):
            starts = range(0, n_samples, hop_length)
            fitting = [start for start in starts if start + frame_length <= n_samples]
            expected = len(starts) if pad_end else len(fitting)
            assert count_frames(n_samples, frame_length, hop_length, pad_end) == expected


class TestEnergy(TakesOut):
    public = staticmethod(kr.energy)
    oracle = staticmethod(kr.energy_reference)
    cases = (
        *LAYOUTS,
        *LENGTHS,
        case(9000),
        case(2, 50, frame_length=10, hop_length=20),
        case(2, 50, frame_length=10, hop_length=20, pad_end=True, pad_value=1),
        case(50, frame_length=8, hop_length=3, sample_rate=1000, ref_duration=2.5),
    )
    usual = case(2, 30, 3, frame_length=8, hop_length=5, pad_end=True, pad_value=0.5)

    def precise(self, x, sample_rate=22050, ref_duration=0.1, **framing):
        framing = {"frame_length": 2205, "hop_length": 1102, **framing}
        scale = x.dtype.type(ref_duration) / framing["frame_length"] * x.dtype.type(sample_rate)
        energies = np.sum(frames_of(x, **framing) ** 2, axis=3) * scale
        data_format = framing.get("data_format", "default")
        return as_caller(energies, x.ndim - 1, data_format)

    def plain(self, x, **parameters):
        return self.precise(plain_formulas.working(x), **parameters).astype(x.dtype)

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        expected = self.precise(wide(x), **case.parameters)
        # Up to 2205 squares are added, none of them negative, in pairs of pairs.
        assert_close(
            self.oracle(x, **case.parameters),
            expected,
            16 * eps_of("f8") * (expected.max(initial=0)),
        )

    def test_closed_form(self, backend):
        x = np.ones(16, np.float32)
        got = self.run(backend, x, {"sample_rate": 1000, "frame_length": 16, "hop_length": 8})
        np.testing.assert_array_equal(got, np.float32([100]))

    def test_parseval(self, backend, rng):
        x = rng.standard_normal(64 * 5)
        spectra = np.fft.fft(x.reshape(5, 64), axis=1)
        expected = np.sum(np.abs(spectra) ** 2, axis=1) / 64
        framing = {"frame_length": 64, "hop_length": 64, "sample_rate": 640, "ref_duration": 0.1}
        assert_close(self.run(backend, x, framing), expected, 1e-13 * expected.max())

    def test_what_bites(self, backend):
        x = np.array([[np.nan, 1], [np.inf, 1], [-np.inf, 0], [1e30, 0], [0, 0]], np.float32)
        framing = {"frame_length": 2, "hop_length": 2, "sample_rate": 2, "ref_duration": 1}
        with np.errstate(over="ignore"):  # NumPy may or may not warn of 1e30 squared
            got = self.run(backend, x, framing)
        np.testing.assert_array_equal(got[:, 0], [np.nan, np.inf, np.inf, np.inf, 0])

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"sample_rate": 0}, ValueError, "sample_rate must be positive, got 0"),
            ({"ref_duration": -0.1}, ValueError, r"ref_duration must be positive, got -0\.1"),
            ({"frame_length": 0}, ValueError, "frame_length must be an integer at least 1, got 0"),
            ({"hop_length": -1}, ValueError, "hop_length must be an integer at least 1, got -1"),
            ({"pad_end": None}, TypeError, "pad_end must be True or False, got None"),
            ({"data_format": "bad"}, ValueError, "data_format must be one of .* got 'bad'"),
            ({"x": np.ones(9, np.uint8)}, TypeError, "x must have dtype .* got uint8"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.energy(**{"x": np.ones(9), **arguments})


def test_formats_are_transposes(backend, rng):
    x = rng.standard_normal((2, 3, 60)).astype(np.float32)
    last = backend.array(np.ascontiguousarray(np.moveaxis(x, 1, 2)))
    for operation in (kr.frame, kr.energy):
        first = operation(backend.array(x), frame_length=8, hop_length=4, data_format=FIRST)
        got = operation(last, frame_length=8, hop_length=4, data_format=LAST)
        expected = np.moveaxis(backend.numpy(first), 1, -1)
        # A sum may be taken in another order.
        assert_close(backend.numpy(got), expected, 4 * eps_of(np.float32) * expected.max())
