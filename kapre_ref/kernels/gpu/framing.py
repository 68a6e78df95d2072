"""Frames and their energies, read where they lie in the signals."""

from __future__ import annotations

from functools import lru_cache

import cupy
import numpy as np

from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, strides_of, words
from kapre_ref.kernels.gpu.memory import on_device, working_dtype

_WARPS = 8  # the warps of a block, as in framing.cu
_FRAMES = 4 * _WARPS  # the frames of a block, neighbours whose common samples its warps share
_WORDS = {
    2: ("unsigned short", np.uint16),
    4: ("unsigned", np.uint32),
    8: ("unsigned long long", np.uint64),
}


def framed(signals, n_before, n_frames, frame_length, hop_length, pad_value=0):
    """View signals (batch, channel, time) as (batch, channel, n_frames, frame_length).

    `n_before` samples of padding stand in front, and as many behind as the frames need. A copy is
    made only if there is padding.
    """
    batch, channel, n_samples = signals.shape
    length = max(0, n_frames - 1) * hop_length + frame_length
    if n_before or length > n_samples:
        padded = cupy.full((batch, channel, max(length, n_before)), pad_value, signals.dtype)
        n_kept = max(0, min(n_samples, length - n_before))
        padded[:, :, n_before : n_before + n_kept] = signals[:, :, :n_kept]
        signals = padded
    strides = (*signals.strides[:2], hop_length * signals.strides[2], signals.strides[2])
    shape = (batch, channel, n_frames, frame_length)
    return cupy.lib.stride_tricks.as_strided(signals, shape, strides)


@on_device
def frame(signals: cupy.ndarray, hop_length: int, pad_value: float, out: cupy.ndarray) -> None:
    """Copy words of the samples' size."""
    if not out.size:
        return
    word, dtype = _WORDS[out.itemsize]
    pad_word = np.full((), pad_value, out.dtype).view(dtype)[()]
    grid, task = _launch(*_layout(signals, out), out.shape[3], hop_length)
    function = kernel("framing", f"kapre::frame<{word}>", signals.device.id)
    function(grid, (32, _WARPS), (signals, out, task, pad_word))


@on_device
def energy(
    signals: cupy.ndarray,
    frame_length: int,
    hop_length: int,
    pad_value: float,
    scale: float,
    out: cupy.ndarray,
) -> None:
    """Square the samples of each frame and add them up."""
    if not out.size:
        return
    real = working_dtype(out.dtype).type
    grid, task = _launch(*_layout(signals, out), frame_length, hop_length)
    function = kernel("framing", f"kapre::energy<{words(out.dtype)}>", signals.device.id)
    function(grid, (32, _WARPS), (signals, out, task, real(pad_value), real(scale)))


def _layout(signals, out):
    return signals.shape, signals.strides, out.shape, out.strides, out.itemsize


@lru_cache(maxsize=512)
def _launch(shape, strides, out_shape, out_strides, itemsize, frame_length, hop_length):
    """Return a grid, and the task that tells the kernel all shapes and strides."""
    batch, n_channels, n_samples = shape
    n_frames = out_shape[2]
    blocks_of_channel = -(-n_frames // _FRAMES)
    assert batch * n_channels * blocks_of_channel <= MAX_BLOCKS, "a terabyte at least"
    out_axes = ("batch", "channel", "frame", "sample")
    task = make_task(
        "framing",
        n_samples=n_samples,
        **strides_of("x", ("batch", "channel", "time"), strides, itemsize),
        n_frames=n_frames,
        # Energies have no axis of samples.
        **strides_of("out", out_axes, (*out_strides, 0)[:4], itemsize),
        n_channels=n_channels,
        frame_length=frame_length,
        hop_length=hop_length,
        frames_per_block=_FRAMES,
        blocks_of_channel=blocks_of_channel,
    )
    return (batch * n_channels * blocks_of_channel,), task
