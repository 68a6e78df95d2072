"""Cepstral coefficients: a matrix product."""

from kapre_ref.kernels.gpu.filterbanks import apply_filterbank
from kapre_ref.kernels.gpu.memory import kept_on_device, on_device, resident


@on_device
def logmel_to_mfcc(log_mels, cosines, out):
    """Multiply by the few cosines, as by a filterbank."""
    apply_filterbank(log_mels, _matrix(cosines, log_mels.device.id), out)


@kept_on_device
def _matrix(cosines, device_id):
    return resident(cosines.matrix())
