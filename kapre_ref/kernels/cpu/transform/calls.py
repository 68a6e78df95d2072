"""Calls of the vector transform: which work is shared among threads, and in what memory."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.decibel import limit_decibels
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes
from kapre_ref.kernels.cpu.runtime.jit import Addresses
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_address
from kapre_ref.kernels.cpu.runtime.strided import assign
from kapre_ref.kernels.cpu.transform.forward import (
    BANDS,
    MAGNITUDES,
    POLAR,
    SPECTRUM,
    Job,
    write_spectra,
)
from kapre_ref.kernels.cpu.transform.plan import tables_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._decibel import DecibelScale
    from kapre_ref._spectrum_plan import SpectrumPlan

__all__ = ["BANDS", "MAGNITUDES", "POLAR", "SPECTRUM", "fill"]

_STEP_SECONDS = 4e-11  # for each sample of a frame and halving of the transform
_CHUNK = 1 << 16  # numbers of results made at a time where they do not go straight to their place


def fill(
    result: int,
    signals: NDArray[Any],
    plan: SpectrumPlan,
    scale: DecibelScale | None,
    out: NDArray[Any],
) -> None:
    """Write magnitudes, complex spectra or bands of all frames to `out`, in decibels if `scale`.

    Phases, if they are asked for, go to channels of their own behind those of the magnitudes.
    """
    if not out.size:
        return
    dtype = working_dtype(signals.dtype)
    if signals.dtype == dtype:
        peaks = _run(result, signals, plan, plan.n_padded, scale, out, dtype)
    else:
        peaks = _fill_converted(result, signals, plan, scale, out, dtype)
    if scale is not None and peaks is not None:
        limit_decibels(out[:, : signals.shape[1]], peaks, scale)


def _fill_converted(
    result: int,
    signals: NDArray[Any],
    plan: SpectrumPlan,
    scale: DecibelScale | None,
    out: NDArray[Any],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Fill `out` chunk by chunk in the working precision, rounded once; return the peaks."""
    complex_or_real = np.result_type(dtype, np.complex64) if result == SPECTRUM else dtype
    batch, n_channels, n_samples = signals.shape
    n_frames, n_values = out.shape[2:]
    n_parts = out.shape[1] // n_channels
    peaks = np.empty((batch, n_channels, n_frames), dtype)
    lanes = n_lanes(dtype)
    chunk = -(-_CHUNK // (n_values * lanes)) * lanes
    chunks_of_channel = -(-n_frames // chunk)

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            number, part = divmod(index, chunks_of_channel)
            item, channel = divmod(number, n_channels)
            frames = slice(part * chunk, min((part + 1) * chunk, n_frames))
            first = frames.start * plan.hop_length - plan.n_padded
            last = (frames.stop - 1) * plan.hop_length - plan.n_padded + plan.n_fft
            begin = min(max(first, 0), n_samples)
            samples = signals[item, channel, begin : max(begin, last)].astype(dtype, copy=False)
            values = np.empty((1, n_parts, frames.stop - frames.start, n_values), complex_or_real)
            of_chunk = _run(result, samples[None, None], plan, begin - first, scale, values, dtype)
            assign(out[item, channel::n_channels, frames], values[0])
            if of_chunk is not None:
                peaks[item, channel, frames] = of_chunk[0, 0]

    n_chunks = batch * n_channels * chunks_of_channel
    run_slices(run, n_chunks, n_chunks * chunk * _frame_seconds(plan))
    return peaks


def _run(
    result: int,
    signals: NDArray[Any],
    plan: SpectrumPlan,
    n_padded: int,
    scale: DecibelScale | None,
    out: NDArray[Any],
    dtype: np.dtype[Any],
) -> NDArray[Any] | None:
    """Call the kernel; return the largest value of each frame, or None without decibels.

    The signal starts `n_padded` samples after its first frame.
    """
    batch, n_channels, n_samples = signals.shape
    n_frames, lanes = out.shape[2], n_lanes(dtype)
    tables = tables_of(plan, dtype)
    blocks_of_channel = -(-n_frames // lanes)
    peaks, scale_address, peaks_address = None, 0, 0
    if scale is None:
        addresses = Addresses(tables.addresses)
    else:
        scale_address, of_scale = _scale_numbers(scale, dtype)
        addresses = Addresses(tables.addresses, of_scale)
        peaks = np.empty((batch, n_channels, blocks_of_channel * lanes), dtype)
        peaks_address = addresses.of(peaks)
    job = Job(
        result=result,
        signal=addresses.of(signals),
        signal_strides=signals.strides,
        n_samples=n_samples,
        n_padded=n_padded,
        out=addresses.of(out),
        out_strides=out.strides,
        n_channels=n_channels,
        n_frames=n_frames,
        scale=scale_address,
        peaks=peaks_address,
    )
    unit = dtype.type(1)

    def run(start: int, stop: int) -> None:
        scratch = scratch_address(tables.scratch_bytes)
        write_spectra(addresses, unit, tables.plan, job, scratch, start, stop)

    n_blocks = batch * n_channels * blocks_of_channel
    run_slices(run, n_blocks, n_blocks * lanes * _frame_seconds(plan))
    return None if peaks is None else peaks[:, :, :n_frames]


@lru_cache(maxsize=128)
def _frame_seconds(plan: SpectrumPlan) -> float:
    return _STEP_SECONDS * plan.n_fft * math.log2(plan.n_fft)


@kept
def _scale_numbers(scale: DecibelScale, dtype: np.dtype[Any]) -> tuple[int, Addresses]:
    """Return the address of the three numbers that `epilogues.decibels` takes, and its owner."""
    zero = 10 * math.log10(max(scale.amin, scale.ref_value))
    numbers = np.array([scale.amin, -zero, 10 * math.log10(scale.amin) - zero], dtype)
    addresses = Addresses()
    return addresses.of(numbers), addresses
