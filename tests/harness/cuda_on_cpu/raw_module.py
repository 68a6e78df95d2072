"""CuPy's RawModule for the stand-in: kernels of its arrays run on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.cuda_on_cpu.module import Line, Module, Traffic
from harness.cuda_on_cpu.planting import Bug


class RawModule:
    """The part of `cupy.RawModule` that launch code uses; a subclass's `settings` go to `Module`.

    `sources` are those of the kernels, by name; `launches` collects (name, grid, block) of every
    kernel that ran, `traffic` what `Module.traffic` tells of the last launch of each, if blocks are
    counted; `planted` is a bug to make in the source, `planted_in` the code that had it;
    `wrapped_anew` how many scalars each launch leaves CuPy to wrap.
    """

    settings: dict[str, Any]
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
        function = self._module.function(name)
        device = self.current_device()

        def kernel(grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
            if not (isinstance(grid, tuple) and isinstance(block, tuple)):
                raise TypeError("grid and block must be tuples")
            if self.current_device() != device:  # CuPy would compile anew, unseen
                raise RuntimeError(f"a kernel compiled for device {device} was launched elsewhere")
            self.launches.append((name, grid, block))
            self.wrapped_anew.append(sum(isinstance(value, np.generic) for value in args))
            function(grid, block, tuple(_argument(value) for value in args))
            if self._module.counted_blocks:
                self.traffic[name] = self._module.traffic()

        return kernel


def raw_module_class(planted: Bug | None = None, **settings: Any) -> type[RawModule]:
    """Return a RawModule whose kernels run with these settings of `Module`."""
    fresh = {"sources": {}, "launches": [], "traffic": {}, "planted_in": [], "wrapped_anew": []}
    return type("RawModule", (RawModule,), {"settings": settings, "planted": planted, **fresh})


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
