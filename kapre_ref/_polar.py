"""The magnitude and the phase of a spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from kapre_ref._arrays import native, real_dtype, result_array, silent
from kapre_ref._checks import check_floating_or_complex
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import Float


@overload
def magnitude(  # type: ignore[overload-overlap]
    x: NDArray[np.complex64], *, out: NDArray[np.float32] | None = ...
) -> NDArray[np.float32]: ...


@overload
def magnitude(
    x: NDArray[np.complex128], *, out: NDArray[np.float64] | None = ...
) -> NDArray[np.float64]: ...


@overload
def magnitude(x: NDArray[Float], *, out: NDArray[Float] | None = ...) -> NDArray[Float]: ...


def magnitude(x: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the absolute value of a spectrum.

    Parameters
    ----------
    x : array, any shape, complex64 or complex128; floating arrays work too
        A spectrum.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape of `x`, float32 for complex64, float64 for complex128
        As in C99, a number with an infinite part has the magnitude inf, even beside NaN.

    Raises
    ------
    TypeError
        If `x` is not a complex or floating array.

    Notes
    -----
    ``sqrt(re ** 2 + im ** 2)``, where no square overflows. Matches the layer `kapre.Magnitude` of
    Kapre 0.4.1.

    Examples
    --------
    >>> magnitude(np.array([3 + 4j, -1]))
    array([5., 1.])
    """
    if of_another_library(x):
        return by_views(magnitude, locals())
    check_floating_or_complex("x", x)
    out = result_array(x, x.shape, real_dtype(x.dtype), out)
    kernels_for(x).magnitude(native(x), out)
    return out


@silent
def magnitude_reference(x: NDArray[Any]) -> NDArray[Any]:
    """Return the absolute value of a spectrum; nothing differs from the textbook."""
    return np.hypot(x.real.astype(np.float64), x.imag.astype(np.float64)).astype(
        real_dtype(x.dtype)
    )


@overload
def phase(  # type: ignore[overload-overlap]
    x: NDArray[np.complex64], *, out: NDArray[np.float32] | None = ...
) -> NDArray[np.float32]: ...


@overload
def phase(
    x: NDArray[np.complex128], *, out: NDArray[np.float64] | None = ...
) -> NDArray[np.float64]: ...


@overload
def phase(x: NDArray[Float], *, out: NDArray[Float] | None = ...) -> NDArray[Float]: ...


def phase(x: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the angle of a spectrum.

    Parameters
    ----------
    x : array, any shape, complex64 or complex128; floating arrays work too
        A spectrum.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape of `x`, float32 for complex64, float64 for complex128
        Radians from -pi to pi; signed zeros count as in `numpy.angle`.

    Raises
    ------
    TypeError
        If `x` is not a complex or floating array.

    Notes
    -----
    ``atan2(im, re)``. Matches the layer `kapre.Phase` of Kapre 0.4.1 with
    ``approx_atan_accuracy=None``; its approximation, wrong by pi / 2 on the imaginary axis, is not
    offered.

    Examples
    --------
    >>> phase(np.array([1j, -1]))
    array([1.57079633, 3.14159265])
    """
    if of_another_library(x):
        return by_views(phase, locals())
    check_floating_or_complex("x", x)
    out = result_array(x, x.shape, real_dtype(x.dtype), out)
    kernels_for(x).phase(native(x), out)
    return out


@silent
def phase_reference(x: NDArray[Any]) -> NDArray[Any]:
    """Return the angle of a spectrum; nothing differs from the textbook."""
    angle = np.arctan2(x.imag.astype(np.float64), x.real.astype(np.float64))
    return angle.astype(real_dtype(x.dtype))
