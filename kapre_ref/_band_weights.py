"""Filterbanks band by band and without zeros, as kernels take them and as plans keep them.

Most of a filterbank is zeros: in float64, a million bins and a hundred bands take 800 MB of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

# exp of a smaller number is 0 in float64, and so is every weight that is made from it.
_LEAST_EXPONENT = -746


class BandWeights(NamedTuple):
    """The bins of each band that weigh anything, from the first such bin to the last."""

    n_freq: int
    firsts: NDArray[np.int32]  # (n_bands,)
    counts: NDArray[np.int32]  # (n_bands,); 0 for an empty band
    weights: NDArray[Any]  # (sum of counts,), band after band


def packed(
    columns: Iterable[tuple[int, NDArray[Any]]], n_freq: int, dtype: np.dtype[Any]
) -> BandWeights:
    """Pack (first bin, weights) of each band, without the weights at both ends that round to 0."""
    firsts, parts = [], [np.empty(0, dtype)]
    for first, column in columns:
        with np.errstate(under="ignore"):  # far from its centre, a band weighs nothing
            rounded = column.astype(dtype)
        inside = np.flatnonzero(rounded)
        start, stop = (inside[0], inside[-1] + 1) if len(inside) else (0, 0)
        firsts.append(first + start if len(inside) else 0)
        parts.append(rounded[start:stop])
    counts = np.array([len(part) for part in parts[1:]], np.int32)
    bands = BandWeights(n_freq, np.array(firsts, np.int32), counts, np.concatenate(parts))
    for array in bands[1:]:
        array.flags.writeable = False
    return bands


def bands_of(filterbank: NDArray[Any]) -> BandWeights:
    """Return the bands of a matrix (n_freq, n_bands)."""
    return packed(((0, column) for column in filterbank.T), len(filterbank), filterbank.dtype)


def filterbank_of(bands: BandWeights) -> NDArray[Any]:
    """Return the matrix (n_freq, n_bands) of bands."""
    matrix = np.zeros((bands.n_freq, len(bands.counts)), bands.weights.dtype)
    start = 0
    for band, (first, count) in enumerate(zip(bands.firsts, bands.counts, strict=True)):
        matrix[first : first + count, band] = bands.weights[start : start + count]
        start += count
    return matrix


def mel_bands(
    edges: NDArray[np.float64],
    frequency: NDArray[np.float64],
    norm: str | float | None,
    dtype: np.dtype[Any],
) -> BandWeights:
    """Return triangles between edges (n_mels + 2,), as `filterbank_mel_reference` draws them."""
    coarse = coarse_dtype(dtype)

    def columns() -> Iterable[tuple[int, NDArray[Any]]]:
        for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
            start = int(np.searchsorted(frequency, left, "right"))
            inside = frequency[start : np.searchsorted(frequency, right, "left")]
            rising = (inside - left) / (centre - left)
            falling = (right - inside) / (right - centre)
            triangle = np.maximum(0, np.minimum(rising, falling)).astype(coarse).astype(np.float64)
            if norm == "slaney":
                triangle = triangle * (2 / (right - left))
            elif norm is not None:
                # The norm is taken with all zeros: a sum in float64 depends on where terms stand.
                row = np.zeros((1, len(frequency)))
                row[0, start : start + len(inside)] = triangle
                triangle = triangle / norms_reference(row, float(norm), coarse)[0]
            yield start, triangle

    return packed(columns(), len(frequency), dtype)


def log_bands(
    log_centres: NDArray[np.float64],
    frequency: NDArray[np.float64],
    sigma: float,
    dtype: np.dtype[Any],
) -> BandWeights:
    """Return log-normal bands of unit sum, as `filterbank_log_reference` draws them."""
    log_frequency = np.log2(frequency[1:])
    # A band weighs something up to this distance from its centre at bin 1, and less far elsewhere.
    most = max(0.0, float(-np.log2(sigma) - log_frequency[0]) - _LEAST_EXPONENT)
    reach = sigma * np.sqrt(2 * most)

    def columns() -> Iterable[tuple[int, NDArray[Any]]]:
        row = np.zeros((1, len(log_frequency)))
        for centre in log_centres:
            start = int(np.searchsorted(log_frequency, centre - reach, "left"))
            stop = int(np.searchsorted(log_frequency, centre + reach, "right"))
            near = log_frequency[start:stop]
            with np.errstate(under="ignore"):  # far from its centre, a band weighs nothing
                band = np.exp(-0.5 * ((near - centre) / sigma) ** 2 - np.log2(sigma) - near)
                row[:] = 0
                row[0, start:stop] = band  # the norm is taken with all zeros, as in `mel_bands`
                yield 1 + start, band / norms_reference(row, 1.0, row.dtype)[0]

    return packed(columns(), len(frequency), dtype)


def norms_reference(
    rows: NDArray[np.float64], order: float, dtype: np.dtype[Any]
) -> NDArray[np.float64]:
    """Return the norm of each row as a column, or 1 where `dtype` has no normal number so small."""
    if np.isinf(order):
        largest_or_least = np.max if order > 0 else np.min
        norm = largest_or_least(rows, axis=1, keepdims=True)
    elif order == 0:
        norm = np.count_nonzero(rows, axis=1, keepdims=True).astype(np.float64)
    else:
        norm = np.sum(rows**order, axis=1, keepdims=True) ** (1 / order)
    return np.where(norm < np.finfo(dtype).tiny, 1, norm)


def coarse_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that librosa, and so Kapre, rounds triangles to before they are scaled."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
