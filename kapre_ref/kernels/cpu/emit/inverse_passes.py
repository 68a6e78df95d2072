"""The passes of the inverse, which undo those of `passes` in reverse, and the sums of frames.

Numbers stand in the rows where they do there, but of bins that are real the halves: so none of the
others is doubled for its mirror image. Samples come out times N / 2, which the window makes good.

Overlapping frames are added before they are transposed. A piece is the `hop` samples from the first
one of a frame on: sample m of piece p is the sum of the samples q hop + m of the frames p - q. With
4 lanes, and two frames that overlap, the frames a b c d of a block make the pieces of a lane each

    a0 b0 c0 d0    the samples m of frames 0 to 3 (q = 0)
     0 a1 b1 c1    the samples hop + m, moved by a lane (q = 1)

and d1, which was moved out at the end, is the first lane of the next block's pieces. Sums that
later blocks add to are kept in planes: a plane has a row for each sample of a piece, whose lanes
are the pieces of one block.
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
    FIRST_RADICES,
    RADICES,
    Parts,
    Samples,
    load_factor,
)


class Overlap(NamedTuple):
    """The samples that are added up: of `n_terms` frames, `hop` samples apart, `n` side by side."""

    hop: Value
    n_terms: Value
    n: Value


class Planes(NamedTuple):
    """Sums of frames so far, one plane after the other.

    In the first plane, from `at` on, the pieces of this block will be, finished. The others, a
    `stride` of bytes apart, hold what blocks so far gave to the pieces of this block, of the next
    one, and so on; they are moved up by one. What additions lose is kept `lost` bytes further on.
    """

    at: Value
    stride: Value
    lost: Value


@vector_functions(LAST_RADICES)
def undo_last_pass(emitter, radix, spectrum, parts: Parts):
    """Part a spectrum into those of every `radix`-th sample; its bins are pairs of vectors."""

    def load(number):
        place = spectrum + number * (2 * emitter.bytes)
        return Complex(emitter.load(place), emitter.load(place + emitter.bytes))

    def load_half(number):
        return load(number).re * 0.5

    undo_merge(emitter, radix, load, load_half, parts)


@vector_functions(RADICES)
def undo_inner_pass(emitter, radix, parts: Parts, n_blocks):
    """Part `n_blocks` transforms, which lie one after the other, into `radix` parts each."""
    size = parts.n * radix
    for block in emitter.loop(n_blocks):
        start = parts.rows + block * (size * emitter.bytes)

        def load_row(number, start=start):
            return emitter.load(start + number * emitter.bytes)

        def load(number, load_row=load_row):
            return Complex(load_row(number), load_row(size - number))

        undo_merge(emitter, radix, load, load_row, parts._replace(rows=start))


@vector_functions(FIRST_RADICES)
def undo_first_pass(emitter, radix, rows, n, ahead):
    """Turn `n` transforms of `radix` rows into samples, in place.

    Meanwhile `ahead`, the next block's spectra, comes into cache: memory has time to deliver it
    while this block is computed.
    """
    for i in emitter.loop(n):
        places = [rows + (i * radix + j) * emitter.bytes for j in range(radix)]
        x = [emitter.load(place) for place in places]
        for j in range(radix):
            emitter.prefetch(ahead + (i * radix + j) * emitter.bytes)
        bins = [Complex(x[k], x[-k]) if 2 * k % radix else x[k] for k in range(radix // 2 + 1)]
        for place, sample in zip(places, idft_to_real(bins, radix), strict=True):
            emitter.store(sample, place)


def undo_merge(emitter, radix, load, load_real, parts):
    """Part a transform into `radix` others; see `merge`.

    `load` is called with the number of a bin, `load_real` with that of a real one.
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
        # The transform has the opposite sign of all angles, as the factors have it.
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
    """Add up what a block's frames have in common, and finish the pieces of the block.

    Each sample of all pieces is a sum of vectors, each moved by as many lanes as its frame lies
    before the piece. Moving the sum lane by lane while that number falls to 0 takes one shuffle for
    each end, and adds the frames in their order.

    Meanwhile `ahead`, where the pieces will be written, comes into cache.
    """

    def add(place, plane, total):
        at = place + plane * planes.stride
        emitter.store(emitter.load(at + planes.stride) + total, at)

    def put(total, place, n_planes):
        emitter.store(total, place + n_planes * planes.stride)

    _add_terms(emitter, samples, overlap, planes.at, ahead, add, put)


@vector_function
def add_many_overlapping(emitter, samples: Samples, overlap: Overlap, planes: Planes, ahead):
    """Add up what frames have in common if so many overlap that rounding errors would add up.

    What every addition loses is summed in planes of its own, and added to the pieces in the end.
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
        # Infinite results have lost NaN.
        error = emitter.select(emitter.compare("!=", error, error), zero, error)
        emitter.store(result + error, place)

    _add_terms(emitter, samples, overlap, planes.at, ahead, add, put)


def _add_terms(emitter, samples, overlap, pieces, ahead, add, put):
    """Call `add` with each plane's sum of terms, and `put` with what is the last plane's first."""
    zero = emitter.constant(0)
    hop, n_terms, n = overlap
    n_planes = (n_terms + (emitter.lanes - 1)) // emitter.lanes
    for m in emitter.loop(n):
        place = pieces + m * emitter.bytes
        emitter.prefetch(ahead + m * emitter.bytes)
        over = emitter.variable(zero)
        # As many terms at a time as there are lanes reach the next plane, and no further.
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
    """Add up what four frames have in common, the usual number: without loops over them."""
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
    """Move a vector by a lane; the last lane of the one before comes first."""
    return emitter.shuffle(before, x, range(emitter.lanes - 1, 2 * emitter.lanes - 1))
