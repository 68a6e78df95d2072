"""What the axes of features mean: frequencies and times are where the sound is."""

import numpy as np
import pytest
import soundfile
from command import features

from kapre_ref import filterbank_log, filterbank_mel

SAMPLE_RATE = 22050
N_FINE = 1 << 15  # bins that a filterbank is looked at with: a third of a hertz apart


def axes_of(folder, samples, *options):
    """Return the content of the .npz file that the command writes for some samples."""
    soundfile.write(folder / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    assert features(folder / "a.wav", "--out", folder / "a.npz", "--overwrite", *options) == 0
    return np.load(folder / "a.npz")


def flags_of(options):
    """Write options of a function as those of the command."""
    flags = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        flags += [flag] if value is True else [flag, str(value)]
    return flags


def centres(filterbank):
    """Return the frequency where each band's weights are largest, Hz."""
    return filterbank.argmax(axis=0) * (SAMPLE_RATE / 2 / N_FINE)


def assert_at_centres(frequencies, filterbank):
    """Require the centres of bands, to a bin and a hundredth of the narrowest band."""
    atol = SAMPLE_RATE / 2 / N_FINE
    np.testing.assert_allclose(frequencies, centres(filterbank), rtol=2e-4, atol=atol)


class TestFrequencies:
    # Each option off its default, alone and with others.
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"mel_htk": True},
            {"mel_f_min": 300.0},
            {"mel_f_max": 7000.0},
            {"n_mels": 40, "mel_norm": 1.0},
            {"n_mels": 33, "mel_htk": True, "mel_f_min": 120.0, "mel_f_max": 5000.0},
        ],
        ids=str,
    )
    def test_of_mel_bands(self, tmp_path, options):
        got = axes_of(tmp_path, np.ones(3000), "--n-fft", 2048, *flags_of(options))["frequencies"]
        named = {name.removeprefix("mel_"): value for name, value in options.items()}
        named = {"n_mels": 128, "dtype": "float64", **named}
        filterbank = filterbank_mel(SAMPLE_RATE, N_FINE + 1, **named)
        assert_at_centres(got, filterbank)

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"log_f_min": 55.0},
            {"log_bins_per_octave": 24},
            {"log_n_bins": 50, "log_spread": 0.2},
            {"log_n_bins": 60, "log_f_min": 110.0, "log_bins_per_octave": 10},
        ],
        ids=str,
    )
    def test_of_log_frequency_bands(self, tmp_path, options):
        flags = ["--feature", "log-frequency", *flags_of(options)]
        got = axes_of(tmp_path, np.ones(3000), *flags)["frequencies"]
        named = {name.removeprefix("log_"): value for name, value in options.items()}
        filterbank = filterbank_log(SAMPLE_RATE, N_FINE + 1, dtype="float64", **named)
        assert_at_centres(got, filterbank)

    @pytest.mark.parametrize("n_fft", [2048, 400, 401, 33])
    def test_of_bins(self, tmp_path, n_fft):
        got = axes_of(tmp_path, np.ones(3000), "--feature", "stft", "--n-fft", n_fft)
        expected = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
        np.testing.assert_allclose(got["frequencies"], expected, rtol=1e-12)

    @pytest.mark.parametrize("rate", [8000, 44100])
    def test_count_from_the_rate_asked_for(self, tmp_path, rate):
        flags = ["--feature", "stft", "--n-fft", "401", "--sample-rate", rate]
        got = axes_of(tmp_path, np.ones(3000), *flags)["frequencies"]
        np.testing.assert_allclose(got, np.fft.rfftfreq(401, 1 / rate), rtol=1e-12)

    @pytest.mark.parametrize(("kind", "band"), [("mel", 40), ("log-frequency", 50), ("stft", 93)])
    def test_a_tone_at_the_centre_of_a_band_is_loudest_there(self, tmp_path, kind, band):
        flags = ["--feature", kind, "--no-decibel", "--n-fft", "4096"]
        frequencies = axes_of(tmp_path, np.ones(5000), *flags)["frequencies"]
        tone = np.sin(2 * np.pi * frequencies[band] * np.arange(9000) / SAMPLE_RATE)
        made = axes_of(tmp_path, tone, *flags)["features"]
        assert set(made.argmax(axis=1)) == {band}
        assert made.shape[1] == len(frequencies)


class TestTimes:
    """A click is where the mean of the frames' centres, weighted by their loudness, is."""

    @pytest.mark.parametrize(
        "flags",
        [
            "",
            "--win-length 400 --n-fft 2048",
            "--win-length 401 --n-fft 512",
            "--n-fft 401",
            "--n-fft 512 --pad-begin",
            "--n-fft 2048 --win-length 400 --pad-begin --pad-end",
            "--n-fft 512 --sample-rate 16000",
            "--n-fft 512 --mono",
        ],
    )
    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency"])
    def test_of_a_click(self, tmp_path, kind, flags):
        samples = np.zeros((12000, 2 if "--mono" in flags else 1))
        samples[7001] = 0.9
        flags = ["--feature", kind, "--no-decibel", "--hop-length", "25", *flags.split()]
        made = axes_of(tmp_path, samples, *flags)
        loudness = made["features"].sum(axis=1, dtype=np.float64)
        assert made["times"].shape == loudness.shape
        got = (made["times"] * loudness).sum() / loudness.sum()
        # The tolerance is a sample; a hop has 25.
        assert abs(got - 7001 / SAMPLE_RATE) <= 1 / SAMPLE_RATE

    def test_advance_by_hops(self, tmp_path):
        made = axes_of(tmp_path, np.ones(12000), "--n-fft", "512", "--hop-length", "100")
        np.testing.assert_allclose(np.diff(made["times"]), 100 / SAMPLE_RATE, rtol=1e-9)
