"""What the public functions share: parameters checked once, byte order, room for results."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

import numpy as np

from kapre_ref._checks import check_array, check_out
from kapre_ref._chunks import chunks_of
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views, made_like, on_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
F = TypeVar("F", bound="Callable[..., Any]")


def silent(function: F) -> F:
    """Let an oracle compute undisturbed: without NumPy's warnings, and on NumPy arrays.

    Overflow, underflow and NaN give the right results, whatever the caller's `numpy.errstate` is.
    Tensors that it is given are seen as NumPy arrays, and its result is then a tensor.
    """
    quiet = np.errstate(all="ignore")(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(of_another_library, (*args, *kwargs.values()))):
            names = function.__code__.co_varnames[: len(args)]
            return by_views(quiet, dict(zip(names, args, strict=True)) | kwargs, on_host)
        return quiet(*args, **kwargs)

    return cast("F", call)


def checked_once(function: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
    """Keep what a function of parameters returned, so that equal parameters are checked once.

    Types count: 512 and 512.0 are different parameters. Errors are never kept. A parameter that
    cannot be hashed goes straight to the checks, whose error will name it.
    """
    cached = lru_cache(maxsize=128, typed=True)(function)

    @wraps(function)
    def call(*parameters: *Ts) -> T:
        try:
            hash(parameters)
        except TypeError:
            return function(*parameters)
        return cached(*parameters)

    return call


def native(x: NDArray[Any]) -> NDArray[Any]:
    """Return `x` itself, or a copy in this machine's byte order if `x` has the other order."""
    if x.dtype.isnative:
        return x
    copy = np.empty(x.shape, native_dtype(x.dtype))
    for chunk in chunks_of(x.shape, x.itemsize):
        copy[chunk] = x[chunk]
    return copy


@lru_cache(maxsize=64)
def native_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype in this machine's byte order: for numbers, NumPy's own object of that dtype.

    Code that compares dtypes by `is`, or asks for `isbuiltin`, accepts only that object, and
    `newbyteorder` makes another one.
    """
    own = np.dtype(dtype.type)
    swapped: np.dtype[Any] = dtype.newbyteorder("=")
    return own if own == swapped else swapped


def complex_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a spectrum: complex128 for float64, else complex64."""
    return np.dtype(np.complex128 if dtype.itemsize == 8 else np.complex64)


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a complex number's parts, and of a real number itself."""
    if dtype.kind == "c":
        return np.dtype(np.float64 if dtype.itemsize == 16 else np.float32)
    return native_dtype(dtype)


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that kernels compute in: float64 for float64, else float32."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


def in_library_of(constant: NDArray[Any], like: NDArray[Any] | None) -> NDArray[Any]:
    """Return a freshly made NumPy array in the library of `like`; None means NumPy."""
    if like is None:
        return constant
    if of_another_library(like):
        return made_like(constant, like)  # type: ignore[no-any-return]
    check_array("like", like)
    return kernels_for(like).asarray(constant, like)


def result_array(
    x: NDArray[Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    out: NDArray[Any] | None = None,
    *more_inputs: NDArray[Any],
) -> NDArray[Any]:
    """Return `out` once it is checked, else a fresh array in the library of `x`."""
    if out is None:
        return kernels_for(x).empty(shape, native_dtype(dtype), x)
    check_out(out, shape, native_dtype(dtype), x, *more_inputs)
    return out
