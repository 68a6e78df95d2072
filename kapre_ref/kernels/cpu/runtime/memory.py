"""Room for results, and the precision that they are computed in."""

import math
from functools import lru_cache

import numpy as np

from kapre_ref._kept import lend, memory_for

_SMALLEST = 1 << 20  # bytes; the system has smaller blocks at hand itself


def empty(shape, dtype, like):
    """Return an uninitialised array, a view of memory that it does not own, whatever its size."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < _SMALLEST:
        return np.empty(shape, dtype).view()
    memory = memory_for(n_bytes)
    if memory is None:
        return np.empty(shape, dtype).view()
    room = _Room(memory, shape, dtype)
    lend(memory, room)
    return np.asarray(room)


def asarray(constant, like):
    """Return a NumPy array as it is."""
    return constant


@lru_cache(maxsize=64)
def working_dtype(dtype):
    """Return the dtype to compute in: float32 for float16, else the same."""
    return np.promote_types(dtype, np.float32)


class _Room:
    """Memory in the shape of a result: what ends with the last view of that result."""

    __slots__ = ("__array_interface__", "__weakref__", "_memory")

    def __init__(self, memory, shape, dtype):
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__ | {
            "shape": shape,
            "typestr": dtype.str,
        }
