"""How passes.cuh splits a transform into radices, and how many frames a block has."""

from functools import lru_cache
from typing import NamedTuple

# The sizes go from 25 ms at 8 kHz to the longest frames that fit shared memory. Each size is
# compiled when it is first used.
MIN_N_FFT, MAX_N_FFT = 200, 4096
_PRIMES = (2, 3, 5, 7, 11, 13)  # the factors of an odd size, or of half an even one
_MAX_RADIX = {4: 32, 8: 20}  # by the bytes of a sample; larger radices need over 255 registers
_MAX_THREADS = 256  # the threads of a block
_MAX_SHARED = 46 * 1024  # bytes of a block; up to 48 KiB need no permission
# Frames that may fill shared memory take at most so many times their size there, with padding: of
# even sizes, and of odd ones, whose rows are half as long.
_PADDING = (1.26, 1.3)


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
    if not MIN_N_FFT <= n_fft <= MAX_N_FFT:
        return None
    splits = list(_splits(n_fft, itemsize, _MAX_SHARED - n_carried * itemsize))
    return min(splits)[1] if splits else None


def n_kept(n_fft, n):
    """Return how many points are kept of each n that are transformed.

    Transforms of an odd n_fft are of real numbers: half of their points are conjugates of others.
    """
    return n // 2 + 1 if n_fft % 2 else n


def threads_of_frame(n_fft, first, second, third):
    """Return how many threads compute a frame."""
    n_rows = n_kept(n_fft, second * third)
    if n_fft % 2 == 0:
        return n_rows
    columns = _columns(n_fft, first, second, third)
    # Up to a quarter more than pairs of rows, if a later pass has so many columns.
    return max(n for n in (n_rows, *columns) if 4 * n <= 5 * n_rows)


def _splits(n_fft, itemsize, max_shared):
    """Yield (instructions of a warp for a frame, split) for each split that fits."""
    largest = _MAX_RADIX[itemsize]
    shared = n_fft * itemsize * _PADDING[n_fft % 2]
    for radices in _products(n_fft if n_fft % 2 else n_fft // 2, largest):
        n_threads = threads_of_frame(n_fft, *radices)
        if n_threads > _MAX_THREADS:
            continue
        block = _block(shared, n_threads, max_shared)
        n_rounds = [1, *(-(-n // n_threads) for n in _columns(n_fft, *radices))]
        points = max(n * radix for n, radix in zip(n_rounds, radices, strict=True))
        if block is not None and points <= largest + 1:
            n_warps = -(-block[1] // 32) / block[0]
            yield _instructions(radices, n_rounds) * n_warps, Radices(*radices, *block)


def _products(m, largest):
    """Yield the ways to split m points into two or three radices, the first of them largest."""
    if not _is_product(m):
        return
    for first in range(2, largest + 1):
        for second in range(2, first + 1):
            third = m // (first * second)
            if m % (first * second) == 0 and 0 < third <= first:
                yield first, second, third


def _columns(n_fft, first, second, third):
    """Return how many columns of a frame the second and the third pass have."""
    return third * n_kept(n_fft, first), n_kept(n_fft, first * second)


def _block(shared, n_threads, max_shared):
    """Return how many frames, of `shared` bytes, and threads a block has; None if none fits."""
    if n_threads <= 32:  # each of up to four warps computes whole frames
        a_warp = 32 // n_threads
        for n_warps in (4, 3, 2, 1):
            if n_warps * a_warp * shared <= max_shared:
                return n_warps * a_warp, 32 * n_warps
        return None
    fitting = [n for n in range(1, _MAX_THREADS // n_threads + 1) if n * shared <= max_shared]
    # The best block has as few idle lanes as possible, and then as few threads as possible.
    best = min(fitting, key=lambda n: (-(-n * n_threads // 32) / n, n), default=None)
    return None if best is None else (best, best * n_threads)


def _instructions(radices, n_rounds):
    """Estimate the instructions of a thread, to compare splits; it predicts no time."""
    first = radices[0]
    total = _arithmetic(first) + 20 * first  # samples, windows, split and magnitudes
    for radix, n in zip(radices[1:], n_rounds[1:], strict=True):
        if radix > 1:
            total += n * (_arithmetic(radix) + 7 * radix) + 15
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
