"""CUDA C++ kernels, compiled by g++ and launched through ctypes."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_HERE = Path(__file__).resolve().parent
_HEADER, _RUNTIME = _HERE / "cuda.hpp", ("runtime.cpp", "checker.cpp")
_FLAGS = ("-std=c++17", "-fPIC", "-g1", "-gdwarf-4", "-Wno-unknown-pragmas", f"-I{_HERE}")
# Products and sums of one expression are joined, as NVRTC joins them.
_CONTRACTED = ("-ffp-contract=fast",)
_PLAIN = ("-O2",)
# Structures are not replaced by their parts, so that an access of 8 bytes stays one access.
_CHECKED = (
    "-O1",
    "-fsanitize=thread",
    "-fno-tree-sra",
    "-fno-ipa-sra",
    "-fsanitize=float-cast-overflow",
)
_GIVEN = re.compile(r"^extern __shared__ (\w+) (\w+)\[\];", re.MULTILINE)
_CACHE_BYTES = 1 << 29
_IN_USE_SECONDS = 3600  # a time after which no process needs the files any more
_KINDS = ("pointer", "pointer to const", "signed", "unsigned", "float", "other")
_NUMPY_KINDS = {"i": "signed", "u": "unsigned", "f": "float"}
_ORDERS = {"forward": 0, "reversed": 1, "shuffled": 2}


class KernelError(RuntimeError):
    """An error that g++ or the checker reported."""


class Line(NamedTuple):
    """A line of the source and how it accesses memory."""

    number: int
    text: str
    memory: str  # 'shared' or 'global'
    kind: str  # 'load' or 'store'
    size: int  # bytes of an access


@dataclass
class Traffic:
    """Accesses of warps: wavefronts for shared memory, 32-byte sectors for global memory."""

    requests: int = 0
    cost: int = 0
    ideal: int = 0  # the wavefronts that consecutive addresses would take


class _Options(ctypes.Structure):
    _fields_ = (
        ("order", ctypes.c_int),
        ("seed", ctypes.c_uint64),
        ("counted", ctypes.c_int),
        ("last", ctypes.c_uint64),
    )


class Function:
    """One kernel."""

    def __init__(self, module: Module, index: int, name: str) -> None:
        self.module, self.name = module, name
        library = module.library
        self._body = ctypes.cast(getattr(library, f"emu_body_{index}"), ctypes.c_void_p)
        n_parameters = getattr(library, f"emu_n_parameters_{index}")()
        parameters = getattr(library, f"emu_parameters_{index}")
        parameters.restype = ctypes.POINTER(ctypes.c_int)
        pairs = parameters()
        # The shared memory that a kernel has of its own, if it is the only one of the module.
        self.n_own_bytes = int(library.emu_shared_bytes())
        self.parameters = [(pairs[2 * i], _KINDS[pairs[2 * i + 1]]) for i in range(n_parameters)]

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        n_given: int = 0,
    ) -> None:
        """Run the kernel on arrays (pointers) and NumPy scalars (values).

        Each block is given `n_given` bytes of shared memory besides its own.
        """
        library, module = self.module.library, self.module
        library.emu_reset()
        values = self._values(args)
        pointers = (ctypes.c_void_p * len(args))(*(value.ctypes.data for value in values))
        options = _Options(
            _ORDERS[module.order], module.seed, module.counted_blocks, module.last_blocks
        )
        n_errors = library.emu_launch(
            self._body,
            pointers,
            (ctypes.c_uint * 3)(*(*grid, 1, 1)[:3]),
            (ctypes.c_uint * 3)(*(*block, 1, 1)[:3]),
            ctypes.c_size_t(n_given),
            ctypes.byref(options),
            int(module.checked),
        )
        if n_errors:
            found = module.with_lines(library.emu_messages().decode())
            raise KernelError(f"{self.name}: {n_errors} problem(s)\n{found}")

    def _values(self, args: tuple[Any, ...]) -> list[np.ndarray]:
        """Return the bytes of each argument, as CuPy hands them over: without any conversion."""
        if len(args) != len(self.parameters):
            raise TypeError(
                f"{self.name}: {len(args)} arguments for {len(self.parameters)} parameters"
            )
        values, buffers = [], []
        for index, (value, (size, kind)) in enumerate(zip(args, self.parameters, strict=True)):
            scalar = np.asarray(value)
            given = _NUMPY_KINDS.get(scalar.dtype.kind, "other"), scalar.itemsize
            if isinstance(value, np.ndarray):
                constant = kind == "pointer to const"
                given = (kind if constant else "pointer"), 8
                buffers.append((constant, *_bounds(value), _offset(value)))
                scalar = np.array(value.ctypes.data, np.uint64)
            if given != (kind, size):
                raise TypeError(
                    f"{self.name}: argument {index}: {given[0]} of {given[1]} bytes for a {kind} "
                    f"parameter of {size}"
                )
            values.append(scalar)
        # Arrays to write to come first, since the checker takes the first that holds an address.
        for constant, begin, n_bytes, offset in sorted(buffers):
            self.module.library.emu_buffer(begin, n_bytes, int(not constant), offset)
        return values


def _bounds(array: np.ndarray) -> tuple[int, int]:
    """Return where the memory of an array begins and how many bytes it spans."""
    reach = [
        (n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True) if array.size
    ]
    begin = array.ctypes.data + sum(r for r in reach if r < 0)
    return begin, sum(abs(r) for r in reach) + (array.itemsize if array.size else 0)


def _offset(array: np.ndarray) -> int:
    """Return how far behind the start of an allocation the memory of an array begins, in bytes."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return int(_bounds(array)[0] - _bounds(owner)[0])


class Module:
    """A CUDA source, and those of its kernels that are named.

    `order` is that of threads and blocks: 'forward', 'reversed', or 'shuffled' anew whenever
    threads wait, by `seed`. The accesses of the first `counted_blocks` blocks are counted. If
    `last_blocks` is given, only so many run, those of the highest numbers.
    """

    def __init__(
        self,
        code: str,
        names: tuple[str, ...],
        *,
        checked: bool = False,
        order: str = "forward",
        seed: int = 0,
        counted_blocks: int = 0,
        last_blocks: int = 0,
    ) -> None:
        self.names, self.checked, self.order, self.seed = names, checked, order, seed
        self.counted_blocks, self.last_blocks = counted_blocks, last_blocks
        self.code = code.splitlines()
        self.path = _build(code, names, checked)
        self.library = ctypes.CDLL(str(self.path))
        size = ctypes.c_size_t
        self.library.emu_buffer.argtypes = (size, size, ctypes.c_int, size)
        self.library.emu_shared_array.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
        self.library.emu_launch.restype = ctypes.c_long
        self.library.emu_messages.restype = ctypes.c_char_p
        self.library.emu_shared_bytes.restype = size
        if not self.library.emu_n_shared_arrays():  # it may be loaded already
            self._register_shared_arrays()

    def function(self, name: str) -> Function:
        """Return a kernel by the name that the module was given."""
        return Function(self, self.names.index(name), name)

    def _register_shared_arrays(self) -> None:
        # The static variables of the kernels' functions are their __shared__ arrays.
        for row in _output("nm", "-S", str(self.path)).splitlines():
            fields = row.split()
            if len(fields) == 4 and fields[2] in "bBdDuV" and fields[3].startswith("_ZZ"):
                self.library.emu_shared_array(int(fields[0], 16), int(fields[1], 16))

    def with_lines(self, messages: str) -> str:
        """Replace program counters by lines of the source."""
        counters = re.findall(r"pc 0x([0-9a-f]+)", messages)
        lines = dict(zip(counters, self._lines([int(c, 16) for c in counters]), strict=True))
        return re.sub(r"pc 0x([0-9a-f]+)", lambda m: f"line {lines[m[1]]}", messages)

    def _lines(self, counters: list[int]) -> list[int]:
        if not counters:
            return []
        # A return address lies behind its call. What the header does is done by the line that asks.
        text = _output(
            "addr2line", "-a", "-i", "-e", str(self.path), *(hex(c - 1) for c in counters)
        )
        found = []
        for frames in re.split(r"^0x", text, flags=re.MULTILINE)[1:]:
            match = re.search(r"kernel\.cu:(\d+)", frames)
            found.append(int(match[1]) if match else 0)
        return found

    def traffic(self) -> dict[Line, Traffic]:
        """Return what the counted blocks of the last launch cost, by line."""
        rows, row = [], (ctypes.c_uint64 * 7)()
        while self.library.emu_count(len(rows), row):
            rows.append(list(row))
        total: dict[Line, Traffic] = {}
        for number, (_, shared, write, size, *figures) in zip(
            self._lines([r[0] for r in rows]), rows, strict=True
        ):
            text = self.code[number - 1].strip() if number else ""
            memory, kind = "shared" if shared else "global", "store" if write else "load"
            line = Line(number, text, memory, kind, size)
            sums = total.setdefault(line, Traffic())
            sums.requests += figures[0]
            sums.cost += figures[1]
            sums.ideal += figures[2]
        return total


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@functools.cache
def _multiply_and_add() -> tuple[str, ...]:
    """Return the options for fused multiply-adds, if this machine has them."""
    try:
        can = re.search(r"\bfma\b", Path("/proc/cpuinfo").read_text())
    except OSError:
        can = None
    return ("-mfma", *_CONTRACTED) if can else _CONTRACTED


@functools.cache
def _cache() -> Path:
    folder = Path(tempfile.gettempdir()) / f"cuda_on_cpu_{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    drop_oldest(folder, _CACHE_BYTES, time.time() - _IN_USE_SECONDS)
    return folder


def drop_oldest(folder: Path, most_bytes: int, before: float) -> None:
    """Remove the oldest files last used before a time, until the others fit into a limit."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process is at it
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    n_bytes = sum(size for _, size, _ in found)
    for used, size, path in sorted(found):
        if n_bytes <= most_bytes or used >= before:
            return
        path.unlink(missing_ok=True)
        n_bytes -= size


def _compile(text: bytes, arguments: list[str], suffix: str) -> Path:
    """Run g++ unless it has made a file of the same text and arguments before."""
    compiler = os.environ.get("CXX", "g++")
    key = hashlib.sha256(b"\0".join([text, repr((compiler, arguments)).encode()])).hexdigest()[:32]
    target = _cache() / f"{key}{suffix}"
    if target.exists():
        os.utime(target)  # it was used
    else:
        # Finished beside its place, so that processes building the same do not meet.
        unfinished = target.with_name(f"{key}.{os.getpid()}{suffix}")
        command = [compiler, *arguments, "-o", str(unfinished)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise KernelError(done.stderr)
        unfinished.replace(target)
    return target


def for_cpu(code: str) -> str:
    """Return a source in which g++ finds the shared memory that a launch gives.

    It cannot make a variable both `extern` and `static`, which `__shared__` stands for.
    """
    return _GIVEN.sub(r"#define \2 reinterpret_cast<\1*>(emu_dynamic_shared)", code)


def _build(code: str, names: tuple[str, ...], checked: bool) -> Path:
    exports = "\n".join(f"EMU_EXPORT({i}, {name})" for i, name in enumerate(names))
    unit = (
        f'#include "cuda.hpp"\n#line 1 "kernel.cu"\n{for_cpu(code)}\n'
        f"#pragma GCC visibility push(default)\n{exports}\n"
    )
    source = _cache() / f"{hashlib.sha256(unit.encode()).hexdigest()[:32]}.cpp"
    source.write_text(unit)
    flags = [
        *_FLAGS,
        "-fvisibility=hidden",
        *_multiply_and_add(),
        *(_CHECKED if checked else _PLAIN),
    ]
    objects = [_compile(unit.encode() + _HEADER.read_bytes(), [*flags, "-c", str(source)], ".o")]
    shared = (_HERE / "runtime.hpp").read_bytes()
    for name in _RUNTIME:
        path = _HERE / name
        # The hooks of the thread sanitizer are no built-in functions here.
        flags = [*_FLAGS, "-O2", "-Wno-builtin-declaration-mismatch", "-c", str(path)]
        objects.append(_compile(path.read_bytes() + shared, flags, ".o"))
    paths = [str(path) for path in objects]
    return _compile(
        b"".join(p.encode() for p in paths), ["-shared", "-Wl,-Bsymbolic", *paths], ".so"
    )
