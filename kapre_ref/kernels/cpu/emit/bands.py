"""Weighted sums of bins: of frames in lanes, and of two frames as they lie in memory."""

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.sums import SumsInPairs

_PIECE = 64  # bins of a band that are summed one after the other, in two sums


@vector_function
def any_is_long(emitter, bands, n_bands):
    """Return whether there are bands of more than one piece."""
    n_more = emitter.variable(emitter.integer(0))
    for band in emitter.loop(n_bands):
        count = emitter.load_index(bands + band * 8 + 4)
        n_more.set(n_more.get() + (count - emitter.minimum(count, _PIECE)))
    return emitter.minimum(n_more.get(), 1)


@vector_function
def sum_short_bands(emitter, magnitudes, bands, weights, n_bands, target):
    """Sum bands of one piece each."""
    weight = emitter.variable(weights)
    for band in emitter.loop(n_bands):
        first = emitter.load_index(bands + band * 8)
        count = emitter.load_index(bands + band * 8 + 4)
        total = _weighted_sum(emitter, magnitudes + first * emitter.bytes, weight.get(), count)
        emitter.store(total, target + band * emitter.bytes)
        weight.set(weight.get() + count * emitter.itemsize)


@vector_function
def sum_long_bands(emitter, magnitudes, bands, weights, n_bands, target):
    """Sum bands piece by piece, the pieces in pairs, so that rounding errors do not add up."""
    weight, pieces = emitter.variable(weights), SumsInPairs(emitter)
    for band in emitter.loop(n_bands):
        first = emitter.load_index(bands + band * 8)
        count = emitter.load_index(bands + band * 8 + 4)
        bins = magnitudes + first * emitter.bytes
        pieces.clear()
        for i in emitter.loop((count + (_PIECE - 1)) // _PIECE):
            done = i * _PIECE
            n = emitter.minimum(count - done, _PIECE)
            place, factors = bins + done * emitter.bytes, weight.get() + done * emitter.itemsize
            pieces.add(i, [_weighted_sum(emitter, place, factors, n)])
        (total,) = pieces.total([emitter.constant(0)])
        emitter.store(total, target + band * emitter.bytes)
        weight.set(weight.get() + count * emitter.itemsize)


def _weighted_sum(emitter, bins, weights, count):
    # Two sums, so that an addition need not wait for the one before.
    sums = [emitter.variable(emitter.constant(0)) for _ in range(2)]

    def add(total, index):
        factor = emitter.broadcast(weights + index * emitter.itemsize)
        x = emitter.load(bins + index * emitter.bytes)
        total.set(emitter.multiply_add(x, factor, total.get()))

    for i in emitter.loop(count // 2):
        for half, total in enumerate(sums):
            add(total, i * 2 + half)
    for _ in emitter.loop(count - count // 2 * 2):
        add(sums[0], count - 1)
    return sums[0].get() + sums[1].get()


@vector_function
def sum_zeros(emitter, rows, n_rows, target):
    """Write the sum of rows times 0: NaN in the lanes where a row is NaN or infinite, else 0."""
    sums = [emitter.variable(emitter.constant(0)) for _ in range(8)]  # none waits for another

    def add(total, index):
        row = emitter.load(rows + index * emitter.bytes)
        total.set(emitter.multiply_add(row, 0.0, total.get()))

    n_rounds = n_rows // len(sums)
    for i in emitter.loop(n_rounds):
        for j, total in enumerate(sums):
            add(total, i * len(sums) + j)
    for i in emitter.loop(n_rows - n_rounds * len(sums)):
        add(sums[0], n_rows - 1 - i)
    total, *others = [one.get() for one in sums]
    for one in others:
        total = total + one
    emitter.store(total, target)


@vector_function
def sum_bands_of_two(
    emitter,
    frame,
    frame_bytes,
    n_freq,
    counts,
    firsts,
    weights,
    n_groups,
    target,
    target_bytes,
    n_bands,
):
    """Sum the bands of two frames; return 1 if the first is not finite, plus 2 if the second."""
    lanes, size = emitter.lanes, emitter.lanes // 2
    weight = emitter.variable(weights)

    def sum_group(group, store):
        sums = [emitter.variable(emitter.constant(0)) for _ in range(lanes)]
        for i in emitter.loop(emitter.load_index(counts + group * 4)):
            for band in range(size):
                first = emitter.load_index(firsts + (group * size + band) * 4)
                factor = emitter.load(weight.get() + band * emitter.bytes)
                for place, total in (frame, sums[band]), (frame + frame_bytes, sums[size + band]):
                    bins = emitter.load(place + first + i * emitter.bytes)
                    total.set(emitter.multiply_add(bins, factor, total.get()))
            weight.set(weight.get() + size * emitter.bytes)
        totals = _sum_lanes(emitter, [total.get() for total in sums])
        place = target + group * (emitter.bytes // 2)
        for j in range(2):
            own = emitter.shuffle(totals, totals, range(j * size, (j + 1) * size))
            store(own, place + target_bytes * j)

    n_whole = n_bands // size
    for group in emitter.loop(n_whole):
        sum_group(group, emitter.store)
    for _ in emitter.loop(n_groups - n_whole):

        def store_rest(sums, place):
            whole = emitter.shuffle(sums, sums, [*range(size)] * 2)
            emitter.store_first(whole, place, n_bands - n_whole * size)

        sum_group(n_whole, store_rest)
    # What is not finite is not 0 times 0. Two sums for a frame, so that none waits for the other.
    checks = [[emitter.variable(emitter.constant(0)) for _ in range(2)] for _ in range(2)]

    def check(at, ahead):
        for j, pair in enumerate(checks):
            for k, total in enumerate(pair):
                place = frame + frame_bytes * j + at + k * emitter.bytes
                if ahead:  # the next frames come into cache
                    emitter.prefetch(place + frame_bytes * 2)
                zeros = emitter.multiply_add(emitter.load(place), 0.0, total.get())
                total.set(zeros)

    for i in emitter.loop(n_freq // (2 * lanes)):
        check(i * (2 * emitter.bytes), ahead=True)
    check(n_freq * emitter.itemsize - 2 * emitter.bytes, ahead=False)
    flags = [emitter.any(emitter.compare("!=", a.get() + b.get(), 0.0)) for a, b in checks]
    return flags[0] + flags[1] * 2


def _sum_lanes(emitter, vectors):
    """Add up the lanes of as many vectors as there are lanes: the sum of vector l is lane l."""
    lanes = emitter.lanes
    distance = 1
    while distance < lanes:
        of_second = [bool(lane & distance) * lanes for lane in range(lanes)]
        own = [lane + second for lane, second in enumerate(of_second)]
        other = [(lane ^ distance) + second for lane, second in enumerate(of_second)]
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [emitter.shuffle(a, b, own) + emitter.shuffle(a, b, other) for a, b in pairs]
        distance *= 2
    return vectors[0]
