"""What maps a job over its shards: processes of this machine, any executor, Ray."""

from __future__ import annotations

import os
import socket
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from kapre_ref._checks import check_integer
from kapre_ref._threads import set_num_threads
from kapre_ref.command.decoders import MissingExtraError, load_extra
from kapre_ref.job._index import ShardReport
from kapre_ref.job._recording import OutputError
from kapre_ref.job._shard import ignore, run_shard
from kapre_ref.job._workers import MODES, n_usable_cpus, run_locally

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Executor, Future
    from multiprocessing.context import BaseContext

    from kapre_ref.job._index import Summary
    from kapre_ref.job._job import Job
    from kapre_ref.job._shard import Report

    Reports = Generator[ShardReport, None, None]

_WINDOW = 256  # An engine holds so many shards at a time, so that it need not queue 100,000.


def run_job(
    job: Job,
    executor: Executor | None = None,
    *,
    workers: int | None = None,
    report: Report | None = None,
    context: BaseContext | None = None,
) -> Summary:
    """Do all shards of a job that are not done yet.

    Parameters
    ----------
    job : Job
        The job, as `Job.plan` or `Job.open` returns it.
    executor : concurrent.futures.Executor or None
        The executor whose workers do the shards; they must see the folder of the job under the same
        path. None starts processes on this machine; if one of them dies, only the recording that
        killed it is lost.
    workers : int or None
        The number of these processes; None starts one for each CPU that this process may use. With
        1, or with a single recording, this process does all the work.
    report : callable or None
        It is called with each recording's row of the index and "written", "kept" or "failed".
        Worker processes report recordings that are kept only if these failed before. With an
        executor, only recordings that failed are reported.
    context : multiprocessing context or None
        How the processes are started; None takes Python's default.

    Returns
    -------
    Summary
        The counts and failures of the whole job, as its index has them.

    Raises
    ------
    OutputError
        If nothing more can be written to the output folder, for example because the disk is full.
    ChildProcessError
        If processes of this machine end before they do anything.
    concurrent.futures.BrokenExecutor
        If a worker died and broke the executor, as happens with `ProcessPoolExecutor`. All files
        that were written are complete, so the job can be run again.
    """
    work = reports(job, executor, workers=workers, report=report, context=context)
    with closing(work):  # Closing it ends the processes, whatever happens.
        for _ in work:
            pass
    return job.finish()


def reports(
    job: Job,
    executor: Executor | None = None,
    *,
    workers: int | None = None,
    report: Report | None = None,
    context: BaseContext | None = None,
) -> Reports:
    """Do all shards that are not done yet, and yield the report of each when it is done."""
    report = report or ignore
    shards = range(job.n_shards)
    if executor is not None:
        return _run_on_executor(job, executor, report)
    workers = n_usable_cpus() if workers is None else check_integer("workers", workers, 1)
    if workers == 1 or job.edges[-1] == 1:
        return (job.run(shard, report=report) for shard in shards)
    return run_locally(job, shards, min(workers, job.n_shards), report, context)


def _run_on_executor(job: Job, executor: Executor, report: Report) -> Reports:
    running: dict[Future[ShardReport], tuple[int, int]] = {}

    def submit(shard: int, n_deaths: int) -> None:
        future = executor.submit(run_in_worker, job, shard, MODES[n_deaths], _this_process())
        running[future] = shard, n_deaths

    def result_of(future: Future[ShardReport]) -> ShardReport | Exception:
        try:
            return future.result()
        except (OutputError, MissingExtraError, OSError, BrokenExecutor):
            raise
        except Exception as error:
            # The engine itself has tried again already: something kills whoever reads the shard.
            return error

    def finished() -> Iterable[Future[ShardReport]]:
        return wait(running, return_when=FIRST_COMPLETED).done

    try:
        yield from _run_on_engine(job, running, submit, finished, result_of, report)
    finally:
        for future in running:
            future.cancel()


def _run_on_engine(
    job: Job,
    running: dict[Any, tuple[int, int]],
    submit: Callable[[int, int], None],
    finished: Callable[[], Iterable[Any]],
    result_of: Callable[[Any], ShardReport | Exception],
    report: Report,
) -> Reports:
    """Submit all shards, `_WINDOW` at a time, and yield the report of each when it is done.

    `submit(shard, n_deaths)` adds to `running` what stands for a shard there, and `finished()`
    waits for some of it. An exception that `result_of` returns means that the worker died: the
    shard is submitted again, in the next of the `MODES`.
    """
    waiting = iter(range(job.n_shards))
    for shard in islice(waiting, _WINDOW):
        submit(shard, 0)
    while running:
        for each in finished():
            shard, n_deaths = running.pop(each)
            result = result_of(each)
            if isinstance(result, ShardReport):
                _report_failures(job, result, report)
                yield result
                for following in islice(waiting, 1):
                    submit(following, 0)
            elif n_deaths + 1 == len(MODES):
                raise result
            else:
                submit(shard, n_deaths + 1)


def run_in_worker(job: Job, shard: int, mode: str, driver: tuple[str, int]) -> ShardReport:
    """Do a shard in a worker of an engine, with one thread if that is another process."""
    if _this_process() != driver:
        set_num_threads(1)
    return run_shard(job, shard, mode, ignore)


def _this_process() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _report_failures(job: Job, result: ShardReport, report: Report) -> None:
    """Report the failures of a shard that another process did, from the rows that it wrote."""
    for row in (job.rows(result.shard) or []) if result.n_failed else []:
        if row["error"]:
            report(row, "failed")


def run_on_ray(
    job: Job,
    address: str | None = None,
    *,
    num_cpus: float = 1,
    num_gpus: float = 0,
    report: Report | None = None,
) -> Summary:
    """Do all shards of a job that are not done yet as tasks of Ray.

    Parameters
    ----------
    job : Job
        The job, as `Job.plan` or `Job.open` returns it. All nodes must see its folder under the
        same path.
    address : str or None
        The address of a cluster; "auto" takes the cluster that this machine belongs to, and None
        starts processes on this machine. If Ray is initialised already, the address is ignored.
    num_cpus, num_gpus : float
        The CPUs and GPUs that Ray reserves for each task.
    report : callable or None
        It is called with the row of each recording that failed, and "failed".

    Returns
    -------
    Summary
        The counts and failures of the whole job, as its index has them.

    Raises
    ------
    OutputError
        If nothing more can be written to the output folder.
    """
    work = ray_reports(job, address, num_cpus=num_cpus, num_gpus=num_gpus, report=report)
    with closing(work):
        for _ in work:
            pass
    return job.finish()


def ray_reports(
    job: Job,
    address: str | None = None,
    *,
    num_cpus: float = 1,
    num_gpus: float = 0,
    report: Report | None = None,
) -> Reports:
    """Do all shards as tasks of Ray, and yield the report of each when it is done."""
    ray: Any = load_extra("ray", "ray")
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=3)(run_in_worker)
        yield from _run_on_ray(ray, task, job, report or ignore)
    finally:
        if is_ours:
            ray.shutdown()


def _run_on_ray(ray: Any, task: Any, job: Job, report: Report) -> Reports:
    stored_job = ray.put(job)
    running: dict[Any, tuple[int, int]] = {}

    def submit(shard: int, n_deaths: int) -> None:
        result = task.remote(stored_job, shard, MODES[n_deaths], _this_process())
        running[result] = shard, n_deaths

    def result_of(result: Any) -> Any:
        try:
            return ray.get(result)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
            return error
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None

    def finished() -> Any:
        done, _ = ray.wait(list(running), num_returns=1)
        return done

    yield from _run_on_engine(job, running, submit, finished, result_of, report)
