"""Deltas: weighted differences of the frames around each frame, a few frames at a time."""

import numpy as np
from numba.core import config

from kapre_ref.kernels.cpu.blocks import for_items
from kapre_ref.kernels.cpu.jit import as_input, inlined, kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.pool import run_slices
from kapre_ref.kernels.cpu.sums import SumsInPairs
from kapre_ref.kernels.cpu.vector import MAX_VECTOR_BYTES, vector_functions

_TERM_SECONDS = 7e-11
_CHAIN = 32  # terms that are added one after the other; the sums of chains are added in pairs
_AT_ONCE = 8  # frames; what they are summed from fills the registers of AVX-512
# A store reads the line that it changes, unless it goes past the caches. So do results that would
# not stay in them with what they are made of, if the windows are so short that loading all of their
# frames for every frame takes less time than that.
_STREAMED_BYTES, _STREAMED_TERMS = 1 << 23, (1, 2, 3, 4)
# By what the index of a mirrored frame differs from `reflect`; frames outside may also be zero.
_MIRRORS = {"symmetric": 1, "reflect": 0, "constant": -1}


def delta(spectra, win_length, mode, out):
    """Add up n (x[t + n] - x[t - n]) for each frame, all of its bins at once.

    If the channels of `out` are last, a frame holds the bins of all of them.
    """
    if not out.size:
        return
    if not out.flags.c_contiguous:
        spectra, out = spectra.transpose(0, 2, 3, 1), out.transpose(0, 2, 3, 1)
        n_frames, width = out.shape[1], out.shape[2] * out.shape[3]
    else:
        n_frames, width = out.shape[2:]
    half = win_length // 2
    dtype = working_dtype(out.dtype)
    norm = half * (half + 1) * (2 * half + 1) // 3  # the sum of n * n on both sides
    n_terms = min(half, n_frames - 1)  # further away from any frame there are none
    weights = as_input(np.array([n / norm for n in range(1 + n_terms)], dtype))
    nothing = as_input(np.zeros(width, dtype))
    n_edge = n_frames if config.DISABLE_JIT else n_terms
    streams = out.nbytes >= _STREAMED_BYTES and n_terms in _STREAMED_TERMS
    streams &= width * dtype.itemsize >= MAX_VECTOR_BYTES
    constants = weights, n_terms, n_edge, streams, nothing, _MIRRORS[mode]

    def differentiate(frames, slopes):
        frames = frames.reshape(-1, n_frames, width)
        slopes = slopes.reshape(-1, n_frames, width)

        def run(start, stop):
            _sum_differences(frames, *constants, slopes, start, stop)

        run_slices(run, len(slopes) * n_frames, slopes.size * (1 + n_terms) * _TERM_SECONDS)

    for_items(differentiate, spectra, out, dtype)


@kernel
def _sum_differences(
    frames, weights, n_terms, n_edge, streams, nothing, mirror, slopes, start, stop
):
    n_frames, width = slopes.shape[1:]
    unit, row_bytes = weights[0], width * slopes.itemsize
    n_levels = 0
    while n_terms > _CHAIN << n_levels:
        n_levels += 1
    sums = np.empty((n_levels, width), slopes.dtype)
    index = start  # of all frames of all rows
    while index < stop:
        row, t = divmod(index, n_frames)
        n_inside = min(n_frames - n_edge - t, stop - index) if t >= n_edge else 0
        if n_inside > 0:
            place, table = index * row_bytes, weights.ctypes.data
            source, target = frames.ctypes.data + place, slopes.ctypes.data + place
            if streams:
                stream_slopes(unit, n_terms, source, row_bytes, n_inside, table, target)
            else:
                n_groups = n_inside // _AT_ONCE
                done = n_groups * _AT_ONCE
                for part in range(2):
                    n_at_once, n = (_AT_ONCE, n_groups) if part == 0 else (1, n_inside - done)
                    if n_terms <= _CHAIN:
                        sum_slopes(unit, n_at_once, source, width, n, n_terms, table, target)
                    else:
                        sum_long_slopes(unit, n_at_once, source, width, n, n_terms, table, target)
                    source, target = source + done * row_bytes, target + done * row_bytes
            index += n_inside
        else:
            _sum_at_edge(frames, row, t, weights, n_terms, nothing, mirror, sums, slopes[row, t])
            index += 1


@kernel
def _sum_at_edge(frames, row, t, weights, n_terms, nothing, mirror, sums, slope):
    here, depth = frames[row, t], 0
    for j in range(slope.size):
        slope[j] = here[j] * weights[0]  # what is not finite counts even times 0
    # The sums of chains are added in pairs, pairs of pairs and so on: those that have no partner
    # yet are `slope`, then sums[0], sums[1] ..., `depth` of them.
    for first in range(1, 1 + n_terms, _CHAIN):
        total = slope if depth == 0 else sums[depth - 1]
        if first > 1:
            total[:] = 0
        for n in range(first, min(first + _CHAIN, 1 + n_terms)):
            before = _frame(frames, row, t - n, mirror, nothing)
            after = _frame(frames, row, t + n, mirror, nothing)
            for j in range(total.size):
                total[j] += weights[n] * (after[j] - before[j])
        n_equal = 1 + first // _CHAIN  # chains so far, then halves of them
        while n_equal % 2 == 0:
            depth -= 1
            _add(slope if depth == 0 else sums[depth - 1], sums[depth])
            n_equal //= 2
        depth += 1
    for level in range(depth - 1, 0, -1):
        _add(slope if level == 1 else sums[level - 2], sums[level - 1])


@inlined
def _add(total, part):
    for j in range(total.size):
        total[j] += part[j]


@inlined
def _frame(frames, row, t, mirror, nothing):
    n_frames = frames.shape[1]
    if mirror >= 0:
        t = -t - mirror if t < 0 else t
        t = 2 * n_frames - 2 + mirror - t if t >= n_frames else t
    return frames[row, t] if 0 <= t < n_frames else nothing


@vector_functions((_AT_ONCE, 1))
def sum_slopes(emitter, n_at_once, source, width, n_groups, n_terms, weights, target):
    """Write the slopes of groups of frames whose windows lie inside; windows are short.

    The frames n before those of a group are the ones n - 1 before them but for the first, and those
    after them likewise: so a term takes two loads for all of the group.
    """

    def sum_vectors(at, load):
        return _sum_chain(_Window(emitter, n_at_once, at, load, width), weights, 0, n_terms)

    _for_groups(emitter, n_at_once, source, width, n_groups, n_terms, target, sum_vectors)


@vector_functions((_AT_ONCE, 1))
def sum_long_slopes(emitter, n_at_once, source, width, n_groups, n_terms, weights, target):
    """Write the slopes of groups of frames whose windows lie inside, and are long.

    The sums of chains are added in pairs, so that their rounding errors do not add up.
    """
    sums = SumsInPairs(emitter, n_at_once)

    def sum_vectors(at, load):
        window = _Window(emitter, n_at_once, at, load, width)
        sums.clear()
        with emitter.loop((n_terms + (_CHAIN - 1)) // _CHAIN) as chain:
            first = chain * _CHAIN
            n = emitter.minimum(n_terms - first, _CHAIN)
            sums.add(chain, _sum_chain(window, weights, first, n))
        return sums.total([emitter.constant(0)] * n_at_once)

    _for_groups(emitter, n_at_once, source, width, n_groups, n_terms, target, sum_vectors)


class _Window:
    """The frames equally far before and after those of a group, as vectors."""

    def __init__(self, emitter, n_at_once, at, load, width):
        self.emitter, self._at, self._load = emitter, at, load
        self._row_bytes = width * emitter.itemsize
        frames = [load(at + self._row_bytes * i) for i in range(n_at_once)]
        self.nothing = [x * 0.0 for x in frames]  # NaN of what is not finite, which counts
        self._before = [emitter.variable(x) for x in frames]
        self._after = [emitter.variable(x) for x in frames]

    def widen(self, n):
        """Return the frames n before and those n after; they were n - 1 before and after."""
        before, after = ([x.get() for x in side] for side in (self._before, self._after))
        n_last = n + (len(before) - 1)
        before = [self._load(self._at - self._row_bytes * n), *before[:-1]]
        after = [*after[1:], self._load(self._at + self._row_bytes * n_last)]
        for variable, x in zip(self._before + self._after, before + after, strict=True):
            variable.set(x)
        return zip(before, after, strict=True)


def _sum_chain(window, weights, first, n_terms):
    emitter = window.emitter
    totals = [emitter.variable(x) for x in window.nothing]
    with emitter.loop(n_terms) as i:
        n = i + first + 1
        weight = emitter.broadcast(weights + n * emitter.itemsize)
        for (before, after), total in zip(window.widen(n), totals, strict=True):
            total.set(emitter.multiply_add(after - before, weight, total.get()))
    return [total.get() for total in totals]


def _for_groups(emitter, n_at_once, source, width, n_groups, n_terms, target, sum_vectors):
    """Store what `sum_vectors` returns for each vector of each group's frames."""
    row_bytes = width * emitter.itemsize
    n_vectors = width // emitter.lanes
    rest = width - n_vectors * emitter.lanes
    with emitter.loop(n_groups) as group:
        first = source + group * row_bytes * n_at_once
        place = target + group * row_bytes * n_at_once
        ahead = row_bytes * (n_terms + n_at_once)  # what the next group lacks
        with emitter.loop(n_vectors) as i:
            at = first + i * emitter.bytes
            for x in range(n_at_once):
                emitter.prefetch(at + ahead + row_bytes * x)
            for x, total in enumerate(sum_vectors(at, emitter.load)):
                emitter.store(total, place + i * emitter.bytes + row_bytes * x)
        with emitter.loop(emitter.minimum(rest, 1)):
            at = n_vectors * emitter.bytes
            totals = sum_vectors(first + at, lambda address: emitter.load_first(address, rest))
            for x, total in enumerate(totals):
                emitter.store_first(total, place + at + row_bytes * x, rest)


@vector_functions(_STREAMED_TERMS)
def stream_slopes(emitter, n_terms, source, row_bytes, n_frames, weights, target):
    """Do the same past the caches. Frames are one stretch of numbers, a vector or more of them."""
    n_bytes = n_frames * row_bytes

    def sum_vector(at):
        total = emitter.load(at) * 0.0
        for n in range(1, 1 + n_terms):
            difference = emitter.load(at + row_bytes * n) - emitter.load(at - row_bytes * n)
            weight = emitter.broadcast(weights + n * emitter.itemsize)
            total = emitter.multiply_add(difference, weight, total)
        return total

    # Not all of the first vector and of the last is streamed: both are also stored as they lie.
    last = n_bytes - emitter.bytes
    skipped = emitter.integer(emitter.bytes) - emitter.beyond_multiple(target)
    emitter.store(sum_vector(source), target)
    with emitter.loop((n_bytes - skipped) // emitter.bytes) as i:
        at = skipped + i * emitter.bytes
        emitter.prefetch(source + at + row_bytes * (n_terms + 2))
        emitter.stream(sum_vector(source + at), target + at)
    emitter.store(sum_vector(source + last), target + last)
    emitter.drain()
