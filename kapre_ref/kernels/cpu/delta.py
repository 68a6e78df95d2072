"""Deltas: weighted differences of the frames around each frame, a few frames at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.intrinsics import MAX_VECTOR_BYTES
from kapre_ref.kernels.cpu.emit.slopes import (
    AT_ONCE,
    CHAIN,
    STREAMED_TERMS,
    Frames,
    Terms,
    stream_slopes,
    sum_long_slopes,
    sum_slopes,
)
from kapre_ref.kernels.cpu.runtime.chunks import for_items
from kapre_ref.kernels.cpu.runtime.jit import as_input, inlined, kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TERM_SECONDS = 7e-11
# A store reads the line that it changes, unless it goes past the caches. Results of 8 MiB or more
# would not stay in the caches together with their input, so they go past them if windows are short.
_STREAMED_BYTES = 1 << 23
# How far a mirrored frame's index is from that of `reflect`; -1 means that frames outside are zero.
_MIRRORS = {"symmetric": 1, "reflect": 0, "constant": -1}


class _Neighbours(NamedTuple):
    """What a slope is made of: the weights of the frames n after and n before, from n = 0 on.

    A frame outside the spectrogram is mirrored as `_MIRRORS` says, or is `nothing`, all zeros.
    """

    weights: NDArray[Any]
    nothing: NDArray[Any]
    mirror: int


@operation
def delta(spectra: NDArray[Any], win_length: int, mode: str, out: NDArray[Any]) -> None:
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
    n_terms = min(half, n_frames - 1)  # no two frames are further apart
    weights = as_input(np.array([n / norm for n in range(1 + n_terms)], dtype))
    streams = out.nbytes >= _STREAMED_BYTES and n_terms in STREAMED_TERMS
    streams &= width * dtype.itemsize >= MAX_VECTOR_BYTES
    mirror = _MIRRORS[mode]

    def differentiate(frames: NDArray[Any], slopes: NDArray[Any]) -> None:
        frames = frames.reshape(-1, n_frames, width)
        slopes = slopes.reshape(-1, n_frames, width)

        def run(start: int, stop: int) -> None:
            _sum_differences(frames, weights, mirror, streams, slopes, start, stop)

        run_slices(run, len(slopes) * n_frames, slopes.size * (1 + n_terms) * _TERM_SECONDS)

    for_items(differentiate, spectra, out, dtype)


@kernel
def _sum_differences(frames, weights, mirror, streams, slopes, start, stop):
    n_frames, width = slopes.shape[1:]
    unit, frame_bytes = weights[0], width * slopes.itemsize
    n_terms = weights.size - 1
    neighbours = _Neighbours(weights, np.zeros(width, slopes.dtype), mirror)
    terms = Terms(n_terms, weights.ctypes.data)
    n_levels = 0
    while n_terms > CHAIN << n_levels:
        n_levels += 1
    sums = np.empty((n_levels, width), slopes.dtype)
    index = start  # counts the frames of all series
    while index < stop:
        series, t = divmod(index, n_frames)
        n_inside = min(n_frames - n_terms - t, stop - index) if t >= n_terms else 0
        if n_inside > 0:
            source = frames.ctypes.data + index * frame_bytes
            target = slopes.ctypes.data + index * frame_bytes
            if streams:
                inside = Frames(source, target, width)
                stream_slopes(unit, n_terms, inside, n_inside, terms.weights)
            else:
                n_groups = n_inside // AT_ONCE
                done = n_groups * AT_ONCE
                for part in range(2):
                    n_at_once, n = (AT_ONCE, n_groups) if part == 0 else (1, n_inside - done)
                    inside = Frames(source, target, width)
                    if n_terms <= CHAIN:
                        sum_slopes(unit, n_at_once, inside, n, terms)
                    else:
                        sum_long_slopes(unit, n_at_once, inside, n, terms)
                    source, target = source + done * frame_bytes, target + done * frame_bytes
            index += n_inside
        else:
            _sum_at_edge(frames, series, t, neighbours, sums, slopes[series, t])
            index += 1


@kernel
def _sum_at_edge(frames, series, t, neighbours, sums, slope):
    weights, n_terms = neighbours.weights, neighbours.weights.size - 1
    here, depth = frames[series, t], 0
    for j in range(slope.size):
        slope[j] = here[j] * weights[0]  # NaN and infinity must count, even times 0
    # The sums of chains are added in pairs, pairs of pairs and so on. The sums that have no partner
    # yet are `slope`, sums[0], sums[1] ...; there are `depth` of them.
    for first in range(1, 1 + n_terms, CHAIN):
        total = slope if depth == 0 else sums[depth - 1]
        if first > 1:
            total[:] = 0
        for n in range(first, min(first + CHAIN, 1 + n_terms)):
            before = _frame(frames, series, t - n, neighbours)
            after = _frame(frames, series, t + n, neighbours)
            for j in range(total.size):
                total[j] += weights[n] * (after[j] - before[j])
        n_equal = 1 + first // CHAIN  # chains so far; if they are even, two equal sums meet
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
def _frame(frames, series, t, neighbours):
    n_frames, mirror = frames.shape[1], neighbours.mirror
    if mirror >= 0:
        t = -t - mirror if t < 0 else t
        t = 2 * n_frames - 2 + mirror - t if t >= n_frames else t
    return frames[series, t] if 0 <= t < n_frames else neighbours.nothing
