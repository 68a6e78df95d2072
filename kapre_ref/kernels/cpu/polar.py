"""Magnitudes, whose squares do not overflow, and phases by a polynomial arc tangent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import overload

from kapre_ref.kernels.cpu.emit.polynomials import ARC_TANGENT_32, ARC_TANGENT_64
from kapre_ref.kernels.cpu.runtime.chunks import for_chunks
from kapre_ref.kernels.cpu.runtime.jit import kernel
from kapre_ref.kernels.cpu.runtime.pool import operation

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGNITUDE_SECONDS = 6e-10
_PHASE_SECONDS = 1e-9

_A0, _A1, _A2, _A3, _A4 = map(np.float32, ARC_TANGENT_32)
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8, _B9, _B10 = ARC_TANGENT_64

# The bits of the exponent, then those of the least and of the largest power of two that have a
# normal inverse.
_EXPONENT_32, _EXPONENT_64 = np.int32(0xFF << 23), np.int64(0x7FF << 52)
_LEAST_32, _LEAST_64 = np.int32(1 << 23), np.int64(1 << 52)
_LARGEST_32, _LARGEST_64 = np.int32(0xFD << 23), np.int64(0x7FD << 52)


@operation
def magnitude(x: NDArray[Any], out: NDArray[Any]) -> None:
    """Write absolute values, of complex numbers by a kernel."""
    if x.dtype.kind == "c":
        fill_magnitudes(x, out)
    else:
        np.abs(x, out=out)


@operation
def phase(x: NDArray[Any], out: NDArray[Any]) -> None:
    """Write angles, of complex numbers by a kernel."""
    if x.dtype.kind == "c":
        fill_phases(x, out)
    else:
        np.arctan2(x.dtype.type(0), x, out=out)


def fill_magnitudes(x: NDArray[Any], out: NDArray[Any]) -> None:
    """Write magnitudes of complex numbers, scaled before they are squared, against overflow."""
    infinity = out.dtype.type(np.inf)

    def run(numbers: NDArray[Any], magnitudes: NDArray[Any]) -> None:
        _magnitude(numbers.view(magnitudes.dtype), magnitudes, infinity)

    for_chunks(run, [x], out, [x.dtype, out.dtype], _MAGNITUDE_SECONDS)


def fill_phases(x: NDArray[Any], out: NDArray[Any]) -> None:
    """Write angles of complex numbers."""
    constants = [out.dtype.type(c) for c in (math.pi, 1, math.tan(math.pi / 8))]

    def run(numbers: NDArray[Any], angles: NDArray[Any]) -> None:
        _phase(numbers.view(angles.dtype), angles, *constants)

    for_chunks(run, [x], out, [x.dtype, out.dtype], _PHASE_SECONDS)


@kernel
def _magnitude(parts, magnitudes, infinity):
    for i in range(magnitudes.size):
        re, im = abs(parts[2 * i]), abs(parts[2 * i + 1])
        unit, inverse = power_of_two(re if re > im else im)
        re_scaled, im_scaled = re * inverse, im * inverse
        length = math.sqrt(re_scaled * re_scaled + im_scaled * im_scaled) * unit
        infinite = re == infinity or im == infinity  # infinity wins even beside NaN, as in C99
        magnitudes[i] = infinity if infinite else length


def power_of_two(x):
    """Return the power of two just below a positive number, and its inverse, both kept normal."""
    return _power_64(x) if isinstance(x, np.float64) else _power_32(x)


@overload(power_of_two, inline="always")
def _power_of_two(x):
    return _power_64 if x == types.float64 else _power_32


def _power_32(x):
    bits = np.int32(np.float32(x).view(np.int32) & _EXPONENT_32)
    bits = np.int32(min(max(bits, _LEAST_32), _LARGEST_32))
    return bits.view(np.float32), np.int32(_LEAST_32 + _LARGEST_32 - bits).view(np.float32)


def _power_64(x):
    bits = np.float64(x).view(np.int64) & _EXPONENT_64
    bits = np.int64(min(max(bits, _LEAST_64), _LARGEST_64))
    return bits.view(np.float64), np.int64(_LEAST_64 + _LARGEST_64 - bits).view(np.float64)


@kernel
def _phase(parts, angles, pi, one, eighth):
    for i in range(angles.size):
        x, y = abs(parts[2 * i]), abs(parts[2 * i + 1])
        steep = y > x
        short, long = (x, y) if steep else (y, x)
        t = short / long
        t = one if short == long else t  # infinity / infinity would be NaN
        t = one - one if short + long == 0 else t  # 0 / 0 would be NaN
        # atan(t) = pi / 4 + atan((t - 1) / (t + 1))
        far = t > eighth
        z = (t - one) / (t + one) if far else t
        angle = z + z * z * z * arc_tangent_factor(z * z)
        angle = pi / 4 + angle if far else angle
        angle = pi / 2 - angle if steep else angle
        angle = pi - angle if math.copysign(one, parts[2 * i]) < 0 else angle
        angles[i] = math.copysign(angle, parts[2 * i + 1])


def arc_tangent_factor(w):
    """Return (atan(z) / z - 1) / z**2 for `w` = z**2."""
    return _factor_64(w) if isinstance(w, np.float64) else _factor_32(w)


@overload(arc_tangent_factor, inline="always")
def _arc_tangent_factor(w):
    return _factor_64 if w == types.float64 else _factor_32


def _factor_32(w):
    p = _A4
    p = p * w + _A3
    p = p * w + _A2
    p = p * w + _A1
    return p * w + _A0


def _factor_64(w):
    p = _B10
    p = p * w + _B9
    p = p * w + _B8
    p = p * w + _B7
    p = p * w + _B6
    p = p * w + _B5
    p = p * w + _B4
    p = p * w + _B3
    p = p * w + _B2
    p = p * w + _B1
    return p * w + _B0
