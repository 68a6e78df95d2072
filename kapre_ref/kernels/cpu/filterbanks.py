"""Bands of spectra: sums over the few bins of each band, or a dense product if they are many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.band_products import pair_tables, spoil_bands, sum_bands_by_twos
from kapre_ref.kernels.cpu.emit.bands import (
    BandTable,
    any_is_long,
    sum_long_bands,
    sum_short_bands,
    sum_zeros,
)
from kapre_ref.kernels.cpu.emit.gather import transpose_pieces
from kapre_ref.kernels.cpu.emit.intrinsics import lanes_of, n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.output import turn_strip
from kapre_ref.kernels.cpu.products import product
from kapre_ref.kernels.cpu.runtime.chunks import for_frames
from kapre_ref.kernels.cpu.runtime.jit import inlined, kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices
from kapre_ref.kernels.cpu.runtime.strided import contiguous

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._band_weights import BandWeights
    from kapre_ref.kernels.cpu.products import Product

_BIN_SECONDS = 2e-10
_TILE = 16  # bins
_SPARSE = 0.2  # with a larger part of the weights within the bands, a dense product is faster
_TURNED_BYTES = 48 << 10  # frames in lanes that are more leave L1: their bands are summed in place


@operation
def apply_filterbank(spectra: NDArray[Any], filterbank: NDArray[Any], out: NDArray[Any]) -> None:
    """Multiply each frame by the filterbank."""
    if not len(filterbank):
        out[...] = 0
    elif out.size:
        dtype = working_dtype(out.dtype)
        weights = contiguous(filterbank, dtype)
        # Every call looks for the bands, since the filterbank may have been changed.
        bands = _find_bands(weights, _most_weights(weights.shape))
        if bands is None:
            multiply = product(weights, dtype, out.size // weights.shape[1])
        else:
            multiply = _sparse_product(len(weights), *bands)
        for_frames(multiply, spectra, out, dtype, spectra.size * _BIN_SECONDS)


def _most_weights(shape: tuple[int, ...]) -> int:
    return int(_SPARSE * shape[0] * shape[1])


def _find_bands(
    weights: NDArray[Any], most: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]] | None:
    """Return what `bands_of` finds, fast; or None if more than `most` weights count."""
    n_bands = weights.shape[1]
    firsts, counts = np.zeros(n_bands, np.int32), np.zeros(n_bands, np.int32)
    n_weights = _find_ends(weights, firsts, counts, most)
    if n_weights > most:
        return None
    packed = np.empty(n_weights, weights.dtype)
    _pack_bands(weights, firsts, counts, packed)
    return firsts, counts, packed


def band_product(bands: BandWeights, dtype: np.dtype[Any]) -> Product:
    """Return a function that multiplies contiguous frames by a filterbank in the fastest way.

    Which way that is, the filterbank alone decides, so that a frame's bits do not depend on how
    many there are.
    """
    firsts, counts = bands.firsts.astype(np.int32), bands.counts.astype(np.int32)
    return _sparse_product(bands.n_freq, firsts, counts, bands.weights.astype(dtype))


def _sparse_product(
    n_freq: int, firsts: NDArray[np.int32], counts: NDArray[np.int32], weights: NDArray[Any]
) -> Product:
    """Return what `band_product` does, of bands in arrays that may be written to."""
    n_bands, dtype = len(counts), weights.dtype
    if len(weights) > _most_weights((n_freq, n_bands)):
        matrix = np.zeros((n_freq, n_bands), dtype)
        _fill_matrix(firsts, counts, weights, matrix)
        return product(matrix, dtype)
    lanes, unit = n_lanes(dtype), dtype.type(1)
    tables: tuple[NDArray[Any], ...]
    if n_freq * vector_bytes() > _TURNED_BYTES:
        pairs = pair_tables(n_freq, lanes, firsts, counts, weights)
        tables = *pairs, firsts, counts

        def multiply_slice(frames: NDArray[Any], out: NDArray[Any]) -> None:
            sum_bands_by_twos(unit, pairs, firsts, counts, frames, out)

        granule = 2
    else:
        tables = firsts, counts, weights

        def multiply_slice(frames: NDArray[Any], out: NDArray[Any]) -> None:
            _sum_bands_in_blocks(unit, *tables, frames, out)

        granule = lanes

    for table in tables:  # which may be kept
        table.flags.writeable = False

    def multiply(frames: NDArray[Any], out: NDArray[Any]) -> None:
        frames, out = frames.reshape(-1, n_freq), out.reshape(-1, n_bands)

        def run(start: int, stop: int) -> None:
            multiply_slice(frames[start:stop], out[start:stop])

        run_slices(run, len(out), frames.size * _BIN_SECONDS, granule)

    return multiply


@kernel
def _find_ends(weights, firsts, stops, most):
    """Write the first bin of each band, and the one after its last; return how many bins that are.

    Both must be 0 before. More than `most` bins are not looked for. Most of a filterbank is zeros,
    of which many bins at once can be told.
    """
    n_freq, n_bands = weights.shape
    sizes = np.empty(n_bands, weights.dtype)
    for start in range(0, n_freq, _TILE):
        stop = min(start + _TILE, n_freq)
        sizes[:] = 0
        for k in range(start, stop, 4):  # some once more at the end
            a, b, c = min(k + 1, stop - 1), min(k + 2, stop - 1), min(k + 3, stop - 1)
            for band in range(n_bands):
                size = abs(weights[k, band]) + abs(weights[a, band])
                sizes[band] += size + (abs(weights[b, band]) + abs(weights[c, band]))
        for band in range(n_bands):
            is_inside = sizes[band] != 0
            firsts[band] = start if is_inside and stops[band] == 0 else firsts[band]
            stops[band] = stop if is_inside else stops[band]
        if start // _TILE % 8 == 7:
            n_weights = 0  # at least
            for band in range(n_bands):
                n_weights += max(0, stops[band] - firsts[band] - 2 * _TILE)
            if n_weights > most:
                return n_weights
    n_weights = 0
    for band in range(n_bands):
        if stops[band]:
            while weights[firsts[band], band] == 0:
                firsts[band] += 1
            while weights[stops[band] - 1, band] == 0:
                stops[band] -= 1
            n_weights += stops[band] - firsts[band]
    return n_weights


@kernel
def _pack_bands(weights, firsts, stops, packed):
    """Write the weights of each band, one after the other, and how many they are over `stops`."""
    place = 0
    for band in range(weights.shape[1]):
        stops[band] -= firsts[band]
        for k in range(firsts[band], firsts[band] + stops[band]):
            packed[place] = weights[k, band]
            place += 1


@kernel
def _fill_matrix(firsts, counts, weights, matrix):
    place = 0
    for band in range(matrix.shape[1]):
        for i in range(counts[band]):
            matrix[firsts[band] + i, band] = weights[place]
            place += 1


@kernel
def _sum_bands_in_blocks(unit, firsts, counts, weights, frames, bands):
    n_freq, n_bands, lanes = frames.shape[1], bands.shape[1], lanes_of(unit)
    n_tiles, vector = n_freq // lanes, lanes * bands.itemsize
    ranges = np.empty((n_bands, 2), np.int32)
    ranges[:, 0], ranges[:, 1] = firsts, counts
    are_long = any_is_long(unit, BandTable(n_bands, ranges.ctypes.data, weights.ctypes.data))
    turned = np.zeros((n_freq, lanes), bands.dtype)
    sums = np.empty((-(-n_bands // lanes) * lanes, lanes), bands.dtype)
    zeros = np.empty(lanes, bands.dtype)
    for first in range(0, bands.shape[0], lanes):
        some = frames[first : first + lanes]
        n_straight = n_turned = 0
        if some.shape[0] == lanes:
            n_turned = n_bands // lanes * lanes
            n_straight = n_tiles * lanes
            frame_bytes = n_freq * bands.itemsize
            transpose_pieces(
                unit, some.ctypes.data, frame_bytes, lanes, n_tiles, turned.ctypes.data, vector
            )
        for lane in range(some.shape[0]):
            for k in range(n_straight, n_freq):
                turned[k, lane] = some[lane, k]
        # Taken here, since numba frees an array after the last line that names it.
        table = BandTable(n_bands, ranges.ctypes.data, weights.ctypes.data)
        sum_bands_in_lanes(unit, are_long, turned.ctypes.data, table, sums.ctypes.data)
        sum_zeros(unit, turned.ctypes.data, n_freq, zeros.ctypes.data)
        target = bands.ctypes.data + first * n_bands * bands.itemsize
        frame_bytes = n_bands * bands.itemsize
        turn_strip(unit, sums.ctypes.data, n_turned // lanes, target, frame_bytes)
        for lane in range(some.shape[0]):
            result = bands[first + lane]
            for band in range(n_turned, n_bands):
                result[band] = sums[band, lane]
            if zeros[lane] != 0:
                spoil_bands(some[lane], firsts, counts, result)


@inlined
def sum_bands_in_lanes(unit, are_long, magnitudes, bands, target):
    """Write the weighted sum of each band's bins, a vector each."""
    if are_long:
        sum_long_bands(unit, magnitudes, bands, target)
    else:
        sum_short_bands(unit, magnitudes, bands, target)
