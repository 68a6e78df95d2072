"""Magnitudes, and magnitudes with phases, of blocks of spectra as they are made."""

import numpy as np

from kapre_ref.kernels.cpu.decibel import magnitude_to_decibel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.stft import for_each_block


def stft_magnitude(signals, plan, scale, out):
    """Write the magnitudes of each block to their place; decibels afterwards, in place."""

    def write(results, channel, spectra):
        np.abs(spectra, out=results[channel])

    fill_in_working_precision(signals, plan, scale, out, write)


def stft_mag_phase(signals, plan, scale, out):
    """Write magnitudes to the first half of the channels and phases to the second."""
    n_channels = signals.shape[1]

    def write(results, channel, spectra):
        np.abs(spectra, out=results[channel])
        np.arctan2(spectra.imag, spectra.real, out=results[n_channels + channel])

    fill_in_working_precision(signals, plan, scale, out, write)


def fill_in_working_precision(signals, plan, scale, out, write):
    """Run `write` over all blocks, then make decibels of as many channels as the signal has."""
    dtype = working_dtype(out.dtype)
    # A float16 result is rounded once, after the decibels.
    result = out if out.dtype == dtype else np.empty(out.shape, dtype)
    for_each_block(signals, plan, result, write)
    if scale is not None:
        magnitudes = result[:, : signals.shape[1]]
        magnitude_to_decibel(magnitudes, scale, magnitudes)
    if result is not out:
        out[...] = result
