"""Bands of a given spectrogram: matrix products."""

from kapre_ref.kernels.gpu.memory import on_device, working_dtype


@on_device
def apply_filterbank(spectra, filterbank, out):
    """Multiply by the filterbank in the working precision."""
    dtype = working_dtype(out.dtype)
    out[...] = spectra.astype(dtype, copy=False) @ filterbank.astype(dtype, copy=False)
