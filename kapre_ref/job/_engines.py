"""What maps a job over its shards: processes of this machine, any executor, Ray."""

from __future__ import annotations

import os
import socket
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING, Any

from kapre_ref._checks import check_integer
from kapre_ref._threads import set_num_threads
from kapre_ref.command.decoders import MissingExtraError
from kapre_ref.job._recording import OutputError
from kapre_ref.job._workers import MODES, n_usable_cpus, run_here, run_locally

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Executor, Future
    from multiprocessing.context import BaseContext

    from kapre_ref.job._index import ShardReport, Summary
    from kapre_ref.job._job import Job
    from kapre_ref.job._shard import Report

    Reports = Generator[ShardReport, None, None]

_WINDOW = 256  # shards that an engine holds at a time, so that it need not queue 100,000


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
        As `Job.plan` or `Job.open` returns it.
    executor : concurrent.futures.Executor or None
        What calls `job.run`; its workers must see the folder of the job under the same path. None
        for processes of this machine, of which each may die without harm to more than the
        recording that kills it.
    workers : int or None
        Number of these processes; None for the CPUs that this process may use. With 1, or a single
        recording, all is done in this process.
    report : callable or None
        Called with each recording's row of the index and "written", "kept" or "failed"; for
        recordings kept, and with an executor, of those that failed only.
    context : multiprocessing context or None
        How the processes are started; None for Python's default.

    Returns
    -------
    Summary
        What the index says of the whole job.

    Raises
    ------
    OutputError
        If the output folder takes nothing more, e.g. since the disk is full.
    ChildProcessError
        If processes of this machine end before they do anything.
    concurrent.futures.BrokenExecutor
        If a worker of the executor died and took the executor with it, as it does that of
        `concurrent.futures`. What is written is whole: run again.
    """
    work = reports(job, executor, workers=workers, report=report, context=context)
    with closing(work):  # which ends the processes, whatever happens
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
    """Do all shards, and yield the report of each when it is done."""
    report = report or (lambda row, outcome: None)
    shards = range(job.n_shards)
    if executor is not None:
        return _run_on_executor(job, executor, report)
    workers = n_usable_cpus() if workers is None else check_integer("workers", workers, 1)
    if workers == 1 or job.edges[-1] == 1:
        return run_here(job, shards, report)
    return run_locally(job, shards, min(workers, job.n_shards), report, context)


def _run_on_executor(job: Job, executor: Executor, report: Report) -> Reports:
    waiting = iter(range(job.n_shards))
    running: dict[Future[ShardReport], tuple[int, int]] = {}

    def submit(shard: int, n_deaths: int) -> None:
        future = executor.submit(run_in_worker, job, shard, MODES[n_deaths], _this_process())
        running[future] = shard, n_deaths

    try:
        for shard in waiting:
            submit(shard, 0)
            if len(running) == _WINDOW:
                break
        while running:
            done = wait(running, return_when=FIRST_COMPLETED).done
            for future in done:
                shard, n_deaths = running.pop(future)
                try:
                    result = future.result()
                except (OutputError, MissingExtraError, OSError, BrokenExecutor):
                    raise
                except Exception:
                    # The engine's own retries are over: something kills whoever reads it.
                    if n_deaths + 1 == len(MODES):
                        raise
                    submit(shard, n_deaths + 1)
                    continue
                report_failures(job, result, report)
                yield result
                for following in waiting:
                    submit(following, 0)
                    break
    finally:
        for future in running:
            future.cancel()


def run_in_worker(job: Job, shard: int, mode: str, driver: tuple[str, int]) -> ShardReport:
    """Do a shard in a worker of an engine, with one thread if that is another process."""
    if _this_process() != driver:
        set_num_threads(1)
    return job.run(shard, alone=mode == "alone", lost=mode == "lost")


def _this_process() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def report_failures(job: Job, result: ShardReport, report: Report) -> None:
    """Report the failures of a shard by its index, which other processes wrote."""
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
        As `Job.plan` or `Job.open` returns it. All nodes must see its folder under its path.
    address : str or None
        Of a cluster, "auto" for that which this machine belongs to; None for processes of this
        machine. If Ray is initialised already, that is taken.
    num_cpus, num_gpus : float
        What Ray reserves for a task.
    report : callable or None
        Called with the row of each recording that failed, and "failed".

    Returns
    -------
    Summary
        What the index says of the whole job.

    Raises
    ------
    OutputError
        If the output folder takes nothing more.
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
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            f"this needs the package ray, which cannot be imported ({error}); install it with: "
            f'pip install "kapre_ref[ray]"'
        ) from error
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=3)(run_in_worker)
        yield from _run_on_ray(ray, task, job, report or (lambda row, outcome: None))
    finally:
        if is_ours:
            ray.shutdown()


def _run_on_ray(ray: Any, task: Any, job: Job, report: Callable[..., None]) -> Reports:
    whole = ray.put(job)
    waiting = iter(range(job.n_shards))
    running = {}

    def submit(shard: int, n_deaths: int) -> None:
        running[task.remote(whole, shard, MODES[n_deaths], _this_process())] = shard, n_deaths

    for shard in waiting:
        submit(shard, 0)
        if len(running) == _WINDOW:
            break
    while running:
        (done,), _ = ray.wait(list(running), num_returns=1)
        shard, n_deaths = running.pop(done)
        try:
            result = ray.get(done)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
            if n_deaths + 1 == len(MODES):
                raise
            submit(shard, n_deaths + 1)
            continue
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        report_failures(job, result, report)
        yield result
        for following in waiting:
            submit(following, 0)
            break
