"""Bands of spectra as these are made."""

from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import BANDS, fill
from kapre_ref.kernels.cpu.transform.plan import is_served


def filterbank_spectrogram(signals, plan, scale, out):
    """Sum the bins of each band while the magnitudes of a block of frames are in cache."""
    if is_served(plan.n_fft):
        fill(BANDS, signals, plan, scale, out)
    else:
        fallback.filterbank_spectrogram(signals, plan, scale, out)
