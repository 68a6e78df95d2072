"""Types of PTX as those of NumPy."""

import re

import numpy as np

UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
SIGNED = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}
FLOATS = {16: np.float16, 32: np.float32, 64: np.float64}
_KINDS = {"u": UNSIGNED, "b": UNSIGNED, "s": SIGNED, "f": FLOATS}

# A generic address is that of the host; those of shared memory begin here, so that they have 32
# bits, as some instructions take them.
SHARED = 1 << 30
# Parameter k of a kernel begins here plus k times the room of one.
PARAMETERS, PARAMETER_BYTES = 1 << 24, 1 << 12


class PtxError(RuntimeError):
    """An error of the kernel, or an instruction that this interpreter does not know."""


def dtype_of(name):
    """Return the type that PTX calls 'f32', 'pred' and so on; None if it is no such name."""
    if name == "pred":
        return np.dtype(np.bool_)
    match = re.fullmatch(r"([ubsf])(\d+)", name)
    found = match and _KINDS[match[1]].get(int(match[2]))
    return found and np.dtype(found)


def bits_of(dtype):
    """Return the unsigned integer of the size of a type."""
    return np.dtype(UNSIGNED[8 * dtype.itemsize])


def flush(x):
    """Return float32 with zeros of the same sign in place of subnormals, as `.ftz` requires."""
    tiny = np.abs(x) < np.finfo(np.float32).tiny
    return np.where(tiny, np.copysign(np.float32(0), x), x) if tiny.any() else x
