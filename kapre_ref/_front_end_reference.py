"""The oracle of front ends: each step by its formula, in float64, on all frames at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import complex_dtype, real_dtype, silent
from kapre_ref._normalisation import normalised_reference
from kapre_ref._windows import LongWindow, get_window_fn_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


@silent
def features_reference(front_end: FrontEnd, x: NDArray[Any]) -> NDArray[Any]:
    """Compute the features of (..., time): (..., n_frames, n_values), or bands first."""
    f, dtype = front_end, real_dtype(x.dtype)
    spectra = spectra_of_frames(f, x)
    y = spectra.real**2 + spectra.imag**2
    if f.power != 2:
        y = (y + f.power_offset) ** (f.power / 2)
    if f.bands is not None:
        y = y @ f.bands.matrix_reference(f.sample_rate, f.n_fft)  # type: ignore[union-attr]
    if f.log != "none":
        y = logarithm(np.maximum(y, f.floor) if f.floor_by == "max" else y + f.floor, f.log)
    if f.dynamic_range is not None:
        y = np.maximum(y, peak(y, f.range_over) - f.dynamic_range)
    y = y * np.asarray(f.gain) + np.asarray(f.offset)
    if f.normalisation is not None:
        y = normalised_reference(y, f.normalisation)
    if f.n_cepstra:
        y = y @ f.cepstral_matrix()
    return (y if f.time_first else y.swapaxes(-1, -2)).astype(dtype, order="C")


@silent
def spectra_reference(front_end: FrontEnd, x: NDArray[Any]) -> NDArray[Any]:
    """Compute the spectra of (..., time): (..., n_frames, n_freq), or frequencies first."""
    spectra = spectra_of_frames(front_end, x)
    spectra = spectra if front_end.time_first else spectra.swapaxes(-1, -2)
    return spectra.astype(complex_dtype(x.dtype), order="C")


@silent
def spectra_of_frames(front_end: FrontEnd, x: NDArray[Any]) -> NDArray[np.complex128]:
    """Return what the power is taken of: (..., n_frames, n_freq)."""
    f = front_end
    signal = x.astype(np.float64) * f.input_scale
    if f.preemphasis and f.preemphasis_first != "frame":
        signal = emphasised(signal, f.preemphasis, f.preemphasis_first)
    signal = padded(signal, f.pad_left, f.pad_right, f.pad_mode)
    frames = framed(signal, f.frame_length, f.hop_length)  # (..., n_frames, frame_length)
    if f.remove_mean:
        frames = frames - frames.mean(axis=-1, keepdims=True)
        frames = frames - frames.mean(axis=-1, keepdims=True)  # what the mean lost when rounded
    if f.preemphasis and f.preemphasis_first == "frame":
        frames = emphasised(frames, f.preemphasis, "frame")
    return np.asarray(np.fft.rfft(frames * f.make_window(), f.n_fft))


def window_reference(window: Any, length: int) -> NDArray[np.float64]:
    """Return a window by its name, or the numbers that were given."""
    if isinstance(window, LongWindow):
        return window_reference(window.name, window.length)[:length]
    if not isinstance(window, str):
        return np.array(window, np.float64)
    if window == "ones":
        return np.ones(length)
    if window.endswith("_window"):
        return np.asarray(get_window_fn_reference(window)(length, dtype=np.float64), np.float64)
    kind, _, symmetric = window.partition("_")
    turn = length - 1 if symmetric or kind == "povey" else length
    cosine = np.cos(2 * np.pi * np.arange(length) / max(turn, 1)) if length > 1 else -np.ones(1)
    if kind == "hamming":
        return np.asarray(0.54 - 0.46 * cosine)
    if kind == "blackman":
        return np.asarray(0.42 - 0.5 * cosine + 0.08 * (2 * cosine**2 - 1))
    hann = 0.5 - 0.5 * cosine
    return np.asarray(hann**0.85 if kind == "povey" else hann)


def emphasised(x: NDArray[np.float64], factor: float, first: str) -> NDArray[np.float64]:
    """Subtract `factor` times the sample before.

    The first sample is left out ('drop'), has itself before it ('frame'), or nothing ('signal').
    """
    if first == "drop":
        return x[..., 1:] - factor * x[..., :-1]
    start = x[..., :1] if first == "frame" else 0 * x[..., :1]
    return x - factor * np.concatenate([start, x[..., :-1]], axis=-1)


def padded(x: NDArray[np.float64], left: int, right: int, mode: str) -> NDArray[np.float64]:
    """Extend the last axis, or cut it where a number is negative."""
    stop = x.shape[-1] + min(0, right)
    x = x[..., max(0, -left) : max(0, stop)]
    widths = [(0, 0)] * (x.ndim - 1) + [(max(0, left), max(0, right))]
    if mode == "zeros":
        return np.pad(x, widths)
    if not x.shape[-1]:  # there is nothing to extend
        return x
    if mode == "edge":
        return np.pad(x, widths, mode="edge")
    if mode == "odd":
        return np.pad(x, widths, mode="reflect", reflect_type="odd")
    return np.pad(x, widths, mode="reflect" if mode == "reflect" else "symmetric")


def framed(x: NDArray[np.float64], length: int, hop_length: int) -> NDArray[np.float64]:
    """View the frames that lie in a signal wholly: (..., n_frames, length)."""
    if x.shape[-1] < length:
        return np.zeros((*x.shape[:-1], 0, length))
    windows = np.lib.stride_tricks.sliding_window_view(x, length, axis=-1)
    return np.asarray(windows[..., ::hop_length, :])


def logarithm(x: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Return 'ln', 'log10' or '10log10' of numbers."""
    return np.log(x) if kind == "ln" else np.log10(x) * (10 if kind == "10log10" else 1)


def peak(y: NDArray[np.float64], over: str) -> NDArray[np.float64]:
    """Return the largest value of each channel, each item of the first axis, or all."""
    axes = {"channel": (-2, -1), "item": tuple(range(min(1, y.ndim - 2), y.ndim)), "call": None}
    return np.asarray(np.max(y, axis=axes[over], keepdims=True, initial=-np.inf))


def dct_matrix(n_bands: int, n_cepstra: int, lifter: float) -> NDArray[np.float64]:
    """Return the orthonormal DCT-II, with the lifter: (n_bands, n_cepstra)."""
    i, m = np.arange(n_cepstra), np.arange(n_bands)[:, None]
    matrix = np.cos(np.pi * i * (m + 0.5) / n_bands) * np.sqrt(2 / n_bands)
    matrix[:, 0] /= np.sqrt(2)
    if lifter:
        matrix = matrix * (1 + lifter / 2 * np.sin(np.pi * i / lifter))
    return np.asarray(matrix)
