"""Mels, HTK's and Slaney's, and the edges of bands that are equally spaced in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLANEY_HZ_PER_MEL = 200 / 3  # below 1000 Hz
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = math.log(6.4) / 27  # above 1000 Hz: 27 mels from 1000 Hz to 6400 Hz


@silent
def mel_edges_reference(n_mels: int, f_min: float, f_max: float, htk: bool) -> NDArray[np.float64]:
    """Return where triangles begin, peak and end in Hz, equidistant in mels: (n_mels + 2,)."""
    lowest, highest = hz_to_mel_reference(np.array([f_min, f_max]), htk)
    return mel_to_hz_reference(np.linspace(lowest, highest, n_mels + 2), htk)


@silent
def hz_to_mel_reference(frequency: NDArray[np.float64], htk: bool) -> NDArray[np.float64]:
    """Convert Hz to mels, on HTK's scale or on Slaney's."""
    if htk:
        return 2595 * np.log10(1 + frequency / 700)
    above = np.log(np.maximum(frequency, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    is_above = frequency >= _SLANEY_BREAK_HZ
    return np.where(is_above, _SLANEY_BREAK_MEL + above, frequency / _SLANEY_HZ_PER_MEL)


@silent
def mel_to_hz_reference(mel: NDArray[np.float64], htk: bool) -> NDArray[np.float64]:
    """Convert mels to Hz, on HTK's scale or on Slaney's."""
    if htk:
        return 700 * (10 ** (mel / 2595) - 1)
    above = np.exp(_SLANEY_LOG_STEP * np.maximum(mel - _SLANEY_BREAK_MEL, 0))
    is_above = mel >= _SLANEY_BREAK_MEL
    return np.where(is_above, _SLANEY_BREAK_HZ * above, _SLANEY_HZ_PER_MEL * mel)
