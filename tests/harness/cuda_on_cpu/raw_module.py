"""CuPy's RawModule for the stand-in: kernels of its arrays run on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.cuda_on_cpu.module import Line, Module, Traffic
from harness.cuda_on_cpu.planting import Bug

PERMITTED = 227 << 10  # bytes of shared memory of a block on an H100, with permission
_FREE = 48 << 10  # bytes that need no permission


class RawModule:
    """The part of `cupy.RawModule` that launch code uses; a subclass's `settings` go to `Module`.

    A block may have `permitted` bytes of shared memory, as on an H100 unless told otherwise.
    `sources` are those of the kernels, by name; `launches` collects (name, grid, block) of every
    kernel that ran, `traffic` what `Module.traffic` tells of the last launch of each, if blocks are
    counted; `planted` is a bug to make in the source, `planted_in` the code that had it;
    `wrapped_anew` how many scalars each launch leaves CuPy to wrap.
    """

    settings: dict[str, Any]
    permitted: int
    sources: dict[str, str]
    launches: list[tuple[str, tuple[int, ...], tuple[int, ...]]]
    traffic: dict[str, dict[Line, Traffic]]
    planted: Bug | None
    planted_in: list[str]
    wrapped_anew: list[int]

    @staticmethod
    def current_device() -> int:
        """Return the number of the device that kernels are launched on."""
        return 0

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        name_expressions: tuple[str, ...],
    ) -> None:
        if not isinstance(options, tuple):
            raise TypeError("Argument 'options' has incorrect type (expected tuple)")
        if self.planted and self.planted.places(code):
            self.planted_in.append(code)
            code = self.planted.plant(code)
        self.sources.update(dict.fromkeys(name_expressions, code))
        self._module = Module(code, tuple(name_expressions), **self.settings)

    def get_function(self, name: str) -> Any:
        """Return a function of a grid, a block and arguments."""
        return RawKernel(self, name)


class RawKernel:
    """The part of `cupy.RawKernel` that launch code uses."""

    def __init__(self, raw_module: RawModule, name: str) -> None:
        self._raw, self._module, self._name = raw_module, raw_module._module, name
        self._function = self._module.function(name)
        self._device = raw_module.current_device()
        self._n_own = self._function.n_own_bytes
        self._most_given = _FREE - self._n_own

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """How much shared memory a launch may give."""
        return self._most_given

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, n_bytes: int) -> None:
        if self._n_own + n_bytes > self._raw.permitted:
            raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: {self._n_own} bytes and {n_bytes}")
        self._most_given = n_bytes

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        *,
        shared_mem: int = 0,
    ) -> None:
        """Run the kernel."""
        raw = self._raw
        if not (isinstance(grid, tuple) and isinstance(block, tuple)):
            raise TypeError("grid and block must be tuples")
        if raw.current_device() != self._device:  # CuPy would compile anew, unseen
            raise RuntimeError(
                f"a kernel compiled for device {self._device} was launched elsewhere"
            )
        if shared_mem and shared_mem > self._most_given:
            raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: {shared_mem} bytes of shared memory")
        raw.launches.append((self._name, grid, block))
        raw.wrapped_anew.append(sum(isinstance(value, np.generic) for value in args))
        self._function(grid, block, tuple(_argument(value) for value in args), shared_mem)
        if self._module.counted_blocks:
            raw.traffic[self._name] = self._module.traffic()


def raw_module_class(
    planted: Bug | None = None, permitted: int = PERMITTED, **settings: Any
) -> type[RawModule]:
    """Return a RawModule whose kernels run with these settings of `Module`."""
    fresh = {"sources": {}, "launches": [], "traffic": {}, "planted_in": [], "wrapped_anew": []}
    others = {"settings": settings, "planted": planted, "permitted": permitted}
    return type("RawModule", (RawModule,), others | fresh)


def _argument(value: Any) -> Any:
    if hasattr(value, "_host"):
        return value.usable
    if hasattr(value, "scalar"):  # made ready before
        return value.scalar
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, float):  # A Python float has eight bytes, even if the parameter has four.
        return np.float64(value)
    return np.int64(value) if type(value) is int else value
