"""Masks and swapped channels: small masks are copied to the device, the batch never.

The masks are drawn anew on the host for each call, so a CUDA graph cannot repeat spec_augment.
"""

import cupy

from kapre_ref.kernels.gpu.memory import on_device


@on_device
def spec_augment(spectra, times, frequencies, mask_value, out):
    """Select the mask's value or the bin in one pass."""
    times, frequencies = cupy.asarray(times), cupy.asarray(frequencies)
    covered = times[:, None, :, None] | frequencies[:, None, None, :]
    out[...] = cupy.where(covered, out.dtype.type(mask_value), spectra)


@on_device
def channel_swap(x, order, axis, out):
    """Copy channel by channel: there are few, and their order need not be on the device."""
    before = (slice(None),) * axis
    for to, channel in enumerate(order):
        out[(*before, to)] = x[(*before, int(channel))]
