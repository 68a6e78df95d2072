"""Magnitudes, and magnitudes with phases, of blocks of spectra as they are made."""

from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import MAGNITUDES, POLAR, fill
from kapre_ref.kernels.cpu.transform.plan import is_served


def stft_magnitude(signals, plan, scale, out):
    """Write magnitudes or decibels of each block while its spectra are in cache."""
    if is_served(plan.n_fft):
        fill(MAGNITUDES, signals, plan, scale, out)
    else:
        fallback.stft_magnitude(signals, plan, scale, out)


def stft_mag_phase(signals, plan, scale, out):
    """Write magnitudes to the first half of the channels and phases to the second."""
    if is_served(plan.n_fft):
        fill(POLAR, signals, plan, scale, out)
    else:
        fallback.stft_mag_phase(signals, plan, scale, out)
