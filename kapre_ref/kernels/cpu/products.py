"""Products of frames with a matrix; each lane sums one column, so that no sum crosses lanes.

The terms of a sum are added in an order that their number alone decides, by the same instructions
in every lane. So a frame's bits depend neither on the frames beside it nor on how many there are.
BLAS does not promise this, and its threads spin while they wait, which delays other work.

No long sum is one chain of additions, since the rounding errors of a chain would add up:

    chains of 16 terms     x0 w0 + x1 w1 + ... + x15 w15
    panels of 8 chains     in registers, one after the other
    all panels             in pairs, pairs of pairs, and so on
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kapre_ref.kernels.cpu.emit.intrinsics import lanes_of, n_lanes
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.emit.panels import GROUPS, Shape, multiply_panel
from kapre_ref.kernels.cpu.runtime.jit import as_input, kernel
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.strided import contiguous

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Product: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], None]  # (frames, out)

_TERM_SECONDS = 2e-11
_PANEL = 128  # terms; their weights for two vectors of columns stay in L1
_FRAMES = 48  # frames; the sums over panels are kept for so many at a time
_FEW = 32  # frames; so few use each weight so seldom that packing takes longer than it saves


class _Matrix(NamedTuple):
    """A matrix whose columns from `n_unpacked` on are packed."""

    weights: NDArray[Any]  # (n_terms, n_columns), or (0, n_columns) if all columns are packed
    n_unpacked: int
    packed: NDArray[Any]


def product(weights: NDArray[Any], dtype: np.dtype[Any], n_frames: int | None = None) -> Product:
    """Return a function that multiplies contiguous frames by a matrix of float32 or float64.

    If `n_frames` says that the frames are few, most of the matrix is not packed.
    """
    n_terms, n_columns = weights.shape
    lanes, unit = n_lanes(dtype), dtype.type(1)
    weights = contiguous(weights, dtype)
    n_unpacked = 0
    if n_frames is not None and n_frames <= _FEW:
        n_unpacked = n_columns // (2 * lanes) * (2 * lanes)
    packed = np.empty(n_terms * -(-(n_columns - n_unpacked) // lanes) * lanes, dtype)
    _pack_columns(weights, lanes, n_unpacked, packed)
    packed.flags.writeable = False
    if not n_unpacked:
        weights = as_input(np.empty((0, n_columns), dtype))  # a view would keep the matrix alive
    matrix = _Matrix(weights, n_unpacked, packed)

    def multiply(frames: NDArray[Any], out: NDArray[Any]) -> None:
        frames, out = frames.reshape(-1, n_terms), out.reshape(-1, n_columns)

        def run(start: int, stop: int) -> None:
            _multiply(unit, matrix, frames[start:stop], out[start:stop])

        run_slices(run, len(out), product_seconds(frames.size, n_columns), GROUPS[2])

    return multiply


def product_seconds(n_numbers: int, n_columns: int) -> float:
    """Guess how long one thread takes for frames that have `n_numbers` numbers in all."""
    return n_numbers * n_columns * _TERM_SECONDS


@kernel
def _pack_columns(weights, lanes, n_unpacked, packed):
    """Pack the columns from `n_unpacked` on, two vectors of them at a time, padded with zeros."""
    n_terms, n_columns = weights.shape
    for first in range(n_unpacked, n_columns, 2 * lanes):
        n = min(2 * lanes, n_columns - first)
        width = lanes if n <= lanes else 2 * lanes
        for k in range(n_terms):
            at = (first - n_unpacked) * n_terms + k * width
            for j in range(n):
                packed[at + j] = weights[k, first + j]
            packed[at + n : at + width] = 0


@kernel
def _multiply(unit, matrix, frames, out):
    n_terms, n_columns = frames.shape[1], out.shape[1]
    n_panels = max(1, -(-n_terms // _PANEL))
    n_levels = 0
    while n_panels > 1 and 1 << n_levels < 2 * n_panels:
        n_levels += 1
    sums = np.empty((n_levels, min(_FRAMES, out.shape[0]), n_columns), out.dtype)
    for first in range(0, out.shape[0], _FRAMES):
        some, results = frames[first : first + _FRAMES], out[first : first + _FRAMES]
        if n_panels == 1:
            _multiply_panel(unit, matrix, some, 0, results)
            continue
        # After an even number of panels, the last two sums have equally many panels.
        depth = 0
        for panel in range(n_panels):
            term = panel * _PANEL
            _multiply_panel(unit, matrix, some, term, sums[depth])
            n_done = panel + 1
            while n_done % 2 == 0:
                _add(sums[depth - 1], sums[depth])
                depth -= 1
                n_done //= 2
            depth += 1
        for level in range(depth - 1, 0, -1):
            _add(sums[level - 1], sums[level])
        for i in range(results.shape[0]):
            for j in range(n_columns):
                results[i, j] = sums[0, i, j]


@kernel
def _add(total, part):
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            total[i, j] += part[i, j]


@kernel
def _multiply_panel(unit, matrix, frames, first_term, out):
    n_terms, n_columns = frames.shape[1], out.shape[1]
    lanes, itemsize = lanes_of(unit), out.itemsize
    source = Strided(frames.ctypes.data + first_term * itemsize, n_terms * itemsize)
    count = min(_PANEL, n_terms - first_term)
    for column in range(0, n_columns, 2 * lanes):
        n_vectors = 1 if n_columns - column <= lanes else 2
        if column < matrix.n_unpacked:
            place = matrix.weights.ctypes.data + (first_term * n_columns + column) * itemsize
            term_bytes = n_columns * itemsize
        else:
            term_bytes = n_vectors * lanes * itemsize
            place = (column - matrix.n_unpacked) * n_terms * itemsize + first_term * term_bytes
            place += matrix.packed.ctypes.data
        weights = Strided(place, term_bytes)
        target = Strided(out.ctypes.data + column * itemsize, n_columns * itemsize)
        shape = Shape(frames.shape[0], count, n_columns - column)
        multiply_panel(unit, n_vectors, source, weights, target, shape)
