"""Normalisation of each band over time.

The mean is taken off in two steps, the second of which takes off what the first lost when it was
rounded; then the squares of what is left are summed. Sums are made in pairs of parts, so that no
number of frames is too many. A band of a channel is summed by itself: its bits do not depend on
what is beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.emit.intrinsics import itemsize_of, lanes_of
from kapre_ref.kernels.cpu.emit.shifts import (
    Columns,
    divide_columns,
    divide_run,
    shift_columns,
    shift_run,
    sum_columns,
)
from kapre_ref.kernels.cpu.emit.sums import SQUARES, TERMS, sum_pairwise
from kapre_ref.kernels.cpu.runtime.jit import kernel
from kapre_ref.kernels.cpu.runtime.pool import run_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._normalisation import Normalisation

_SECONDS = 5e-10  # for each number


def normalise(values: NDArray[Any], how: Normalisation) -> None:
    """Normalise (batch, channel, n_frames, n_bands) in place; the last two axes may be swapped."""
    batch, n_channels, n_frames, n_bands = values.shape
    n_counted = n_frames - how.drop_last
    if n_counted <= 0:
        values[...] = 0
        return
    bands_first = n_bands > 1 and values.strides[2] < values.strides[3]
    n_divided = max(n_counted - how.ddof, 1) if how.divide else -1
    eps_below = how.eps if how.eps_in == "variance" else 0.0
    unit = values.dtype.type(1)
    numbers = n_counted, n_divided, unit * eps_below, unit * (how.eps - eps_below)

    def run(start: int, stop: int) -> None:
        for index in range(start, stop):
            channel = values[divmod(index, n_channels)]
            if bands_first:
                _normalise_runs(unit, channel.T, *numbers)
            else:
                _normalise_columns(unit, channel, *numbers)

    run_slices(run, batch * n_channels, values.size * _SECONDS)


@kernel
def _normalise_columns(unit, frames, n_counted, n_divided, eps_below, eps_beside):
    lanes, itemsize = lanes_of(unit), itemsize_of(unit)
    n_bands = frames.shape[1]
    numbers = np.empty(lanes, frames.dtype)
    for first in range(0, n_bands, lanes):
        place = frames.ctypes.data + first * itemsize
        columns = Columns(place, n_bands * itemsize, n_counted, min(lanes, n_bands - first))
        for _ in range(2):
            sum_columns(unit, TERMS, columns, numbers.ctypes.data)
            for j in range(lanes):
                numbers[j] /= n_counted
            shift_columns(unit, columns, numbers.ctypes.data)
        if n_divided >= 0:
            sum_columns(unit, SQUARES, columns, numbers.ctypes.data)
            for j in range(lanes):
                numbers[j] = np.sqrt(numbers[j] / n_divided + eps_below) + eps_beside
            divide_columns(unit, columns, numbers.ctypes.data)
    frames[n_counted:] = 0
    numbers[:] = 0  # they must live until here


@kernel
def _normalise_runs(unit, bands, n_counted, n_divided, eps_below, eps_beside):
    number = np.empty(1, bands.dtype)
    for k in range(bands.shape[0]):
        band = bands[k]
        for _ in range(2):
            sum_pairwise(unit, TERMS, band.ctypes.data, n_counted, number.ctypes.data)
            number[0] /= n_counted
            shift_run(unit, band.ctypes.data, n_counted, number.ctypes.data)
        if n_divided >= 0:
            sum_pairwise(unit, SQUARES, band.ctypes.data, n_counted, number.ctypes.data)
            number[0] = np.sqrt(number[0] / n_divided + eps_below) + eps_beside
            divide_run(unit, band.ctypes.data, n_counted, number.ctypes.data)
        band[n_counted:] = 0
    number[0] = 0  # it must live until here
