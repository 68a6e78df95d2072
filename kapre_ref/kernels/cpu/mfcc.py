"""Cepstral coefficients: a matrix product."""

from kapre_ref.kernels.cpu.filterbanks import apply_filterbank


def logmel_to_mfcc(log_mels, cosines, out):
    """Multiply by the cosines, as by a dense filterbank."""
    apply_filterbank(log_mels, cosines, out)
