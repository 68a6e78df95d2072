"""Memory that is kept between calls, bounded in bytes: tables of parameters, and spare results."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import numpy as np

from kapre_ref._checks import check_integer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_VARIABLE = "KAPRE_REF_KEEP_BYTES"
_DEFAULT = 1 << 26
_MAX_TABLE_BYTES = 1 << 26  # the limit for all tables together
_LINE = 64  # bytes of a line of the cache
_MIN_BYTES = 256  # the least that a table takes, together with the Python objects around it

_lock = threading.RLock()
_tables: deque[tuple[dict[Any, Any], Any, int, Callable[[], object] | None]] = deque()
_table_bytes = 0
_reserved_bytes = 0  # of the limit for tables, what a table takes that another library keeps

_spare_limit: int | None = None


def set_keep_bytes(n: int | None) -> None:
    """Set how many bytes of finished results' memory are kept for the next results.

    Parameters
    ----------
    n : int or None
        Bytes in all, 0 or more; 0 switches it off. None goes back to the default: the environment
        variable KAPRE_REF_KEEP_BYTES if it is set, else 64 MiB.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of 0 or more.

    Notes
    -----
    The first touch of fresh memory costs about as much as computing a spectrogram into it. So when
    the last view of a result of 1 MiB or more is gone, its memory waits for the next result of
    nearly that size. The limit counts all such memory, in use and spare; results beyond it are
    given back to the system when they end. With `out=` you reuse memory of your own, and nothing
    is kept.

    Examples
    --------
    >>> set_keep_bytes(0)
    >>> get_keep_bytes()
    0
    >>> set_keep_bytes(None)
    """
    global _spare_limit
    _spare_limit = None if n is None else check_integer("n", n, 0, 1 << 62)
    with _lock:
        _fits(0)


def get_keep_bytes() -> int:
    """Return how many bytes of finished results' memory are kept at most.

    Returns
    -------
    int
        What `set_keep_bytes` set, else the default that it describes.

    Raises
    ------
    ValueError
        If KAPRE_REF_KEEP_BYTES is set to anything but an integer of 0 or more.
    """
    if _spare_limit is not None:
        return _spare_limit
    text = os.environ.get(_VARIABLE)
    if not text:
        return _DEFAULT
    if not text.isdecimal():
        raise ValueError(f"{_VARIABLE} must be an integer of at least 0, got {text!r}")
    return int(text)


def release_memory() -> None:
    """Give back all memory that is kept for later calls: spare results, windows, filterbanks.

    Between calls, tables of up to 64 MiB in all stay, and memory of results up to the limit of
    `set_keep_bytes`. The next calls make anew what they need. Results in use are not touched.

    Examples
    --------
    >>> release_memory()
    """
    with _lock:
        while _spare:
            del _loans[id(_spare.popleft().memory)]
        while _tables:
            _drop_oldest()


def kept(function: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
    """Keep what a function of hashable parameters returned, within the limit of all tables.

    The oldest tables are dropped first. A caller that still uses a dropped table keeps it alive.
    """
    return kept_until(None)(function)


def kept_until(
    before_drop: Callable[[], object] | None,
) -> Callable[[Callable[[*Ts], T]], Callable[[*Ts], T]]:
    """Keep values as `kept` does, and call a function before one of them is dropped."""

    def decorate(function: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
        values: dict[tuple[*Ts], T] = {}

        @wraps(function)
        def call(*parameters: *Ts) -> T:
            value = values.get(parameters)
            if value is None:
                value = function(*parameters)
                _keep(values, parameters, value, before_drop)
            return value

        return call

    return decorate


def _keep(
    values: dict[Any, T], key: Any, value: T, before_drop: Callable[[], object] | None
) -> None:
    global _table_bytes
    n_bytes = bytes_of(value) + bytes_of(key)  # which may hold a filterbank
    if n_bytes > _MAX_TABLE_BYTES - _reserved_bytes:
        return
    with _lock:
        if key in values:  # another thread was faster
            return
        _make_room(n_bytes)
        _table_bytes += n_bytes
        _tables.append((values, key, n_bytes, before_drop))
        values[key] = value


def reserve(n_bytes: int) -> None:
    """Leave room for one table that another library keeps; a quarter of the limit stays ours."""
    global _reserved_bytes
    with _lock:
        _reserved_bytes = min(n_bytes, _MAX_TABLE_BYTES * 3 // 4)
        _make_room(0)


def _make_room(n_bytes: int) -> None:
    while _tables and _table_bytes + n_bytes > _MAX_TABLE_BYTES - _reserved_bytes:
        _drop_oldest()


def _drop_oldest() -> None:
    global _table_bytes
    values, key, n_bytes, before_drop = _tables[0]
    if before_drop is not None:
        before_drop()
    # A signal may come after each call: first the value goes, so that none stays uncounted.
    values.pop(key, None)
    _table_bytes -= n_bytes
    _tables.popleft()


class Recent(dict[Any, Any]):
    """Small values of the last few keys, in one table: if there are many, it begins anew."""

    _MOST = 16
    nbytes = _MOST << 10  # about as much as they take with their keys

    def __setitem__(self, key: Any, value: Any) -> None:
        """Keep a value; threads may do so at the same time."""
        if len(self) >= self._MOST:
            self.clear()
        super().__setitem__(key, value)


def bytes_of(value: Any) -> int:
    """Return about how much memory a table takes: all arrays in it, however deep they lie."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes) + _MIN_BYTES
    if isinstance(value, tuple | list):
        return _MIN_BYTES + sum(map(bytes_of, value))
    if isinstance(value, FunctionType) and value.__closure__:  # a closure may hold tables
        return _MIN_BYTES + sum(bytes_of(cell.cell_contents) for cell in value.__closure__)
    return _MIN_BYTES


class _Loan(weakref.ref[Any]):
    """A result whose memory is to be kept, and that memory.

    When the result ends, `deque.append` puts its loan among the spare loans. It runs no line of
    Python: an exception that a signal raised in the middle of one would be lost.
    """

    __slots__ = ("memory",)
    memory: NDArray[np.uint8]


_loans: dict[int, _Loan] = {}  # loans of results in use and of spare memory, by the memory's id
_spare: deque[_Loan] = deque()


def memory_for(n_bytes: int) -> NDArray[np.uint8] | None:
    """Return spare memory of `n_bytes` to an eighth more, else new; None if it is over the limit.

    The limit counts memory that is lent and memory that is spare, so it holds whenever results end.
    """
    with _lock:
        for _ in range(len(_spare)):
            loan = _spare.popleft()
            if n_bytes <= loan.memory.nbytes <= n_bytes + n_bytes // 8:
                del _loans[id(loan.memory)]
                return loan.memory
            _spare.append(loan)
        if not _fits(n_bytes):
            return None
    return aligned_memory(n_bytes)


def aligned_memory(n_bytes: int) -> NDArray[np.uint8]:
    """Return new memory that starts where a line of the cache does.

    JAX copies an array that starts elsewhere, where it could take it as it is.
    """
    room = np.empty(n_bytes + _LINE - 1, np.uint8)
    start = -room.__array_interface__["data"][0] % _LINE
    return room[start : start + n_bytes]


def _fits(n_bytes: int) -> bool:
    """Drop spare memory until `n_bytes` more are within the limit; return False if none is left."""
    limit = get_keep_bytes()
    while sum(loan.memory.nbytes for loan in _loans.values()) + n_bytes > limit:
        if not _spare or n_bytes > limit:
            return False
        del _loans[id(_spare.popleft().memory)]
    return True


def lend(memory: NDArray[np.uint8], result: Any) -> None:
    """Keep memory for the next result once this one has ended."""
    loan = _Loan(result, _spare.append)
    loan.memory = memory
    with _lock:
        _loans[id(memory)] = loan


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held the parent's lock


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
