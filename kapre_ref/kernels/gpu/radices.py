"""How passes.cuh splits a transform into radices, and how many frames a block has."""

from functools import lru_cache
from typing import NamedTuple

# The sizes go from 25 ms at 8 kHz to the longest frames that fit shared memory. Each size is
# compiled when it is first used.
MIN_N_FFT, MAX_N_FFT = 200, 4096
_PRIMES = (2, 3, 5, 7, 11, 13)  # the factors of half a size
_MAX_RADIX = {4: 32, 8: 20}  # by the bytes of a sample; larger radices need over 255 registers
_MAX_THREADS = 256  # the threads of a block
_MAX_SHARED = 46 * 1024  # bytes of a block; up to 48 KiB need no permission
_PADDING = 1.26  # a frame in shared memory takes at most so many times its size, with padding


class Radices(NamedTuple):
    """The parameters of `Mixed` in passes.cuh: three radices, and a block's frames and threads."""

    first: int  # also the number of points that a thread has in the first pass
    second: int
    third: int  # 1 if there are two passes
    n_frames: int
    n_threads: int


@lru_cache(maxsize=512)
def radices_for(n_fft, itemsize, n_carried=0):
    """Return the split that takes the fewest instructions, or None if the kernel has none.

    A block has room for `n_carried` numbers in its shared memory besides the frames.
    """
    if n_fft % 2 or not MIN_N_FFT <= n_fft <= MAX_N_FFT:
        return None
    splits = list(_splits(n_fft // 2, itemsize, _MAX_SHARED - n_carried * itemsize))
    return min(splits)[1] if splits else None


def _splits(m, itemsize, max_shared):
    """Yield (instructions of a warp for a frame, split) for each split that fits."""
    largest = _MAX_RADIX[itemsize]
    for first in range(2, largest + 1):
        n_threads = m // first  # the threads that compute one frame
        if m % first or not _is_product(m) or n_threads > _MAX_THREADS:
            continue
        block = _block(m, n_threads, itemsize, max_shared)
        for second in range(2, first + 1):
            third = n_threads // second
            if n_threads % second or third > first:
                continue
            points = max(r * -(-(m // r) // n_threads) for r in (first, second, third))
            if block is not None and points <= largest + 1:
                n_warps = -(-block[1] // 32) / block[0]
                work = _instructions(m, n_threads, (first, second, third))
                yield work * n_warps, Radices(first, second, third, *block)


def _block(m, n_threads, itemsize, max_shared):
    """Return how many frames and threads a block has; None if a frame is too large."""
    if n_threads <= 32:  # each of up to four warps computes whole frames
        a_warp = 32 // n_threads
        for n_warps in (4, 3, 2, 1):
            if _shared(n_warps * a_warp, m, itemsize) <= max_shared:
                return n_warps * a_warp, 32 * n_warps
        return None
    fitting = [
        n for n in range(1, _MAX_THREADS // n_threads + 1) if _shared(n, m, itemsize) <= max_shared
    ]
    # The best block has as few idle lanes as possible, and then as few threads as possible.
    best = min(fitting, key=lambda n: (-(-n * n_threads // 32) / n, n), default=None)
    return None if best is None else (best, best * n_threads)


def _shared(n_frames, m, itemsize):
    return n_frames * m * 2 * itemsize * _PADDING


def _instructions(m, n_threads, radices):
    """Estimate the instructions of a thread, to compare splits; it predicts no time."""
    first, *others = radices
    total = _arithmetic(first) + 20 * first  # samples, windows, split and magnitudes
    for radix in others:
        if radix > 1:
            n_rounds = -(-(m // radix) // n_threads)
            total += n_rounds * (_arithmetic(radix) + 7 * radix) + 15
    return total


def _arithmetic(radix):
    """Count the instructions of Dft<radix>, as dft.cuh builds it."""
    if radix in (1, 2, 4, 8):
        return {1: 0, 2: 4, 4: 16, 8: 60}[radix]
    if radix in _PRIMES:
        return (radix // 2) * (4 * (radix // 2) + 10)
    factor = 8 if radix % 16 == 8 else next(f for f in (4, *_PRIMES) if radix % f == 0)
    other = radix // factor
    twiddles = 4 * (factor - 1) * (other - 1)
    return other * _arithmetic(factor) + factor * _arithmetic(other) + twiddles


def _is_product(n):
    for prime in _PRIMES:
        while n % prime == 0:
            n //= prime
    return n == 1
