"""Cepstral coefficients: a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.products import product, product_seconds
from kapre_ref.kernels.cpu.runtime.chunks import for_frames
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kapre_ref._mfcc import Cosines
    from kapre_ref.kernels.cpu.products import Product


@operation
def logmel_to_mfcc(log_mels: NDArray[Any], cosines: Cosines, out: NDArray[Any]) -> None:
    """Multiply each frame by the matrix of cosines."""
    if out.size:
        dtype = working_dtype(out.dtype)
        seconds = product_seconds(log_mels.size, cosines.n_mfccs)
        for_frames(_product_with(cosines, dtype), log_mels, out, dtype, seconds)


@kept
def _product_with(cosines: Cosines, dtype: np.dtype[Any]) -> Product:
    return product(cosines.matrix(), dtype)
