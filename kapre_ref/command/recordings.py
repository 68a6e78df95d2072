"""Sound files as chunks of samples, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.command.decoders import load_extra, open_again, open_sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

CHUNK_SIZE = 1 << 16  # samples read and values computed at a time: 256 KiB of float32 each
WHOLE_SIZE = 1 << 22  # A recording of at most so many samples, of all channels, is one chunk.

TELL_SECONDS = 30.0  # s between two lines about the progress of a long recording
tell: Callable[[str], None] | None = None  # It gets these lines, if anybody wants them.

_INT16, _FLOAT32 = np.dtype(np.int16), np.dtype(np.float32)
_PCM16_UNIT = np.float32(2**-15)
_local = threading.local()


class TruncatedError(ValueError):
    """A recording ends before its header says, or cannot be decoded to its end."""


class Mixture:
    """Counts of sample rates and of channels, to warn of features that cannot be compared."""

    def __init__(self) -> None:
        self._rates: Counter[float] = Counter()
        self._channels: Counter[int] = Counter()

    def add(self, sample_rate: float, n_channels: int) -> None:
        """Count a recording by its rate and channels after resampling and mixing."""
        self._rates[sample_rate] += 1
        self._channels[n_channels] += 1

    def warnings(self) -> list[str]:
        """Describe the kinds of recordings if there are several, and name the option that helps."""
        said = []
        if len(self._rates) > 1:
            counts = ", ".join(f"{self._rates[rate]} at {rate:g}" for rate in sorted(self._rates))
            said.append(
                f"recordings of {len(self._rates)} sample rates ({counts} Hz): their bands and "
                "frames differ; --sample-rate makes them one"
            )
        if len(self._channels) > 1:
            counts = ", ".join(f"{self._channels[n]} with {n}" for n in sorted(self._channels))
            said.append(
                f"recordings of several numbers of channels ({counts}): their features differ in "
                "shape; --mono makes them one"
            )
        return said


class Recording:
    """A sound file open for reading; its chunks are mixed and resampled as asked.

    A recording that is cut off raises `TruncatedError` at its end, whatever its format. With
    `keep_partial` the chunks end there, and `missing` says what is missing.
    """

    def __init__(
        self,
        path: str,
        mono: bool = False,
        sample_rate: float | None = None,
        keep_partial: bool = False,
    ) -> None:
        self._sound, self._path = open_sound(path), path
        self._mono, self._keep_partial = mono, keep_partial
        self.n_channels: int = 1 if mono else self._sound.channels
        self.sample_rate: float = sample_rate or self._sound.samplerate
        self.n_read = 0  # samples of a channel, at the file's own sample rate
        self.missing: str | None = None  # what the header announced and the file lacks
        self._buffers: dict[np.dtype[Any], NDArray[Any]] = {}

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._sound.close()
        _kept_buffers().update(self._buffers)
        self._buffers = {}

    @property
    def seconds(self) -> float:
        """Duration of the samples that were read, s."""
        return float(self.n_read / self._sound.samplerate)

    @property
    def stored_rate(self) -> float:
        """The sample rate of the file, Hz."""
        return float(self._sound.samplerate)

    @property
    def announced_seconds(self) -> float | None:
        """Duration by the header, s, which may be an estimate; None if the header has none."""
        frames = self._sound.frames
        return None if frames is None else float(frames / self._sound.samplerate)

    @property
    def is_short(self) -> bool:
        """Whether the recording is one chunk, if its header tells the truth."""
        frames = self._sound.frames
        return frames is not None and frames * self._sound.channels <= WHOLE_SIZE

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the signal in chunks of (channel, time).

        The first chunk of a short recording is all of it. It lies in memory that the next short
        recording uses again.
        """
        chunks = self._chunks_as_stored()
        if self.sample_rate != self._sound.samplerate:
            chunks = self._resampled(chunks)
        for chunk in chunks:
            yield chunk.T

    def _chunks_as_stored(self) -> Iterator[NDArray[np.float32]]:
        size = n_read = max(1, CHUNK_SIZE // self._sound.channels)
        told = time.monotonic()
        if self.is_short:
            # One sample more than announced is asked for, since the header may be wrong.
            first_size = (self._sound.frames or 0) + 1
            chunk = self._read(self._buffer(_FLOAT32, first_size))
            n_read = size if len(chunk) == first_size else 0
            if len(chunk):
                yield self._mixed(chunk)
        while n_read and not self.missing:
            chunk = self._read(np.empty((size, self._sound.channels), np.float32))
            n_read = len(chunk)
            if n_read:
                yield self._mixed(chunk)
            if tell is not None and time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                tell(f"{self._path}: {self._how_far()}")
        self.missing = self.missing or self._sound.missing(self.n_read)
        if self.missing and not self._keep_partial:
            raise TruncatedError(f"{self.missing}; --keep-partial takes what is there")
        if not self.n_read:
            raise ValueError("there are no samples in the file")

    def _how_far(self) -> str:
        whole = self.announced_seconds
        of = "" if whole is None else f" of {whole / 60:.1f}"
        return f"{self.seconds / 60:.1f}{of} min read"

    def _read(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill a chunk of (time, channel) as far as the file goes; refuse what is not finite."""
        try:
            if self._sound.is_pcm16:
                integers = self._buffer(_INT16, len(chunk))
                n_read = self._sound.read(integers)
                chunk = chunk[:n_read]
                chunk[...] = integers[:n_read]  # This is faster than to multiply integers.
                chunk *= _PCM16_UNIT
                self.n_read += n_read
                return chunk
            n_read = self._sound.read(chunk)
            chunk = chunk[:n_read]
        except RuntimeError as error:  # The decoder gives up.
            chunk = self._read_again(chunk, error)
        if chunk.size and not (np.isfinite(chunk.min()) and np.isfinite(chunk.max())):
            self._refuse(chunk)
        self.n_read += len(chunk)
        return chunk

    def _read_again(self, chunk: NDArray[np.float32], error: Exception) -> NDArray[np.float32]:
        """Return the part of a chunk that can be decoded, and note that no more can."""
        reason = " ".join(str(getattr(error, "error_string", error)).split())
        reason = reason.removeprefix("Error : ").rstrip(".") or "the decoder gives up"
        if not self._keep_partial:
            where = f"only {self.seconds:.2f} s or little more can be decoded"
            raise TruncatedError(
                f"{where}: {reason}; --keep-partial takes what is there"
            ) from error
        self._sound = open_again(self._sound)
        self._skip(self.n_read)
        n_read = 0
        with suppress(RuntimeError):
            while n_read < len(chunk):
                n_read += self._sound.read(chunk[n_read : n_read + 1024])
        chunk = chunk[:n_read]
        seconds = (self.n_read + len(chunk)) / self._sound.samplerate
        self.missing = f"only {seconds:.2f} s can be decoded: {reason}"
        return chunk

    def _refuse(self, chunk: NDArray[np.float32]) -> None:
        """Raise an error that tells where the first sample is that is not finite."""
        row = int((~np.isfinite(chunk)).any(axis=1).argmax())
        where = f"at {(self.n_read + row) / self._sound.samplerate:.3f} s"
        value = chunk[row][~np.isfinite(chunk[row])][0]
        if np.isinf(value) and self._is_finite_in_file(self.n_read + row):
            raise ValueError(f"a sample {where} is beyond the range of float32")
        raise ValueError(f"samples that are NaN or infinite, the first {where}")

    def _skip(self, n_frames: int) -> None:
        """Read and forget `n_frames` samples a channel, since not every decoder can seek."""
        size = max(1, CHUNK_SIZE // self._sound.channels)
        skipped = np.empty((size, self._sound.channels), np.float32)
        while n_frames:
            n_frames -= self._sound.read(skipped[:n_frames])

    def _is_finite_in_file(self, frame: int) -> bool:
        """Tell whether a sample that is infinite in float32 is finite in float64."""
        self._sound = open_again(self._sound)
        self._skip(frame)
        wide = np.empty((1, self._sound.channels))
        return self._sound.read(wide) == 1 and bool(np.isfinite(wide).all())

    def _mixed(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of all channels, (time, 1), if that is asked for."""
        n_channels = chunk.shape[1]
        if not self._mono or n_channels == 1:
            return chunk
        if n_channels >= 8:  # From so many on, `mean` adds in pairs.
            return np.asarray(chunk.mean(axis=1, keepdims=True))
        total = chunk[:, 0] + chunk[:, 1]
        for channel in range(2, n_channels):
            total += chunk[:, channel]
        total /= np.float32(n_channels)
        return total[:, None]

    def _resampled(self, chunks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        rates = (self._sound.samplerate, self.sample_rate)
        stream = load_extra("soxr").ResampleStream(*rates, self.n_channels, dtype="float32")
        for chunk in chunks:
            yield stream.resample_chunk(np.ascontiguousarray(chunk))
        yield stream.resample_chunk(np.zeros((0, self.n_channels), np.float32), last=True)

    def _buffer(self, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
        """Return memory of (size, channel), which another recording reuses when this is closed."""
        n_channels = self._sound.channels
        buffer = self._buffers.get(dtype)
        if buffer is None or buffer.size < size * n_channels:
            buffer = _kept_buffers().pop(dtype, None)
            if buffer is None or buffer.size < size * n_channels:
                buffer = np.empty(size * n_channels, dtype)
            self._buffers[dtype] = buffer
        return buffer[: size * n_channels].reshape(size, n_channels)


def _kept_buffers() -> dict[np.dtype[Any], NDArray[Any]]:
    kept: dict[np.dtype[Any], NDArray[Any]] = _local.__dict__.setdefault("kept", {})
    return kept
