"""Arrays as the vector code has them: one frame a lane."""

import platform
from math import prod

import double_double
import numpy as np
from numba.core.registry import cpu_target

from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes

DTYPES = ("float32", "float64")
# A butterfly rounds each number a few times, and its sums grow to at most 11 times its input.
BUTTERFLY_EPS = 64


def run_on_lanes(monkeypatch, *modules):
    """Let the functions of some modules that call emitted ones run them without a compiler."""
    for module in modules:
        for name, thing in list(vars(module).items()):
            on_lanes = getattr(thing, "on_lanes", None) or getattr(thing, "py_func", None)
            if on_lanes is not None:
                monkeypatch.setattr(module, name, on_lanes)


def aligned(shape, dtype):
    """Return an array that starts at a cache line, as scratch memory does."""
    size = prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def random_rows(rng, n, dtype):
    """Return rows of random real numbers: (n, lane)."""
    rows = aligned((n, n_lanes(dtype)), dtype)
    rows[...] = rng.uniform(-1, 1, rows.shape)
    return rows


def transformed(x, real_bins=1.0):
    """Return the transform of real numbers (n, lane) as rows hold it.

    Bin k's real part is in row k and its imaginary part in row n - k; real bins times a factor.
    """
    n, spectrum = len(x), direct_dft(x.astype(np.float64))
    rows = spectrum.real.copy()
    rows[n // 2 + 1 :] = -spectrum.imag[n // 2 + 1 :]
    rows[[0] if n % 2 else [0, n // 2]] *= real_bins
    return rows


def parts_of(x, radix):
    """Return the `radix` parts that a merge starts from: the samples j, j + R, j + 2 R ...

    The later half of them, of w^-j, is that of the samples -j, R - j, 2 R - j ...
    """
    signed = [j - radix if 2 * j > radix else j for j in range(radix)]
    return [x[(j + radix * np.arange(len(x) // radix)) % len(x)] for j in signed]


def as_complex(rows):
    """View rows as complex numbers in double precision: (n, lane)."""
    return rows[:, 0].astype(np.float64) + 1j * rows[:, 1]


def direct_dft(x):
    """Sum over the first axis, in more than double precision."""
    return double_double.direct_sum(x.T, len(x), len(x)).T


def allowed():
    """Return how many times SciPy's error is allowed: once on x86, if it rounds a * b + c once."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        # ARM always has fused multiply-adds, and SciPy is compiled to use them there. Its error is
        # smaller than ours in 135 of the 612 cases (SciPy 1.17.1 on Linux). The largest ratio is
        # 1.066, of the inverse of size 3 in float32; beside it, the special sizes have 1.104.
        return 1.07
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return 1 if "+fma" in features else 1.25
