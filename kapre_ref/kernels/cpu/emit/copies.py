"""Numbers copied as they are: between strides, between channels side by side, past the caches.

One of these functions changes them: beyond an edge, `fold_oddly` turns what was copied.
"""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.language import Value
from kapre_ref.kernels.cpu.emit.transpose import joined


@vector_function
def copy_numbers(emitter, source, source_stride, target, target_stride, n):
    """Copy numbers that lie `source_stride` bytes apart to places `target_stride` bytes apart."""
    for i in emitter.loop(n, unroll=True):
        number = emitter.load_number(source + i * source_stride)
        emitter.store(number, target + i * target_stride)


@vector_function
def join_channel(emitter, source, target, n):
    """Copy `n` vectors of one of two channels whose numbers alternate.

    Each vector of one channel is put together from two vectors of both. The last load reads one
    number past the channel's last number.
    """
    even = range(0, 2 * emitter.lanes, 2)
    for i in emitter.loop(n):
        place = source + i * (2 * emitter.bytes)
        halves = emitter.load(place), emitter.load(place + emitter.bytes)
        emitter.store(emitter.shuffle(*halves, even), target + i * emitter.bytes)


@vector_function
def part_channel(emitter, source, target, n):
    """Copy `n` vectors to one of two channels whose numbers alternate."""
    lanes = emitter.lanes
    for i in emitter.loop(n):
        x = emitter.load(source + i * emitter.bytes)
        for half in range(2):
            # Each number is copied to two lanes, and only the first of the two is stored.
            spread = emitter.shuffle(x, x, [(half * lanes + lane) // 2 for lane in range(lanes)])
            emitter.store_even(spread, target + (i * 2 + half) * emitter.bytes)


@vector_function
def fill_zeros(emitter, target, n):
    """Write zeros."""
    zero = emitter.value(0.0, emitter.load_number(target))
    for i in emitter.loop(n):
        emitter.store(zero, target + i * emitter.itemsize)


class Source(NamedTuple):
    """A channel of a signal as a kernel reads it; the stride is in bytes, from sample to sample."""

    signal: Value | int  # the address of the first sample
    stride: Value | int
    n_samples: Value | int
    edge: Value | int  # what stands outside, see `transform.edges`
    factor: Value | int  # the address of that of pre-emphasis; 0 for none
    has_previous: Value | int


@vector_function
def n_to_next_fold(emitter, n_samples, number):
    """Return how many samples are folded equally often, from a number outside the signal on."""
    is_before, n_folds, span = _folds_at(emitter, n_samples, number)
    before, after = (n_folds * -1 + 1) * span - number, (n_folds + 1) * span + 1 - number
    return _choose(is_before, before, after)


@vector_function
def fold_oddly(emitter, target, n, source: Source, number, n_before):
    """Replace copied samples by what folds make of them: twice the sample at the edge less them.

    The signal is folded at its edges by turns, and two folds add twice the difference of the edges.
    The first of the `n` samples has a number outside the signal, and all are folded equally often.
    If `n_before` is 1, they are the samples before those of these numbers. A sample before the
    first one counts as zero unless the source has it.
    """
    is_before, n_folds, _ = _folds_at(emitter, source.n_samples, number)
    is_odd = emitter.mask(n_folds, 1)
    sign = emitter.to_real(emitter.integer(1) - is_odd * 2)
    more = source.n_samples - 1
    is_missing = n_before * (emitter.integer(1) - source.has_previous)
    are_missing = is_missing, is_missing * (emitter.integer(1) - emitter.minimum(more, 1))
    first = source.signal - source.stride * n_before
    # What is missing is never read: the factor is read in its place, and multiplied by zero.
    ends = [
        emitter.to_real(emitter.integer(1) - missing)
        * emitter.broadcast(_choose(missing, source.factor, place))
        for missing, place in zip(are_missing, (first, first + source.stride * more), strict=True)
    ]
    begins = emitter.compare(">", emitter.to_real(is_before), 0.0)
    near, far = emitter.select(begins, *ends), emitter.select(begins, *ends[::-1])
    # In one fold the far edge takes no part, not even if it is NaN.
    far = emitter.select(emitter.compare("==", emitter.to_real(n_folds), 1.0), near, far)
    of_near = emitter.to_real(is_odd * 2) * near
    edges = emitter.multiply_add(emitter.to_real(n_folds - is_odd), near - far, of_near)
    for i in emitter.loop(n):
        place = target + i * emitter.itemsize
        x = emitter.spread(emitter.load_number(place))
        emitter.store(emitter.first_lane(sign * x + edges), place)


def _folds_at(emitter, n_samples, number):
    """Return 1 if a number is before the signal, how many folds lie between, and their distance."""
    is_before = emitter.mask(emitter.shift_right(number, 63), 1)
    last = n_samples - 1
    beyond = emitter.minimum(number, last - number) * -1
    span = emitter.minimum(last * -1, -1) * -1
    return is_before, (beyond + span - 1) // span, span


def _choose(is_first, a, b):
    """Return integer `a` if `is_first` is 1, `b` if it is 0."""
    return b + (a - b) * is_first


@vector_function
def copy_run(emitter, source, target, n):
    """Copy numbers that follow each other."""
    n_vectors = n // emitter.lanes
    for i in emitter.loop(n_vectors):
        emitter.store(emitter.load(source + i * emitter.bytes), target + i * emitter.bytes)
    done = n_vectors * emitter.lanes
    for i in emitter.loop(n - done):
        at = (done + i) * emitter.itemsize
        emitter.store(emitter.load_number(source + at), target + at)


@vector_function
def gather_run(emitter, source, stride, target, n):
    """Copy numbers that lie `stride` bytes apart to one run, and store 16 bytes at a time."""
    size = 16 // emitter.itemsize
    n_groups = n // size
    for i in emitter.loop(n_groups):
        place = source + i * (stride * size)
        numbers = [emitter.load_part(place + stride * j, 1) for j in range(size)]
        emitter.store(joined(emitter, numbers), target + i * 16)
    done = n_groups * size
    for i in emitter.loop(n - done):
        number = emitter.load_number(source + (done + i) * stride)
        emitter.store(number, target + (done + i) * emitter.itemsize)


@vector_function
def stream_frames(emitter, source, stride, target, n_bytes, n_frames, line):
    """Copy frames so that each follows the other, past the caches; a frame is a vector or longer.

    A usual store would make all later stores wait until its cache line has been read. So where two
    frames share a vector of the target, it is put together in `line`, which has room for three
    vectors, and streamed from there.
    """
    size, last = emitter.bytes, n_bytes - emitter.bytes
    emitter.store(emitter.load(source), target)
    for frame in emitter.loop(n_frames):
        begin, place = source + frame * stride, target + frame * n_bytes
        shared = emitter.beyond_multiple(place)
        # The end of the frame before lies in `line` already.
        for _ in emitter.loop(emitter.minimum(frame, emitter.minimum(shared, 1))):
            emitter.store(emitter.load(begin), line + size + shared)
            emitter.stream(emitter.load(line + size), place - shared)
        # The bytes of the frame in the vector that it shares; 0 if it begins at a whole vector.
        own = emitter.minimum(emitter.integer(size) - shared, shared * size)
        for i in emitter.loop((n_bytes - own) // size):
            at = own + i * size
            emitter.stream(emitter.load(begin + at), place + at)
        shared = emitter.beyond_multiple(place + n_bytes)
        emitter.store(emitter.load(begin + last), line + shared)
    end = (n_frames - 1) * n_bytes + last
    emitter.store(emitter.load(source + (n_frames - 1) * stride + last), target + end)
    emitter.drain()
