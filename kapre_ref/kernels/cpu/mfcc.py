"""Cepstral coefficients: a matrix product."""

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.products import product, product_seconds
from kapre_ref.kernels.cpu.runtime.blocks import for_rows
from kapre_ref.kernels.cpu.runtime.memory import working_dtype


def logmel_to_mfcc(log_mels, cosines, out):
    """Multiply by the cosines."""
    if out.size:
        dtype = working_dtype(out.dtype)
        seconds = product_seconds(log_mels.size, cosines.n_mfccs)
        for_rows(_product_with(cosines, dtype), log_mels, out, dtype, seconds)


@kept
def _product_with(cosines, dtype):
    return product(cosines.matrix(), dtype)
