"""Work on slices of an array by a pool of threads, for kernels that release the GIL.

Three rules hold whatever ends a call: no kernel of it runs on, an interruption is answered between
two slices, and no thread computes once the interpreter is being taken apart.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from _thread import get_ident, start_new_thread
from collections import deque
from contextlib import suppress
from functools import wraps
from itertools import pairwise
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from kapre_ref._threads import get_num_threads

if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable

Operation = TypeVar("Operation", bound="Callable[..., None]")
T = TypeVar("T")

# Waking a thread and waiting for it takes 20 to 70 microseconds: less work is not worth it.
MIN_SECONDS = 200e-6
_MIN_SLICE_SECONDS = 50e-6
# A signal is answered between two slices. The guessed times may be ten times too short on a busy or
# old machine, and a tenth of a second is still soon enough.
MAX_SLICE_SECONDS = 10e-3
_SLICES_PER_THREAD = 4  # others then take over slices of a thread that loses its CPU for a while
_LAST_SECONDS = 10  # how long the end of the process waits at most for other threads' kernels


class _State(threading.local):
    inside = False  # whether this thread runs slices; calls from inside a slice stay on its thread


_state = _State()
# Helpers wait here for work. Every step is a single call of C, which no signal can cut in two; the
# pools of the standard library have locks that an interruption leaves locked.
_tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
_helpers: list[int] = []  # the identities of the helper threads
# Queues of parent processes are kept alive: threads that did not survive the fork waited at them.
_tasks_of_parents: list[SimpleQueue[Callable[[], None]]] = []


def run_slices(
    function: Callable[[int, int], object], n: int, seconds: float, granule: int = 1
) -> None:
    """Call `function(start, stop)` for slices that cover `range(n)`, on several threads.

    Slices start at multiples of `granule`. The number of threads decides where they start, so what
    is done for a number must not depend on its slice. `seconds` is a guess of the time on one
    thread.

    The calling thread takes slices too, until none is left, and waits only for slices that other
    threads have begun. So a busy pool delays nothing, and no thread can wait for itself.
    """
    n_threads = 1
    if seconds > MIN_SECONDS and n > granule and not _state.inside:
        n_threads = get_num_threads()
    if n_threads == 1 and seconds <= MAX_SLICE_SECONDS:
        if n:
            function(0, n)
        return
    slices = _slices_of(n, n_threads, seconds, granule)
    if n_threads > 1:
        _run_together(function, slices, n_threads - 1)
        return
    while slices:
        function(*slices.popleft())
        _stay_away_from_the_end()


def _slices_of(n: int, n_threads: int, seconds: float, granule: int) -> deque[tuple[int, int]]:
    """Return (start, stop) of slices, each of which takes neither too long nor too short a time."""
    n_granules = -(-n // granule)
    n_slices = min(n_threads * _SLICES_PER_THREAD, int(seconds / _MIN_SLICE_SECONDS))
    n_slices = min(n_granules, max(n_slices, int(seconds / MAX_SLICE_SECONDS) + 1))
    edges = [granule * (n_granules * i // n_slices) for i in range(n_slices)] + [n]
    return deque(pairwise(edges))


def _run_together(
    function: Callable[[int, int], object], slices: deque[tuple[int, int]], n_helpers: int
) -> None:
    """Call a function for all slices, on this thread and on those helpers that come in time."""
    begun: list[LockType] = []
    errors: list[BaseException] = []

    def help_out() -> None:
        ended = threading.Lock()
        ended.acquire()
        begun.append(ended)  # before it takes a slice, so that the caller knows of every one taken
        try:
            _work(function, slices)
        except BaseException as error:
            errors.append(error)
        finally:
            begun.remove(ended)
            ended.release()

    # The second `_join` is for a signal that comes just as the first one begins.
    try:
        try:
            _start_helpers(help_out, min(n_helpers, len(slices) - 1))
            _work(function, slices)
        finally:
            _join(slices, begun)
    finally:
        _join(slices, begun)
    _stay_away_from_the_end()
    if errors:
        _raise(errors)


def _work(function: Callable[[int, int], object], slices: deque[tuple[int, int]]) -> None:
    """Take slices until none is left."""
    _state.inside = True
    try:
        while True:
            try:
                start, stop = slices.popleft()
            except IndexError:
                return
            function(start, stop)
            _stay_away_from_the_end()
    except _Ending:
        slices.clear()
    finally:
        _state.inside = False


def _raise(errors: list[BaseException]) -> NoReturn:
    """Raise the first of some errors, and keep no reference: the error holds the call's arrays."""
    error = errors[0]
    errors.clear()
    try:
        raise error
    finally:
        del error


def _join(slices: deque[tuple[int, int]], begun: list[LockType]) -> None:
    """Begin no more slices, and wait until all slices that were begun have ended.

    Helpers write to the caller's arrays. So an exception that interrupts the wait is raised only
    after it.
    """
    interruptions: list[BaseException] = []
    while True:
        try:
            slices.clear()
            _state.inside = False  # for an interruption that came before `_work` could reset it
            # A helper leaves the list before its lock is released. So this loop never waits twice
            # for one lock, even if an interruption comes just after the lock was acquired.
            while begun:
                for ended in tuple(begun):
                    ended.acquire()
            break
        except BaseException as error:
            interruptions.append(error)
    if interruptions:
        _raise(interruptions)


def _start_helpers(function: Callable[[], None], n_helpers: int) -> None:
    """Let helpers call a function as soon as they are free."""
    # There is no lock, since a fork could leave it locked. At worst, too many helpers are started.
    with suppress(RuntimeError):  # if no thread can start, the helpers there are, or the caller, do
        while len(_helpers) < n_helpers:
            _helpers.append(start_new_thread(_help, (_tasks,)))
    for _ in range(min(n_helpers, len(_helpers))):
        _tasks.put(function)


def _help(tasks: SimpleQueue[Callable[[], None]]) -> None:
    """Do tasks for as long as the process lives, and hold none that is done."""
    while True:
        task = tasks.get()
        task()
        del task


# At the end of the process, daemon threads go on while the interpreter is taken apart, and with it
# compiled code and the memory that kernels write to. So the end waits for the kernels of other
# threads, and these threads can begin no further kernel.

_at_work: list[None] = []  # one entry for each operation that a thread other than the main one runs
_last_thread: int | None = None  # the thread that ends the interpreter, as soon as it does so


def operation(function: Operation) -> Operation:
    """Make the end of the process wait for a function that calls kernels.

    Every function that the library calls from outside is an operation, and no operation calls
    another one: `_at_work` would count both, and if the end came meanwhile, only one would leave.
    """

    @wraps(function)
    def call(*arguments: Any) -> None:
        if get_ident() == _main_thread:
            function(*arguments)
            return
        _stay_away_from_the_end(is_at_work=False)
        _at_work.append(None)
        try:
            function(*arguments)
        finally:
            _at_work.pop()

    return cast("Operation", call)


def out_of_reach(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function on a thread of its own, where no signal interrupts it.

    Only the wait for it can be interrupted; the function then goes on by itself. numba needs this:
    an interruption in the midst of its first compilation leaves it unable to compile anything.
    """
    if get_ident() != _main_thread:  # no signal comes here
        return function(*arguments)
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Lock()
    ended.acquire()

    @operation
    def run() -> None:
        try:
            results.append(function(*arguments))
        except BaseException as error:
            errors.append(error)

    def run_and_tell() -> None:
        run()
        ended.release()

    try:
        start_new_thread(run_and_tell, ())
    except RuntimeError:  # no thread can start
        return function(*arguments)
    ended.acquire()
    if errors:
        _raise(errors)
    return results[0]


class _Ending(BaseException):
    """Raised inside a slice when the end of the process has begun, to stop the call's slices."""


def _stay_away_from_the_end(is_at_work: bool = True) -> None:
    """Stop for ever if this is not the thread that ends the interpreter.

    Inside a slice, raise instead: the caller stops when all threads that help it have ended. A
    thread that `is_at_work` leaves the list of those that the end waits for.
    """
    if _last_thread is not None and threading.get_ident() != _last_thread:
        if _state.inside:
            raise _Ending
        if is_at_work and _at_work:
            _at_work.pop()
        while True:
            time.sleep(3600)


@atexit.register
def _wait_for_kernels() -> None:
    global _last_thread
    _last_thread = threading.get_ident()
    deadline = time.monotonic() + _LAST_SECONDS
    while _at_work and time.monotonic() < deadline:
        time.sleep(1e-3)


def _after_fork() -> None:
    global _tasks, _main_thread, _last_thread
    _tasks_of_parents.append(_tasks)
    _tasks = SimpleQueue()
    _helpers.clear()
    _state.inside = False
    _main_thread, _last_thread = threading.get_ident(), None
    _at_work.clear()


_main_thread = threading.main_thread().ident

if hasattr(os, "register_at_fork"):
    # A fork could also be noticed by its process id, but the system gives process ids out again.
    os.register_at_fork(after_in_child=_after_fork)
