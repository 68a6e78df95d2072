"""Memory in which a thread works, kept for its next call."""

import threading

import numpy as np

_local = threading.local()  # .block, .address


def scratch_address(n_bytes):
    """Return the address of memory that only this thread uses, at the start of a cache line."""
    block = getattr(_local, "block", None)
    if block is None or block.nbytes < n_bytes + 64:
        block = _local.block = np.empty(n_bytes + 64, np.uint8)
        _local.address = block.ctypes.data + -block.ctypes.data % 64
    return _local.address
