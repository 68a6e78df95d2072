"""Decibels: two passes, for the peak of an item must be known before its floor."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cupy
import numpy as np

from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, pack_width
from kapre_ref.kernels.gpu.memory import on_device, working_dtype

if TYPE_CHECKING:
    from kapre_ref._decibel import DecibelScale

_THREADS, _ELEMENTS = 256, 16 * 256  # of a block, as in decibel.cu


@on_device
def magnitude_to_decibel(x: cupy.ndarray, scale: DecibelScale, out: cupy.ndarray) -> None:
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
    function, grid, task = _launch("to_decibels", scale, len(x), x.size, *_where(x, result))
    function(grid, (_THREADS,), (x, result, peaks, task))
    raise_to_floor(result, peaks, scale, out.dtype)
    if result is not out:
        out[...] = result


def raise_to_floor(values, peaks, scale, dtype):
    """Limit decibels from below, given the bits of each item's peak magnitude.

    They will be rounded to `dtype`, in which the limit must hold.
    """
    n_items = len(values)
    function, grid, task = _launch("raise_to_floor", scale, n_items, values.size, *_where(values))
    limit = np.float32(dtype.type(scale.dynamic_range)), np.int32(dtype.itemsize == 2)
    function(grid, (_THREADS,), (values, peaks, task, *limit))


@lru_cache(maxsize=64)
def constants(scale):
    """Return the decibels of amin, and what 10 log10 gives at 0 dB."""
    zero = 10 * math.log10(max(scale.amin, scale.ref_value))
    return np.float32(10 * math.log10(scale.amin) - zero), np.float32(zero)


@lru_cache(maxsize=512)
def items_are_dense(shape, strides, itemsize):
    """Tell whether x[0], x[1], ... fill one stretch of memory, each in whatever order of axes."""
    length = itemsize
    for n, stride in sorted(zip(shape[1:], strides[1:], strict=True), key=lambda axis: axis[1]):
        if n != 1 and stride != length:
            return False
        length *= n
    return shape[0] == 1 or strides[0] == length


def _where(*arrays):
    """Return how wide packs of each item's elements may be, and the device."""
    items = arrays[0]
    return pack_width(items.size // len(items), *arrays), items.device.id


@lru_cache(maxsize=512)
def _launch(name, scale, n_items, size, width, device_id):
    """Return a kernel, its grid, and the argument behind the arrays."""
    length = size // n_items
    n_runs = -(-length // _ELEMENTS)  # of an item
    assert n_items * n_runs <= MAX_BLOCKS, "more items than a grid has blocks"
    least, zero = constants(scale)
    function = kernel("decibel", f"kapre::{name}<{width}>", device_id)
    task = make_task("decibel", item_length=length, runs=n_runs, zero=zero, least=least)
    return function, (n_items * n_runs,), task


def _float64(x, scale, out):
    decibel = 10 * cupy.log10(cupy.maximum(x, scale.amin))
    decibel -= 10 * math.log10(max(scale.amin, scale.ref_value))
    peak = decibel.max(axis=tuple(range(1, x.ndim)), keepdims=True)
    out[...] = cupy.maximum(decibel, peak - scale.dynamic_range)
