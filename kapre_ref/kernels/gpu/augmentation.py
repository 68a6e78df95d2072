"""Masks and swapped channels: small index arrays are copied to the device, the batch never."""

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
    """Gather along the channel axis."""
    out[...] = cupy.take(x, cupy.asarray(order), axis=axis)
