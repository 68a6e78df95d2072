"""Passes of the Fourier transform of real numbers over rows: decimation in time, in place.

A row is a vector: one number of each of the frames in a block. The first pass transforms `radix`
samples at a time. Each pass after it merges R transforms of N rows each into one transform of R N
rows, with Y_j the transform of the samples j, j + R, j + 2 R ...:

    X[k + q N] = sum_j w_R^(j q) w_RN^(j k) Y_j[k]

In the transform of real numbers, the bins above the middle are mirror images of the bins below it.
So N rows hold a transform of N numbers: row k has the real part of bin k, and row N - k has its
imaginary part. With N = 8:

    row     0      1      2      3      4      5      6      7
          Re X0  Re X1  Re X2  Re X3  Re X4  Im X3  Im X2  Im X1

A butterfly stores the R bins that it makes in the rows that its R bins Y_j[k] came from.

A part j > R / 2 counts as part j - R, since samples count in a circle. Its factors are then the
conjugates of the factors of part R - j, so half as many are loaded. Loads are what passes wait for.
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

RADICES = (8, 7, 5, 4, 3, 2)  # 16 complex vectors would need more registers than there are
FIRST_RADICES = (16, 13, 11, *RADICES)  # the samples of the first pass are real: half the registers
# What sizes need that are multiples of four with no prime factor above five. The kernels of such
# sizes are compiled without the other radices.
COMMON_FIRST_RADICES, COMMON_RADICES = (16, 8, 5, 4), (8, 5, 4, 3)
_CACHE_LINE = 64  # bytes


class Samples(NamedTuple):
    """The samples of a block's frames: sample i is the row at `offsets[i]` bytes after `rows`.

    The window multiplies it by `window[i]`. All three fields are addresses.
    """

    rows: Value
    offsets: Value
    window: Value


class Parts(NamedTuple):
    """Transforms of `n` rows each, one after the other, and the factors that turn them."""

    rows: Value
    n: Value
    twiddles: Value


@vector_functions(FIRST_RADICES)
def first_pass(emitter, radix, samples: Samples, target, n, ahead: Strided):
    """Transform `n` times `radix` windowed samples into rows that lie one after the other.

    Meanwhile the next block's samples come into cache. If frames overlap by half, each row brings
    half a vector of them, from its place in `ahead` on, so only some rows prefetch a cache line.
    """
    rows_a_line = 2 * _CACHE_LINE // emitter.bytes
    for i in emitter.loop(n):
        values, weights = [], []
        for j in range(radix):
            index = i * radix + j
            if j % rows_a_line == 0:
                emitter.prefetch(ahead.place(index))
            value, weight = sample_at(emitter, samples, index)
            values.append(value)
            weights.append(weight)
        bins = list(enumerate(dft_of_weighted(values, weights)))
        store_bins(emitter, bins, target + i * (radix * emitter.bytes), emitter.integer(radix))


common_first_pass = vector_functions(COMMON_FIRST_RADICES)(first_pass.emit)


def sample_at(emitter, samples, index):
    """Load a sample and its weight."""
    offset = emitter.load_index(samples.offsets + index * 4)
    weight = emitter.broadcast(samples.window + index * emitter.itemsize)
    return emitter.load(samples.rows + offset), weight


@vector_functions(RADICES)
def inner_pass(emitter, radix, parts: Parts, n_merges):
    """Merge `radix` transforms into one, `n_merges` times; all lie one after the other."""
    size = parts.n * radix
    for i in emitter.loop(n_merges):
        start = parts.rows + i * (size * emitter.bytes)

        def store(bins, start=start):
            store_bins(emitter, bins, start, size)

        merge(emitter, radix, parts._replace(rows=start), store)


common_inner_pass = vector_functions(COMMON_RADICES)(inner_pass.emit)


def merge(emitter, radix, parts, use):
    """Merge `radix` transforms into one.

    After each butterfly, `use` is called with the list of (number, bin) that it made.
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
    """Load the factor of part j, 0 < j <= R / 2, in butterfly `i`; factors lie in order of use."""
    place = twiddles + (i * (2 * (radix // 2)) + 2 * (j - 1)) * emitter.itemsize
    return Complex(emitter.broadcast(place), emitter.broadcast(place + emitter.itemsize))


def store_bins(emitter, bins, rows, n):
    """Store bins of `n` real numbers: real parts in row `number`, imaginary in `n - number`."""
    for number, z in bins:
        if isinstance(z, Complex):
            emitter.store(z.re, rows + number * emitter.bytes)
            emitter.store(z.im, rows + (n - number) * emitter.bytes)
        else:
            emitter.store(z, rows + number * emitter.bytes)
