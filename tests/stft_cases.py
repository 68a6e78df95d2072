"""What the tests of transforms share: sizes, full parameters, frames and direct sums."""

import double_double
import numpy as np
from operation import FIRST, LAST, frames_of

import kapre_ref as kr

# Powers of two, products of small primes, primes (by a chirp or directly), and the smallest sizes.
SIZES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 31, 60, 63, 97, 100, 128, 240, 256, 400, 480, 512, 999)
SIZES += (1009, 1024, 1200, 1536, 2000, 2048)
KBD = "kaiser_bessel_derived_window"


def filled_in(n_fft=2048, win_length=None, hop_length=None, window_name=None, **others):
    """Return the parameters of an STFT with the values that None stands for."""
    win_length = win_length or n_fft
    hop_length = hop_length or max(1, win_length // 4)
    window_name = window_name or "hann_window"
    return {
        "n_fft": n_fft,
        "win_length": win_length,
        "hop_length": hop_length,
        "window_name": window_name,
        "pad_begin": others.get("pad_begin", False),
        "pad_end": others.get("pad_end", False),
    }


def formats_of(parameters):
    given = (parameters.get(f"{where}_data_format", "default") for where in ("input", "output"))
    return tuple(LAST if one == "default" else one for one in given)


def windowed_frames(signals, given):
    """Return the frames times the window, (batch, channel, n_frames, n_fft or fewer)."""
    padding = (given["n_fft"] - given["hop_length"]) * given["pad_begin"]
    signals = np.pad(signals, [(0, 0), (0, 0), (padding, 0)])
    framing = (given["win_length"], given["hop_length"], given["pad_end"], 0, FIRST)
    window = kr.get_window_fn(given["window_name"])(given["win_length"], dtype=np.float64)
    return (frames_of(signals, *framing) * window)[..., : given["n_fft"]]


def direct_sum(frames, n_fft):
    """Return the sums that define the transform, term by term."""
    return double_double.direct_sum(frames, n_fft, n_fft // 2 + 1)
