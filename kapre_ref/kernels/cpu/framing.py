"""Frames and their energies: strided views of each channel, blocks of them at a time."""

import numpy as np

from kapre_ref.kernels.cpu.memory import working_dtype

BLOCK_BYTES = 1 << 18  # of the frames worked on at a time; a quarter of a usual L2 cache


def frame_block(signal, first, n_frames, frame_length, hop_length, pad_value=0):
    """Return a view (n_frames, frame_length) of a stretch of one channel, filled where outside.

    `first` is the index of the first frame's first sample and may be negative.
    """
    length = (n_frames - 1) * hop_length + frame_length
    stop = first + length
    if first >= 0 and stop <= len(signal):
        stretch = signal[first:stop]
    else:
        stretch = np.full(length, pad_value, signal.dtype)
        inside = signal[max(first, 0) : max(stop, 0)]
        at = max(-first, 0)
        stretch[at : at + len(inside)] = inside
    step = stretch.strides[0]
    return np.lib.stride_tricks.as_strided(
        stretch, (n_frames, frame_length), (hop_length * step, step), writeable=False
    )


def frame_blocks(n_frames, frame_bytes):
    """Yield slices of frames that fill the cache."""
    size = max(1, BLOCK_BYTES // max(1, frame_bytes))
    for start in range(0, n_frames, size):
        yield slice(start, min(start + size, n_frames))


def frame(signals, hop_length, pad_value, out):
    """Copy every frame from the signal straight to its place."""
    n_frames, frame_length = out.shape[2:]
    if not n_frames:
        return
    # Frames that lie wholly inside are one view; the few at the end are filled one block at once.
    n_inside = min(n_frames, max(0, 1 + (signals.shape[2] - frame_length) // hop_length))
    for item, frames in zip(
        _channels(signals),
        _channels(out),
        strict=True,
    ):
        for first, last in ((0, n_inside), (n_inside, n_frames)):
            if last > first:
                frames[first:last] = frame_block(
                    item, first * hop_length, last - first, frame_length, hop_length, pad_value
                )


def energy(signals, frame_length, hop_length, pad_value, scale, out):
    """Square and sum blocks of frames; none of them outlives its block."""
    dtype = working_dtype(out.dtype)
    for item, energies in zip(_channels(signals), _channels(out), strict=True):
        for block in frame_blocks(len(energies), frame_length * dtype.itemsize):
            n_frames = block.stop - block.start
            frames = frame_block(
                item, block.start * hop_length, n_frames, frame_length, hop_length, pad_value
            )
            squares = np.square(frames, dtype=dtype)
            energies[block] = squares.sum(axis=1) * dtype.type(scale)


def _channels(x):
    return (channel for item in x for channel in item)
