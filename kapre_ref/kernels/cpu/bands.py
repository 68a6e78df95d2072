"""Bands of spectra: sums over the few bins of each band, or BLAS if they are many."""

import numpy as np
from numba.core import config

from kapre_ref.kernels.cpu.band_products import pair_tables, sum_pairs
from kapre_ref.kernels.cpu.blocks import for_rows
from kapre_ref.kernels.cpu.epilogues import sum_bands
from kapre_ref.kernels.cpu.gather import transpose_pieces
from kapre_ref.kernels.cpu.jit import as_input, kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.output import turn_strip
from kapre_ref.kernels.cpu.pool import run_slices
from kapre_ref.kernels.cpu.vector import n_lanes, vector_bytes

_BIN_SECONDS = 2e-10
_SPARSE = 0.2  # with a larger part of the weights within the bands, BLAS is faster
_TURNED_BYTES = 48 << 10  # frames in lanes that are more leave L1: their bands are summed in place


def apply_filterbank(spectra, filterbank, out):
    """Multiply each frame by the filterbank."""
    dtype = working_dtype(out.dtype)
    weights = as_input(np.ascontiguousarray(filterbank, dtype))
    if not len(weights):
        out[...] = 0
    elif out.size <= n_lanes(dtype) * weights.shape[1]:  # no vectors that are full
        multiply(spectra, weights, out)
    elif out.size:
        for_rows(band_sums(weights), spectra, out, dtype, spectra.size * _BIN_SECONDS)


def band_sums(weights):
    """Return a function that multiplies contiguous frames by a filterbank in the fastest way."""
    n_freq, n_bands = weights.shape
    ends = np.zeros((2, n_bands), np.int32)
    ends[0] = n_freq
    _find_bands(weights, *ends)
    table, packed = _sparse(weights, *ends)
    if config.DISABLE_JIT or len(packed) > _SPARSE * weights.size + n_freq:

        def sum_bins(frames, bands):
            multiply(frames, weights, bands)

        return sum_bins
    lanes, unit = n_lanes(weights.dtype), weights.dtype.type(1)
    pairs = n_freq * vector_bytes() > _TURNED_BYTES and pair_tables(weights, *ends)
    if pairs and pairs[-1].size <= _SPARSE * weights.size + n_freq:

        def sum_long_rows(frames, bands):
            frames, bands = frames.reshape(-1, n_freq), bands.reshape(-1, n_bands)

            def run(start, stop):
                sum_pairs(unit, *pairs, weights, frames[start:stop], bands[start:stop])

            run_slices(run, len(bands), frames.size * _BIN_SECONDS, 2)

        return sum_long_rows

    def sum_rows(frames, bands):
        frames, bands = frames.reshape(-1, n_freq), bands.reshape(-1, n_bands)

        def run(start, stop):
            some = frames[start:stop], bands[start:stop]
            _sum_rows(unit, lanes, vector_bytes(), table, packed, weights, *some)

        run_slices(run, len(bands), frames.size * _BIN_SECONDS, lanes)

    return sum_rows


def multiply(spectra, weights, out):
    """Multiply each frame by a matrix of the working precision, by BLAS and its own threads."""
    n_rows, n_columns = weights.shape

    def run(frames, results):
        with np.errstate(all="ignore"):  # as kernels do, which warn of nothing
            np.matmul(frames.reshape(-1, n_rows), weights, out=results.reshape(-1, n_columns))

    if out.size:
        for_rows(run, spectra, out, weights.dtype, 0)  # BLAS has threads of its own


def _sparse(weights, starts, stops):
    """Return each band's first bin and their number, and the weights of all bands in one array.

    One more band of all bins weighs 0: its sum is NaN where a bin is NaN or infinite, else 0.
    """
    starts, stops = np.append(starts, 0), np.append(stops, len(weights))
    counts = np.maximum(stops - starts, 0)
    table = np.stack([np.where(counts, starts, 0), counts], axis=1, dtype=np.int32)
    packed = np.zeros(counts.sum(), weights.dtype)
    _pack_bands(weights, as_input(table), packed)
    return as_input(table), as_input(packed)


@kernel
def _find_bands(weights, first, stop):
    for k in range(weights.shape[0]):
        row = weights[k]
        for band in range(row.size):
            inside = row[band] != 0
            first[band] = min(first[band], np.int32(k)) if inside else first[band]
            stop[band] = np.int32(k + 1) if inside else stop[band]


@kernel
def _pack_bands(weights, table, packed):
    place = 0
    for band in range(weights.shape[1]):
        for i in range(table[band, 1]):
            packed[place] = weights[table[band, 0] + i, band]
            place += 1


@kernel
def _sum_rows(unit, lanes, vector, table, packed, weights, frames, bands):
    n_freq, n_bands = weights.shape
    n_tiles = n_freq // lanes
    turned = np.empty((n_freq, lanes), bands.dtype)
    sums = np.empty((n_bands + 1, lanes), bands.dtype)
    for first in range(0, bands.shape[0], lanes):
        some = frames[first : first + lanes]
        n_straight = n_turned = 0
        if some.shape[0] == lanes:
            n_turned = n_bands // lanes * lanes
            n_straight = n_tiles * lanes
            row_bytes = n_freq * bands.itemsize
            transpose_pieces(
                unit, some.ctypes.data, row_bytes, lanes, n_tiles, turned.ctypes.data, vector
            )
        for lane in range(some.shape[0]):
            for k in range(n_straight, n_freq):
                turned[k, lane] = some[lane, k]
        sum_bands(
            unit,
            turned.ctypes.data,
            table.ctypes.data,
            packed.ctypes.data,
            n_bands + 1,
            sums.ctypes.data,
        )
        target = bands.ctypes.data + first * n_bands * bands.itemsize
        row_bytes = n_bands * bands.itemsize
        turn_strip(unit, sums.ctypes.data, n_turned // lanes, target, row_bytes)
        for lane in range(some.shape[0]):
            result = bands[first + lane]
            for band in range(n_turned, n_bands):
                result[band] = sums[band, lane]
            if sums[n_bands, lane] != 0:  # what is not finite counts even times a weight of 0
                for band in range(n_bands):
                    result[band] = 0
                    for k in range(n_freq):
                        result[band] += some[lane, k] * weights[k, band]
