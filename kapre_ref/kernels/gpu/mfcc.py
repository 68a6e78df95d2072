"""Cepstral coefficients: a matrix product."""

from kapre_ref.kernels.gpu.filterbanks import apply_filterbank
from kapre_ref.kernels.gpu.memory import constant_on_device, on_device


@on_device
def logmel_to_mfcc(log_mels, cosines, out):
    """Multiply by the few cosines, as by a filterbank."""
    cosines = cosines.matrix()
    constant = cosines.tobytes(), cosines.shape, cosines.dtype
    apply_filterbank(log_mels, constant_on_device(*constant, log_mels.device.id), out)
