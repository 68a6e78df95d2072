"""Exponentials in float64 that the compiler turns into vector instructions, as in `logarithm`.

exp(x) is 2**n exp(z) with n = round(x / log(2)), so that z is from -0.35 to 0.35.
"""

import numpy as np

from kapre_ref.kernels.cpu.emit.polynomials import EXPONENTIAL_32, EXPONENTIAL_64
from kapre_ref.kernels.cpu.runtime.jit import inlined

TO_INTEGER = 1.5 * 2.0**52  # a float64 that this is added to is rounded to an integer

_C0, _C1, _C2, _C3, _C4, _C5, _C6 = EXPONENTIAL_32
_D0, _D1, _D2, _D3, _D4, _D5, _D6, _D7, _D8, _D9 = EXPONENTIAL_64


@inlined
def two_to_the(shifted):
    """Return 2**n for a whole n from -1022 to 1023 that `TO_INTEGER` was added to."""
    return np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)


@inlined
def expm1_32(z):
    """Return exp(z) - 1 as exactly as float32 shows."""
    p = _C6
    p = p * z + _C5
    p = p * z + _C4
    p = p * z + _C3
    p = p * z + _C2
    p = p * z + _C1
    p = p * z + _C0
    return p * z * z + z


@inlined
def expm1_64(z):
    """Return exp(z) - 1 as exactly as float64 shows in exp(z)."""
    p = _D9
    p = p * z + _D8
    p = p * z + _D7
    p = p * z + _D6
    p = p * z + _D5
    p = p * z + _D4
    p = p * z + _D3
    p = p * z + _D2
    p = p * z + _D1
    p = p * z + _D0
    return z + z * z * p
