"""Sound files as blocks of samples, and the features of a recording, in bounded memory."""

from __future__ import annotations

import inspect
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._band_spectrograms import log_frequency_spectrogram, melspectrogram
from kapre_ref._data_format import CH_FIRST_STR
from kapre_ref._filterbanks import C1_HZ, hz_to_mel_reference, mel_to_hz_reference
from kapre_ref._framing import count_frames
from kapre_ref._kapre_front_end import check_stft_parameters
from kapre_ref._mfcc import logmel_to_mfcc
from kapre_ref._spectrograms import stft_magnitude

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from numpy.typing import NDArray

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")

FUNCTIONS: Mapping[str, Callable[..., NDArray[Any]]] = {
    "mel": melspectrogram,
    "stft": stft_magnitude,
    "log-frequency": log_frequency_spectrogram,
    "mfcc": melspectrogram,
}

BLOCK_SIZE = 1 << 20  # samples read and values computed at a time: 4 MiB of float32 each
_SET_HERE = ("x", "out", "input_data_format", "output_data_format", "return_decibel", "sample_rate")
_STFT_PARAMETERS = ("n_fft", "win_length", "hop_length", "window_name", "pad_begin", "pad_end")
_NO_LIMIT_DB = 1e4  # beyond the range of float32, which spans less than 900 dB
_UNKNOWN_LENGTH = 0x7FFF0000  # bytes; programs that write to a pipe announce this or more
_HIGHEST_SAMPLE_RATE = 1e6  # Hz; stands for a sample rate that only the recording will tell


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


class Frames(NamedTuple):
    """How frames lie in a signal, in samples."""

    win_length: int
    hop_length: int
    n_padded: int  # zeros in front of the signal
    pad_end: bool

    def n_frames(self, n_samples: int) -> int:
        """Count the frames of a signal."""
        n_samples += self.n_padded
        return count_frames(n_samples, self.win_length, self.hop_length, self.pad_end)


def stretches(
    blocks: Iterable[NDArray[np.float32]], plan: Frames, n_frames_at_once: int
) -> Iterator[NDArray[np.float32]]:
    """Cut a signal so that the whole frames of all pieces are the frames of the padded signal.

    `blocks` are (channel, time), at least one. Samples that frames of two pieces share are in
    both; `n_frames_at_once` is the most frames of a piece.
    """
    win_length, hop_length = plan.win_length, plan.hop_length
    rest: NDArray[np.float32] | None = None
    n_skipped = 0  # samples between two frames, still to come, if hop_length > win_length
    for block in _padded(blocks, plan):
        skipped = min(n_skipped, block.shape[1])
        n_skipped -= skipped
        block = block[:, skipped:]
        rest = block if rest is None else np.concatenate([rest, block], axis=1)
        n_frames = max(0, 1 + (rest.shape[1] - win_length) // hop_length)
        for first in range(0, n_frames, n_frames_at_once):
            last = min(first + n_frames_at_once, n_frames) - 1
            yield rest[:, first * hop_length : last * hop_length + win_length]
        n_skipped += max(0, n_frames * hop_length - rest.shape[1])
        rest = rest[:, n_frames * hop_length :]


def _padded(blocks: Iterable[NDArray[np.float32]], plan: Frames) -> Iterator[NDArray[np.float32]]:
    n_samples = 0
    for block in blocks:
        if not n_samples:
            yield np.zeros((len(block), plan.n_padded), np.float32)
        n_samples += block.shape[1]
        yield block
    if n_samples and plan.pad_end:
        last_start = (plan.n_frames(n_samples) - 1) * plan.hop_length
        missing = last_start + plan.win_length - (plan.n_padded + n_samples)
        yield np.zeros((len(block), max(0, missing)), np.float32)


@dataclass(frozen=True)
class Feature:
    """What to compute of a recording; `options` are those of the composed function."""

    kind: str = "mel"
    options: Mapping[str, Any] = field(default_factory=dict)
    decibel: bool = True
    n_mfccs: int = 20

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """All options of the composed function, with defaults filled in."""
        known = inspect.signature(FUNCTIONS[self.kind]).parameters
        filled = {name: known[name].default for name in known if name not in _SET_HERE}
        filled.update(self.options)
        checked = check_stft_parameters(*(filled[name] for name in _STFT_PARAMETERS))
        return filled | dict(zip(_STFT_PARAMETERS, checked, strict=True))

    @cached_property
    def plan(self) -> Frames:
        """How frames lie in the signal."""
        options = self.parameters
        hop_length = options["hop_length"]
        n_padded = options["n_fft"] - hop_length if options["pad_begin"] else 0
        return Frames(options["win_length"], hop_length, n_padded, options["pad_end"])

    @property
    def n_bands(self) -> int:
        """Number of values of a frame."""
        return self.n_mfccs if self.kind == "mfcc" else self.n_spectral_bands

    @property
    def n_spectral_bands(self) -> int:
        """Number of bins or bands of a frame, before MFCCs."""
        name = {"stft": None, "log-frequency": "log_n_bins"}.get(self.kind, "n_mels")
        return int(self.parameters[name]) if name else self.parameters["n_fft"] // 2 + 1

    def check(self, sample_rate: float | None) -> None:
        """Run on no samples, so that the library refuses now what it would refuse later."""
        nothing = np.zeros((1, 0), np.float32)
        rows = self._composed(nothing, sample_rate or _HIGHEST_SAMPLE_RATE, self.parameters)
        self.finish(rows[:, 0], -np.inf)

    def spectra(self, signal: NDArray[np.float32], sample_rate: float) -> NDArray[np.float32]:
        """Compute whole frames of (channel, time) as (n_frames, channel, n_bands).

        The lower limit of decibels is left to `finish`, which knows the peak of the recording.
        """
        changed = {"pad_begin": False, "pad_end": False, "db_dynamic_range": _NO_LIMIT_DB}
        return self._composed(signal, sample_rate, self.parameters | changed)

    def _composed(
        self, signal: NDArray[np.float32], sample_rate: float, parameters: dict[str, Any]
    ) -> NDArray[np.float32]:
        options = parameters | {"return_decibel": self.decibel}
        if self.kind != "stft":
            options["sample_rate"] = sample_rate
        options["input_data_format"] = options["output_data_format"] = CH_FIRST_STR
        result = FUNCTIONS[self.kind](signal[None], **options)  # (1, channel, n_frames, n_bands)
        return np.swapaxes(result[0], 0, 1)

    def finish(self, rows: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
        """Limit (n_frames, n_bands) to the dynamic range below the peak, and take MFCCs of them."""
        if self.decibel:
            floor = np.float32(peak) - np.float32(self.parameters["db_dynamic_range"])
            rows = np.maximum(rows, floor)
        return logmel_to_mfcc(rows, self.n_mfccs) if self.kind == "mfcc" else rows

    def frequencies(self, sample_rate: float) -> NDArray[np.float64]:
        """Return the frequency of each bin or the centre of each band, Hz, before MFCCs."""
        options = self.parameters
        if self.kind == "stft":
            n_fft = options["n_fft"]
            return np.arange(n_fft // 2 + 1, dtype=np.float64) * sample_rate / n_fft
        if self.kind == "log-frequency":
            octaves = np.arange(options["log_n_bins"]) / options["log_bins_per_octave"]
            lowest = C1_HZ if options["log_f_min"] is None else options["log_f_min"]
            return np.asarray(lowest * 2.0**octaves)
        highest = sample_rate / 2 if options["mel_f_max"] is None else options["mel_f_max"]
        edges = np.array([options["mel_f_min"], highest], np.float64)
        lowest_mel, highest_mel = hz_to_mel_reference(edges, options["mel_htk"])
        mels = np.linspace(lowest_mel, highest_mel, options["n_mels"] + 2)
        return mel_to_hz_reference(mels, options["mel_htk"])[1:-1]

    def times(self, n_frames: int, sample_rate: float) -> NDArray[np.float64]:
        """Return the centre of each frame's window, s from the start of the recording."""
        centre = min(self.plan.win_length, self.parameters["n_fft"]) / 2 - self.plan.n_padded
        samples = np.arange(n_frames) * self.plan.hop_length + centre
        return np.asarray(samples / sample_rate, np.float64)


class RecordingFeatures:
    """The features of one recording, in a scratch file; finished block by block when read.

    The scratch file bounds the memory: decibels are limited relative to the peak of the whole
    recording, which is known when all of it was read.
    """

    def __init__(self, recording: Recording, feature: Feature, scratch: IO[bytes]) -> None:
        self.feature = feature
        self.n_channels, self.sample_rate = recording.n_channels, recording.sample_rate
        self._scratch = scratch
        self._row_size = self.n_channels * feature.n_spectral_bands
        self.n_frames_at_once = max(1, BLOCK_SIZE // self._row_size)
        self._peak = -np.inf
        self.n_frames = 0
        for signal in stretches(recording.blocks(), feature.plan, self.n_frames_at_once):
            rows = feature.spectra(signal, self.sample_rate)
            self._peak = np.maximum(self._peak, rows.max())  # not max(): NaN must not be lost
            scratch.write(np.ascontiguousarray(rows).data)
            self.n_frames += len(rows)
        self.seconds = recording.seconds
        if not self.n_frames:
            raise ValueError(
                f"too short for a frame: {self.seconds:.3f} s of sound, and a frame takes "
                f"{feature.plan.win_length / self.sample_rate:.3f} s; --pad-end fills it with zeros"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result: without a channel axis if there is one channel."""
        frames = (self.n_frames, self.feature.n_bands)
        return frames if self.n_channels == 1 else (self.n_channels, *frames)

    def blocks(self, channel: int, n_frames_at_once: int = 0) -> Iterator[NDArray[np.float32]]:
        """Yield the frames of a channel in order, (n_frames, n_bands)."""
        n_at_once = n_frames_at_once or self.n_frames_at_once
        self._scratch.seek(0)
        for first in range(0, self.n_frames, n_at_once):
            n_rows = min(n_at_once, self.n_frames - first)
            data = self._scratch.read(4 * n_rows * self._row_size)
            rows = np.frombuffer(data, np.float32).reshape(n_rows, self.n_channels, -1)
            yield self.feature.finish(rows[:, channel], self._peak)
