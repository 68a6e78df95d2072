"""Memory in which a thread works, kept for its next call.

Fresh memory of this size would come from the system page by page, and would do so for each call.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 1 << 22  # bytes of an array that is kept
_local = threading.local()  # its __dict__ is {purpose: (memory, address)}


def scratch_address(n_bytes: int) -> int:
    """Return the address of memory that only this thread uses, at the start of a cache line."""
    return _memory("kernel", n_bytes)[1]


def scratch_array(purpose: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialised array that only this thread uses, and only for one purpose at a time.

    For each purpose, the largest array that was ever asked for stays, up to a limit.
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > _LARGEST:
        return np.empty(shape, dtype)
    return _memory(purpose, n_bytes)[0][:n_bytes].view(dtype).reshape(shape)


def _memory(purpose: str, n_bytes: int) -> tuple[NDArray[np.uint8], int]:
    memories: dict[str, tuple[NDArray[np.uint8], int]] = _local.__dict__
    kept = memories.get(purpose)
    if kept is None or kept[0].nbytes < n_bytes:
        memory = np.empty(n_bytes + 64, np.uint8)
        start = -memory.ctypes.data % 64
        kept = memories[purpose] = memory[start:], memory.ctypes.data + start
    return kept
