"""Frames side by side, gathered in one pass, and axes of a fixed length, by a few copies."""

from __future__ import annotations

import cupy

from kapre_ref.kernels.gpu.memory import on_device


@on_device
def stack_frames(
    x: cupy.ndarray, step: int, n_before: int, repeats: bool, out: cupy.ndarray
) -> None:
    """Gather the nearest frame for each place of a stack, then write zeros where they belong."""
    if not out.size:
        return
    n_frames, (n_stacks, n) = x.shape[-2], out.shape[-3:-1]
    index = step * cupy.arange(n_stacks)[:, None] + (cupy.arange(n) - n_before)  # (n_stacks, n)
    cupy.take(x, cupy.clip(index, 0, n_frames - 1), axis=-2, out=out)
    if repeats:
        return
    for i in reversed(range(n_stacks)):  # only the last few stacks lack frames, at their end
        n_there = n_frames - i * step
        if n_there >= n:
            return
        out[..., i, n_there:, :] = 0


@on_device
def fix_length(x: cupy.ndarray, n_copied: int, value: float, out: cupy.ndarray) -> None:
    """Copy `x` once, and what repeats from `out` itself, twice as much each time."""
    if not out.size:
        return
    n_there = min(x.shape[-1], n_copied)
    out[..., :n_there] = x[..., :n_there]
    while n_there < n_copied:
        n_more = min(n_there, n_copied - n_there)
        out[..., n_there : n_there + n_more] = out[..., :n_more]
        n_there += n_more
    out[..., n_copied:] = value
