"""Sums of bands of long frames as they lie, without a transposition.

A band is the product of a vector of bins and a vector of weights, both filled up to whole registers
with bins whose weight is 0. Bands are summed in groups of half as many as a vector has lanes, for
two frames at a time. So there are as many vectors of partial sums as a vector has lanes, and they
are added up as one vector. That takes more arithmetic than frames in lanes do, but long frames,
transposed, would not stay in L1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.bands import PackedBands, sum_bands_of_two
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.runtime.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHAIN = 16  # vectors of bins that are summed one after the other; longer bands are cut into chains


class PairTables(NamedTuple):
    """A filterbank as `sum_bands_by_twos` takes it: arrays."""

    n_vectors: np.ndarray  # how many vectors of bins each chain of a group has
    starts: np.ndarray  # the byte of a frame at which each chain begins
    packed: np.ndarray  # the weights, in the order of their use
    numbers: np.ndarray  # how many chains each band is cut into


def pair_tables(
    n_freq: int,
    lanes: int,
    firsts: NDArray[np.int32],
    counts: NDArray[np.int32],
    weights: NDArray[Any],
) -> PairTables:
    """Cut long bands into chains, and pack the weights of groups of chains."""
    size, longest = lanes // 2, min(_CHAIN * lanes, n_freq // lanes * lanes)
    numbers = np.maximum(1, -(-counts // longest)).astype(np.int32)
    n_groups = -(-int(numbers.sum()) // size)
    n_vectors = np.zeros(n_groups, np.int32)
    chains = np.zeros((3, n_groups * size), np.int32)  # first bin, number of bins, first byte
    _cut_bands(lanes, longest, firsts, counts, numbers, chains, n_vectors)
    packed = np.zeros(int(n_vectors.sum()) * size * lanes, weights.dtype)
    _pack_chains(n_freq, lanes, chains, n_vectors, weights, packed)
    return PairTables(n_vectors, chains[2], packed, numbers)


@kernel
def _cut_bands(lanes, longest, firsts, counts, numbers, chains, n_vectors):
    size, chain = lanes // 2, 0
    for band in range(counts.size):
        for i in range(numbers[band]):
            chains[0, chain] = firsts[band] + i * longest
            chains[1, chain] = min(longest, counts[band] - i * longest)
            group, n = chain // size, -(-chains[1, chain] // lanes)
            n_vectors[group] = max(n_vectors[group], n)
            chain += 1


@kernel
def _pack_chains(n_freq, lanes, chains, n_vectors, weights, packed):
    firsts, counts, starts = chains[0], chains[1], chains[2]
    size, at, place = lanes // 2, 0, 0
    for group in range(n_vectors.size):
        for member in range(size):
            chain = group * size + member
            # A chain may begin earlier, so that its vectors do not end beyond the frame.
            start = min(firsts[chain], n_freq - n_vectors[group] * lanes)
            starts[chain] = start * packed.itemsize
            vector, lane = divmod(firsts[chain] - start, lanes)
            target = place + (vector * size + member) * lanes
            for _ in range(counts[chain]):
                packed[target + lane] = weights[at]
                at, lane = at + 1, lane + 1
                if lane == lanes:
                    target, lane = target + size * lanes, 0
        place += n_vectors[group] * size * lanes


@kernel
def sum_bands_by_twos(unit, tables, firsts, counts, frames, bands):
    """Sum the bands of frames, two at a time."""
    n_freq, n_bands = frames.shape[1], bands.shape[1]
    numbers, frame_bytes, n_chains = tables.numbers, n_freq * bands.itemsize, 0
    for band in range(n_bands):
        n_chains += numbers[band]
    are_whole = n_chains == n_bands
    packed = PackedBands(
        n=n_chains,
        n_groups=tables.n_vectors.size,
        counts=tables.n_vectors.ctypes.data,
        firsts=tables.starts.ctypes.data,
        weights=tables.packed.ctypes.data,
    )
    chains = np.empty((2, 0 if are_whole else n_chains), bands.dtype)
    for i in range(0, bands.shape[0], 2):
        n = min(2, bands.shape[0] - i)  # a last frame without a partner is computed with itself
        some = bands[i : i + n] if are_whole else chains
        pair = Strided(frames.ctypes.data + i * frame_bytes, frame_bytes * (n - 1))
        target = Strided(some.ctypes.data, n_chains * bands.itemsize * (n - 1))
        not_finite = sum_bands_of_two(unit, pair, n_freq, packed, target)
        for j in range(n):
            if not are_whole:
                _join_chains(chains[j], numbers, bands[i + j])
            if not_finite & (1 << j):
                spoil_bands(frames[i + j], firsts, counts, bands[i + j])


@kernel
def _join_chains(chains, numbers, bands):
    # Chains are added in pairs, pairs of pairs and so on, so that rounding errors do not add up.
    start = 0
    for band in range(bands.size):
        some = chains[start : start + numbers[band]]
        n = numbers[band]
        while n > 1:
            for k in range(n // 2):
                some[k] = some[2 * k] + some[2 * k + 1]
            if n % 2:
                some[n // 2] = some[n - 1]
            n = (n + 1) // 2
        bands[band] = some[0]
        start += numbers[band]


@kernel
def spoil_bands(frame, firsts, counts, bands):
    """Make a band NaN if a bin outside it is not finite: such a bin times a weight of 0 is NaN.

    A band's sum covers only the bins from the band's first weight to its last.
    """
    lowest, highest = frame.size, -1
    for k in range(frame.size):
        if frame[k] - frame[k] != 0:
            lowest, highest = min(lowest, k), k
    for band in range(bands.size):
        if lowest < firsts[band] or highest >= firsts[band] + counts[band]:
            bands[band] = np.nan
