"""inverse_stft, and the pair that gives a signal back."""

import numpy as np
import plain_formulas
import pytest
import scipy.fft
import scipy.signal
from closeness import assert_close, assert_oracle_close, eps_of
from operation import FIRST, LAST, TakesOut, as_caller, case, channels_first, wide
from stft_cases import KBD, SIZES, filled_in, formats_of

import kapre_ref as kr


class TestInverseStft(TakesOut):
    public = staticmethod(kr.inverse_stft)
    oracle = staticmethod(kr.inverse_stft_reference)
    dtypes = ("complex64", "complex128")
    # On purpose, the Hann window of complex64 is coarser than that of complex128.
    usual = case(
        2, 9, 17, 3, n_fft=32, win_length=24, hop_length=7, forward_window_name="hamming_window"
    )
    cases = (
        *(case(2, 7, n_fft // 2 + 1, n_fft=n_fft) for n_fft in SIZES),
        case(9, 33, n_fft=64),
        case(2, 9, 33, 2, n_fft=64),
        case(2, 9, 33, 2, n_fft=64, output_data_format=FIRST),
        case(2, 3, 9, 33, n_fft=64, input_data_format=FIRST),
        case(2, 3, 9, 33, n_fft=64, input_data_format=FIRST, output_data_format=FIRST),
        case(2, 3, 1025),
        case(2, 9, 33, n_fft=64, win_length=48, hop_length=16),
        case(2, 9, 25, n_fft=48, win_length=64, hop_length=16),
        case(2, 9, 33, n_fft=64, hop_length=24),
        case(2, 9, 33, n_fft=64, hop_length=1),
        case(2, 9, 33, n_fft=64, hop_length=64, forward_window_name="hamming_window"),
        case(2, 9, 33, n_fft=64, hop_length=80, forward_window_name="hamming_window"),
        case(2, 0, 33, n_fft=64),
        case(2, 1, 33, n_fft=64),
        case(0, 9, 33, n_fft=64),
        case(2, 9, 33, 0, n_fft=64),
        *(
            case(2, 9, 33, n_fft=64, forward_window_name=name)
            for name in ("hamming_window", "kaiser_window", KBD, "vorbis_window")
        ),
        case(3, 500, 257, n_fft=512),  # large enough for several threads
        case(1, 500, 201, 2, n_fft=400, hop_length=160),
    )

    def example(self, rng, shape, dtype):
        # Even the bins at 0 Hz and half the sample rate have imaginary parts, which mean nothing.
        return (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)

    def _given(self, parameters):
        given = dict(parameters)
        name = given.pop("forward_window_name", None)
        given = filled_in(window_name=name, **given)
        return {key: given[key] for key in ("n_fft", "win_length", "hop_length", "window_name")}

    def precise(self, x, **parameters):
        given, formats = self._given(parameters), formats_of(parameters)
        n_fft, win_length, hop_length = (given[k] for k in ("n_fft", "win_length", "hop_length"))
        spectra = channels_first(x, formats[0], 2)
        window = kr.get_window_fn(given["window_name"])(win_length, dtype=np.float64)
        window = window.astype(x.real.dtype)
        frames = scipy.fft.irfft(spectra, n_fft) * np.ones(1, x.real.dtype)
        frames = np.pad(frames, [(0, 0)] * 3 + [(0, max(0, win_length - n_fft))])
        n_samples = max(0, (spectra.shape[2] - 1) * hop_length + win_length)
        signals = np.zeros((*spectra.shape[:2], n_samples), x.real.dtype)
        # Squares of windows are added on all sides, as if there were infinitely many frames.
        squares = np.zeros(3 * win_length, x.real.dtype)
        for start in range(win_length % hop_length, 2 * win_length + 1, hop_length):
            squares[start : start + win_length] += window**2
        squares = squares[win_length : 2 * win_length]
        inverse = np.divide(window, squares, out=np.zeros_like(window), where=squares > 0)
        for index in range(frames.shape[2]):
            place = slice(index * hop_length, index * hop_length + win_length)
            signals[:, :, place] += frames[:, :, index, :win_length] * inverse
        return as_caller(signals, x.ndim - 2, formats[1])

    def plain(self, x, **parameters):
        formats = formats_of(parameters)
        spectra = channels_first(x, formats[0], 2)
        signals = plain_formulas.inverse_stft(spectra, **self._given(parameters))
        return as_caller(signals, x.ndim - 2, formats[1])

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.complex128)
        expected = self.precise(wide(x), **case.parameters)
        assert_oracle_close(self.oracle(x, **case.parameters), expected)

    def test_every_size(self, backend, dtype, rng):
        large = (2187, 3001, 4093, 4096, 6561, 8191, 10_007, 30_030, 65_536)
        large += (16_807, 20_000, 27_000, 32_768)  # radices 7, mixed, 3 and 2
        for n_fft in (*range(1, 257), *large):
            x = self.example(rng, (2, n_fft // 2 + 1), dtype)
            parameters = {"n_fft": n_fft, "hop_length": max(1, n_fft // 3)}
            self.assert_kernel_close(self.run(backend, x, parameters), x, parameters)

    @pytest.mark.parametrize(("n_fft", "hop_length"), [(64, 16), (100, 25), (400, 100)])
    def test_oracle_against_scipy(self, n_fft, hop_length, rng):
        # SciPy divides by the sum of the windows that overlap at a sample, so edges differ.
        x = rng.standard_normal(12 * n_fft)
        window = scipy.signal.windows.hamming(n_fft, sym=False)
        options = {"n_fft": n_fft, "hop_length": hop_length}
        spectra = kr.stft_reference(x, **options, window_name="hamming_window")
        got = self.oracle(spectra, **options, forward_window_name="hamming_window")
        _, expected = scipy.signal.istft(
            spectra.T / window.sum(),
            window=window,
            nperseg=n_fft,
            noverlap=n_fft - hop_length,
            boundary=False,
        )
        inside = slice(n_fft, 11 * n_fft)
        assert_oracle_close(got[inside], expected[inside])

    def test_window_is_kapres_where_frames_do_not_overlap(self, backend):
        # Recorded: InverseSTFT of Kapre 0.4.1 with TensorFlow 2.20 on frames of ones, n_fft and
        # hop_length 1024. They are divided by the window, of which float32 keeps few digits.
        frames = np.zeros((1, 3, 513), np.complex64)
        frames[..., 0] = 1024
        options = {"n_fft": 1024, "hop_length": 1024, "forward_window_name": "vorbis_window"}
        got = backend.numpy(kr.inverse_stft(backend.array(frames), **options))[0]
        kapre = [5521.607421875, 10822.2158203125, 30061.794921875, 270574.96875]
        np.testing.assert_allclose(got[1020:1024], kapre, rtol=5e-6)
        exact = kr.inverse_stft(backend.array(frames.astype(np.complex128)), **options)
        assert backend.numpy(exact)[0, 1023] == pytest.approx(270545.69196582, rel=1e-11)

    def test_gaps_are_zero(self, backend, rng):
        x = self.example(rng, (4, 33), np.complex64)
        got = self.run(backend, x, {"n_fft": 64, "hop_length": 80})
        starts = 80 * np.arange(3)[:, None]
        assert not got[starts + np.arange(64, 80)].any()
        assert not got[80 * np.arange(4)].any()  # The Hann window and its inverse are 0 there.

    def test_nan_stays_in_its_frame(self, backend, rng):
        x = self.example(rng, (2, 9, 33), np.complex64)
        clean = self.run(backend, x, {"n_fft": 64})
        x[1, 4] = np.nan
        got = self.run(backend, x, {"n_fft": 64})
        np.testing.assert_array_equal(np.isnan(got[1]).nonzero()[0], np.arange(64, 128))
        np.testing.assert_array_equal(got[~np.isnan(got)], clean[~np.isnan(got)])

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            (
                {"n_fft": 62},
                ValueError,
                r"stfts must have n_fft // 2 \+ 1 = 32 .* n_fft=62, got 33",
            ),
            ({"n_fft": 0}, ValueError, "n_fft must be an integer at least 1, got 0"),
            ({"hop_length": 0}, ValueError, "hop_length must be an integer at least 1, got 0"),
            (
                {"win_length": 47, "forward_window_name": KBD},
                ValueError,
                "win_length must be even .* got 47",
            ),
            ({"forward_window_name": "han"}, NotImplementedError, "must be one of .* got 'han'"),
            ({"input_data_format": "x"}, ValueError, "input_data_format must be one of .*'x'"),
            ({"output_data_format": "x"}, ValueError, "output_data_format must be one of .*'x'"),
            (
                {"stfts": np.ones((4, 33))},
                TypeError,
                "stfts must have dtype complex64 or complex128",
            ),
            (
                {"stfts": np.ones(33, complex)},
                ValueError,
                r"stfts must have shape .* got shape \(33",
            ),
            (
                {"stfts": None},
                TypeError,
                r"stfts must be a numpy\.ndarray .* got None",
            ),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.inverse_stft(**{"stfts": np.ones((4, 33), complex), "n_fft": 64, **arguments})


class TestPerfectReconstruction:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize(
        ("n_fft", "hop_length"),
        [
            (64, 16),
            (64, 32),
            (64, 24),
            (63, 20),
            (2, 1),
            (3, 1),
            (97, 13),
            (512, None),
            (2000, 500),
        ],
    )
    @pytest.mark.parametrize("n_samples", [1, 64, 500])
    def test_signal_comes_back(self, backend, dtype, n_fft, hop_length, n_samples, rng):
        forward, inverse = kr.perfectly_reconstructing_stft_istft(n_fft, hop_length)
        x = rng.uniform(-1, 1, (2, n_samples, 2)).astype(dtype)
        got = backend.numpy(inverse(forward(backend.array(x))))
        start = n_fft - (hop_length or n_fft // 4)
        assert got.dtype == np.result_type(dtype, np.float32)
        assert got.shape[1] >= start + n_samples
        # Every sample is a sum over the frames that cover it, each transformed there and back.
        assert_close(got[:, start : start + n_samples], x, 16 * eps_of(got.dtype))
        assert_close(got[:, :start], np.zeros((2, start, 2)), 16 * eps_of(got.dtype))

    @pytest.mark.parametrize("waveform", [FIRST, LAST])
    @pytest.mark.parametrize("spectra", [FIRST, LAST])
    def test_formats(self, backend, waveform, spectra, rng):
        forward, inverse = kr.perfectly_reconstructing_stft_istft(64, 16, waveform, spectra)
        x = rng.uniform(-1, 1, (2, 3, 500) if waveform == FIRST else (2, 500, 3))
        middle = forward(backend.array(x))
        assert middle.shape == ((2, 3, 35, 33) if spectra == FIRST else (2, 35, 33, 3))
        got = backend.numpy(inverse(middle))
        assert got.shape == ((2, 3, 608) if waveform == FIRST else (2, 608, 3))
        time = 2 if waveform == FIRST else 1
        assert_close(got.take(range(48, 548), axis=time), x, 16 * eps_of(np.float64))

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ((64, 64), ValueError, "hop_length must leave no sample outside .* n_fft=64, got 64"),
            ((64, 65), ValueError, "hop_length must be at most n_fft=64"),
            ((0,), ValueError, "n_fft must be an integer at least 1, got 0"),
            ((64, 16, "x"), ValueError, "waveform_data_format must be one of .*'x'"),
            ((64, 16, LAST, "x"), ValueError, "stft_data_format must be one of .*'x'"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.perfectly_reconstructing_stft_istft(*arguments)

    def test_one_sample_at_a_time(self, backend):
        forward, inverse = kr.perfectly_reconstructing_stft_istft(1)
        x = backend.array(np.arange(5.0))
        np.testing.assert_array_equal(backend.numpy(inverse(forward(x))), np.arange(5.0))
