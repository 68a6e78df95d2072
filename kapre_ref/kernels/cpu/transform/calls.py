"""Calls of the vector transform: which work is shared among threads, and in what memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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


class Call(NamedTuple):
    """What calls for one front end, on arrays of one layout, have in common."""

    job: int  # the address of a `Job`, see `emit.records`
    first: int  # bytes from the first sample to the first one that counts
    n_blocks: int
    n_peaks: int  # numbers that peaks of all blocks take, if there is a limit below a peak
    seconds: float  # about how long all blocks take
    odd: int | None  # see `forward.write_spectra`
    scratch_bytes: int
    addresses: Addresses


def fill(
    result: int, signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]
) -> NDArray[Any] | None:
    """Write features, complex spectra, or magnitudes and phases of all frames to `out`.

    Return the largest value of each frame, (batch, channel, n_frames and room behind them), if
    there is a limit below a peak. Phases go to channels behind those of the magnitudes.
    """
    if not out.size:
        return None
    if signals.dtype.itemsize == 2:
        return _fill_converted(result, signals, front_end, out)
    tables = tables_of(front_end, signals.dtype)
    key = result, signals.shape, signals.strides, out.strides
    call = tables.calls.get(key)
    if call is None:
        ends = ends_of(front_end, signals.shape[2])
        call = tables.calls[key] = _call_for(result, signals, ends, tables, out)
    return _run(call, signals, out)


def _fill_converted(
    result: int,
    signals: NDArray[Any],
    front_end: FrontEnd,
    out: NDArray[Any],
) -> NDArray[Any] | None:
    """Fill `out` chunk by chunk in the working precision, rounded once; return the peaks."""
    dtype = working_dtype(signals.dtype)
    tables = tables_of(front_end, dtype)
    complex_or_real = np.result_type(dtype, np.complex64) if result == SPECTRUM else dtype
    batch, n_channels, n_samples = signals.shape
    n_frames, n_values = out.shape[2:]
    n_parts = out.shape[1] // n_channels
    has_peaks = tables.has_limit and result != SPECTRUM
    peaks = np.empty((batch, n_channels, n_frames), dtype) if has_peaks else None
    lanes, hop_length = n_lanes(dtype), front_end.hop_length
    chunk = -(-_CHUNK // (n_values * lanes)) * lanes
    chunks_of_channel = -(-n_frames // chunk)
    ends = ends_of(front_end, n_samples)

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            number, position = divmod(index, chunks_of_channel)
            item, channel = divmod(number, n_channels)
            frames = slice(position * chunk, min((position + 1) * chunk, n_frames))
            first = frames.start * hop_length - ends.n_padded
            last = (frames.stop - 1) * hop_length - ends.n_padded + front_end.frame_length
            samples = samples_between(signals[item, channel], ends, first, last, dtype)
            whole = Ends(0, len(samples), 0, ZEROS, 0.0, has_previous=False)
            values = np.empty((1, n_parts, frames.stop - frames.start, n_values), complex_or_real)
            of_one = samples[None, None]
            call = _call_for(result, of_one, whole, tables, values)
            of_chunk = _run(call, of_one, values)
            assign(out[item, channel::n_channels, frames], values[0])
            if peaks is not None and of_chunk is not None:
                peaks[item, channel, frames] = of_chunk[0, 0, : values.shape[2]]

    n_chunks = batch * n_channels * chunks_of_channel
    run_slices(run, n_chunks, n_chunks * chunk * tables.frame_seconds)
    return peaks


def _call_for(
    result: int, signals: NDArray[Any], ends: Ends, tables: Tables, out: NDArray[Any]
) -> Call:
    """Prepare calls on arrays like these."""
    batch, n_channels, _ = signals.shape
    n_frames, lanes = out.shape[2], n_lanes(signals.dtype)
    logarithm, pairs = (0, 0) if result == SPECTRUM else tables.scale
    job = Job(
        plan=tables.plan,
        result=result,
        signal_strides=signals.strides,  # type: ignore[arg-type]  # of three axes
        n_samples=ends.n_samples,
        n_padded=ends.n_padded,
        edge=ends.edge,
        factor=tables.factor if ends.factor else 0,
        has_previous=int(ends.has_previous),
        out_strides=out.strides,  # type: ignore[arg-type]  # of four
        n_channels=n_channels,
        n_frames=n_frames,
        logarithm=logarithm,
        pairs=pairs,
    )
    n_blocks = batch * n_channels * -(-n_frames // lanes)
    addresses = Addresses(tables.addresses)
    return Call(
        job=addresses.of(record_array(job)),
        first=ends.first * signals.strides[2],
        n_blocks=n_blocks,
        n_peaks=n_blocks * lanes if tables.has_limit and result != SPECTRUM else 0,
        seconds=n_blocks * lanes * tables.frame_seconds,
        odd=tables.odd,
        scratch_bytes=tables.scratch_bytes,
        addresses=addresses,
    )


def _run(call: Call, signals: NDArray[Any], out: NDArray[Any]) -> NDArray[Any] | None:
    """Call the kernel; return the largest value of each frame, if there is a limit below a peak."""
    addresses = Addresses(call.addresses)
    signal, target = addresses.of(signals) + call.first, addresses.of(out)
    peaks = np.empty(call.n_peaks, signals.dtype)

    def run(start: int, stop: int) -> None:
        scratch = scratch_address(call.scratch_bytes)
        write_spectra(addresses, peaks, call.odd, call.job, signal, target, scratch, (start, stop))

    run_slices(run, call.n_blocks, call.seconds)
    if not call.n_peaks:
        return None
    batch, n_channels, _ = signals.shape
    return peaks.reshape(batch, n_channels, -1)
