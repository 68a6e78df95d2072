"""Deltas: the local slope of a spectrogram along time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import native, real_dtype, result_array, silent
from kapre_ref._checks import check_choice, check_floating, check_integer
from kapre_ref._data_format import check_data_format, in_layout, spectrogram_view
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import DataFormat, DeltaMode, Float

MODES = ("symmetric", "reflect", "constant")


def delta(
    x: NDArray[Float],
    win_length: int = 5,
    mode: DeltaMode = "symmetric",
    data_format: DataFormat = "default",
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Estimate the slope of each bin of a spectrogram along time, by a line fitted to each window.

    Parameters
    ----------
    x : array, (n_frames, n_freq), (batch, n_frames, n_freq) or with channels
        A spectrogram of float16, float32 or float64. With channels: (batch, n_frames, n_freq,
        channel) if `data_format` is 'channels_last', (batch, channel, n_frames, n_freq) if it is
        'channels_first'.
    win_length : int, frames
        Length of the window: odd, 3 or more.
    mode : str
        What stands before the first and after the last frame, upper or lower case: 'symmetric'
        mirrors with the edge frame, 'reflect' without it, 'constant' is zeros.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape and dtype of `x`, units of `x` for each frame

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If `win_length` is even or less than 3, `mode` is unknown, or there are too few frames to
        mirror: ``win_length // 2`` for 'symmetric', one more for 'reflect'.

    Notes
    -----
    ``y[t] = sum_n n x[t + n] / sum_n n ** 2`` for `n` from ``-(win_length // 2)`` to ``win_length
    // 2``. Matches the layer `kapre.Delta` of Kapre 0.4.1, which works for one channel only.

    References
    ----------
    S. Young et al., The HTK Book, version 3.4, section 5.9, eq. 5.16.

    Examples
    --------
    >>> delta(np.array([[0.0], [1.0], [2.0], [3.0]]), win_length=3).T
    array([[0.5, 1. , 1. , 0.5]])
    """
    if of_another_library(x):
        return by_views(delta, locals())
    check_floating("x", x)
    win_length = check_integer("win_length", win_length, 3)
    if win_length % 2 == 0:
        raise ValueError(f"win_length must be an odd number, got {win_length}")
    lower = mode.lower() if isinstance(mode, str) else mode
    check_choice("mode", lower, MODES)
    check_data_format("data_format", data_format)
    spectra = spectrogram_view("x", native(x), data_format)
    n_frames, half = spectra.shape[2], win_length // 2
    n_needed = {"symmetric": half, "reflect": half + 1, "constant": 0}[lower]
    if n_frames and n_frames < n_needed:
        raise ValueError(
            f"x must have at least {n_needed} frames for mode={lower!r} and "
            f"win_length={win_length}, got {n_frames}"
        )
    out = result_array(x, x.shape, x.dtype, out)
    kernels_for(x).delta(spectra, win_length, lower, spectrogram_view("out", out, data_format))
    return out


@silent
def delta_reference(
    x: NDArray[Float],
    win_length: int = 5,
    mode: DeltaMode = "symmetric",
    data_format: DataFormat = "default",
) -> NDArray[Float]:
    """Estimate the slope of each bin along time; nothing differs from the textbook."""
    spectra = spectrogram_view("x", x, data_format).astype(np.float64)
    half, n_frames = win_length // 2, spectra.shape[2]
    sum_of_squares = half * (half + 1) * (2 * half + 1) / 3
    half = min(half, n_frames)  # frames further away are zeros, or there are no such frames
    slopes = np.zeros_like(spectra)
    if n_frames:
        margins = [(0, 0), (0, 0), (half, half), (0, 0)]
        padded = np.pad(spectra, margins, mode.lower())  # type: ignore[call-overload]
        for n in range(-half, half + 1):
            slopes += n * padded[:, :, half + n : half + n + n_frames]
    slopes /= sum_of_squares
    return in_layout(slopes, x.ndim - 2, data_format).astype(real_dtype(x.dtype))
