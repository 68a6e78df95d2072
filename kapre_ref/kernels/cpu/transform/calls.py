"""Calls of the vector transform: which work is shared among threads, and in what memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes
from kapre_ref.kernels.cpu.emit.records import record_array
from kapre_ref.kernels.cpu.runtime.jit import Addresses
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_address
from kapre_ref.kernels.cpu.runtime.strided import assign
from kapre_ref.kernels.cpu.transform.edges import ZEROS, Ends, ends_of, samples_between
from kapre_ref.kernels.cpu.transform.forward import FEATURES, POLAR, SPECTRUM, Job, write_spectra
from kapre_ref.kernels.cpu.transform.plan import Tables, tables_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

__all__ = ["FEATURES", "POLAR", "SPECTRUM", "fill"]

_CHUNK = 1 << 16  # numbers of results made at a time where they do not go straight to their place


def fill(
    result: int, signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]
) -> NDArray[Any] | None:
    """Write features, complex spectra, or magnitudes and phases of all frames to `out`.

    Return the largest value of each frame, (batch, channel, n_frames), if there is a logarithm.
    Phases go to channels of their own behind those of the magnitudes.
    """
    dtype = working_dtype(signals.dtype)
    if not out.size:
        return None
    ends = ends_of(front_end, signals.shape[2])
    tables = tables_of(front_end, dtype)
    if signals.dtype != dtype:
        return _fill_converted(result, signals, front_end, tables, out)
    signals = signals[:, :, ends.first :] if ends.first else signals
    return _run(result, signals, ends, tables, out)


def _fill_converted(
    result: int,
    signals: NDArray[Any],
    front_end: FrontEnd,
    tables: Tables,
    out: NDArray[Any],
) -> NDArray[Any] | None:
    """Fill `out` chunk by chunk in the working precision, rounded once; return the peaks."""
    dtype = working_dtype(signals.dtype)
    complex_or_real = np.result_type(dtype, np.complex64) if result == SPECTRUM else dtype
    batch, n_channels, n_samples = signals.shape
    n_frames, n_values = out.shape[2:]
    n_parts = out.shape[1] // n_channels
    has_peaks = tables.scale.logarithm and result != SPECTRUM
    peaks = np.empty((batch, n_channels, n_frames), dtype) if has_peaks else None
    lanes, hop_length = n_lanes(dtype), front_end.hop_length
    chunk = -(-_CHUNK // (n_values * lanes)) * lanes
    chunks_of_channel = -(-n_frames // chunk)
    ends = ends_of(front_end, n_samples)

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            number, part = divmod(index, chunks_of_channel)
            item, channel = divmod(number, n_channels)
            frames = slice(part * chunk, min((part + 1) * chunk, n_frames))
            first = frames.start * hop_length - ends.n_padded
            last = (frames.stop - 1) * hop_length - ends.n_padded + front_end.win_length
            samples = samples_between(signals[item, channel], ends, first, last, dtype)
            whole = Ends(0, len(samples), 0, ZEROS, 0.0, has_previous=False)
            values = np.empty((1, n_parts, frames.stop - frames.start, n_values), complex_or_real)
            of_chunk = _run(result, samples[None, None], whole, tables, values)
            assign(out[item, channel::n_channels, frames], values[0])
            if peaks is not None and of_chunk is not None:
                peaks[item, channel, frames] = of_chunk[0, 0]

    n_chunks = batch * n_channels * chunks_of_channel
    run_slices(run, n_chunks, n_chunks * chunk * tables.frame_seconds)
    return peaks


def _run(
    result: int, signals: NDArray[Any], ends: Ends, tables: Tables, out: NDArray[Any]
) -> NDArray[Any] | None:
    """Call the kernel; return the largest value of each frame, if there is a logarithm.

    The first sample of `signals` is the first that counts.
    """
    batch, n_channels, _ = signals.shape
    dtype = signals.dtype
    n_frames, lanes = out.shape[2], n_lanes(dtype)
    blocks_of_channel = -(-n_frames // lanes)
    addresses = Addresses(tables.addresses)
    logarithm, pairs = (0, 0) if result == SPECTRUM else tables.scale
    peaks, peaks_address = None, 0
    if logarithm:
        peaks = np.empty((batch, n_channels, blocks_of_channel * lanes), dtype)
        peaks_address = addresses.of(peaks)
    job = Job(
        result=result,
        signal=addresses.of(signals),
        signal_strides=signals.strides,  # type: ignore[arg-type]  # of three axes
        n_samples=ends.n_samples,
        n_padded=ends.n_padded,
        edge=ends.edge,
        factor=tables.factor if ends.factor else 0,
        has_previous=int(ends.has_previous),
        out=addresses.of(out),
        out_strides=out.strides,  # type: ignore[arg-type]  # of four
        n_channels=n_channels,
        n_frames=n_frames,
        logarithm=logarithm,
        pairs=pairs,
        peaks=peaks_address,
    )
    unit, job_address = dtype.type(1), addresses.of(record_array(job))

    def run(start: int, stop: int) -> None:
        scratch = scratch_address(tables.scratch_bytes)
        write_spectra(addresses, unit, tables.plan, job_address, scratch, start, stop)

    n_blocks = batch * n_channels * blocks_of_channel
    run_slices(run, n_blocks, n_blocks * lanes * tables.frame_seconds)
    return None if peaks is None else peaks[:, :, :n_frames]
