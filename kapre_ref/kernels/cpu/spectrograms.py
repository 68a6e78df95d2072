"""Magnitudes, and magnitudes with phases, of blocks of spectra as they are made."""

import numpy as np

from kapre_ref.kernels.cpu import fallback
from kapre_ref.kernels.cpu.fft_plan import is_served
from kapre_ref.kernels.cpu.polar import phase
from kapre_ref.kernels.cpu.spectra import MAGNITUDES, SPECTRUM, fill, for_each_chunk


def stft_magnitude(signals, plan, scale, out):
    """Write magnitudes or decibels of each block while its spectra are in cache."""
    if is_served(plan.n_fft):
        fill(MAGNITUDES, signals, plan, scale, out)
    else:
        fallback.stft_magnitude(signals, plan, scale, out)


def stft_mag_phase(signals, plan, scale, out):
    """Write magnitudes to the first half of the channels and phases to the second."""
    if not is_served(plan.n_fft):
        fallback.stft_mag_phase(signals, plan, scale, out)
        return
    n_channels = signals.shape[1]
    fill(MAGNITUDES, signals, plan, scale, out[:, :n_channels])
    phases = out[:, n_channels:]

    def write(item, channel, frames, spectra, peaks):
        angles = np.empty(spectra.shape, spectra.real.dtype)
        phase(spectra, angles)
        phases[item, channel, frames] = angles  # rounded, if it is float16

    if out.size:
        for_each_chunk(SPECTRUM, signals, plan, None, *out.shape[2:], write)
