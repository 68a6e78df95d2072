"""The index of results: JSON lines with a row for each recording.

Each finished shard writes a file of its rows; `write_index` puts the files together.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from kapre_ref.job._store import PLAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from kapre_ref.job._store import Folder

    Row = dict[str, Any]

INDEX = "_index.jsonl"


class ShardReport(NamedTuple):
    """The result of a shard: counts of its recordings, and the seconds of sound in them."""

    shard: int
    n_written: int
    n_kept: int
    n_failed: int
    seconds: float


class Summary(NamedTuple):
    """The result of a job by its index: counts, seconds of sound, and each failure.

    `n_recordings` counts all recordings that were planned, `n_done` those that have a row in the
    index. A failure is the path of a recording and the reason.
    """

    n_recordings: int
    n_done: int
    n_failed: int
    seconds: float
    failures: list[tuple[str, str]]


class FinishedShard(NamedTuple):
    """The lines that a finished shard has in the index, and its last line, which counts them."""

    lines: list[bytes]
    end: dict[str, Any]

    def rows(self) -> list[Row]:
        """Return the row of each recording."""
        return [json.loads(line) for line in self.lines]


def finished_name(shard: int) -> str:
    """Return the name of the file for the rows of a finished shard."""
    return f"{PLAN}/index/{shard:06d}.jsonl"


def write_finished(store: Folder, shard: int, rows: Sequence[Row], n_bytes: int | None) -> None:
    """Write the rows of a shard, and after them the line by which a finished shard is known."""
    end = {"shard": shard, "recordings": len(rows)}
    end["failed"] = sum(row["error"] is not None for row in rows)
    lines = [*rows, {**end, "seconds": sum(row["seconds"] for row in rows), "bytes": n_bytes}]
    with store.create(finished_name(shard), f"{shard:06d}") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def read_finished(store: Folder, shard: int) -> FinishedShard | None:
    """Return the rows of a shard; None if it is not finished."""
    try:
        *lines, last = store.read(finished_name(shard)).splitlines(keepends=True)
        end = json.loads(last)
    except (FileNotFoundError, ValueError):
        return None
    if end.get("recordings") != len(lines):
        return None
    return FinishedShard(lines, end)


def write_index(store: Folder, n_shards: int, n_recordings: int) -> Summary:
    """Write the rows of all finished shards, in the order of the plan, and return a summary."""
    with store.create(INDEX, "index") as file:
        return summarised(_written(finished_shards(store, n_shards), file), n_recordings)


def _written(found: Iterable[FinishedShard], file: BinaryIO) -> Iterator[FinishedShard]:
    for finished in found:
        file.writelines(finished.lines)
        yield finished


def finished_shards(store: Folder, n_shards: int) -> Iterator[FinishedShard]:
    """Yield the finished shards in order."""
    for shard in range(n_shards):
        finished = read_finished(store, shard)
        if finished:
            yield finished


def summarised(found: Iterable[FinishedShard], n_recordings: int) -> Summary:
    """Return the counts of finished shards, and their failures."""
    n_done, seconds, failures = 0, 0.0, []
    for finished in found:
        n_done += finished.end["recordings"]
        seconds += finished.end["seconds"]
        if finished.end["failed"]:
            failures += [
                (row["recording"], row["error"]) for row in finished.rows() if row["error"]
            ]
    return Summary(n_recordings, n_done, len(failures), seconds, failures)
