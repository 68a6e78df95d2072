"""The plan of a job: the list of recordings and their shards, stored beside the results."""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from kapre_ref.command.search import Found
from kapre_ref.job._store import PLAN, whole_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kapre_ref.job._remote import RemoteFound
    from kapre_ref.job._store import Folder

JOB = f"{PLAN}/job.json"
# Bytes of the recordings in a shard: the first in a small collection, the second in a large one.
SHARD_BYTES = 4 << 20, 64 << 20
N_SHARDS = 256  # A collection between the two has so many shards.
_EDGE = "{:15d} {:20d}\n"  # All lines have one length, so that a worker can read its own alone.
_AT_ONCE = 1 << 20  # bytes of the list that are read at a time
_EDGE_LENGTH = len(_EDGE.format(0, 0))


class JobError(ValueError):
    """What is asked for contradicts itself or what was planned before."""


class Planned(NamedTuple):
    """A recording of a plan: its path, its path below the input, and its state at that time."""

    path: str
    key: str
    n_bytes: int  # -1 if there was no such file
    mtime_ns: int

    def to_line(self) -> bytes:
        """Return a line for the list of recordings; `from_line` reads it back."""
        return json.dumps(list(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Planned:
        """Return the recording that `to_line` wrote."""
        return cls(*json.loads(line))


def planned(found: Sequence[Found | RemoteFound]) -> list[Planned]:
    """Add their state to the recordings found; refuse two that would have the same output."""
    result: list[Planned] = []
    paths: dict[str, str] = {}
    for each in found:
        path = whole_path(each.path)
        key = each.relative
        other = paths.setdefault(os.path.normcase(os.path.normpath(key)), each.path)
        if other != each.path:
            raise JobError(
                f"RECORDING must be such that each has an output of its own, got {other} and "
                f"{each.path}, which are both {key} below what was given; give a folder that "
                f"holds both, or another --out"
            )
        state = _state(path) if isinstance(each, Found) else (each.n_bytes, each.mtime_ns)
        result.append(Planned(path, key, *state))
    return result


def _state(path: str) -> tuple[int, int]:
    """Return the bytes and the time of modification of a file, -1 and 0 if there is none."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):  # Whoever reads the file will say why.
        return (-1, 0) if path != "-" else (-1, time.time_ns())
    if not stat.S_ISREG(state.st_mode):  # A pipe gives something new each time.
        return -1, time.time_ns()
    return state.st_size, state.st_mtime_ns


def shard_ends(recordings: Sequence[Planned], shard_bytes: int | None) -> list[int]:
    """Return where each shard ends; a shard has recordings of `shard_bytes`, or a single one.

    Shards depend on the list alone, so they are the same on any machine.
    """
    if shard_bytes is None:
        total = sum(max(each.n_bytes, 0) for each in recordings)
        smallest, largest = SHARD_BYTES
        shard_bytes = min(max(total // N_SHARDS, smallest), largest)
    ends, n_bytes = [], 0
    for index, each in enumerate(recordings):
        # An empty file takes time too.
        n_bytes += max(each.n_bytes, 0) + 4096
        if n_bytes >= shard_bytes:
            ends.append(index + 1)
            n_bytes = 0
    if recordings and (not ends or ends[-1] < len(recordings)):
        ends.append(len(recordings))
    return ends


def write_lists(store: Folder, recordings: Iterable[Planned], ends: Sequence[int]) -> str:
    """Write the list of recordings and the edges of its shards; return the name of both."""
    name = secrets.token_hex(8)
    offset, next_end = 0, iter((*ends, -1))
    with (
        store.create(f"{PLAN}/{name}.jsonl", "plan") as lines,
        store.create(f"{PLAN}/{name}.edges", "plan") as edges,
    ):
        edges.write(_EDGE.format(0, 0).encode())
        end = next(next_end)
        for index, each in enumerate(recordings):
            line = each.to_line()
            lines.write(line)
            offset += len(line)
            if index + 1 == end:
                edges.write(_EDGE.format(end, offset).encode())
                end = next(next_end)
    return name


def remove_lists(store: Folder, name: str) -> None:
    """Remove the lists of a plan that another plan has replaced."""
    for suffix in ("jsonl", "edges"):
        store.remove(f"{PLAN}/{name}.{suffix}")


def read_edges(store: Folder, name: str) -> list[int]:
    """Return the number of each shard's first recording, and of all recordings at the end."""
    lines = store.read(f"{PLAN}/{name}.edges").splitlines()
    return [int(line.split()[0]) for line in lines]


def read_shard(store: Folder, name: str, shard: int) -> list[Planned]:
    """Return the recordings of a shard; the rest of the list is not read."""
    start, end = shard * _EDGE_LENGTH, (shard + 2) * _EDGE_LENGTH
    lines = store.read(f"{PLAN}/{name}.edges", start, end).splitlines()
    begin, finish = (int(line.split()[1]) for line in lines)
    data = store.read(f"{PLAN}/{name}.jsonl", begin, finish)
    return [Planned.from_line(line) for line in data.splitlines()]


def read_list(store: Folder, name: str) -> Iterator[Planned]:
    """Yield all recordings of a plan; only a part of the list is in memory at a time."""
    list_name = f"{PLAN}/{name}.jsonl"
    n_bytes, begun = store.size(list_name) or 0, b""
    for start in range(0, n_bytes, _AT_ONCE):
        *lines, begun = (begun + store.read(list_name, start, start + _AT_ONCE)).split(b"\n")
        for line in lines:
            yield Planned.from_line(line)


def merged(
    earlier: Sequence[Planned], now: Sequence[Planned], extend: bool
) -> tuple[list[Planned], list[Planned]]:
    """Return the recordings planned earlier, in the state that they have now, and the new ones."""
    states = {each.path: each for each in now}
    known = {each.path for each in earlier}
    new = [each for each in now if each.path not in known]
    gone = [each for each in earlier if each.path not in states]
    if not extend:
        for what, which in (("new", new), ("planned but not given now", gone)):
            if which:
                some = f"{len(which)} of {len(known | states.keys())} recordings are {what}"
                raise JobError(f"{some}, the first of them {which[0].path}")
    keys = {os.path.normcase(each.key): each.path for each in earlier}
    for each in new:
        if os.path.normcase(each.key) in keys:
            raise JobError(
                f"{each.path} would have the output of {keys[os.path.normcase(each.key)]}"
            )
    current = [states.get(each.path, each)._replace(key=each.key) for each in earlier]
    return current, new


def difference(earlier: Any, now: Any, name: str = "") -> str | None:
    """Describe the first difference between two values of JSON; return None if they are equal."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        for key in {**earlier, **now}:
            found = difference(earlier.get(key), now.get(key), key)
            if found:
                return found
        return None
    if earlier == now:
        return None
    shown = [text if len(text) < 60 else f"{text[:57]}..." for text in map(_shown, (earlier, now))]
    return f"made with {name}={shown[0]}, asked for {shown[1]}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
