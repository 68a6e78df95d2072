"""Sound files opened for decoding, by soundfile, or by ffmpeg where soundfile cannot."""

from __future__ import annotations

import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile
from contextlib import ExitStack
from functools import lru_cache
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

# Suffixes of the formats that soundfile reads. A `.mat` may hold anything, so it is read only if it
# is named.
_SUFFIXES_OF = {
    "WAV": (".wav", ".wave", ".bwf"),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3", ".mp2"),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "AU": (".au", ".snd"),
    "CAF": (".caf",),
    "W64": (".w64",),
    "RF64": (".rf64",),
    "NIST": (".sph", ".nist"),
    "VOC": (".voc",),
    "SVX": (".8svx", ".svx", ".iff"),
    "IRCAM": (".sf",),
    "AVR": (".avr",),
    "PAF": (".paf",),
    "PVF": (".pvf",),
    "SDS": (".sds",),
    "HTK": (".htk",),
    "XI": (".xi",),
    "WVE": (".wve",),
}
# Suffixes of sound that ffmpeg reads and soundfile does not.
_OF_FFMPEG = frozenset(
    (
        *(".m4a", ".m4b", ".aac", ".mp4", ".3gp", ".webm", ".weba", ".mka", ".wma", ".amr", ".ac3"),
        *(".eac3", ".dts", ".ape", ".wv", ".tta", ".mpc", ".tak", ".spx", ".dsf", ".dff", ".ra"),
    )
)
_UNKNOWN_FRAMES = 1 << 62  # libsndfile counts more than this if the header has no length.
_UNKNOWN_BYTES = 0x7FFF0000  # Programs that write to a pipe announce this or more.
# Headers of whole files may be wrong by so many bytes: by padding, or by the head of a RIFF chunk.
_WRONG_BYTES = 16
_OGG_PAGE = 65307  # bytes of the largest page
_NAMES = {2: "int16", 4: "float32", 8: "float64"}
# libsndfile logs "data : 176400 (should be 88178)". The size of RIFF itself is left out, since it
# is often a bit wrong.
_SIZE = re.compile(
    r"(?:data|Data Size|SSND|BODY|Data length)[ :]+(\d+) \(?should be (\d+)", re.ASCII
)
_W64_SIZE = re.compile(r"^riff : (\d+) \(should be (\d+)\)", re.ASCII | re.MULTILINE)
# For these formats, libsndfile counts what is there, and logs how much there should be.
_LOGS_FRAMES = ("RF64", "AVR", "MPC2K")
_FRAMES = re.compile(r"(?:chunk of|Frames +:) (\d+)", re.ASCII)

# ffmpeg prints one of these if it could not decode a part of the sound, and goes on.
_LOSSES = re.compile("partial file|prematurely|invalid data|truncat|corrupt", re.IGNORECASE)


class MissingExtraError(Exception):
    """A package of one of the extras is not installed."""


def load_extra(name: str, extra: str = "cli") -> ModuleType:
    """Import a package that is installed with one of the extras of kapre_ref."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # soundfile raises OSError without its C library.
        raise MissingExtraError(
            f"this needs the package {name}, which cannot be imported ({error}); install it with: "
            f'pip install "kapre_ref[{extra}]"'
        ) from error


@lru_cache(maxsize=1)
def soundfile_suffixes() -> frozenset[str]:
    """Return the suffixes of all formats that soundfile reads here."""
    try:
        formats = set(import_module("soundfile").available_formats())
    except (ImportError, OSError):  # Whoever needs soundfile will say that it is missing.
        formats = set(_SUFFIXES_OF)
    return frozenset(
        suffix for name, suffixes in _SUFFIXES_OF.items() if name in formats for suffix in suffixes
    )


@lru_cache(maxsize=1)
def ffmpeg_suffixes() -> frozenset[str]:
    """Return the suffixes of sound that only ffmpeg reads, whether or not it is installed."""
    known = {suffix for suffixes in _SUFFIXES_OF.values() for suffix in suffixes}
    return frozenset(known.union(_OF_FFMPEG) - soundfile_suffixes())


def has_ffmpeg() -> bool:
    """Tell whether ffmpeg is on the path."""
    return shutil.which("ffmpeg") is not None


def open_sound(path: str) -> SoundFileDecoder | FfmpegDecoder:
    """Open a sound file, a pipe, or standard input ("-"), which are read to their end first."""
    if path == "-":
        if os.isatty(0):
            raise ValueError("standard input is a terminal; pipe sound into it")
        with open(0, "rb", closefd=False) as source:
            return _open_copy(source)
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode):  # Decoders need a file in which they can seek.
        with open(path, "rb") as source:
            return _open_copy(source)
    if not about.st_size:
        raise ValueError("the file is empty")
    return _open_file(path)


def _open_copy(source: IO[bytes]) -> SoundFileDecoder | FfmpegDecoder:
    """Open a temporary copy of what a pipe holds; closing the sound removes the copy."""
    with ExitStack() as stack:
        copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="kapre_ref-"))
        shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        if not copy.tell():
            raise ValueError("the file is empty")
        sound = _open_file(copy.name)
        sound.copy = stack.pop_all()
    return sound


def open_again(sound: SoundFileDecoder | FfmpegDecoder) -> SoundFileDecoder | FfmpegDecoder:
    """Close a sound, and open its file again from the start."""
    fresh = _open_file(sound.path)
    fresh.copy, sound.copy = sound.copy, ExitStack()
    sound.close()
    return fresh


def _open_file(path: str) -> SoundFileDecoder | FfmpegDecoder:
    suffix = os.path.splitext(path)[1].lower()
    soundfile = load_extra("soundfile")
    if suffix in ffmpeg_suffixes():
        return FfmpegDecoder(path, suffix)
    if suffix == ".raw":
        raise ValueError(
            "raw samples have no header with their rate, channels and format; make a WAV of them"
        )
    try:
        # The name is given as bytes, since soundfile encodes only what the system's encoding has.
        sound = soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path)
    except soundfile.LibsndfileError as error:
        with open(path, "rb"):  # This raises a better error if reading is not allowed.
            pass
        if suffix not in soundfile_suffixes() and has_ffmpeg():
            return FfmpegDecoder(path, suffix)
        raise ValueError(f"no sound file that can be read: {_cause(error)}") from error
    return SoundFileDecoder(sound, path)


def _cause(error: Any) -> str:
    """Return soundfile's reason without the path; the file exists, though soundfile may deny it."""
    text = str(error.error_string).rstrip(".")
    return "unknown format" if "does not exist" in text else text or "it is cut off or damaged"


class SoundFileDecoder:
    """A file that soundfile reads."""

    def __init__(self, sound: Any, path: str) -> None:
        self._sound, self.path, self.copy = sound, path, ExitStack()
        self.samplerate, self.channels = sound.samplerate, sound.channels
        self.frames: int | None = sound.frames if sound.frames < _UNKNOWN_FRAMES else None
        if self.frames is None and sound.format == "FLAC":  # libsndfile fails to read them.
            sound.close()
            raise ValueError(
                "its header does not say how long it is, as in FLAC that was written to a pipe; "
                "`flac -d` or `ffmpeg -i in.flac out.flac` mends it"
            )
        self.is_pcm16: bool = sound.subtype == "PCM_16"

    def read(self, chunk: NDArray[Any]) -> int:
        """Fill (time, channel) from the front; return how many samples a channel got."""
        return int(self._sound.buffer_read_into(chunk, _NAMES[chunk.itemsize]))

    def missing(self, n_read: int) -> str | None:
        """Describe what the header announces and the file lacks; it had `n_read` samples."""
        rate, log, form = self.samplerate, self._sound.extra_info, self._sound.format
        announced = self.frames or 0
        if form in _LOGS_FRAMES:
            logged = _FRAMES.search(log)
            announced = max(announced, int(logged[1]) if logged else 0)
        elif form == "NIST":
            announced = max(announced, _frames_of_sphere(self.path))
        # Headers of compressed files have estimates, so small differences do not count.
        if announced - n_read > min(0.01 * announced, rate):
            what = f"{announced / rate:.2f} s that its header announces"
            return f"only {n_read / rate:.2f} s of the {what}"
        sizes = [*_SIZE.findall(log)] if "should be" in log else []
        sizes += _W64_SIZE.findall(log) if form == "W64" else []
        for announced_size, size in sizes:
            is_known = int(announced_size) < _UNKNOWN_BYTES
            if is_known and int(announced_size) - int(size) > _WRONG_BYTES:
                return f"only {n_read / rate:.2f} s, less than its header announces"
        if "Seems to be a truncated file" in log:  # libsndfile logs this of VOC.
            return f"only {n_read / rate:.2f} s, less than its header announces"
        if form == "OGG" and not _has_ogg_end(self.path):
            return f"only {n_read / rate:.2f} s, and its end is missing"
        return None

    def close(self) -> None:
        """Close the file."""
        self._sound.close()
        self.copy.close()


def _frames_of_sphere(path: str) -> int:
    """Return how many samples of a channel the header of a NIST SPHERE file announces."""
    with open(path, "rb") as file:
        count = re.search(rb"sample_count -i (\d+)", file.read(1024))
    return int(count[1]) if count else 0


def _has_ogg_end(path: str) -> bool:
    """Tell whether the last page of an Ogg file is whole and marked as the last one."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _OGG_PAGE))
        end = file.read()
    start = end.rfind(b"OggS")
    page = end[start:]
    if start < 0:  # Something that is not sound follows the last page.
        return True
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    n_bytes = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return bool(page[5] & 4) and len(page) >= n_bytes


class FfmpegDecoder:
    """A file that ffmpeg decodes, as a stream in the AU format, whose length has no limit."""

    is_pcm16 = False
    frames: int | None = None

    def __init__(self, path: str, suffix: str) -> None:
        self.path, self.copy = path, ExitStack()
        if not has_ffmpeg():
            kind = suffix[1:].upper() or "this format"
            raise ValueError(
                f"{kind} is read by ffmpeg only, which is not on the path; where it is, "
                f"`ffmpeg -i in{suffix} out.flac` makes a file that can be read"
            )
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", f"file:{path}", "-map", "0:a:0"]
        command += ["-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self._process.stdout is not None, "it is a pipe"
        self._stdout = self._process.stdout
        header = self._stdout.read(24)
        if len(header) < 24:
            said = self._said()
            self.close()
            raise ValueError(f"no sound that ffmpeg can read: {(said or ['it gives none'])[-1]}")
        start, _, _, self.samplerate, self.channels = struct.unpack(">5I", header[4:])
        self._stdout.read(start - 24)

    def read(self, chunk: NDArray[Any]) -> int:
        """Fill (time, channel) from the front; return how many samples a channel got."""
        frame = 4 * self.channels
        data = self._stdout.read(frame * len(chunk))
        n_read: int = len(data) // frame
        samples = np.frombuffer(data, ">f4", n_read * self.channels)
        chunk[:n_read] = samples.reshape(n_read, self.channels)
        return n_read

    def missing(self, n_read: int) -> str | None:
        """Describe what ffmpeg could not decode; None if it decoded everything."""
        status = self._process.wait()
        said = self._said()
        losses = [line for line in said if _LOSSES.search(line)]
        if status or losses:
            cause = (losses or said or [f"ffmpeg ended with {status}"])[-1]
            return f"only {n_read / self.samplerate:.2f} s can be decoded: {cause}"
        return None

    def _said(self) -> list[str]:
        """Return the lines that ffmpeg printed, without the names of its modules before them."""
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return [re.sub(r"^(\[[^]]*\] *)*", "", line) for line in lines]

    def close(self) -> None:
        """End ffmpeg, even if it is not done."""
        self._stdout.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()
        self.copy.close()
