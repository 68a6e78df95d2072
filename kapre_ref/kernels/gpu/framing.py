"""Frames and their energies, read through overlapping views of the signals."""

import cupy

from kapre_ref.kernels.gpu.memory import on_device, working_dtype


def framed(signals, n_before, n_frames, frame_length, hop_length, pad_value=0):
    """View signals (batch, channel, time) as (batch, channel, n_frames, frame_length).

    There are `n_before` samples of padding in front, and as many behind as the frames need; only
    then is a padded copy made.
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
def frame(signals, hop_length, pad_value, out):
    """Copy the view."""
    n_frames, frame_length = out.shape[2:]
    if out.size:
        out[...] = framed(signals, 0, n_frames, frame_length, hop_length, pad_value)


@on_device
def energy(signals, frame_length, hop_length, pad_value, scale, out):
    """Square and sum."""
    if not out.size:
        return
    dtype = working_dtype(out.dtype)
    frames = framed(signals, 0, out.shape[2], frame_length, hop_length, pad_value)
    out[...] = cupy.square(frames.astype(dtype, copy=False)).sum(axis=3) * dtype.type(scale)
