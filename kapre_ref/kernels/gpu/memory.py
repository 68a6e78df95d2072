"""The device of a kernel, memory for results, and the precision that they are computed in."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import cupy
import numpy as np

from kapre_ref._kept import kept_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound="Callable[..., None]")


def on_device(kernel: Kernel) -> Kernel:
    """Run a kernel on the device of its first array, whatever the current device is.

    The kernel's last argument is `out`. Both arrays must be aligned to their elements: a misaligned
    access would end all work of the process on that GPU.
    """

    @wraps(kernel)
    def run(x: cupy.ndarray, *arguments: Any) -> None:
        for name, array in (("x", x), ("out", arguments[-1])):
            if array.data.ptr % array.itemsize:
                raise ValueError(
                    f"{name} must begin at a multiple of {array.itemsize} bytes, the size of an "
                    f"element, got address {array.data.ptr:#x}"
                )
        with x.device:
            kernel(x, *arguments)

    return cast("Kernel", run)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], like: cupy.ndarray) -> cupy.ndarray:
    """Return an uninitialised array on the device of `like`."""
    with like.device:
        return cupy.empty(shape, dtype)


def asarray(constant: NDArray[Any], like: cupy.ndarray) -> cupy.ndarray:
    """Copy a NumPy array to the device of `like`."""
    with like.device:
        return cupy.asarray(constant)


_in_use: set[int] = set()  # devices that tables were copied to


def resident(constant: NDArray[Any]) -> cupy.ndarray:
    """Copy a NumPy array to the current device, to be kept there and used in any stream.

    It waits until the copy is done, since other streams would not wait for it.
    """
    _in_use.add(cupy.cuda.Device().id)
    copied = cupy.asarray(constant)
    cupy.cuda.get_current_stream().synchronize()
    return copied


def _wait() -> None:
    """Wait for all kernels: they may still read memory that CuPy would give to the next array."""
    for number in tuple(_in_use):
        with cupy.cuda.Device(number) as device:
            device.synchronize()


kept_on_device = kept_until(_wait)  # decorates functions that return what `resident` returned


_MIN_CLEARED = 1 << 10  # bytes that are kept at least, so that most batches share them


def cleared(n_bytes: int, device_id: int) -> cupy.ndarray:
    """Return zeros for a kernel in the current stream that leaves zeros behind.

    The kernels of a stream run one after the other, so each may use what the last one left, and
    only the first call sets it to zero. As in CuPy's pool, a stream is known by its number. A graph
    gets zeros of its own, for it may be replayed in another stream. So does the stream that each
    thread has one of, because it has the same number in all of them.
    """
    stream = cupy.cuda.get_current_stream()
    if stream.ptr == cupy.cuda.runtime.streamPerThread or stream.is_capturing():
        return cupy.zeros(n_bytes, np.uint8)
    size = max(_MIN_CLEARED, 1 << (n_bytes - 1).bit_length())
    return _cleared(size, device_id, stream.ptr)


@kept_on_device
def _cleared(n_bytes: int, device_id: int, stream: int) -> cupy.ndarray:
    _in_use.add(device_id)
    return cupy.zeros(n_bytes, np.uint8)


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to compute in: float32 for float16, else the same."""
    return np.promote_types(dtype, np.float32)
