"""Bands of a given spectrogram: matrix products.

cuBLAS chooses how it adds by the shapes, so the last bits of a band may depend on how many frames
there are; the bands that spectrograms are made into at once do not.
"""

from __future__ import annotations

import cupy

from kapre_ref.kernels.gpu.memory import on_device, working_dtype


@on_device
def apply_filterbank(spectra: cupy.ndarray, filterbank: cupy.ndarray, out: cupy.ndarray) -> None:
    """Multiply by the filterbank in the working precision."""
    dtype = working_dtype(out.dtype)
    out[...] = spectra.astype(dtype, copy=False) @ filterbank.astype(dtype, copy=False)
