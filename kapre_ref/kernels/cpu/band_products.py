"""Sums of bands of long frames as they lie, without a transposition.

A band is a product of vectors: of the bins around it with its weights, among which there are zeros.
The bands of half a vector, for two frames, make as many vectors of partial sums as a vector has
lanes; these are in turn added up as one vector. That takes more arithmetic than frames in lanes do,
but long frames, transposed, would not stay in L1.
"""

import numpy as np

from kapre_ref.kernels.cpu.jit import as_input, kernel
from kapre_ref.kernels.cpu.vector import n_lanes, vector_function


def pair_tables(weights, starts, stops):
    """Return the tables of `sum_pairs` for bands of these bins, or None if a frame is too short.

    They say how many vectors of bins each band of a group has, at which byte of a frame each band
    begins, and its weights.
    """
    n_freq, n_bands = weights.shape
    lanes = n_lanes(weights.dtype)
    size = lanes // 2
    n_groups = -(-n_bands // size)
    ends = np.zeros((2, n_groups * size), np.int32)
    ends[:, :n_bands] = starts, stops
    n_vectors = (-(-(ends[1] - ends[0]) // lanes)).reshape(n_groups, size).max(axis=1, initial=0)
    if max(2, n_vectors.max(initial=0)) * lanes > n_freq:
        return None
    counts = as_input(n_vectors.astype(np.int32))
    # A band may begin earlier, so that its vectors do not end beyond the frame.
    firsts = np.clip(ends[0], 0, n_freq - counts.repeat(size) * lanes, dtype=np.int32)
    packed = np.zeros(counts.sum() * size * lanes, weights.dtype)
    _pack_vectors(weights, lanes, counts, as_input(firsts), packed)
    return counts, as_input(firsts * np.int32(weights.itemsize)), as_input(packed)


@kernel
def _pack_vectors(weights, lanes, counts, firsts, packed):
    size, place = firsts.size // counts.size, 0
    for group in range(counts.size):
        for i in range(counts[group]):
            for band in range(group * size, (group + 1) * size):
                if band < weights.shape[1]:
                    first = firsts[band] + i * lanes
                    for lane in range(lanes):
                        packed[place + lane] = weights[first + lane, band]
                place += lanes


@kernel
def sum_pairs(unit, counts, firsts, packed, weights, frames, bands):
    """Sum the bands of frames, two at a time."""
    n_freq, n_bands = weights.shape
    frame_bytes, result_bytes = n_freq * bands.itemsize, n_bands * bands.itemsize
    for i in range(0, bands.shape[0], 2):
        n = min(2, bands.shape[0] - i)  # one alone is its own neighbour
        not_finite = sum_pair(
            unit,
            frames.ctypes.data + i * frame_bytes,
            frame_bytes * (n - 1),
            n_freq,
            counts.ctypes.data,
            firsts.ctypes.data,
            packed.ctypes.data,
            counts.size,
            bands.ctypes.data + i * result_bytes,
            result_bytes * (n - 1),
            n_bands,
        )
        if not_finite:  # counts even times a weight of 0
            for j in range(n):
                if not_finite & (1 << j):
                    for band in range(n_bands):
                        total = unit - unit
                        for k in range(n_freq):
                            total += frames[i + j, k] * weights[k, band]
                        bands[i + j, band] = total


@vector_function
def sum_pair(
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
        with emitter.loop(emitter.load_index(counts + group * 4)) as i:
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
    with emitter.loop(n_whole) as group:
        sum_group(group, emitter.store)
    with emitter.loop(n_groups - n_whole):

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

    with emitter.loop(n_freq // (2 * lanes)) as i:
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
