"""Recordings and results in object stores and other remote file systems, by pyarrow."""

from __future__ import annotations

import io
import os
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from kapre_ref.command.decoders import ffmpeg_suffixes, has_ffmpeg, soundfile_suffixes
from kapre_ref.command.search import find_recordings
from kapre_ref.job._formats import load_pyarrow
from kapre_ref.job._store import PLAN, Folder, is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from kapre_ref.command.search import Found, PassedOver

_AHEAD = 8  # So many recordings are fetched at the same time, before they are needed.


class RemoteFound(NamedTuple):
    """A remote recording, its path below the URL that was given, and its state."""

    path: str
    relative: str
    n_bytes: int
    mtime_ns: int


@lru_cache(maxsize=16)
def _file_system(scheme: str, host: str) -> tuple[Any, str]:
    """Return a file system of pyarrow, and the path of its root."""
    load_pyarrow()
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "s3" and endpoint:
        kind, _, address = endpoint.partition("://")
        return fs.S3FileSystem(endpoint_override=address, scheme=kind), host
    try:
        system, root = fs.FileSystem.from_uri(f"{scheme}://{host}/")
    except (ValueError, NotImplementedError):
        import fsspec  # It knows more schemes, and its ValueError names an unknown one.

        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme))), host
    return system, root.rstrip("/")


def _split(url: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path there."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    system, root = _file_system(scheme, host)
    return system, f"{root}/{path}".rstrip("/")


def find(
    inputs: Iterable[str], passed_over: PassedOver | None = None
) -> tuple[list[Found | RemoteFound], list[tuple[str, str]]]:
    """Return all recordings in files, folders and URLs, and each of these that had none."""
    found: list[Found | RemoteFound] = []
    failures: list[tuple[str, str]] = []
    inputs = list(inputs)
    for given in inputs:
        if is_url(given):
            some = _found_below(given.rstrip("/"))
            found += some
            failures += [] if some else [(given, "no recording there")]
    here, missing = find_recordings([each for each in inputs if not is_url(each)], passed_over)
    return [*found, *here], failures + missing


def _found_below(url: str) -> list[RemoteFound]:
    from pyarrow import fs

    system, root = _split(url)
    info = system.get_file_info(root)
    if info.type == fs.FileType.File:
        return [RemoteFound(url, url.rpartition("/")[2], *_state(info))]
    suffixes = soundfile_suffixes() | (ffmpeg_suffixes() if has_ffmpeg() else frozenset())
    found = []
    for each in system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True)):
        relative = each.path.removeprefix("/")[len(root.removeprefix("/")) + 1 :]
        is_hidden = any(part.startswith(".") for part in relative.split("/"))
        is_sound = os.path.splitext(relative)[1].lower() in suffixes
        if each.type == fs.FileType.File and is_sound and not is_hidden:
            found.append(RemoteFound(f"{url}/{relative}", relative, *_state(each)))
    return sorted(found)


def _state(info: Any) -> tuple[int, int]:
    return info.size, info.mtime_ns or 0


class Bucket(Folder):
    """A folder of a remote file system, in which a file appears when it is closed."""

    def __init__(self, root: str) -> None:
        super().__init__(root.rstrip("/"))
        self.scratch = None
        self._system, self._base = _split(root)

    def path(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.root}/{name}"

    def _at(self, name: str) -> str:
        return f"{self._base}/{name}"

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has, or None if there is no such file."""
        info = self._system.get_file_info(self._at(name))
        return info.size if info.is_file else None

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes of a file from `start` to `end`."""
        with self._system.open_input_file(self._at(name)) as file:
            end = file.size() if end is None else min(end, file.size())
            data: bytes = file.read_at(max(0, end - start), start)
            return data

    @contextmanager
    def create(self, name: str, tag: str) -> Iterator[BinaryIO]:
        """Collect a file in memory, and write it when it is complete.

        If it were written as it comes, an error would leave half a file.
        """
        file = io.BytesIO()
        yield file
        try:
            stream = self._system.open_output_stream(self._at(name))
        except FileNotFoundError:  # The file system has folders, and this one is missing.
            self._system.create_dir(self._at(name).rpartition("/")[0], recursive=True)
            stream = self._system.open_output_stream(self._at(name))
        with stream:
            stream.write(file.getbuffer())

    def create_first(self, name: str, data: bytes) -> bool:
        """Write a small file unless it exists already; return whether it was written."""
        if self.size(name) is not None:
            return False
        with self.create(name, "first") as file:
            file.write(data)
        return True

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError):
            self._system.delete_file(self._at(name))

    def remove_plan(self) -> None:
        """Remove the plan and the index of earlier runs, but not their results."""
        with suppress(FileNotFoundError):
            self._system.delete_dir(self._at(PLAN))

    def clear_unfinished(self, tag: str) -> None:
        """Do nothing, since a remote file system never has unfinished files."""

    def clear_all_unfinished(self, n_shards: int) -> None:
        """Do nothing, since a remote file system never has unfinished files."""


class Fetcher:
    """Remote recordings in temporary files; the next ones are fetched in the background."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kapre_ref-")
        self._pool = ThreadPoolExecutor(_AHEAD)
        self._waiting = deque(enumerate(urls))
        self._coming: dict[str, Any] = {}

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    @contextmanager
    def local(self, url: str) -> Iterator[str]:
        """Yield the path of a local copy, which is removed afterwards."""
        while self._waiting and len(self._coming) < _AHEAD:
            number, following = self._waiting.popleft()
            self._coming[following] = self._pool.submit(self._fetch, number, following)
        coming = self._coming.pop(url, None)
        path = coming.result() if coming else self._fetch(-1, url)
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _fetch(self, number: int, url: str) -> str:
        # The suffix is kept because decoders look at it.
        path = os.path.join(self._folder.name, f"{number}{os.path.splitext(url)[1]}")
        system, source = _split(url)
        with system.open_input_stream(source) as stream, open(path, "wb") as file:
            while chunk := stream.read(1 << 20):
                file.write(chunk)
        return path


def open_store(out: str) -> Folder:
    """Return the place that a job writes to, a folder or a remote one."""
    return Bucket(out) if is_url(out) else Folder(out)
