"""Room for results, and the precision that they are computed in."""

import math
from collections import deque

import numpy as np

# The first touch of fresh memory costs about as much as computing a spectrogram into it, and the
# system takes large blocks back as soon as they are freed. So the memory of the last results that
# are gone serves the next ones; results beyond 128 MiB are not kept back.
_SMALLEST, _LARGEST = 1 << 20, 1 << 27  # bytes
_spare = deque(maxlen=2)


def empty(shape, dtype, like):
    """Return an uninitialised array."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if not _SMALLEST <= n_bytes <= _LARGEST:
        return np.empty(shape, dtype)
    return np.asarray(_Room(_spare_block(n_bytes), shape, dtype))


def asarray(constant, like):
    """Return a NumPy array as it is."""
    return constant


def working_dtype(dtype):
    """Return the dtype to compute in: float32 for float16, else the same."""
    return np.promote_types(dtype, np.float32)


class _Room:
    """Memory in the shape of a result, spare as soon as the last view of that is gone."""

    __slots__ = ("__array_interface__", "_block")

    def __init__(self, block, shape, dtype):
        self._block = block
        self.__array_interface__ = block.__array_interface__ | {
            "shape": shape,
            "typestr": dtype.str,
        }

    def __del__(self, spare=_spare):  # bound here, for when the module is gone before the result
        spare.append(self._block)


def _spare_block(n_bytes):
    """Return memory of at least that size, kept or fresh.

    Without a lock, since a result may end at any moment, within this function too.
    """
    for _ in range(len(_spare)):
        try:
            block = _spare.popleft()
        except IndexError:  # another thread took it
            break
        if n_bytes <= block.nbytes <= 2 * n_bytes:
            return block
        if block.nbytes > n_bytes:
            _spare.append(block)
    return np.empty(n_bytes, np.uint8)
