"""Random signals, spectrograms and parameters that both Kapre and kapre_ref accept."""

import numpy as np

FIRST, LAST = "channels_first", "channels_last"
NAMES = ("hann_window", "hamming_window", "kaiser_window", "vorbis_window", None)
KBD = "kaiser_bessel_derived_window"


def draw_signal(rng, data_format, n_samples=None):
    n_samples = n_samples or int(rng.integers(1, 4000))
    shape = (int(rng.integers(1, 4)), n_samples, int(rng.integers(1, 4)))
    x = rng.normal(size=shape)
    if rng.random() < 0.5:  # tones, with silence between them
        time = np.arange(n_samples)[:, None]
        x = np.sin(time * rng.uniform(0, 3, (shape[0], 1, shape[2]))) * (time % 1000 < 700)
    x = (x * 10 ** rng.uniform(-3, 1)).astype(np.float32)
    return np.moveaxis(x, 2, 1).copy() if data_format == FIRST else x


def draw_spectrogram(rng, data_format, n_freq=None, n_channels=None):
    n_freq = n_freq or int(rng.integers(1, 200))
    n_channels = n_channels or int(rng.integers(1, 4))
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 60)), n_freq, n_channels)
    x = (rng.gamma(1, size=shape) * 10 ** rng.uniform(-3, 2)).astype(np.float32)
    return np.moveaxis(x, 3, 1).copy() if data_format == FIRST else x


def draw_format(rng, prefix=""):
    return {f"{prefix}data_format": str(rng.choice([FIRST, LAST, "default"]))}


def draw_stft(rng, n_fft=None):
    n_fft = n_fft or int(rng.choice([rng.integers(2, 600), 2 ** rng.integers(2, 12)]))
    win_length = rng.choice([None, n_fft, rng.integers(1, 2 * n_fft)])
    length = int(win_length or n_fft)
    pad_begin = bool(rng.integers(2))
    most = min(length, n_fft) if pad_begin else 2 * length
    hop_length = rng.choice([None, rng.integers(1, most + 1)])
    if hop_length is None and (length < 4 or (pad_begin and length // 4 > n_fft)):
        hop_length = 1
    names = NAMES if length % 2 else (*NAMES, KBD)
    return {
        "n_fft": n_fft,
        "win_length": None if win_length is None else length,
        "hop_length": None if hop_length is None else int(hop_length),
        "window_name": names[rng.integers(len(names))],
        "pad_begin": pad_begin,
        "pad_end": bool(rng.integers(2)),
    }


def draw_decibel(rng, prefix="db_"):
    return {
        f"{prefix}ref_value": float(10 ** rng.uniform(-4, 2)),
        f"{prefix}amin": float(10 ** rng.uniform(-7, -1)),
        f"{prefix}dynamic_range": float(rng.uniform(10, 120)),
    }


def draw_mel(rng, prefix="mel_"):
    sample_rate = int(rng.choice([8000, 11025, 16000, 22050, 44100, 48000]))
    f_min = float(rng.choice([0, rng.uniform(0, sample_rate / 4)]))
    f_max = rng.choice([None, rng.uniform(f_min + sample_rate / 10, sample_rate / 2)])
    norms = ("slaney", None, 1, 2, np.inf, 0.5)
    return sample_rate, {
        "n_mels": int(rng.integers(1, 140)),
        f"{prefix}f_min": f_min,
        f"{prefix}f_max": None if f_max is None else float(f_max),
        f"{prefix}htk": bool(rng.integers(2)),
        f"{prefix}norm": norms[rng.integers(len(norms))],
    }


def draw_log(rng, prefix="log_"):
    sample_rate = int(rng.choice([16000, 22050, 44100]))
    bins_per_octave = int(rng.integers(1, 40))
    f_min = rng.choice([None, rng.uniform(20, 200)])
    octaves = np.log2(sample_rate // 2 / (f_min or 32.8))
    return sample_rate, {
        f"{prefix}n_bins": int(rng.integers(1, int(octaves * bins_per_octave) + 1)),
        f"{prefix}bins_per_octave": bins_per_octave,
        f"{prefix}f_min": None if f_min is None else float(f_min),
        f"{prefix}spread": float(rng.uniform(0.05, 1)),
    }
