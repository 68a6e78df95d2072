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

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.transpose import group_size, load_transposed, transposed


@vector_function
def transpose_pieces(emitter, source, piece_bytes, n_pieces, n_tiles, target, row_bytes):
    """Write sample m of piece l to lane l of row m, for `n_tiles` vectors of samples of each piece.

    The first pieces, as many as a vector has lanes, are transposed together. The others follow in
    groups of as many as 16 bytes hold.
    """
    size = group_size(emitter)
    for tile in emitter.loop(n_tiles):
        pieces = source + tile * emitter.bytes
        rows = target + tile * row_bytes * emitter.lanes
        for i in range(emitter.lanes):  # prefetch the same samples of the next block's pieces
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
