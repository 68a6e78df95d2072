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
    mean, factor = np.zeros(n_bands), np.ones(n_bands)
    total, lost = np.zeros(n_bands), np.zeros(n_bands)
    for i in range(n_counted):
        for k in range(n_bands):
            x = np.float64(frames[i, k])
            before = total[k]
            after = before + x
            added = after - before
            lost[k] += (before - (after - added)) + (x - added)
            total[k] = after
    for k in range(n_bands):
        mean[k] = (total[k] + lost[k]) / n_counted
    if n_divided >= 0:
        total[:] = 0
        lost[:] = 0
        for i in range(n_counted):
            for k in range(n_bands):
                deviation = np.float64(frames[i, k]) - mean[k]
                x = deviation * deviation
                before = total[k]
                after = before + x
                added = after - before
                lost[k] += (before - (after - added)) + (x - added)
                total[k] = after
        for k in range(n_bands):
            variance = (total[k] + lost[k]) / n_divided
            factor[k] = np.sqrt(variance + eps_below) + eps_beside
    for i in range(frames.shape[0]):
        for k in range(n_bands):
            frames[i, k] = (np.float64(frames[i, k]) - mean[k]) / factor[k]
    frames[n_counted:] = 0


@kernel
def _normalise_rows(bands, n_counted, n_divided, eps_below, eps_beside):
    for k in range(bands.shape[0]):
        band = bands[k]
        mean = _sum_of(band, n_counted, 0.0, False) / n_counted
        factor = 1.0
        if n_divided >= 0:
            variance = _sum_of(band, n_counted, mean, True) / n_divided
            factor = np.sqrt(variance + eps_below) + eps_beside
        for i in range(n_counted):
            band[i] = (np.float64(band[i]) - mean) / factor
        band[n_counted:] = 0


_LANES = 8  # sums side by side


@kernel
def _sum_of(band, n, mean, are_squares):
    """Return the sum of the first numbers, or of the squares of their distance from a mean."""
    total, lost = np.zeros(_LANES), np.zeros(_LANES)
    for i in range(0, n - _LANES + 1, _LANES):
        for j in range(_LANES):
            deviation = np.float64(band[i + j]) - mean
            x = deviation * deviation if are_squares else deviation
            before = total[j]
            after = before + x
            added = after - before
            lost[j] += (before - (after - added)) + (x - added)
            total[j] = after
    for i in range(n - n % _LANES, n):
        deviation = np.float64(band[i]) - mean
        x = deviation * deviation if are_squares else deviation
        before = total[0]
        after = before + x
        added = after - before
        lost[0] += (before - (after - added)) + (x - added)
        total[0] = after
    result = 0.0
    for j in range(_LANES):
        result += total[j] + lost[j]
    return result
