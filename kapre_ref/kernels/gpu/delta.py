"""Deltas: a weighted sum of shifted slices of the padded frames."""

from __future__ import annotations

import cupy
import numpy as np

from kapre_ref.kernels.gpu.memory import kept_on_device, on_device, resident, working_dtype


@on_device
def delta(spectra: cupy.ndarray, win_length: int, mode: str, out: cupy.ndarray) -> None:
    """Gather the frames with their mirrored margins, then add up the differences."""
    half, n_frames = win_length // 2, spectra.shape[2]
    if not n_frames:
        return
    sum_of_squares = half * (half + 1) * (2 * half + 1) / 3
    half = min(half, n_frames)  # frames further away are zeros, or there are no such frames
    index = _padded_indices(n_frames, half, mode, spectra.device.id)
    padded = cupy.take(spectra, index, axis=2).astype(working_dtype(out.dtype))
    if mode == "constant":
        padded[:, :, :half] = 0
        padded[:, :, half + n_frames :] = 0
    # 0 times NaN or infinity is NaN, as in the formula.
    slopes = padded[:, :, half : half + n_frames] * 0
    if half:
        slopes = slopes + _weighted(padded, half, n_frames, 1, half + 1)
    out[...] = slopes / sum_of_squares


@kept_on_device
def _padded_indices(n_frames: int, half: int, mode: str, device_id: int) -> cupy.ndarray:
    """Return which frame stands at each place of the padded frames; the host computes it once."""
    return resident(np.pad(np.arange(n_frames), half, mode))  # type: ignore[call-overload]


def _weighted(padded: cupy.ndarray, half: int, n_frames: int, first: int, end: int) -> cupy.ndarray:
    """Add n (after - before) for first <= n < end, in two halves, which keeps errors small."""
    if end - first == 1:
        after = padded[:, :, half + first : half + first + n_frames]
        before = padded[:, :, half - first : half - first + n_frames]
        return first * (after - before)
    middle = (first + end) // 2
    front = _weighted(padded, half, n_frames, first, middle)
    return front + _weighted(padded, half, n_frames, middle, end)
