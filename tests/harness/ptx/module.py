"""CuPy's RawModule for the stand-in, of the PTX that NVRTC makes with CuPy's options."""

from contextlib import contextmanager
from typing import ClassVar

import numpy as np

from harness import fake_cupy
from harness.cuda_on_cpu import nvrtc
from harness.cuda_on_cpu.module import _bounds
from harness.cuda_on_cpu.raw_module import PERMITTED, RawModule
from harness.ptx.kernel import Kernel

# The options that CuPy adds to those of the launch code; the second came with CuPy 14.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")


class Module:
    """The kernels of a source; `edit` changes the PTX first."""

    counted_blocks = 0

    def __init__(self, code, names, options, edit=lambda text: text):
        text, self._symbols = nvrtc.ptx("compute_90", code, names, (*options, *CUPY_OPTIONS))
        self._text = edit(text)

    def function(self, name):
        kernel = Kernel(self._text, self._symbols[name])

        def launch(grid, block, arguments, n_given):
            values, memory = [], []
            for argument in arguments:
                if isinstance(argument, np.ndarray) and argument.ndim:
                    values.append(np.uint64(argument.ctypes.data).tobytes())
                    begin, n_bytes = _bounds(argument)
                    memory.append((begin, begin + n_bytes))
                else:
                    values.append(np.asarray(argument).tobytes())
            kernel.launch(grid, block, values, memory, n_given)

        launch.n_own_bytes = kernel.source.shared_bytes
        return launch


@contextmanager
def installed(module=Module):
    """Be 'cupy', as `fake_cupy.installed`, with kernels of `module`: a class, or what makes one."""

    class PtxModule(RawModule):
        sources, launches, traffic, planted, planted_in = {}, [], {}, None, []
        wrapped_anew: ClassVar = []
        permitted = PERMITTED

        def __init__(self, *, code, options=(), name_expressions=()):
            self._module = module(code, tuple(name_expressions), options)

    with fake_cupy.installed() as cupy:
        PtxModule.current_device = staticmethod(cupy.RawModule.current_device)
        cupy.RawModule = PtxModule
        yield cupy
