"""How passes.cuh splits a transform into radices, and what a block has: frames and memory."""

from functools import lru_cache
from itertools import count
from typing import NamedTuple

# The sizes go from 25 ms at 8 kHz to the longest frames that fit shared memory and registers; odd
# ones are served up to 4095. Each size is compiled when it is first used.
MIN_N_FFT, MAX_N_FFT = 200, 32768
_MAX_ODD = 4096
_PRIMES = (2, 3, 5, 7, 11, 13)  # the factors of an odd size, or of half an even one
_MAX_RADIX = {4: 32, 8: 20}  # by the bytes of a sample; larger radices need over 255 registers
_MAX_THREADS = 256  # the threads of a block
_MAX_SHARED = 46 * 1024  # bytes of a block; up to 48 KiB need no permission
# Frames that may fill shared memory take at most so many times their size there, with padding: of
# even sizes, and of odd ones, whose rows are half as long.
_PADDING = (1.26, 1.3)
# A larger frame has a block for itself. Threads have 255 registers each if they are up to 256, else
# 168 up to 384, and 128 up to 512. Found by trial: so many threads, the largest radix, and the most
# points of a thread that spill nothing, by the bytes of a sample. Powers of two take less.
_LARGEST = {4: ((256, 32, 64), (384, 32, 50), (512, 25, 25)), 8: ((256, 25, 32),)}
_LARGEST_POWERS = {4: (512, 32, 32), 8: (256, 32, 32)}
_OWN = 1280  # bytes of shared memory, besides a number of each thread, that a kernel has of its own


class Radices(NamedTuple):
    """The parameters of `Mixed` or `Large` in passes.cuh: radices, and what a block has."""

    first: int  # also the number of points that a thread has in the first pass
    second: int
    third: int  # 1 if there are two passes
    n_frames: int
    n_threads: int
    n_given: int = 0  # bytes of shared memory that a launch gives; 0 if the kernel's own are enough


@lru_cache(maxsize=512)
def radices_for(n_fft, itemsize, n_carried=0, permitted=0):
    """Return the split that takes the fewest instructions, or None if the kernel has none.

    A block has room for `n_carried` numbers in its shared memory besides the frames. A launch may
    give it `permitted` bytes.
    """
    is_odd = n_fft % 2 == 1
    if not MIN_N_FFT <= n_fft <= (_MAX_ODD if is_odd else MAX_N_FFT):
        return None
    splits = list(_splits(n_fft, itemsize, _MAX_SHARED - n_carried * itemsize))
    if not splits and not is_odd:
        splits = list(_large_splits(n_fft // 2, itemsize, n_carried, permitted))
    return min(splits)[-1] if splits else None


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


def _large_splits(m, itemsize, n_carried, permitted):
    """Yield the same for each split of a frame that has a block for itself, and memory given.

    Of two that take as many instructions, the one with the larger second radix spills less.
    """
    if 2 * m * itemsize * _PADDING[0] + n_carried * itemsize <= _MAX_SHARED:
        return  # it would waste the threads of a block
    for radices in _products(m, 32):
        n_threads = m // radices[0]
        n_rounds = [-(-(m // radix) // n_threads) for radix in radices]
        n_given = itemsize * (2 * _slot(m, radices, itemsize) + n_carried)
        points = max(n * radix for n, radix in zip(n_rounds, radices, strict=True))
        fits = n_given + _OWN + n_threads * itemsize <= permitted
        if fits and _has_registers(points, radices, itemsize, n_threads):
            work = _instructions(radices, n_rounds)
            yield work * -(-n_threads // 32), -radices[1], Radices(*radices, 1, n_threads, n_given)


def _has_registers(points, radices, itemsize, n_threads):
    most = _LARGEST[itemsize]
    if all(radix & (radix - 1) == 0 for radix in radices):
        most = (*most, _LARGEST_POWERS[itemsize])
    return any(n_threads <= n and radices[0] <= r and points <= p for n, r, p in most)


def _slot(m, radices, itemsize):
    """Count the points of a frame in shared memory, as SLOT of passes.cuh."""
    first, second, third = radices
    n_threads, banks = m // first, 64 // itemsize
    rows = (row for row in count(first | 1, 2) if n_threads * (row - 1) % banks == 0)
    row = next(rows)
    if 4 * row > 5 * first:
        row = first | 1
    block = _padded(first * second, first, banks)
    return _padded(max(n_threads * row, third * block, m + 1), n_threads, banks)


def _padded(size, bank, banks):
    return size + (bank - size) % banks


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
