"""Deltas: weighted differences of the frames around each frame, summed in cache."""

import numpy as np

from kapre_ref.kernels.cpu.blocks import for_items
from kapre_ref.kernels.cpu.jit import as_input, inlined, kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.pool import run_slices

_TERM_SECONDS = 1e-10
_TILE = 1 << 10  # numbers summed at a time: they and all that is added stay in L1
# By what the index of a mirrored frame differs from `reflect`; frames outside may also be zero.
_MIRRORS = {"symmetric": 1, "reflect": 0, "constant": -1}


def delta(spectra, win_length, mode, out):
    """Add up n (x[t + n] - x[t - n]) for each frame, all of its bins at once.

    If the channels of `out` are last, a frame holds the bins of all of them.
    """
    if not out.size:
        return
    if not out.flags.c_contiguous:
        spectra, out = spectra.transpose(0, 2, 3, 1), out.transpose(0, 2, 3, 1)
        n_frames, width = out.shape[1], out.shape[2] * out.shape[3]
    else:
        n_frames, width = out.shape[2:]
    half = win_length // 2
    dtype = working_dtype(out.dtype)
    norm = half * (half + 1) * (2 * half + 1) // 3  # the sum of n * n on both sides
    n_terms = min(half, n_frames - 1)  # further away from any frame there are none
    weights = np.zeros(3 + n_terms, dtype)  # terms are added two by two
    weights[: 1 + n_terms] = [n / norm for n in range(1 + n_terms)]
    weights, nothing = as_input(weights), as_input(np.zeros(width, dtype))
    constants = weights, n_terms, nothing, _MIRRORS[mode]

    def differentiate(frames, slopes):
        frames = frames.reshape(-1, n_frames, width)
        slopes = slopes.reshape(-1, n_frames, width)

        def run(start, stop):
            _sum_differences(frames, *constants, slopes, start, stop)

        run_slices(run, len(slopes) * n_frames, slopes.size * (1 + n_terms) * _TERM_SECONDS)

    for_items(differentiate, spectra, out, dtype)


@kernel
def _sum_differences(frames, weights, n_terms, nothing, mirror, slopes, start, stop):
    n_frames, width = slopes.shape[1:]
    index = start  # of all frames of all rows
    while index < stop:
        row, t = divmod(index, n_frames)
        n_inside = min(n_frames - n_terms - t, stop - index) if t >= n_terms else 0
        if n_inside > 0:
            # Frames whose windows lie inside are one stretch of numbers, like their neighbours.
            numbers, totals = frames[row].reshape(-1), slopes[row].reshape(-1)
            end = (t + n_inside) * width
            for first in range(t * width, end, _TILE):
                last = min(first + _TILE, end)
                for n in range(1, 1 + max(n_terms, 1), 2):
                    near, far = _offsets(n, n_terms, width)
                    _add_terms(
                        totals[first:last],
                        weights[0],
                        numbers[first:last],
                        weights[n],
                        numbers[first - near : last - near],
                        numbers[first + near : last + near],
                        weights[n + 1],
                        numbers[first - far : last - far],
                        numbers[first + far : last + far],
                        n == 1,
                    )
            index += n_inside
        else:
            for n in range(1, 1 + max(n_terms, 1), 2):
                near, far = _offsets(n, n_terms, 1)
                _add_terms(
                    slopes[row, t],
                    weights[0],
                    frames[row, t],
                    weights[n],
                    _frame(frames, row, t - near, mirror, nothing),
                    _frame(frames, row, t + near, mirror, nothing),
                    weights[n + 1],
                    _frame(frames, row, t - far, mirror, nothing),
                    _frame(frames, row, t + far, mirror, nothing),
                    n == 1,
                )
            index += 1


@inlined
def _offsets(n, n_terms, width):
    # Of the terms n and n + 1; what is too much is the frame itself less itself, times 0.
    return n * width if n <= n_terms else 0, (n + 1) * width if n < n_terms else 0


@inlined
def _frame(frames, row, t, mirror, nothing):
    n_frames = frames.shape[1]
    if mirror >= 0:
        t = -t - mirror if t < 0 else t
        t = 2 * n_frames - 2 + mirror - t if t >= n_frames else t
    return frames[row, t] if 0 <= t < n_frames else nothing


@inlined
def _add_terms(
    total, weight_0, here, weight_1, before_1, after_1, weight_2, before_2, after_2, is_first
):
    if is_first:  # what is not finite counts even times 0, as in the formula
        for j in range(total.size):
            near = weight_1 * (after_1[j] - before_1[j])
            total[j] = here[j] * weight_0 + near + weight_2 * (after_2[j] - before_2[j])
    else:
        for j in range(total.size):
            near = weight_1 * (after_1[j] - before_1[j])
            total[j] += near + weight_2 * (after_2[j] - before_2[j])
