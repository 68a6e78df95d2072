"""melspectrogram and log_frequency_spectrogram."""

import warnings

import numpy as np
import plain_formulas
import pytest
import scipy.fft
from closeness import assert_close, assert_oracle_close
from operation import FIRST, case, wide
from stft_cases import windowed_frames
from test_spectrograms import COMMON, ComposedTests, plain_magnitude, split

import kapre_ref as kr


def filterbank_of(name, n_fft, parameters, like=None):
    """Return the filterbank that the parameters of a composed operation describe."""
    prefix = {"filterbank_mel": "mel_", "filterbank_log": "log_"}[name]
    given = {k.removeprefix(prefix): v for k, v in parameters.items() if k.startswith(prefix)}
    if "n_mels" in parameters:
        given["n_mels"] = parameters["n_mels"]
    sample_rate = parameters.get("sample_rate", 22050)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*mel bands are empty")
        return getattr(kr, name)(sample_rate, n_fft // 2 + 1, **given, dtype=np.float64, like=like)


class BandTests(ComposedTests):
    def run(self, backend, x, parameters):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*mel bands are empty")
            return super().run(backend, x, parameters)

    def plain_linear(self, x, parameters):
        n_fft = split(parameters)[0]["n_fft"]
        weights = filterbank_of(self.filterbank, n_fft, parameters)
        return plain_formulas.apply_filterbank(plain_magnitude(x, parameters), weights)

    def chain_linear(self, x, parameters, data_format):
        n_fft = split(parameters)[0]["n_fft"]
        weights = filterbank_of(self.filterbank, n_fft, parameters, like=x)
        magnitude = kr.magnitude(self.stft_of(x, parameters))
        return kr.apply_filterbank(magnitude, weights, data_format)

    def test_oracle_against_long_double(self, rng):
        x = self.example(rng, (2, 3, 400), np.float64)
        both = {"input_data_format": FIRST, "output_data_format": FIRST}
        for variant in (self.usual.parameters, *self.variants):
            parameters = {**variant, **both, "return_decibel": False}
            given = split(parameters)[0]
            frames = windowed_frames(wide(x), given)
            weights = wide(filterbank_of(self.filterbank, given["n_fft"], parameters))
            expected = np.abs(scipy.fft.rfft(frames, given["n_fft"])) @ weights
            assert_oracle_close(self.oracle(x, **parameters), expected)
            decibel = self.oracle(x, **{**parameters, "return_decibel": True})
            in_decibel = plain_formulas.magnitude_to_decibel(expected, 1.0, 1e-5, 80.0)
            assert_close(decibel, in_decibel, 1e-9)  # dB, of bins down to 1e-5

    def test_parameters_are_not_mixed_up(self, backend, rng):
        # One after the other on the same signal: what is kept from one must not serve another.
        x = self.example(rng, (2, 300), np.float32)
        for parameters in (*self.variants, *self.variants[::-1]):
            got = self.run(backend, x, parameters)
            self.assert_kernel_close(got, x, parameters)


class TestMelspectrogram(BandTests):
    public = staticmethod(kr.melspectrogram)
    oracle = staticmethod(kr.melspectrogram_reference)
    filterbank = "filterbank_mel"
    variants = (
        {"n_fft": 64, "n_mels": 8},
        {"n_fft": 64, "n_mels": 8, "sample_rate": 16000},
        {"n_fft": 64, "n_mels": 8, "mel_htk": True},
        {"n_fft": 64, "n_mels": 8, "mel_norm": None},
        {"n_fft": 64, "n_mels": 8, "mel_norm": 1},
        {"n_fft": 64, "n_mels": 8, "mel_f_min": 500.0},
        {"n_fft": 64, "n_mels": 8, "mel_f_max": 5000.0},
        {"n_fft": 64, "n_mels": 8, "return_decibel": True},
        {"n_fft": 65, "n_mels": 8},
    )
    usual = case(
        2, 150, 3, n_fft=32, hop_length=7, n_mels=5, pad_end=True, output_data_format=FIRST
    )
    cases = (
        case(2, 2500),
        case(2, 30, n_fft=2, n_mels=1),
        case(2, 3000, n_fft=1024, n_mels=80, return_decibel=True),
        case(2, 3000, n_fft=400, hop_length=160, sample_rate=16000, n_mels=40, mel_htk=True),
        *COMMON,
    )

    def test_empty_bands_are_told(self, rng):
        x = rng.uniform(-1, 1, 300)
        with pytest.warns(
            UserWarning, match="of 91 mel bands are empty: n_mels is too large"
        ) as told:
            got = kr.melspectrogram(x, n_fft=64, n_mels=91)
        assert len(told) == 1
        assert told[0].filename == __file__
        assert not got.any(axis=0).all()

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"n_fft": 1}, ValueError, "n_fft must be an integer at least 2, got 1"),
            ({"sample_rate": 0}, ValueError, "sample_rate must be positive, got 0"),
            ({"n_mels": 0}, ValueError, "n_mels must be an integer at least 1, got 0"),
            ({"mel_f_min": -5}, ValueError, "mel_f_min must be at least 0, got -5"),
            ({"mel_f_min": 2e4}, ValueError, "mel_f_min must be less than mel_f_max=11025"),
            ({"mel_f_max": 2e4}, ValueError, "mel_f_max must be at most sample_rate / 2 = 11025"),
            ({"mel_htk": "yes"}, TypeError, "mel_htk must be True or False, got 'yes'"),
            ({"mel_norm": "l2"}, ValueError, "mel_norm must be .* got 'l2'"),
        ],
    )
    def test_rules_of_bands(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.melspectrogram(**{"x": np.ones(99), "n_fft": 64, "n_mels": 8, **arguments})


class TestLogFrequencySpectrogram(BandTests):
    public = staticmethod(kr.log_frequency_spectrogram)
    oracle = staticmethod(kr.log_frequency_spectrogram_reference)
    filterbank = "filterbank_log"
    variants = (
        {"n_fft": 64},
        {"n_fft": 64, "sample_rate": 16000},
        {"n_fft": 64, "log_n_bins": 12},
        {"n_fft": 64, "log_f_min": 40.0},
        {"n_fft": 64, "log_bins_per_octave": 24},
        {"n_fft": 64, "log_spread": 2.0},
        {"n_fft": 64, "return_decibel": True},
        {"n_fft": 65},
    )
    usual = case(
        2, 150, 3, n_fft=32, hop_length=7, log_n_bins=60, pad_end=True, output_data_format=FIRST
    )
    cases = (
        case(2, 2500),
        case(2, 30, n_fft=2, log_n_bins=1),
        case(2, 3000, n_fft=1024, log_n_bins=48, log_f_min=110.0, return_decibel=True),
        case(2, 3000, n_fft=400, hop_length=160, sample_rate=44100, log_spread=1.0),
        *COMMON,
    )

    def test_notes(self, backend):
        # A4, three octaves and nine semitones above C1.
        x = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
        got = self.run(backend, x, {"n_fft": 8192, "hop_length": 2048})
        np.testing.assert_array_equal(got.argmax(axis=1), 45)

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"n_fft": 1}, ValueError, "n_fft must be an integer at least 2, got 1"),
            ({"sample_rate": -1}, ValueError, "sample_rate must be positive, got -1"),
            ({"log_n_bins": 0}, ValueError, "log_n_bins must be an integer at least 1, got 0"),
            ({"log_f_min": 0}, ValueError, "log_f_min must be positive, got 0"),
            ({"log_spread": 0}, ValueError, "log_spread must be positive, got 0"),
            (
                {"log_bins_per_octave": 0},
                ValueError,
                "log_bins_per_octave must be an integer at least 1, got 0",
            ),
            ({"sample_rate": 8000}, RuntimeError, "log_n_bins=84, which ends at 4186.* Hz; reduce"),
        ],
    )
    def test_rules_of_bands(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.log_frequency_spectrogram(**{"x": np.ones(99), "n_fft": 64, **arguments})
