"""Mean and variance of each item in float64, by sums in an order of their own."""

from __future__ import annotations

import cupy
import numpy as np

from kapre_ref.kernels.gpu.memory import on_device


@on_device
def standardize(x: cupy.ndarray, eps: float, out: cupy.ndarray) -> None:
    """Subtract the mean twice, the second time what rounding left of it."""
    if not out.size:
        return
    n_samples = x.shape[-1]
    centred = x.astype(np.float64)
    for _ in range(2):
        centred -= _sum(centred) / n_samples
    variance = _sum(centred * centred) / n_samples
    out[...] = centred / cupy.sqrt(variance + eps)


def _sum(x: cupy.ndarray) -> cupy.ndarray:
    """Add up the last axis, (..., 1), by halves: in an order that depends on its length alone.

    CuPy's own sums are in one that depends on the shape, and so an item's bits on its batch.
    """
    while x.shape[-1] > 1:
        n_pairs, n_kept = x.shape[-1] // 2, (x.shape[-1] + 1) // 2
        front = x[..., :n_kept].copy()
        pairs = front[..., :n_pairs]
        pairs += x[..., n_kept:]
        x = front
    return x
