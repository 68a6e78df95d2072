"""Which kernels serve an array: a NumPy array runs on the CPU, a CuPy array on its GPU."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

_KERNELS = {"numpy": "kapre_ref.kernels.cpu", "cupy": "kapre_ref.kernels.gpu"}


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


def kernels_for(x: Any) -> ModuleType:
    """Return the package of kernels for the library of `x`, imported on its first use."""
    library = library_of(x)
    assert library is not None, "an array is checked before its kernels are looked up"
    # Not looked up in sys.modules: another thread may be half-way through the first import.
    return import_module(_KERNELS[library])
