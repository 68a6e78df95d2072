"""Transforms of windowed frames: fused for even n_fft of small primes, else through cuFFT."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cupy
import numpy as np

from kapre_ref.kernels.gpu import fused
from kapre_ref.kernels.gpu.framing import framed
from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, strides_of
from kapre_ref.kernels.gpu.memory import (
    kept_on_device,
    on_device,
    on_device_as,
    resident,
    working_dtype,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._spectrum_plan import SpectrumPlan

_OVERLAP_ADD_THREADS = 256  # as in overlap_add.cu
_OVERLAP_ADD_SAMPLES = 2048  # of a block, about


def spectra_of(signals: cupy.ndarray, plan: SpectrumPlan, n_frames: int) -> cupy.ndarray:
    """Return the spectra, (batch, channel, n_frames, n_freq), in the working precision."""
    dtype = working_dtype(signals.dtype)
    if fused.can_fuse(plan, signals.dtype):
        pair = np.result_type(dtype, np.complex64)
        spectra = cupy.empty((*signals.shape[:2], n_frames, plan.n_freq), pair)
        fused.stft(signals, plan, spectra)
        return spectra
    # Kapre multiplies by the whole window, then crops to n_fft: the same as a cropped window.
    window = on_device_as(plan, "window", dtype, signals.device.id)[: plan.n_fft]
    frames = framed(signals, plan.n_padded, n_frames, window.size, plan.hop_length)
    return cupy.fft.rfft(frames.astype(dtype, copy=False) * window, plan.n_fft)


@on_device
def stft(signals: cupy.ndarray, plan: SpectrumPlan, out: cupy.ndarray) -> None:
    """Write the spectra to their place."""
    if not out.size:
        return
    if fused.can_fuse(plan, signals.dtype):
        fused.stft(signals, plan, out)
    else:
        out[...] = spectra_of(signals, plan, out.shape[2])


@on_device
def inverse_stft(
    spectra: cupy.ndarray,
    n_fft: int,
    hop_length: int,
    window: NDArray[np.float64],
    out: cupy.ndarray,
) -> None:
    """Transform back through cuFFT, then gather each sample from the frames that cover it."""
    if not spectra.size or not out.size:
        out[...] = 0
        return
    # The window is divided by n_fft, which else were a pass over all frames.
    frames = cupy.fft.irfft(spectra, n_fft, norm="forward")
    frames = cupy.ascontiguousarray(frames)  # (batch, channel, n_frames, n_fft)
    window = _inverse_window(window[:n_fft].tobytes(), n_fft, out.dtype, out.device.id)
    sizes = frames.shape[2], n_fft, hop_length, window.size
    grid, task = _overlap_add(out.shape, out.strides, out.itemsize, *sizes)
    real = "double" if out.dtype == np.float64 else "float"
    function = kernel("overlap_add", f"kapre::overlap_add<{real}>", out.device.id)
    function(grid, (_OVERLAP_ADD_THREADS,), (frames, window, out, task))


@lru_cache(maxsize=512)
def _overlap_add(shape, strides, itemsize, n_frames, n_fft, hop_length, frame_length):
    """Return a grid, and all that a launch is told of shapes and strides."""
    batch, n_channels, n_samples = shape
    hops = max(1, _OVERLAP_ADD_SAMPLES // hop_length)
    parts = -(-hop_length // _OVERLAP_ADD_SAMPLES)
    tile_length = hops * hop_length if parts == 1 else _OVERLAP_ADD_SAMPLES
    n_tiles = -(-n_samples // (hops * hop_length)) * parts
    assert batch * n_channels * n_tiles <= MAX_BLOCKS, "a terabyte at least"
    whole, rest = divmod(frame_length - 1, hop_length)
    task = make_task(
        "overlap_add",
        n_frames=n_frames,
        n_samples=n_samples,
        **strides_of("out", ("batch", "channel", "time"), strides, itemsize),
        n_channels=n_channels,
        n_fft=n_fft,
        hop_length=hop_length,
        whole=whole,
        rest=rest,
        tiles=n_tiles,
        tile_length=tile_length,
        hops=hops,
        parts=parts,
    )
    return (batch * n_channels * n_tiles,), task


@kept_on_device
def _inverse_window(float64_bytes, n_fft, dtype, device_id):
    return resident((np.frombuffer(float64_bytes) / n_fft).astype(dtype))
