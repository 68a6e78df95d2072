"""logmel_to_mfcc and mfcc."""

import numpy as np
import plain_formulas
import pytest
import scipy.fft
from closeness import assert_close, assert_oracle_close, eps_of, peak_of
from operation import FIRST, TakesOut, as_caller, case, channels_first, wide

import kapre_ref as kr


class TestLogmelToMfcc(TakesOut):
    public = staticmethod(kr.logmel_to_mfcc)
    oracle = staticmethod(kr.logmel_to_mfcc_reference)
    usual = case(2, 7, 20, 3, n_mfccs=13)
    cases = (
        case(7, 20),
        case(2, 7, 40),
        case(2, 7, 40, 3, n_mfccs=13),
        case(2, 3, 7, 40, n_mfccs=13, data_format=FIRST),
        case(2, 7, 1, n_mfccs=1),
        case(2, 7, 2, n_mfccs=2),
        case(2, 7, 97, n_mfccs=97),
        case(0, 7, 20),
        case(2, 0, 20),
        case(2, 7, 20, 0),
        case(3, 400, 128, n_mfccs=40),  # large enough for several threads
        case(2, 7, 20, norm="ortho"),
        case(2, 7, 20, 3, n_mfccs=13, dct_type=3, norm="ortho", lifter=22),
        case(2, 7, 21, dct_type=1, norm=None),
    )

    def example(self, rng, shape, dtype):
        return rng.uniform(-80, 20, shape).astype(dtype)

    def precise(self, x, n_mfccs=20, data_format="default", dct_type=2, norm="htk", lifter=0):
        log_mels = channels_first(x, data_format, 2)
        n_mels = log_mels.shape[3]
        mfccs = scipy.fft.dct(log_mels, dct_type, norm=None if norm == "htk" else norm)
        mfccs = mfccs[..., :n_mfccs]
        if norm == "htk":
            mfccs = mfccs / np.sqrt(x.dtype.type(2 * n_mels))
        if lifter:
            turns = np.pi * np.arange(1, n_mfccs + 1, dtype=x.dtype) / lifter
            mfccs = mfccs * (1 + lifter / 2 * np.sin(turns))
        return as_caller(mfccs, x.ndim - 2, data_format)

    def plain(self, x, n_mfccs=20, data_format="default", **transform):
        log_mels = channels_first(x, data_format, 2)
        if not log_mels.size:
            return self.oracle(x, n_mfccs, data_format)
        if transform:
            each = np.eye(log_mels.shape[3])
            matrix = self.precise(each, n_mfccs, **transform)
            log_mels = plain_formulas.working(log_mels)
            mfccs = log_mels @ matrix.astype(log_mels.dtype)
            return as_caller(mfccs, x.ndim - 2, data_format).astype(x.dtype)
        # This is a matrix product, as a kernel may be; a fast transform has smaller errors.
        n_mels = log_mels.shape[3]
        log_mels = plain_formulas.working(log_mels)
        turns = (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfccs) / n_mels
        cosines = (np.sqrt(2 / n_mels) * np.cos(np.pi * turns)).astype(log_mels.dtype)
        return as_caller(log_mels @ cosines, x.ndim - 2, data_format).astype(x.dtype)

    def test_oracle_against_scipy_in_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        got = self.oracle(x, **case.parameters)
        if not x.size:  # SciPy refuses an empty array
            expected = list(x.shape)
            expected[min(x.ndim - 1, 2)] = 20
            assert got.shape == tuple(expected)
            return
        assert_oracle_close(got, self.precise(wide(x), **case.parameters))

    @pytest.mark.parametrize("dct_type", [1, 2, 3])
    @pytest.mark.parametrize("norm", ["ortho", None])
    @pytest.mark.parametrize("lifter", [0, 22])
    def test_is_librosas(self, backend, dct_type, norm, lifter, rng):
        librosa = pytest.importorskip("librosa", reason="librosa is not installed")
        x = rng.uniform(-80, 0, (9, 40))
        options = {"dct_type": dct_type, "norm": norm, "lifter": lifter}
        got = backend.numpy(kr.logmel_to_mfcc(backend.array(x), 13, **options))
        expected = librosa.feature.mfcc(S=x.T, n_mfcc=13, **options).T
        assert_close(got, expected, 16 * eps_of(np.float64) * peak_of(expected))

    def test_oracle_against_closed_form(self):
        # A cosine of the transform's own has one coefficient: sqrt(n_mels / 2).
        bands = np.arange(20)
        x = np.stack([np.cos(np.pi * k * (bands + 0.5) / 20) for k in range(20)])
        expected = np.diag(np.full(20, np.sqrt(10)))
        expected[0, 0] = np.sqrt(40)
        assert_close(self.oracle(x, 20), expected, 1e-13)

    def test_orthonormal_but_for_the_first(self, backend, rng):
        x = rng.standard_normal((7, 20))
        got = self.run(backend, x, {})
        got[:, 0] /= np.sqrt(2)
        assert_close(np.sum(got**2, axis=1), np.sum(x**2, axis=1), 1e-12)
        assert_close(got, scipy.fft.dct(x, norm="ortho"), 1e-13)
        assert_close(scipy.fft.idct(got, norm="ortho"), x, 1e-13)

    def test_fewer_coefficients_are_the_first(self, backend, rng):
        x = rng.standard_normal((2, 7, 20)).astype(np.float32)
        got = self.run(backend, x, {"n_mfccs": 5})
        assert_close(got, self.run(backend, x, {"n_mfccs": 20})[..., :5], 8 * eps_of("f4") * 10)

    def test_nan_stays_in_its_frame(self, backend, rng):
        x = rng.standard_normal((7, 20))
        x[3, 5] = np.nan
        got = self.run(backend, x, {})
        np.testing.assert_array_equal(np.isnan(got).all(axis=1), np.arange(7) == 3)
        assert np.isnan(got).sum() == 20

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"n_mfccs": 0}, ValueError, "n_mfccs must be an integer at least 1, got 0"),
            ({"n_mfccs": -1}, ValueError, "n_mfccs must be an integer at least 1, got -1"),
            ({"n_mfccs": 21}, ValueError, "n_mfccs must be at most n_mels=20, .* got 21"),
            ({"n_mfccs": 2.5}, ValueError, r"n_mfccs must be an integer, got 2\.5"),
            ({"n_mfccs": "13"}, TypeError, "n_mfccs must be an integer, got '13'"),
            ({"data_format": "x"}, ValueError, "data_format must be one of .* got 'x'"),
            ({"log_melgrams": np.ones((7, 20), int)}, TypeError, "log_melgrams must have dtype"),
            ({"log_melgrams": np.ones(20)}, ValueError, "log_melgrams must have shape"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.logmel_to_mfcc(**{"log_melgrams": np.ones((7, 20)), **arguments})


class TestMfcc(TakesOut):
    """The signal's coefficients are those of its mel spectrogram in decibels."""

    public = staticmethod(kr.mfcc)
    oracle = staticmethod(kr.mfcc_reference)
    usual = case(2, 400, 3, n_fft=64, n_mels=8, n_mfccs=5, db_amin=0.01)
    cases = (
        case(300, n_fft=64, n_mels=8, n_mfccs=8, db_amin=0.01),
        case(2, 300, n_fft=48, n_mels=8, n_mfccs=3, mel_htk=True, mel_norm=None, db_amin=0.01),
        case(2, 3, 300, n_fft=64, n_mels=8, n_mfccs=5, input_data_format=FIRST, db_amin=0.01),
        case(2, 300, 3, n_fft=64, n_mels=8, n_mfccs=5, output_data_format=FIRST, db_amin=0.01),
        case(2, 300, n_fft=74, pad_end=True, n_mels=5, n_mfccs=4, sample_rate=8000, db_amin=0.01),
        case(0, 300, n_fft=64, n_mels=8, n_mfccs=5),
        case(2, 0, n_fft=64, n_mels=8, n_mfccs=5),
        case(2, 30, n_fft=64, n_mels=8, n_mfccs=5),
        case(2, 9000, n_fft=512, win_length=400, hop_length=160, sample_rate=16000, db_amin=0.01),
    )

    def chain(self, x, n_mfccs=20, **parameters):
        log_mels = kr.melspectrogram(x, **parameters, return_decibel=True)
        return kr.logmel_to_mfcc(log_mels, n_mfccs, parameters.get("output_data_format", "default"))

    def assert_kernel_close(self, got, x, parameters):
        """Allow the rounding of faint bands: of magnitudes at `db_amin`, in dB."""
        expected = self.oracle(x, **parameters)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        working = min(eps_of(x.dtype), eps_of(np.float32))
        tolerance = 4 * eps_of(x.dtype) * peak_of(expected) + 2000 * working * 20
        assert_close(got, expected, tolerance)

    def test_equals_the_chain(self, backend, case, rng):
        for dtype in (np.float32, np.float64):
            x = self.example(rng, case.shape, dtype)
            expected = backend.numpy(self.chain(backend.array(x), **case.parameters))
            np.testing.assert_array_equal(self.run(backend, x, case.parameters), expected)

    def test_float16_is_rounded_once(self, backend, rng):
        x = self.example(rng, self.usual.shape, np.float16)
        wide = self.run(backend, x.astype(np.float32), self.usual.parameters)
        got = self.run(backend, x, self.usual.parameters)
        np.testing.assert_array_equal(got, wide.astype(np.float16))

    def test_against_the_formula(self, rng):
        x = rng.uniform(-1, 1, 2048)
        got = self.oracle(x, 256, sample_rate=8000, n_mels=12, n_mfccs=12)
        frames = np.lib.stride_tricks.sliding_window_view(x, 256)[::64]
        turns = 2 * np.pi * np.arange(256) / 256
        spectra = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(turns))))
        mels = spectra @ kr.filterbank_mel_reference(8000, 129, 12, dtype=np.float64)
        decibels = 10 * np.log10(np.maximum(mels, 1e-5))
        expected = scipy.fft.dct(np.maximum(decibels, decibels.max() - 80)) / np.sqrt(24)
        assert_close(got, expected, 1e-10)
