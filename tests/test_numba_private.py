"""What breaks without each function of `numba_private`, which uses undocumented parts of numba."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from good_calls import GOOD
from numba import types
from numba.core.registry import CPUDispatcher, cpu_target

import kapre_ref as kr
from kapre_ref.kernels.cpu import numba_private
from kapre_ref.kernels.cpu.transform.plan import MAX_N_FFT


@numba.njit
def _twice(x):
    return x + x


def _compiled(function):
    assert function(21) == 42
    return next(iter(function.overloads.values()))


def _run(code, **variables):
    command = [sys.executable, "-c", f"from kapre_ref.kernels.cpu import numba_private\n{code}"]
    process = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=True
    )
    return process.stdout.strip()


class TestNumbaPrivate:
    def test_every_name_has_a_test(self):
        named = {name.removeprefix("test_") for name in vars(type(self)) if "test_" in name}
        assert set(map(str.lower, numba_private.__all__)) <= named

    def test_is_compiler_off(self):
        """Without `is_compiler_off`, NUMBA_DISABLE_JIT=1 would break compiled functions."""
        code = "print(numba_private.is_compiler_off())"
        assert _run(code, NUMBA_DISABLE_JIT="0") == "False"
        assert _run(code, NUMBA_DISABLE_JIT="1") == "True"

    def test_cache_folder(self, tmp_path):
        """Without `cache_folder`, NUMBA_CACHE_DIR would not say where kernels are kept."""
        code = "print(numba_private.cache_folder())"
        assert _run(code, NUMBA_CACHE_DIR=str(tmp_path)) == str(tmp_path)
        assert _run(code, NUMBA_CACHE_DIR="") == ""

    def test_cpu_features(self):
        """Without `cpu_features`, no vector would be wider than 16 bytes."""
        code = "print('+avx' in numba_private.cpu_features())"
        assert _run(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="+avx") == "True"
        assert _run(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == "False"

    def test_cpu_key(self):
        """Without `cpu_key`, a kernel of another CPU might be loaded, and end the process."""
        code = """
from numba.core.registry import cpu_target
print(numba_private.cpu_key(cpu_target.target_context.codegen()))
"""
        keys = {_run(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=x) for x in ("", "+avx")}
        assert len(keys) == 2

    def test_count_nothing(self):
        """Without `COUNT_NOTHING`, the first call would take a tenth of a second longer."""

        def make(n):
            return np.empty(n).size

        assert numba.njit(make)(3) == 3
        with pytest.raises(numba.TypingError, match="Only accept returning of array passed"):
            numba.njit(make, **numba_private.COUNT_NOTHING)(3)

    def test_kernelcache(self):
        """Without `KernelCache`, numba would not ask our cache before it compiles."""
        asked = []

        class Cache(numba_private.KernelCache):
            def load_overload(self, sig, target_context):
                asked.append("load")

            def save_overload(self, sig, data):
                asked.append("save")

        function = numba.njit(_twice.py_func)
        numba_private.keep_in(function, Cache())
        assert function(21) == 42
        assert asked == ["load", "save"]

    # What sets the cache is tested with the cache.
    test_keep_in = test_kernelcache

    def test_let_compile(self):
        """Without `let_compile`, a signal could break the first and all later compilations."""
        asked = []

        def run(compile_for, *arguments):
            asked.append(arguments)
            return compile_for(*arguments)

        function = numba.njit(_twice.py_func)
        numba_private.let_compile(function, run)
        assert [function(21), function(4), function(0.5)] == [42, 8, 1]
        assert asked == [(21,), (0.5,)]

    def test_may_be_kept(self):
        """Without `may_be_kept`, a kernel with an address of this process might be saved."""
        assert numba_private.may_be_kept(_compiled(_twice))
        for dynamic, lifted in ((True, ()), (False, ("loop",))):
            library = SimpleNamespace(has_dynamic_globals=dynamic)
            compiled = SimpleNamespace(library=library, lifted=lifted)
            assert not numba_private.may_be_kept(compiled)

    def test_kernel_to_bytes(self):
        """Without the two ways, to bytes and back, every process would compile every kernel."""
        content = numba_private.kernel_to_bytes(_compiled(_twice))
        assert isinstance(content, bytes)
        context = cpu_target.target_context
        context.refresh()
        again = numba_private.kernel_from_bytes(content, context)
        assert again.signature == _compiled(_twice).signature
        function = numba.njit(_twice.py_func)
        function.add_overload(again)
        function.disable_compile()
        assert function(np.int64(4)) == 8

    test_kernel_from_bytes = test_kernel_to_bytes

    def test_compiler_lock(self):
        """Without `compiler_lock`, a child forked during a compilation would wait for ever."""
        with numba_private.compiler_lock:
            assert numba_private.compiler_lock.is_locked()
        assert not numba_private.compiler_lock.is_locked()


def test_kernels_return_numbers_alone():
    """While numba makes an array to return, an interrupt would end in a SystemError."""
    for name, (arguments, options) in GOOD.items():
        getattr(kr, name)(*arguments, **options)
    long = np.ones((3, 1500), np.float32)  # frames whose bands are summed as they lie
    kr.apply_filterbank(long, kr.filterbank_mel(16000, 1500, 20))
    by_scipy = kr.FrontEnd(sample_rate=1, n_fft=MAX_N_FFT + 1, hop_length=999, remove_mean=True)
    by_scipy(np.ones(70_000, np.float32))
    returned = {
        (kernel.__name__, overload.signature.return_type)
        for name, module in list(sys.modules.items())
        if name.startswith("kapre_ref.kernels.cpu")
        for kernel in vars(module).values()
        if isinstance(kernel, CPUDispatcher) and kernel.targetoptions.get("inline") != "always"
        for overload in kernel.overloads.values()
    }
    assert len(returned) > 20
    assert [(name, str(kind)) for name, kind in returned if not is_of_numbers(kind)] == []


def is_of_numbers(kind):
    """Tell whether a type of numba's is nothing, a number, or a tuple of these."""
    if isinstance(kind, types.BaseTuple):
        return all(map(is_of_numbers, kind))
    return isinstance(kind, types.NoneType | types.Number | types.Boolean)
