"""A channel that tells the frequency of each bin, for models that must know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import native, result_array, silent
from kapre_ref._checks import check_floating, check_ndim
from kapre_ref._data_format import CH_FIRST_STR, check_data_format, spectrogram_view
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import DataFormat, Float

_SHAPES = "(batch, n_frames, n_freq, channel) / (batch, channel, n_frames, n_freq)"


def concatenate_frequency_map(
    x: NDArray[Float], data_format: DataFormat = "default", *, out: NDArray[Float] | None = None
) -> NDArray[Float]:
    """Append a channel whose values rise from 0 at the lowest bin to 1 at the highest.

    Parameters
    ----------
    x : array of 4 dimensions, float16, float32 or float64
        Spectrograms: (batch, n_frames, n_freq, channel) if `data_format` is 'channels_last',
        (batch, channel, n_frames, n_freq) if it is 'channels_first'.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, dtype of `x`
        `x` with one channel more, the last.

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If `x` does not have 4 dimensions.

    Notes
    -----
    ``k / (n_freq - 1)`` for bin `k`; 0 for a single bin. Matches the layer
    `kapre.ConcatenateFrequencyMap` of Kapre 0.4.1.

    References
    ----------
    K. Koutini, H. Eghbal-zadeh, G. Widmer, "Receptive-field-regularized CNN variants for acoustic
    scene classification", DCASE 2019.

    Examples
    --------
    >>> concatenate_frequency_map(np.ones((1, 1, 3, 1)))[0, 0]
    array([[1. , 0. ],
           [1. , 0.5],
           [1. , 1. ]])
    """
    if of_another_library(x):
        return by_views(concatenate_frequency_map, locals())
    check_floating("x", x)
    check_data_format("data_format", data_format)
    check_ndim("x", x, (4,), _SHAPES)
    axis = 1 if data_format == CH_FIRST_STR else 3
    shape = tuple(n + (index == axis) for index, n in enumerate(x.shape))
    out = result_array(x, shape, x.dtype, out)
    spectra = spectrogram_view("x", native(x), data_format)
    result = spectrogram_view("out", out, data_format)
    kernels_for(x).concatenate_frequency_map(spectra, result)
    return out


@silent
def concatenate_frequency_map_reference(
    x: NDArray[Float], data_format: DataFormat = "default"
) -> NDArray[Float]:
    """Append a channel whose values rise from 0 at the lowest bin to 1 at the highest."""
    spectra = spectrogram_view("x", x, data_format)
    frequency = np.linspace(0, 1, spectra.shape[3]).astype(spectra.dtype)
    channel = np.broadcast_to(frequency, (spectra.shape[0], 1, *spectra.shape[2:]))
    result = np.concatenate([spectra, channel], axis=1)
    return result if data_format == CH_FIRST_STR else np.moveaxis(result, 1, -1)
