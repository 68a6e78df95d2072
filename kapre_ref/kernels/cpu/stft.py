"""Fourier transforms of windowed frames, and back."""

from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import SPECTRUM, fill
from kapre_ref.kernels.cpu.transform.inverse import fill_signals
from kapre_ref.kernels.cpu.transform.plan import is_served


def stft(signals, plan, out):
    """Write each block's spectra to their place."""
    if is_served(plan.n_fft):
        fill(SPECTRUM, signals, plan, None, out)
    else:
        fallback.stft(signals, plan, out)


def inverse_stft(spectra, n_fft, hop_length, window, out):
    """Transform blocks of frames back and add them up in their order."""
    if is_served(n_fft):
        fill_signals(spectra, n_fft, hop_length, window, out)
    else:
        fallback.inverse_stft(spectra, n_fft, hop_length, window, out)
