"""Recordings in folders; sound that cannot be taken is counted, so that the user hears of it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from kapre_ref.command.decoders import ffmpeg_suffixes, has_ffmpeg, soundfile_suffixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Failures = list[tuple[str, str]]

_HEADERLESS = frozenset((".raw", ".pcm"))  # These files do not contain their rate and format.


class Found(NamedTuple):
    """A recording, and where it lies below the folder that was given."""

    path: str
    relative: str


class PassedOver(Counter[str]):
    """Counts of files that a search saw and did not take, by suffix or kind."""

    def __str__(self) -> str:
        """Return all counts in one line, or an empty text if nothing was passed over."""
        if not +self:
            return ""
        counts = [f"{self[kind]} {kind}" for kind in sorted(+self)]
        line = f"passed over: {', '.join(counts)}"
        if any(kind in ffmpeg_suffixes() for kind in self):
            line += "; ffmpeg reads such files, and is not on the path"
        return line


def find_recordings(
    inputs: Iterable[str], passed_over: PassedOver | None = None
) -> tuple[list[Found], list[tuple[str, str]]]:
    """Return all recordings in files and folders, and (path, reason) of each that had none.

    Folders are searched recursively for all suffixes that soundfile reads here, and for those that
    ffmpeg reads if it is on the path. Links are followed, but for those that lead back to a folder
    around them. Hidden files and folders stay out. Sound that cannot be taken is counted in
    `passed_over`. A file given by name may have any suffix.
    """
    found: dict[str, Found] = {}
    failures: Failures = []
    passed_over = PassedOver() if passed_over is None else passed_over
    for given in inputs:
        why = _why_nothing(given)
        if why:
            failures.append((given or "''", why))
            continue
        if not os.path.isdir(given):
            name = "stdin" if given == "-" else os.path.basename(given)
            found.setdefault(os.path.abspath(given), Found(given, name))
            continue
        n_failures, any_there = len(failures), False
        for path in _recordings_below(given, passed_over, failures):
            any_there = True
            found.setdefault(os.path.abspath(path), Found(path, os.path.relpath(path, given)))
        if not any_there and len(failures) == n_failures:
            failures.append((given, "no recording in this folder"))
    return list(found.values()), failures


def _why_nothing(given: str) -> str | None:
    """Return why a name cannot mean a file, or None if it can."""
    if not given:
        return "an empty name"
    if any(mark in given for mark in "*?[") and not os.path.lexists(given):
        return "No such file or directory; the shell alone knows patterns, outside of quotes"
    return None


def _recordings_below(folder: str, passed_over: PassedOver, failures: Failures) -> Iterator[str]:
    """Yield the recordings of a folder and then those of its folders, each in order of names."""
    taken = soundfile_suffixes() | (ffmpeg_suffixes() if has_ffmpeg() else frozenset())
    sound = taken | ffmpeg_suffixes() | _HEADERLESS
    to_do: list[tuple[str, tuple[tuple[int, int], ...]]] = [(folder, ())]
    while to_do:
        parent, around = to_do.pop()
        try:
            about = os.stat(parent)
            with os.scandir(parent) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            failures.append((parent, error.strerror or str(error)))
            continue
        here = (about.st_dev, about.st_ino)
        if here in around:
            passed_over["link to a folder around it"] += 1
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            kind = _kind(entry)
            if kind == "folder":
                folders.append((entry.path, (*around, here)))
            elif kind == "pipe or device":
                passed_over[kind] += suffix in sound
            elif kind != "file":  # Without a suffix, it may stand for a folder.
                failures += [(entry.path, kind)] if suffix in sound or not suffix else []
            elif suffix in taken:
                yield entry.path
            elif suffix in sound:
                passed_over[suffix] += 1
        to_do += reversed(folders)


def _kind(entry: os.DirEntry[str]) -> str:
    """Return "file", "folder", or why it is neither."""
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "folder"
        entry.stat()
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:  # For example, links lead in a circle.
        return error.strerror or str(error)
    return "pipe or device"
