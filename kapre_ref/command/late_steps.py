"""The steps of a front end that wait for the last frame: limits, normalisation and cepstra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import silent
from kapre_ref._dispatch import kernels_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

    Rows = NDArray[np.float32]  # (n_frames, n_bands) of one channel


@lru_cache(maxsize=16)
def early_steps(front_end: FrontEnd) -> FrontEnd:
    """Return the front end without the steps that wait for the last frame, and with time first."""
    early = front_end.replace(
        dynamic_range=None, normalisation=None, n_cepstra=0, lifter=0.0, time_first=True
    )
    return early.replace(gain=1.0, offset=0.0) if front_end.has_late_scale else early


@lru_cache(maxsize=16)
def with_time_first(front_end: FrontEnd) -> FrontEnd:
    """Return the front end with time first."""
    return front_end.replace(time_first=True)


@dataclass(frozen=True)
class _Cepstra:
    """The matrix of a front end's cepstra, as the kernel of `logmel_to_mfcc` takes one."""

    front_end: FrontEnd

    @property
    def n_mfccs(self) -> int:
        return self.front_end.n_cepstra

    def matrix(self) -> NDArray[np.float64]:
        return self.front_end.cepstral_matrix()


class LateSteps:
    """Limits below the peaks, normalisation and cepstra of a recording's channels.

    `peaks` has the peak of each channel, and `read` yields all frames of a channel once more. The
    mean and the deviation of each band come from sums in float64, where a kernel sums in float32:
    so normalised values differ from the library's by rounding. All other values are the same bits.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        peaks: NDArray[np.float32],
        n_frames: int,
        read: Callable[[int], Iterator[Rows]],
    ) -> None:
        self._front_end = f = front_end
        self._cepstra = _Cepstra(f)
        self._n_counted = n_frames  # Normalisation counts so many frames.
        self._limits: NDArray[np.float32] | None = None
        self._scale: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._moments: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        is_late = f.has_late_scale
        if f.dynamic_range is not None:
            gain = 1.0 if is_late or not isinstance(f.gain, float) else f.gain
            of_all = np.full_like(peaks, peaks.max())
            self._limits = peaks if f.range_over == "channel" else of_all
            self._limits = self._limits - np.float32(f.dynamic_range * gain)
        if is_late:
            self._scale = np.asarray(f.gain, np.float32), np.asarray(f.offset, np.float32)
        if f.normalisation is not None:
            self._n_counted -= f.normalisation.drop_last
            self._moments = [self._moments_of(channel, read) for channel in range(len(peaks))]

    @silent
    def apply(self, rows: Rows, channel: int, first_frame: int) -> Rows:
        """Do all steps to (n_frames, n_bands), whose first frame has the number `first_frame`."""
        rows = self._scaled(rows, channel)
        if self._moments:
            mean, deviation = self._moments[channel]
            rows = ((rows - mean) / deviation).astype(np.float32)
            rows[max(0, self._n_counted - first_frame) :] = 0
        if self._front_end.n_cepstra:
            rows = np.ascontiguousarray(rows)[None, None]  # (batch, channel, n_frames, n_bands)
            cepstra = np.empty((*rows.shape[:3], self._front_end.n_cepstra), np.float32)
            kernels_for(rows).logmel_to_mfcc(rows, self._cepstra, cepstra)  # type: ignore[arg-type]
            rows = cepstra[0, 0]
        return rows

    def _scaled(self, rows: Rows, channel: int) -> Rows:
        """Limit values and, where that had to wait, scale them."""
        if self._limits is not None:
            rows = np.maximum(rows, self._limits[channel])
        if self._scale is not None:
            gain, offset = self._scale
            rows = rows * gain + offset
        return rows

    @silent
    def _moments_of(
        self, channel: int, read: Callable[[int], Iterator[Rows]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean of each band of a channel, and what its distance is divided by."""
        how = self._front_end.normalisation
        assert how is not None, "asked for where there is one"
        n, one = self._n_counted, np.ones(self._front_end.n_bands)
        if not n:  # All frames become 0, whatever the mean.
            return 0 * one, one
        mean, squares = 0 * one, 0 * one
        for rows in self._counted(channel, read):
            mean += rows.sum(axis=0, dtype=np.float64) / n
        if not how.divide:
            return mean, one
        for rows in self._counted(channel, read):
            squares += ((rows - mean) ** 2).sum(axis=0)
        n_divided = max(n - how.ddof, 0)  # With one frame it may be 0, and the deviation NaN.
        variance = squares / np.float64(n_divided)
        if how.eps_in == "variance":
            return mean, np.sqrt(variance + how.eps)
        return mean, np.sqrt(variance) + how.eps

    def _counted(self, channel: int, read: Callable[[int], Iterator[Rows]]) -> Iterator[Rows]:
        n_left = self._n_counted
        for rows in read(channel):
            yield self._scaled(rows[:n_left], channel)
            n_left -= min(len(rows), n_left)
