"""Normalisation of each band over time, in place."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task

if TYPE_CHECKING:
    import cupy

    from kapre_ref._normalisation import Normalisation

_WARPS, _BANDS = 16, 32  # the warps and the bands of a block, as in normalisation.cu


def normalise(values: cupy.ndarray, how: Normalisation) -> None:
    """Normalise (batch, channel, n_frames, n_bands), which has frames, in any layout."""
    if values.shape[2] - how.drop_last <= 0:
        values[...] = 0
        return
    grid, task = _launch(how, values.shape, values.strides, values.itemsize)
    real = "float" if values.dtype == np.float32 else "double"
    function = kernel("normalisation", f"kapre::normalise<{real}>", values.device.id)
    function(grid, (_BANDS, _WARPS), (values, task))


@lru_cache(maxsize=512)
def _launch(
    how: Normalisation, shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int
) -> tuple[tuple[int], Any]:
    batch, n_channels, n_frames, n_bands = shape
    blocks_of_channel = -(-n_bands // _BANDS)
    assert batch * n_channels * blocks_of_channel <= MAX_BLOCKS, (
        "more channels than a grid has blocks"
    )
    n_counted = n_frames - how.drop_last
    eps_below = how.eps if how.eps_in == "variance" else 0.0
    axes = ("batch", "channel", "frame", "band")
    steps = {f"{axis}_stride": n // itemsize for axis, n in zip(axes, strides, strict=True)}
    task = make_task(
        "normalisation",
        **steps,
        n_frames=n_frames,
        n_counted=n_counted,
        n_channels=n_channels,
        n_bands=n_bands,
        blocks_of_channel=blocks_of_channel,
        divides=how.divide,
        n_divided=max(n_counted - how.ddof, 1),
        eps_below=eps_below,
        eps_beside=how.eps - eps_below,
    )
    return (batch * n_channels * blocks_of_channel,), task
