"""The way out: a vector holds one value of each frame, but a frame of the result is one run."""

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.transpose import group_size, load_transposed

# How many tiles are transposed for a few frames before the next few frames follow. Frames of
# the output may lie a multiple of 4096 bytes apart, and the L1 cache has room for eight such lines.
# So only a few frames are written at a time.
STRIP_TILES = 16


@vector_function
def turn_strip(emitter, values, n_tiles, target, frame_bytes):
    """Transpose tiles: value i of frame l goes to place i of frame l of the target."""
    size = group_size(emitter)
    for first in range(0, emitter.lanes, size):
        for tile in emitter.loop(n_tiles):
            square = values + tile * (emitter.lanes * emitter.bytes) + first * emitter.itemsize
            place = target + tile * emitter.bytes + frame_bytes * first
            vectors = [square + emitter.bytes * i for i in range(emitter.lanes)]
            for i, vector in enumerate(load_transposed(emitter, vectors)):
                emitter.store(vector, place + frame_bytes * i)


@vector_function
def copy_frames(emitter, strip, strip_frame_bytes, n_frames, n_values, target, frame_bytes):
    """Copy the first `n_values` of each frame of a strip to contiguous frames of the output."""
    n_vectors = n_values // emitter.lanes
    rest = n_values - n_vectors * emitter.lanes
    for frame in emitter.loop(n_frames):
        source, place = strip + frame * strip_frame_bytes, target + frame * frame_bytes
        for i in emitter.loop(n_vectors):
            emitter.store(emitter.load(source + i * emitter.bytes), place + i * emitter.bytes)
        tail = n_vectors * emitter.bytes
        emitter.store_first(emitter.load(source + tail), place + tail, rest)


@vector_function
def store_columns(emitter, values, n_values, n_frames, target, value_bytes):
    """Copy the values of neighbouring frames that are neighbours in the result, too."""
    for i in emitter.loop(n_values):
        x = emitter.load(values + i * emitter.bytes)
        emitter.store_first(x, target + i * value_bytes, n_frames)


@vector_function
def store_pair_columns(emitter, values, n_values, n_frames, target, value_bytes):
    """Copy complex values of neighbouring frames that are neighbours in the result, too.

    A vector of real parts and one of imaginary parts become two vectors of both in turn.
    """
    n, size = emitter.lanes, emitter.bytes
    n_in_first = emitter.minimum(n_frames * 2, n)
    counts = n_in_first, n_frames * 2 - n_in_first
    for i in emitter.loop(n_values):
        parts = emitter.load(values + i * (2 * size)), emitter.load(values + i * (2 * size) + size)
        for half, count in enumerate(counts):
            in_turn = [lane % 2 * n + (half * n + lane) // 2 for lane in range(n)]
            pairs = emitter.shuffle(*parts, in_turn)
            emitter.store_first(pairs, target + i * value_bytes + half * size, count)
