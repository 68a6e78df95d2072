"""Cepstral coefficients: a matrix product."""

from kapre_ref.kernels.cpu.bands import multiply
from kapre_ref.kernels.cpu.memory import working_dtype


def logmel_to_mfcc(log_mels, cosines, out):
    """Multiply by the cosines."""
    multiply(log_mels, cosines.astype(working_dtype(out.dtype)), out)
