"""Mean and variance of each item in float64, in two passes, and a third one that uses them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.runtime.jit import kernel, summing_kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_array
from kapre_ref.kernels.cpu.runtime.strided import assign, contiguous, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Sums = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_SAMPLE_SECONDS = 5e-10  # the time of all passes for one sample
_SEGMENT = 1 << 16  # samples of an item that are added up by themselves, so that threads share it
_CHUNK = 1 << 11  # samples in L1, in float64


@operation
def standardize(x: NDArray[Any], eps: float, out: NDArray[Any]) -> None:
    """Take items together if they are short, and else one after the other in segments.

    How an item is cut depends on its length alone, and so does every bit of its sums.
    """
    if not out.size:
        return
    n_samples = x.shape[-1]
    dtype = working_dtype(out.dtype)
    if x.ndim == 1 or (x.flags.c_contiguous and out.flags.c_contiguous):
        x, out = x.reshape(-1, n_samples), out.reshape(-1, n_samples)
    for index in np.ndindex(x.shape[:-2]):
        if n_samples <= _SEGMENT:
            _standardize_items(x[index], eps, out[index], dtype)
        else:
            for item, result in zip(x[index], out[index], strict=True):
                _standardize_item(item, eps, result, dtype)


def _standardize_items(
    x: NDArray[Any], eps: float, out: NDArray[Any], dtype: np.dtype[Any]
) -> None:
    """Give each thread items of its own, some at a time: x and out (n_items, n_samples)."""
    step = max(1, _SEGMENT // x.shape[1])

    def run(start: int, stop: int) -> None:
        for i in range(start, stop):
            some = slice(i * step, (i + 1) * step)
            runs = contiguous(x[some], dtype, "runs")
            scales = _scales_of(partial(_sums_of_runs, runs), len(runs), x.shape[1], eps)
            _write_runs(runs, scales, out[some])

    run_slices(run, -(-len(x) // step), x.size * _SAMPLE_SECONDS)


def _standardize_item(
    item: NDArray[Any], eps: float, out: NDArray[Any], dtype: np.dtype[Any]
) -> None:
    """Share the segments of an item among threads, in each pass: item and out (n_samples,)."""
    n_segments = -(-item.size // _SEGMENT)
    seconds = item.size * _SAMPLE_SECONDS / 3

    def segment(i: int) -> slice:
        return slice(i * _SEGMENT, (i + 1) * _SEGMENT)

    def sums_of(shifts: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.empty((n_segments, 2))

        def add_up(start: int, stop: int) -> None:
            for i in range(start, stop):
                runs = contiguous(item[None, segment(i)], dtype, "runs")
                sums[i] = _sums_of_runs(runs, shifts)[0]

        run_slices(add_up, n_segments, seconds)
        # NumPy adds neighbours in pairs, pairs of pairs and so on, where they are contiguous.
        total: NDArray[np.float64] = np.ascontiguousarray(sums.T).sum(axis=1, keepdims=True)
        return total.T

    scales = _scales_of(sums_of, 1, item.size, eps)

    def write(start: int, stop: int) -> None:
        for i in range(start, stop):
            runs = contiguous(item[None, segment(i)], dtype, "runs")
            _write_runs(runs, scales, out[None, segment(i)])

    run_slices(write, n_segments, seconds)


def _scales_of(sums_of: Sums, n_items: int, n_samples: int, eps: float) -> NDArray[np.float64]:
    """Return for each item its mean, what rounding left of it, and the factor: (n_items, 3).

    `sums_of` subtracts a shift from each item's samples, and adds up what is left and its square:
    (n_items, 2).
    """
    with np.errstate(all="ignore"):
        means = sums_of(np.zeros(n_items))[:, 0] / n_samples
        rests, squares = sums_of(means).T / n_samples
        # Of equal samples, rounding may leave a variance below 0.
        factors = 1 / np.sqrt(np.maximum(squares - rests**2, 0) + eps)
        return np.stack([means, rests, factors], axis=1)


def _sums_of_runs(runs: NDArray[Any], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.empty((len(runs), 2))
    _add_up(runs, shifts, sums)
    return sums


def _write_runs(runs: NDArray[Any], scales: NDArray[np.float64], out: NDArray[Any]) -> None:
    straight = is_plain(out, runs.dtype)
    result = out if straight else scratch_array("results", out.shape, runs.dtype)
    _write(runs, scales, result)
    if not straight:
        assign(out, result)


@kernel
def _add_up(runs, shifts, sums):
    chunk = np.empty(_CHUNK, np.float64)
    for i in range(runs.shape[0]):
        total, squares = 0.0, 0.0
        for start in range(0, runs.shape[1], _CHUNK):
            source = runs[i, start : start + _CHUNK]
            shifted = chunk[: source.size]
            # Where sums may be added in any order, the shift would be subtracted from the sum.
            for j in range(shifted.size):
                shifted[j] = source[j] - shifts[i]
            chunk_total, chunk_squares = _sums_of_chunk(shifted)
            total += chunk_total
            squares += chunk_squares
        sums[i, 0], sums[i, 1] = total, squares


@summing_kernel
def _sums_of_chunk(numbers):
    total, squares = 0.0, 0.0
    for j in range(numbers.size):
        total += numbers[j]
        squares += numbers[j] * numbers[j]
    return total, squares


@kernel
def _write(runs, scales, out):
    for i in range(runs.shape[0]):
        mean, rest, factor = scales[i, 0], scales[i, 1], scales[i, 2]
        source, result = runs[i], out[i]
        for j in range(result.size):
            result[j] = ((source[j] - mean) - rest) * factor
