"""The features of one recording, computed section by section in bounded memory."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING

import numpy as np

from kapre_ref._mfcc import logmel_to_mfcc
from kapre_ref._sections import sections
from kapre_ref.command import recordings
from kapre_ref.command.late_steps import LateSteps, early_steps, with_time_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.command.recordings import Recording

SCRATCH_BYTES = 16 << 20  # Up to this size, the features of a recording stay in memory.


class TooShortError(ValueError):
    """A recording has no frame."""


class RecordingFeatures:
    """The features of one recording, kept in a scratch file and finished when they are read.

    The scratch file bounds the memory, since some steps need all frames: a limit below the peak, or
    the mean of each band. If `n_mfccs` is not 0, Kapre's cepstral
    coefficients are made of the front end's values. That is a step of its own since no front end
    gives these: Kapre's coefficient 0 is sqrt(2) times as large as that of `n_cepstra`.
    """

    def __init__(
        self,
        recording: Recording,
        front_end: FrontEnd,
        n_mfccs: int = 0,
        folder: str | None = None,
    ) -> None:
        self.front_end, self.n_mfccs = front_end, n_mfccs
        self.n_values = n_mfccs or front_end.n_values
        self.has_coefficients = bool(n_mfccs or front_end.n_cepstra)
        self.n_channels, self.sample_rate = recording.n_channels, recording.sample_rate
        self._frame_size = self.n_channels * front_end.n_bands
        # A short recording is read and computed in one section, which stays in memory.
        size = recordings.WHOLE_SIZE if recording.is_short else recordings.CHUNK_SIZE
        self.n_frames_at_once = max(1, size // self._frame_size)
        self._n_samples_at_once = size
        self._folder = folder
        # The frames of one section, (n_frames, channel, n_bands); those of several are in the file.
        self._frames: NDArray[np.float32] | None = None
        self._scratch: IO[bytes] | None = None
        self._late: LateSteps | None = None  # None if the frames are finished
        try:
            peaks = self._compute(recording)
            if peaks is not None:
                self._late = LateSteps(front_end, peaks, self.n_frames, self._early_chunks)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RecordingFeatures:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the scratch file."""
        if self._scratch is not None:
            self._scratch.close()

    def _new_scratch(self) -> IO[bytes]:
        if self._folder is not None:
            os.makedirs(self._folder, exist_ok=True)
        return tempfile.SpooledTemporaryFile(SCRATCH_BYTES, dir=self._folder)

    def _compute(self, recording: Recording) -> NDArray[np.float32] | None:
        """Do the steps that need one frame at a time, and return each channel's peak.

        If a recording is one section, all steps are done at once, to the same bits, and None is
        returned. But if its bands are normalised, it waits as a long recording does, whose sums are
        of float64.
        """
        peaks = np.full(self.n_channels, -np.inf, np.float32)
        sizes = (self._n_samples_at_once, self.n_frames_at_once)
        early = early_steps(self.front_end)
        self.n_frames, is_finished = 0, False
        for section in sections(recording.chunks(), early, *sizes):
            if section.is_whole and self.front_end.normalisation is None:
                frames = with_time_first(self.front_end)(section.signal[None])[0]
                self._keep(np.ascontiguousarray(frames.swapaxes(0, 1)))
                self.n_frames, is_finished = frames.shape[1], True
                break
            frames = section.front_end(section.signal[None])[0, :, section.frames]
            peaks = np.maximum(peaks, frames.max(axis=(1, 2)))  # not max(): NaN must not be lost
            self._keep(np.ascontiguousarray(frames.swapaxes(0, 1)))  # (n_frames, channel, n_bands)
            self.n_frames += frames.shape[1]
        self.seconds = recording.seconds
        if not self.n_frames:
            raise TooShortError(
                f"too short for a frame: {self.seconds:.3f} s of sound, and a frame takes "
                f"{self.frame_length / self.sample_rate:.3f} s"
            )
        return None if is_finished else peaks

    def _keep(self, frames: NDArray[np.float32]) -> None:
        if not self.n_frames:
            self._frames = frames
            return
        if self._scratch is None:
            self._scratch = self._new_scratch()
            self._scratch.write(np.ascontiguousarray(self._frames).data)
            self._frames = None
        self._scratch.write(frames.data)

    @property
    def frame_length(self) -> int:
        """Samples that a frame takes, with those that Kapre cuts off a window beyond `n_fft`."""
        return self.front_end.frame_length - min(0, self.front_end.pad_right)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result: without a channel axis if there is one channel."""
        shape = (self.n_frames, self.n_values)
        shape = shape if self.front_end.time_first else shape[::-1]
        return shape if self.n_channels == 1 else (self.n_channels, *shape)

    def chunks(self, channel: int, n_frames_at_once: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the frames of a channel in order, (n_frames, n_values)."""
        first = 0
        for frames in self._early_chunks(channel, n_frames_at_once or self.n_frames_at_once):
            finished = self._late.apply(frames, channel, first) if self._late else frames
            yield logmel_to_mfcc(finished, self.n_mfccs) if self.n_mfccs else finished
            first += len(frames)

    def chunks_as_stored(self, channel: int) -> Iterator[NDArray[np.float32]]:
        """Yield the numbers of a channel in the order in which the result has them."""
        if self.front_end.time_first:
            yield from self.chunks(channel)
        elif self.n_frames <= self.n_frames_at_once:
            for chunk in self.chunks(channel):
                yield chunk.T
        else:
            yield from self._bands_first(channel)

    def _bands_first(self, channel: int) -> Iterator[NDArray[np.float32]]:
        """Yield each band's numbers, by way of a scratch file whose chunks have bands first."""
        starts = range(0, self.n_frames, self.n_frames_at_once)
        with self._new_scratch() as turned:
            for chunk in self.chunks(channel):
                turned.write(np.ascontiguousarray(chunk.T).data)
            for band in range(self.n_values):
                for start in starts:
                    n_frames = min(self.n_frames_at_once, self.n_frames - start)
                    turned.seek(4 * (start * self.n_values + band * n_frames))
                    yield np.frombuffer(turned.read(4 * n_frames), np.float32)

    def _early_chunks(
        self, channel: int, n_frames_at_once: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        n_at_once = n_frames_at_once or self.n_frames_at_once
        if self._frames is not None:
            for first in range(0, self.n_frames, n_at_once):
                yield self._frames[first : first + n_at_once, channel]
            return
        assert self._scratch is not None, "there are frames"
        self._scratch.seek(0)
        for first in range(0, self.n_frames, n_at_once):
            n_frames = min(n_at_once, self.n_frames - first)
            data = self._scratch.read(4 * n_frames * self._frame_size)
            frames = np.frombuffer(data, np.float32).reshape(n_frames, self.n_channels, -1)
            yield frames[:, channel]
