"""Memory for results, and the precision that they are computed in."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._kept import aligned_memory, lend, memory_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALLEST = 1 << 20  # bytes; the system's allocator itself reuses memory of fewer bytes


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], like: NDArray[Any]) -> NDArray[Any]:
    """Return an uninitialised array, a view of memory that it does not own, whatever its size."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < _SMALLEST:
        return np.empty(shape, dtype).view()
    memory = memory_for(n_bytes)
    if memory is None:
        return aligned_memory(n_bytes).view(dtype).reshape(shape)
    room = _Room(memory, shape, dtype)
    lend(memory, room)
    return np.asarray(room)


def asarray(constant: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """Return a NumPy array as it is."""
    return constant


@lru_cache(maxsize=64)
def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to compute in: float32 for float16, else the same."""
    return np.promote_types(dtype, np.float32)


class _Room:
    """Memory in the shape of a result; this object ends with the last view of that result."""

    __slots__ = ("__array_interface__", "__weakref__", "_memory")

    def __init__(
        self, memory: NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__ | {
            "shape": shape,
            "typestr": dtype.str,
        }
