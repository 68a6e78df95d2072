"""Mels, HTK's and Slaney's, and the edges of bands that are equally spaced in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import silent
from kapre_ref._checks import check_flag
from kapre_ref._libraries import library_of, of_another_library
from kapre_ref._other_libraries import by_views, on_host

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_SLANEY_HZ_PER_MEL = 200 / 3  # below 1000 Hz
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = math.log(6.4) / 27  # above 1000 Hz: 27 mels from 1000 Hz to 6400 Hz


@silent
def mel_edges_reference(n_mels: int, f_min: float, f_max: float, htk: bool) -> NDArray[np.float64]:
    """Return where triangles begin, peak and end in Hz, equidistant in mels: (n_mels + 2,)."""
    lowest, highest = hz_to_mel_reference(np.array([f_min, f_max]), htk)
    return mel_to_hz_reference(np.linspace(lowest, highest, n_mels + 2), htk)


def hz_to_mel(frequencies: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Convert frequencies to mels.

    Parameters
    ----------
    frequencies : float or array-like, any shape, Hz
        Frequencies, on the CPU.
    htk : bool
        Use the scale of HTK, a logarithm, instead of Slaney's, which is linear below 1000 Hz.

    Returns
    -------
    array, shape of `frequencies`, float64, mels

    Raises
    ------
    TypeError
        If `frequencies` are not numbers, or `htk` is neither True nor False.

    Notes
    -----
    HTK: ``2595 log10(1 + f / 700)``. Slaney: ``3 f / 200`` below 1000 Hz, and 27 mels for each
    factor of 6.4 above. As `librosa.hz_to_mel` of librosa 0.11, and what `filterbank_mel` and
    `kapre.backend.filterbank_mel` of Kapre 0.4.1 place their bands by.

    References
    ----------
    M. Slaney, Auditory Toolbox, version 2, Interval Research, 1998; S. Young et al., The HTK Book,
    version 3.4, section 5.4.

    Examples
    --------
    >>> hz_to_mel([200.0, 1000.0, 6400.0])
    array([ 3., 15., 42.])
    """
    if of_another_library(frequencies):
        return by_views(hz_to_mel, locals(), on_host)
    hz = _check_numbers("frequencies", frequencies)
    return hz_to_mel_reference(hz, check_flag("htk", htk))[()]


@silent
def hz_to_mel_reference(frequencies: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Convert Hz to mels, on HTK's scale or on Slaney's."""
    frequency = np.asarray(frequencies, np.float64)
    if htk:
        return np.asarray(2595 * np.log10(1 + frequency / 700))
    above = np.log(np.maximum(frequency, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    is_above = frequency >= _SLANEY_BREAK_HZ
    return np.where(is_above, _SLANEY_BREAK_MEL + above, frequency / _SLANEY_HZ_PER_MEL)


def mel_to_hz(mels: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Convert mels to frequencies.

    Parameters
    ----------
    mels : float or array-like, any shape
        Mels, on the CPU.
    htk : bool
        Use the scale of HTK, a logarithm, instead of Slaney's, which is linear below 1000 Hz.

    Returns
    -------
    array, shape of `mels`, float64, Hz

    Raises
    ------
    TypeError
        If `mels` are not numbers, or `htk` is neither True nor False.

    Notes
    -----
    The inverse of `hz_to_mel`, as `librosa.mel_to_hz` of librosa 0.11, and what `filterbank_mel`
    and `kapre.backend.filterbank_mel` of Kapre 0.4.1 place their bands by.

    Examples
    --------
    >>> mel_to_hz([3.0, 15.0, 42.0]).round(6)
    array([ 200., 1000., 6400.])
    """
    if of_another_library(mels):
        return by_views(mel_to_hz, locals(), on_host)
    return mel_to_hz_reference(_check_numbers("mels", mels), check_flag("htk", htk))[()]


@silent
def mel_to_hz_reference(mels: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Convert mels to Hz, on HTK's scale or on Slaney's."""
    mel = np.asarray(mels, np.float64)
    if htk:
        return np.asarray(700 * (10 ** (mel / 2595) - 1))
    above = np.exp(_SLANEY_LOG_STEP * np.maximum(mel - _SLANEY_BREAK_MEL, 0))
    is_above = mel >= _SLANEY_BREAK_MEL
    return np.where(is_above, _SLANEY_BREAK_HZ * above, _SLANEY_HZ_PER_MEL * mel)


def _check_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Require numbers on the CPU: one, or any nesting of sequences of them."""
    if library_of(value) == "cupy":
        raise TypeError(f"{name} must be numbers on the CPU, got a CuPy array")
    try:
        numbers = np.asarray(value)
    except ValueError:
        raise TypeError(f"{name} must be numbers, got rows of different lengths") from None
    if numbers.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers, got {numbers.dtype}")
    return numbers.astype(np.float64)
