"""librosa, if it is installed, as a witness: independent code gives the same numbers."""

import random
import warnings

import numpy as np
import pytest
from closeness import assert_close, eps_of, peak_of

import kapre_ref as kr

librosa = pytest.importorskip("librosa", reason="librosa is not installed; it is only a witness")
pytestmark = pytest.mark.filterwarnings("ignore:Empty filters detected")

SEEDS = range(25)
WINDOWS = {
    "hann_window": "hann",
    "hamming_window": "hamming",
    "vorbis_window": None,
    "kaiser_window": None,
}

# librosa computes in float64 here, as the oracle does, but in another order: each step costs a few
# eps, and a transform has more steps.
ROUNDING_EPS = 32
# librosa rounds its float32 filterbanks and decibels to float32 more than once.
FLOAT32_ROUNDING = 4 * eps_of("float32")


def generator(seed):
    return np.random.default_rng([seed, 97])


def close_to_peak(got, expected):
    """Require float64 results to differ by rounding alone."""
    assert_close(got, expected, ROUNDING_EPS * eps_of("float64") * max(peak_of(expected), 1e-300))


def _window_of_librosa(name, win_length):
    """Name a window for librosa, or give it samples where it knows no such window."""
    known = WINDOWS[name] if win_length % 2 == 0 else None  # ours is not periodic for odd lengths
    return known or kr.get_window_fn(name)(win_length, dtype=np.float64)


class TestFilterbankMel:
    @pytest.mark.parametrize("seed", range(60))
    @pytest.mark.filterwarnings("ignore:.* mel bands are empty")
    def test_random_parameters(self, seed):
        rng = generator(seed)
        sample_rate = float(rng.choice([8000, 11025, 16000, 22050, 44100, 48000]))
        n_freq, n_mels = int(rng.integers(2, 1100)), int(rng.integers(1, 200))
        f_min = float(rng.choice([0.0, rng.uniform(0, sample_rate / 4)]))
        f_max = [None, float(rng.uniform(sample_rate / 3, sample_rate / 2))][rng.integers(2)]
        htk = bool(rng.integers(2))
        norm = ["slaney", None, 1, 2, np.inf, 0.5, 0][rng.integers(7)]
        got = kr.filterbank_mel(sample_rate, n_freq, n_mels, f_min, f_max, htk, norm)
        expected = librosa.filters.mel(
            sr=sample_rate, n_fft=2 * (n_freq - 1), n_mels=n_mels, fmin=f_min, fmax=f_max,
            htk=htk, norm=norm,
        )  # fmt: skip
        assert_close(got, expected.T, FLOAT32_ROUNDING * peak_of(expected))

    @pytest.mark.parametrize("htk", [False, True])
    def test_double_precision(self, htk):
        got = kr.filterbank_mel(22050, 1025, 128, htk=htk, dtype=np.float64)
        expected = librosa.filters.mel(sr=22050, n_fft=2048, htk=htk, dtype=np.float64)
        # librosa subtracts frequencies, which float64 keeps to 1e-12 Hz, and divides by widths.
        assert_close(got, expected.T, 1e-12 * peak_of(expected))

    @pytest.mark.parametrize("htk", [False, True])
    def test_scale(self, htk):
        edges = librosa.mel_frequencies(n_mels=42, fmin=100, fmax=7000, htk=htk)
        got = kr.filterbank_mel(16000, 8001, 40, 100.0, 7000.0, htk, None, dtype=np.float64)
        # With one bin for each Hz, a triangle is above zero from one edge to the other.
        first = np.argmax(got > 0, axis=0)
        last = got.shape[0] - 1 - np.argmax(got[::-1] > 0, axis=0)
        np.testing.assert_array_equal(first, np.floor(edges[:-2]) + 1)
        np.testing.assert_array_equal(last, np.ceil(edges[2:]) - 1)


class TestStft:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_window_as_long_as_transform(self, seed):
        rng = generator(seed)
        n_fft, name = int(rng.integers(2, 600)), str(rng.choice(list(WINDOWS)))
        hop_length = int(rng.integers(1, n_fft + 1))
        x = rng.normal(size=(2, int(rng.integers(n_fft, 3000))))
        got = kr.stft(x, n_fft, hop_length=hop_length, window_name=name)
        window = _window_of_librosa(name, n_fft)
        expected = librosa.stft(x, n_fft=n_fft, hop_length=hop_length, window=window, center=False)
        close_to_peak(got, expected.swapaxes(1, 2))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_short_window_stands_at_the_start(self, seed):
        rng = generator(seed)
        n_fft, name = int(rng.integers(8, 600)), str(rng.choice(list(WINDOWS)))
        win_length = int(rng.integers(2, n_fft))
        hop_length = int(rng.integers(1, win_length + 1))
        x = rng.normal(size=int(rng.integers(n_fft, 3000)))
        got = kr.stft(x, n_fft, win_length, hop_length, window_name=name)
        # librosa centres the window in the transform: the samples under it are later by `shift`.
        shift = (n_fft - win_length) // 2
        expected = librosa.stft(
            np.pad(x, (shift, n_fft)), n_fft=n_fft, hop_length=hop_length, win_length=win_length,
            window=_window_of_librosa(name, win_length), center=False,
        ).T[: len(got)]  # fmt: skip
        turn = np.exp(2j * np.pi * (np.arange(n_fft // 2 + 1) * shift % n_fft) / n_fft)
        close_to_peak(got, expected * turn)
        close_to_peak(np.abs(got), np.abs(expected))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_inverse(self, seed):
        rng = generator(seed)
        n_fft = 2 * int(rng.integers(4, 200))
        hop_length = int(rng.integers(1, n_fft // 2))
        spectra = kr.stft(rng.normal(size=2000), n_fft, hop_length=hop_length)
        got = kr.inverse_stft(spectra, n_fft, hop_length=hop_length)
        expected = librosa.istft(spectra.T, n_fft=n_fft, hop_length=hop_length, center=False)
        # At the ends librosa divides by the few frames that overlap there; inside, both agree.
        inside = slice(n_fft, len(expected) - n_fft)
        close_to_peak(got[inside], expected[inside])

    @pytest.mark.parametrize("name", ["hann_window", "hamming_window"])
    @pytest.mark.parametrize("length", [2, 16, 400, 1024])
    def test_windows(self, name, length):
        got = kr.get_window_fn(name)(length, dtype=np.float64)
        close_to_peak(got, librosa.filters.get_window(WINDOWS[name], length))

    def test_melspectrogram(self):
        x = generator(0).normal(size=22050)
        got = kr.melspectrogram(x, 1024, hop_length=256, n_mels=64)
        expected = librosa.feature.melspectrogram(
            y=x, n_fft=1024, hop_length=256, n_mels=64, center=False, power=1.0
        )
        # librosa's filterbank is float32.
        assert_close(got, expected.T, FLOAT32_ROUNDING * peak_of(expected))


class TestLogmelToMfcc:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_orthonormal_but_for_the_first(self, seed):
        rng = generator(seed)
        n_mels = int(rng.integers(1, 200))
        n_mfccs = int(rng.integers(1, n_mels + 1))
        x = rng.uniform(-50, 20, (3, int(rng.integers(1, 30)), n_mels))
        got = kr.logmel_to_mfcc(x, n_mfccs)
        got[..., 0] /= np.sqrt(2)
        expected = librosa.feature.mfcc(
            S=x.swapaxes(1, 2), n_mfcc=n_mfccs, dct_type=2, norm="ortho"
        ).swapaxes(1, 2)
        # The angles of the cosines go up to pi n_mfccs, and their rounding with them.
        assert_close(got, expected, n_mels * eps_of(x.dtype) * peak_of(x) * np.sqrt(n_mels))


class TestDelta:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_inside(self, seed):
        rng = generator(seed)
        width = 2 * int(rng.integers(1, 8)) + 1
        x = rng.normal(size=(2, width + int(rng.integers(0, 40)), 6))
        got = kr.delta(x, width)
        expected = librosa.feature.delta(x, width=width, axis=1)
        # At the ends librosa extends the line fitted to the last window, Kapre mirrors frames.
        inside = slice(width // 2, x.shape[1] - width // 2)
        close_to_peak(got[:, inside], expected[:, inside])

    @pytest.mark.parametrize("seed", SEEDS)
    def test_zeros_outside(self, seed):
        rng = generator(seed)
        width = 2 * int(rng.integers(1, 8)) + 1
        x = rng.normal(size=(width + int(rng.integers(0, 40)), 6))
        got = kr.delta(x, width, "constant")
        expected = librosa.feature.delta(x, width=width, axis=0, mode="constant", cval=0.0)
        close_to_peak(got, expected)


class TestMagnitudeToDecibel:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_one_item(self, seed):
        rng = generator(seed)
        x = rng.gamma(1, size=(1, 20, 30)) * 10 ** rng.uniform(-4, 3)
        ref_value, amin = 10 ** rng.uniform(-3, 2), 10 ** rng.uniform(-8, -1)
        dynamic_range = float(rng.uniform(5, 120))
        got = kr.magnitude_to_decibel(x, ref_value, amin, dynamic_range)
        expected = librosa.power_to_db(x, ref=ref_value, amin=amin, top_db=dynamic_range)
        close_to_peak(got, expected)

    def test_a_batch_has_a_peak_for_each_item(self):
        x = generator(0).gamma(1, size=(3, 20)) * [[1e-4], [1.0], [1e4]]
        got = kr.magnitude_to_decibel(x)
        expected = np.stack([librosa.power_to_db(item, amin=1e-5) for item in x])
        close_to_peak(got, expected)
        assert np.max(np.abs(got - librosa.power_to_db(x, amin=1e-5))) > 1


class TestMuLaw:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_codes(self, seed):
        rng = generator(seed)
        channels = int(rng.choice([2, 256, 1024, 65536, rng.integers(2, 65537)]))
        x = rng.uniform(-1, 1, 5000)
        got = kr.mu_law_encoding(x, channels)
        # Both give the band of the compressed sample, of bands that librosa centres on -1 and 1 and
        # Kapre on whole codes: half a band less, and of mu + 1 bands mu steps.
        mu = channels - 1
        compressed = librosa.mu_compress(x, mu=mu, quantize=False)
        expected = np.floor((compressed + 1) / 2 * mu + 0.5)
        on_boundary = np.abs((compressed + 1) / 2 * mu + 0.5 - np.round(got)) < 1e-9
        assert np.all((got == expected) | on_boundary)

    @pytest.mark.parametrize("channels", [4, 256, 65536])
    def test_quantized_codes_lie_beside(self, channels):
        x = generator(1).uniform(-1, 1, 5000)
        got = kr.mu_law_encoding(x, channels)
        quantized = librosa.mu_compress(x, mu=channels - 1, quantize=True) + channels // 2
        assert np.max(np.abs(got - quantized)) <= 1

    @pytest.mark.parametrize("channels", [2, 255, 256, 65536])
    def test_decoding(self, channels):
        codes = np.arange(channels)
        got = kr.mu_law_decoding(codes, channels)
        mu = channels - 1
        expected = librosa.mu_expand(2 * codes / mu - 1, mu=mu, quantize=False)
        assert_close(got, expected, FLOAT32_ROUNDING)


class TestFrame:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_random_parameters(self, seed):
        rng = generator(seed)
        frame_length = int(rng.integers(1, 200))
        hop_length = int(rng.integers(1, frame_length + 1))
        x = rng.normal(size=(3, int(rng.integers(frame_length, 2000))))
        got = kr.frame(x, frame_length, hop_length)
        expected = librosa.util.frame(x, frame_length=frame_length, hop_length=hop_length, axis=1)
        np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_energy(self, seed):
        rng = generator(seed)
        frame_length = int(rng.integers(1, 200))
        hop_length = int(rng.integers(1, 300))
        x = rng.normal(size=int(rng.integers(frame_length, 2000)))
        got = kr.energy(x, 1000, 0.1, frame_length, hop_length)
        expected = librosa.feature.rms(
            y=x, frame_length=frame_length, hop_length=hop_length, center=False
        )[0]
        expected = expected**2 * 1000 * 0.1
        assert_close(got, expected, FLOAT32_ROUNDING * peak_of(expected))  # librosa is float32


@pytest.mark.slow
def test_mel_filterbanks_to_the_bit():
    draw = random.Random(0)
    for _ in range(1000):
        sample_rate = draw.choice([8000, 22050, 44100, 12345, 24000.0, draw.uniform(4000, 50000)])
        n_freq = draw.choice([2, 129, 201, 257, 513, 1025, draw.randint(2, 2000)])
        n_mels = draw.choice([1, 40, 80, 128, draw.randint(1, 200)])
        f_min = draw.choice([0, 20, 125, draw.uniform(0, sample_rate / 8)])
        f_max = draw.choice([None, sample_rate / 2, draw.uniform(sample_rate / 4, sample_rate / 2)])
        htk, norm = draw.random() < 0.5, draw.choice(["slaney", None, 1, 2, np.inf, 0, 0.5])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # librosa warns of empty bands
            got = kr.filterbank_mel(sample_rate, n_freq, n_mels, f_min, f_max, htk, norm)
            expected = librosa.filters.mel(
                sr=sample_rate,
                n_fft=2 * (n_freq - 1),
                n_mels=n_mels,
                fmin=f_min,
                fmax=f_max,
                htk=htk,
                norm=norm,
            )
        np.testing.assert_array_equal(got, expected.T)
