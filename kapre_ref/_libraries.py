"""Which library an array is of."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def library_of(x: Any) -> str | None:
    """Name the array library of `x`: 'numpy', 'cupy', or None for any other object.

    Subclasses that change the meaning of an array (masked arrays, matrices) are not NumPy arrays
    here; a memory-mapped file is one. CuPy is looked up and never imported: while it is not
    loaded, no argument can be one of its arrays.
    """
    if type(x) is np.ndarray or type(x) is np.memmap:
        return "numpy"
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return "cupy"
    return None


def of_another_library(x: Any) -> bool:
    """Tell whether `x` is a tensor: an array of torch, JAX or another library with DLPack."""
    if type(x) is np.ndarray:
        return False
    cupy = sys.modules.get("cupy")
    if cupy is not None and type(x) is cupy.ndarray:  # as often as not, and soon told
        return False
    return module_of_tensor(x) is not None


def module_of_tensor(x: Any) -> Any:
    """Return the module whose `from_dlpack` makes arrays such as `x`; None if `x` is no tensor.

    It is that which the array names, or that of the class which speaks DLPack. As `x` is there,
    it is loaded.
    """
    if not hasattr(type(x), "__dlpack__") or isinstance(x, np.ndarray | np.generic):
        return None
    if library_of(x) is not None:
        return None
    speaker = next(kind for kind in type(x).__mro__ if "__dlpack__" in vars(kind))
    module = sys.modules.get(speaker.__module__.partition(".")[0])
    if not hasattr(module, "from_dlpack") and hasattr(x, "__array_namespace__"):
        module = x.__array_namespace__()
    return module if hasattr(module, "from_dlpack") else None
