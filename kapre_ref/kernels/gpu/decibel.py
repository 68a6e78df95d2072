"""Decibels: two passes, for the peak of an item must be known before its floor."""

import math
from functools import lru_cache

import cupy
import numpy as np

from kapre_ref.kernels.gpu.launch import int64, kernel, pack_width
from kapre_ref.kernels.gpu.memory import on_device, working_dtype

_STEMS = ("packs", "decibel")
_THREADS, _ELEMENTS = 256, 16 * 256  # of a block, as in decibel.cu


@on_device
def magnitude_to_decibel(x, scale, out):
    """Run two kernels in float32; in float64, expressions."""
    if not x.size:
        return
    if working_dtype(out.dtype) != np.float32:
        _float64(x, scale, out)
        return
    x = cupy.ascontiguousarray(x, dtype=np.float32)
    direct = out.dtype == np.float32 and out.flags.c_contiguous and out.data.ptr != x.data.ptr
    result = out if direct else cupy.empty(out.shape, np.float32)
    peaks = cupy.zeros(len(x), np.uint32)
    _launch("to_decibels", (x, result, peaks), x, _limits(scale)[:2])
    raise_to_floor(result, peaks, scale)
    if result is not out:
        out[...] = result


def raise_to_floor(values, peaks, scale):
    """Limit decibels from below, given the bits of each item's peak magnitude."""
    _launch("raise_to_floor", (values, peaks), values, _limits(scale))


@lru_cache(maxsize=64)
def constants(scale):
    """Return amin, and what 10 log10 gives at 0 dB."""
    zero = 10 * math.log10(max(scale.amin, scale.ref_value))
    return np.float32(scale.amin), np.float32(zero)


@lru_cache(maxsize=64)
def _limits(scale):
    """Return what 10 log10 gives at 0 dB, the decibels of amin, and the range."""
    zero = 10 * math.log10(max(scale.amin, scale.ref_value))
    least = 10 * math.log10(scale.amin) - zero
    return np.float32(zero), np.float32(least), np.float32(scale.dynamic_range)


@lru_cache(maxsize=512)
def items_are_dense(shape, strides, itemsize):
    """Tell whether x[0], x[1], ... fill one stretch of memory, each in whatever order of axes."""
    length = itemsize
    for n, stride in sorted(zip(shape[1:], strides[1:], strict=True), key=lambda axis: axis[1]):
        if n != 1 and stride != length:
            return False
        length *= n
    return shape[0] == 1 or strides[0] == length


def _launch(name, arrays, items, limits):
    length = items.size // len(items)
    n_runs = -(-length // _ELEMENTS)  # of an item
    width = pack_width(length, *(array for array in arrays if array.size > len(items)))
    function = kernel(_STEMS, f"kapre::{name}<{width}>", items.device.id)
    arguments = (*arrays, *int64(length), np.int32(n_runs), *limits)
    function((len(items) * n_runs,), (_THREADS,), arguments)


def _float64(x, scale, out):
    decibel = 10 * cupy.log10(cupy.maximum(x, scale.amin))
    decibel -= 10 * math.log10(max(scale.amin, scale.ref_value))
    peak = decibel.max(axis=tuple(range(1, x.ndim)), keepdims=True)
    out[...] = cupy.maximum(decibel, peak - scale.dynamic_range)
