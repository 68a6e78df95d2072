"""A job as a value: it is small, can be pickled, and is the same wherever it is opened."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from kapre_ref import __version__
from kapre_ref._checks import check_choice
from kapre_ref._front_end import FrontEnd
from kapre_ref.command.asked import Asked
from kapre_ref.job import _plan
from kapre_ref.job._formats import DTYPES, FORMATS, SHARD_WRITERS, load_pyarrow
from kapre_ref.job._index import (
    INDEX,
    ShardReport,
    Summary,
    finished_shards,
    read_finished,
    summarised,
    write_index,
)
from kapre_ref.job._plan import JOB, JobError
from kapre_ref.job._remote import find, open_store
from kapre_ref.job._shard import ignore, run_shard
from kapre_ref.job._store import is_url, whole_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kapre_ref.command.search import Found
    from kapre_ref.job._remote import RemoteFound
    from kapre_ref.job._shard import Report
    from kapre_ref.job._store import Folder


@dataclass(frozen=True)
class Job:
    """Which recordings, which front end, and where the results go.

    `Job.plan` makes a job and `Job.open` opens it again. The list of recordings may be long, so a
    job does not hold it: each shard reads its own slice.

    Attributes
    ----------
    out : str
        Folder of the results.
    format : str
        "npy", "npz", "parquet" or "tar".
    dtype : str
        "float32" or "float16".
    mono : bool
        Whether all channels are mixed down to their mean.
    keep_partial : bool
        Whether recordings that are cut off count as far as they go.
    n_shards : int
        Number of shards; `run` takes a number from 0 to `n_shards - 1`.
    retry_failed : bool
        Whether `run` tries failed recordings again; `dataclasses.replace` sets it.
    """

    out: str
    asked: Asked
    format: str
    dtype: str
    mono: bool
    keep_partial: bool
    plan_name: str
    n_shards: int
    plot: bool = False
    retry_failed: bool = False

    @classmethod
    def plan(
        cls,
        inputs: Iterable[str | os.PathLike[str]],
        out: str | os.PathLike[str],
        front_end: FrontEnd,
        *,
        mono: bool = False,
        keep_partial: bool = False,
        format: str = "parquet",  # noqa: A002 - the word that users know
        dtype: str = "float32",
        extend: bool = False,
        shard_bytes: int | None = None,
    ) -> Job:
        """List the recordings and freeze the plan in the folder of the results.

        If the folder has a plan already, it must be the same. Recordings whose size or time of
        modification has changed since then will be done again.

        Parameters
        ----------
        inputs : iterable of paths
            Sound files, and folders that are searched for them; or URLs such as s3://bucket/folder.
        out : path
            Folder or URL of the results, made if it is not there.
        front_end : FrontEnd
            What computes the features. Recordings of another sample rate are resampled to its own.
        mono : bool
            Mix all channels down to their mean.
        keep_partial : bool
            Use recordings that are cut off or damaged as far as they go; otherwise they fail.
        format : str
            "npy", "npz", "parquet" or "tar".
        dtype : str
            The dtype of the features, "float32" or "float16".
        extend : bool
            Add recordings that are not in the plan yet, in shards of their own.
        shard_bytes : int or None
            Bytes of recordings in a shard; None chooses 4 to 64 MiB, by the size of the collection.

        Raises
        ------
        JobError
            If options, version or recordings differ from those of an earlier plan, if two
            recordings would have the same output, or if there is no recording.
        OSError
            If the folder cannot be written.
        """
        if not isinstance(front_end, FrontEnd):
            raise TypeError(f"front_end must be a FrontEnd, got {type(front_end).__name__}")
        found, failures = find([os.fspath(each) for each in inputs])
        for path, why in failures:
            raise JobError(f"inputs must be recordings or folders of them, got {path}: {why}")
        rate = front_end.sample_rate
        asked = Asked(
            "front end",
            front_end,
            int(rate) if rate.is_integer() else rate,
            {"mono": mono},
        )
        check_choice("format", format, FORMATS)
        check_choice("dtype", dtype, DTYPES)
        job = cls(whole_path(out), asked, format, dtype, mono, keep_partial, "", 0)
        return job.planned_for(found, extend=extend, shard_bytes=shard_bytes)

    def planned_for(
        self,
        found: Sequence[Found | RemoteFound],
        *,
        extend: bool = False,
        overwrite: bool = False,
        shard_bytes: int | None = None,
    ) -> Job:
        """Return this job with a plan of the recordings found, a new or an earlier one."""
        if self.format == "parquet":
            load_pyarrow()
        now = _plan.planned(found)
        store = open_store(self.out)
        if overwrite:
            _forget(store)
        if store.size(JOB) is not None:
            return Job.open(self.out)._again(self, now, extend, shard_bytes)
        if not now:
            raise JobError("RECORDING must name at least one recording, got none")
        ends = _plan.shard_ends(now, shard_bytes)
        name = _plan.write_lists(store, now, ends)
        job = dataclasses.replace(self, plan_name=name, n_shards=len(ends))
        if store.create_first(JOB, job._to_json()):
            return job
        # Another process has written its plan a moment earlier.
        _plan.remove_lists(store, name)
        return Job.open(self.out)._again(self, now, extend, shard_bytes)

    @classmethod
    def open(cls, out: str | os.PathLike[str]) -> Job:
        """Return the job that was planned in a folder.

        Raises
        ------
        JobError
            If the folder has no plan, or one of another version of kapre_ref.
        """
        out = whole_path(out)
        record = _read(open_store(out))
        if record is None:
            raise JobError(f"out must be a folder that has a plan, got {out}")
        if record["kapre_ref"] != __version__:
            raise JobError(
                f"{out} was made with kapre_ref {record['kapre_ref']}, and this is {__version__}: "
                f"results may differ"
            )
        return cls(
            out,
            Asked.from_record(record["asked"]),
            record["format"],
            record["dtype"],
            record["mono"],
            record["keep_partial"],
            record["plan"],
            record["shards"],
        )

    def _again(
        self, wanted: Job, now: list[_plan.Planned], extend: bool, shard_bytes: int | None
    ) -> Job:
        """Return this job, which was planned earlier, if it agrees with what is wanted now."""
        found = _plan.difference(self._what_decides(), wanted._what_decides())
        if found:
            raise JobError(f"{self.out} was {found}")
        store = open_store(self.out)
        job = self.with_options(plot=wanted.plot, retry_failed=wanted.retry_failed)
        if all(a == b for a, b in zip_longest(_plan.read_list(store, self.plan_name), now)):
            return job
        earlier = list(_plan.read_list(store, self.plan_name))
        try:
            current, new = _plan.merged(earlier, now, extend)
        except JobError as error:
            raise JobError(f"{self.out} was made of other recordings: {error}") from None
        if not new and current == earlier:
            return job
        ends = _plan.read_edges(store, self.plan_name)[1:]
        ends += [len(current) + end for end in _plan.shard_ends(new, shard_bytes)]
        name = _plan.write_lists(store, [*current, *new], ends)
        job = dataclasses.replace(job, plan_name=name, n_shards=len(ends))
        with store.create(JOB, "plan") as file:
            file.write(job._to_json())
        _plan.remove_lists(store, self.plan_name)
        return job

    def _what_decides(self) -> dict[str, Any]:
        """Return all options that results depend on, as JSON."""
        record: dict[str, Any] = json.loads(self._to_json())
        asked = record.pop("asked")
        record |= {name: asked[name] for name in ("feature", "n_mfccs", "sample_rate")}
        if self.format == "npz":  # Its files contain them.
            record["parameters"] = asked["parameters"]
        del record["plan"], record["shards"]
        return record

    def _to_json(self) -> bytes:
        record = {
            "kapre_ref": __version__,
            "format": self.format,
            "dtype": self.dtype,
            "mono": self.mono,
            "keep_partial": self.keep_partial,
            "asked": self.asked.to_record(),
            "plan": self.plan_name,
            "shards": self.n_shards,
        }
        return json.dumps(record, indent=1).encode()

    def with_options(self, *, plot: bool = False, retry_failed: bool = False) -> Job:
        """Return this job with other options of those that may differ from run to run."""
        return dataclasses.replace(self, plot=plot, retry_failed=retry_failed)

    def is_remote(self) -> bool:
        """Tell whether results or recordings are in a remote file system."""
        first = next(_plan.read_list(open_store(self.out), self.plan_name))
        return is_url(self.out) or is_url(first.path)

    @property
    def front_end(self) -> FrontEnd:
        """The front end; Kapre's options without a sample rate give that for 22050 Hz."""
        return self.asked.front_end_at(self.sample_rate or 22050)

    @property
    def sample_rate(self) -> float | None:
        """The rate that recordings are resampled to, Hz; None leaves them as they are."""
        return self.asked.sample_rate

    @property
    def edges(self) -> list[int]:
        """Where shards begin: shard `i` has the recordings from `edges[i]` to `edges[i + 1]`."""
        return _plan.read_edges(open_store(self.out), self.plan_name)

    def shard_file(self, shard: int) -> str:
        """Return the name of a shard's file, or "" if each recording has a file of its own."""
        return _shard_name(shard, self.format) if self.format in SHARD_WRITERS else ""

    def run(
        self, shard: int, *, alone: bool = False, lost: bool = False, report: Report | None = None
    ) -> ShardReport:
        """Do those recordings of a shard that are not done yet, in this process.

        Parameters
        ----------
        shard : int
            The number of the shard, from 0 to `n_shards - 1`.
        alone : bool
            Read each recording in a process of its own. If such a process dies, its recording has
            failed, and all other recordings still get their features.
        lost : bool
            Give up all recordings of the shard, because the process dies even with `alone`.
        report : callable or None
            It is called for each recording with its row of the index, a dict, and with "written",
            "kept" or "failed".

        Returns
        -------
        ShardReport
            How many recordings were written, kept or failed.

        Raises
        ------
        OutputError
            If nothing more can be written, for example because the disk is full.
        OSError
            If the plan or the index cannot be read or written.
        """
        if not 0 <= shard < self.n_shards:
            raise JobError(f"shard must be from 0 to {self.n_shards - 1}, got {shard}")
        mode = "lost" if lost else "alone" if alone else "together"
        return run_shard(self, shard, mode, report or ignore)

    def summary(self) -> Summary:
        """Return the counts and failures of all shards that are finished, from the index."""
        return summarised(finished_shards(open_store(self.out), self.n_shards), self.edges[-1])

    def rows(self, shard: int) -> list[dict[str, Any]] | None:
        """Return the rows of the index that a shard has; None if it is not finished."""
        finished = read_finished(open_store(self.out), shard)
        return finished and finished.rows()

    def finish(self) -> Summary:
        """Write the index, remove what dead processes left behind, and return the summary."""
        store = open_store(self.out)
        summary = write_index(store, self.n_shards, self.edges[-1])
        store.clear_all_unfinished(self.n_shards)
        return summary


def _read(store: Folder) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(store.read(JOB))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise JobError(f"{store.path(JOB)} must be a plan as kapre_ref writes it") from None
    return record


def _forget(store: Folder) -> None:
    """Remove a plan and the shards made by it, so that the folder can be planned anew."""
    record = _read(store)
    if record is None:
        return
    if record["format"] in SHARD_WRITERS:
        for shard in range(record["shards"]):
            store.remove(_shard_name(shard, record["format"]))
    store.remove(INDEX)
    store.remove_plan()


def _shard_name(shard: int, format_name: str) -> str:
    return f"part-{shard:06d}.{format_name}"
