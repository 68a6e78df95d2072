"""Decibels of powers and of amplitudes, and back, with librosa's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import native, real_dtype, result_array, silent, working_dtype
from kapre_ref._checks import (
    check_at_least,
    check_choice,
    check_floating,
    check_floating_or_complex,
    check_in_range,
    check_number,
    check_positive,
)
from kapre_ref._decibel import (
    NO_LIMIT,
    DecibelScale,
    check_scale_in_range,
    items_of,
    rounded_decibels_reference,
)
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import Float, PeakOver


def power_to_db(
    x: NDArray[Float],
    ref: float | str = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
    *,
    peak_over: PeakOver = "call",
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Convert powers to decibels, 10 log10.

    Parameters
    ----------
    x : array, any shape, float16, float32 or float64
        Powers.
    ref : float or 'peak'
        The power at 0 dB, at least `amin`; 'peak' is the largest one.
    amin : float
        Powers below it count as `amin`.
    top_db : float, dB, optional
        Nothing lies further below the peak; None means no limit.
    peak_over : 'call' or 'item'
        Whether the peak is that of all of `x`, or each item of the first axis has its own.
    out : array, optional
        Where to put the result: C-contiguous, of the shape and dtype of `x`, not overlapping it.

    Returns
    -------
    array, shape and dtype of `x`, dB

    Raises
    ------
    TypeError
        If `x` is not a floating NumPy or CuPy array, or an argument is of the wrong kind.
    ValueError
        If a number is out of range or beyond that of float32 (of float64 for such an `x`), or
        `out` does not fit.

    Notes
    -----
    ``10 log10(max(x, amin)) - 10 log10(max(ref, amin))``, limited from below to the maximum less
    `top_db`. This is `librosa.power_to_db` of librosa 0.11, with 'peak' for ``ref=np.max``. Kapre
    0.4.1 has no such layer; `kapre.backend.magnitude_to_decibel` comes nearest, see
    `magnitude_to_decibel`. A NaN makes all NaN that its peak is of, and so does infinity beside
    `ref` 'peak'.

    Examples
    --------
    >>> power_to_db(np.array([1e-12, 0.1, 10.0]), ref="peak")
    array([-80., -20.,   0.])
    """
    if of_another_library(x):
        return by_views(power_to_db, locals())
    check_floating("x", x)
    scale = _check_scale(ref, amin, top_db, 10.0)
    return _decibels(x, scale, peak_over, out)


@silent
def power_to_db_reference(
    x: NDArray[Float],
    ref: float | str = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
    *,
    peak_over: PeakOver = "call",
) -> NDArray[Float]:
    """Convert powers to decibels; all that is passed has one peak, unless each item has."""
    return _decibels_reference(x, _scale(ref, amin, top_db, 10.0), peak_over)


def amplitude_to_db(
    x: NDArray[Any],
    ref: float | str = 1.0,
    amin: float = 1e-5,
    top_db: float | None = 80.0,
    *,
    peak_over: PeakOver = "call",
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Convert amplitudes to decibels, 20 log10 of absolute values.

    Parameters
    ----------
    x : array, any shape, float16, float32, float64, complex64 or complex128
        Amplitudes: magnitudes, samples or complex spectra.
    ref : float or 'peak'
        The amplitude at 0 dB, at least `amin`; 'peak' is the largest one.
    amin : float
        Amplitudes below it count as `amin`.
    top_db : float, dB, optional
        Nothing lies further below the peak; None means no limit.
    peak_over : 'call' or 'item'
        Whether the peak is that of all of `x`, or each item of the first axis has its own.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape of `x`, dtype of `x` or of its parts, dB

    Raises
    ------
    TypeError
        If `x` is not a floating or complex NumPy or CuPy array, or an argument is of the wrong
        kind.
    ValueError
        If a number is out of range or beyond that of float32 (of float64 for such an `x`), or
        `out` does not fit.

    Notes
    -----
    ``20 log10(max(|x|, amin)) - 20 log10(max(ref, amin))``, limited from below to the maximum less
    `top_db`. This is `librosa.amplitude_to_db` of librosa 0.11, with 'peak' for ``ref=np.max``.
    Kapre 0.4.1 has no such layer: `kapre.backend.magnitude_to_decibel` takes 10 log10 of whatever
    is passed. A NaN makes all NaN that its peak is of, and so does infinity beside `ref` 'peak'.

    Examples
    --------
    >>> amplitude_to_db(np.array([0.0, 0.1, 1.0, -10.0]))
    array([-60., -20.,   0.,  20.])
    """
    if of_another_library(x):
        return by_views(amplitude_to_db, locals())
    check_floating_or_complex("x", x)
    scale = _check_scale(ref, amin, top_db, 20.0)
    return _decibels(x, scale, peak_over, out)


@silent
def amplitude_to_db_reference(
    x: NDArray[Any],
    ref: float | str = 1.0,
    amin: float = 1e-5,
    top_db: float | None = 80.0,
    *,
    peak_over: PeakOver = "call",
) -> NDArray[Float]:
    """Convert absolute values to decibels; 20 log10, so that powers and amplitudes agree."""
    return _decibels_reference(x, _scale(ref, amin, top_db, 20.0), peak_over)


def db_to_power(
    x: NDArray[Float], ref: float = 1.0, *, out: NDArray[Float] | None = None
) -> NDArray[Float]:
    """Convert decibels to powers.

    Parameters
    ----------
    x : array, any shape, float16, float32 or float64, dB
        Decibels.
    ref : float
        The power at 0 dB.
    out : array, optional
        Where to put the result: C-contiguous, of the shape and dtype of `x`, not overlapping it.

    Returns
    -------
    array, shape and dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not a floating NumPy or CuPy array, or `ref` is not a number.
    ValueError
        If `ref` is not positive and finite, or `out` does not fit.

    Notes
    -----
    ``ref 10 ** (x / 10)``, as `librosa.db_to_power` of librosa 0.11. Kapre 0.4.1 has no way back
    from decibels.

    Examples
    --------
    >>> db_to_power(np.array([-20.0, 0.0, 10.0])).round(6)
    array([ 0.01,  1.  , 10.  ])
    """
    if of_another_library(x):
        return by_views(db_to_power, locals())
    return _magnitudes(x, ref, 10.0, out)


@silent
def db_to_power_reference(x: NDArray[Float], ref: float = 1.0) -> NDArray[Float]:
    """Convert decibels to powers, by the formula."""
    return np.asarray(ref * 10 ** (x.astype(np.float64) / 10)).astype(real_dtype(x.dtype))


def db_to_amplitude(
    x: NDArray[Float], ref: float = 1.0, *, out: NDArray[Float] | None = None
) -> NDArray[Float]:
    """Convert decibels to amplitudes.

    Parameters
    ----------
    x : array, any shape, float16, float32 or float64, dB
        Decibels.
    ref : float
        The amplitude at 0 dB.
    out : array, optional
        Where to put the result: C-contiguous, of the shape and dtype of `x`, not overlapping it.

    Returns
    -------
    array, shape and dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not a floating NumPy or CuPy array, or `ref` is not a number.
    ValueError
        If `ref` is not positive and finite, or `out` does not fit.

    Notes
    -----
    ``ref 10 ** (x / 20)``, as `librosa.db_to_amplitude` of librosa 0.11. Kapre 0.4.1 has no way
    back from decibels.

    Examples
    --------
    >>> db_to_amplitude(np.array([-20.0, 0.0, 20.0])).round(6)
    array([ 0.1,  1. , 10. ])
    """
    if of_another_library(x):
        return by_views(db_to_amplitude, locals())
    return _magnitudes(x, ref, 20.0, out)


@silent
def db_to_amplitude_reference(x: NDArray[Float], ref: float = 1.0) -> NDArray[Float]:
    """Convert decibels to amplitudes, by the formula."""
    return np.asarray(ref * 10 ** (x.astype(np.float64) / 20)).astype(real_dtype(x.dtype))


def _check_scale(ref: Any, amin: Any, top_db: Any, decade: float) -> DecibelScale:
    if isinstance(ref, str):
        if ref != "peak":
            raise ValueError(f"ref must be a positive number or 'peak', got {ref!r}")
    elif callable(ref):
        raise TypeError(
            f"ref must be a number or 'peak', got {type(ref).__name__}; 'peak' is librosa's "
            f"numpy.max"
        )
    else:
        ref = check_positive("ref", ref)
    amin = check_positive("amin", amin)
    if top_db is not None:
        top_db = check_number("top_db", top_db, infinite=True)
        check_at_least("top_db", top_db, 0, "0")
    return _scale(ref, amin, top_db, decade)


def _scale(ref: float | str, amin: float, top_db: float | None, decade: float) -> DecibelScale:
    ref_value = 1.0 if isinstance(ref, str) else ref
    dynamic_range = NO_LIMIT if top_db is None else min(top_db, NO_LIMIT)
    return DecibelScale(ref_value, amin, dynamic_range, decade, isinstance(ref, str))


def _decibels(
    x: NDArray[Any], scale: DecibelScale, peak_over: Any, out: NDArray[Any] | None
) -> NDArray[Any]:
    check_choice("peak_over", peak_over, ("call", "item"))
    dtype = real_dtype(x.dtype)
    check_scale_in_range(scale, dtype, names=("ref", "amin"))
    out = result_array(x, x.shape, dtype, out)
    magnitudes, kernels = native(x), kernels_for(x)
    if scale.decade == 20:  # their absolute values, where the result is to be
        kernels.magnitude(magnitudes, out)
        magnitudes = out
    items, results = (
        items_of(y) if peak_over == "item" else y.reshape(1, 1) if not y.ndim else y[None]
        for y in (magnitudes, out)
    )
    kernels.magnitude_to_decibel(items, scale, results)
    return out


def _decibels_reference(x: NDArray[Any], scale: DecibelScale, peak_over: str) -> NDArray[Any]:
    wide = x.astype(np.result_type(x.dtype, np.float64))
    wide = np.abs(wide) if scale.decade == 20 else wide
    items = items_of(wide) if peak_over == "item" else wide.reshape(1, -1)
    decibels = rounded_decibels_reference(items, scale, real_dtype(x.dtype))
    return decibels.reshape(x.shape)


def _magnitudes(x: NDArray[Any], ref: Any, decade: float, out: NDArray[Any] | None) -> NDArray[Any]:
    check_floating("x", x)
    ref = check_positive("ref", ref)
    check_in_range("ref", ref, working_dtype(x.dtype))
    out = result_array(x, x.shape, x.dtype, out)
    kernels_for(x).decibel_to_magnitude(native(x), ref, decade, out)
    return out
