"""The device that a kernel runs on, room for results, and the precision they are computed in."""

from functools import wraps

import cupy
import numpy as np

from kapre_ref._band_weights import filterbank_of
from kapre_ref._kept import kept_until


def on_device(kernel):
    """Run a kernel on the device of its first array, whatever the current device is.

    Its last argument is `out`. Both must suit their elements: a misaligned access would end all
    that the process does on a GPU.
    """

    @wraps(kernel)
    def run(x, *arguments):
        for name, array in (("x", x), ("out", arguments[-1])):
            if array.data.ptr % array.itemsize:
                raise ValueError(
                    f"{name} must begin at a multiple of {array.itemsize} bytes, the size of an "
                    f"element, got address {array.data.ptr:#x}"
                )
        with x.device:
            return kernel(x, *arguments)

    return run


def empty(shape, dtype, like):
    """Return an uninitialised array on the device of `like`."""
    with like.device:
        return cupy.empty(shape, dtype)


def asarray(constant, like):
    """Copy a NumPy array to the device of `like`."""
    with like.device:
        return cupy.asarray(constant)


_in_use = set()  # devices that tables were copied to


def resident(constant):
    """Copy a NumPy array to the current device, to be kept there and used in any stream.

    It waits for the copy, once and for all: other streams would not.
    """
    _in_use.add(cupy.cuda.Device().id)
    copied = cupy.asarray(constant)
    cupy.cuda.get_current_stream().synchronize()
    return copied


def _wait():
    """Wait for all kernels: CuPy gives memory to the next array while they may still read it."""
    for number in tuple(_in_use):
        with cupy.cuda.Device(number) as device:
            device.synchronize()


kept_on_device = kept_until(_wait)  # for functions that return what `resident` does


@kept_on_device
def on_device_as(plan, field, dtype, device_id):
    """Return an array of a plan on the current device, copied once for each dtype and device."""
    array = plan.window() if field == "window" else filterbank_of(plan.make_bands(dtype))
    return resident(array.astype(dtype))


def working_dtype(dtype):
    """Return the dtype to compute in: float32 for float16, else the same."""
    return np.promote_types(dtype, np.float32)
