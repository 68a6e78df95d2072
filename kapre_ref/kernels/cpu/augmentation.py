"""Masks and swapped channels: one pass over the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._chunks import chunks_of
from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.runtime.strided import assign

if TYPE_CHECKING:
    from numpy.typing import NDArray


@operation
def spec_augment(
    spectra: NDArray[Any],
    times: NDArray[np.bool_],
    frequencies: NDArray[np.bool_],
    mask_value: float,
    out: NDArray[Any],
) -> None:
    """Copy chunk by chunk, and cover each chunk where the masks of either axis cover it."""
    covered_times = np.broadcast_to(times[:, None, :, None], out.shape)
    covered_bins = np.broadcast_to(frequencies[:, None, None, :], out.shape)
    value = out.dtype.type(mask_value)
    for chunk in chunks_of(out.shape, out.itemsize):
        assign(out[chunk], spectra[chunk])
        np.copyto(out[chunk], value, where=covered_times[chunk] | covered_bins[chunk])


@operation
def channel_swap(
    x: NDArray[Any], order: NDArray[np.integer[Any]], axis: int, out: NDArray[Any]
) -> None:
    """Copy to each channel the one that the order has drawn for it."""
    channels, swapped = np.moveaxis(x, axis, 0), np.moveaxis(out, axis, 0)
    for target, source in enumerate(order):
        assign(swapped[target], channels[source])
