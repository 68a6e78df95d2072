"""Decibels: two passes, for the peak of an item must be known before its floor."""

import math

import cupy

from kapre_ref.kernels.gpu.memory import on_device, working_dtype


@on_device
def magnitude_to_decibel(x, scale, out):
    """Take logarithms of the whole batch, then raise each item to its floor."""
    if not x.size:
        return
    dtype = working_dtype(out.dtype)
    decibel = cupy.maximum(x.astype(dtype, copy=False), dtype.type(scale.amin))
    decibel = dtype.type(10) * cupy.log10(decibel)
    decibel -= dtype.type(10 * math.log10(max(scale.amin, scale.ref_value)))
    peak = decibel.max(axis=tuple(range(1, x.ndim)), keepdims=True)
    out[...] = cupy.maximum(decibel, peak - dtype.type(scale.dynamic_range))
