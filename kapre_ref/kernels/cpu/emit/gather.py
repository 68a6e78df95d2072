"""Samples of a block of frames, turned so that neighbouring frames lie in neighbouring lanes.

The signal is cut into pieces of `hop` samples, and the pieces are transposed. With hop 2 and the
signal 0 1 2 3 ...:

    row 0    0 2 4 6 8 10 ...    sample 0 of each piece
    row 1    1 3 5 7 9 11 ...    sample 1 of each piece

Frame l holds the samples x[l hop + n]. With n = shift hop + m that is x[(l + shift) hop + m], or
row m at lane l + shift. So sample n of all frames is one load, of row m from lane `shift` on: with
4 lanes, sample 3 of the frames 0 to 3 is row 1 from lane 1 on, 3 5 7 9.

Each sample is transposed once, however many frames share it: with frames that overlap by three
quarters this takes a quarter of the shuffles. If frames do not overlap, each frame is one piece.
"""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.language import Strided, Value
from kapre_ref.kernels.cpu.emit.sums import SumsInPairs
from kapre_ref.kernels.cpu.emit.transpose import group_size, load_transposed, transposed


@vector_function
def transpose_pieces(emitter, source, piece_bytes, n_pieces, n_tiles, target, row_bytes):
    """Write sample m of piece l to lane l of row m, for `n_tiles` vectors of samples of each piece.

    The first pieces, as many as a vector has lanes, are transposed together. The others follow in
    groups of as many as 16 bytes hold. Where no others follow, because frames do not overlap, all
    samples of the next block are new: they are prefetched here, and not only in the first pass.
    """
    size = group_size(emitter)
    n_ahead = (emitter.integer(1) - emitter.minimum(n_pieces - emitter.lanes, 1)) * emitter.lanes
    for tile in emitter.loop(n_tiles):
        pieces = source + tile * emitter.bytes
        rows = target + tile * row_bytes * emitter.lanes
        for i in emitter.loop(n_ahead, unroll=True):
            emitter.prefetch(pieces + piece_bytes * (i + emitter.lanes))
        sources = _apart(emitter, pieces, piece_bytes, emitter.lanes)
        targets = _apart(emitter, rows, row_bytes, emitter.lanes)
        for first in range(0, emitter.lanes, size):
            at = [place + first * emitter.itemsize for place in sources]
            for i, vector in enumerate(load_transposed(emitter, at)):
                emitter.store(vector, targets[first + i])
        for group in emitter.loop(n_pieces // size - emitter.lanes // size):
            number = group * size + emitter.lanes
            sources = _apart(emitter, pieces + number * piece_bytes, piece_bytes, size)
            loads = [emitter.load(place) for place in sources]
            targets = _apart(emitter, rows + number * emitter.itemsize, row_bytes, emitter.lanes)
            for i, vector in enumerate(transposed(emitter, loads)):
                for first in range(0, emitter.lanes, size):
                    part = emitter.shuffle(vector, vector, range(first, first + size))
                    emitter.store(part, targets[first + i])


def _apart(emitter, place, stride, n):
    """Return `n` addresses, each made from the one before in every round of a loop.

    Else the compiler would multiply the stride by 1, 2, 3 ... before the loop. That gives more
    numbers than there are registers, and each round would load them from memory.
    """
    stride, places = emitter.hidden(stride), [place]
    for _ in range(n - 1):
        places.append(places[-1] + stride)
    return places


@vector_function
def emphasise(emitter, source, previous, factor, target, n):
    """Write `n` samples less a factor times those before them; `target` may be `source`."""
    negative = -emitter.broadcast(factor)
    n_vectors = n // emitter.lanes
    for i in emitter.loop(n_vectors):
        place = i * emitter.bytes
        x, before = emitter.load(source + place), emitter.load(previous + place)
        emitter.store(emitter.multiply_add(before, negative, x), target + place)
    place = n_vectors * emitter.bytes
    rest = n - n_vectors * emitter.lanes
    x, before = (emitter.load_first(start + place, rest) for start in (source, previous))
    emitter.store_first(emitter.multiply_add(before, negative, x), target + place, rest)


class Pieces(NamedTuple):
    """Where the samples of a block's frames lie: pieces of a signal, turned."""

    rows: Value  # the address of the first row
    row_bytes: Value
    length: Value  # samples of a piece, one a row


class FrameSteps(NamedTuple):
    """What is done to each frame by itself before the window."""

    n: Value | int  # samples of a frame; 0 if nothing is done
    n_averaged: Value | int  # the same if the mean is taken off, else 0
    numbers: Value | int  # the address of the factor of pre-emphasis, and of `n` as a number


_SUMS, _CHAIN = 4, 16  # sums side by side, and how many terms each adds up in a row


@vector_function
def prepare_frames(emitter, pieces: Pieces, steps: FrameSteps, target):
    """Take the mean off each frame, and subtract a factor times the sample before.

    The first sample of a frame has itself before it. Each lane is a frame of its own: so its bits
    do not depend on the other frames of the block.
    """
    # The mean, and then what it lost when it was rounded: the mean distance from it.
    means = emitter.room(2)
    emitter.store(emitter.constant(0), means)
    for i in emitter.loop(2):
        distance = _mean(emitter, pieces, steps, emitter.load(means))
        emitter.store(distance, means + i * emitter.bytes)
    mean, rest = emitter.load(means), emitter.load(means + emitter.bytes)
    negative = -emitter.broadcast(steps.numbers)
    before = emitter.variable((emitter.load(pieces.rows) - mean) - rest)
    for shift in emitter.loop((steps.n + pieces.length - 1) // pieces.length):
        first = shift * pieces.length
        rows = pieces.rows + shift * emitter.itemsize
        for m in emitter.loop(emitter.minimum(steps.n - first, pieces.length)):
            x = (emitter.load(rows + pieces.row_bytes * m) - mean) - rest
            result = emitter.multiply_add(before.get(), negative, x)
            emitter.store(result, target + (first + m) * emitter.bytes)
            before.set(x)


def _mean(emitter, pieces, steps, centre):
    """Return the mean distance of each frame's samples from a centre; 0 if `n_averaged` is."""
    sums, number = SumsInPairs(emitter), emitter.variable(emitter.integer(0))
    sums.clear()
    group = _SUMS * _CHAIN
    for shift in emitter.loop((steps.n_averaged + pieces.length - 1) // pieces.length):
        n_rows = emitter.minimum(steps.n_averaged - shift * pieces.length, pieces.length)
        rows = pieces.rows + shift * emitter.itemsize
        for i in emitter.loop((n_rows + (group - 1)) // group):
            n_here = emitter.minimum(n_rows - i * group, group)
            first = rows + pieces.row_bytes * (i * group)
            part = _sum_rows(emitter, Strided(first, pieces.row_bytes), n_here, centre)
            sums.add(number.get(), [part])
            number.set(number.get() + 1)
    (total,) = sums.total([emitter.constant(0)])
    return total / emitter.broadcast(steps.numbers + emitter.itemsize)


def _sum_rows(emitter, rows, n, centre):
    sums = [emitter.variable(emitter.constant(0)) for _ in range(_SUMS)]
    n_rounds = n // _SUMS
    for i in emitter.loop(n_rounds):
        for j, total in enumerate(sums):
            total.set(total.get() + (emitter.load(rows.place(i * _SUMS + j)) - centre))
    for i in emitter.loop(n - n_rounds * _SUMS):
        last = emitter.load(rows.place(n - 1 - i))
        sums[0].set(sums[0].get() + (last - centre))
    a, b, c, d = (total.get() for total in sums)
    return (a + b) + (c + d)


@vector_function
def part_pair_columns(emitter, source, value_bytes, n_values, n_frames, target):
    """Part complex values of neighbouring frames into a vector of each part; fill up with zeros."""
    n, size = emitter.lanes, emitter.bytes
    n_in_first = emitter.minimum(n_frames * 2, n)
    counts = n_in_first, n_frames * 2 - n_in_first
    for i in emitter.loop(n_values):
        place = source + i * value_bytes
        halves = [
            emitter.load_first(place + half * size, count) for half, count in enumerate(counts)
        ]
        for part in range(2):
            numbers = emitter.shuffle(*halves, range(part, 2 * n, 2))
            emitter.store(numbers, target + i * (2 * size) + part * size)
