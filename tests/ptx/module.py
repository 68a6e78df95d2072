"""CuPy's RawModule for the stand-in, of the PTX that NVRTC makes with CuPy's options."""

from contextlib import contextmanager

import fake_cupy
import numpy as np
from cuda_on_cpu import nvrtc
from cuda_on_cpu.module import _bounds
from cuda_on_cpu.raw_module import RawModule

from ptx.kernel import Kernel

# What CuPy adds to the options of the launch code.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")


class Module:
    """The kernels of a source; `edit` changes the PTX first."""

    counted_blocks = 0

    def __init__(self, code, names, options, edit):
        self.text, self.symbols = nvrtc.ptx("compute_90", code, names, (*options, *CUPY_OPTIONS))
        self.text = edit(self.text)

    def function(self, name):
        kernel = Kernel(self.text, self.symbols.get(name, name))

        def launch(grid, block, args):
            raw, regions = [], []
            for value in args:
                if isinstance(value, np.ndarray) and value.ndim:
                    raw.append(int(value.ctypes.data).to_bytes(8, "little"))
                    begin, n_bytes = _bounds(value)
                    regions.append((begin, begin + n_bytes, True))
                else:
                    raw.append(np.asarray(value).tobytes())
            kernel.launch(grid, block, raw, regions)

        return launch


@contextmanager
def installed(edit=lambda text: text):
    """Be 'cupy', as `fake_cupy.installed`, with kernels that run from PTX."""

    class PtxModule(RawModule):
        sources, launches, traffic, planted, planted_in = {}, [], {}, None, []

        def __init__(self, *, code, options=(), name_expressions=()):
            self._module = Module(code, tuple(name_expressions), options, edit)

    with fake_cupy.installed() as cupy:
        PtxModule.current_device = staticmethod(cupy.RawModule.current_device)
        cupy.RawModule = PtxModule
        yield cupy
