"""Frames copied and their energies summed, straight from the signal."""

import numpy as np

from kapre_ref.kernels.cpu.blocks import for_items
from kapre_ref.kernels.cpu.jit import kernel, summing_kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.pool import run_slices

BLOCK_BYTES = 1 << 18  # of the frames worked on at a time; a quarter of a usual L2 cache
_BYTE_SECONDS = 1e-10  # of reading or writing one


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
    """Copy every frame from the signal straight to its place.

    `out` is contiguous, with the channels first or last. If last, the samples of all channels at
    one time lie and move together: a frame of so many times the length.
    """
    if not out.size:
        return
    n_frames, frame_length = out.shape[2:]
    if not out.flags.c_contiguous:
        signals, out = signals.transpose(0, 2, 1), out.transpose(0, 2, 3, 1)
        frame_length, hop_length = frame_length * out.shape[3], hop_length * out.shape[3]
    word = np.dtype(f"u{out.itemsize}")  # whatever is only moved
    pad = np.array(pad_value, out.dtype).view(word)[()]

    def copy(samples, frames):
        frames = frames.view(word).reshape(-1, n_frames, frame_length)
        samples = samples.view(word).reshape(len(frames), -1)

        def run(start, stop):
            _copy_frames(samples, hop_length, pad, frames, start, stop)

        run_slices(run, len(frames) * n_frames, frames.nbytes * _BYTE_SECONDS)

    for_items(copy, signals, out, out.dtype)


def energy(signals, frame_length, hop_length, pad_value, scale, out):
    """Square and sum the samples of each frame where they are."""
    if not out.size:
        return
    dtype = working_dtype(out.dtype)
    with np.errstate(over="ignore"):
        pad_energy = dtype.type(pad_value) ** 2
    parameters = frame_length, hop_length, pad_energy, dtype.type(scale)

    def measure(samples, energies):
        energies = energies.reshape(-1, out.shape[2])
        samples = samples.reshape(len(energies), -1)

        def run(start, stop):
            _sum_squares(samples, *parameters, energies, start, stop)

        n_bytes = energies.nbytes * frame_length
        run_slices(run, energies.size, n_bytes * _BYTE_SECONDS)

    for_items(measure, signals, out, dtype)


@kernel
def _copy_frames(samples, hop_length, pad, frames, start, stop):
    for index in range(start, stop):  # of all frames of all rows
        row, i = divmod(index, frames.shape[1])
        source = samples[row, i * hop_length : i * hop_length + frames.shape[2]]
        frame = frames[row, i]
        inside = source.size
        for j in range(inside):
            frame[j] = source[j]
        frame[inside:] = pad


@summing_kernel
def _sum_squares(samples, frame_length, hop_length, pad_energy, scale, energies, start, stop):
    for index in range(start, stop):
        row, i = divmod(index, energies.shape[1])
        source = samples[row, i * hop_length : i * hop_length + frame_length]
        missing = frame_length - source.size
        total = missing * pad_energy if missing else 0 * scale  # and not 0 * inf
        for j in range(source.size):
            total += source[j] * source[j]
        energies[row, i] = total * scale
