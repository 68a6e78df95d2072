"""Spectra and what is made of them in one pass over the signals, for even n_fft of small primes."""

from functools import lru_cache
from typing import NamedTuple

import cupy
import numpy as np

from kapre_ref._band_weights import filterbank_of
from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.gpu.decibel import (
    constants,
    items_are_dense,
    magnitude_to_decibel,
    raise_to_floor,
)
from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, strides_of
from kapre_ref.kernels.gpu.memory import kept_on_device, resident, working_dtype
from kapre_ref.kernels.gpu.radices import radices_for

# n_fft: points in a lane's registers, threads of a block; as `Shape` in frames.cuh has them.
_SHAPES = {256: (16, 128), 512: (16, 128), 1024: (32, 128), 2048: (32, 128), 4096: (64, 64)}
# Blocks take several rounds of frames, whose overlaps are then in the L1, once there are more of
# them than four times what an H100 holds at a time.
_MANY_BLOCKS = 4 * 4 * 132
_MAX_ROUNDS = 8
_LINE = 128  # bytes of a line of the L1


def can_fuse(plan, dtype):
    """Tell whether there is a kernel for a plan and the dtype of its signals."""
    return _shape(plan.n_fft, working_dtype(dtype)) is not None


def stft(signals, plan, out):
    """Write the bins of float signals to a complex array of the working precision."""
    _run(signals, plan, None, "Bins", out)


def spectrogram(signals, plan, scale, out):
    """Write magnitudes, or bands if the plan has a filterbank; decibels if there is a scale."""
    dtype = working_dtype(signals.dtype)
    output = "Magnitudes" if plan.make_bands is None else "Bands"
    if scale is not None and dtype == np.float64:  # decibels of which are expressions
        linear = cupy.empty(out.shape, dtype)
        _run(signals, plan, None, output, linear)
        magnitude_to_decibel(linear, scale, out)
        return
    dense = scale is None or items_are_dense(out.shape, out.strides, out.itemsize)
    result = out if dense and out.dtype == dtype else cupy.empty(out.shape, dtype)
    _run(signals, plan, scale, output, result, out.dtype)
    if result is not out:
        out[...] = result


def _run(signals, plan, scale, output, out, rounded=None):
    dtype, device_id = working_dtype(signals.dtype), signals.device.id
    signals = signals.astype(dtype, copy=False)
    key = signals.shape, signals.strides, out.shape, out.strides
    launch = _launch(plan, dtype, scale, output, *key)
    windows = _windows(plan, dtype, device_id)
    tables = _tables(plan.n_fft, dtype, device_id)
    filterbank = peaks = windows  # not touched unless the output needs them
    if output == "Bands":
        filterbank = _filterbank(plan, dtype, device_id)
    if scale is not None:
        peaks = cupy.zeros(out.shape[0], np.uint32)
    arrays = signals, windows, tables, filterbank, out, peaks
    function = kernel(launch.stem, launch.name, device_id)
    function(launch.grid, launch.block, (*arrays, launch.task))
    if scale is not None:
        raise_to_floor(out, peaks, scale, rounded)


class _Shape(NamedTuple):
    stem: str  # of the kernel's source, and its name
    name: str  # of the shape, in C++
    n_frames: int  # of a block, at a time
    n_threads: int  # of a block


@lru_cache(maxsize=512)
def _shape(n_fft, dtype):
    """Return how a kernel divides its work, or None if none does n_fft."""
    if dtype == np.float32 and n_fft in _SHAPES:
        n_points, n_threads = _SHAPES[n_fft]
        n_frames = n_threads // (n_fft // 2 // n_points)
        return _Shape("stft", f"kapre::Shape<{n_fft}>", n_frames, n_threads)
    radices = radices_for(n_fft, dtype.itemsize)
    if radices is None:
        return None
    pair = "float2" if dtype == np.float32 else "double2"
    first, second, third, n_frames, n_threads = radices
    name = f"kapre::Mixed<{pair}, {n_fft}, {n_frames}, {first}, {second}, {third}>"
    return _Shape("mixed", name, n_frames, n_threads)


class _Launch(NamedTuple):
    stem: str
    name: str
    grid: tuple
    block: tuple
    task: object  # `Task` of frames.cuh


@lru_cache(maxsize=512)
def _launch(plan, dtype, scale, output, shape, strides, out_shape, out_strides):
    """Work out a launch from all that decides it."""
    batch, n_channels, n_samples = shape
    n_frames, decibel = out_shape[2], "false" if scale is None else "true"
    divided = _shape(plan.n_fft, dtype)
    itemsize = dtype.itemsize * (2 if output == "Bins" else 1)
    if output != "Bands" and (scale is not None or out_strides[3] != itemsize):
        output = f"Strided{output}"
    takes_decibel = output in ("StridedMagnitudes", "Bands")
    arguments = divided.name + takes_decibel * f", {decibel}"
    name = f"kapre::{divided.stem}<kapre::{output}<{arguments}>>"
    n_turns = -(-n_frames // divided.n_frames)
    n_rounds = min(_MAX_ROUNDS, n_turns, max(1, batch * n_channels * n_turns // _MANY_BLOCKS))
    n_tiles = -(-n_turns // n_rounds)
    assert batch * n_channels * n_tiles <= MAX_BLOCKS, "a terabyte at least"
    least, zero = (0, 0) if scale is None else constants(scale)
    task = make_task(
        divided.stem,
        n_samples=n_samples,
        **strides_of("x", ("batch", "channel", "time"), strides, dtype.itemsize),
        n_padded=plan.n_padded,
        hop_length=plan.hop_length,
        n_frames=n_frames,
        **strides_of("out", ("batch", "channel", "frame", "bin"), out_strides, itemsize),
        n_channels=n_channels,
        length=min(plan.win_length, plan.n_fft),
        n_bands=out_shape[3] if output == "Bands" else 0,
        tiles=n_tiles,
        rounds=n_rounds,
        least=least,
        zero=zero,
    )
    grid = (batch * n_channels * n_tiles,)
    return _Launch(divided.stem, name, grid, (divided.n_threads,), task)


@kept_on_device
def _windows(plan, dtype, device_id):
    """Return half the window, for the kernel leaves out two halvings, zeros up to n_fft."""
    window = np.zeros(plan.n_fft, dtype)
    window[: plan.win_length] = plan.window() / 2
    return resident(window)


@kept_on_device
def _tables(n_fft, dtype, device_id):
    """Return twiddle factors, then exp(-2 pi i k / n_fft) up to a quarter turn, in a new line."""
    m = n_fft // 2
    if _shape(n_fft, dtype).stem == "stft":
        n_points, n_roots = _SHAPES[n_fft][0], m // 2
        passes = ((m // n_points, n_points),)  # lanes and columns
    else:
        first, second, third, *_ = radices_for(n_fft, dtype.itemsize)
        passes = ((second, first), (third, first * second))[: 1 + (third > 1)]
        n_roots = m // 2 + 1
    pair = np.result_type(dtype, np.complex64)
    twiddles = np.concatenate([_products(*one).ravel() for one in passes])
    unused = np.zeros(-twiddles.size % (_LINE // pair.itemsize))
    roots = _roots(np.arange(n_roots), n_fft)
    return resident(np.concatenate([twiddles, unused, roots]).astype(pair))


def _products(n_rows, n_columns):
    """Return exp(-2 pi i r c / n) for each of the n elements (r, c) of a table."""
    return _roots(np.outer(np.arange(n_rows), np.arange(n_columns)), n_rows * n_columns)


def _roots(k, n):
    cosines, sines = cos_sin_of_turns(k, n)
    return cosines - 1j * sines


@kept_on_device
def _filterbank(plan, dtype, device_id):
    """Return bytes: the first bin and the number of bins of each band; then (bin, band) weights."""
    filterbank = filterbank_of(plan.make_bands(dtype))  # (n_freq, n_bands)
    covered = filterbank != 0
    # A band without weights still reads one bin: 0 times NaN is NaN, as in a matrix product.
    covered[0, ~covered.any(axis=0)] = True
    first = covered.argmax(axis=0)
    count = len(covered) - covered[::-1].argmax(axis=0) - first
    rows = np.minimum(first + np.arange(count.max())[:, None], len(covered) - 1)
    weights = np.take_along_axis(filterbank, rows, axis=0)  # (width, n_bands)
    bands = np.stack([first, count], axis=1).astype(np.int32)
    return resident(np.frombuffer(bands.tobytes() + weights.tobytes(), np.uint8))
