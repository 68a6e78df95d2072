"""Slopes of groups of frames: weighted differences of the frames around each."""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_functions
from kapre_ref.kernels.cpu.emit.language import Value
from kapre_ref.kernels.cpu.emit.sums import SumsInPairs

CHAIN = 32  # terms that are added one after the other; the sums of chains are added in pairs


AT_ONCE = 8  # frames whose slopes are summed together; their terms fill the registers of AVX-512


STREAMED_TERMS = (1, 2, 3, 4)  # with so few, loading all of them for every frame is cheap


class Frames(NamedTuple):
    """The addresses of frames and of their slopes, `width` numbers each, one after the other."""

    source: Value
    target: Value
    width: Value


class Terms(NamedTuple):
    """The weights of the differences between frames i after and i before, for i from 1 to `n`."""

    n: Value
    weights: Value  # the address of the weight for i = 0, which is not used


@vector_functions((AT_ONCE, 1))
def sum_slopes(emitter, n_at_once, frames: Frames, n_groups, terms: Terms):
    """Write the slopes of groups of frames if all frames of their windows exist, for short windows.

    The frames n before a group are the frames n - 1 before it and one more, without the last; the
    frames after it are alike. So one term takes two loads for the whole group.
    """

    def sum_vectors(at, load):
        neighbours = _Neighbours(emitter, n_at_once, at, load, frames.width)
        return _sum_chain(neighbours, terms.weights, 0, terms.n)

    _for_groups(emitter, n_at_once, frames, n_groups, terms.n, sum_vectors)


@vector_functions((AT_ONCE, 1))
def sum_long_slopes(emitter, n_at_once, frames: Frames, n_groups, terms: Terms):
    """Write the slopes of groups of frames if all frames of their windows exist, for long windows.

    The sums of chains are added in pairs, so that their rounding errors do not add up.
    """
    sums = SumsInPairs(emitter, n_at_once)

    def sum_vectors(at, load):
        neighbours = _Neighbours(emitter, n_at_once, at, load, frames.width)
        sums.clear()
        for chain in emitter.loop((terms.n + (CHAIN - 1)) // CHAIN):
            first = chain * CHAIN
            n = emitter.minimum(terms.n - first, CHAIN)
            sums.add(chain, _sum_chain(neighbours, terms.weights, first, n))
        return sums.total([emitter.constant(0)] * n_at_once)

    _for_groups(emitter, n_at_once, frames, n_groups, terms.n, sum_vectors)


class _Neighbours:
    """The frames at the same distance before and after each frame of a group, as vectors."""

    def __init__(self, emitter, n_at_once, at, load, width):
        self.emitter, self._at, self._load = emitter, at, load
        self._frame_bytes = width * emitter.itemsize
        frames = [load(at + self._frame_bytes * i) for i in range(n_at_once)]
        # A sum begins with the frame itself times 0, so that its NaN and infinity count.
        self.nothing = [x * 0.0 for x in frames]
        self._before = [emitter.variable(x) for x in frames]
        self._after = [emitter.variable(x) for x in frames]

    def widen(self, n):
        """Return the frames n before and n after; the last call returned those at n - 1."""
        before, after = ([x.get() for x in side] for side in (self._before, self._after))
        n_last = n + (len(before) - 1)
        before = [self._load(self._at - self._frame_bytes * n), *before[:-1]]
        after = [*after[1:], self._load(self._at + self._frame_bytes * n_last)]
        for variable, x in zip(self._before + self._after, before + after, strict=True):
            variable.set(x)
        return zip(before, after, strict=True)


def _sum_chain(neighbours, weights, first, n_terms):
    emitter = neighbours.emitter
    totals = [emitter.variable(x) for x in neighbours.nothing]
    for i in emitter.loop(n_terms):
        n = i + first + 1
        weight = emitter.broadcast(weights + n * emitter.itemsize)
        for (before, after), total in zip(neighbours.widen(n), totals, strict=True):
            total.set(emitter.multiply_add(after - before, weight, total.get()))
    return [total.get() for total in totals]


def _for_groups(emitter, n_at_once, frames, n_groups, n_terms, sum_vectors):
    """Store what `sum_vectors` returns for each vector of each group's frames."""
    source, target, width = frames
    frame_bytes = width * emitter.itemsize
    n_vectors = width // emitter.lanes
    rest = width - n_vectors * emitter.lanes
    for group in emitter.loop(n_groups):
        first = source + group * frame_bytes * n_at_once
        place = target + group * frame_bytes * n_at_once
        ahead = frame_bytes * (n_terms + n_at_once)  # to the frames that only the next group needs
        for i in emitter.loop(n_vectors):
            at = first + i * emitter.bytes
            for x in range(n_at_once):
                emitter.prefetch(at + ahead + frame_bytes * x)
            for x, total in enumerate(sum_vectors(at, emitter.load)):
                emitter.store(total, place + i * emitter.bytes + frame_bytes * x)
        for _ in emitter.loop(emitter.minimum(rest, 1)):
            at = n_vectors * emitter.bytes
            totals = sum_vectors(first + at, lambda address: emitter.load_first(address, rest))
            for x, total in enumerate(totals):
                emitter.store_first(total, place + at + frame_bytes * x, rest)


@vector_functions(STREAMED_TERMS)
def stream_slopes(emitter, n_terms, frames: Frames, n_frames, weights):
    """Write slopes past the caches; the frames together are at least a vector long."""
    source, target, width = frames
    frame_bytes = width * emitter.itemsize
    n_bytes = n_frames * frame_bytes

    def sum_vector(at):
        total = emitter.load(at) * 0.0
        for n in range(1, 1 + n_terms):
            difference = emitter.load(at + frame_bytes * n) - emitter.load(at - frame_bytes * n)
            weight = emitter.broadcast(weights + n * emitter.itemsize)
            total = emitter.multiply_add(difference, weight, total)
        return total

    # Only whole aligned vectors are streamed. The first and the last vector of the slopes need not
    # be aligned, so both are also stored in the usual way.
    last = n_bytes - emitter.bytes
    skipped = emitter.integer(emitter.bytes) - emitter.beyond_multiple(target)
    emitter.store(sum_vector(source), target)
    for i in emitter.loop((n_bytes - skipped) // emitter.bytes):
        at = skipped + i * emitter.bytes
        emitter.prefetch(source + at + frame_bytes * (n_terms + 2))
        emitter.stream(sum_vector(source + at), target + at)
    emitter.store(sum_vector(source + last), target + last)
    emitter.drain()
