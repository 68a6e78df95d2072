"""Spectra and features of transforms that no kernel of ours serves: cuFFT, and expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from kapre_ref._band_weights import filterbank_of
from kapre_ref.kernels.gpu.decibel import to_logarithms
from kapre_ref.kernels.gpu.framing import framed
from kapre_ref.kernels.gpu.memory import kept_on_device, resident, working_dtype
from kapre_ref.kernels.gpu.scales import has_lines, scale_of

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd


def features(
    signals: cupy.ndarray, front_end: FrontEnd, n_frames: int, dtype: np.dtype[Any]
) -> tuple[cupy.ndarray, cupy.ndarray | None]:
    """Return the C-contiguous values of each frame, and the peaks if there is a dynamic range.

    The values are rounded to `dtype` once they are computed.
    """
    f = front_end
    spectra = spectra_of(signals, f, n_frames)
    if f.power == 2 or f.power_offset:
        values = spectra.real**2 + spectra.imag**2
        if f.power_offset:
            values = cupy.sqrt(values + f.power_offset)
    else:
        values = cupy.abs(spectra)
    if f.power not in (1, 2):
        values **= f.power
    if f.bands is not None:
        values = values @ _filterbank(f, values.dtype, values.device.id)
    return in_last_form(cupy.ascontiguousarray(values), f, dtype)


def in_last_form(
    values: cupy.ndarray, front_end: FrontEnd, dtype: np.dtype[Any]
) -> tuple[cupy.ndarray, cupy.ndarray | None]:
    """Return logarithms with gain and offset, not limited yet, and their peaks."""
    f, scale, peaks = front_end, scale_of(front_end), None
    if scale.takes_log:
        batch, channel = values.shape[:2]
        n_peaks = {"channel": batch * channel, "item": batch, "call": 1}[f.range_over]
        logarithms = cupy.empty_like(values)
        found = to_logarithms(values, scale, logarithms, n_peaks)
        values, peaks = logarithms, None if f.dynamic_range is None else found
    elif (scale.factor, scale.shift) != (1, 0):
        values = values * scale.factor + scale.shift
    if has_lines(f):
        factors, shifts = lines_of(f, values.dtype, values.device.id)
        values = values * factors + shifts
    return values.astype(dtype, copy=False), peaks


def spectra_of(signals: cupy.ndarray, front_end: FrontEnd, n_frames: int) -> cupy.ndarray:
    """Return the spectra, (batch, channel, n_frames, n_freq), in the working precision."""
    f, dtype = front_end, working_dtype(signals.dtype)
    if f.remove_mean or f.preemphasis:  # else the product with the window has the right precision
        signals = signals.astype(dtype, copy=False)
    extended = _extended(signals, f, n_frames)
    n_zeros = max(0, f.pad_left) if f.pad_mode == "zeros" else 0
    frames = framed(extended, n_zeros, n_frames, f.frame_length, f.hop_length)
    if f.remove_mean:
        frames = frames - frames.mean(axis=-1, keepdims=True)
        frames = frames - frames.mean(axis=-1, keepdims=True)  # the mean was rounded
    if f.frame_factor:
        before = cupy.concatenate([frames[..., :1], frames[..., :-1]], axis=-1)
        frames = frames - f.frame_factor * before
    return cupy.fft.rfft(frames * _window(f, dtype, signals.device.id), f.n_fft)


def _extended(x: cupy.ndarray, f: FrontEnd, n_frames: int) -> cupy.ndarray:
    """Return signals that are pre-emphasised, cut and extended at their ends, without zeros."""
    if f.signal_factor:
        emphasised = x.copy()
        emphasised[:, :, 1:] -= f.signal_factor * x[:, :, :-1]
        x = emphasised
    n_cut = n_cut_off(f)
    x = x[:, :, n_cut : max(n_cut, x.shape[2] + min(0, f.pad_right))]
    left, n = max(0, f.pad_left), x.shape[2]
    length = (n_frames - 1) * f.hop_length + f.frame_length
    if f.pad_mode == "zeros" or (left == 0 and length <= n):
        return x
    index = cupy.arange(-left, length - left)
    if f.pad_mode == "edge":
        return cupy.take(x, cupy.clip(index, 0, n - 1), axis=2)
    seam = int(f.pad_mode == "mirror")
    period = max(1, 2 * (n - 1 + seam))
    folded = cupy.where(index < 0, -index - seam, index) % period
    extended = cupy.take(x, cupy.where(folded < n, folded, period - seam - folded), axis=2)
    return _turned(extended, x, index) if f.pad_mode == "odd" else extended


def _turned(extended: cupy.ndarray, x: cupy.ndarray, index: cupy.ndarray) -> cupy.ndarray:
    """Turn reflected samples about the edges where they were folded: twice an edge less each."""
    span = max(1, x.shape[2] - 1)
    beyond = cupy.where(index < 0, -index, index - (x.shape[2] - 1))
    folds = cupy.maximum(0, -(-beyond // span))
    odd = folds % 2
    first, last = x[:, :, :1], x[:, :, -1:]
    near, far = cupy.where(index < 0, first, last), cupy.where(index < 0, last, first)
    edges = (2 * odd).astype(x.dtype) * near
    edges += cupy.where(folds > 1, (folds - odd).astype(x.dtype) * (near - far), 0)
    return cupy.where(folds > 0, edges + cupy.where(odd, -extended, extended), extended)


def n_cut_off(front_end: FrontEnd) -> int:
    """Count the samples in front that belong to no frame; pre-emphasis may still need them."""
    return max(0, -front_end.pad_left) + front_end.drops_first


@kept_on_device
def _window(front_end: FrontEnd, dtype: np.dtype[np.generic], device_id: int) -> cupy.ndarray:
    return resident((front_end.make_window() * front_end.input_scale).astype(dtype))


@kept_on_device
def _filterbank(front_end: FrontEnd, dtype: np.dtype[np.generic], device_id: int) -> cupy.ndarray:
    return resident(filterbank_of(front_end.band_weights(dtype)).astype(dtype))


@kept_on_device
def lines_of(
    front_end: FrontEnd, dtype: np.dtype[np.generic], device_id: int
) -> tuple[cupy.ndarray, cupy.ndarray]:
    """Return the gain and the offset of each band."""
    shape = (front_end.n_bands,)
    factors = np.broadcast_to(np.array(front_end.gain, dtype), shape)
    shifts = np.broadcast_to(np.array(front_end.offset, dtype), shape)
    return resident(np.ascontiguousarray(factors)), resident(np.ascontiguousarray(shifts))
