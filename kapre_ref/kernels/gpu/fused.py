"""Spectra and what is made of them in one pass over float32 signals, for the usual n_fft."""

from functools import lru_cache
from typing import NamedTuple

import cupy
import numpy as np

from kapre_ref.kernels.gpu.decibel import constants, items_are_dense, raise_to_floor
from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, in_elements, int64, kernel
from kapre_ref.kernels.gpu.memory import resident

_STEMS = ("dft", "frames", "bins", "stft")
# n_fft: points in a lane's registers, threads of a block; as `Shape` in frames.cu has them.
_SHAPES = {256: (16, 128), 512: (16, 128), 1024: (32, 128), 2048: (32, 128), 4096: (64, 64)}
# Blocks take several rounds of frames, whose overlaps are then in the L1, once there are more of
# them than four times what an H100 holds at a time.
_MANY_BLOCKS = 4 * 4 * 132
_MAX_ROUNDS = 8


def can_fuse(plan, dtype):
    """Tell whether there is a kernel for a plan and the dtype of its signals."""
    return plan.n_fft in _SHAPES and dtype.itemsize <= 4


def stft(signals, plan, out):
    """Write the bins of float16 or float32 signals to a complex64 array."""
    _run(signals.astype(np.float32, copy=False), plan, None, "Bins", out)


def spectrogram(signals, plan, scale, out):
    """Write magnitudes, or bands if the plan has a filterbank; decibels if there is a scale."""
    dense = scale is None or items_are_dense(out.shape, out.strides, out.itemsize)
    result = out if dense and out.dtype == np.float32 else cupy.empty(out.shape, np.float32)
    output = "Magnitudes" if plan.filterbank is None else "Bands"
    _run(signals.astype(np.float32, copy=False), plan, scale, output, result)
    if result is not out:
        out[...] = result


def _run(signals, plan, scale, output, out):
    device_id = signals.device.id
    key = signals.shape, signals.strides, out.shape, out.strides
    launch = _launch(plan, scale, output, *key)
    windows = _windows(plan, device_id)
    twiddles, roots = _roots(plan.n_fft, device_id)
    bands = weights = peaks = windows  # not read unless the output needs them
    if output == "Bands":
        bands, weights = _bands(plan, device_id)
    if scale is not None:
        peaks = cupy.zeros(out.shape[0], np.uint32)
    arrays = signals, windows, twiddles, roots, out, bands, weights, peaks
    function = kernel(_STEMS, launch.name, device_id)
    function(launch.grid, launch.block, arrays + launch.scalars)
    if scale is not None:
        raise_to_floor(out, peaks, scale)


class _Launch(NamedTuple):
    name: str
    grid: tuple
    block: tuple
    scalars: tuple


@lru_cache(maxsize=512)
def _launch(plan, scale, output, shape, strides, out_shape, out_strides):
    """Work out a launch from all that decides it."""
    batch, n_channels, n_samples = shape
    n_fft, n_frames, decibel = plan.n_fft, out_shape[2], "false" if scale is None else "true"
    n_points, n_threads = _SHAPES[n_fft]
    n_at_a_time = n_threads // (n_fft // 2 // n_points)  # frames of a block
    itemsize = 8 if output == "Bins" else 4
    if output != "Bands" and (scale is not None or out_strides[3] != itemsize):
        output = f"Strided{output}"
    takes_decibel = output in ("StridedMagnitudes", "Bands")
    arguments = f"kapre::Shape<{n_fft}>" + takes_decibel * f", {decibel}"
    name = f"kapre::stft<kapre::{output}<{arguments}>>"
    n_turns = -(-n_frames // n_at_a_time)
    n_rounds = min(_MAX_ROUNDS, n_turns, max(1, batch * n_channels * n_turns // _MANY_BLOCKS))
    n_tiles = -(-n_turns // n_rounds)
    assert batch * n_channels * n_tiles <= MAX_BLOCKS, "a terabyte at least"
    amin, zero = (0, 0) if scale is None else constants(scale)
    scalars = (
        np.int32(n_channels),
        *int64(n_samples),
        *in_elements(strides, 4),
        *int64(plan.n_padded, plan.hop_length),
        np.int32(min(plan.win_length, n_fft)),
        *int64(n_frames),
        *in_elements(out_strides, itemsize),
        np.int32(out_shape[3] if output == "Bands" else 0),
        np.float32(amin),
        np.float32(zero),
        np.int32(n_tiles),
        np.int32(n_rounds),
    )
    grid = (batch * n_channels * n_tiles,)
    return _Launch(name, grid, (n_threads,), scalars)


@lru_cache(maxsize=128)
def _windows(plan, device_id):
    """Return half the window, for the kernel leaves out two halvings, zeros up to n_fft."""
    # Kapre multiplies by the whole window, then crops to n_fft: the same as a cropped window.
    window = np.zeros(plan.n_fft, np.float32)
    window[: plan.win_length] = plan.window[: plan.n_fft] / 2
    return resident(window)


@lru_cache(maxsize=32)
def _roots(n_fft, device_id):
    """Return exp(-2 pi i t b / m) for lane t and column b, and exp(-2 pi i k / n_fft)."""
    m, n_points = n_fft // 2, _SHAPES[n_fft][0]
    products = np.outer(np.arange(m // n_points), np.arange(n_points))
    twiddles = np.exp(-2j * np.pi * products / m)
    roots = np.exp(-2j * np.pi * np.arange(m // 2) / n_fft)
    return resident(twiddles.astype(np.complex64)), resident(roots.astype(np.complex64))


@lru_cache(maxsize=128)
def _bands(plan, device_id):
    """Return first bin and number of bins of each band, and the weights, (bin of band, band)."""
    filterbank = plan.filterbank.astype(np.float32)  # (n_freq, n_bands)
    covered = filterbank != 0
    # A band without weights still reads one bin: 0 times NaN is NaN, as in a matrix product.
    covered[0, ~covered.any(axis=0)] = True
    first = covered.argmax(axis=0)
    count = len(covered) - covered[::-1].argmax(axis=0) - first
    rows = np.minimum(first + np.arange(count.max())[:, None], len(covered) - 1)
    weights = np.take_along_axis(filterbank, rows, axis=0)  # (width, n_bands)
    return resident(np.stack([first, count], axis=1).astype(np.int32)), resident(weights)
