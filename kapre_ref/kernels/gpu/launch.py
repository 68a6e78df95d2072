"""Kernels of our own CUDA source, which are compiled at their first use on a device, then kept."""

import re
from functools import cache
from pathlib import Path

import cupy
import numpy as np

_FOLDER = Path(__file__).with_name("cuda")
# A square root that is good to 1 ulp takes a third of the instructions of an exactly rounded one.
_OPTIONS = ("-std=c++17", "--prec-sqrt=false")
_C_TYPES = {"i64": np.int64, "int": np.int32, "float": np.float32, "double": np.float64}
_WORDS = {np.dtype(np.float16): "kapre::Half", np.dtype(np.float32): "float"}
_WORDS[np.dtype(np.float64)] = "double"
_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"\n', re.MULTILINE)
MAX_BLOCKS = 2**31 - 1  # CUDA's limit for gridDim.x


def source(stem):
    """Return the text of a CUDA file, with each file that it includes in place of the #include.

    CuPy could find included files itself. But the key of its cache is the text that it is given, so
    it would not notice a change in an included file.
    """
    return _with_includes(f"{stem}.cu", set())


def _with_includes(name, seen):
    """Return the text of a file with its includes, or nothing if it has been included before."""
    if name in seen:
        return ""
    seen.add(name)
    text = (_FOLDER / name).read_text(encoding="utf-8").replace("#pragma once\n", "")
    return _INCLUDE.sub(lambda found: _with_includes(found[1], seen), text)


_source = cache(source)  # asv_benchmarks/gpu/tuning.py replaces it to try other sources


@cache
def kernel(stem, name, device_id, n_given=0):
    """Return the kernel of a CUDA file that has a C++ name, for the current device.

    Only this instance of a template is compiled. From 14.2 on, CuPy keeps the result on disk.
    Each launch gives it `n_given` bytes of shared memory, for which a kernel needs permission.
    """
    module = cupy.RawModule(code=_source(stem), options=_OPTIONS, name_expressions=(name,))
    function = module.get_function(name)
    if n_given:
        function.max_dynamic_shared_size_bytes = n_given
    return function


@cache
def most_shared(device_id):
    """Return how many bytes of shared memory a block may have on a device, with permission."""
    return cupy.cuda.runtime.getDeviceProperties(device_id)["sharedMemPerBlockOptin"]


@cache
def task_dtype(stem, real=np.float32):
    """Return the dtype of the struct `Task` that a CUDA file, or a file it includes, defines.

    The C++ source is the only definition. Members are numbers, so NumPy aligns them as C++ does.
    Where `Task` is a template, `real` is the type that it calls Real.
    """
    body = re.search(r"struct Task \{(.*?)\};", source(stem), re.DOTALL)[1]
    declarations = re.sub("//.*", "", body).split(";")[:-1]
    fields = []
    for declaration in declarations:
        kind, names = declaration.split(maxsplit=1)
        dtype = real if kind == "Real" else _C_TYPES[kind]
        fields += [(member.strip(), dtype) for member in names.split(",")]
    return np.dtype(fields, align=True)


def make_task(stem, real=np.float32, **members):
    """Return a CUDA file's `Task` with these members, as CuPy passes it to a kernel by value.

    CuPy copies the bytes of a NumPy array of one element ("Custom user types" in its guide to
    kernels). It would wrap the array in a CNumpyArray at each launch, which takes 10 us and more.
    A CNumpyArray that is made beforehand, as here, needs no wrapping.
    """
    dtype = task_dtype(stem, real)
    if members.keys() != set(dtype.names):
        raise TypeError(f"members {sorted(members)} are not {sorted(dtype.names)}")
    with np.errstate(over="ignore"):
        value = np.array(tuple(members[name] for name in dtype.names), dtype)
    return cupy.cuda.function.CNumpyArray(value)


def words(dtype, others=""):
    """Return template arguments of C++ for the type that arrays have in memory.

    float16 is computed in float32, so that it takes a type more than all others do.
    """
    name = _WORDS[dtype]
    return f"float{others}, {name}" if dtype == np.float16 else f"{name}{others}"


def strides_of(name, axes, strides, itemsize):
    """Return members of a `Task` for the strides of an array, in elements, one for each axis.

    A stride is a whole number of elements, since CuPy has no views of a field of records.
    """
    pairs = zip(axes, strides, strict=True)
    return {f"{name}_{axis}_stride": stride // itemsize for axis, stride in pairs}


def pack_width(n, *arrays):
    """Return how many neighbouring elements one instruction may move: 4 or 1."""
    if n % 4:
        return 1
    for array in arrays:
        if array.data.ptr % (4 * array.itemsize):
            return 1
    return 4
