"""Frames copied and their energies summed, straight from the signal."""

import numpy as np

from kapre_ref.kernels.cpu.blocks import for_items
from kapre_ref.kernels.cpu.jit import kernel, summing_kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.pool import run_slices

_BYTE_SECONDS = 1e-10  # of reading or writing one


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
