"""The inverse transform's passes, which undo the passes of `passes` in reverse, and sums of frames.

A bin stands in the same rows as in `passes`, but a bin that is real stands there as its half. So
the other bins need not be doubled to count for their mirror images too. Samples come out N / 2
times too large, which the window corrects.

Overlapping frames are added before they are transposed, which leaves less to transpose. A piece is
the `hop` samples from the first sample of a frame on: sample m of piece p is the sum of the samples
q hop + m of the frames p - q. With 4 lanes and two frames that overlap, the frames a b c d of a
block are added to pieces, one piece in each lane:

    a0 b0 c0 d0    sample m of each frame (q = 0)
     0 a1 b1 c1    sample hop + m of each frame, moved by one lane (q = 1)

d1 was moved out at the end, and belongs to the first lane of the next block's pieces. Sums that
later blocks still add to are kept in planes: a plane has a row for each sample of a piece, and the
lanes of the row are the pieces of one block.
"""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.bins import LAST_RADICES
from kapre_ref.kernels.cpu.emit.butterflies import (
    Complex,
    dft,
    idft_half_a_bin_up,
    idft_to_real,
)
from kapre_ref.kernels.cpu.emit.intrinsics import vector_function, vector_functions
from kapre_ref.kernels.cpu.emit.language import Value
from kapre_ref.kernels.cpu.emit.passes import (
    COMMON_FIRST_RADICES,
    COMMON_RADICES,
    FIRST_RADICES,
    RADICES,
    Parts,
    Samples,
    load_factor,
)


class Overlap(NamedTuple):
    """What is added: `n` samples side by side of each of `n_terms` frames, `hop` samples apart."""

    hop: Value
    n_terms: Value
    n: Value


class Planes(NamedTuple):
    """Sums of frames so far, in planes that lie `stride` bytes apart.

    The first plane, at `at`, receives the finished pieces of this block. The next planes hold what
    earlier blocks added to the pieces of this block, of the next block, and so on; each block moves
    them all up by one plane. The rounding errors of a sum are summed `lost` bytes after it.
    """

    at: Value
    stride: Value
    lost: Value


@vector_functions(LAST_RADICES)
def undo_last_pass(emitter, radix, spectrum, parts: Parts):
    """Split a spectrum into `radix` spectra, one for every `radix`-th sample.

    A bin of `spectrum` is a pair of vectors: the real and the imaginary parts of all frames.
    """

    def load(number):
        place = spectrum + number * (2 * emitter.bytes)
        return Complex(emitter.load(place), emitter.load(place + emitter.bytes))

    def load_half(number):
        return load(number).re * 0.5

    undo_merge(emitter, radix, load, load_half, parts)


common_undo_last_pass = vector_functions(COMMON_RADICES)(undo_last_pass.emit)


@vector_functions(RADICES)
def undo_inner_pass(emitter, radix, parts: Parts, n_merges):
    """Split each of `n_merges` transforms, which lie one after the other, into `radix` parts."""
    size = parts.n * radix
    for i in emitter.loop(n_merges):
        start = parts.rows + i * (size * emitter.bytes)

        def load_row(number, start=start):
            return emitter.load(start + number * emitter.bytes)

        def load(number, load_row=load_row):
            return Complex(load_row(number), load_row(size - number))

        undo_merge(emitter, radix, load, load_row, parts._replace(rows=start))


common_undo_inner_pass = vector_functions(COMMON_RADICES)(undo_inner_pass.emit)


@vector_functions(FIRST_RADICES)
def undo_first_pass(emitter, radix, rows, n, ahead):
    """Turn `n` transforms of `radix` rows into samples, in place.

    Each row also prefetches a row of `ahead`, the next block's spectra: memory delivers them while
    this block is computed.
    """
    for i in emitter.loop(n):
        places = [rows + (i * radix + j) * emitter.bytes for j in range(radix)]
        x = [emitter.load(place) for place in places]
        for j in range(radix):
            emitter.prefetch(ahead + (i * radix + j) * emitter.bytes)
        bins = [Complex(x[k], x[-k]) if 2 * k % radix else x[k] for k in range(radix // 2 + 1)]
        for place, sample in zip(places, idft_to_real(bins, radix), strict=True):
            emitter.store(sample, place)


common_undo_first_pass = vector_functions(COMMON_FIRST_RADICES)(undo_first_pass.emit)


def undo_merge(emitter, radix, load, load_real, parts):
    """Split a transform into the `radix` transforms that `passes.merge` would merge.

    `load(number)` returns a bin as a Complex, `load_real(number)` a bin that is real as a vector.
    """
    rows, n, twiddles = parts
    zero, middle = emitter.integer(0), n // 2

    def store(x, j, k):
        emitter.store(x, rows + (n * j + k) * emitter.bytes)

    def store_complex(z, j, k):
        store(z.re, j, k)
        store(z.im, j, n - k)

    bins = [load_real(zero), *(load(n * q) for q in range(1, (radix + 1) // 2))]
    if radix % 2 == 0:
        bins.append(load_real(n * (radix // 2)))
    for j, x in enumerate(idft_to_real(bins, radix)):
        store(x, j, zero)

    for i in emitter.loop((n - 1) // 2):
        k = i + 1
        bins = []
        for q in range(radix):
            mirrored = radix - 1 - q
            if q <= mirrored:
                bins.append(load(n * q + k))
            else:
                bins.append(load(n * mirrored + (n - k)).conjugate())
        # The inverse turns by opposite angles. `dft` does so if its parts are taken in reverse, so
        # part j is y[-j].
        y = dft(bins)
        store_complex(y[0], 0, k)
        for j in range(1, radix // 2 + 1):
            w = load_factor(emitter, radix, twiddles, i, j)
            store_complex(y[-j] * w.conjugate(), j, k)
            if j < radix - j:
                store_complex(y[j] * w, radix - j, k)

    for _ in emitter.loop(middle * 2 - n + 1):  # once if there is a bin n / 2
        bins = [load(n * q + middle) for q in range(radix // 2)]
        if radix % 2:
            bins.append(load_real(n * (radix // 2) + middle))
        for j, (x, factor) in enumerate(idft_half_a_bin_up(bins, radix)):
            store(x * (-factor if 2 * j > radix else factor), j, middle)


@vector_function
def add_overlapping(emitter, samples: Samples, overlap: Overlap, planes: Planes, ahead):
    """Add a block's frames where they overlap, and finish the pieces of the block.

    A sample of all pieces is a sum of vectors, and each vector is moved by as many lanes as its
    frame lies before the piece. The frame that lies furthest before is taken first, and the sum is
    moved by one lane before each further frame is added: one shuffle for each of the two vectors
    that the sum reaches into. So frames are added in their order.

    The place `ahead`, where the pieces will be written, is prefetched meanwhile.
    """

    def add(place, plane, total):
        at = place + plane * planes.stride
        emitter.store(emitter.load(at + planes.stride) + total, at)

    def put(total, place, n_planes):
        emitter.store(total, place + n_planes * planes.stride)

    _add_terms(emitter, samples, overlap, planes.at, ahead, add, put)


@vector_function
def add_many_overlapping(emitter, samples: Samples, overlap: Overlap, planes: Planes, ahead):
    """Add frames where they overlap if they are so many that rounding errors would add up.

    The rounding error of each addition is summed in planes of its own, and added to the pieces in
    the end. All else is as in `add_overlapping`.
    """
    zero, lost = emitter.constant(0), planes.lost

    def add(place, plane, total):
        at = place + plane * planes.stride
        earlier = emitter.load(at + planes.stride)
        result = earlier + total
        added = result - earlier
        error = (earlier - (result - added)) + (total - added)
        emitter.store(result, at)
        emitter.store(emitter.load(at + planes.stride + lost) + error, at + lost)

    def put(total, place, n_planes):
        last = place + n_planes * planes.stride
        emitter.store(total, last)
        emitter.store(zero, last + lost)
        error, result = emitter.load(place + lost), emitter.load(place)
        # The error of an infinite sum is NaN, and must not spoil the sum.
        error = emitter.select(emitter.compare("!=", error, error), zero, error)
        emitter.store(result + error, place)

    _add_terms(emitter, samples, overlap, planes.at, ahead, add, put)


def _add_terms(emitter, samples, overlap, pieces, ahead, add, put):
    """Call `add` with each plane's sum of terms, and `put` with the sum that begins a new plane."""
    zero = emitter.constant(0)
    hop, n_terms, n = overlap
    n_planes = (n_terms + (emitter.lanes - 1)) // emitter.lanes
    for m in emitter.loop(n):
        place = pieces + m * emitter.bytes
        emitter.prefetch(ahead + m * emitter.bytes)
        over = emitter.variable(zero)
        # As many terms as there are lanes reach into the next plane, but not beyond it.
        for plane in emitter.loop(n_planes):
            first = plane * emitter.lanes
            count = emitter.minimum(n_terms - first, emitter.lanes)
            low, high = emitter.variable(zero), emitter.variable(zero)
            for i in emitter.loop(count):
                term = _windowed(emitter, samples, (first + count - i - 1) * hop + m)
                high.set(_moved(emitter, low.get(), high.get()))
                low.set(_moved(emitter, zero, low.get()) + term)
            add(place, plane, over.get() + low.get())
            over.set(high.get())
        put(over.get(), place, n_planes)


@vector_function
def add_four_overlapping(emitter, samples: Samples, overlap: Overlap, planes: Planes, ahead):
    """Add frames where four of them overlap, the usual number, without a loop over the four."""
    zero, hop = emitter.constant(0), overlap.hop
    for m in emitter.loop(overlap.n):
        place = planes.at + m * emitter.bytes
        emitter.prefetch(ahead + m * emitter.bytes)
        low, high = _windowed(emitter, samples, hop * 3 + m), zero
        for q in (2, 1, 0):
            high = _moved(emitter, low, high)
            term = _windowed(emitter, samples, hop * q + m)
            low = _moved(emitter, zero, low) + term
        emitter.store(emitter.load(place + planes.stride) + low, place)
        emitter.store(high, place + planes.stride)


def _windowed(emitter, samples, number):
    row = emitter.load(samples.rows + emitter.load_index(samples.offsets + number * 4))
    return row * emitter.broadcast(samples.window + number * emitter.itemsize)


def _moved(emitter, before, x):
    """Move a vector by one lane; the first lane receives the last lane of the vector `before`."""
    return emitter.shuffle(before, x, range(emitter.lanes - 1, 2 * emitter.lanes - 1))
