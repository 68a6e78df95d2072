"""What lanes do not serve, by SciPy and NumPy: large transforms, and powers other than 1 and 2.

A cacheful of frames is transformed at a time. Threads share chunks of frames, which are the same
for any number of threads. SciPy transforms frames side by side, a vector of them at a time: so
chunks are filled up to whole vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kapre_ref._kept import kept, reserve
from kapre_ref.kernels.cpu.decibel import take_logarithms
from kapre_ref.kernels.cpu.filterbanks import band_product
from kapre_ref.kernels.cpu.polar import fill_magnitudes, fill_phases
from kapre_ref.kernels.cpu.runtime.jit import as_input, kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_array
from kapre_ref.kernels.cpu.runtime.strided import assign, contiguous, is_plain
from kapre_ref.kernels.cpu.transform.edges import ends_of, samples_between
from kapre_ref.kernels.cpu.transform.scales import (
    logarithm_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref._synthesis import Synthesis
    from kapre_ref.kernels.cpu.products import Product
    from kapre_ref.kernels.cpu.transform.edges import Ends

    Index: TypeAlias = tuple[int, int, slice]  # item, channel, frames

_CHUNK_BYTES = 1 << 18  # of samples: they and their spectra have room in the L2 cache
_FEW_BYTES = 1 << 22  # of few frames: more of them than fit into that cache, for SciPy's vectors
_VECTOR_BYTES = 16  # of SciPy
_MANY = 32  # frames that overlap, whose rounding errors would add up
_LARGE_PLAN = 1 << 16  # samples
_PLAN_BYTES = 40  # of a plan of SciPy's, for each sample, if the size is a large prime
_SAMPLE_SECONDS = 8e-9  # of each sample of a frame


def stft(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write each chunk's spectra to their place."""

    def write(index: Index, spectra: NDArray[Any]) -> None:
        out[index] = spectra

    _for_each_chunk(signals, front_end, out.shape[2], write)


def fill(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> NDArray[Any] | None:
    """Write the features of each chunk; return each frame's peak if there is a logarithm."""
    dtype = working_dtype(out.dtype)
    multiply = None if front_end.bands is None else _band_product(front_end, dtype)

    def compute(spectra: NDArray[Any], values: NDArray[Any]) -> None:
        if multiply is None:
            _fill_sizes(spectra, front_end, values)
            return
        sizes = scratch_array("sizes", spectra.shape, values.dtype)
        _fill_sizes(spectra, front_end, sizes)
        multiply(sizes, values)

    return _fill(signals, front_end, out, compute)


def fill_polar(
    signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]
) -> NDArray[Any] | None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    magnitudes, phases = np.split(out, 2, axis=1)

    def compute(spectra: NDArray[Any], results: NDArray[Any]) -> None:
        fill_magnitudes(spectra, results)

    def write_phases(index: Index, spectra: NDArray[Any]) -> None:
        angles = scratch_array("angles", spectra.shape, spectra.real.dtype)
        fill_phases(spectra, angles)
        assign(phases[index], angles)

    return _fill(signals, front_end, magnitudes, compute, write_phases)


def _fill_sizes(spectra: NDArray[Any], front_end: FrontEnd, sizes: NDArray[Any]) -> None:
    """Write magnitudes, or what their power is."""
    power, offset = front_end.power, front_end.power_offset
    if power == 2:
        _fill_powers(as_input(spectra), sizes)
        return
    if not offset:
        fill_magnitudes(spectra, sizes)
    else:
        _fill_powers(as_input(spectra), sizes)
        sizes += sizes.dtype.type(offset)
        np.sqrt(sizes, out=sizes)
    if power != 1:
        with np.errstate(all="ignore"):  # compiled code gives no warnings either
            np.power(sizes, sizes.dtype.type(power), out=sizes)


@kernel
def _fill_powers(spectra, powers):
    for i in range(powers.shape[0]):
        for k in range(powers.shape[1]):
            z = spectra[i, k]
            powers[i, k] = z.real * z.real + z.imag * z.imag


def inverse_stft(spectra: NDArray[Any], synthesis: Synthesis, out: NDArray[Any]) -> None:
    """Transform chunks of frames back and add up what overlaps, a section of a signal at a time.

    Frames that reach into two sections are transformed for each.
    """
    from scipy import fft

    batch, n_channels, n_frames, n_freq = spectra.shape
    n_fft, hop_length, window, n_skipped = synthesis[:4]
    n_samples = n_skipped + out.shape[2]
    real = working_dtype(out.dtype)
    window = as_input(window[:n_fft].astype(real))
    n_used = len(window)
    n_overlaps = -(-n_used // hop_length) - 1
    chunk = _frames_at_once(n_fft, hop_length, real)
    # Whole chunks, of which not more than every 32nd frame is one of the section before too.
    n_chunks = -(-max(32 * n_overlaps, 1) // chunk)
    section = hop_length * (n_chunks * chunk - n_overlaps)
    first_section = max(0, n_skipped // section)
    out[:, :, : max(0, -n_skipped)] = 0
    sections_of_channel = max(0, -(-n_samples // section) - first_section)

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            number, position = divmod(index, sections_of_channel)
            position += first_section
            first_sample = position * section
            stop = min(first_sample + section, n_samples)
            n_cut = max(0, n_skipped - first_sample)
            frames = spectra[divmod(number, n_channels)]
            inside = slice(first_sample + n_cut - n_skipped, stop - n_skipped)
            result = out[*divmod(number, n_channels), inside]
            is_in_place = not n_cut and is_plain(result, real)
            total = result if is_in_place else np.empty(stop - first_sample, real)
            total[:] = 0
            lost = np.zeros(len(total) if n_overlaps >= _MANY else 0, real)
            first = max(position * section // hop_length - n_overlaps, 0)
            last = min((position + 1) * section // hop_length, n_frames)
            for at in range(first, last, chunk):
                some = frames[at : min(at + chunk, last)]
                n_missing = _n_in_vectors(len(some), chunk, real) - len(some)
                if n_missing:
                    some = np.concatenate([some, np.zeros_like(some, shape=(n_missing, n_freq))])
                _make_room_for_plan(fft.irfft, n_fft, some.dtype)
                parts = fft.irfft(some, n_fft, axis=1)[: len(some) - n_missing]
                start_of_some = at * hop_length - first_sample
                _add_frames(as_input(parts), window, hop_length, start_of_some, total, lost)
            _add_lost(total, lost)
            if not is_in_place:
                assign(result, total[n_cut:])

    n_sections = batch * n_channels * sections_of_channel
    run_slices(run, n_sections, spectra.size * 2 * _SAMPLE_SECONDS)


def _fill(
    signals: NDArray[Any],
    front_end: FrontEnd,
    out: NDArray[Any],
    compute: Callable[[NDArray[Any], NDArray[Any]], None],
    use: Callable[[Index, NDArray[Any]], None] | None = None,
) -> NDArray[Any] | None:
    """Write what `compute(spectra, results)` makes of each chunk's spectra, and its logarithm.

    It gets contiguous results in the working precision; so they are rounded once. Return each
    frame's peak if there is a logarithm.
    """
    dtype = working_dtype(out.dtype)
    has_logarithm, has_late = front_end.log != "none", front_end.has_late_scale
    is_scaled = has_late or (has_logarithm and front_end.has_one_gain)
    peaks = np.empty(out.shape[:3], dtype) if has_logarithm else None

    def write(index: Index, spectra: NDArray[Any]) -> None:
        result = out[index]
        straight = is_plain(result, dtype)
        computed = result if straight else scratch_array("results", result.shape, dtype)
        compute(spectra, computed)
        if peaks is not None:
            peaks[index] = take_logarithms(computed, logarithm_of(front_end))
        if not is_scaled:
            computed *= np.asarray(front_end.gain, dtype)
            computed += np.asarray(front_end.offset, dtype)
        if not straight:
            assign(result, computed)
        if use is not None:
            use(index, spectra)

    _for_each_chunk(signals, front_end, out.shape[2], write)
    return peaks


def _for_each_chunk(
    signals: NDArray[Any],
    front_end: FrontEnd,
    n_frames: int,
    write: Callable[[Index, NDArray[Any]], None],
) -> None:
    """Call `write((item, channel, frames), spectra)` for every chunk of frames of every channel.

    The spectra are (n_frames of the chunk, n_freq), in the working precision.
    """
    batch, n_channels, n_samples = signals.shape
    if not batch * n_channels * n_frames:
        return
    n_fft, hop_length = front_end.n_fft, front_end.hop_length
    dtype = working_dtype(signals.dtype)
    window, steps = _window(front_end, dtype), _steps(front_end, dtype)
    chunk = _frames_at_once(n_fft, hop_length, dtype)
    chunks_of_channel = -(-n_frames // chunk)
    ends = ends_of(front_end, n_samples)

    def run(start: int, stop: int) -> None:
        room = scratch_array("frames", (min(chunk, -(-n_frames // 4) * 4), n_fft), dtype)
        for index in range(start, stop):
            number, position = divmod(index, chunks_of_channel)
            item, channel = divmod(number, n_channels)
            frames = slice(position * chunk, min((position + 1) * chunk, n_frames))
            first = frames.start * hop_length - ends.n_padded
            end = (frames.stop - 1) * hop_length - ends.n_padded + len(window)
            samples = _run_of(signals[item, channel], ends, first, end, dtype)
            n_here = frames.stop - frames.start
            spectra = _spectra(samples, hop_length, n_here, window, steps, room)
            write((item, channel, frames), spectra)

    n_chunks = batch * n_channels * chunks_of_channel
    run_slices(run, n_chunks, n_chunks * chunk * n_fft * _SAMPLE_SECONDS)


def _run_of(
    signal: NDArray[Any], ends: Ends, first: int, stop: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return contiguous samples of a signal with what stands outside its ends."""
    if ends.factor or first < 0 or stop > ends.n_samples:
        return as_input(samples_between(signal, ends, first, stop, dtype))
    return contiguous(signal[ends.first + first : ends.first + stop], dtype)


def _spectra(
    samples: NDArray[Any],
    hop_length: int,
    n_frames: int,
    window: NDArray[Any],
    steps: tuple[bool, Any] | None,
    room: NDArray[Any],
) -> NDArray[Any]:
    """Transform the frames of a run of samples; `room` is overwritten."""
    from scipy import fft

    n_fft = room.shape[1]
    if steps is not None:
        prepared = np.empty(n_frames * len(window), samples.dtype)
        _prepare(samples, hop_length, n_frames, len(window), steps, prepared)
        samples = prepared
        hop_length = len(window)
    if n_fft <= 2:
        spectra = np.empty((n_frames, n_fft // 2 + 1), np.result_type(room, np.complex64))
        _transform_pairs(samples, hop_length, window, spectra.view(room.dtype))
        return spectra
    n_given = _n_in_vectors(n_frames, len(room), room.dtype)
    _window_frames(samples, hop_length, n_frames, window, room[:n_given])
    _make_room_for_plan(fft.rfft, n_fft, room.dtype)
    transformed: NDArray[Any] = fft.rfft(room[:n_given], axis=1, overwrite_x=True)
    return transformed[:n_frames]


# (transform, size, dtype) of the last large plan
_last_plan: tuple[Callable[..., Any], int, np.dtype[Any]] | None = None


def _make_room_for_plan(transform: Callable[..., Any], n_fft: int, dtype: np.dtype[Any]) -> None:
    """Let SciPy keep one plan of a large transform, not 16, and count it among our tables.

    It keeps the last 16 that were used. So small ones are used before another large one is made.
    """
    global _last_plan
    if n_fft > _LARGE_PLAN and _last_plan != (transform, n_fft, dtype):
        _last_plan = transform, n_fft, dtype
        for n in range(2, 18):
            transform(np.ones(n, dtype))
        reserve(_PLAN_BYTES * n_fft)


@kernel
def _mean_distance(samples, centre):
    # Summed in float64, with what its additions lose.
    total = lost = 0.0
    for j in range(samples.size):
        x = np.float64(samples[j] - centre)
        after = total + x
        added = after - total
        lost += (total - (after - added)) + (x - added)
        total = after
    return (total + lost) / samples.size


@kernel
def _prepare(samples, hop_length, n_frames, win_length, steps, prepared):
    # Frames one after the other: less their mean, and less a factor times the sample before.
    removes_mean, factor = steps
    for i in range(n_frames):
        source = samples[i * hop_length : i * hop_length + win_length]
        frame = prepared[i * win_length : (i + 1) * win_length]
        mean = rest = factor - factor
        if removes_mean:
            mean += _mean_distance(source, mean)
            rest += _mean_distance(source, mean)  # what the mean lost when rounded
        before = (source[0] - mean) - rest
        for j in range(win_length):
            x = (source[j] - mean) - rest
            frame[j] = x - factor * before
            before = x


@kernel
def _window_frames(samples, hop_length, n_frames, window, frames):
    for i in range(n_frames):
        source = samples[i * hop_length : i * hop_length + window.size]
        frame = frames[i]
        for j in range(window.size):
            frame[j] = source[j] * window[j]
        frame[window.size :] = 0
    frames[n_frames:] = 0


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
        inside = slice(at + before, max(at + window.size, 0))
        target, source, weights = total[inside], frames[i, before : window.size], window[before:]
        errors = lost[inside]
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
    """Choose how many frames lie in a chunk: whole vectors of them, or one."""
    lanes, n_bytes = _lanes(dtype), max(n_fft, hop_length) * dtype.itemsize
    n_frames = _CHUNK_BYTES // n_bytes
    if n_frames < lanes:
        return lanes if lanes * n_bytes <= _FEW_BYTES else 1
    return n_frames // lanes * lanes


def _n_in_vectors(n_frames: int, chunk: int, dtype: np.dtype[Any]) -> int:
    """Return how many frames to give SciPy for some of a chunk: whole vectors, or single frames.

    SciPy transforms what is left beside whole vectors frame by frame, which rounds differently
    where its compiler made fused multiply-adds of it, as on ARM. One frame takes it almost as long.
    """
    lanes = _lanes(dtype)
    return n_frames if chunk < lanes else -(-n_frames // lanes) * lanes


def _lanes(dtype: np.dtype[Any]) -> int:
    return _VECTOR_BYTES // dtype.itemsize


@kept
def _window(front_end: FrontEnd, dtype: np.dtype[Any]) -> NDArray[Any]:
    window = front_end.make_window() * front_end.input_scale
    return as_input(window.astype(dtype))


def _steps(front_end: FrontEnd, dtype: np.dtype[Any]) -> tuple[bool, Any] | None:
    """Return whether the mean of each frame is taken off, and the factor of its pre-emphasis."""
    if not (front_end.remove_mean or front_end.frame_factor):
        return None
    return front_end.remove_mean, dtype.type(front_end.frame_factor)


@kept
def _band_product(front_end: FrontEnd, dtype: np.dtype[Any]) -> Product:
    return band_product(front_end.band_weights(dtype), dtype)
