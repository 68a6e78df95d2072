"""Arrays as the vector code has them: one frame a lane."""

from math import prod

import numpy as np

from kapre_ref.kernels.cpu.vector import n_lanes

DTYPES = ("float32", "float64")
# A butterfly rounds each number a few times, and its sums grow to at most 11 times its input.
BUTTERFLY_EPS = 64


def aligned(shape, dtype):
    """Return an array that starts at a cache line, as scratch memory does."""
    size = prod(shape) * np.dtype(dtype).itemsize
    block = np.zeros(size + 64, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + size].view(dtype).reshape(shape)


def rows_of(rng, n, dtype):
    """Return random complex rows: (n, real or imaginary, lane)."""
    rows = aligned((n, 2, n_lanes(dtype)), dtype)
    rows[...] = rng.uniform(-1, 1, rows.shape)
    return rows


def as_complex(rows):
    """View rows as complex numbers in double precision: (n, lane)."""
    return rows[:, 0].astype(np.float64) + 1j * rows[:, 1]


def direct_dft(x):
    """Sum over the first axis."""
    k = np.arange(len(x))
    return np.tensordot(np.exp(-2j * np.pi * np.outer(k, k) / len(x)), x, axes=1)
