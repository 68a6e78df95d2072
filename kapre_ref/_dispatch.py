"""Which kernels serve an array: a NumPy array runs on the CPU, a CuPy array on its GPU.

An array of another library is seen as one of these two, see `_other_libraries.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._libraries import library_of

if TYPE_CHECKING:
    from kapre_ref.kernels.contract import Kernels


_cpu_kernels: Kernels | None = None  # once their import has ended


def kernels_for(x: Any) -> Kernels:
    """Return the package of kernels for the library of `x`, imported on its first use.

    The return type is the contract, so a type checker proves here that each package fulfils it.
    """
    global _cpu_kernels
    if _cpu_kernels is not None and type(x) is np.ndarray:
        return _cpu_kernels
    library = library_of(x)
    assert library is not None, "an array is checked before its kernels are looked up"
    # The import waits if another thread is half-way through it.
    if library == "cupy":
        import kapre_ref.kernels.gpu as gpu_kernels

        return gpu_kernels
    import kapre_ref.kernels.cpu as cpu_kernels

    _cpu_kernels = cpu_kernels
    return cpu_kernels
