"""Bands of spectra: matrix products, of a given spectrogram or of blocks as they are made."""

from functools import lru_cache

import numpy as np

from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.spectrograms import fill_in_working_precision


def apply_filterbank(spectra, filterbank, out):
    """Multiply each channel by the filterbank."""
    dtype = working_dtype(out.dtype)
    weights = filterbank.astype(dtype, copy=False)
    for item, results in zip(spectra, out, strict=True):
        for spectrum, result in zip(item, results, strict=True):
            result[...] = spectrum.astype(dtype, copy=False) @ weights


def filterbank_spectrogram(signals, plan, scale, out):
    """Multiply the magnitudes of each block by the filterbank; decibels afterwards, in place."""
    weights = _weights(plan, working_dtype(out.dtype))

    def write(results, channel, spectra):
        results[channel] = np.abs(spectra) @ weights

    fill_in_working_precision(signals, plan, scale, out, write)


@lru_cache(maxsize=64)
def _weights(plan, dtype):
    return plan.filterbank.astype(dtype)
