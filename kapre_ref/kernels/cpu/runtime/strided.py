"""Strided arrays, and arrays of float16, made contiguous in the dtype of a kernel, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._chunks import chunks_of
from kapre_ref.kernels.cpu.emit.copies import copy_numbers, copy_run, gather_run
from kapre_ref.kernels.cpu.emit.intrinsics import itemsize_of
from kapre_ref.kernels.cpu.runtime.jit import Addresses, address_kernel, as_input, kernel
from kapre_ref.kernels.cpu.runtime.scratch import scratch_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Bits are moved as floating-point numbers of the same size, and complex128 as two of them.
_UNITS: dict[int, np.floating[Any]] = {4: np.float32(1), 8: np.float64(1), 16: np.float64(1)}
_MOST_AXES = 4
_FLOAT16, _FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)

# The bit patterns of float16 and of float32: the sign, all bits but the sign, infinity.
_SIGN_16, _REST_16, _INFINITY_16 = map(np.uint32, (0x8000, 0x7FFF, 0x7C00))
_SIGN_32, _REST_32, _INFINITY_32 = map(np.uint32, (0x80000000, 0x7FFFFFFF, 0x7F800000))
_NAN_16 = np.uint32(0x7E00)
_FRACTION = np.uint32(13)  # how many more bits the fraction has in float32
_INFINITY_SHIFTED = np.uint32(0x7C00 << 13)
_REBIAS = np.float32(2.0**112)  # float16's exponents have a bias of 15, float32's one of 127
_TOO_LARGE = np.uint32(0x47800000)  # 2**16
_NORMAL = np.uint32(0x38800000)  # 2**-14
_HALF = np.float32(0.5)  # its last bit counts as much as the last bit of a subnormal float16
_HALF_BITS = _HALF.view(np.uint32)
# Added to the bits of a float32: the other bias, and almost half of the last bit of float16.
_ROUNDING = np.uint32((-112 << 23) % 2**32 + 0xFFF)
_ONE, _SHIFT = np.uint32(1), np.uint32(16)


def is_plain(x: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Tell whether an array is contiguous, aligned and of that dtype."""
    return x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned


def contiguous(x: NDArray[Any], dtype: np.dtype[Any], purpose: str | None = None) -> NDArray[Any]:
    """Return a read-only view of an array that is plain, else of a plain copy.

    If `purpose` is given, the copy lies in scratch memory of that name, which the next call with
    the same name overwrites.
    """
    if is_plain(x, dtype):
        return as_input(x)
    copy = np.empty(x.shape, dtype) if purpose is None else scratch_array(purpose, x.shape, dtype)
    assign(copy, x)
    return as_input(copy)


def assign(target: NDArray[Any], source: NDArray[Any]) -> None:
    """Do `target[...] = source` for arrays of one shape, without warnings."""
    for index in chunks_of(target.shape, target.itemsize):
        chunk: tuple[Any, ...] = (*index, ...)  # a view, even of an array without axes
        _assign(target[chunk], source[chunk])


def _assign(target: NDArray[Any], source: NDArray[Any]) -> None:
    if source.dtype == target.dtype:
        _move(target, source)
    elif (source.dtype, target.dtype) == (_FLOAT16, _FLOAT32):
        bits = source.view(np.uint16)
        bits = bits if is_plain(bits, bits.dtype) else np.ascontiguousarray(bits)
        straight = is_plain(target, target.dtype)
        numbers = target if straight else np.empty(target.shape, target.dtype)
        _widen(as_input(bits.reshape(-1)), numbers.reshape(-1))
        if not straight:
            _move(target, numbers)
    elif (source.dtype, target.dtype) == (_FLOAT32, _FLOAT16):
        straight = is_plain(target, target.dtype)
        bits = np.empty(target.shape, np.uint16) if not straight else target.view(np.uint16)
        _narrow(contiguous(source, source.dtype).reshape(-1), bits.reshape(-1))
        if not straight:
            target.view(np.uint16)[...] = bits
    else:
        with np.errstate(all="ignore"):
            target[...] = source


def _move(target: NDArray[Any], source: NDArray[Any]) -> None:
    loops = _loops(source.shape, source.itemsize, source.strides, target.strides)
    unit = _UNITS.get(source.itemsize)
    if loops is None or unit is None:
        target[...] = source
        return
    shape, source_strides, target_strides = loops
    addresses = Addresses()
    from_here, to_here = addresses.of(source), addresses.of(target)
    _copy(addresses, unit, shape, from_here, source_strides, to_here, target_strides)


@lru_cache(maxsize=256)
def _loops(
    shape: tuple[int, ...],
    itemsize: int,
    source_strides: tuple[int, ...],
    target_strides: tuple[int, ...],
) -> tuple[tuple[int, ...], ...] | None:
    """Return shape and strides of the same copy with as few axes as possible, the longest last.

    NumPy's innermost loop would go over the target's innermost axis, even if that is two channels.
    """
    each = zip(shape, source_strides, target_strides, strict=True)
    axes = [axis for axis in each if axis[0] != 1]
    if itemsize == 16:
        axes.append((2, 8, 8))
    axes.sort(key=lambda axis: -abs(axis[2]))
    merged: list[tuple[int, int, int]] = []
    for n, a, b in axes:
        if merged and merged[-1][1] == n * a and merged[-1][2] == n * b:
            n *= merged.pop()[0]
        merged.append((n, a, b))
    merged.sort(key=lambda axis: axis[0])
    if len(merged) > _MOST_AXES:
        return None
    merged = [(1, 0, 0)] * (_MOST_AXES - len(merged)) + merged
    return tuple(zip(*merged, strict=True))


@address_kernel
def _copy(unit, shape, source, source_strides, target, target_strides):
    itemsize, a, b = itemsize_of(unit), source_strides, target_strides
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                from_here = source + i * a[0] + j * a[1] + k * a[2]
                to_here = target + i * b[0] + j * b[1] + k * b[2]
                if a[3] == itemsize and b[3] == itemsize:
                    copy_run(unit, from_here, to_here, shape[3])
                elif b[3] == itemsize:
                    gather_run(unit, from_here, a[3], to_here, shape[3])
                else:
                    copy_numbers(unit, from_here, a[3], to_here, b[3], shape[3])


@kernel
def _widen(bits, numbers):
    # The fraction moves to its place. A product then corrects the exponent, even of subnormals.
    for i in range(bits.size):
        half = np.uint32(bits[i])
        size = np.uint32(np.uint32(half & _REST_16) << _FRACTION)
        word = np.float32(size.view(np.float32) * _REBIAS).view(np.uint32)
        word = np.uint32(word | _INFINITY_32) if size >= _INFINITY_SHIFTED else word
        word = np.uint32(word | np.uint32(np.uint32(half & _SIGN_16) << _SHIFT))
        numbers[i] = word.view(np.float32)


@kernel
def _narrow(numbers, bits):
    # Numbers are rounded to nearest, and ties to even: half of the last bit is added, and a little
    # less than half if the last bit is even.
    for i in range(bits.size):
        word = np.float32(numbers[i]).view(np.uint32)
        size = np.uint32(word & _REST_32)
        odd = np.uint32(np.uint32(size >> _FRACTION) & _ONE)
        normal = np.uint32(np.uint32(size + _ROUNDING) + odd) >> _FRACTION
        subnormal = np.float32(size.view(np.float32) + _HALF).view(np.uint32) - _HALF_BITS
        half = np.uint32(normal) if size >= _NORMAL else np.uint32(subnormal)
        beyond = _NAN_16 if size > _INFINITY_32 else _INFINITY_16
        half = beyond if size >= _TOO_LARGE else half
        bits[i] = np.uint16(half | np.uint32(np.uint32(word & _SIGN_32) >> _SHIFT))
