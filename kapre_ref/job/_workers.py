"""Worker processes on this machine, which do one shard at a time and may die at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections import deque
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from kapre_ref._threads import set_num_threads
from kapre_ref.command.decoders import MissingExtraError
from kapre_ref.job._index import ShardReport
from kapre_ref.job._recording import OutputError
from kapre_ref.job._shard import load_kernels, run_shard

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext

    from kapre_ref.job._job import Job
    from kapre_ref.job._shard import Report

    Reports = Generator[ShardReport, None, None]

# How a shard is done at first, after one worker has died of it, and after two or more.
MODES = ("together", "alone", "lost")
_SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
# So many workers may die of one shard. The later ones read nothing, so recordings are not to blame.
_ENOUGH_DEATHS = 5
_PATIENCE = 0.6  # s, in which a worker can remove a file that it has half written


def n_usable_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Slot:
    """A worker process, the connection to it, and the shard that it does."""

    def __init__(self, job: Job, context: BaseContext) -> None:
        self.connection, self._theirs = context.Pipe()
        self.process = context.Process(  # type: ignore[attr-defined]
            target=_work, args=(job, self._theirs), name="kapre_ref worker", daemon=True
        )
        self.shard = -1

    def start(self) -> None:
        """Start the process; the slot must be in the list of slots before, to be stopped too."""
        # Signals wait until the process is set up.
        with _blocked_signals(), warnings.catch_warnings():
            # Python warns that other threads may hold locks, but the worker takes none of these.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        self._theirs.close()

    def give(self, shard: int, mode: str) -> None:
        """Let the worker do a shard."""
        self.shard = shard
        with suppress(OSError):  # The worker has died, which `run_locally` will notice.
            self.connection.send((shard, mode))

    def messages(self) -> Iterator[tuple[str, Any]]:
        """Yield the messages that the worker has sent, (kind, value) each."""
        with suppress(EOFError, OSError):
            while self.connection.poll():
                yield self.connection.recv()


def run_locally(
    job: Job,
    shards: Iterable[int],
    n_workers: int,
    report: Report,
    context: BaseContext | None = None,
) -> Reports:
    """Do shards in worker processes; yield the report of each when it is done.

    If a worker dies, its shard is done again with each recording in a process of its own.
    """
    context = context or multiprocessing.get_context()
    waiting = deque((shard, 0) for shard in shards)
    n_deaths: dict[int, int] = {}
    # What was reported of each shard that is not done yet.
    said: dict[int, set[tuple[str, str | None]]] = {}
    if context.get_start_method() == "fork":
        load_kernels(job)  # Forked workers have them then, and need not load them.
    slots: list[_Slot] = []
    try:
        while waiting or any(slot.shard >= 0 for slot in slots):
            _occupy(slots, waiting, n_workers, job, context)
            wait(
                [slot.connection for slot in slots] + [slot.process.sentinel for slot in slots],
                timeout=1,
            )
            for slot in list(slots):
                is_dead = not slot.process.is_alive()
                for kind, value in slot.messages():
                    if kind == "row":
                        row, outcome = value
                        known = said.setdefault(slot.shard, set())
                        what = row["recording"], row["error"]
                        if what not in known:  # Else a worker that died has reported it.
                            known.add(what)
                            report(row, outcome)
                    elif kind == "done":
                        said.pop(slot.shard, None)
                        slot.shard = -1
                        yield value
                    elif kind == "warning":
                        warnings.warn(value, stacklevel=2)
                    else:
                        raise value
                if is_dead:
                    slots.remove(slot)
                    slot.connection.close()
                    if slot.shard >= 0:
                        n_deaths[slot.shard] = n = n_deaths.get(slot.shard, 0) + 1
                        if n > _ENOUGH_DEATHS:
                            raise ChildProcessError(
                                f"worker processes end before they do anything, the last with exit "
                                f"code {slot.process.exitcode}; a script that starts some must do "
                                f'so below `if __name__ == "__main__":`'
                            )
                        waiting.appendleft((slot.shard, min(n, len(MODES) - 1)))
    finally:
        _stop(slots)


def _occupy(
    slots: list[_Slot],
    waiting: deque[tuple[int, int]],
    n_workers: int,
    job: Job,
    context: BaseContext,
) -> None:
    """Give each idle worker a shard, and start workers while shards are left."""
    for slot in slots:
        if waiting and slot.shard < 0:
            shard, n_deaths = waiting.popleft()
            slot.give(shard, MODES[n_deaths])
    while waiting and len(slots) < n_workers:
        slots.append(_Slot(job, context))
        slots[-1].start()
        shard, n_deaths = waiting.popleft()
        slots[-1].give(shard, MODES[n_deaths])


def _stop(slots: list[_Slot]) -> None:
    """End all workers, after a short time in which they can remove half-written files."""
    slots = [slot for slot in slots if slot.process.pid is not None]
    for slot in slots:
        slot.process.terminate()
    until = time.monotonic() + _PATIENCE
    for slot in slots:
        slot.process.join(max(0.0, until - time.monotonic()))
        if slot.process.is_alive():
            slot.process.kill()
            slot.process.join()
        slot.connection.close()


@contextmanager
def _blocked_signals() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def _sent_once(connection: Connection) -> Any:
    """Return a function that sends the text of a warning to the driver, each text once."""
    sent = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in sent:
            sent.add(str(message))
            connection.send(("warning", str(message)))

    return show


def _work(job: Job, connection: Connection) -> None:
    """Do the shards that the driver sends, until it is gone."""
    driver, parent = multiprocessing.parent_process(), os.getppid()  # a fork server may be between
    for each in _SIGNALS:  # The driver gets them too, and decides.
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    set_num_threads(1)

    def report(row: dict[str, Any], outcome: str) -> None:
        if os.getppid() != parent:
            sys.exit(1)
        if outcome != "kept" or row["error"]:
            connection.send(("row", (row, outcome)))

    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = _sent_once(connection)
    while True:
        # If the driver dies, the pipe stays open: workers that were forked later hold it too.
        while not connection.poll(1):
            if os.getppid() != parent or (driver and not driver.is_alive()):
                return
        try:
            shard, mode = connection.recv()
            connection.send(("done", run_shard(job, shard, mode, report)))
        except (OutputError, MissingExtraError, OSError) as error:
            with suppress(OSError):
                connection.send(("error", error))
        except EOFError:
            return
