"""Logarithms that the compiler turns into vector instructions, unlike calls of the C library."""

import numpy as np
from numba import types
from numba.extending import overload

from kapre_ref.kernels.cpu.emit.polynomials import LOGARITHM_32, LOGARITHM_64

# The bits of sqrt(1/2). Subtracted from the bits of x, they leave n in the exponent's place, such
# that x / 2**n is from sqrt(1/2) to sqrt(2).
_SQRT_HALF_32 = np.int32(0x3F3504F3)
_SQRT_HALF_64 = np.int64(0x3FE6A09E667F3BCD)
_FRACTION_32 = np.int32((1 << 23) - 1)
_FRACTION_64 = np.int64((1 << 52) - 1)

_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = map(np.float32, LOGARITHM_32)
_D0, _D1, _D2, _D3, _D4, _D5, _D6 = LOGARITHM_64


def split_log(x):
    """Return `(n, r)`, whole n and r from -0.35 to 0.35, such that log(x) = n log(2) + r.

    `x` is a positive, normal, finite number of float32 or float64, and so are n and r.
    """
    return _split_log_64(x) if isinstance(x, np.float64) else _split_log_32(x)


@overload(split_log, inline="always")
def _split_log(x):
    return _split_log_64 if x == types.float64 else _split_log_32


def _split_log_32(x):
    bits = np.int32(np.float32(x).view(np.int32) - _SQRT_HALF_32)
    n = np.float32(np.int32(bits >> np.int32(23)))
    f = np.int32((bits & _FRACTION_32) + _SQRT_HALF_32).view(np.float32) - np.float32(1)
    p = _C7
    p = p * f + _C6
    p = p * f + _C5
    p = p * f + _C4
    p = p * f + _C3
    p = p * f + _C2
    p = p * f + _C1
    p = p * f + _C0
    return n, f + f * f * (f * p - np.float32(0.5))


def _split_log_64(x):
    bits = np.float64(x).view(np.int64) - _SQRT_HALF_64
    n = np.float64(bits >> np.int64(52))
    f = np.int64((bits & _FRACTION_64) + _SQRT_HALF_64).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = _D6
    p = p * z + _D5
    p = p * z + _D4
    p = p * z + _D3
    p = p * z + _D2
    p = p * z + _D1
    p = p * z + _D0
    # log(1 + f) = 2 s + s z p, and 2 s = f - s f. In this form, f itself is not rounded.
    return n, f - s * (f - z * p)
