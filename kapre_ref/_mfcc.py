"""Mel-frequency cepstral coefficients of a log-mel spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import native, real_dtype, result_array, silent
from kapre_ref._checks import check_floating, check_integer
from kapre_ref._data_format import check_data_format, in_layout, layout_shape, spectrogram_view
from kapre_ref._dispatch import kernels_for
from kapre_ref._kept import kept

if TYPE_CHECKING:
    from numpy.typing import NDArray


def logmel_to_mfcc(
    log_melgrams: NDArray[Any],
    n_mfccs: int = 20,
    data_format: str = "default",
    *,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Compute mel-frequency cepstral coefficients from log-mel spectrograms.

    Parameters
    ----------
    log_melgrams : array, (n_frames, n_mels), (batch, n_frames, n_mels) or with channels
        Logarithms of mel spectrograms, float16, float32 or float64. With channels: (batch,
        n_frames, n_mels, channel) if `data_format` is 'channels_last', (batch, channel, n_frames,
        n_mels) if it is 'channels_first'.
    n_mfccs : int
        Number of coefficients, 1 to `n_mels`.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping
        `log_melgrams`.

    Returns
    -------
    array, dtype of `log_melgrams`
        `log_melgrams` with `n_mfccs` in the place of `n_mels`.

    Raises
    ------
    TypeError
        If `log_melgrams` is not a floating NumPy or CuPy array, or an argument is of the wrong
        kind.
    ValueError
        If `n_mfccs` is not from 1 to `n_mels`, or a shape does not fit.

    Notes
    -----
    The discrete cosine transform of type II as in HTK, ``y[k] = sqrt(2 / n_mels) sum_m x[m]
    cos(pi k (m + 1/2) / n_mels)``. Matches the layer `kapre.LogmelToMFCC` of Kapre 0.4.1.
    librosa's orthonormal transform differs in coefficient 0 alone, which is sqrt(2) times as large
    here.

    References
    ----------
    S. Young et al., The HTK Book, version 3.4, section 5.6, eq. 5.14.

    Examples
    --------
    >>> logmel_to_mfcc(np.ones((1, 8)), n_mfccs=2).round(3)
    array([[4., 0.]])
    """
    check_floating("log_melgrams", log_melgrams)
    check_data_format("data_format", data_format)
    log_mels = spectrogram_view("log_melgrams", native(log_melgrams), data_format)
    n_mels = log_mels.shape[3]
    n_mfccs = check_integer("n_mfccs", n_mfccs, 1)
    if n_mfccs > n_mels:
        raise ValueError(
            f"n_mfccs must be at most n_mels={n_mels}, the bands of log_melgrams, got {n_mfccs}"
        )
    shape = layout_shape((*log_mels.shape[:3], n_mfccs), log_melgrams.ndim - 2, data_format)
    out = result_array(log_melgrams, shape, log_melgrams.dtype, out)
    mfccs = spectrogram_view("out", out, data_format)
    kernels_for(log_melgrams).logmel_to_mfcc(log_mels, _cached_cosines(n_mels, n_mfccs), mfccs)
    return out


@silent
def logmel_to_mfcc_reference(
    log_melgrams: NDArray[Any], n_mfccs: int = 20, data_format: str = "default"
) -> NDArray[Any]:
    """Compute cepstral coefficients; scaled as in HTK, so that coefficient 0 is not orthonormal."""
    log_mels = spectrogram_view("log_melgrams", log_melgrams, data_format).astype(np.float64)
    mfccs = log_mels @ cosines_reference(log_mels.shape[3], n_mfccs)
    in_caller_layout = in_layout(mfccs, log_melgrams.ndim - 2, data_format)
    return in_caller_layout.astype(real_dtype(log_melgrams.dtype))


@silent
def cosines_reference(n_mels: int, n_mfccs: int) -> NDArray[np.float64]:
    """Return the matrix of the transform, (n_mels, n_mfccs)."""
    turns = (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfccs) / n_mels
    cosines: NDArray[np.float64] = np.sqrt(2 / n_mels) * np.cos(np.pi * turns)
    return cosines


@kept
def _cached_cosines(n_mels: int, n_mfccs: int) -> NDArray[np.float64]:
    cosines = cosines_reference(n_mels, n_mfccs)
    cosines.flags.writeable = False
    return cosines
