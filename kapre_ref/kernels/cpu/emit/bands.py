"""Weighted sums of bins: of frames in lanes, and of two frames as they lie in memory."""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.language import Strided, Value
from kapre_ref.kernels.cpu.emit.sums import SumsInPairs

_CHAIN = 64  # bins of a band that are summed one after the other, in two sums


class BandTable(NamedTuple):
    """Of each band the first bin and their number, and the weights of all, one after the other."""

    n: Value | int
    ranges: Value | int  # the address of pairs of int32
    weights: Value | int  # an address


class PackedBands(NamedTuple):
    """Tables of addresses and numbers, made by `band_products.pair_tables`.

    Bands are summed in groups of half as many as a vector has lanes.
    """

    n: Value
    n_groups: Value
    counts: Value  # vectors of bins, of each group
    firsts: Value  # the byte of a frame at which each band begins
    weights: Value


@vector_function
def any_is_long(emitter, bands: BandTable):
    """Return whether there are bands of more than one chain."""
    n_more = emitter.variable(emitter.integer(0))
    for band in emitter.loop(bands.n):
        count = emitter.load_index(bands.ranges + band * 8 + 4)
        n_more.set(n_more.get() + (count - emitter.minimum(count, _CHAIN)))
    return emitter.minimum(n_more.get(), 1)


@vector_function
def sum_short_bands(emitter, magnitudes, bands: BandTable, target):
    """Sum bands of one chain each."""
    weight = emitter.variable(bands.weights)
    for band in emitter.loop(bands.n):
        first = emitter.load_index(bands.ranges + band * 8)
        count = emitter.load_index(bands.ranges + band * 8 + 4)
        total = _weighted_sum(emitter, magnitudes + first * emitter.bytes, weight.get(), count)
        emitter.store(total, target + band * emitter.bytes)
        weight.set(weight.get() + count * emitter.itemsize)


@vector_function
def sum_long_bands(emitter, magnitudes, bands: BandTable, target):
    """Sum bands chain by chain, the chains in pairs, so that rounding errors do not add up."""
    weight, chains = emitter.variable(bands.weights), SumsInPairs(emitter)
    for band in emitter.loop(bands.n):
        first = emitter.load_index(bands.ranges + band * 8)
        count = emitter.load_index(bands.ranges + band * 8 + 4)
        bins = magnitudes + first * emitter.bytes
        chains.clear()
        for i in emitter.loop((count + (_CHAIN - 1)) // _CHAIN):
            done = i * _CHAIN
            n = emitter.minimum(count - done, _CHAIN)
            place, factors = bins + done * emitter.bytes, weight.get() + done * emitter.itemsize
            chains.add(i, [_weighted_sum(emitter, place, factors, n)])
        (total,) = chains.total([emitter.constant(0)])
        emitter.store(total, target + band * emitter.bytes)
        weight.set(weight.get() + count * emitter.itemsize)


def _weighted_sum(emitter, bins, weights, count):
    # Two sums, so that an addition need not wait for the one before.
    sums = [emitter.variable(emitter.constant(0)) for _ in range(2)]

    def add(total, index):
        factor = emitter.broadcast(weights + index * emitter.itemsize)
        x = emitter.load(bins + index * emitter.bytes)
        total.set(emitter.multiply_add(x, factor, total.get()))

    for i in emitter.loop(count // 2, unroll=True):
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
def sum_bands_of_two(emitter, frames: Strided, n_freq, bands: PackedBands, target: Strided):
    """Sum the bands of two frames; return 1 if the first is not finite, plus 2 if the second."""
    size = emitter.lanes // 2
    weight = emitter.variable(bands.weights)

    def sum_group(group, store):
        totals = _sum_group(emitter, frames, bands, group, weight)
        place = target.at + group * (emitter.bytes // 2)
        for j in range(2):
            own = emitter.shuffle(totals, totals, range(j * size, (j + 1) * size))
            store(own, place + target.stride * j)

    n_whole = bands.n // size
    for group in emitter.loop(n_whole):
        sum_group(group, emitter.store)
    for _ in emitter.loop(bands.n_groups - n_whole):

        def store_rest(sums, place):
            whole = emitter.shuffle(sums, sums, [*range(size)] * 2)
            emitter.store_first(whole, place, bands.n - n_whole * size)

        sum_group(n_whole, store_rest)
    return _are_not_finite(emitter, frames, n_freq)


def _sum_group(emitter, frames, bands, group, weight):
    """Return the sums of a group's bands of the first frame, then of the second, as a vector.

    `weight` is where their weights begin, and then where those of the next group do.
    """
    lanes, size = emitter.lanes, emitter.lanes // 2
    sums = [emitter.variable(emitter.constant(0)) for _ in range(lanes)]
    for i in emitter.loop(emitter.load_index(bands.counts + group * 4)):
        for band in range(size):
            first = emitter.load_index(bands.firsts + (group * size + band) * 4)
            factor = emitter.load(weight.get() + band * emitter.bytes)
            for j, total in enumerate((sums[band], sums[size + band])):
                bins = emitter.load(frames.place(j) + first + i * emitter.bytes)
                total.set(emitter.multiply_add(bins, factor, total.get()))
        weight.set(weight.get() + size * emitter.bytes)
    return _sum_lanes(emitter, [total.get() for total in sums])


def _are_not_finite(emitter, frames, n_freq):
    """Return 1 if the first of two frames is not finite, plus 2 if the second is not."""
    # What is not finite is not 0 times 0. Two sums for a frame, so that none waits for the other.
    checks = [[emitter.variable(emitter.constant(0)) for _ in range(2)] for _ in range(2)]

    def check(at, ahead):
        for j, pair in enumerate(checks):
            for k, total in enumerate(pair):
                place = frames.place(j) + at + k * emitter.bytes
                if ahead:  # the next frames come into cache
                    emitter.prefetch(place + frames.stride * 2)
                zeros = emitter.multiply_add(emitter.load(place), 0.0, total.get())
                total.set(zeros)

    for i in emitter.loop(n_freq // (2 * emitter.lanes)):
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
