"""Decibels in the working precision, item by item."""

import math

import numpy as np

from kapre_ref.kernels.cpu.memory import working_dtype


def magnitude_to_decibel(x, scale, out):
    """Convert items one after the other, so that an item's peak is found while it is in cache."""
    dtype = working_dtype(out.dtype)
    amin = dtype.type(scale.amin)
    reference = dtype.type(10 * math.log10(max(scale.amin, scale.ref_value)))
    for item, result in zip(x, out, strict=True):
        if not item.size:
            continue
        decibel = np.maximum(item, amin, dtype=dtype)
        np.log10(decibel, out=decibel)
        decibel *= dtype.type(10)
        decibel -= reference
        np.maximum(decibel, decibel.max() - dtype.type(scale.dynamic_range), out=decibel)
        result[...] = decibel
