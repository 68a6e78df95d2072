"""Passes of the Fourier transform of real numbers over rows: decimation in time, in place.

A row is a vector: one number of each of the frames in a block. The first pass transforms `radix`
samples at a time. Each pass after it merges R transforms of N rows into one of R N:
X[k + q N] = sum_j w_R^(j q) w_RN^(j k) Y_j[k], Y_j being that of the samples j, j + R, j + 2 R ...

Of real numbers, the bins above half are mirror images of those below. So N rows hold a transform
of N numbers: row k the real part of bin k, row N - k its imaginary part. The R bins Y_j[k] and the
R bins made of them stand in the same rows.

In the later half of the parts, j stands for j - R (samples count in a circle): so their factors
w^j are the conjugates of others, and half as many are loaded. Loads are what the passes wait for.
"""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.butterflies import (
    Complex,
    dft,
    dft_half_a_bin_up,
    dft_of_real,
    dft_of_weighted,
)
from kapre_ref.kernels.cpu.emit.intrinsics import vector_functions
from kapre_ref.kernels.cpu.emit.language import Strided, Value

RADICES = (8, 7, 5, 4, 3, 2)  # 16 complex vectors need more registers than there are
FIRST_RADICES = (16, 13, 11, *RADICES)  # of real ones


class Samples(NamedTuple):
    """The samples of a block's frames: number i is the row `offsets[i]` bytes from `rows` on.

    In the frames it counts `window[i]` times. The three are addresses.
    """

    rows: Value
    offsets: Value
    window: Value


class Parts(NamedTuple):
    """Transforms of `n` rows each, one after the other, and what turns them as they are merged."""

    rows: Value
    n: Value
    twiddles: Value


@vector_functions(FIRST_RADICES)
def first_pass(emitter, radix, samples: Samples, target, n, ahead: Strided):
    """Transform `n` times `radix` samples, windowed, into rows that lie one after the other.

    Meanwhile the samples of the next block come into cache, a line for each row from `ahead` on:
    memory has time to deliver them while this block is computed.
    """
    for i in emitter.loop(n):
        values, weights = [], []
        for j in range(radix):
            index = i * radix + j
            emitter.prefetch(ahead.place(index))
            offset = emitter.load_index(samples.offsets + index * 4)
            values.append(emitter.load(samples.rows + offset))
            weights.append(emitter.broadcast(samples.window + index * emitter.itemsize))
        bins = list(enumerate(dft_of_weighted(values, weights)))
        store_bins(emitter, bins, target + i * (radix * emitter.bytes), emitter.integer(radix))


@vector_functions(RADICES)
def inner_pass(emitter, radix, parts: Parts, n_blocks):
    """Merge transforms, `n_blocks` times `radix`, which lie one after the other."""
    size = parts.n * radix
    for block in emitter.loop(n_blocks):
        start = parts.rows + block * (size * emitter.bytes)

        def store(bins, start=start):
            store_bins(emitter, bins, start, size)

        merge(emitter, radix, parts._replace(rows=start), store)


def merge(emitter, radix, parts, use):
    """Merge `radix` transforms.

    `use` is called with lists of (number, bin): as each butterfly makes them, up to the last bin.
    """
    rows, n, twiddles = parts

    def load(j, k):
        return emitter.load(rows + (n * j + k) * emitter.bytes)

    each = range(radix)
    bins = dft_of_real([load(j, 0) for j in each])
    use([(n * q, z) for q, z in enumerate(bins)])

    for i in emitter.loop((n - 1) // 2):
        k = i + 1
        y = [Complex(load(j, k), load(j, n - k)) for j in each]
        for j in range(1, radix // 2 + 1):
            w = load_factor(emitter, radix, twiddles, i, j)
            y[j] = y[j] * w
            if j < radix - j:
                y[-j] = y[-j] * w.conjugate()
        bins = []
        for q, z in enumerate(dft(y)):
            mirrored = radix - 1 - q
            if q <= mirrored:
                bins.append((n * q + k, z))
            else:
                bins.append((n * mirrored + (n - k), z.conjugate()))
        use(bins)

    middle = n // 2
    for _ in emitter.loop(middle * 2 - n + 1):  # once if there is a bin n / 2, which is real
        y = [load(j, middle) for j in each]
        bins = dft_half_a_bin_up([-a if 2 * j > radix else a for j, a in enumerate(y)])
        use([(n * q + middle, z) for q, z in enumerate(bins)])


def load_factor(emitter, radix, twiddles, i, j):
    """Load w^j, 0 < j <= R / 2, of the butterfly `i`; they lie in the order of their use."""
    place = twiddles + (i * (2 * (radix // 2)) + 2 * (j - 1)) * emitter.itemsize
    return Complex(emitter.broadcast(place), emitter.broadcast(place + emitter.itemsize))


def store_bins(emitter, bins, rows, n):
    """Store bins of `n` real numbers where they stand."""
    for number, z in bins:
        if isinstance(z, Complex):
            emitter.store(z.re, rows + number * emitter.bytes)
            emitter.store(z.im, rows + (n - number) * emitter.bytes)
        else:
            emitter.store(z, rows + number * emitter.bytes)
