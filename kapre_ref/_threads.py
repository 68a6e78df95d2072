"""How many threads the CPU kernels use."""

from __future__ import annotations

import os

from kapre_ref._checks import check_integer

_VARIABLE = "KAPRE_REF_NUM_THREADS"
_chosen: int | None = None


def set_num_threads(n: int | None) -> None:
    """Set the number of threads that CPU kernels use from now on, in this process.

    Parameters
    ----------
    n : int or None
        1 or more; None goes back to the default: the environment variable KAPRE_REF_NUM_THREADS if
        it is set, else the number of CPUs that this process may use.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of 1 or more.

    Notes
    -----
    Results have the same bits whatever the number. Small inputs run in the calling thread.

    Ctrl-C is answered within 0.3 s on any number of threads, and no part of the call runs on
    afterwards. A single transform by `scipy.fft` cannot be interrupted: it delays the answer if it
    has more than eight million points, or a million points and a large prime factor.

    Examples
    --------
    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(None)
    """
    global _chosen
    _chosen = None if n is None else check_integer("n", n, 1)


def get_num_threads() -> int:
    """Return the number of threads that CPU kernels use.

    Returns
    -------
    int
        What `set_num_threads` set, else the default that it describes.

    Raises
    ------
    ValueError
        If KAPRE_REF_NUM_THREADS is set to anything but an integer of 1 or more.
    """
    if _chosen is not None:
        return _chosen
    text = os.environ.get(_VARIABLE)
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"{_VARIABLE} must be an integer of at least 1, got {text!r}")
        return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
