"""Room for results, and the precision that they are computed in."""

import numpy as np


def empty(shape, dtype, like):
    """Return an uninitialised array."""
    return np.empty(shape, dtype)


def asarray(constant, like):
    """Return a NumPy array as it is."""
    return constant


def working_dtype(dtype):
    """Return the dtype to compute in: float32 for float16, else the same."""
    return np.promote_types(dtype, np.float32)
