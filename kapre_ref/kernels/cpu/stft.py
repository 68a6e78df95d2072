"""Fourier transforms of windowed frames, gathered and transformed a cacheful at a time."""

from functools import lru_cache

import numpy as np

from kapre_ref.kernels.cpu.framing import frame_block, frame_blocks
from kapre_ref.kernels.cpu.memory import working_dtype


def for_each_block(signals, plan, out, write):
    """Call `write(block of out, spectra)` for every block of frames of every channel.

    The spectra are (n_frames of the block, n_freq), in the working precision.
    """
    from scipy import fft

    dtype = working_dtype(signals.dtype)
    window = _cropped_window(plan, dtype)
    for item, results in zip(signals, out, strict=True):
        for channel, signal in enumerate(item):
            for block in frame_blocks(results.shape[1], plan.n_fft * dtype.itemsize):
                n_frames = block.stop - block.start
                first = block.start * plan.hop_length - plan.n_padded
                frames = frame_block(signal, first, n_frames, len(window), plan.hop_length)
                spectra = fft.rfft(frames * window, plan.n_fft, axis=1, overwrite_x=True)
                write(results[:, block], channel, spectra)


@lru_cache(maxsize=128)
def _cropped_window(plan, dtype):
    # Kapre multiplies by the whole window, then crops to n_fft: the same as a cropped window.
    return plan.window[: plan.n_fft].astype(dtype)


def stft(signals, plan, out):
    """Write each block's spectra to their place."""

    def write(results, channel, spectra):
        results[channel] = spectra

    for_each_block(signals, plan, out, write)


def inverse_stft(spectra, n_fft, hop_length, window, out):
    """Transform blocks of frames back and add them up in place."""
    from scipy import fft

    real = working_dtype(out.dtype)
    window = window[:n_fft].astype(real)
    for item, signals in zip(spectra, out, strict=True):
        for frames, signal in zip(item, signals, strict=True):
            total = np.zeros(len(signal), real)
            for block in frame_blocks(len(frames), n_fft * real.itemsize):
                parts = fft.irfft(frames[block], n_fft, axis=1)[:, : len(window)] * window
                for index, part in enumerate(parts, block.start):
                    total[index * hop_length : index * hop_length + len(part)] += part
            signal[...] = total
