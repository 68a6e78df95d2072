"""What an inverse transform is told: the window that weights its frames, and what ends want."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kapre_ref._arrays import silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_GAINS = np.ones(0)
_LEAST = float(np.finfo(np.float32).tiny)  # of the largest sum, below which a sample counts as lost


class Synthesis(NamedTuple):
    """How frames become a signal; arrays are NumPy's, float64, on every backend.

    Frames begin at multiples of `hop_length`, and as many samples of each count as `window` has,
    at most `n_fft`. The signal that they add up to lacks its first `n_skipped` samples.

    The window supposes that frames overlap on all sides. Where they do not, at both ends, the sums
    are multiplied by gains: `first_gains` belong to the first samples that frames add up to, the
    skipped ones included, and `last_gains` to the last ones.
    """

    n_fft: int
    hop_length: int
    window: NDArray[np.float64]
    n_skipped: int = 0
    first_gains: NDArray[np.float64] = _NO_GAINS
    last_gains: NDArray[np.float64] = _NO_GAINS

    def gains_within(
        self, n_frames: int, n_samples: int
    ) -> list[tuple[slice, NDArray[np.float64]]]:
        """Return parts of a signal of so many samples, and the gains that each is multiplied by."""
        n_summed = (n_frames - 1) * self.hop_length + len(self.window)
        parts = []
        for gains, at in (
            (self.first_gains, 0),
            (self.last_gains, n_summed - len(self.last_gains)),
        ):
            start = max(0, at - self.n_skipped)
            stop = min(n_samples, at - self.n_skipped + len(gains))
            if start < stop:
                shift = self.n_skipped - at
                parts.append((slice(start, stop), gains[start + shift : stop + shift]))
        return parts


@silent
def inverse_window_reference(window: NDArray[np.float64], hop_length: int) -> NDArray[np.float64]:
    """Divide a window by the sum of its squares over all overlaps; 0 where that sum is 0."""
    total = overlapped_squares(window, hop_length)
    total = np.resize(total, len(window))  # repeated: (win_length,)
    return np.divide(window, total, out=np.zeros_like(window), where=total > 0)


@silent
def overlapped_squares(window: NDArray[np.float64], hop_length: int) -> NDArray[np.float64]:
    """Add the squares of a window up where infinitely many frames overlap: (hop_length,)."""
    n_overlaps = -(-len(window) // hop_length)
    squares = np.pad(window**2, (0, n_overlaps * hop_length - len(window)))
    squares = np.ascontiguousarray(squares.reshape(n_overlaps, hop_length).T)
    total: NDArray[np.float64] = squares.sum(axis=1)  # (hop_length,), summed pairwise
    return total


@silent
def squares_of_frames(
    window: NDArray[np.float64], hop_length: int, n_frames: int
) -> NDArray[np.float64]:
    """Add the squares of a window up where some frames lie: (n_samples,)."""
    total = np.zeros(max(0, (n_frames - 1) * hop_length + len(window)))
    for start in range(0, n_frames * hop_length, hop_length):
        total[start : start + len(window)] += window**2
    return total


def is_reached(total: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which sums of squares may be divided by: noise would be all that is left of the rest."""
    return np.asarray(total > _LEAST * np.max(window**2, initial=0))


@silent
def end_gains(
    window: NDArray[np.float64], hop_length: int, n_frames: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gains of both ends: the sum of all overlaps, divided by that of frames there.

    With so few frames that each sample lacks one, the first gains are of all samples.
    """
    length = len(window)
    n_overlapping = -(-length // hop_length)
    n_counted = min(n_frames, n_overlapping)
    there = squares_of_frames(window, hop_length, n_counted)
    whole = np.resize(overlapped_squares(window, hop_length), len(there))
    gains = np.divide(whole, there, out=np.zeros_like(there), where=is_reached(there, window))
    if n_frames < n_overlapping:
        return gains, _NO_GAINS
    n_lacking = max(0, length - hop_length)
    return gains[:n_lacking], gains[len(gains) - n_lacking :]
