"""Bands of spectra: dot products with the few bins of each band, or BLAS if they are many."""

import numpy as np

from kapre_ref.kernels.cpu.blocks import for_items
from kapre_ref.kernels.cpu.jit import as_input, kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.pool import run_slices

_LANES = 64  # frames side by side: four of the widest vectors
_CHUNK = 64  # bins turned at a time, in L1
_BIN_SECONDS = 3e-10
_SPARSE = 0.2  # with a larger part of the weights within the bands, BLAS is faster


def apply_filterbank(spectra, filterbank, out):
    """Multiply each frame by the filterbank."""
    dtype = working_dtype(out.dtype)
    weights = as_input(np.ascontiguousarray(filterbank, dtype))
    n_freq, n_bands = weights.shape
    if out.size <= _LANES * n_bands:  # too few frames to fill the vectors
        multiply(spectra, weights, out)
        return
    lowest, highest = _edges(weights)
    if (highest - lowest).sum() > _SPARSE * weights.size:
        multiply(spectra, weights, out)
        return

    parts = [weights[a:b, band] for band, (a, b) in enumerate(zip(lowest, highest, strict=True))]
    packed = as_input(np.concatenate(parts))  # the weights within the bands, band by band

    def sum_rows(frames, bands):
        frames, bands = frames.reshape(-1, n_freq), bands.reshape(-1, n_bands)

        def run(start, stop):
            _sum_bands(frames[start:stop], weights, packed, lowest, highest, bands[start:stop])

        run_slices(run, len(bands), frames.size * _BIN_SECONDS, _LANES)

    for_items(sum_rows, spectra, out, dtype)


def multiply(spectra, weights, out):
    """Multiply each frame by a matrix of the working precision, by BLAS and its own threads."""
    n_rows, n_columns = weights.shape

    def run(frames, results):
        with np.errstate(all="ignore"):  # as kernels do, which warn of nothing
            np.matmul(frames.reshape(-1, n_rows), weights, out=results.reshape(-1, n_columns))

    if out.size:
        for_items(run, spectra, out, weights.dtype)


def _edges(weights):
    """Return the first bin and the one after the last of each band."""
    inside = weights != 0
    lowest = inside.argmax(axis=0)
    highest = len(weights) - inside[::-1].argmax(axis=0)
    return lowest, np.where(inside.any(axis=0), highest, lowest)


@kernel
def _sum_bands(frames, weights, packed, lowest, highest, bands):
    n_freq, n_bands = weights.shape
    zero = bands.dtype.type(0)
    turned = np.empty((n_freq, _LANES), bands.dtype)
    not_finite = np.empty(_LANES, bands.dtype)
    total = np.empty(_LANES, bands.dtype)
    for first in range(0, bands.shape[0], _LANES):
        n_lanes = min(_LANES, bands.shape[0] - first)
        not_finite[:] = zero
        for start in range(0, n_freq, _CHUNK):
            stop = min(start + _CHUNK, n_freq)
            for lane in range(n_lanes):
                frame = frames[first + lane]
                for k in range(start, stop):
                    turned[k, lane] = frame[k]
            for k in range(start, stop):
                row = turned[k]
                for lane in range(_LANES):
                    not_finite[lane] += row[lane] * zero  # NaN if any bin is NaN or infinite
        position = 0
        for band in range(n_bands):
            total[:] = zero
            for k in range(lowest[band], highest[band]):
                row, weight = turned[k], packed[position]
                position += 1
                for lane in range(_LANES):
                    total[lane] += weight * row[lane]
            for lane in range(n_lanes):
                bands[first + lane, band] = total[lane]
        for lane in range(n_lanes):
            if not_finite[lane] != zero:  # such bins count even times a weight of 0
                for band in range(n_bands):
                    bands[first + lane, band] = zero
                    for k in range(n_freq):
                        bands[first + lane, band] += frames[first + lane, k] * weights[k, band]
