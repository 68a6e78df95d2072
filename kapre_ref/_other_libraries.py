"""Arrays of libraries beside NumPy and CuPy, such as torch and JAX: seen as these, and back.

DLPack shares memory. What lies in the memory of the host is seen as a NumPy array, and what lies on
a CUDA device as a CuPy array; a result goes back by the `from_dlpack` of the argument's library,
which is loaded, since the argument is there. A tensor here is an array of such a library.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from kapre_ref._checks import kind_of
from kapre_ref._libraries import library_of, module_of_tensor, of_another_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")

# Devices of the DLPack standard: `DLDeviceType` in dlpack.h.
_HOST = (1, 3, 11)  # plain memory, and what is pinned for CUDA or ROCm
_CUDA = (2, 13)  # memory of a device, and managed memory
_VIEWS_ARE_READ_ONLY = np.__version__.startswith("2.0.")  # whatever they are views of
# These are no operands: they may be of any library, whatever that of the signal is.
_COUNTS = ("lengths",)


def by_views(
    function: Callable[..., T],
    given: dict[str, Any],
    view: Callable[[str, Any], NDArray[Any]] | None = None,
) -> T:
    """Call a function on views of tensors, and return its result as a tensor of their library.

    `given` has all arguments by name, as `locals()` has them where a function begins. `view` makes
    the views: `view_of`, its default, or `on_host`.
    """
    operands = {name: value for name, value in given.items() if name not in _COUNTS}
    tensors = {name: value for name, value in operands.items() if of_another_library(value)}
    _check_same_library(operands)
    views = {name: (view or view_of)(name, tensor) for name, tensor in tensors.items()}
    _check_same_device(tensors)
    result: Any = function(**{**given, **views})
    out = tensors.get("out")
    if out is None:
        return as_tensor(result, next(iter(tensors.values())))  # type: ignore[no-any-return]
    _tell_of_change(out, result)
    return out  # type: ignore[no-any-return]


def view_of(name: str, tensor: Any) -> NDArray[Any]:
    """Return a tensor's memory as a NumPy array, or as a CuPy array if it lies on a CUDA device."""
    on_cuda = device_of(name, tensor) is not None
    _check_plain(name, tensor)
    if name == "out":
        _check_writeable(tensor)
    library = _cupy(name) if on_cuda else np
    try:
        view: NDArray[Any] = library.from_dlpack(tensor)
    except Exception as error:  # each library has kinds of its own
        raise TypeError(
            f"{name} must be an array that {library.__name__} can see in its memory, got a "
            f"{kind_of(tensor)} of {tensor.dtype} ({error}); convert it first, e.g. to a dense "
            f"array of float32"
        ) from error
    if on_cuda:
        return view
    if view.flags.owndata and view.size:  # NumPy takes memory of its own where there is none
        raise TypeError(f"{name} must have memory, got a {kind_of(tensor)} without any")
    return tensor.numpy() if name == "out" and _VIEWS_ARE_READ_ONLY else view


def on_host(name: str, value: Any) -> Any:
    """Return a tensor's memory as a NumPy array, and anything but a tensor as it is."""
    if not of_another_library(value):
        return value
    if device_of(name, value) is not None:
        raise TypeError(
            f"{name} must be in the memory of the host, got a {kind_of(value)} on "
            f"{value.device}; copy it first, e.g. with {name}.cpu()"
        )
    return view_of(name, value)


def as_tensor(array: Any, like: Any) -> Any:
    """Return an array of NumPy or CuPy as a tensor of the library of `like`, in the same memory.

    The library's current stream waits for what CuPy's was asked to do.
    """
    library = module_of_tensor(like)
    on_cuda = library_of(array) == "cupy"
    if not on_cuda:  # a result of a kernel is so; torch cannot take negative strides
        array = np.require(array, requirements=("C", "W"))
    with array.device if on_cuda else nullcontext():
        tensor = library.from_dlpack(array)
    if tensor.nbytes != array.nbytes:  # JAX rounds, unless it was told not to
        raise TypeError(
            f"a result of {array.dtype} must stay one, and {library.__name__} made {tensor.dtype} "
            f"of it; call jax.config.update('jax_enable_x64', True) first"
        )
    return tensor


def made_like(constant: NDArray[Any], like: Any) -> Any:
    """Return a NumPy array as a tensor of the library of `like`, on the device of `like`."""
    number = device_of("like", like)
    if number is None:
        return as_tensor(constant, like)
    cupy = _cupy("like")
    with cupy.cuda.Device(number):
        return as_tensor(cupy.asarray(constant), like)


def device_of(name: str, tensor: Any) -> int | None:
    """Return the number of a tensor's CUDA device, or None for the memory of the host."""
    kind_name = type(tensor).__name__
    if "Tracer" in kind_name:
        raise TypeError(
            f"{name} must have values, got a {kind_name} of JAX, which stands for values to come; "
            f"call this function outside of jit, vmap and grad, or through jax.pure_callback"
        )
    problem = ""
    try:
        kind, number = tensor.__dlpack_device__()
    except Exception as error:  # each library has kinds of its own
        kind, number, problem = None, 0, f" ({error})"
    if kind in _HOST:
        return None
    if kind in _CUDA:
        return int(number)
    raise TypeError(
        f"{name} must be in the memory of the host or of one CUDA device, got a {kind_of(tensor)} "
        f"on {getattr(tensor, 'device', 'another device')}{problem}; copy it first"
    )


def _check_plain(name: str, tensor: Any) -> None:
    """Refuse a tensor that is more than its memory tells, or other than that."""
    kind = type(tensor)
    if "__dlpack__" not in vars(kind) and kind.__name__ != "Parameter":
        raise TypeError(
            f"{name} must be no array of a subclass, which may mean something else, got a "
            f"{kind_of(tensor)}; pass a plain one, e.g. {name}.as_subclass(torch.Tensor)"
        )
    if getattr(tensor, "requires_grad", False):
        raise TypeError(
            f"{name} must not require gradients, for none are computed through this function, got "
            f"a {kind_of(tensor)} with requires_grad=True; pass {name}.detach()"
        )
    for pending, cure in (("is_conj", "resolve_conj"), ("is_neg", "resolve_neg")):
        if getattr(tensor, pending, bool)():
            raise TypeError(
                f"{name} must have its values in memory, got a {kind_of(tensor)} for which "
                f"{pending}() is true; pass {name}.{cure}()"
            )


def _check_writeable(out: Any) -> None:
    if _name_of(out) == "jax":
        raise TypeError(
            f"out must be writeable, which no array of JAX is, got a {kind_of(out)}; leave it out, "
            f"and take what the function returns"
        )


def _check_same_library(operands: dict[str, Any]) -> None:
    """Require that all arrays are tensors of one library."""
    libraries = {name: _name_of(value) for name, value in operands.items()}
    (first, library), *others = ((n, known) for n, known in libraries.items() if known is not None)
    for name, other in others:
        if other != library:
            raise TypeError(
                f"{first} and {name} must be arrays of the same library, got {library} and "
                f"{other}; convert one of them"
            )


def _check_same_device(tensors: dict[str, Any]) -> None:
    """Require that all tensors are on one device: nothing is copied between devices silently."""
    (first, tensor), *others = tensors.items()
    for name, other in others:
        if device_of(name, other) != device_of(first, tensor):
            raise ValueError(
                f"{first} and {name} must be arrays of the same device, got {tensor.device} and "
                f"{other.device}; copy one of them first"
            )


def _name_of(value: Any) -> str | None:
    """Name the library of an array; None for anything else."""
    if of_another_library(value):
        name: str = module_of_tensor(value).__name__
        return name.partition(".")[0]
    return library_of(value)


def _cupy(name: str) -> Any:
    """Return CuPy, which computes on CUDA devices."""
    try:
        import cupy
    except ImportError:
        raise TypeError(
            f"{name} must be in the memory of the host unless CuPy is installed, got an array on a "
            f"CUDA device; pip install 'kapre_ref[cuda13]', or [cuda12], or pass {name}.cpu()"
        ) from None
    return cupy


def _tell_of_change(out: Any, written: NDArray[Any]) -> None:
    """Let a tensor's library know that the tensor has other values now."""
    if library_of(written) == "cupy":
        as_tensor(written, out)  # its library's stream waits until all is written
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(out, torch.Tensor):
        # Where autograd saved the old values, it must complain rather than compute with the new.
        torch.autograd.graph.increment_version(out)
