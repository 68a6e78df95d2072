"""Transforms of windowed frames and back: fused for sizes of radices.py, else by cuFFT."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from kapre_ref.kernels.gpu import fused, inverse, unfused
from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, strides_of
from kapre_ref.kernels.gpu.memory import kept_on_device, on_device, resident, working_dtype

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd
    from kapre_ref._synthesis import Synthesis

_OVERLAP_ADD_THREADS = 256  # as in overlap_add.cu
_OVERLAP_ADD_SAMPLES = 2048  # about how many a block makes


def spectra_of(signals: cupy.ndarray, front_end: FrontEnd, n_frames: int) -> cupy.ndarray:
    """Return the spectra, (batch, channel, n_frames, n_freq), in the working precision."""
    dtype = working_dtype(signals.dtype)
    if not fused.can_fuse(front_end.n_fft, dtype, signals.device.id):
        return unfused.spectra_of(signals, front_end, n_frames)
    pair = np.result_type(dtype, np.complex64)
    spectra = cupy.empty((*signals.shape[:2], n_frames, front_end.n_freq), pair)
    fused.stft(signals, front_end, spectra)
    return spectra


@on_device
def stft(signals: cupy.ndarray, front_end: FrontEnd, out: cupy.ndarray) -> None:
    """Write the spectra to their place."""
    if not out.size:
        return
    dtype, device_id = working_dtype(signals.dtype), signals.device.id
    if fused.can_fuse(front_end.n_fft, dtype, device_id):
        fused.stft(signals, front_end, out)
    else:
        out[...] = unfused.spectra_of(signals, front_end, out.shape[2])


@on_device
def inverse_stft(spectra: cupy.ndarray, synthesis: Synthesis, out: cupy.ndarray) -> None:
    """Transform back and add up, in one pass if a kernel serves the size; correct both ends."""
    n_before = max(0, -synthesis.n_skipped)
    if not spectra.size or out.shape[2] <= n_before:
        out[...] = 0
        return
    out[:, :, :n_before] = 0
    if inverse.can_fuse(synthesis, out.dtype, out.device.id):
        inverse.inverse_stft(spectra, synthesis, out)
    else:
        _inverse_by_cufft(spectra, synthesis, out)
    for part, gains in synthesis.gains_within(spectra.shape[2], out.shape[2]):
        samples = out[:, :, part]
        samples[...] = samples * _constant(gains.tobytes(), gains.dtype, out.device.id)


def _inverse_by_cufft(spectra: cupy.ndarray, synthesis: Synthesis, out: cupy.ndarray) -> None:
    """Make all frames, then gather each sample from those that cover it."""
    n_fft = synthesis.n_fft
    # The window is divided by n_fft, since dividing all frames would take a pass of its own.
    frames = cupy.fft.irfft(spectra, n_fft, norm="forward")
    frames = cupy.ascontiguousarray(frames)  # (batch, channel, n_frames, n_fft)
    window = synthesis.window[:n_fft]
    sizes = n_fft, synthesis.hop_length, window.size, synthesis.n_skipped
    grid, task = _overlap_add(out.shape, out.strides, out.itemsize, frames.shape[2], sizes)
    real = "double" if out.dtype == np.float64 else "float"
    function = kernel("overlap_add", f"kapre::overlap_add<{real}>", out.device.id)
    window = _constant((window / n_fft).astype(out.dtype).tobytes(), out.dtype, out.device.id)
    function(grid, (_OVERLAP_ADD_THREADS,), (frames, window, out, task))


@lru_cache(maxsize=512)
def _overlap_add(shape, strides, itemsize, n_frames, sizes):
    """Return the grid, and the task that describes shapes and strides."""
    n_fft, hop_length, frame_length, n_skipped = sizes
    batch, n_channels, n_samples = shape
    hops = max(1, _OVERLAP_ADD_SAMPLES // hop_length)
    parts = -(-hop_length // _OVERLAP_ADD_SAMPLES)
    block_length = hops * hop_length if parts == 1 else _OVERLAP_ADD_SAMPLES
    blocks_of_channel = -(-(n_skipped + n_samples) // (hops * hop_length)) * parts
    assert batch * n_channels * blocks_of_channel <= MAX_BLOCKS, "a terabyte at least"
    whole, rest = divmod(frame_length - 1, hop_length)
    task = make_task(
        "overlap_add",
        n_frames=n_frames,
        n_skipped=n_skipped,
        n_samples=n_samples,
        **strides_of("out", ("batch", "channel", "time"), strides, itemsize),
        n_channels=n_channels,
        n_fft=n_fft,
        hop_length=hop_length,
        whole=whole,
        rest=rest,
        blocks_of_channel=blocks_of_channel,
        block_length=block_length,
        hops=hops,
        parts=parts,
    )
    return (batch * n_channels * blocks_of_channel,), task


@kept_on_device
def _constant(numbers: bytes, dtype: np.dtype[np.floating[Any]], device_id: int) -> cupy.ndarray:
    return resident(np.frombuffer(numbers, dtype))
