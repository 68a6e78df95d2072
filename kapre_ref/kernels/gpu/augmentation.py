"""Masks and swapped channels: small masks are copied to the device, the batch never.

The masks are drawn anew on the host for each call, so a CUDA graph cannot repeat spec_augment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cupy

from kapre_ref.kernels.gpu.memory import on_device

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@on_device
def spec_augment(
    spectra: cupy.ndarray,
    times: NDArray[np.bool_],
    frequencies: NDArray[np.bool_],
    mask_value: float,
    out: cupy.ndarray,
) -> None:
    """Write either the mask's value or the bin, in one pass over the batch."""
    times, frequencies = cupy.asarray(times), cupy.asarray(frequencies)
    covered = times[:, None, :, None] | frequencies[:, None, None, :]
    out[...] = cupy.where(covered, out.dtype.type(mask_value), spectra)


@on_device
def channel_swap(
    x: cupy.ndarray, order: NDArray[np.integer[Any]], axis: int, out: cupy.ndarray
) -> None:
    """Copy channel by channel: channels are few, and their order stays on the host."""
    before = (slice(None),) * axis
    for to, channel in enumerate(order):
        out[(*before, to)] = x[(*before, int(channel))]
