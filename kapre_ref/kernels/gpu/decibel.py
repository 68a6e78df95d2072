"""Decibels and other logarithms, and a second pass if a group is too long for one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import cupy
import numpy as np

from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, pack_width, words
from kapre_ref.kernels.gpu.memory import cleared, on_device, working_dtype
from kapre_ref.kernels.gpu.scales import decibel_scale

if TYPE_CHECKING:
    from kapre_ref._decibel import DecibelScale

_THREADS, _ELEMENTS = 256, 16  # threads of a block, elements of a thread, as in decibel.cu
_REALS = {2: np.float32, 4: np.float32, 8: np.float64}  # to compute in, by bytes of a value
_WARP = 32  # threads of a warp
# The most bytes that one block raises to a floor, so that no second kernel need do it. A block of
# 128 threads has 8 KiB on their way from the L2 at a time, in packs of 16 bytes. If that takes 0.3
# us, 64 KiB take 2.4 us, about as long as the launch that they spare; for longer groups many blocks
# are faster. One second of 80 bands at a hop of 10 ms has 31 KiB.
MAX_BYTES_OF_BLOCK = 1 << 16
PEAK_BYTES = {4: 8, 8: 16}  # the size of `Peak` in floor.cuh, by bytes of a value


@on_device
def magnitude_to_decibel(x: cupy.ndarray, scale: DecibelScale, out: cupy.ndarray) -> None:
    """Run kernels in float32, which read and write float16 too; float64 takes expressions."""
    if not x.size:
        return
    dtype, numbers = working_dtype(out.dtype), decibel_scale(scale)
    if dtype == np.float64:
        _float64(x, scale, out)
        return
    if scale.to_peak:
        values = cupy.empty(out.shape, dtype)
        whole = cupy.ascontiguousarray(x, dtype=dtype)
        to_logarithms(whole, numbers, values, len(x))
        _shift_to_peak(values, float(out.dtype.type(scale.dynamic_range)))
        out[...] = values
        return
    x = cupy.ascontiguousarray(x)
    direct = out.flags.c_contiguous and out.data.ptr != x.data.ptr
    values = out if direct else cupy.empty(out.shape, out.dtype)
    peaks = to_logarithms(x, numbers, values, len(x), scale.dynamic_range)
    if peaks is not None:
        raise_to_floor(values, peaks, numbers, scale.dynamic_range)
    if values is not out:
        out[...] = values


def _float64(x, scale, out):
    decibel = scale.decade * cupy.log10(cupy.maximum(x, scale.amin))
    if scale.to_peak:
        _shift_to_peak(decibel, scale.dynamic_range)
    else:
        decibel -= scale.decade * math.log10(max(scale.amin, scale.ref_value))
    peak = decibel.max(axis=tuple(range(1, x.ndim)), keepdims=True)
    out[...] = cupy.maximum(decibel, peak - scale.dynamic_range)


def _shift_to_peak(decibel, dynamic_range):
    """Subtract the peak of each item, and limit the range; a peak that is infinite gives NaN."""
    peak = decibel.max(axis=tuple(range(1, decibel.ndim)), keepdims=True)
    decibel -= peak
    cupy.maximum(decibel, (peak - peak) - dynamic_range, out=decibel)


@on_device
def decibel_to_magnitude(
    x: cupy.ndarray, ref_value: float, decade: float, out: cupy.ndarray
) -> None:
    """Take exponentials in float64, and round each result once."""
    if not x.size:
        return
    x = cupy.ascontiguousarray(x)
    width = pack_width(x.size, x, out) if x.itemsize < 8 else 1
    name = f"kapre::to_magnitudes<{words(out.dtype, f', {width}')}>"
    n_blocks = -(-x.size // (width * _THREADS))
    assert n_blocks <= MAX_BLOCKS, "two terabytes at least"
    arguments = x, out, np.int64(x.size), np.float64(10 / decade), np.float64(ref_value)
    kernel("decibel", name, x.device.id)((n_blocks,), (_THREADS,), arguments)


def new_peaks(n, dtype):
    """Return a `Peak` of floor.cuh for each group, whose bytes are 0 at first."""
    return cupy.zeros((n, PEAK_BYTES[dtype.itemsize]), np.uint8)


def to_logarithms(x, scale, out, n_groups, limit=None):
    """Write logarithms of groups; x and out have one dtype and do not overlap.

    Return the peaks of the groups, or None if a limit is given and the groups are short: then no
    logarithm lies more than the limit below its peak.
    """
    launch = _launch("to_decibels", scale, (n_groups, x.size // n_groups), limit, _where(x, out))
    dtype = working_dtype(out.dtype)
    if launch.applies_range:
        peaks = cleared(n_groups * PEAK_BYTES[dtype.itemsize], out.device.id)
    else:
        peaks = new_peaks(n_groups, dtype)
    launch.function(launch.grid, (_THREADS,), (x, out, peaks, launch.task))
    return None if launch.applies_range else peaks


def raise_to_floor(values, peaks, scale, limit):
    """Let no logarithm lie more than `limit` below the peak of its group, in the values' dtype.

    The groups, as many as there are peaks, fill one run of memory, one after the other.
    """
    groups = len(peaks), values.size // len(peaks)
    launch = _launch("raise_to_floor", scale, groups, limit, _where(values, values))
    launch.function(launch.grid, (_THREADS,), (values, peaks, launch.task))


def limit_in(dtype, limit):
    """Return a limit as values of a dtype have it, as a number to compute with."""
    with np.errstate(over="ignore"):
        return _REALS[dtype.itemsize](dtype.type(limit))


@lru_cache(maxsize=512)
def groups_are_dense(shape, strides, itemsize, n_outer):
    """Tell whether groups fill one run of memory, in any order of the axes within a group.

    The first `n_outer` axes number the groups, in their order.
    """
    length = itemsize
    inner = zip(shape[n_outer:], strides[n_outer:], strict=True)
    outer = zip(shape[:n_outer][::-1], strides[:n_outer][::-1], strict=True)
    for n, stride in (*sorted(inner, key=lambda axis: axis[1]), *outer):
        if n != 1 and stride != length:
            return False
        length *= n
    return True


def _where(x, out):
    """Return the dtype, whether packs of four elements suit all addresses, and the device."""
    return out.dtype, pack_width(4, x, out) == 4, out.device.id


class _Launch(NamedTuple):
    function: Any
    grid: tuple[int]
    task: Any  # `Task` of decibel.cu
    applies_range: bool


@lru_cache(maxsize=512)
def _launch(name, scale, groups, limit, where):
    """Work out a launch from all that it depends on; `groups` are their number and length."""
    (n_groups, length), (dtype, suits_packs, device_id) = groups, where
    # The threads that share a group, or a run of it. A warp has whole groups.
    team = _WARP if length <= _WARP * _ELEMENTS else _THREADS
    n_runs = -(-length // (_ELEMENTS * team))  # runs of a group
    assert n_groups * n_runs <= MAX_BLOCKS, "more groups than a grid has blocks"
    n_blocks = -(-n_groups * n_runs // (_THREADS // team))
    # No instruction moves four float64 at once.
    width = 4 if suits_packs and length % 4 == 0 and dtype.itemsize < 8 else 1
    types = words(dtype, f", {width}, {team}")
    function = kernel("decibel", f"kapre::{name}<{types}>", device_id)
    real = working_dtype(dtype)
    numbers = scale.members(real)
    del numbers["takes_log"]
    applies_range = limit is not None and length * dtype.itemsize <= MAX_BYTES_OF_BLOCK
    task = make_task(
        "decibel",
        real.type,
        n_groups=n_groups,
        group_length=length,
        runs=n_runs,
        range=0 if limit is None else limit_in(dtype, limit),
        applies_range=applies_range,
        **numbers,
    )
    return _Launch(function, (n_blocks,), task, applies_range)
