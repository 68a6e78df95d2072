"""Deltas: weighted differences of the frames around each frame, summed in cache."""

import numpy as np

from kapre_ref.kernels.cpu.blocks import for_items
from kapre_ref.kernels.cpu.jit import kernel
from kapre_ref.kernels.cpu.memory import working_dtype
from kapre_ref.kernels.cpu.pool import run_slices

_TERM_SECONDS = 1e-10
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
    norm = 2 * sum(n * n for n in range(1, half + 1))
    weights = np.array([n / norm for n in range(half + 1)], dtype)

    def differentiate(frames, slopes):
        frames = frames.reshape(-1, n_frames, width)
        slopes = slopes.reshape(-1, n_frames, width)

        def run(start, stop):
            _sum_differences(frames, weights, _MIRRORS[mode], slopes, start, stop)

        run_slices(run, len(slopes) * n_frames, slopes.size * half * _TERM_SECONDS)

    for_items(differentiate, spectra, out, dtype)


@kernel
def _sum_differences(frames, weights, mirror, slopes, start, stop):
    n_frames = slopes.shape[1]
    for index in range(start, stop):  # of all frames of all rows
        row, t = divmod(index, n_frames)
        total, here = slopes[row, t], frames[row, t]
        for j in range(total.size):
            total[j] = here[j] * weights[0]  # NaN and inf times 0, as in the formula
        for n in range(1, weights.size):
            left, right, weight = t - n, t + n, weights[n]
            if mirror >= 0:
                left = -left - mirror if left < 0 else left
                right = 2 * n_frames - 2 + mirror - right if right >= n_frames else right
            if left >= 0 and right < n_frames:
                before, after = frames[row, left], frames[row, right]
                for j in range(total.size):
                    total[j] += weight * (after[j] - before[j])
            elif left >= 0:
                before = frames[row, left]
                for j in range(total.size):
                    total[j] -= weight * before[j]
            elif right < n_frames:
                after = frames[row, right]
                for j in range(total.size):
                    total[j] += weight * after[j]
