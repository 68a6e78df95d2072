"""Frames side by side and axes of a fixed length: copies of runs as long as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices
from kapre_ref.kernels.cpu.runtime.strided import assign

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BYTE_SECONDS = 1e-10  # the time to read or write a byte


@operation
def stack_frames(
    x: NDArray[Any], step: int, n_before: int, repeats: bool, out: NDArray[Any]
) -> None:
    """Copy all stacks at once that have all of their frames, then the few others one by one."""
    if not out.size:
        return
    n_frames, (n_stacks, n) = x.shape[-2], out.shape[-3:-1]
    first = min(-(-n_before // step), n_stacks)
    end = max(first, min(n_stacks, (n_frames - n + n_before) // step + 1))
    if first < end:
        windows = sliding_window_view(x, n, axis=-2).swapaxes(-2, -1)
        windows = windows[..., first * step - n_before :: step, :, :]
        whole = out[..., first:end, :, :]

        def copy(start: int, stop: int) -> None:
            assign(whole[..., start:stop, :, :], windows[..., start:stop, :, :])

        run_slices(copy, end - first, whole.nbytes * _BYTE_SECONDS)
    for i in (*range(first), *range(end, n_stacks)):
        _copy_stack(x, i * step - n_before, repeats, out[..., i, :, :])


def _copy_stack(x: NDArray[Any], start: int, repeats: bool, stack: NDArray[Any]) -> None:
    """Copy the frames from `start` on, of which some are not there."""
    n_frames, n = x.shape[-2], stack.shape[-2]
    first, end = max(0, -start), min(n, n_frames - start)
    assign(stack[..., first:end, :], x[..., start + first : start + end, :])
    stack[..., :first, :] = x[..., :1, :] if repeats else 0
    stack[..., end:, :] = x[..., -1:, :] if repeats else 0


@operation
def fix_length(x: NDArray[Any], n_copied: int, value: float, out: NDArray[Any]) -> None:
    """Copy `x` once, and what repeats from `out` itself, twice as much each time."""
    if not out.size:
        return
    n_there = min(x.shape[-1], n_copied)
    assign(out[..., :n_there], x[..., :n_there])
    while n_there < n_copied:
        n_more = min(n_there, n_copied - n_there)
        assign(out[..., n_there : n_there + n_more], out[..., :n_more])
        n_there += n_more
    rest = out[..., n_copied:]
    assign(rest, np.broadcast_to(out.dtype.type(value), rest.shape))
