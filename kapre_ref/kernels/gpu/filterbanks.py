"""Bands of a given spectrogram: matrix products.

cuBLAS chooses by shape in which order it adds, so the last bits of a band may depend on the number
of frames. The bands that `filterbank_spectrogram` makes do not depend on it.
"""

from __future__ import annotations

import cupy

from kapre_ref.kernels.gpu.memory import on_device, working_dtype


@on_device
def apply_filterbank(spectra: cupy.ndarray, filterbank: cupy.ndarray, out: cupy.ndarray) -> None:
    """Multiply by the filterbank in the working precision."""
    dtype = working_dtype(out.dtype)
    out[...] = spectra.astype(dtype, copy=False) @ filterbank.astype(dtype, copy=False)
