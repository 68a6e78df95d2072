"""Spectra of sizes that no butterfly serves: SciPy's transform, a cacheful of frames at a time.

Threads share blocks of frames, which are the same for any number of threads. SciPy transforms rows
side by side, a vector of them at a time: so blocks are filled up to whole vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.bands import band_product
from kapre_ref.kernels.cpu.decibel import limit_decibels, unlimited_decibels
from kapre_ref.kernels.cpu.polar import fill_magnitudes, fill_phases
from kapre_ref.kernels.cpu.runtime.jit import as_input, kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_array
from kapre_ref.kernels.cpu.runtime.strided import assign, contiguous, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kapre_ref._decibel import DecibelScale
    from kapre_ref._spectrum_plan import SpectrumPlan
    from kapre_ref.kernels.cpu.products import Product

    Place: TypeAlias = tuple[int, int, slice]  # item, channel, frames

_BLOCK_BYTES = 1 << 18  # of samples: they and their spectra have room in the L2 cache
_FEW_BYTES = 1 << 22  # of few frames: more of them than fit into that cache, for SciPy's vectors
_VECTOR_BYTES = 16  # of SciPy
_MANY = 32  # frames that overlap, whose rounding errors would add up
_LARGE_PLAN = 1 << 16  # samples
_SAMPLE_SECONDS = 8e-9  # of each sample of a frame


def stft(signals: NDArray[Any], plan: SpectrumPlan, out: NDArray[Any]) -> None:
    """Write each block's spectra to their place."""

    def write(place: Place, spectra: NDArray[Any]) -> None:
        out[place] = spectra

    _for_each_block(signals, plan, out.shape[2], write)


def stft_magnitude(
    signals: NDArray[Any], plan: SpectrumPlan, scale: DecibelScale | None, out: NDArray[Any]
) -> None:
    """Write the magnitudes of each block to their place."""

    def compute(spectra: NDArray[Any], magnitudes: NDArray[Any]) -> None:
        fill_magnitudes(spectra, magnitudes)

    _fill(signals, plan, scale, out, compute)


def stft_mag_phase(
    signals: NDArray[Any], plan: SpectrumPlan, scale: DecibelScale | None, out: NDArray[Any]
) -> None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    magnitudes, phases = np.split(out, 2, axis=1)

    def compute(spectra: NDArray[Any], results: NDArray[Any]) -> None:
        fill_magnitudes(spectra, results)

    def write_phases(place: Place, spectra: NDArray[Any]) -> None:
        angles = scratch_array("angles", spectra.shape, spectra.real.dtype)
        fill_phases(spectra, angles)
        assign(phases[place], angles)

    _fill(signals, plan, scale, magnitudes, compute, write_phases)


def filterbank_spectrogram(
    signals: NDArray[Any], plan: SpectrumPlan, scale: DecibelScale | None, out: NDArray[Any]
) -> None:
    """Sum the bins of each band of each block's magnitudes."""
    if not out.size:  # then nothing is made for frames that do not exist
        return
    multiply = _band_product(plan, working_dtype(out.dtype))

    def compute(spectra: NDArray[Any], bands: NDArray[Any]) -> None:
        magnitudes = scratch_array("magnitudes", spectra.shape, bands.dtype)
        fill_magnitudes(spectra, magnitudes)
        multiply(magnitudes, bands)

    _fill(signals, plan, scale, out, compute)


def inverse_stft(
    spectra: NDArray[Any],
    n_fft: int,
    hop_length: int,
    window: NDArray[np.float64],
    out: NDArray[Any],
) -> None:
    """Transform blocks of frames back and add up what overlaps, a section of a signal at a time.

    Frames that reach into two sections are transformed for each.
    """
    from scipy import fft

    batch, n_channels, n_frames, n_freq = spectra.shape
    n_samples = out.shape[2]
    real = working_dtype(out.dtype)
    window = as_input(window[:n_fft].astype(real))
    n_used = len(window)
    n_overlaps = -(-n_used // hop_length) - 1
    block = _frames_at_once(n_fft, hop_length, real)
    # Whole blocks, of which not more than every 32nd frame is one of the section before too.
    n_blocks = -(-max(32 * n_overlaps, 1) // block)
    section = hop_length * (n_blocks * block - n_overlaps)
    sections_of_channel = -(-n_samples // section)

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            number, part = divmod(index, sections_of_channel)
            first_sample = part * section
            frames = spectra[divmod(number, n_channels)]
            place = out[*divmod(number, n_channels), first_sample : first_sample + section]
            total = place if is_plain(place, real) else np.empty(len(place), real)
            total[:] = 0
            lost = np.zeros(len(total) if n_overlaps >= _MANY else 0, real)
            first = max(part * section // hop_length - n_overlaps, 0)
            last = min((part + 1) * section // hop_length, n_frames)
            for at in range(first, last, block):
                some = frames[at : min(at + block, last)]
                n_missing = _n_rows(len(some), block, real) - len(some)
                if n_missing:
                    some = np.concatenate([some, np.zeros_like(some, shape=(n_missing, n_freq))])
                _make_room_for_plan(fft.irfft, n_fft, some.dtype)
                parts = fft.irfft(some, n_fft, axis=1)[: len(some) - n_missing]
                start_of_some = at * hop_length - first_sample
                _add_frames(as_input(parts), window, hop_length, start_of_some, total, lost)
            _add_lost(total, lost)
            if total is not place:
                assign(place, total)

    n_sections = batch * n_channels * sections_of_channel
    run_slices(run, n_sections, spectra.size * 2 * _SAMPLE_SECONDS)


def _fill(
    signals: NDArray[Any],
    plan: SpectrumPlan,
    scale: DecibelScale | None,
    out: NDArray[Any],
    compute: Callable[[NDArray[Any], NDArray[Any]], None],
    use: Callable[[Place, NDArray[Any]], None] | None = None,
) -> None:
    """Write what `compute(spectra, results)` makes of each block's spectra, as decibels if asked.

    It gets contiguous results in the working precision; so they are rounded once.
    """
    dtype = working_dtype(out.dtype)
    peaks = np.empty(out.shape[:3], dtype)

    def write(place: Place, spectra: NDArray[Any]) -> None:
        result = out[place]
        straight = is_plain(result, dtype)
        computed = result if straight else scratch_array("results", result.shape, dtype)
        compute(spectra, computed)
        if scale is not None:
            peaks[place] = unlimited_decibels(computed, scale)
        if not straight:
            assign(result, computed)
        if use is not None:
            use(place, spectra)

    _for_each_block(signals, plan, out.shape[2], write)
    if scale is not None and out.size:
        limit_decibels(out, peaks, scale)


def _for_each_block(
    signals: NDArray[Any],
    plan: SpectrumPlan,
    n_frames: int,
    write: Callable[[Place, NDArray[Any]], None],
) -> None:
    """Call `write((item, channel, frames), spectra)` for every block of frames of every channel.

    The spectra are (n_frames of the block, n_freq), in the working precision.
    """
    batch, n_channels, _ = signals.shape
    if not batch * n_channels * n_frames:
        return
    n_fft, hop_length = plan.n_fft, plan.hop_length
    dtype = working_dtype(signals.dtype)
    window = _window(plan, dtype)
    block = _frames_at_once(n_fft, hop_length, dtype)
    blocks_of_channel = -(-n_frames // block)

    def run(start: int, stop: int) -> None:
        room = scratch_array("frames", (min(block, -(-n_frames // 4) * 4), n_fft), dtype)
        for index in range(start, stop):
            number, part = divmod(index, blocks_of_channel)
            item, channel = divmod(number, n_channels)
            frames = slice(part * block, min((part + 1) * block, n_frames))
            first = frames.start * hop_length - plan.n_padded
            end = (frames.stop - 1) * hop_length - plan.n_padded + len(window)
            samples = _stretch(signals[item, channel], first, end, dtype)
            n_here = frames.stop - frames.start
            write((item, channel, frames), _spectra(samples, hop_length, n_here, window, room))

    n_blocks = batch * n_channels * blocks_of_channel
    run_slices(run, n_blocks, n_blocks * block * n_fft * _SAMPLE_SECONDS)


def _stretch(signal: NDArray[Any], first: int, stop: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return contiguous samples, zeros where there are none."""
    inside = signal[max(first, 0) : max(stop, 0)]
    if len(inside) == stop - first:
        return contiguous(inside, dtype)
    samples = np.zeros(stop - first, dtype)
    at = max(-first, 0)
    samples[at : at + len(inside)] = inside
    return as_input(samples)


def _spectra(
    samples: NDArray[Any],
    hop_length: int,
    n_frames: int,
    window: NDArray[Any],
    room: NDArray[Any],
) -> NDArray[Any]:
    """Transform the frames of a stretch of samples; `room` is overwritten."""
    from scipy import fft

    n_fft = room.shape[1]
    if n_fft <= 2:
        spectra = np.empty((n_frames, n_fft // 2 + 1), np.result_type(room, np.complex64))
        _transform_pairs(samples, hop_length, window, spectra.view(room.dtype))
        return spectra
    n_rows = _n_rows(n_frames, len(room), room.dtype)
    _window_frames(samples, hop_length, n_frames, window, room[:n_rows])
    _make_room_for_plan(fft.rfft, n_fft, room.dtype)
    transformed: NDArray[Any] = fft.rfft(room[:n_rows], axis=1, overwrite_x=True)
    return transformed[:n_frames]


# (transform, size, dtype) of the last large plan
_last_plan: tuple[Callable[..., Any], int, np.dtype[Any]] | None = None


def _make_room_for_plan(transform: Callable[..., Any], n_fft: int, dtype: np.dtype[Any]) -> None:
    """Let SciPy keep one plan of a large transform, not 16: each may take 30 bytes a sample.

    It keeps the last 16 that were used. So small ones are used before another large one is made.
    """
    global _last_plan
    if n_fft > _LARGE_PLAN and _last_plan != (transform, n_fft, dtype):
        _last_plan = transform, n_fft, dtype
        for n in range(2, 18):
            transform(np.ones(n, dtype))


@kernel
def _window_frames(samples, hop_length, n_frames, window, rows):
    for i in range(n_frames):
        source = samples[i * hop_length : i * hop_length + window.size]
        row = rows[i]
        for j in range(window.size):
            row[j] = source[j] * window[j]
        row[window.size :] = 0
    rows[n_frames:] = 0


@kernel
def _transform_pairs(samples, hop_length, window, parts):
    # Of one sample or two: their sum and their difference.
    for i in range(parts.shape[0]):
        at = i * hop_length
        first = samples[at] * window[0]
        second = samples[at + 1] * window[1] if window.size == 2 else window[0] - window[0]
        parts[i] = 0
        parts[i, 0] = first + second
        if parts.shape[1] == 4:
            parts[i, 2] = first - second


@kernel
def _add_frames(frames, window, hop_length, start, total, lost):
    # The first frame starts at `start` of the total; what lies outside that is another's.
    # What the sums lose is summed too, if there is room for it.
    for i in range(frames.shape[0]):
        at = start + i * hop_length
        before = max(-at, 0)
        place = slice(at + before, max(at + window.size, 0))
        target, source, weights = total[place], frames[i, before : window.size], window[before:]
        errors = lost[place]
        if not errors.size:
            for j in range(target.size):
                target[j] += source[j] * weights[j]
        for j in range(errors.size):
            earlier, term = target[j], source[j] * weights[j]
            target[j] = earlier + term
            added = target[j] - earlier
            errors[j] += (earlier - (target[j] - added)) + (term - added)


@kernel
def _add_lost(total, lost):
    for j in range(lost.size):
        if lost[j] == lost[j]:  # of infinite sums it is NaN
            total[j] += lost[j]


def _frames_at_once(n_fft: int, hop_length: int, dtype: np.dtype[Any]) -> int:
    """Choose how many frames lie in a block: whole vectors of them, or one."""
    lanes, n_bytes = _lanes(dtype), max(n_fft, hop_length) * dtype.itemsize
    n_frames = _BLOCK_BYTES // n_bytes
    if n_frames < lanes:
        return lanes if lanes * n_bytes <= _FEW_BYTES else 1
    return n_frames // lanes * lanes


def _n_rows(n_frames: int, block: int, dtype: np.dtype[Any]) -> int:
    """Return how many rows to give SciPy for some frames of a block: whole vectors, or single rows.

    SciPy transforms what is left beside whole vectors row by row, which rounds differently where
    its compiler made fused multiply-adds of it, as on ARM. One row takes it almost as long.
    """
    lanes = _lanes(dtype)
    return n_frames if block < lanes else -(-n_frames // lanes) * lanes


def _lanes(dtype: np.dtype[Any]) -> int:
    return _VECTOR_BYTES // dtype.itemsize


@kept
def _window(plan: SpectrumPlan, dtype: np.dtype[Any]) -> NDArray[Any]:
    return as_input(plan.window().astype(dtype))


@kept
def _band_product(plan: SpectrumPlan, dtype: np.dtype[Any]) -> Product:
    assert plan.make_bands is not None, "plans of this kernel have bands"
    return band_product(plan.make_bands(dtype), dtype)
