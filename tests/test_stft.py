"""stft."""

import numpy as np
import plain_formulas
import pytest
import scipy.fft
import scipy.signal
from closeness import assert_close, assert_oracle_close, eps_of, peak_of
from operation import FIRST, TakesOut, as_caller, case, channels_first, wide
from stft_cases import KBD, SIZES, direct_sum, filled_in, formats_of, windowed_frames

import kapre_ref as kr


class TestStft(TakesOut):
    public = staticmethod(kr.stft)
    oracle = staticmethod(kr.stft_reference)
    usual = case(2, 150, 3, n_fft=32, win_length=24, hop_length=7, pad_begin=True, pad_end=True)
    cases = (
        *(case(2, 3 * n_fft + 40, n_fft=n_fft) for n_fft in SIZES),
        case(300, n_fft=64),
        case(2, 300, 2, n_fft=64, hop_length=16),
        case(2, 300, 2, n_fft=64, output_data_format=FIRST),
        case(2, 3, 300, n_fft=64, input_data_format=FIRST),
        case(2, 3, 300, n_fft=64, input_data_format=FIRST, output_data_format=FIRST),
        case(2, 2500),
        case(2, 300, n_fft=64, pad_begin=True),
        case(2, 300, n_fft=64, hop_length=13, pad_end=True),
        case(2, 5, n_fft=64, hop_length=13, pad_begin=True, pad_end=True),
        case(2, 300, n_fft=64, win_length=50, hop_length=13),
        case(2, 300, n_fft=64, win_length=1, hop_length=1),
        case(2, 300, n_fft=48, win_length=64, hop_length=16),
        case(2, 300, n_fft=64, hop_length=64),
        case(2, 300, n_fft=64, hop_length=80),
        case(2, 300, n_fft=64, win_length=20, hop_length=50, pad_begin=True),
        case(2, 40, n_fft=64),
        case(2, 0, n_fft=64),
        case(2, 0, n_fft=64, pad_begin=True, pad_end=True),
        case(0, 300, n_fft=64),
        case(2, 300, 0, n_fft=64),
        *(
            case(2, 300, n_fft=64, win_length=48, window_name=name)
            for name in ("hamming_window", "kaiser_window", KBD, "vorbis_window")
        ),
        case(70_000, n_fft=512),  # large enough for several threads
        case(1, 70_000, 3, n_fft=512, win_length=400, hop_length=160, pad_end=True),
        case(1, 3, 70_000, n_fft=400, hop_length=160, input_data_format=FIRST),
        case(40, 3000, n_fft=480, hop_length=240),
    )

    def precise(self, x, **parameters):
        given, formats = filled_in(**parameters), formats_of(parameters)
        frames = windowed_frames(channels_first(x, formats[0], 1), given)
        return as_caller(scipy.fft.rfft(frames, given["n_fft"]), x.ndim - 1, formats[1])

    def plain(self, x, **parameters):
        formats = formats_of(parameters)
        signals = channels_first(x, formats[0], 1)
        spectra = plain_formulas.stft(signals, **filled_in(**parameters))
        return as_caller(spectra, x.ndim - 1, formats[1])

    @pytest.mark.parametrize("n_fft", [1, 2, 3, 4, 16, 31, 64, 97, 100])
    @pytest.mark.parametrize(
        "others",
        [
            {},
            {"pad_begin": True, "pad_end": True},
            {"win_length": 22, "hop_length": 9, "pad_end": True},
            {"win_length": 66, "window_name": KBD},
        ],
        ids=str,
    )
    def test_oracle_against_direct_sum(self, n_fft, others, rng):
        x = self.example(rng, (2, 150), np.float64)
        frames = windowed_frames(wide(x)[:, None], filled_in(n_fft, **others))
        expected = direct_sum(frames, n_fft)[:, 0]
        assert_oracle_close(self.oracle(x, n_fft, **others), expected)
        # On some systems long double is no wider than float64.
        tolerance = max(1e-15, 16 * np.finfo(np.longdouble).eps) * peak_of(x)
        assert_close(self.precise(wide(x), n_fft=n_fft, **others), expected, tolerance)

    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_every_size(self, backend, precision, rng):
        large = (2187, 3001, 4093, 4096, 5003, 6561, 8191, 8192, 10_007, 30_030, 46_368, 65_536)
        large += (16_807, 20_000, 27_000, 32_768)  # radices 7, mixed, 3 and 2
        for n_fft in (*range(1, 257), *large):
            x = self.example(rng, (n_fft + 2,), precision)
            parameters = {"n_fft": n_fft, "hop_length": 1}
            self.assert_kernel_close(self.run(backend, x, parameters), x, parameters)

    @pytest.mark.parametrize("n_fft", [512, 1009, 1200, 2000, 2048])
    def test_oracle_against_long_double(self, n_fft, rng):
        x = self.example(rng, (2, 3, 5000), np.float64)
        both = {"n_fft": n_fft, "input_data_format": FIRST, "output_data_format": FIRST}
        assert_oracle_close(self.oracle(x, **both), self.precise(wide(x), **both))

    @pytest.mark.parametrize(("n_fft", "win_length", "hop_length"), [(64, 50, 13), (100, 100, 25)])
    def test_oracle_against_scipy(self, n_fft, win_length, hop_length, rng):
        x = self.example(rng, (2, 700), np.float64)
        window = scipy.signal.windows.hann(win_length, sym=False)
        _, _, expected = scipy.signal.stft(
            x,
            window=window,
            nperseg=win_length,
            noverlap=win_length - hop_length,
            nfft=n_fft,
            boundary=None,
            padded=False,
        )
        got = self.oracle(x, n_fft, win_length, hop_length)
        assert_oracle_close(got, np.moveaxis(expected, 1, 2) * window.sum())

    @pytest.mark.parametrize("n_fft", [16, 31, 400, 512, 1009])
    def test_parseval(self, backend, n_fft, rng):
        x = self.example(rng, (2, 4 * n_fft), np.float64)
        power = np.abs(self.run(backend, x, {"n_fft": n_fft})) ** 2
        middle = slice(1, None if n_fft % 2 else -1)  # bins that stand for two
        power[..., middle] *= 2
        frames = windowed_frames(x[:, None], filled_in(n_fft))[:, 0]
        expected = n_fft * np.sum(frames**2, axis=-1)
        assert_close(power.sum(axis=-1), expected, 1e-13 * expected.max())

    @pytest.mark.parametrize("n_fft", [64, 400, 1009])
    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_closed_forms(self, backend, n_fft, precision):
        n, k = np.arange(n_fft), n_fft // 5
        window = kr.hann_window(n_fft, dtype=np.float64)
        turn = 2 * np.pi * (n * k % n_fft) / n_fft
        x = np.stack([n == k, np.ones(n_fft), 2 * np.cos(turn)]).astype(precision)
        got = self.run(backend, x, {"n_fft": n_fft})[:, 0]
        bins = np.arange(n_fft // 2 + 1)
        impulse = window[k] * np.exp(-2j * np.pi * (k * bins % n_fft) / n_fft)
        tolerance = 16 * eps_of(precision)
        assert_close(got[0], impulse, tolerance)
        constant = np.fft.rfft(window)
        assert_close(got[1], constant, tolerance * n_fft)
        # A cosine moves the window's spectrum to its own bin.
        assert abs(got[2, k] - np.sum(window * 2 * np.cos(turn) * np.exp(-1j * turn))) <= (
            tolerance * n_fft
        )
        assert np.abs(got[2]).argmax() == k

    def test_silence_is_exactly_zero(self, backend, rng):
        x = self.example(rng, (2, 2048), np.float32)
        x[0, 700:1500] = 0
        x[1] = 0
        got = self.run(backend, x, {"n_fft": 256, "hop_length": 64})
        assert not got[1].any()
        assert not got[0, 11:20].any()  # frames from sample 704 to 1472
        assert got[0, [10, 21]].all()

    def test_quiet_items_and_channels_keep_their_precision(self, backend, rng):
        x = self.example(rng, (2, 2000, 2), np.float32)
        loudness = np.float32([[[1, 1e-8]], [[1e-16, 1e9]]])
        parameters = {"n_fft": 256, "output_data_format": FIRST}
        got = self.run(backend, x * loudness, parameters)
        for item in range(2):
            for channel in range(2):
                alone = (x * loudness)[item, :, channel]
                self.assert_kernel_close(got[item, channel], alone, {"n_fft": 256})

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_what_is_not_finite_stays_in_its_frames(self, backend, value, rng):
        x = self.example(rng, (3, 1000), np.float32)
        parameters = {"n_fft": 64, "hop_length": 16}
        clean = self.run(backend, x, parameters)
        x[1, 500] = value
        with np.errstate(invalid="ignore"):
            got = self.run(backend, x, parameters)
        touched = np.zeros(got.shape[:2], bool)
        touched[1, -(-(500 - 63) // 16) : 500 // 16 + 1] = True
        assert not np.isfinite(got[touched]).any()
        np.testing.assert_array_equal(got[~touched], clean[~touched])

    @pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e30])
    def test_faintest_and_loudest(self, backend, scale, rng):
        x = self.example(rng, (300,), np.float32) * np.float32(scale)
        got = self.run(backend, x, {"n_fft": 64})
        # Subnormals have an absolute precision: the smallest one.
        tolerance = 4 * eps_of("f4") * scale * 64 + 64 * np.finfo(np.float32).smallest_subnormal
        if backend.name == "gpu":  # there they are zero: CuPy compiles with -ftz=true
            tolerance += 64 * np.finfo(np.float32).tiny
        assert_close(got, self.oracle(x.astype(np.float64), 64), tolerance)

    @pytest.mark.parametrize("n_samples", [0, 1, 63, 64, 65, 79, 80, 81, 500])
    @pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
    def test_number_of_frames(self, backend, n_samples, flags):
        got = self.run(
            backend,
            np.zeros(n_samples, np.float32),
            {"n_fft": 64, "hop_length": 16, "pad_begin": flags[0], "pad_end": flags[1]},
        )
        starts = np.arange(0, n_samples + 48 * flags[0], 16)
        fitting = starts + 64 <= n_samples + 48 * flags[0]
        assert got.shape == (len(starts) if flags[1] else fitting.sum(), 33)

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"n_fft": 0}, ValueError, "n_fft must be an integer at least 1, got 0"),
            ({"n_fft": 64.0}, ValueError, r"n_fft must be an integer, got 64\.0"),
            ({"n_fft": None}, TypeError, "n_fft must be an integer, got None"),
            ({"win_length": 0}, ValueError, "win_length must be an integer at least 1, got 0"),
            ({"hop_length": 0}, ValueError, "hop_length must be an integer at least 1, got 0"),
            (
                {"hop_length": 65, "pad_begin": True},
                ValueError,
                "hop_length must be at most n_fft=64 with pad_begin, got 65",
            ),
            (
                {"win_length": 47, "window_name": KBD},
                ValueError,
                f"win_length must be even with {KBD}.*got 47; pass 46 or 48",
            ),
            ({"window_name": "han"}, NotImplementedError, "window_name must be one of .*'han'"),
            ({"window_name": 1}, TypeError, "window_name must be a string or None, got int: 1"),
            ({"pad_begin": 0}, TypeError, "pad_begin must be True or False, got 0"),
            ({"pad_end": "yes"}, TypeError, "pad_end must be True or False, got 'yes'"),
            ({"input_data_format": "x"}, ValueError, "input_data_format must be one of .*'x'"),
            ({"output_data_format": "x"}, ValueError, "output_data_format must be one of .*'x'"),
            ({"output_data_format": 3}, TypeError, "output_data_format must be a string, got 3"),
            ({"x": np.ones(99, np.int16)}, TypeError, "got int16; scale it .* x / 32768"),
            ({"x": np.ones(99, np.int32)}, TypeError, "got int32; scale it .* x / 2147483648"),
            ({"x": np.ones(99, complex)}, TypeError, "x must have dtype .* got complex128"),
            ({"x": [0.0] * 99}, TypeError, r"x must be a numpy\.ndarray .* list"),
            ({"x": np.ones((1, 2, 3, 4))}, ValueError, r"x must have shape .* \(1, 2, 3, 4\)"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.stft(**{"x": np.ones(99), "n_fft": 64, **arguments})

    @pytest.mark.parametrize(
        ("good", "bad"),
        [
            ({"n_fft": 64}, {"n_fft": 64.0}),
            ({"n_fft": 1}, {"n_fft": True}),
            ({"n_fft": 64, "pad_end": True}, {"n_fft": 64, "pad_end": 1}),
            ({"n_fft": 64, "hop_length": 1}, {"n_fft": 64, "hop_length": np.True_}),
        ],
        ids=str,
    )
    def test_rules_hold_for_values_that_are_equal(self, good, bad):
        # Checked parameters are remembered, and 64 == 64.0 and 1 == True must not be mixed up.
        kr.stft(np.ones(99), **good)
        with pytest.raises(
            (TypeError, ValueError), match=r"must be (an integer|True or False), got"
        ):
            kr.stft(np.ones(99), **bad)

    @pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
    def test_integers_of_numpy(self, backend, kind):
        x = np.arange(200.0)
        got = self.run(backend, x, {"n_fft": kind(64), "hop_length": kind(16)})
        np.testing.assert_array_equal(got, self.run(backend, x, {"n_fft": 64, "hop_length": 16}))
