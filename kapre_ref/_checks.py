"""The one place that words an error: every message names the argument, the rule and the value."""

from __future__ import annotations

import math
import sys
import warnings
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._libraries import library_of, of_another_library

if TYPE_CHECKING:
    from collections.abc import Collection

_FLOATS, _COMPLEX = "efd", "FD"  # `dtype.char` is there at once; NumPy builds a name anew each time
_NAMES = {"e": "float16", "f": "float32", "d": "float64", "F": "complex64", "D": "complex128"}
_FLOAT_NAMES = "float16, float32 or float64"
_MOST = 2**31 - 1  # the limit for every count: a product of two counts still fits 64 bits
LEAST_RANGE = 65504.0  # the largest float16: every dtype can hold it
_CURES = {
    "MaskedArray": "fill it first, with {name}.filled(value)",
    "matrix": "pass numpy.asarray({name})",
}


def check_array(name: str, x: Any) -> None:
    """Require a NumPy or CuPy array; nothing is ever converted or copied silently.

    A function that takes tensors has looked for them before, and sees them as one of these two.
    """
    if library_of(x) is None:
        raise TypeError(
            f"{name} must be a numpy.ndarray or an array of CuPy, torch or JAX, got "
            f"{'None' if x is None else kind_of(x)}; {_cure(x).format(name=name)}"
        )


def kind_of(x: Any) -> str:
    """Name the type of an object, with its module unless it is built in."""
    kind = type(x)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _cure(x: Any) -> str:
    """Say how to get an array from something that is not one."""
    if x is None:
        return "pass the array that {name} stands for"
    if isinstance(x, str | bytes | PathLike):
        return "read the file first, e.g. with soundfile.read, and pass its samples"
    if isinstance(x, tuple) and any(library_of(part) for part in x):
        return "unpack it first, e.g. {name}, sample_rate = {name}"
    if of_another_library(x):
        return "all arrays of a call must be of one library"
    return _CURES.get(type(x).__name__, "pass numpy.asarray({name}, dtype='float32')")


def _check_dtype(name: str, x: Any, allowed: str) -> None:
    if type(x) is np.ndarray and x.dtype.char in allowed:
        return
    check_array(name, x)
    if x.dtype.char not in allowed:
        cure = ""
        if x.dtype.kind in "iu" and "f" in allowed:
            cure = f"; convert it first, e.g. {name}.astype('float32')"
        elif x.dtype.kind == "O":
            cure = (
                f", whose elements are Python objects; pass {name}.astype('float32') if they are "
                f"numbers, or one array after the other if they are of different lengths"
            )
        names = _either(_NAMES[char] for char in allowed)
        raise TypeError(f"{name} must have dtype {names}, got {x.dtype}{cure}")


def check_floating(name: str, x: Any) -> None:
    """Require an array of float16, float32 or float64."""
    _check_dtype(name, x, _FLOATS)


def check_signal(name: str, x: Any) -> None:
    """Require a floating array; for integers, as read from a file, the error says how to scale."""
    if type(x) is not np.ndarray:
        check_array(name, x)
    if x.dtype.char in _FLOATS:
        return
    if x.dtype.kind in "iu":
        # Integers of 64 bits are samples of fewer bits in NumPy's default integer type.
        is_wide = x.dtype.itemsize == 8
        full_scale = 32768 if is_wide else 2 ** (8 * x.dtype.itemsize - 1)
        samples = name if x.dtype.kind == "i" or is_wide else f"({name} - {full_scale}.0)"
        raise TypeError(
            f"{name} must have dtype {_FLOAT_NAMES}, got {x.dtype}; scale it to [-1, 1] "
            f"first, e.g. {samples} / {full_scale}" + (" for samples of 16 bits" if is_wide else "")
        )
    check_floating(name, x)


def check_complex(name: str, x: Any) -> None:
    """Require an array of complex64 or complex128."""
    _check_dtype(name, x, _COMPLEX)


def check_floating_or_complex(name: str, x: Any) -> None:
    """Require a floating or complex array."""
    _check_dtype(name, x, _FLOATS + _COMPLEX)


def check_real(name: str, x: Any) -> None:
    """Require an array of floats or of integers."""
    check_array(name, x)
    if x.dtype.kind not in "iu":
        _check_dtype(name, x, _FLOATS)


def check_same_place(name: str, x: Any, other_name: str, other: Any) -> None:
    """Require arrays of one library, on one device: nothing is copied between devices silently."""
    if library_of(x) != library_of(other):
        raise TypeError(
            f"{name} and {other_name} must be arrays of the same library, got {library_of(x)} and "
            f"{library_of(other)}; move one of them with cupy.asarray or cupy.asnumpy"
        )
    if library_of(x) == "cupy" and x.device.id != other.device.id:
        raise ValueError(
            f"{name} and {other_name} must be arrays of the same device, got devices "
            f"{x.device.id} and {other.device.id}; copy one of them with cupy.asarray, inside "
            f"`with cupy.cuda.Device(id):`"
        )


def check_ndim(name: str, x: Any, allowed: Collection[int], shapes: str) -> None:
    """Require one of the numbers of dimensions whose meaning `shapes` spells out."""
    if x.ndim not in allowed:
        raise ValueError(f"{name} must have shape {shapes}, got shape {tuple(x.shape)}")


def check_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...], why: str) -> None:
    """Require one shape, and say where it comes from."""
    if shape != expected:
        raise ValueError(f"{name} must have shape {expected} ({why}), got shape {shape}")


def check_integer(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Require an integer from `minimum` to `maximum` and return it as an int."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | np.number):
        raise TypeError(f"{name} must be an integer, got {_shown(value)}")
    if not isinstance(value, Integral):
        raise ValueError(f"{name} must be an integer, got {_shown(value)}")
    integer = int(value)
    if integer > (_MOST if maximum is None else maximum) or integer < minimum:
        span = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        span = span if maximum is not None or integer < minimum else f"at most {_MOST}"
        raise ValueError(f"{name} must be an integer {span}, got {_shown(integer)}")
    return integer


def check_number(name: str, value: Any, infinite: bool = False) -> float:
    """Require a real number, finite or inf if `infinite`, and return it as a float."""
    if infinite and isinstance(value, Real) and value == math.inf:
        return math.inf
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {_shown(value)}")
    return number


def check_positive(name: str, value: Any, infinite: bool = False) -> float:
    """Require a positive number, finite unless `infinite`, and return it as a float."""
    number = check_number(name, value, infinite)
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {_shown(value)}")
    return number


def check_in_range(name: str, value: float, dtype: np.dtype[Any]) -> None:
    """Require a finite number that a dtype does not round to infinity."""
    if abs(value) <= LEAST_RANGE:
        return
    with np.errstate(all="ignore"):
        fits = np.isfinite(dtype.type(value))
    if not fits:
        raise ValueError(
            f"{name} must be in the range of {dtype.name}, from {np.finfo(dtype).min:g} to "
            f"{np.finfo(dtype).max:g}, got {_shown(value)}"
        )


def check_at_least(name: str, value: float, minimum: float, what: str) -> None:
    """Require `value >= minimum`, a bound that `what` explains."""
    if value < minimum:
        raise ValueError(f"{name} must be at least {what}, got {value}")


def check_at_most(name: str, value: float, maximum: float, what: str) -> None:
    """Require `value <= maximum`, a bound that `what` explains."""
    if value > maximum:
        raise ValueError(f"{name} must be at most {what}, got {value}")


def check_flag(name: str, value: Any) -> bool:
    """Require True or False and return it as a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {_shown(value)}")
    return bool(value)


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Require one of the words in `choices`."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {_shown(value)}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {_either(map(repr, choices))}, got {value!r}")


def check_floating_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """Require something that NumPy reads as float16, float32 or float64."""
    if dtype is None:
        raise TypeError(f"{name} must be {_FLOAT_NAMES}, got None")
    try:
        known: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"{name} must be {_FLOAT_NAMES}, got {_shown(dtype)}") from None
    if known.char not in _FLOATS:
        raise TypeError(f"{name} must be {_FLOAT_NAMES}, got {known}")
    return np.dtype(known.type)


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *inputs: Any) -> None:
    """Require an array that the result can be written to, before anything is written."""
    check_array("out", out)
    check_same_place("out", out, "the input", inputs[0])
    check_shape("out", tuple(out.shape), shape, "that of the result")
    if out.dtype != dtype:
        raise TypeError(f"out must have dtype {dtype} (that of the result), got {out.dtype}")
    if not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous, got strides {out.strides}")
    if library_of(out) == "numpy" and not out.flags.writeable:  # CuPy has no read-only arrays
        raise ValueError("out must be writeable, got a read-only array")
    if any(_may_overlap(out, x) for x in inputs):
        raise ValueError("out must not overlap the input, got an array that shares its memory")


def _may_overlap(a: Any, b: Any) -> bool:
    """Tell whether two arrays have bytes in common, each counted from its first byte to its last.

    CuPy's own test does not see that two arrays share memory which another library allocated.
    """
    if not a.size or not b.size:
        return False
    if library_of(a) == "numpy":
        return np.may_share_memory(a, b)
    (low, high), (other_low, other_high) = _byte_bounds(a), _byte_bounds(b)
    return low < other_high and other_low < high


def _byte_bounds(x: Any) -> tuple[int, int]:
    steps = [(n - 1) * stride for n, stride in zip(x.shape, x.strides, strict=True)]
    first: int = x.data.ptr + sum(step for step in steps if step < 0)
    return first, first + sum(map(abs, steps)) + x.itemsize


def warn_caller(message: str) -> None:
    """Warn at the line that called this package, however deep the check lies in it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("kapre_ref."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _either(words: Any) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else str(last)


def _shown(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    text = repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return text if isinstance(value, Real | str | None) else f"{type(value).__name__}: {text}"
