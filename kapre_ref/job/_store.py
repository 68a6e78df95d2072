"""The folder that a job writes to, in which files appear only when they are complete."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from kapre_ref.command.feature_files import atomic_file

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import BinaryIO

PLAN = "_job"  # Arrow, Spark and Hive ignore names that begin with an underscore.
_UNFINISHED = f"{PLAN}/unfinished"
_DEAD = 3600  # s; writing a list of recordings never takes so long


class Output(Protocol):
    """A place that results are written to."""

    scratch: str | None

    def create(self, name: str, tag: str) -> AbstractContextManager[BinaryIO]:
        """Open a file that becomes `name` when it is complete, and is removed otherwise."""

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has, or None if there is no such file."""


class Folder:
    """A folder of this machine, or one that several machines share."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.scratch: str | None = root  # for scratch files, as large as results

    def path(self, name: str) -> str:
        """Return the path of a file."""
        return f"{self.root}{os.sep}{name}"

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has, or None if there is no such file."""
        with suppress(FileNotFoundError, NotADirectoryError):
            about = os.stat(self.path(name))
            if stat.S_ISREG(about.st_mode):
                return about.st_size
        return None

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes of a file from `start` to `end`."""
        with open(self.path(name), "rb") as file:
            file.seek(start)
            return file.read(-1 if end is None else end - start)

    def create(self, name: str, tag: str) -> AbstractContextManager[BinaryIO]:
        """Open a file that becomes `name` when it is complete, and is removed otherwise.

        Until then it lies among unfinished files, under a name that begins with the tag, by which
        `clear_unfinished` finds what dead processes left.
        """
        unfinished = self.path(f"{_UNFINISHED}/{tag}-{secrets.token_hex(8)}.part")
        return atomic_file(self.path(name), unfinished)

    def create_first(self, name: str, data: bytes) -> bool:
        """Write a small file unless it exists already; return whether it was written."""
        if self.size(name) is not None:
            return False
        own = f"{PLAN}/{secrets.token_hex(8)}"
        with self.create(own, "first") as file:
            file.write(data)
        try:
            os.link(self.path(own), self.path(name))
        except FileExistsError:
            return False
        except OSError:  # The file system has no links.
            with self.create(name, "first") as file:
                file.write(data)
        finally:
            self.remove(own)
        return True

    def _names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted."""
        with suppress(FileNotFoundError):
            return sorted(os.listdir(self.path(folder)))
        return []

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self.path(name))

    def remove_plan(self) -> None:
        """Remove the plan and the index of earlier runs, but not their results."""
        self.remove(f"{PLAN}/job.json")  # first, since all else means nothing without it
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path(PLAN))

    def clear_unfinished(self, tag: str) -> None:
        """Remove the unfinished files of a tag that dead processes left."""
        for name in self._names(_UNFINISHED):
            if name.startswith(f"{tag}-"):
                self.remove(f"{_UNFINISHED}/{name}")

    def _written_at(self, name: str) -> float:
        try:
            return os.path.getmtime(self.path(name))
        except FileNotFoundError:
            return time.time()

    def clear_all_unfinished(self, n_shards: int) -> None:
        """Remove all that dead processes left unfinished, and the folder of it."""
        for name in self._names(_UNFINISHED):
            tag = name.partition("-")[0]
            if tag.isdecimal():
                is_dead = int(tag) < n_shards
            else:
                is_dead = time.time() - self._written_at(f"{_UNFINISHED}/{name}") > _DEAD
            if is_dead:
                self.remove(f"{_UNFINISHED}/{name}")
        with suppress(OSError):  # Another run may have unfinished files there.
            os.rmdir(self.path(_UNFINISHED))


def is_url(path: str) -> bool:
    """Tell whether a path belongs to a remote file system, such as s3://bucket/folder."""
    return "://" in path


def whole_path(path: str | os.PathLike[str]) -> str:
    """Return a path that does not depend on the current folder."""
    path = os.fspath(path)
    return path if is_url(path) or path == "-" else os.path.abspath(path)
