"""A limit below the peak of a group of frames, once the values of all are there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.runtime.jit import kernel
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.strided import is_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref.kernels.cpu.front_end import Steps

_LIMIT_SECONDS = 2e-10  # for each number


def limit_range(out: NDArray[Any], peaks: NDArray[Any] | None, steps: Steps) -> None:
    """Raise what lies more than the dynamic range below the peak, as they are rounded.

    `peaks` are those of frames, with room behind them that does not count. All that is computed
    here is in the dtype of `out`, so that the limit holds there to the bit, unless the peak or the
    range is beyond float16.
    """
    if peaks is None or steps.dynamic_range is None:
        return
    dtype, n_frames = out.dtype, out.shape[2]
    dynamic_range = dtype.type(steps.dynamic_range)
    whole = out if out.flags.c_contiguous else out.swapaxes(2, 3)
    if dtype == peaks.dtype and is_plain(whole, dtype):
        n_groups = math.prod(out.shape[: 3 - len(steps.axes)])
        grouped = peaks.reshape(n_groups, -1, peaks.shape[2])
        _limit_groups(grouped, n_frames, dynamic_range, steps.least, whole.reshape(n_groups, -1))
        return
    peaks = peaks[:, :, :n_frames]
    if dtype.type(peaks.max()) - dynamic_range < steps.least:
        return
    peaks = peaks.max(axis=steps.axes, keepdims=True)  # NaN poisons all
    rounded = peaks.astype(dtype)
    limits = rounded - dynamic_range
    if peaks.dtype != dtype:  # float16
        is_beyond = np.isinf(rounded) | np.isinf(dynamic_range)
        wide = (peaks - np.float64(steps.dynamic_range)).astype(dtype)
        limits = np.where(is_beyond, wide, limits)
    limits = limits[..., None]

    def run(start: int, stop: int) -> None:
        frames = out[:, :, start:stop]
        np.maximum(frames, limits, out=frames)

    run_slices(run, out.shape[2], out.size * _LIMIT_SECONDS)


def _limit_groups(
    peaks: NDArray[Any],
    n_frames: int,
    dynamic_range: np.floating[Any],
    least: float,
    groups: NDArray[Any],
) -> None:
    """Limit each group of contiguous values; `peaks` are (group, channel, n_frames and room)."""

    def run(start: int, stop: int) -> None:
        _raise(peaks, n_frames, dynamic_range, least, groups, start, stop)

    run_slices(run, groups.shape[1], groups.size * _LIMIT_SECONDS)


@kernel
def _raise(peaks, n_frames, dynamic_range, least, groups, start, stop):
    # Each slice finds the peaks of all frames anew, which are few beside the values.
    for i in range(peaks.shape[0]):
        highest = peaks[i, 0, 0]
        for j in range(peaks.shape[1]):
            for k in range(n_frames):
                peak = peaks[i, j, k]
                highest = peak if peak > highest or peak != peak else highest  # NaN poisons all
        limit = highest - dynamic_range
        if limit < least:
            continue
        group = groups[i, start:stop]
        for j in range(group.size):
            value = group[j]
            is_kept = value >= limit or value != value
            group[j] = value if is_kept else limit
