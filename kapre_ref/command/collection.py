"""The features of many recordings: what the command prints while a job runs, and at its end."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from kapre_ref.command.feature_files import atomic_file, picture_of
from kapre_ref.command.options import UsageError, kapre_options_given
from kapre_ref.command.recordings import Mixture
from kapre_ref.command.terminal import Interrupted, Progress, interrupts, say
from kapre_ref.job import Job, JobError, OutputError
from kapre_ref.job._engines import ray_reports, reports
from kapre_ref.job._formats import DTYPES
from kapre_ref.job._plan import planned
from kapre_ref.job._recording import compute
from kapre_ref.job._store import is_url, whole_path
from kapre_ref.job._workers import n_usable_cpus, run_locally

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from kapre_ref.command.asked import Asked
    from kapre_ref.command.search import Found, PassedOver
    from kapre_ref.job import ShardReport
    from kapre_ref.job._remote import RemoteFound

    AnyFound = Found | RemoteFound

    Reports = Generator[ShardReport, None, None]

_OF_A_RECORDING = ("npy", "npz")  # formats with a file for each recording
_WORKER_SHARDS = 4  # Without --workers, there is one worker more for each four shards.


def run_collection(
    arguments: argparse.Namespace,
    asked: Asked,
    found: Sequence[AnyFound],
    failures: list[tuple[str, str]],
    passed_over: PassedOver,
) -> int:
    """Compute the features of all recordings that were found; return the exit status.

    `failures` lists arguments that are no recordings, and why. `passed_over` counts other files
    that the search saw.
    """
    single = _names_file(arguments)
    if not single:
        _check_folder(arguments)
    told = _Told(arguments, failures, passed_over)
    if not found and arguments.recordings:
        return told.end()
    for note in () if arguments.quiet else asked.notes:
        say(f"kapre-ref: note: {note}", sys.stderr)
    if single:
        return _run_single(arguments, asked, found[0], told)
    try:
        job = _job_of(arguments, asked, found)
    except JobError as error:
        advice = _ADVICE if "was made" in str(error) else ""
        raise UsageError(f"{error}{advice}") from error
    except OSError as error:
        raise UsageError(f"--out: {arguments.out}: {error.strerror or error}") from error
    if arguments.plan:
        say(f"planned {job.edges[-1]} recordings: --shard 0 to {job.n_shards - 1}")
        return told.end()
    return told.end() if _done(arguments, job, told) else 1


_ADVICE = "; --extend adds new recordings, --overwrite does all anew, or take another --out"


def _names_file(arguments: argparse.Namespace) -> bool:
    """Tell whether --out names the output of a single recording; if so, set the format."""
    out: str = arguments.out
    suffix = os.path.splitext(out)[1][1:].lower()
    if suffix not in _OF_A_RECORDING or os.path.isdir(out) or is_url(out):
        return False
    if len(arguments.recordings) != 1 or os.path.isdir(arguments.recordings[0]):
        raise UsageError(f"--out must be a folder unless there is one recording, got {out}")
    if arguments.format not in (None, suffix):
        raise UsageError(f"--out must end in .{arguments.format} with --format, got {out}")
    arguments.format = suffix
    return True


def _check_folder(arguments: argparse.Namespace) -> None:
    if os.path.exists(arguments.out) and not os.path.isdir(arguments.out):
        raise UsageError(
            f"--out must be a folder or end in .npy or .npz, got the file {arguments.out}"
        )


def _job_of(arguments: argparse.Namespace, asked: Asked, found: Sequence[AnyFound]) -> Job:
    """Return the job that the command line asks for, or that it goes on with."""
    own = {"plot": arguments.plot, "retry_failed": arguments.retry_failed}
    if arguments.recordings:
        kind = arguments.format or "npy", arguments.dtype or DTYPES[0]
        how = *kind, arguments.mono, arguments.keep_partial
        job = Job(whole_path(arguments.out), asked, *how, "", 0, **own)
        changes = {"extend": arguments.extend, "overwrite": arguments.overwrite}
        return job.planned_for(found, **changes)
    given = [f"--{n.replace('_', '-')}" for n in _DECIDING if getattr(arguments, n)]
    for flag in (*kapre_options_given(arguments), *given):
        raise UsageError(
            f"{flag} must not be given without RECORDING: then --out goes on with what was planned"
        )
    return Job.open(arguments.out).with_options(**own)


_DECIDING = (
    "front_end", "front_end_file", "format", "dtype", "mono", "sample_rate", "keep_partial",
    "normalise",
    "extend", "overwrite"
)  # fmt: skip


def _reports_of(arguments: argparse.Namespace, job: Job, told: _Told) -> Reports:
    """Start the work on a job where the command line wants it."""
    if arguments.ray is not None:
        return ray_reports(job, arguments.ray or None, report=told.row)
    # Forked processes share what is loaded, but clients of object stores do not survive a fork.
    can_fork = "fork" in multiprocessing.get_all_start_methods() and not job.is_remote()
    context: Any = multiprocessing.get_context("fork" if can_fork else "spawn")
    if arguments.shard is not None:
        if not 0 <= arguments.shard < job.n_shards:
            raise UsageError(f"--shard must be from 0 to {job.n_shards - 1}, got {arguments.shard}")
        return run_locally(job, [arguments.shard], 1, told.row, context)
    n_workers = arguments.workers
    if n_workers is None:
        # Each further process must be worth its start. There is at least one beside this process:
        # a recording that kills its reader must not end the command.
        n_workers = max(2, min(n_usable_cpus(), 1 + job.n_shards // _WORKER_SHARDS))
    return reports(job, workers=n_workers, report=told.row, context=context)


def _done(arguments: argparse.Namespace, job: Job, told: _Told) -> bool:
    """Do a job and print its progress; return whether it came to its end."""
    n_recordings = job.edges[-1]
    told.job = job
    try:
        with (
            Progress(n_recordings, arguments.quiet) as told.progress,
            closing(_reports_of(arguments, job, told)) as work,  # Closing it ends its processes.
        ):
            for each in work:
                told.shard(each)
        if arguments.shard is None:
            job.finish()
    except Interrupted:
        told.end(interrupted=True)
        raise
    except ChildProcessError as error:
        told.end(interrupted=True)
        say(f"kapre-ref: error: {error}", sys.stderr)
        return False
    except (OutputError, OSError) as error:
        told.end(interrupted=True)
        text = str(error)
        if isinstance(error, OSError) and error.strerror:
            text = f"{job.out}: {error.strerror}"
        say(
            f"kapre-ref: error: --out takes no more: {text}; what is written is complete",
            sys.stderr,
        )
        return False
    return True


class _Told:
    """What was printed about the recordings so far, and what must be printed at the end."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        failures: list[tuple[str, str]],
        passed_over: PassedOver,
    ) -> None:
        self._out, self._plot, self._json = arguments.out, arguments.plot, arguments.json
        # With --json, other lines would stand among the objects.
        self._quiet = arguments.quiet or arguments.json
        self._started = time.monotonic()
        self._failures: list[tuple[str, str]] = []
        self._outcomes: Counter[str] = Counter()
        self._said: set[str] = set()  # recordings of unfinished shards that were printed as JSON
        self._n_lines = 0  # lines printed after the first failure
        self._passed_over, self._mixture = passed_over, Mixture()
        self.job: Job | None = None
        self.progress: Progress | None = None
        for path, reason in failures:
            self._fail(path, reason)
            self._outcomes["failed"] += 1

    def row(self, row: dict[str, Any], outcome: str) -> None:
        """Print what became of a recording."""
        if self._json and not row["error"] and outcome != "kept":
            self._say_object(row, "written")
            self._said.add(row["recording"])
        if row["error"]:
            self._fail(row["recording"], row["error"])
        elif outcome == "written":
            self._mixture.add(row["sample_rate"], 1 if len(row["shape"]) < 3 else row["shape"][0])
            if row["warning"]:
                path = _shown(row["recording"])
                self._say(f"kapre-ref: warning: {path}: {row['warning']}", sys.stderr)
            if self.job and self.job.format in _OF_A_RECORDING:
                self.wrote(os.path.join(self._out, row["output"]), row)
        if self.progress and outcome != "kept":
            self.progress.add(1, row["seconds"])
            self._outcomes["told"] += 1
        interrupts.check()

    def wrote(self, output: str, row: dict[str, Any]) -> None:
        """Print which file has the features of a recording."""
        if self._quiet:
            return
        line = f"wrote {output}: {tuple(row['shape'])}, {row['seconds']:.2f} s"
        line += f" at {row['sample_rate']:g} Hz"
        self._say(line + (f", picture {picture_of(output)}" if self._plot else ""))

    def count(self, outcome: str) -> None:
        """Count a single recording."""
        self._outcomes[outcome] += 1

    def shard(self, report: ShardReport) -> None:
        """Count the recordings of a shard that is done."""
        for name in ("written", "kept", "failed"):
            self._outcomes[name] += getattr(report, f"n_{name}")
        if self.progress:
            n_recordings = report.n_written + report.n_kept + report.n_failed
            self.progress.add(n_recordings - self._outcomes.pop("told", 0), 0.0)
        if self._json and self.job:
            self._say_rest(self.job.rows(report.shard) or [], report)
        name = self.job.shard_file(report.shard) if self.job else ""
        if name and report.n_written and not self._quiet:
            self._say(
                f"wrote {os.path.join(self._out, name)}: {report.n_written} recordings, "
                f"{report.seconds:.2f} s"
            )

    def _say_rest(self, rows: list[dict[str, Any]], report: ShardReport) -> None:
        """Print the recordings of a shard that were kept, or that other processes wrote."""
        rest = [r for r in rows if not r["error"] and r["recording"] not in self._said]
        is_kept = len(rest) == report.n_kept
        outcome = "kept" if is_kept else "written" if not report.n_kept else "written or kept"
        for row in rest:
            self._say_object(row, outcome)
        self._said.difference_update(row["recording"] for row in rows)

    def _say_object(self, row: dict[str, Any], outcome: str) -> None:
        names = ("recording", "output", "shape", "sample_rate", "seconds", "warning", "error")
        self._say(json.dumps({name: row.get(name) for name in names} | {"outcome": outcome}))

    def _fail(self, path: str, reason: str) -> None:
        if self._json:
            self._say_object({"recording": path, "error": reason}, "failed")
        path = _shown(path)
        self._failures.append((path, reason))
        self._say(f"kapre-ref: failed: {path}: {reason}", sys.stderr)

    def _say(self, line: str, stream: Any = None) -> None:
        self._n_lines += bool(self._failures)
        if self.progress:
            self.progress.say(line, stream)
        else:
            say(line, stream)

    def end(self, interrupted: bool = False) -> int:
        """Print a summary, and all failures again unless they are the last lines already.

        Return the exit status.
        """
        self.progress = None
        if self._n_lines > len(self._failures) or len(self._failures) > 1:
            say(f"kapre-ref: all failures, {len(self._failures)}:", sys.stderr)
            for path, reason in self._failures:
                say(f"  {path}: {reason}", sys.stderr)
        for text in (*self._mixture.warnings(), str(self._passed_over)):
            if text:
                say(f"kapre-ref: warning: {text}", sys.stderr)
        if not self._quiet:
            names = ("written", "kept", "failed")
            counts = ", ".join(f"{self._outcomes[name]} {name}" for name in names)
            seconds = time.monotonic() - self._started
            say(f"{counts} in {seconds:.1f} s" + (", not all" if interrupted else ""))
        return 1 if self._failures else 0


def _shown(path: str) -> str:
    """Return a path without the current folder, if it lies there: so users give it."""
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here)


def _run_single(arguments: argparse.Namespace, asked: Asked, found: AnyFound, told: _Told) -> int:
    """Write the features of a recording to the file that --out names."""
    folder, name = os.path.split(os.path.abspath(arguments.out))
    picture = picture_of(arguments.out)
    if (
        arguments.plot
        and not arguments.overwrite
        and os.path.exists(picture)
        and not os.path.exists(arguments.out)
    ):
        raise UsageError(f"{picture} exists without {arguments.out}; --overwrite replaces it")
    kind = arguments.format, arguments.dtype or DTYPES[0]
    how = *kind, arguments.mono, arguments.keep_partial
    job = Job(folder, asked, *how, "", 0, arguments.plot)
    (what,) = planned([found])
    try:
        row, _ = compute(job, what, _File(folder), name, "")
    except OutputError as error:
        say(f"kapre-ref: error: --out takes no more: {error}", sys.stderr)
        return 1
    interrupts.check()
    told.row(row, "single")
    if not row["error"]:
        if row["warning"]:
            say(f"kapre-ref: warning: {found.path}: {row['warning']}", sys.stderr)
        told.wrote(arguments.out, row)
    told.count("failed" if row["error"] else "written")
    return told.end()


class _File:
    """The folder of a single output, and of its picture."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.scratch: str | None = folder

    def create(self, name: str, tag: str) -> AbstractContextManager[BinaryIO]:
        """Open a file that becomes `name` when it is complete, and is removed otherwise."""
        return atomic_file(os.path.join(self._folder, name))

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has."""
        return os.path.getsize(os.path.join(self._folder, name))
