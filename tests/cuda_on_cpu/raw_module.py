"""CuPy's RawModule for the stand-in: kernels of its arrays run on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from cuda_on_cpu.module import Module


class RawModule:
    """What launch code uses of `cupy.RawModule`; `settings` of a subclass go to `Module`.

    `launches` collects (name, grid, block) of every kernel that ran.
    """

    settings: dict[str, Any] = {}  # noqa: RUF012
    launches: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []  # noqa: RUF012

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        name_expressions: tuple[str, ...],
    ) -> None:
        if not isinstance(options, tuple):
            raise TypeError("Argument 'options' has incorrect type (expected tuple)")
        self._module = Module(code, tuple(name_expressions), **self.settings)

    def get_function(self, name: str) -> Any:
        """Return a function of a grid, a block and arguments."""
        function = self._module.function(name)

        def kernel(grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
            if not (isinstance(grid, tuple) and isinstance(block, tuple)):
                raise TypeError("grid and block must be tuples")
            self.launches.append((name, grid, block))
            function(grid, block, tuple(_argument(value) for value in args))

        return kernel

    def traffic(self) -> Any:
        """Return the traffic of the last launch, see `Module.traffic`."""
        return self._module.traffic()


def raw_module_class(**settings: Any) -> type[RawModule]:
    """Return a RawModule whose kernels run with these settings of `Module`."""
    return type("RawModule", (RawModule,), {"settings": settings, "launches": []})


def _argument(value: Any) -> Any:
    host = getattr(value, "_host", None)
    if host is not None:
        return host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, float):  # of Python: eight bytes, whatever the parameter has
        return np.float64(value)
    return np.int64(value) if type(value) is int else value
