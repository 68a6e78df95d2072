"""The distance between a front end's result and its oracle's, as an error of the spectra."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

    Numbers = NDArray[np.float64]

# How much one decibel is in each logarithm.
_DECIBEL = {"ln": math.log(10) / 10, "log10": 0.1, "10log10": 1.0}
# Below this magnitude, relative to the largest of a channel, errors count in proportion to it.
_FAINT = 0.01


def front_end_error(
    front_end: FrontEnd, signals: NDArray[Any], got: NDArray[Any], truth: NDArray[Any]
) -> float:
    """Return the worst error: in decibels if there is a logarithm, else relative to the peak.

    Later steps change the size of an error: gains, deviations, and sums of bands for cepstra. So
    each value's error is divided by the size of one decibel, or of the peak, after these steps.
    """
    distance = np.abs(got.astype(np.float64) - truth)
    distance = distance if front_end.time_first else distance.swapaxes(-1, -2)
    f = front_end.replace(normalisation=None, n_cepstra=0, lifter=0.0, time_first=True)
    plain = f.replace(gain=1.0, offset=0.0).reference(signals.astype(np.float64))
    unit = np.abs(np.asarray(f.gain)) * _unit(f, plain)  # (batch, channel, n_frames, n_bands)
    if front_end.normalisation is not None:
        unit = unit / _deviation(front_end, plain * np.asarray(f.gain))
    if front_end.n_cepstra:
        unit = unit @ np.abs(front_end.cepstral_matrix())
    return float((distance / unit).max())


def _unit(front_end: FrontEnd, plain: Numbers) -> Numbers:
    """Return the size of one decibel, or the peak, for each value of the spectrum."""
    if front_end.log == "none":
        return np.full_like(plain, plain.max())
    decibel = _DECIBEL[front_end.log]
    below_peak = (plain - plain.max(axis=(-2, -1), keepdims=True)) / decibel
    magnitude = 10 ** (below_peak / (10 * front_end.power))  # relative to the channel's largest
    weight = np.minimum(1, magnitude / _FAINT)
    # Silence and values at the lower end of the range count in full.
    item_axes = tuple(range(1, plain.ndim))
    is_least = plain == plain.min(axis=item_axes, keepdims=True)
    return np.asarray(decibel / np.where(is_least, 1, weight))


def _deviation(front_end: FrontEnd, values: Numbers) -> Numbers:
    """Return what each band is divided by."""
    how = front_end.normalisation
    assert how is not None, "asked for where there is one"
    if not how.divide:
        return np.ones(values.shape[-1])
    counted = values[..., :-1, :] if how.drop_last else values
    variance = counted.var(axis=-2, ddof=how.ddof, keepdims=True)
    if how.eps_in == "variance":
        return np.asarray(np.sqrt(variance + how.eps))
    return np.asarray(np.sqrt(variance) + how.eps)
