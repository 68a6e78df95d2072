"""delta."""

import sys

import numpy as np
import plain_formulas
import pytest
import scipy.signal
from closeness import assert_close, assert_oracle_close, eps_of
from operation import FIRST, TakesOut, as_caller, case, channels_first, wide

import kapre_ref as kr
from kapre_ref.kernels import cpu

MODES = ("symmetric", "reflect", "constant")


class TestDelta(TakesOut):
    public = staticmethod(kr.delta)
    oracle = staticmethod(kr.delta_reference)
    usual = case(2, 9, 5, 3)
    cases = (
        case(9, 5),
        case(2, 9, 5),
        case(2, 9, 5, 3),
        case(2, 3, 9, 5, data_format=FIRST),
        *(case(2, 9, 5, win_length=n, mode=mode) for n in (3, 5, 9, 17) for mode in MODES),
        case(2, 9, 5, mode="SYMMETRIC"),
        case(2, 2, 5),
        case(2, 3, 5, mode="reflect"),
        case(2, 1, 5, mode="constant"),
        case(2, 1, 5, win_length=3),
        case(2, 0, 5),
        case(2, 0, 5, mode="reflect"),
        case(2, 0, 5, mode="constant"),
        case(0, 9, 5),
        case(2, 9, 0),
        case(2, 9, 5, 0),
        case(2, 400, 128, 2),  # large enough for several threads
    )

    def precise(self, x, win_length=5, mode="symmetric", data_format="default"):
        spectra, half = channels_first(x, data_format, 2), win_length // 2
        if not spectra.shape[2]:
            return x
        margins = [(0, 0), (0, 0), (half, half), (0, 0)]
        padded = np.pad(spectra, margins, mode.lower())
        # The slope of the line that fits each window best.
        time = np.arange(-half, half + 1).astype(x.dtype)
        windows = np.lib.stride_tricks.sliding_window_view(padded, win_length, axis=2)
        slopes = windows @ time / (time @ time)
        return as_caller(slopes, x.ndim - 2, data_format)

    def plain(self, x, win_length=5, mode="symmetric", data_format="default"):
        spectra = channels_first(x, data_format, 2)
        if not spectra.shape[2]:
            return x
        slopes = plain_formulas.delta(spectra, win_length, mode.lower())
        return as_caller(slopes, x.ndim - 2, data_format)

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        got = self.oracle(x, **case.parameters)
        assert_oracle_close(got, self.precise(wide(x), **case.parameters))

    @pytest.mark.parametrize("win_length", [3, 5, 9])
    def test_oracle_against_savgol(self, win_length, rng):
        x = rng.standard_normal((30, 4))
        got = self.oracle(x, win_length)
        expected = scipy.signal.savgol_filter(x, win_length, 1, deriv=1, axis=0, mode="mirror")
        inside = slice(win_length // 2, -(win_length // 2))
        assert_close(got[inside], expected[inside], 1e-13)
        mirrored = self.oracle(x, win_length, "reflect")
        assert_close(mirrored, expected, 1e-13)

    @pytest.mark.parametrize("mode", MODES)
    def test_line(self, backend, mode):
        x = 3.5 * np.arange(20.0)[:, None] - 7
        got = self.run(backend, x, {"mode": mode})
        assert_close(got[2:-2], np.full((16, 1), 3.5), 1e-13)

    @pytest.mark.parametrize("mode", ["symmetric", "reflect"])
    def test_constant_has_no_slope(self, backend, mode):
        x = np.full((2, 9, 3), 1234.5, np.float32)
        np.testing.assert_array_equal(self.run(backend, x, {"mode": mode}), np.zeros((2, 9, 3)))

    def test_edges_by_hand(self, backend):
        x = np.array([[1.0], [2.0], [4.0]])
        edges = {
            mode: self.run(backend, x, {"win_length": 3, "mode": mode})[0, 0] for mode in MODES
        }
        # The frame before the first one is 1, 2 or 0; the slope is half of 2 less that frame.
        assert edges == {"symmetric": 0.5, "reflect": 0.0, "constant": 1.0}

    def test_nan_reaches_as_far_as_the_window(self, backend, rng):
        x = rng.standard_normal((12, 3))
        x[6, 1], x[3, 2] = np.nan, np.inf
        with np.errstate(invalid="ignore"):
            got = self.run(backend, x, {})
        # Zero times NaN and zero times infinity are NaN, as in the sum of the formula.
        np.testing.assert_array_equal(np.isnan(got[:, 1]).nonzero()[0], [4, 5, 6, 7, 8])
        assert np.isfinite(got[:, 0]).all()
        np.testing.assert_array_equal(got[1:6, 2], [np.inf, np.inf, np.nan, -np.inf, -np.inf])

    @pytest.mark.parametrize("library", ["kernel", "oracle"])
    @pytest.mark.parametrize("n_frames", [1, 2, 7, 40])
    def test_window_far_longer_than_the_signal(self, backend, library, n_frames, rng):
        x = rng.standard_normal((n_frames, 3))
        win_length = 1_000_000_001
        parameters = {"win_length": win_length, "mode": "constant"}
        got = (
            self.run(backend, x, parameters)
            if library == "kernel"
            else self.oracle(x, **parameters)
        )
        t, half = np.arange(n_frames), win_length // 2
        expected = (t - t[:, None]) @ x * 3 / (half * (half + 1.0) * win_length)
        assert_close(got, expected, 1e-13 * np.abs(expected).max())

    @pytest.mark.parametrize("win_length", [3, 5, 7, 31, 63])
    @pytest.mark.parametrize("mode", MODES)
    def test_long_stretches_and_windows(self, backend, win_length, mode, dtype, rng):
        # More numbers than are added up at a time, between edges where neighbours are mirrored.
        x = self.example(rng, (2, 70, 37), dtype)
        parameters = {"win_length": win_length, "mode": mode}
        self.assert_kernel_close(self.run(backend, x, parameters), x, parameters)

    def test_channels_do_not_mix(self, backend, rng):
        x = rng.standard_normal((2, 9, 5, 3)).astype(np.float32)
        got = self.run(backend, x, {})
        for channel in range(3):
            alone = self.run(backend, np.ascontiguousarray(x[..., channel]), {})
            assert_close(got[..., channel], alone, 2 * eps_of(np.float32))

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"win_length": 4}, ValueError, "win_length must be an odd number, got 4"),
            ({"win_length": 1}, ValueError, "win_length must be an integer at least 3, got 1"),
            ({"win_length": -5}, ValueError, "win_length must be an integer at least 3, got -5"),
            ({"win_length": 5.5}, ValueError, r"win_length must be an integer, got 5\.5"),
            ({"win_length": None}, TypeError, "win_length must be an integer, got None"),
            ({"mode": "edge"}, ValueError, "mode must be one of 'symmetric', .* got 'edge'"),
            ({"mode": None}, TypeError, "mode must be a string, got None"),
            ({"win_length": 11}, ValueError, "at least 5 frames for mode='symmetric' .*=11, got 4"),
            (
                {"win_length": 9, "mode": "reflect"},
                ValueError,
                "x must have at least 5 frames for mode='reflect' and win_length=9, got 4",
            ),
            ({"data_format": "x"}, ValueError, "data_format must be one of .* got 'x'"),
            ({"x": np.ones((4, 3), int)}, TypeError, "x must have dtype .* got int64"),
            ({"x": np.ones(4)}, ValueError, r"x must have shape .* got shape \(4,\)"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.delta(**{"x": np.ones((4, 3)), **arguments})


@pytest.fixture(params=["in the caches", "past the caches"])
def streamed(request, monkeypatch):
    """Let small results be written past the caches, as large ones are."""
    threshold = 0 if request.param == "past the caches" else 1 << 62
    monkeypatch.setattr(sys.modules[cpu.delta.__module__], "_STREAMED_BYTES", threshold)


@pytest.mark.usefixtures("streamed")
class TestSlopesInMemory:
    @pytest.fixture(autouse=True)
    def default_threads(self):
        yield
        kr.set_num_threads(None)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("win_length", [3, 5, 7, 9, 11, 31])
    @pytest.mark.parametrize("shape", [(2, 33, 16), (3, 40, 23), (1, 32, 33), (2, 31, 64)])
    def test_every_number_of_terms(self, dtype, win_length, shape, rng):
        x = rng.standard_normal(shape).astype(dtype)
        expected = kr.delta_reference(x, win_length)
        # A sum of at most 15 terms of a few units each; its error is less than float16's rounding.
        assert_close(kr.delta(x, win_length), expected, 16 * eps_of(dtype))

    @pytest.mark.parametrize("start", range(0, 20, 3))
    @pytest.mark.parametrize("width", [1, 16, 21])
    def test_writes_its_own_place_only(self, start, width, rng):
        # Frames begin at every place relative to a vector; memory around is not read or changed.
        size = 2 * 27 * width
        numbers, slopes = np.full((2, start + size + 40), np.nan, np.float32)
        inside = slice(start, start + size)
        numbers[inside] = rng.standard_normal(size)
        x, out = (flat[inside].reshape(2, 1, 27, width) for flat in (numbers, slopes))
        cpu.delta(x, 5, "reflect", out)
        assert_close(out, kr.delta_reference(x, 5, "reflect", "channels_first"), 8 * eps_of("f4"))
        assert np.isnan(np.delete(slopes, np.arange(start, start + size))).all()

    @pytest.mark.parametrize("win_length", [5, 21])
    def test_bits_do_not_depend_on_threads(self, win_length, rng):
        x = rng.standard_normal((3, 1001, 307)).astype(np.float32)
        results = []
        for n_threads in (1, 2, 3, 7):
            kr.set_num_threads(n_threads)
            results.append(kr.delta(x, win_length).view(np.uint32))
        for other in results[1:]:
            np.testing.assert_array_equal(other, results[0])


def test_bits_do_not_depend_on_the_way(rng, monkeypatch):
    x = rng.standard_normal((2, 101, 37)).astype(np.float32)
    expected = kr.delta(x).view(np.uint32)
    monkeypatch.setattr(sys.modules[cpu.delta.__module__], "_STREAMED_BYTES", 0)
    np.testing.assert_array_equal(kr.delta(x).view(np.uint32), expected)
