"""Types of PTX as those of NumPy, and what flushing to zero does."""

import numpy as np

F4, F8 = np.float32, np.float64
U = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
S = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}


def dtype_of(t):
    k, n = t[0], int(t[1:])
    return (
        {"f": {32: F4, 64: F8}.get(n), "u": U[n], "b": U[n], "s": S[n]}[k] if k in "fubs" else None
    )


TINY = F4(1.1754944e-38)


def ftz(x):
    m = np.abs(x) < TINY
    if m.any():
        x = np.where(m, np.copysign(F4(0), x), x)
    return x


class PtxError(RuntimeError):
    pass


# Where shared memory begins: pointers to it may have 32 bits.
SHARED = 1 << 30


KIND = {"p": np.bool_, "rs": np.uint16, "r": np.uint32, "rd": np.uint64, "f": F4, "fd": F8}
