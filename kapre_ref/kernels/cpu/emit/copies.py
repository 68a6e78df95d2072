"""Numbers copied as they are: to their neighbours, from channels side by side, past the caches."""

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.transpose import joined


@vector_function
def copy_numbers(emitter, source, source_stride, target, target_stride, n):
    """Copy numbers from places `source_stride` bytes apart to places `target_stride` apart."""
    for i in emitter.loop(n):
        number = emitter.load_number(source + i * source_stride)
        emitter.store(number, target + i * target_stride)


@vector_function
def join_channel(emitter, source, target, n):
    """Copy `n` vectors of one of two channels that lie side by side; reads a number past its last.

    A vector of each second number is put together from two.
    """
    even = range(0, 2 * emitter.lanes, 2)
    for i in emitter.loop(n):
        place = source + i * (2 * emitter.bytes)
        halves = emitter.load(place), emitter.load(place + emitter.bytes)
        emitter.store(emitter.shuffle(*halves, even), target + i * emitter.bytes)


@vector_function
def part_channel(emitter, source, target, n):
    """Copy `n` vectors to one of two channels that lie side by side."""
    lanes = emitter.lanes
    for i in emitter.loop(n):
        x = emitter.load(source + i * emitter.bytes)
        for half in range(2):
            # Lane by lane twice: what lands between is not stored.
            spread = emitter.shuffle(x, x, [(half * lanes + lane) // 2 for lane in range(lanes)])
            emitter.store_even(spread, target + (i * 2 + half) * emitter.bytes)


@vector_function
def fill_zeros(emitter, target, n):
    """Write zeros."""
    zero = emitter.value(0.0, emitter.load_number(target))
    for i in emitter.loop(n):
        emitter.store(zero, target + i * emitter.itemsize)


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
    """Bring numbers together from places `stride` bytes apart, 16 bytes at a store."""
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
def stream_rows(emitter, source, stride, target, n_bytes, n_rows, line):
    """Copy rows to one after the other, past the caches; a row is a vector or longer.

    A store of the usual kind would let those that follow wait until its line is read. So the
    vectors that two rows share are put together in `line`, room for three of them.
    """
    size, last = emitter.bytes, n_bytes - emitter.bytes
    emitter.store(emitter.load(source), target)
    for row in emitter.loop(n_rows):
        begin, place = source + row * stride, target + row * n_bytes
        shared = emitter.beyond_multiple(place)
        # The end of the row before lies in `line` already.
        for _ in emitter.loop(emitter.minimum(row, emitter.minimum(shared, 1))):
            emitter.store(emitter.load(begin), line + size + shared)
            emitter.stream(emitter.load(line + size), place - shared)
        own = emitter.minimum(emitter.integer(size) - shared, shared * size)  # none if none shared
        for i in emitter.loop((n_bytes - own) // size):
            at = own + i * size
            emitter.stream(emitter.load(begin + at), place + at)
        shared = emitter.beyond_multiple(place + n_bytes)
        emitter.store(emitter.load(begin + last), line + shared)
    end = (n_rows - 1) * n_bytes + last
    emitter.store(emitter.load(source + (n_rows - 1) * stride + last), target + end)
    emitter.drain()
