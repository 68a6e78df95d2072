"""Cepstral coefficients: a matrix product."""

import cupy

from kapre_ref.kernels.gpu.filterbanks import apply_filterbank
from kapre_ref.kernels.gpu.memory import on_device


@on_device
def logmel_to_mfcc(log_mels, cosines, out):
    """Copy the few cosines to the device and multiply by them, as by a filterbank."""
    apply_filterbank(log_mels, cupy.asarray(cosines), out)
