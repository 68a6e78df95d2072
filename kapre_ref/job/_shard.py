"""The work on one shard, which depends on the plan and the shard's number alone."""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.job._formats import SHARD_WRITERS, is_whole
from kapre_ref.job._index import ShardReport, read_finished, write_finished
from kapre_ref.job._plan import read_shard
from kapre_ref.job._recording import compute, empty_row, output_name, picture_name
from kapre_ref.job._remote import open_store
from kapre_ref.job._store import is_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never

    from kapre_ref.job import Job
    from kapre_ref.job._plan import Planned
    from kapre_ref.job._recording import Features, Row
    from kapre_ref.job._remote import Fetcher

    # A report gets the row of a recording, and "written", "kept" or "failed".
    Report = Callable[[Row, str], None]

LOST = "the process that read it died"


class ShardRun:
    """The work on a shard of a job."""

    def __init__(self, job: Job, shard: int) -> None:
        self.job, self.shard = job, shard
        self.store = open_store(job.out)
        self.tag = f"{shard:06d}"
        self.planned = read_shard(self.store, job.plan_name, shard)
        self.shard_file = job.shard_file(shard)
        self.fetcher: Fetcher | None = None  # It is set while there are remote recordings to do.

    def run(self, report: Report, compute_one: Callable[[int], tuple[Row, Features | None]]) -> Any:
        """Do the recordings that are not done yet; return the report of the shard."""
        kept = self._kept()
        for row in kept:
            if row:
                report(row, "kept")
        if all(kept):
            return _report_of(self.shard, kept, kept)
        if self.shard_file:
            kept = [None] * len(kept)  # The shard's file can only be written as a whole.
        rows: list[Row] = []
        with ExitStack() as stack:
            self._open_fetcher(stack, kept)
            writer = None
            if self.shard_file:
                file = stack.enter_context(self.store.create(self.shard_file, self.tag))
                writer = stack.enter_context(SHARD_WRITERS[self.job.format](file, self.job))
            for number in range(len(self.planned)):
                row, features = kept[number], None
                if row is None:
                    row, features = compute_one(number)
                    report(row, "failed" if row["error"] else "written")
                rows.append(row)
                if writer:
                    writer.add(row, features)
        n_bytes = self.store.size(self.shard_file) if self.shard_file else None
        write_finished(self.store, self.shard, rows, n_bytes)
        self.store.clear_unfinished(self.tag)
        return _report_of(self.shard, rows, kept)

    def _open_fetcher(self, stack: ExitStack, kept: list[Row | None]) -> None:
        to_do = [p.path for p, row in zip(self.planned, kept, strict=True) if not row]
        urls = [path for path in to_do if is_url(path)]
        if urls:
            from kapre_ref.job._remote import Fetcher

            self.fetcher = stack.enter_context(Fetcher(urls))

    def _kept(self) -> list[Row | None]:
        """Return the row of each recording that is done already and has not changed since."""
        nothing: list[Row | None] = [None] * len(self.planned)
        finished = read_finished(self.store, self.shard)
        if finished is None or len(finished.lines) != len(self.planned):
            return nothing
        if self.shard_file and not is_whole(
            self.store, self.shard_file, self.job.format, finished.end["bytes"]
        ):
            return nothing
        return [
            row if self._is_done(row, planned) else None
            for row, planned in zip(finished.rows(), self.planned, strict=True)
        ]

    def _is_done(self, row: Row, planned: Planned) -> bool:
        if (row["recording"], row["bytes"], row["mtime_ns"]) != (
            planned.path,
            planned.n_bytes,
            planned.mtime_ns,
        ):
            return False
        if row["error"]:
            return not self.job.retry_failed
        if not self.shard_file and not is_whole(
            self.store, row["output"], self.job.format, row["output_bytes"]
        ):
            return False
        return not self.job.plot or bool(self.store.size(self._picture(planned)))

    def _picture(self, planned: Planned) -> str:
        return picture_name(self.job, planned, self._output(planned))

    def _output(self, planned: Planned) -> str:
        return self.shard_file or output_name(planned.key, f".{self.job.format}")

    def compute(self, number: int) -> tuple[Row, Features | None]:
        """Compute the features of a recording."""
        planned = self.planned[number]
        output = self._output(planned)
        row, features = compute(
            self.job, planned, self.store, output, self.tag, self._fetcher_of(planned)
        )
        if not self.shard_file and not row["error"]:
            row["output_bytes"] = self.store.size(output)
        return row, features

    def _fetcher_of(self, planned: Planned) -> Fetcher | None:
        return self.fetcher if is_url(planned.path) else None

    def compute_alone(self, number: int) -> tuple[Row, Features | None]:
        """Compute them in a process of their own; if it dies, this recording alone fails."""
        if not hasattr(os, "fork"):
            return self.compute(number)
        result = _in_child(lambda: self.compute(number))
        return result or self.lose(number)

    def lose(self, number: int) -> tuple[Row, Features | None]:
        """Return the row of a recording that kills every process that reads it."""
        return empty_row(self.planned[number], LOST), None


def run_shard(job: Job, shard: int, mode: str, report: Report) -> ShardReport:
    """Do a shard in the way that `mode` says.

    With "together", this process computes all recordings; with "alone", each recording has a
    process of its own; with "lost", all recordings are given up.
    """
    run = ShardRun(job, shard)
    if mode == "alone":
        load_kernels(job)  # Otherwise the process of each recording would load them.
    ways = {"together": run.compute, "alone": run.compute_alone, "lost": run.lose}
    result: ShardReport = run.run(report, ways[mode])
    return result


def ignore(row: Row, outcome: str) -> None:
    """Report nothing of a recording."""


def load_kernels(job: Job) -> None:
    """Compute the features of a little noise, so that all kernels are in memory."""
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        front_end = job.asked.front_end_at(job.sample_rate or 16000)
        n_samples = 4 * (front_end.win_length + front_end.hop_length)
        front_end(np.random.default_rng(0).uniform(-0.1, 0.1, n_samples).astype(np.float32))


def _report_of(shard: int, rows: list[Any], kept: list[Any]) -> ShardReport:
    n_failed = sum(row["error"] is not None for row in rows)
    n_kept = sum(row is not None and row["error"] is None for row in kept)
    seconds = sum(row["seconds"] for row in rows)
    return ShardReport(shard, len(rows) - n_failed - n_kept, n_kept, n_failed, seconds)


def _in_child(function: Callable[[], Any]) -> Any:
    """Call a function in a forked process; return its result, or None if the process dies."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python warns that other threads may hold locks, but the child takes none of these.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        _child(function, reader, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            data = pipe.read()
    except BaseException:  # This process has been asked to stop.
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
    result = pickle.loads(data) if status == 0 and data else None
    if isinstance(result, BaseException):
        raise result
    return result


def _child(function: Callable[[], Any], reader: int, writer: int) -> Never:
    status = 1
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.close(reader)
        try:
            result = function()
        except Exception as error:  # For example, the disk is full, which ends the run.
            result = error
        with open(writer, "wb") as pipe:
            pickle.dump(result, pipe, protocol=pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
