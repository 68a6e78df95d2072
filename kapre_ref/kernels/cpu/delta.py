"""Deltas: differences of shifted frames, without a padded copy."""

import numpy as np

from kapre_ref.kernels.cpu.memory import working_dtype


def delta(spectra, win_length, mode, out):
    """Add up n (x[t + n] - x[t - n]), the mirrored frames by their index."""
    half, n_frames = win_length // 2, spectra.shape[2]
    dtype = working_dtype(out.dtype)
    # The middle of the window weighs 0, but 0 times NaN or infinity is NaN in the formula too.
    slopes = np.multiply(spectra, 0, dtype=dtype)
    for n in range(1, half + 1):
        slopes += dtype.type(n) * (
            _shifted(spectra, n, mode, dtype) - _shifted(spectra, -n, mode, dtype)
        )
    slopes /= dtype.type(2 * sum(n * n for n in range(1, half + 1)))
    out[...] = slopes if n_frames else 0


def _shifted(spectra, shift, mode, dtype):
    n_frames = spectra.shape[2]
    index = np.arange(n_frames) + shift
    outside = (index < 0) | (index >= n_frames)
    if mode == "symmetric":
        index = np.where(index < 0, -1 - index, index)
        index = np.where(index >= n_frames, 2 * n_frames - 1 - index, index)
    else:
        index = np.where(index < 0, -index, index)
        index = np.where(index >= n_frames, 2 * n_frames - 2 - index, index)
    shifted = np.take(spectra, index, axis=2, mode="clip").astype(dtype, copy=False)
    if mode == "constant":
        shifted[:, :, outside] = 0
    return shifted
