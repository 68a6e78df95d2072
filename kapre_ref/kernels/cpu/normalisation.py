"""Normalisation of each band over time: the mean, then the variance about it, then one pass.

Sums are made in float64, each with what its additions lose, so that no number of frames is too
many. A band of a channel is summed by itself: its bits do not depend on what is beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.runtime.jit import kernel
from kapre_ref.kernels.cpu.runtime.pool import run_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._normalisation import Normalisation

_SECONDS = 2e-9  # for each number


def normalise(values: NDArray[Any], how: Normalisation) -> None:
    """Normalise (batch, channel, n_frames, n_bands) in place; the last two axes may be swapped."""
    batch, n_channels, n_frames, _ = values.shape
    n_counted = n_frames - how.drop_last
    if n_counted <= 0:
        values[...] = 0
        return
    bands_first = values.strides[2] < values.strides[3] and values.shape[3] > 1
    n_divided = max(n_counted - how.ddof, 0) if how.divide else -1
    eps_below = how.eps if how.eps_in == "variance" else 0.0
    eps_beside = how.eps - eps_below

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            channel = values[divmod(index, n_channels)]
            one = channel.T if bands_first else channel
            run_one = _normalise_rows if bands_first else _normalise_columns
            run_one(one, n_counted, n_divided, eps_below, eps_beside)

    run_slices(run, batch * n_channels, values.size * _SECONDS)


@kernel
def _normalise_columns(frames, n_counted, n_divided, eps_below, eps_beside):
    n_bands = frames.shape[1]
    mean, rest, factor = np.zeros(n_bands), np.zeros(n_bands), np.ones(n_bands)
    _mean_of_columns(frames, n_counted, mean, mean, False)
    _mean_of_columns(frames, n_counted, mean, rest, False)  # what the mean lost when rounded
    if n_divided >= 0:
        _mean_of_columns(frames, n_counted, mean, factor, True)
        for k in range(n_bands):
            variance = factor[k] * n_counted / n_divided
            factor[k] = np.sqrt(variance + eps_below) + eps_beside
    for i in range(frames.shape[0]):
        for k in range(n_bands):
            frames[i, k] = ((np.float64(frames[i, k]) - mean[k]) - rest[k]) / factor[k]
    frames[n_counted:] = 0


@kernel
def _mean_of_columns(frames, n, centre, means, are_squares):
    """Write the mean of each column's distances from its centre, or of their squares."""
    total, lost = np.zeros(means.size), np.zeros(means.size)
    for i in range(n):
        for k in range(means.size):
            x = np.float64(frames[i, k]) - centre[k]
            x = x * x if are_squares else x
            before = total[k]
            after = before + x
            added = after - before
            lost[k] += (before - (after - added)) + (x - added)
            total[k] = after
    for k in range(means.size):
        means[k] = (total[k] + lost[k]) / n


@kernel
def _normalise_rows(bands, n_counted, n_divided, eps_below, eps_beside):
    for k in range(bands.shape[0]):
        band = bands[k]
        mean = _mean_of(band, n_counted, 0.0, False)
        rest = _mean_of(band, n_counted, mean, False)  # what the mean lost when rounded
        factor = 1.0
        if n_divided >= 0:
            variance = _mean_of(band, n_counted, mean, True) * n_counted / n_divided
            factor = np.sqrt(variance + eps_below) + eps_beside
        for i in range(n_counted):
            band[i] = ((np.float64(band[i]) - mean) - rest) / factor
        band[n_counted:] = 0


_LANES = 8  # sums side by side


@kernel
def _mean_of(band, n, centre, are_squares):
    """Return the mean of the first numbers' distances from a centre, or of their squares."""
    total, lost = np.zeros(_LANES), np.zeros(_LANES)
    for start in range(0, n, _LANES):
        for j in range(min(_LANES, n - start)):
            x = np.float64(band[start + j]) - centre
            x = x * x if are_squares else x
            before = total[j]
            after = before + x
            added = after - before
            lost[j] += (before - (after - added)) + (x - added)
            total[j] = after
    result = 0.0
    for j in range(_LANES):
        result += total[j] + lost[j]
    return result / n
