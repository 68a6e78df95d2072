"""All uses of numba beyond what its documentation promises, each in a function of its own.

A new version of numba may change any of it. `tests/test_numba_private.py` has a test for each
function, which says what breaks without it.
"""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

from numba.core import caching, compiler, config
from numba.core.compiler_lock import global_compiler_lock as compiler_lock
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "COUNT_NOTHING",
    "KernelCache",
    "cache_folder",
    "compiler_lock",
    "cpu_features",
    "cpu_key",
    "is_compiler_off",
    "keep_in",
    "kernel_from_bytes",
    "kernel_to_bytes",
    "let_compile",
    "may_be_kept",
]

# The option of `numba.njit` for a function that makes no arrays: it counts no references to its
# arguments. Else each copy of a tuple looks for arrays in it, number by number.
COUNT_NOTHING = {"_nrt": False}

# The base of a cache of compiled code: numba calls its `load_overload` and `save_overload`.
KernelCache = caching.NullCache


def is_compiler_off() -> bool:
    """Tell whether functions stay Python: NUMBA_DISABLE_JIT=1."""
    return bool(config.DISABLE_JIT)  # type: ignore[attr-defined]


def cache_folder() -> str:
    """Return the folder that NUMBA_CACHE_DIR names, or an empty string."""
    return str(config.CACHE_DIR)  # type: ignore[attr-defined]


def cpu_features() -> list[str]:
    """Return the features of the CPU that numba compiles for, as LLVM names them: '+avx512f'."""
    features: str = cpu_target.target_context.codegen().magic_tuple()[2]
    return features.split(",")


def cpu_key(codegen: Any) -> Any:
    """Return what machine code depends on besides its source: the CPU and its features."""
    return codegen.magic_tuple()


def keep_in(dispatcher: Any, cache: Any) -> None:
    """Let a compiled function look for its machine code in a cache, and save it there."""
    dispatcher._cache = cache


def let_compile(dispatcher: Any, run: Callable[..., Any]) -> None:
    """Let `run(function, *arguments)` do what a call does that must compile or load code first."""
    dispatcher._compile_for_args = partial(run, dispatcher._compile_for_args)


def may_be_kept(compiled: Any) -> bool:
    """Tell whether machine code holds no address of this process, so that another may use it."""
    return not (compiled.library.has_dynamic_globals or compiled.lifted)


def kernel_to_bytes(compiled: Any) -> bytes:
    """Return machine code, and what numba knows about it, as bytes."""
    content: bytes = dumps(compiled._reduce())  # type: ignore[no-untyped-call]
    return content


def kernel_from_bytes(content: bytes, target_context: Any) -> Any:
    """Return compiled code, ready to be called, from the bytes that `kernel_to_bytes` returned."""
    parts = pickle.loads(content)
    return compiler.CompileResult._rebuild(target_context, *parts)  # type: ignore[no-untyped-call]
