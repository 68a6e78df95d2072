"""The one place that fixes numba's options and keeps compiled kernels on disk.

How kernels get their arrays: numba compiles a kernel anew for each number of dimensions and each
memory layout, and for read-only and writeable arrays apart. To need only one compilation for each
dtype, kernels take contiguous arrays, read-only inputs (`as_input`) and writeable results. Strided
arrays reach them as contiguous chunks (`chunks`, `strided`). Scalars come as `float`, `int`, or
NumPy scalars of the array's dtype. Kernels are flat functions at module level, because numba
optimises a nested function again at every level. Small shared formulas are `inlined`, and long ones
are an `inner_kernel`.
"""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import shutil
import sys
from contextlib import suppress
from ctypes import addressof, c_char
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate

import llvmlite
import numba
import numpy as np

from kapre_ref._first_use import Watch
from kapre_ref.kernels.cpu.numba_private import (
    COUNT_NOTHING,
    KernelCache,
    cache_folder,
    compiler_lock,
    cpu_key,
    is_compiler_off,
    keep_in,
    kernel_from_bytes,
    kernel_to_bytes,
    let_compile,
    may_be_kept,
)
from kapre_ref.kernels.cpu.runtime.pool import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kapre_ref._types import Scalar

_CPU_KERNELS = Path(__file__).resolve().parents[1]
_FOLDER_PREFIX = "kapre_ref-"
_OWNER = "owner.txt"  # says whose kernels a folder has: the machine, and the path of the package
_PACKAGE = __package__.removesuffix("runtime")
_FASTMATH = {"contract"}  # a * b + c in one instruction; NaN and inf keep their meaning
_OPTIONS: dict[str, Any] = {
    "nogil": True,  # kernels run side by side in threads
    "error_model": "numpy",  # division by zero gives inf or NaN, and no branch
    "boundscheck": False,  # stays off, whatever NUMBA_BOUNDSCHECK says
    "fastmath": _FASTMATH,
    "no_cfunc_wrapper": True,  # nothing calls a kernel as a function of C
}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at module level on its first call, or load what a process compiled before.

    It writes to arrays that it is given, and returns nothing but numbers. While numba makes arrays
    to return, a signal may end in a SystemError.

    With NUMBA_DISABLE_JIT=1 the function stays Python: slow, with correct results.
    """
    return _kernel(function, _OPTIONS)


def summing_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel whose sums may be added in any order, as vectors of partial sums."""
    return _kernel(function, _OPTIONS | {"fastmath": _FASTMATH | {"reassoc"}})


def inner_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a long function that kernels call, by itself: that is faster than to inline it.

    It makes no arrays. Python must not call it: what takes Python's arguments apart is left out.
    """
    return _kernel(function, _OPTIONS | COUNT_NOTHING | {"no_cpython_wrapper": True})


def address_kernel(function: Callable[..., None]) -> Callable[Concatenate[Addresses, ...], None]:
    """Compile a kernel that takes addresses; its callers pass their `Addresses` as first argument.

    So the arrays live until the kernel has returned, even if the caller drops them meanwhile. It
    makes no arrays.
    """
    compiled = _kernel(function, _OPTIONS | COUNT_NOTHING)

    def call(addresses: Addresses, *arguments: Any) -> None:
        assert type(addresses) is Addresses, "whoever passes addresses passes their owners"
        compiled(*arguments)

    return wraps(function)(call)


class Addresses:
    """Hands out addresses of arrays, and keeps the arrays alive as long as it lives itself."""

    __slots__ = ("_held",)

    def __init__(self, *others: Addresses) -> None:
        self._held: list[NDArray[Any] | Addresses] = list(others)

    def of(self, array: NDArray[Any]) -> int:
        """Return the address of an array, and keep the array alive from now on."""
        self._held.append(array)
        try:  # it takes a third of the time that `ctypes.data` takes
            return addressof(c_char.from_buffer(array))  # type: ignore[arg-type]
        except (TypeError, ValueError, BufferError):  # read-only, empty or not contiguous
            return array.ctypes.data

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays that are kept alive."""
        return sum(one.nbytes for one in self._held)


def _kernel(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    if is_compiler_off():
        return np.errstate(all="ignore")(function)  # compiled code gives no warnings either
    if function.__closure__ is not None:
        raise TypeError(f"{function.__qualname__} closes over variables, which no cache knows of")
    dispatcher: Callable[..., Any] = numba.njit(**options)(function)
    let_compile(dispatcher, partial(out_of_reach, _without_collecting))
    if function.__module__.startswith(_PACKAGE):  # the digest covers no other sources
        keep_in(dispatcher, _DiskCache(function))
    return dispatcher


def _without_collecting(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function while Python looks for no garbage.

    numba makes so many objects that are all in use that to look through them again and again takes
    a tenth of the time. The lock keeps one thread from switching off what another has not yet
    switched on again.
    """
    with compiler_lock:
        is_on = gc.isenabled()
        try:
            gc.disable()
            return function(*arguments)
        finally:
            if is_on:
                gc.enable()


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a formula usable in kernels, as if it were written out there."""
    formula: Callable[..., Any] = numba.njit(inline="always", **_OPTIONS)(function)
    return formula


def as_input(x: NDArray[Scalar]) -> NDArray[Scalar]:
    """View an array as read-only, so that numba sees one type, be the array writeable or not."""
    view = x.view()
    view.flags.writeable = False
    return view


class _DiskCache(KernelCache):
    """A cache of compiled code on disk, one file for each kernel and signature.

    If a file cannot be read or written, the kernel is compiled, and nothing is said.

    numba's own cache has three faults: it raises an error if no folder is writable or a file is cut
    short; it takes a kernel for up to date although a formula inlined from another file has
    changed; and two processes that compile different signatures at once may give both the same
    file.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code from the first folder that has an intact file, else None."""
        target_context.refresh()
        name = self._file_name(sig, target_context.codegen())
        for folder in _folders():
            with suppress(Exception):  # whatever is wrong with a file, the kernel can be compiled
                content = (folder / name).read_bytes()
                if hashlib.sha256(content[32:]).digest() == content[:32]:
                    return kernel_from_bytes(content[32:], target_context)
        if Watch.compiling is not None:
            Watch.compiling()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save compiled code in the first folder that can be written to, if there is one."""
        if not (_SOURCES and may_be_kept(data)):
            return
        name = self._file_name(sig, data.codegen)
        content = kernel_to_bytes(data)
        content = hashlib.sha256(content).digest() + content
        for folder in _folders():
            with suppress(OSError):
                _write(folder, name, content)
                self._remove_stale(folder)
                _remove_abandoned(folder)
                return
        if Watch.not_kept is not None:
            Watch.not_kept(_folders())

    def _remove_stale(self, folder: Path) -> None:
        for path in folder.glob(f"{self._name}-*.kernel"):
            if f"-{_SOURCES}-" not in path.name:
                with suppress(OSError):
                    path.unlink()

    def _file_name(self, sig: Any, codegen: Any) -> str:
        versions = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__)
        key = repr((str(sig), cpu_key(codegen), versions, np.__version__))
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return f"{self._name}-{_SOURCES}-{digest}.kernel"


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Another process sees the whole file or none. If two processes write it, the last one's stays.
    unfinished = folder / f"{name}.{os.getpid()}.part"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(folder / name)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@lru_cache(maxsize=4)
def _remove_abandoned(folder: Path) -> None:
    """Remove the folders beside this one whose package is gone from this machine.

    A virtual environment has a folder of its own among the user's caches. Nothing else would remove
    that when the environment is removed.
    """
    if not folder.name.startswith(_FOLDER_PREFIX):
        return
    machine = platform.node()
    with suppress(OSError):
        (folder / _OWNER).write_text(f"{machine}\n{_CPU_KERNELS}", encoding="utf-8")
        for owner in folder.parent.glob(f"{_FOLDER_PREFIX}*/{_OWNER}"):
            its_machine, _, package = owner.read_text(encoding="utf-8").partition("\n")
            # Another machine may share the folder, and see packages that are not here.
            if its_machine == machine and not Path(package).exists():
                shutil.rmtree(owner.parent, ignore_errors=True)


@lru_cache(maxsize=1)
def _folders() -> list[Path]:
    """List the folders for compiled code: NUMBA_CACHE_DIR, beside the source, the user's cache.

    For an installed package, the folder beside it comes last. An uninstaller removes only what was
    installed, so the folder would stay, and could then be imported as an empty package.
    """
    package = _CPU_KERNELS
    mine = f"{_FOLDER_PREFIX}{hashlib.sha256(bytes(package)).hexdigest()[:16]}"
    folders = [package / "__pycache__"]
    with suppress(RuntimeError):  # raised for a user without a home folder
        user = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
        folders.append((Path(user) if user else Path.home() / ".cache") / mine)
    if {"site-packages", "dist-packages"} & set(package.parts):
        folders.reverse()
    if cache_folder():
        folders.insert(0, Path(cache_folder()) / mine)
    return folders


def _digest_of_sources() -> str:
    sources = sorted(_CPU_KERNELS.rglob("*.py"))
    if not sources:
        return ""
    return hashlib.sha256(b"".join(map(Path.read_bytes, sources))).hexdigest()[:16]


# The digest covers all sources, since a change in one kernel may change all kernels that inline it.
# It is computed once, at import. Where no source lies on disk it is empty, and nothing is saved.
_SOURCES = _digest_of_sources()

if hasattr(os, "register_at_fork"):
    # Else a child forked while another thread compiles would wait for numba's lock for ever.
    os.register_at_fork(
        before=compiler_lock.acquire,
        after_in_parent=compiler_lock.release,
        after_in_child=compiler_lock.release,
    )
