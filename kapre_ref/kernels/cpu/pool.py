"""Work on slices of an array by a pool of threads, for kernels that release the GIL."""

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from kapre_ref._threads import get_num_threads

# Waking a thread and waiting for it takes 20 to 70 microseconds: less work is not worth it.
MIN_SECONDS = 200e-6
_MIN_SLICE_SECONDS = 50e-6
_SLICES_PER_THREAD = 4  # so that threads whose CPU is taken away for a while leave work to others

_state = threading.local()  # .inside: this thread runs slices, so what it starts stays serial
_pool = None  # (number of helpers, executor)
_pools_of_parents = []  # kept: their threads did not survive the fork, so nothing may end them


def run_slices(function, n_items, seconds, granule=1):
    """Call `function(start, stop)` for slices that cover `range(n_items)`, on several threads.

    Slices start at multiples of `granule`; which, depends on the number of threads, so the result
    for an item must not depend on its slice. `seconds` is a guess of the time on one thread.

    The calling thread takes slices too, until none is left, and waits only for those that other
    threads have begun: a busy pool delays nothing, and no thread can wait for itself.
    """
    n_granules = -(-n_items // granule)
    n_threads = 1
    if seconds > MIN_SECONDS and n_granules > 1 and not getattr(_state, "inside", False):
        n_threads = get_num_threads()
    if n_threads == 1:
        if n_items:
            function(0, n_items)
        return
    n_slices = min(n_granules, n_threads * _SLICES_PER_THREAD, int(seconds / _MIN_SLICE_SECONDS))
    edges = [granule * (n_granules * i // n_slices) for i in range(n_slices)] + [n_items]
    slices = deque(pairwise(edges))

    def work():
        _state.inside = True
        try:
            while True:
                try:
                    start, stop = slices.popleft()
                except IndexError:
                    return
                function(start, stop)
        finally:
            _state.inside = False

    helpers = _start_helpers(work, min(n_threads, n_slices) - 1)
    try:
        work()
    finally:
        slices.clear()  # after an error nothing more is begun
        errors = [helper.exception() for helper in helpers if not helper.cancel()]
    for error in filter(None, errors):
        raise error


def _start_helpers(work, n_helpers):
    global _pool
    # Without a lock, which a fork could leave locked: at worst two threads make a pool each, and
    # one of these ends with the work it was made for.
    pool = _pool
    if pool is None or pool[0] < n_helpers:
        pool = _pool = (n_helpers, ThreadPoolExecutor(n_helpers, "kapre_ref"))
    helpers = []
    try:
        for _ in range(n_helpers):
            helpers.append(pool[1].submit(work))
    except RuntimeError:
        pass  # no more threads, or the interpreter is about to end: the calling thread does it all
    return helpers


def _forget_pool():
    global _pool
    _pools_of_parents.append(_pool)
    _pool = None
    _state.inside = False


if hasattr(os, "register_at_fork"):
    # Rather than compare process ids, which come again.
    os.register_at_fork(after_in_child=_forget_pool)
