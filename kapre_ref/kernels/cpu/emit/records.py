"""Named tuples of integers that a kernel reads from memory.

A tuple that is an argument is taken apart at each call, and numba asks every number in it for its
type, in Python. A record is written to memory once, and its address is one number.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kapre_ref.kernels.cpu.numba_private import is_compiler_off

if TYPE_CHECKING:
    from numpy.typing import NDArray

_I64 = ir.IntType(64)
_BYTES = 8  # of a number


def record_array(record: tuple[Any, ...]) -> NDArray[np.int64]:
    """Return the numbers of a record, one after the other, those of a nested one in its place."""
    numbers: list[int] = []
    _append(record, numbers)
    return np.array(numbers, np.int64)


def _append(record: tuple[Any, ...], numbers: list[int]) -> None:
    for value in record:
        if isinstance(value, tuple):
            _append(value, numbers)
        else:
            numbers.append(value)


def reader_of(kind: type[Any]) -> Any:
    """Make f(address), for use in kernels, which returns the record that lies there.

    `kind` is a NamedTuple class. A field is another such class, a tuple whose annotation tells its
    length, or else an integer.
    """
    if is_compiler_off():
        return lambda address: _read(kind, address)[0]
    numba_type = _type_of(kind)

    def declare(typing_context, address):
        def generate(context, builder, signature, arguments):
            return _load(context, builder, numba_type, arguments[0], 0)[0]

        return numba_type(types.int64), generate

    declare.__name__ = f"read_{kind.__name__}"
    return intrinsic(declare)


def _members_of(kind):
    """Return what the fields of a class are: classes, numbers of entries of a tuple, or None."""
    for hint in get_type_hints(kind).values():
        if get_origin(hint) is tuple:
            yield len(get_args(hint))
        elif isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
            yield hint
        else:
            yield None


def _type_of(kind):
    members = []
    for member in _members_of(kind):
        if member is None:
            members.append(types.int64)
        elif isinstance(member, int):
            members.append(types.UniTuple(types.int64, member))
        else:
            members.append(_type_of(member))
    if all(member == types.int64 for member in members):
        return types.NamedUniTuple(types.int64, len(members), kind)
    return types.NamedTuple(members, kind)


def _load(context, builder, numba_type, address, place):
    """Load a value from a place, counted in numbers; return it, and the place after it."""
    if numba_type == types.int64:
        at = builder.add(address, ir.Constant(_I64, place * _BYTES))
        pointer = builder.inttoptr(at, ir.PointerType())
        return builder.load(pointer, typ=_I64, align=_BYTES), place + 1
    members = []
    for member in numba_type:
        value, place = _load(context, builder, member, address, place)
        members.append(value)
    return context.make_tuple(builder, numba_type, members), place


def _read(kind, address):
    """Do without a compiler what `_load` does; return the record and the address after it."""
    members = []
    for member in _members_of(kind):
        if member is None or isinstance(member, int):
            n = 1 if member is None else member
            numbers = tuple((ctypes.c_int64 * n).from_address(address))
            members.append(numbers[0] if member is None else numbers)
            address += n * _BYTES
        else:
            record, address = _read(member, address)
            members.append(record)
    return kind(*members), address
