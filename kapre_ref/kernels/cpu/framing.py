"""Frames copied from the signal, and their energies summed without copying them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.copies import stream_frames
from kapre_ref.kernels.cpu.emit.intrinsics import MAX_VECTOR_BYTES
from kapre_ref.kernels.cpu.emit.sums import SQUARES, TERMS, sum_pairwise
from kapre_ref.kernels.cpu.runtime.chunks import for_items
from kapre_ref.kernels.cpu.runtime.jit import inlined, kernel, summing_kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BYTE_SECONDS = 1e-10  # the time to read or write a byte
# A store reads the line that it changes, unless it goes past the caches. Results of 32 MiB or more
# would not stay in the caches anyway, so they go past them if frames are mostly whole lines.
_STREAMED_BYTES, _STREAMED_FRAME_BYTES = 1 << 25, 1 << 9
_FRAMES_AT_ONCE = 1 << 10  # so few that the energies of their hops stay in L1
_FEW = 128  # terms; in any order, the rounding errors of so few do not add up to much


@operation
def frame(signals: NDArray[Any], hop_length: int, pad_value: float, out: NDArray[Any]) -> None:
    """Copy every frame from the signal straight to its place.

    `out` is contiguous, with the channels first or last. If they are last, the samples of all
    channels at one time lie side by side and move together: frames are as many times longer.
    """
    if not out.size:
        return
    n_frames, frame_length = out.shape[2:]
    if not out.flags.c_contiguous:
        signals, out = signals.transpose(0, 2, 1), out.transpose(0, 2, 3, 1)
        frame_length, hop_length = frame_length * out.shape[3], hop_length * out.shape[3]
    word = np.dtype(f"u{out.itemsize}")  # samples are moved as bits, whatever they mean
    pad = np.array(pad_value, out.dtype).view(word)[()]
    streams = out.nbytes >= _STREAMED_BYTES
    streams &= frame_length * out.itemsize >= _STREAMED_FRAME_BYTES

    def copy(samples: NDArray[Any], frames: NDArray[Any]) -> None:
        frames = frames.view(word).reshape(-1, n_frames, frame_length)
        samples = samples.view(word).reshape(len(frames), -1)

        def run(start: int, stop: int) -> None:
            _copy_frames(streams, samples, hop_length, pad, frames, start, stop)

        run_slices(run, len(frames) * n_frames, frames.nbytes * _BYTE_SECONDS)

    for_items(copy, signals, out, out.dtype)


class _Hops(NamedTuple):
    """How a frame is cut: into `n` hops of a length, and the first `rest` samples of one more."""

    length: int
    n: int
    rest: int


@operation
def energy(
    signals: NDArray[Any],
    frame_length: int,
    hop_length: int,
    pad_value: float,
    scale: float,
    out: NDArray[Any],
) -> None:
    """Square and sum the samples of each frame where they lie in the signal."""
    if not out.size:
        return
    dtype = working_dtype(out.dtype)
    with np.errstate(all="ignore"):
        pad_energy, scale = dtype.type(pad_value) ** 2, dtype.type(scale)
    parameters = frame_length, hop_length, (pad_energy, scale)

    def measure(samples: NDArray[Any], energies: NDArray[Any]) -> None:
        energies = energies.reshape(-1, out.shape[2])
        samples = samples.reshape(len(energies), -1)

        def run(start: int, stop: int) -> None:
            _sum_squares(samples, *parameters, energies, start, stop)

        n_bytes = energies.nbytes * frame_length
        run_slices(run, energies.size, n_bytes * _BYTE_SECONDS)

    for_items(measure, signals, out, dtype)


_UNIT = np.float32(1)  # bits are moved as vectors of float32


@kernel
def _copy_frames(streams, samples, hop_length, pad, frames, start, stop):
    n_frames, frame_length = frames.shape[1:]
    itemsize, n_samples = samples.itemsize, samples.shape[1]
    line = np.empty(3 * MAX_VECTOR_BYTES, np.uint8)
    index = start  # counts the frames of all series
    while index < stop:
        series, i = divmod(index, n_frames)
        at = i * hop_length
        n_whole = min((n_samples - at - frame_length) // hop_length + 1, n_frames - i, stop - index)
        if streams and n_whole > 0:
            stream_frames(
                _UNIT,
                samples.ctypes.data + (series * n_samples + at) * itemsize,
                hop_length * itemsize,
                frames.ctypes.data + index * frame_length * itemsize,
                frame_length * itemsize,
                n_whole,
                line.ctypes.data,
            )
            index += n_whole
        else:
            source, frame = samples[series, at : at + frame_length], frames[series, i]
            for j in range(source.size):
                frame[j] = source[j]
            frame[source.size :] = pad
            index += 1


@kernel
def _sum_squares(samples, frame_length, hop_length, factors, energies, start, stop):
    # Frames overlap, but each hop is squared and summed only once.
    pad_energy, scale = factors  # the square of a missing sample, and what multiplies every sum
    n_hops = frame_length // hop_length
    rest = frame_length - n_hops * hop_length
    cut = _Hops(hop_length, n_hops, rest)
    n_at_once = min(_FRAMES_AT_ONCE, stop - start)
    hops = np.empty(n_at_once + n_hops, energies.dtype)
    rests = np.empty(n_at_once + n_hops, energies.dtype)
    index = start
    while index < stop:
        series, first = divmod(index, energies.shape[1])
        n = min(n_at_once, stop - index, energies.shape[1] - first)
        index += n
        signal, results = samples[series], energies[series, first : first + n]
        if max(rest, hop_length - rest if n_hops else 0) > _FEW:
            _square_long_hops(signal, first, cut, scale, hops, rests, n)
        else:
            _square_hops(signal, first, cut, scale, hops, rests, n)
        if n_hops > _FEW:
            _add_many_hops(hops, n_hops, scale, results)
        else:
            _add_hops(hops, n_hops, scale, results)
        for i in range(n):
            total = results[i] + rests[i + n_hops]
            missing = (first + i) * hop_length + frame_length - samples.shape[1]
            if missing > 0:  # 0 * pad_energy would be NaN if that is infinite
                total += missing * pad_energy
            results[i] = total * scale


@summing_kernel
def _square_hops(samples, first, cut, scale, hops, rests, n):
    hop_length, n_hops, rest = cut
    for i in range(n + n_hops):
        at = (first + i) * hop_length
        rests[i] = _energy(samples[at : at + rest], scale)
        if n_hops:  # else frames lie apart, and the samples between them do not count
            hops[i] = rests[i] + _energy(samples[at + rest : at + hop_length], scale)


@inlined
def _energy(samples, scale):
    total = scale - scale  # 0 of its type
    for j in range(samples.size):
        total += samples[j] * samples[j]
    return total


@kernel
def _square_long_hops(samples, first, cut, scale, hops, rests, n):
    hop_length, n_hops, rest = cut
    itemsize, source = samples.itemsize, samples.ctypes.data
    of_hops, of_rests = hops.ctypes.data, rests.ctypes.data
    for i in range(n + n_hops):
        at = (first + i) * hop_length
        n_inside = max(min(samples.size - at, hop_length), 0)
        n_rest = min(rest, n_inside)
        place = source + at * itemsize
        rests[i] = 0
        if n_rest:
            sum_pairwise(scale, SQUARES, place, n_rest, of_rests + i * itemsize)
        if n_hops:
            place += rest * itemsize
            sum_pairwise(scale, SQUARES, place, n_inside - n_rest, of_hops + i * itemsize)
            hops[i] += rests[i]


@summing_kernel
def _add_hops(hops, n_hops, scale, totals):
    for i in range(totals.size):
        inside = hops[i : i + n_hops]
        total = scale - scale
        for j in range(inside.size):
            total += inside[j]
        totals[i] = total


@kernel
def _add_many_hops(hops, n_hops, scale, totals):
    source, target, itemsize = hops.ctypes.data, totals.ctypes.data, hops.itemsize
    for i in range(totals.size):
        sum_pairwise(scale, TERMS, source + i * itemsize, n_hops, target + i * itemsize)
