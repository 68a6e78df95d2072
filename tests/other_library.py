"""A library of arrays beside NumPy and CuPy, as torch is one, for tests of DLPack without it.

Its arrays lie on the host, on CUDA devices (in truth on the host too), or elsewhere.
"""

import numpy as np

__version__ = "stand-in"
STREAM = 0x77  # the address of this library's current stream
waits = []  # the streams that had to wait for this library's stream
CPU, CUDA, METAL = 1, 2, 8  # DLPack's numbers


class Tensor:
    """An array, which says where it lies."""

    def __init__(self, memory, device="cpu", requires_grad=False):
        self.memory, self.device, self.requires_grad = memory, device, requires_grad
        self.dtype, self.shape, self.nbytes = f"other.{memory.dtype}", memory.shape, memory.nbytes

    def __dlpack_device__(self):
        kind, _, number = self.device.partition(":")
        return {"cpu": CPU, "cuda": CUDA, "mps": METAL}[kind], int(number or 0)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        assert not self.requires_grad
        if self.device == "cpu":
            version = {"max_version": max_version} if max_version else {}  # NumPy 2.0 has none
            return self.memory.__dlpack__(**version)
        waits.append(stream)
        return self.memory

    def __array__(self, *args, **kwargs):
        raise AssertionError("nothing may be converted silently")

    def numpy(self):
        assert self.device == "cpu"
        return self.memory


class Unlike(Tensor):
    """A kind of tensor that means something else."""


def from_dlpack(array):
    kind, number = array.__dlpack_device__()
    if kind == CPU:
        return Tensor(np.from_dlpack(array))
    return Tensor(array.__dlpack__(stream=STREAM), f"cuda:{number}")
