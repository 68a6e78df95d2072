"""Samples of a block of frames, turned so that neighbouring frames lie in neighbouring lanes.

Frame l holds the samples x[l hop + n]. With n = shift hop + m that is x[(l + shift) hop + m]: so
the signal, cut into pieces of `hop` samples and transposed once, holds the whole block. Sample n of
all frames is the row m, read from lane `shift` on. With frames that overlap by three quarters this
takes a quarter of the shuffles. Frames that do not overlap are pieces themselves.
"""

from kapre_ref.kernels.cpu.transpose import group_size, load_transposed, transposed
from kapre_ref.kernels.cpu.vector import vector_function


@vector_function
def transpose_pieces(emitter, source, piece_bytes, n_pieces, n_tiles, target, row_bytes):
    """Write sample m of piece l to row m, lane l: for `n_tiles` vectors of samples of each piece.

    As many pieces as a vector has lanes go at once, the few others as many as 16 bytes hold.
    """
    size = group_size(emitter)
    with emitter.loop(n_tiles) as tile:
        pieces = source + tile * emitter.bytes
        rows = target + tile * row_bytes * emitter.lanes
        for i in range(emitter.lanes):  # the same samples of the next block
            emitter.prefetch(pieces + piece_bytes * (emitter.lanes + i))
        for first in range(0, emitter.lanes, size):
            at = pieces + first * emitter.itemsize
            for i, vector in enumerate(load_transposed(emitter, at, piece_bytes)):
                emitter.store(vector, rows + row_bytes * (first + i))
        with emitter.loop(n_pieces // size - emitter.lanes // size) as group:
            number = group * size + emitter.lanes
            loads = [emitter.load(pieces + (number + i) * piece_bytes) for i in range(size)]
            place = rows + number * emitter.itemsize
            for i, vector in enumerate(transposed(emitter, loads)):
                for first in range(0, emitter.lanes, size):
                    part = emitter.shuffle(vector, vector, range(first, first + size))
                    emitter.store(part, place + row_bytes * (first + i))


@vector_function
def copy_numbers(emitter, source, source_stride, target, target_stride, n):
    """Copy numbers from places `source_stride` bytes apart to places `target_stride` apart."""
    with emitter.loop(n) as i:
        number = emitter.load_number(source + i * source_stride)
        emitter.store(number, target + i * target_stride)


@vector_function
def join_channel(emitter, source, target, n):
    """Copy `n` vectors of one of two channels that lie side by side; reads a number past its last.

    A vector of each second number is put together from two.
    """
    even = range(0, 2 * emitter.lanes, 2)
    with emitter.loop(n) as i:
        place = source + i * (2 * emitter.bytes)
        halves = emitter.load(place), emitter.load(place + emitter.bytes)
        emitter.store(emitter.shuffle(*halves, even), target + i * emitter.bytes)


@vector_function
def part_channel(emitter, source, target, n):
    """Copy `n` vectors to one of two channels that lie side by side."""
    lanes = emitter.lanes
    with emitter.loop(n) as i:
        x = emitter.load(source + i * emitter.bytes)
        for half in range(2):
            # Lane by lane twice: what lands between is not stored.
            spread = emitter.shuffle(x, x, [(half * lanes + lane) // 2 for lane in range(lanes)])
            emitter.store_even(spread, target + (i * 2 + half) * emitter.bytes)


@vector_function
def fill_zeros(emitter, target, n):
    """Write zeros."""
    zero = emitter.value(0.0, emitter.load_number(target))
    with emitter.loop(n) as i:
        emitter.store(zero, target + i * emitter.itemsize)
