"""Spectra and features in one pass over the signals, for n_fft of primes up to 13."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kapre_ref._band_weights import filterbank_of
from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.gpu.decibel import MAX_BYTES_OF_BLOCK, PEAK_BYTES, limit_in, new_peaks
from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, most_shared, strides_of
from kapre_ref.kernels.gpu.memory import cleared, kept_on_device, resident, working_dtype
from kapre_ref.kernels.gpu.radices import n_kept, radices_for, threads_of_frame
from kapre_ref.kernels.gpu.scales import Scale, has_lines, limit_of, scale_of
from kapre_ref.kernels.gpu.unfused import n_cut_off

# For each n_fft, the points in a lane's registers and the threads of a block, as in `Shape` of
# frames.cuh.
_SHAPES = {256: (16, 128), 512: (16, 128), 1024: (32, 128), 2048: (32, 128), 4096: (64, 64)}
# If there are more blocks than four times what an H100 holds at a time, each takes several rounds
# of frames. It then finds what neighbouring frames share in its L1.
_MANY_BLOCKS = 4 * 4 * 132
_MAX_ROUNDS = 8
_LINE = 128  # bytes of a line of the L1
_EDGES = {"zeros": 0, "reflect": 1, "mirror": 2, "edge": 3, "odd": 4}  # as `Edge` in frames.cuh


def can_fuse(n_fft, dtype, device_id):
    """Tell whether a device has a kernel for a transform in a working precision."""
    return _shape(n_fft, dtype, most_shared(device_id)) is not None


def stft(signals, front_end, out):
    """Write the bins of float signals to a complex array of the working precision."""
    _run(signals, front_end, "Bins", out)


def features(signals, front_end, out):
    """Write values of each frame to an array of the signals' or of the working precision.

    Return the peaks if there is a dynamic range that is not applied yet. Then values of groups that
    share a peak lie in one run of memory.
    """
    what = "Powers" if front_end.power == 2 else "Magnitudes"
    if front_end.power_offset:
        what = "OffsetRoots"
    return _run(signals, front_end, what, out)


def _run(signals, front_end, what, out):
    dtype, device_id = working_dtype(signals.dtype), signals.device.id
    arrays = signals.shape, signals.strides, out.shape, out.strides
    launch = _launch(front_end, what, most_shared(device_id), signals.dtype, out.dtype, *arrays)
    windows = _windows(front_end, dtype, device_id)
    tables = _tables(front_end.n_fft, dtype, device_id)
    filterbank = peaks = windows  # the kernel reads them only if its output needs them
    if launch.has_filterbank:
        filterbank = _filterbank(front_end, dtype, device_id)
    if launch.applies_range:
        peaks = cleared(launch.n_peaks * PEAK_BYTES[dtype.itemsize], device_id)
    elif launch.n_peaks:
        peaks = new_peaks(launch.n_peaks, dtype)
    arrays = signals, windows, tables, filterbank, out, peaks
    function = kernel(launch.stem, launch.name, device_id, launch.n_given)
    function(launch.grid, launch.block, (*arrays, launch.task), shared_mem=launch.n_given)
    return peaks if launch.n_peaks and not launch.applies_range else None


class _Shape(NamedTuple):
    stem: str  # the name of the kernel and of its source
    name: str  # the name of the shape in C++
    n_frames: int  # how many a block computes at a time
    n_threads: int  # how many a block has
    n_given: int = 0  # bytes of shared memory that a launch gives to a block


@lru_cache(maxsize=512)
def _shape(n_fft, dtype, permitted):
    """Return how a kernel divides its work, or None if no kernel serves n_fft.

    A block may have `permitted` bytes of shared memory on the device.
    """
    if dtype == np.float32 and n_fft in _SHAPES:
        n_points, n_threads = _SHAPES[n_fft]
        n_frames = n_threads // (n_fft // 2 // n_points)
        return _Shape("stft", f"kapre::Shape<{n_fft}>", n_frames, n_threads)
    radices = radices_for(n_fft, dtype.itemsize, 0, permitted)
    if radices is None:
        return None
    name = shape_name(n_fft, dtype, radices)
    return _Shape("mixed", name, radices.n_frames, radices.n_threads, radices.n_given)


def shape_name(n_fft, dtype, radices):
    """Return the name in C++ of a shape of passes.cuh."""
    pair = "float2" if dtype == np.float32 else "double2"
    first, second, third, n_frames, *_ = radices
    if radices.n_given:
        return f"kapre::Large<{pair}, {n_fft}, {first}, {second}, {third}>"
    return f"kapre::Mixed<{pair}, {n_fft}, {n_frames}, {first}, {second}, {third}>"


class _Launch(NamedTuple):
    stem: str
    name: str
    grid: tuple
    block: tuple
    n_given: int  # bytes of shared memory
    task: object  # `Task` of frames.cuh
    has_filterbank: bool  # whether the kernel reads bands, or a gain and an offset of each
    n_peaks: int
    applies_range: bool  # in the kernel itself, to short groups


@lru_cache(maxsize=512)
def _launch(front_end, what, permitted, sample, word, shape, strides, out_shape, out_strides):
    """Work out a launch from all that it depends on, such as dtypes, shapes and strides."""
    batch, n_channels, _ = shape
    n_frames, n_values = out_shape[2:]
    dtype = working_dtype(sample)
    divided = _shape(front_end.n_fft, dtype, permitted)
    is_spectrum = what == "Bins"
    scale = Scale() if is_spectrum else scale_of(front_end)
    lines = not is_spectrum and has_lines(front_end)
    is_plain = scale == Scale() and not lines
    has_bands = not is_spectrum and front_end.bands is not None
    where = "AtOnce" if is_plain and out_strides[3] == word.itemsize else "Strided"
    if has_bands:
        where = "TurnedBands" if out_strides[2] == word.itemsize and n_frames > 1 else "Bands"
    halves = [", kapre::Half" * (kind == np.float16) for kind in (word, sample)]
    output = f"kapre::Output<{divided.name}, kapre::{what}, kapre::{where}{halves[0]}>"
    n_turns = -(-n_frames // divided.n_frames)
    n_rounds = min(_MAX_ROUNDS, n_turns, max(1, batch * n_channels * n_turns // _MANY_BLOCKS))
    blocks_of_channel = -(-n_turns // n_rounds)
    n_blocks = batch * n_channels * blocks_of_channel
    assert n_blocks <= MAX_BLOCKS, "a terabyte at least"
    members = _signal_members(front_end, shape, strides, sample.itemsize)
    policy = "Shaped" if members["all_shaped"] or members["edge"] else "Stored"
    name = f"kapre::{divided.stem}<{output}, kapre::{policy}{halves[1]}>"
    n_before = 8 // dtype.itemsize * n_values if has_bands else 0  # two integers for each band
    peaks = _peak_members(front_end, what, word, out_shape, blocks_of_channel)
    n_of_peak, applies_range = peaks["channels_of_peak"], peaks["blocks_of_peak"] > 0
    n_peaks = batch * n_channels // n_of_peak if n_of_peak else 0
    task = make_task(
        divided.stem,
        dtype.type,
        **members,
        **strides_of("out", ("batch", "channel", "frame", "bin"), out_strides, word.itemsize),
        **scale.members(dtype),
        **peaks,
        n_frames=n_frames,
        n_bands=n_values if has_bands else 0,
        blocks_of_channel=blocks_of_channel,
        rounds=n_rounds,
        has_lines=lines,
        lines_at=n_before,
        weights_at=n_before + 2 * n_values * lines,
    )
    where = divided.stem, name, (n_blocks,), (divided.n_threads,), divided.n_given
    return _Launch(*where, task, has_bands or lines, n_peaks, applies_range)


def _peak_members(front_end, what, word, shape, blocks_of_channel):
    """Return the members of `Task` that describe a peak and the range below it."""
    members = {"channels_of_peak": 0, "blocks_of_peak": 0, "values_of_peak": 0, "range": 0}
    if what == "Bins" or front_end.dynamic_range is None:
        return members
    batch, n_channels, n_frames, n_values = shape
    n_of = {"channel": 1, "item": n_channels, "call": batch * n_channels}[front_end.range_over]
    members["channels_of_peak"] = n_of
    if n_of * n_frames * n_values * word.itemsize <= MAX_BYTES_OF_BLOCK:
        members["blocks_of_peak"] = n_of * blocks_of_channel
        members["values_of_peak"] = n_of * n_frames * n_values
        members["range"] = limit_in(word, limit_of(front_end))
    return members


def _signal_members(front_end, shape, strides, itemsize):
    """Return the members of `Task` that describe a signal and its frames, up to the spectrum."""
    f = front_end
    n_cut = n_cut_off(f)
    return {
        **strides_of("x", ("batch", "channel", "time"), strides, itemsize),
        "n_cut": n_cut,
        "n_samples": max(0, shape[2] - n_cut + min(0, f.pad_right)),
        "n_channels": shape[1],
        "n_before": max(0, f.pad_left),
        "hop_length": f.hop_length,
        "length": f.frame_length,
        "edge": _EDGES[f.pad_mode],
        "all_shaped": f.preemphasis != 0 or f.remove_mean,
        "removes_mean": f.remove_mean,
        "emphasis": f.signal_factor,
        "frame_emphasis": f.frame_factor,
        "power_offset": f.power_offset,
    }


@kept_on_device
def _windows(front_end, dtype, device_id):
    """Return half the window and zeros up to n_fft. The kernel leaves out two halvings."""
    n_fft = front_end.n_fft
    window = np.zeros(n_fft, dtype)
    window[: front_end.frame_length] = front_end.make_window() * (front_end.input_scale / 2)
    if n_fft % 2 == 0:
        return resident(window)
    # A point of a thread is of two rows, as `APART` of passes.cuh says.
    first, second, third, *_ = radices_for(n_fft, dtype.itemsize)
    n_threads = threads_of_frame(n_fft, first, second, third)
    rows = np.zeros((first, 2 * n_threads), dtype)
    rows[:, : second * third] = window.reshape(first, -1)
    points = rows.reshape(first, 2, n_threads).swapaxes(1, 2)  # (first, n_threads, 2)
    return resident(np.ascontiguousarray(points))


@kept_on_device
def _tables(n_fft, dtype, device_id):
    """Return twiddle factors, then exp(-2 pi i k / n_fft) up to a quarter turn, in a new line."""
    permitted = most_shared(device_id)
    if _shape(n_fft, dtype, permitted).stem == "mixed":
        radices = radices_for(n_fft, dtype.itemsize, 0, permitted)
        return resident(mixed_table(n_fft, radices, dtype))
    m, n_points = n_fft // 2, _SHAPES[n_fft][0]
    twiddles = _products(m // n_points, n_points)  # lanes and columns
    return resident(_table([twiddles], m // 2, n_fft, dtype))


def mixed_table(n_fft, radices, dtype):
    """Return the table of passes.cuh. An odd n_fft needs no roots, and half of the columns."""
    first, second, third, *_ = radices
    passes = ((second, first), (third, first * second))[: 1 + (third > 1)]
    twiddles = [_products(*one)[:, : n_kept(n_fft, one[1])] for one in passes]
    return _table(twiddles, 0 if n_fft % 2 else n_fft // 4 + 1, n_fft, dtype)


def _table(twiddles, n_roots, n_fft, dtype):
    """Return twiddle factors of passes, and roots in a new line behind them."""
    pair = np.result_type(dtype, np.complex64)
    twiddles = np.concatenate([factors.ravel() for factors in twiddles])
    unused = np.zeros(-twiddles.size % (_LINE // pair.itemsize))
    roots = _roots(np.arange(n_roots), n_fft)
    return np.concatenate([twiddles, unused, roots]).astype(pair)


def _products(n_rows, n_columns):
    """Return exp(-2 pi i r c / n) for each of the n elements (r, c) of a table."""
    return _roots(np.outer(np.arange(n_rows), np.arange(n_columns)), n_rows * n_columns)


def _roots(k, n):
    cosines, sines = cos_sin_of_turns(k, n)
    return cosines - 1j * sines


@kept_on_device
def _filterbank(front_end, dtype, device_id):
    """Return bands, gains, offsets and weights as bytes, in the order that stft.cu asks for."""
    lines = np.zeros((0, 2), dtype)
    if has_lines(front_end):
        lines = np.empty((front_end.n_bands, 2), dtype)
        lines[:, 0], lines[:, 1] = front_end.gain, front_end.offset
    if front_end.bands is None:
        return resident(np.frombuffer(lines.tobytes(), np.uint8))
    filterbank = filterbank_of(front_end.band_weights(dtype))  # (n_freq, n_bands)
    covered = filterbank != 0
    # A band without weights still reads one bin: 0 times NaN is NaN, as in a matrix product.
    covered[0, ~covered.any(axis=0)] = True
    first = covered.argmax(axis=0)
    count = len(covered) - covered[::-1].argmax(axis=0) - first
    rows = np.minimum(first + np.arange(count.max())[:, None], len(covered) - 1)
    weights = np.take_along_axis(filterbank, rows, axis=0)  # (width, n_bands)
    bands = np.stack([first, count], axis=1).astype(np.int32)
    parts = (bands, lines, weights)
    return resident(np.frombuffer(b"".join(part.tobytes() for part in parts), np.uint8))
