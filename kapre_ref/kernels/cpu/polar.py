"""Magnitudes without overflow between, and phases by a polynomial arc tangent."""

import math

import numpy as np
from numba import types
from numba.extending import overload

from kapre_ref.kernels.cpu.blocks import for_blocks
from kapre_ref.kernels.cpu.jit import kernel

_MAGNITUDE_SECONDS = 6e-10
_PHASE_SECONDS = 1e-9

# (atan(z) / z - 1) / z**2 as a polynomial of z**2 for |z| up to tan(pi / 8), least-squares fits at
# Chebyshev nodes; relative errors 7e-10 and 1.4e-18, far below the rounding of the dtypes.
_A0, _A1, _A2, _A3, _A4 = map(
    np.float32,
    (
        -0.3333331457963144,
        0.19998442085465307,
        -0.1424306416369808,
        0.10590773287375459,
        -0.06071304110717024,
    ),
)
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8, _B9, _B10 = (
    -0.3333333333333319,
    0.19999999999951815,
    -0.14285714280044176,
    0.1111111077676875,
    -0.0909089758572816,
    0.07692057446231296,
    -0.06663075306250786,
    0.05847696909687522,
    -0.0503850261718077,
    0.0380456191092891,
    -0.017887857000404194,
)

_EXPONENT = np.int64(0x7FF << 52)
_LEAST_EXPONENT = np.int64(1 << 52)
_LARGEST_EXPONENT = np.int64(0x7FD << 52)


def magnitude(x, out):
    """Take absolute values: of complex64 by float64, which cannot overflow."""
    if x.dtype.kind != "c":
        np.abs(x, out=out)
        return
    find = _magnitude_of_float32 if out.itemsize == 4 else _magnitude_of_float64

    def run(numbers, magnitudes):
        find(numbers.view(magnitudes.dtype), magnitudes)

    for_blocks(run, [x], out, [x.dtype, out.dtype], _MAGNITUDE_SECONDS)


def phase(x, out):
    """Take angles, in the working precision."""
    if x.dtype.kind != "c":
        np.arctan2(x.dtype.type(0), x, out=out)
        return
    constants = [out.dtype.type(c) for c in (math.pi, 1, math.tan(math.pi / 8))]

    def run(numbers, angles):
        _phase(numbers.view(angles.dtype), angles, *constants)

    for_blocks(run, [x], out, [x.dtype, out.dtype], _PHASE_SECONDS)


@kernel
def _magnitude_of_float32(parts, magnitudes):
    for i in range(magnitudes.size):
        re, im = np.float64(parts[2 * i]), np.float64(parts[2 * i + 1])
        infinite = abs(re) == np.inf or abs(im) == np.inf  # even beside NaN, as in C99
        magnitudes[i] = np.inf if infinite else np.float32(math.sqrt(re * re + im * im))


@kernel
def _magnitude_of_float64(parts, magnitudes):
    for i in range(magnitudes.size):
        re, im = abs(parts[2 * i]), abs(parts[2 * i + 1])
        # Both times a power of two that brings the larger one near to 1.
        larger = re if re > im else im
        exponent = np.float64(larger).view(np.int64) & _EXPONENT
        exponent = min(max(exponent, _LEAST_EXPONENT), _LARGEST_EXPONENT)
        unit = np.int64(exponent).view(np.float64)
        scale = np.int64(_LEAST_EXPONENT + _LARGEST_EXPONENT - exponent).view(np.float64)
        re_scaled, im_scaled = re * scale, im * scale
        length = math.sqrt(re_scaled * re_scaled + im_scaled * im_scaled) * unit
        magnitudes[i] = np.inf if re == np.inf or im == np.inf else length


@kernel
def _phase(parts, angles, pi, one, eighth):
    for i in range(angles.size):
        x, y = abs(parts[2 * i]), abs(parts[2 * i + 1])
        steep = y > x
        short, long = (x, y) if steep else (y, x)
        t = short / long
        t = one if short == long else t  # not infinity / infinity
        t = one - one if short + long == 0 else t  # not 0 / 0
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
