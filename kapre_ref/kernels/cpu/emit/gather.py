"""Samples of a block of frames, turned so that neighbouring frames lie in neighbouring lanes.

Frame l holds the samples x[l hop + n]. With n = shift hop + m that is x[(l + shift) hop + m]: so
the signal, cut into pieces of `hop` samples and transposed once, holds the whole block. Sample n of
all frames is the row m, read from lane `shift` on. With frames that overlap by three quarters this
takes a quarter of the shuffles. Frames that do not overlap are pieces themselves.
"""

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.transpose import group_size, load_transposed, transposed


@vector_function
def transpose_pieces(emitter, source, piece_bytes, n_pieces, n_tiles, target, row_bytes):
    """Write sample m of piece l to row m, lane l: for `n_tiles` vectors of samples of each piece.

    As many pieces as a vector has lanes go at once, the few others as many as 16 bytes hold.
    """
    size = group_size(emitter)
    for tile in emitter.loop(n_tiles):
        pieces = source + tile * emitter.bytes
        rows = target + tile * row_bytes * emitter.lanes
        for i in range(emitter.lanes):  # the same samples of the next block
            emitter.prefetch(pieces + piece_bytes * (emitter.lanes + i))
        for first in range(0, emitter.lanes, size):
            at = pieces + first * emitter.itemsize
            for i, vector in enumerate(load_transposed(emitter, at, piece_bytes)):
                emitter.store(vector, rows + row_bytes * (first + i))
        for group in emitter.loop(n_pieces // size - emitter.lanes // size):
            number = group * size + emitter.lanes
            loads = [emitter.load(pieces + (number + i) * piece_bytes) for i in range(size)]
            place = rows + number * emitter.itemsize
            for i, vector in enumerate(transposed(emitter, loads)):
                for first in range(0, emitter.lanes, size):
                    part = emitter.shuffle(vector, vector, range(first, first + size))
                    emitter.store(part, place + row_bytes * (first + i))
