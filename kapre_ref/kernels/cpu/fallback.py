"""Spectra of sizes that no butterfly serves: SciPy's transform, a cacheful of frames at a time."""

from functools import lru_cache

import numpy as np

from kapre_ref.kernels.cpu.decibel import magnitude_to_decibel
from kapre_ref.kernels.cpu.framing import frame_block, frame_blocks
from kapre_ref.kernels.cpu.memory import working_dtype


def stft(signals, plan, out):
    """Write each block's spectra to their place."""

    def write(results, channel, spectra):
        results[channel] = spectra

    _for_each_block(signals, plan, out, write)


def stft_magnitude(signals, plan, scale, out):
    """Write the magnitudes of each block to their place; decibels afterwards, in place."""

    def write(results, channel, spectra):
        np.abs(spectra, out=results[channel])

    _fill_in_working_precision(signals, plan, scale, out, write)


def stft_mag_phase(signals, plan, scale, out):
    """Write magnitudes to the first half of the channels and phases to the second."""
    n_channels = signals.shape[1]

    def write(results, channel, spectra):
        np.abs(spectra, out=results[channel])
        np.arctan2(spectra.imag, spectra.real, out=results[n_channels + channel])

    _fill_in_working_precision(signals, plan, scale, out, write)


def filterbank_spectrogram(signals, plan, scale, out):
    """Multiply the magnitudes of each block by the filterbank; decibels afterwards, in place."""
    weights = _weights(plan, working_dtype(out.dtype))

    def write(results, channel, spectra):
        results[channel] = np.abs(spectra) @ weights

    _fill_in_working_precision(signals, plan, scale, out, write)


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


def _for_each_block(signals, plan, out, write):
    """Call `write(block of out, channel, spectra)` for every block of frames of every channel.

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


def _fill_in_working_precision(signals, plan, scale, out, write):
    """Run `write` over all blocks, then make decibels of as many channels as the signal has."""
    dtype = working_dtype(out.dtype)
    # A float16 result is rounded once, after the decibels.
    result = out if out.dtype == dtype else np.empty(out.shape, dtype)
    _for_each_block(signals, plan, result, write)
    if scale is not None:
        magnitudes = result[:, : signals.shape[1]]
        magnitude_to_decibel(magnitudes, scale, magnitudes)
    if result is not out:
        out[...] = result


@lru_cache(maxsize=128)
def _cropped_window(plan, dtype):
    # Kapre multiplies by the whole window, then crops to n_fft: the same as a cropped window.
    return plan.window[: plan.n_fft].astype(dtype)


@lru_cache(maxsize=64)
def _weights(plan, dtype):
    return plan.filterbank.astype(dtype)
