"""Kernels of our own CUDA source: compiled when first used on a device, then kept."""

from functools import cache
from pathlib import Path

import cupy
import numpy as np

_FOLDER = Path(__file__).with_name("cuda")
# Square roots good to 1 ulp take a third of the instructions of exactly rounded ones.
_OPTIONS = ("-std=c++17", "--prec-sqrt=false")
MAX_BLOCKS = 2**31 - 1  # of gridDim.x


def sources(stems):
    """Return the text of these stems' files."""
    return "\n".join((_FOLDER / f"{stem}.cu").read_text(encoding="utf-8") for stem in stems)


_source = cache(sources)  # which a tuning may replace


@cache
def kernel(stems, name, device_id):
    """Return a kernel of the sources of these stems, for the current device, by its C++ name.

    Only this instance of a template is compiled; CuPy keeps what comes of it on disk, from 14.2 on.
    """
    module = cupy.RawModule(code=_source(stems), options=_OPTIONS, name_expressions=(name,))
    return module.get_function(name)


def int64(*values):
    """Return numbers as CUDA's 64-bit integers: scalars are handed over byte by byte."""
    return tuple(np.int64(value) for value in values)


def wrapped(scalars):
    """Return NumPy scalars as CuPy hands them to a kernel: done once, it costs no launch 1.3 us."""
    return tuple(cupy.cuda.function.CNumpyArray(np.array(scalar)) for scalar in scalars)


def in_elements(strides, itemsize):
    """Return strides in elements; they are whole, for CuPy has no arrays of parts of records."""
    return tuple(np.int64(stride // itemsize) for stride in strides)


def pack_width(n, *arrays):
    """Return how many neighbouring elements one instruction may move: 4 or 1."""
    if n % 4:
        return 1
    for array in arrays:
        if array.data.ptr % (4 * array.itemsize):
            return 1
    return 4
