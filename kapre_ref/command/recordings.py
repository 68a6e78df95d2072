"""Sound files as blocks of samples, in bounded memory."""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from numpy.typing import NDArray

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")

BLOCK_SIZE = 1 << 20  # samples read and values computed at a time: 4 MiB of float32 each
_UNKNOWN_LENGTH = 0x7FFF0000  # bytes; programs that write to a pipe announce this or more


class MissingExtraError(Exception):
    """A package that only the command needs is not installed."""


def load_extra(name: str) -> ModuleType:
    """Import a package that only the command needs."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # OSError: soundfile without its C library
        raise MissingExtraError(
            f"this needs the package {name}, which cannot be imported ({error}); install it with: "
            f'pip install "kapre_ref[cli]"'
        ) from error


class Found(NamedTuple):
    """A recording, and where it lies below the folder that was given."""

    path: str
    relative: str


def find_recordings(inputs: Iterable[str]) -> tuple[list[Found], list[tuple[str, str]]]:
    """Return all recordings among files and folders, and each input that gave none, with why.

    Folders are searched recursively for known suffixes; hidden files, symbolic links to folders
    and what is not a regular file are passed over. A file given by name may have any suffix.
    """
    found: dict[str, Found] = {}
    failures = []
    for given in inputs:
        if not os.path.isdir(given):
            found.setdefault(os.path.abspath(given), Found(given, os.path.basename(given)))
            continue
        n_before = len(found)
        paths = [path for path in _files_below(given) if path.lower().endswith(SUFFIXES)]
        for path in paths:
            found.setdefault(os.path.abspath(path), Found(path, os.path.relpath(path, given)))
        if len(found) == n_before and not paths:
            failures.append((given, f"no recording in this folder ({', '.join(SUFFIXES)})"))
    return list(found.values()), failures


def _files_below(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(parent, name)
            if not name.startswith(".") and os.path.isfile(path):
                yield path


class Recording:
    """A sound file open for reading; its blocks are mixed and resampled as asked."""

    def __init__(self, path: str, mono: bool = False, sample_rate: float | None = None) -> None:
        with open(path, "rb") as file:  # its errors are clearer than those of the C library
            if not file.read(1):
                raise ValueError("the file is empty")
        # As bytes, for soundfile cannot encode names that are not in the system's encoding.
        name = os.fsencode(path) if os.name == "posix" else path
        soundfile = load_extra("soundfile")
        try:
            self._sound = soundfile.SoundFile(name)
        except soundfile.LibsndfileError as error:
            raise ValueError(f"no sound file that can be read: {_cause(error)}") from error
        self._mono = mono
        self.n_channels: int = 1 if mono else self._sound.channels
        self.sample_rate: float = sample_rate or self._sound.samplerate
        self.n_read = 0  # samples of a channel, at the file's own sample rate

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._sound.close()

    @property
    def seconds(self) -> float:
        """Duration of what was read."""
        return float(self.n_read / self._sound.samplerate)

    @property
    def missing(self) -> str | None:
        """Say what the file lacks of what its header announces, after all was read."""
        announced = self._sound.frames / self._sound.samplerate
        if self.seconds < 0.99 * announced:  # counts of compressed files are estimates
            return f"only {self.seconds:.2f} s of the {announced:.2f} s that its header announces"
        # libsndfile corrects the count of a WAV file that was cut off, and notes it in its log.
        log = re.search(r"data *: (\d+) \(should be (\d+)\)", self._sound.extra_info)
        if log and int(log[2]) < int(log[1]) < _UNKNOWN_LENGTH:
            return f"only {self.seconds:.2f} s, less than its header announces"
        return None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the signal in blocks of (channel, time)."""
        blocks = self._blocks_as_stored()
        if self.sample_rate != self._sound.samplerate:
            blocks = self._resampled(blocks)
        for block in blocks:
            yield block.T

    def _blocks_as_stored(self) -> Iterator[NDArray[np.float32]]:
        size = max(1, BLOCK_SIZE // self._sound.channels)
        while True:
            # What is read counts, not the header: the counts of compressed files are estimates.
            block = self._sound.read(size, dtype="float32", always_2d=True)  # (time, channel)
            if not len(block):
                break
            if not np.isfinite(block).all():
                raise ValueError(f"samples that are NaN or infinite after {self.seconds:.2f} s")
            self.n_read += len(block)
            yield block.mean(axis=1, keepdims=True) if self._mono else block
        if not self.n_read:
            raise ValueError("there are no samples in the file")

    def _resampled(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        rates = (self._sound.samplerate, self.sample_rate)
        stream = load_extra("soxr").ResampleStream(*rates, self.n_channels, dtype="float32")
        for block in blocks:
            yield stream.resample_chunk(np.ascontiguousarray(block))
        yield stream.resample_chunk(np.zeros((0, self.n_channels), np.float32), last=True)


def _cause(error: Any) -> str:
    """Return what soundfile says without the path; of a file that can be opened, nothing false."""
    text = str(error.error_string)
    return "unknown format" if "does not exist" in text else text.rstrip(".")
