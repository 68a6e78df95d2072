"""Shared memory that a launch gives: what the stand-in for CuPy and both harnesses make of it."""

import shutil
from functools import partial

import numpy as np
import pytest
from harness import fake_cupy
from harness.ptx.module import installed

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)


class TestGivenMemory:
    """CUDA refuses what a kernel has no permission for, and what no block may have."""

    CODE = """
        extern __shared__ double2 room[];
        __global__ void f(float* x, int n) {
            float* words = reinterpret_cast<float*>(room);
            words[n] = 1;
            __shared__ float own[256];
            own[threadIdx.x] = words[n];
            __syncthreads();
            *x = own[threadIdx.x];
        }"""

    @pytest.fixture(params=["checked", "ptx"])
    def function(self, request):
        here = partial(fake_cupy.installed, checked=True)
        with (here if request.param == "checked" else installed)() as cupy:
            code = "\n".join(line.strip() for line in self.CODE.splitlines())
            try:
                module = cupy.RawModule(code=code, name_expressions=("f",))
            except OSError:
                pytest.skip("needs NVRTC: the extra gputest")
            yield cupy, module.get_function("f")

    def launch(self, function, n, n_bytes):
        cupy, kernel = function
        kernel((1,), (1,), (cupy.asarray(np.zeros(1, np.float32)), np.int32(n)), shared_mem=n_bytes)

    def test_permission(self, function):
        _, kernel = function
        self.launch(function, 0, 47 << 10)
        with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_VALUE"):
            self.launch(function, 0, 48 << 10)  # 1 KiB is the kernel's own
        kernel.max_dynamic_shared_size_bytes = 226 << 10
        self.launch(function, 0, 226 << 10)
        with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_VALUE"):
            kernel.max_dynamic_shared_size_bytes = 227 << 10

    def test_bounds(self, function):
        self.launch(function, 99, 400)
        with pytest.raises(Exception, match="out of bounds"):
            self.launch(function, 100, 400)
        with pytest.raises(Exception, match="out of bounds"):
            self.launch(function, 0, 0)
