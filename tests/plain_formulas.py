"""Each operation in plain NumPy and SciPy, in the precision of its input.

The contract measures a kernel's error by that of these formulas.

Signals are (batch, channel, time) and spectrograms (batch, channel, n_frames, n_freq). float16 is
computed in float32 and rounded once, as in the kernels.
"""

import numpy as np
from scipy import fft

import kapre_ref as kr
from kapre_ref import _front_end_reference as reference
from kapre_ref._normalisation import normalised_reference
from kapre_ref._stft import forward_window_reference

FIRST = "channels_first"


def working(x):
    """Return `x` in the precision that it is computed in."""
    return x.astype(np.promote_types(x.dtype, np.float32))


def _rounded(values, x):
    return values.astype(x.real.dtype)


def _framed(x, frame_length, hop_length, pad_end):
    n_samples = x.shape[2]
    n_frames = max(0, 1 + (n_samples - frame_length) // hop_length)
    if pad_end:
        n_frames = -(-n_samples // hop_length)
    x = np.pad(x, [(0, 0), (0, 0), (0, frame_length + hop_length)])
    views = np.lib.stride_tricks.sliding_window_view(x, frame_length, axis=2)
    return views[:, :, ::hop_length][:, :, :n_frames]


def energy(x, frame_length, hop_length, pad_end, scale):
    frames = _framed(working(x), frame_length, hop_length, pad_end)
    return _rounded(np.sum(frames * frames, axis=3) * frames.dtype.type(scale), x)


def stft(x, n_fft, win_length, hop_length, window_name, pad_begin, pad_end):
    x = working(x)
    x = np.pad(x, [(0, 0), (0, 0), ((n_fft - hop_length) * pad_begin, 0)])
    window = kr.get_window_fn(window_name)(win_length, dtype=x.dtype)
    return fft.rfft(_framed(x, win_length, hop_length, pad_end) * window, n_fft)


def inverse_stft(spectra, n_fft, win_length, hop_length, window_name):
    dtype = spectra.real.dtype
    window = forward_window_reference(window_name, win_length, dtype).astype(dtype)
    n_overlaps = -(-win_length // hop_length)
    squares = np.pad(window**2, (0, n_overlaps * hop_length - win_length))
    total = np.tile(squares.reshape(n_overlaps, hop_length).sum(axis=0), n_overlaps)[:win_length]
    inverse = np.divide(window, total, out=np.zeros_like(window), where=total > 0)
    frames = fft.irfft(spectra, n_fft)[..., :win_length] * inverse[:n_fft]
    n_samples = max(0, (spectra.shape[2] - 1) * hop_length + win_length)
    signals = np.zeros((*spectra.shape[:2], n_samples), frames.dtype)
    for index in range(frames.shape[2]):
        start = index * hop_length
        signals[:, :, start : start + frames.shape[3]] += frames[:, :, index]
    return signals


def magnitude(x):
    return _rounded(np.abs(working(x)), x)


def phase(x):
    x = working(x)
    return np.arctan2(x.imag, x.real)


def apply_filterbank(x, filterbank):
    x = working(x)
    return x @ filterbank.astype(x.dtype)


def delta(x, win_length, mode):
    half, n_frames = win_length // 2, x.shape[2]
    padded = np.pad(working(x), [(0, 0), (0, 0), (half, half), (0, 0)], mode)
    shifted = (n * padded[:, :, half + n :][:, :, :n_frames] for n in range(-half, half + 1))
    return _rounded(sum(shifted) / (2 * sum(n * n for n in range(half + 1))), x)


def logmel_to_mfcc(x, n_mfccs):
    x, n_mels = working(x), x.shape[3]
    turns = (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfccs) / n_mels
    return x @ (np.sqrt(2 / n_mels) * np.cos(np.pi * turns)).astype(x.dtype)


def magnitude_to_decibel(x, ref_value, amin, dynamic_range):
    items = working(x)
    decibel = 10 * np.log10(np.maximum(items, items.dtype.type(amin)))
    decibel -= items.dtype.type(10 * np.log10(max(ref_value, amin)))
    peak = decibel.max(axis=tuple(range(1, x.ndim)) or None, keepdims=True, initial=-np.inf)
    return _rounded(np.maximum(decibel, peak - items.dtype.type(dynamic_range)), x)


def features_in(front_end, x, dtype):
    """Return what plain NumPy makes of a front end in one precision, for its rounding errors."""
    f = front_end
    x = x.astype(dtype) * dtype.type(f.input_scale)
    factor = dtype.type(f.preemphasis)
    if factor and f.preemphasis_first != "frame":
        before = np.concatenate([0 * x[..., :1], x[..., :-1]], axis=-1)
        x = (x - factor * before)[..., int(f.preemphasis_first == "drop") :]
    frames = reference.framed(
        reference.padded(x, f.pad_left, f.pad_right, f.pad_mode), f.frame_length, f.hop_length
    ).astype(dtype)
    if f.remove_mean:
        frames = frames - frames.mean(axis=-1, keepdims=True)
    if factor and f.preemphasis_first == "frame":
        before = np.concatenate([frames[..., :1], frames[..., :-1]], axis=-1)
        frames = frames - factor * before
    spectra = fft.rfft(frames * f.make_window().astype(dtype), f.n_fft)
    y = spectra.real**2 + spectra.imag**2
    if f.power != 2:
        y = np.sqrt(y + dtype.type(f.power_offset)) ** dtype.type(f.power)
    if f.bands is not None:
        y = y @ f.bands.matrix_reference(f.sample_rate, f.n_fft).astype(dtype)
    if f.log != "none":
        floor = dtype.type(f.floor)
        y = reference.logarithm(np.maximum(y, floor) if f.floor_by == "max" else y + floor, f.log)
    if f.dynamic_range is not None:
        y = np.maximum(y, reference.peak(y, f.range_over) - dtype.type(f.dynamic_range))
    y = y * np.asarray(f.gain, dtype) + np.asarray(f.offset, dtype)
    if f.normalisation is not None:
        y = normalised_reference(y, f.normalisation)
    if f.n_cepstra:
        y = y @ f.cepstral_matrix().astype(dtype)
    return y if f.time_first else y.swapaxes(-1, -2)
