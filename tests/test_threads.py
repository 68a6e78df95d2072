"""Threads, processes and the cache of compiled kernels, together and when one of them fails."""

import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import llvmlite
import numba
import numpy as np
import pytest

import kapre_ref as kr
from kapre_ref.kernels.cpu.runtime import jit
from kapre_ref.kernels.cpu.runtime.pool import MAX_SLICE_SECONDS, MIN_SECONDS, run_slices

SCRIPT = Path(__file__).with_name("processes.py")
PACKAGE = Path(kr.__file__).parent
N_THREADS = (1, 2, 3, 7)


@pytest.fixture(autouse=True)
def default_threads():
    yield
    kr.set_num_threads(None)


def noise(*shape):
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


# Each input is large enough for several threads, and has a remainder that fills no vector.
OPERATIONS = {
    "mu_law_encoding": lambda: kr.mu_law_encoding(noise(700_003), 256),
    "mu_law_decoding": lambda: kr.mu_law_decoding(np.arange(700_003) % 256, 256),
    "magnitude_to_decibel of a long item": lambda: kr.magnitude_to_decibel(noise(700_003)),
    "magnitude_to_decibel of short items": lambda: kr.magnitude_to_decibel(noise(7_001, 101)),
    "magnitude_to_decibel of strided items": lambda: kr.magnitude_to_decibel(noise(997, 701).T),
    "frame": lambda: kr.frame(noise(3, 70_001), 401, 100, True),
    "energy": lambda: kr.energy(noise(3, 700_001), frame_length=401, hop_length=100),
    "magnitude": lambda: kr.magnitude(noise(700_003, 2).view(np.complex64)),
    "mu_law_encoding of float16": lambda: kr.mu_law_encoding(noise(700_003).astype("f2"), 256),
    "mu_law_decoding of strided codes": lambda: kr.mu_law_decoding(
        np.arange(1_400_006)[::-2] % 256, 256
    ),
    "magnitude of channels": lambda: kr.magnitude(noise(3, 200_003, 2).view(np.complex64).T),
    "phase": lambda: kr.phase(noise(700_003, 2).view(np.complex64)),
    "apply_filterbank": lambda: kr.apply_filterbank(
        noise(3_001, 257), kr.filterbank_mel(16000, 257, 40)
    ),
    "apply_filterbank of channels": lambda: kr.apply_filterbank(
        noise(2, 1_501, 257, 2), kr.filterbank_mel(16000, 257, 40)
    ),
    "delta": lambda: kr.delta(noise(3, 1_001, 257)),
    "delta of a long window": lambda: kr.delta(noise(2, 1_001, 101).astype(np.float64), 21),
    "logmel_to_mfcc": lambda: kr.logmel_to_mfcc(noise(30_001, 40)),
    "melspectrogram": lambda: kr.melspectrogram(noise(3, 100_003), 512, 400, 160, n_mels=40),
    # No butterfly serves these sizes.
    "stft of a prime size": lambda: kr.stft(noise(2, 300_003), 331),
    "stft of a very large size": lambda: kr.stft(noise(2, 300_003), 65536, hop_length=20_000),
    "stft of pairs": lambda: kr.stft(noise(2, 300_003), 2),
    "stft_mag_phase": lambda: kr.stft_mag_phase(noise(2, 300_003, 1), 2018, return_decibel=True),
    "stft_magnitude": lambda: kr.stft_magnitude(noise(300_003, 3).T[:2], 509, return_decibel=True),
    "melspectrogram of float16": lambda: kr.melspectrogram(
        noise(2, 300_003).astype(np.float16), 1018, n_mels=40, return_decibel=True
    ),
    "inverse_stft": lambda: kr.inverse_stft(
        noise(2, 1_001, 1_010).view(np.complex64), 1009, hop_length=100
    ),
}


def bits(x):
    return x.view(f"u{x.itemsize}") if x.dtype.kind != "c" else x.view(np.uint64)


class TestThreads:
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_same_bits_for_any_number(self, name):
        kr.set_num_threads(N_THREADS[0])
        expected = OPERATIONS[name]()
        for n_threads in N_THREADS[1:]:
            kr.set_num_threads(n_threads)
            got = OPERATIONS[name]()
            assert not np.shares_memory(got, expected)  # Else they would be equal in any case.
            np.testing.assert_array_equal(bits(got), bits(expected), err_msg=f"{n_threads} threads")

    @pytest.mark.slow
    def test_many_threads_at_once(self):
        kr.set_num_threads(3)
        samples, magnitudes = noise(1 << 20), noise(1 << 20)
        codes = kr.mu_law_encoding(samples, 256)
        decibels = kr.magnitude_to_decibel(magnitudes)

        def repeat():
            for _ in range(25):
                np.testing.assert_array_equal(kr.mu_law_encoding(samples, 256), codes)
                np.testing.assert_array_equal(kr.magnitude_to_decibel(magnitudes), decibels)

        # 8 threads with 25 rounds make 200 calls of each of the two operations.
        with ThreadPoolExecutor(8) as threads:
            for result in [threads.submit(repeat) for _ in range(8)]:
                result.result(timeout=120)

    def test_nested_in_pools_of_threads(self):
        kr.set_num_threads(3)
        samples = noise(1 << 20)
        codes = kr.mu_law_encoding(samples, 256)

        def outer(_):
            with ThreadPoolExecutor(3) as inner:
                return list(inner.map(lambda _: kr.mu_law_encoding(samples, 256), range(3)))

        with ThreadPoolExecutor(3) as threads:
            for results in threads.map(outer, range(3), timeout=120):
                for got in results:
                    np.testing.assert_array_equal(got, codes)


class TestRunSlices:
    LONG = 100 * MIN_SECONDS

    def slices(self, *arguments):
        """Return the slices of a run, in order, with the threads that they ran in."""
        found = []
        run_slices(
            lambda start, stop: found.append((start, stop, threading.get_ident())), *arguments
        )
        return sorted(found)

    @pytest.mark.parametrize("n_threads", N_THREADS)
    @pytest.mark.parametrize(("n", "granule"), [(1, 1), (7, 1), (1000, 64), (1025, 1024)])
    def test_slices_cover_all_numbers_once(self, n_threads, n, granule):
        kr.set_num_threads(n_threads)
        found = self.slices(n, self.LONG, granule)
        assert found[0][0] == 0
        assert found[-1][1] == n
        for (_, stop, _), (start, _, _) in pairwise(found):
            assert start == stop
            assert start % granule == 0

    def test_nothing_is_not_called(self):
        assert self.slices(0, self.LONG) == []

    def test_little_work_stays_in_the_calling_thread(self):
        kr.set_num_threads(3)
        assert self.slices(1000, MIN_SECONDS / 2) == [(0, 1000, threading.get_ident())]

    def test_other_threads_take_part(self):
        kr.set_num_threads(2)
        together = threading.Barrier(2, timeout=60)
        # Each slice waits for another one that runs beside it.
        run_slices(lambda start, stop: together.wait(), 2, self.LONG)

    def test_nested_work_is_serial(self):
        kr.set_num_threads(2)
        found = []

        def outer(start, stop):
            here = threading.get_ident()
            found.extend((here, *inner) for inner in self.slices(1000, MAX_SLICE_SECONDS))

        run_slices(outer, 8, self.LONG)
        assert len(found) == 8
        for here, start, stop, thread in found:
            assert (start, stop, thread) == (0, 1000, here)

    @pytest.mark.parametrize("n_threads", N_THREADS)
    def test_slices_are_short(self, n_threads):
        kr.set_num_threads(n_threads)
        found = self.slices(1000, 100 * MAX_SLICE_SECONDS)
        assert max(stop - start for start, stop, _ in found) <= 10
        assert sum(stop - start for start, stop, _ in found) == 1000

    def test_a_busy_pool_delays_nothing(self):
        kr.set_num_threads(2)
        release, busy = threading.Event(), threading.Barrier(3, timeout=60)

        def wait(start, stop):
            busy.wait()
            release.wait(60)

        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(run_slices, wait, 2, self.LONG)
            busy.wait()  # The calling thread and the only helper have begun.
            assert len(self.slices(8, self.LONG)) == 8
            release.set()
            waiting.result(timeout=60)

    @pytest.mark.parametrize("n_threads", [1, 3])
    def test_an_error_reaches_the_caller(self, n_threads):
        kr.set_num_threads(n_threads)

        def fail(start, stop):
            raise ArithmeticError("no such number")

        with pytest.raises(ArithmeticError, match="no such number"):
            run_slices(fail, 8, self.LONG)
        assert self.slices(8, self.LONG)[-1][1] == 8

    @pytest.mark.parametrize("fails_in_caller", [True, False])
    def test_an_error_of_one_thread_reaches_the_caller(self, fails_in_caller):
        kr.set_num_threads(2)
        caller, together = threading.get_ident(), threading.Barrier(2, timeout=60)

        def fail(start, stop):
            together.wait()  # each thread has one of the two slices
            if (threading.get_ident() == caller) == fails_in_caller:
                raise ArithmeticError("no such number")

        with pytest.raises(ArithmeticError, match="no such number"):
            run_slices(fail, 2, self.LONG)


def run(mode, *, package=PACKAGE, options=(), **environment):
    """Run the script in a fresh process, with the package of some folder."""
    # The test chooses where compiled kernels go, whatever the environment says.
    inherited = {name: os.environ[name] for name in os.environ if name != "NUMBA_CACHE_DIR"}
    environment = inherited | {"PYTHONPATH": str(package.parent)} | environment
    command = [sys.executable, *options, str(SCRIPT), mode]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()


@pytest.mark.slow
class TestProcesses:
    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork")
    @pytest.mark.parametrize(
        "mode",
        [
            "fork_after_use",
            "fork_before_use",
            "fork_beside_kernels",
            "fork_beside_compilation",
            "fork_in_threads",
        ],
    )
    def test_fork(self, mode):
        # From 3.12 on, Python warns of every fork in a process that has threads.
        run(mode, options=["-W", "ignore::DeprecationWarning"])

    def test_spawn(self):
        run("spawn")

    def test_when_the_interpreter_ends(self):
        assert run("at_exit") == "worked"

    @pytest.mark.thorough
    def test_without_compiler(self):
        run("uncompiled", NUMBA_DISABLE_JIT="1", options=["-W", "error"])


@pytest.fixture(scope="module")
def compiled_package(tmp_path_factory):
    """Copy the package to a folder of its own, and let a process compile a kernel there."""
    package = tmp_path_factory.mktemp("compiled") / "kapre_ref"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert run("count", package=package) == "0 1"
    return package


@pytest.fixture
def package(compiled_package, tmp_path):
    """Copy the package with its compiled kernel once more, to be damaged."""
    return Path(shutil.copytree(compiled_package, tmp_path / "kapre_ref"))


def kernel_files(folder):
    return sorted(folder.rglob("*.kernel"))


@pytest.mark.slow
class TestCache:
    def test_serves_the_next_process(self, compiled_package):
        (path,) = kernel_files(compiled_package)
        assert path.parent == compiled_package / "kernels" / "cpu" / "__pycache__"
        assert run("count", package=compiled_package) == "1 0"

    def test_truncated_file(self, package):
        (path,) = kernel_files(package)
        path.write_bytes(path.read_bytes()[:-100])
        assert run("count", package=package) == "0 1"
        assert run("count", package=package) == "1 0"

    def test_changed_bit(self, package):
        (path,) = kernel_files(package)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert run("count", package=package) == "0 1"
        assert run("count", package=package) == "1 0"

    def test_another_processor(self, package):
        assert run("count", package=package, NUMBA_CPU_NAME="generic") == "0 1"
        assert len(kernel_files(package)) == 2
        assert run("count", package=package) == "1 0"
        assert run("count", package=package, NUMBA_CPU_NAME="generic") == "1 0"

    def test_name_tells_signature_processor_and_versions(self, monkeypatch):
        cache = jit._DiskCache(kernel_files)
        processor = SimpleNamespace(magic_tuple=lambda: ("triple", "one", "+fma"))
        other = SimpleNamespace(magic_tuple=lambda: ("triple", "one", ""))
        names = [cache._file_name(*one) for one in (("f4", processor), ("f8", processor))]
        names.append(cache._file_name("f4", other))
        for library in (np, numba, llvmlite):
            monkeypatch.setattr(library, "__version__", "0.0.1")
            names.append(cache._file_name("f4", processor))
        monkeypatch.setattr(sys, "implementation", SimpleNamespace(cache_tag="cpython-1"))
        names.append(cache._file_name("f4", processor))
        assert len(set(names)) == len(names) == 7

    def test_file_is_not_seen_before_it_is_whole(self, tmp_path, monkeypatch):
        def write_half(path, content):
            with open(path, "wb") as file:
                file.write(content[: len(content) // 2])
            assert not (tmp_path / "a.kernel").exists()
            raise OSError("no space left")

        monkeypatch.setattr(Path, "write_bytes", write_half)
        with pytest.raises(OSError, match="no space left"):
            jit._write(tmp_path, "a.kernel", bytes(100))
        assert list(tmp_path.iterdir()) == []

    def test_changed_formula(self, package):
        # Not the kernel's own file changes, but that of a function that it inlines.
        path = package / "kernels" / "cpu" / "logarithm.py"
        source = path.read_text()
        changed = re.sub(r"return n, f \+ f", "return n + 1, f + f", source)
        assert changed != source
        path.write_text(changed)
        with pytest.raises(AssertionError, match="Mismatched elements"):
            run("count", package=package)
        path.write_text(source + "# changed back, in other words\n")
        old = kernel_files(package)
        assert run("count", package=package) == "0 1"
        assert len(kernel_files(package)) == 1
        assert kernel_files(package) != old

    def test_two_processes_compile_at_once(self, package, tmp_path):
        for path in kernel_files(package):
            path.unlink()
        folder = tmp_path / "told to numba"

        def count(_=None):
            return run("count", package=package, NUMBA_CACHE_DIR=str(folder))

        with ThreadPoolExecutor(2) as threads:
            assert set(threads.map(count, range(2))) <= {"0 1", "1 0"}
        assert len(kernel_files(folder)) == 1
        assert kernel_files(package) == []
        assert count() == "1 0"

    def test_unwritable_package(self, package, tmp_path):
        self._block(package)
        home = tmp_path / "home"
        user = {"HOME": str(home), "XDG_CACHE_HOME": "", "LOCALAPPDATA": ""}
        assert run("count", package=package, **user) == "0 1"
        assert len(kernel_files(home)) == 1
        assert run("count", package=package, **user) == "1 0"

    def test_nothing_writable(self, package, tmp_path):
        self._block(package)
        file = tmp_path / "file"
        file.touch()
        nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(file))
        assert run("count", package=package, options=["-W", "error"], **nowhere) == "0 1"
        assert kernel_files(tmp_path) == []

    def test_an_installed_package_leaves_nothing_behind(self, package, tmp_path):
        for path in kernel_files(package):
            path.unlink()
        installed = tmp_path / "site-packages" / "kapre_ref"
        shutil.copytree(package, installed)
        home = tmp_path / "home"
        user = {"HOME": str(home), "XDG_CACHE_HOME": "", "LOCALAPPDATA": ""}
        assert run("count", package=installed, **user) == "0 1"
        assert kernel_files(installed) == []
        assert run("count", package=installed, **user) == "1 0"

    def _block(self, package):
        # Permissions alone would not stop a test that runs as root.
        folder = package / "kernels" / "cpu" / "__pycache__"
        shutil.rmtree(folder)
        folder.touch()
        folder.parent.chmod(0o555)
