"""Decibels of a magnitude, relative to a reference and limited to a dynamic range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._arrays import checked_once, native, real_dtype, result_array, silent, working_dtype
from kapre_ref._checks import LEAST_RANGE, check_floating, check_in_range, check_positive
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import Float


NO_LIMIT = 1e4  # dB, more than any dtype spans; float16 has it too


class DecibelScale(NamedTuple):
    """The checked parameters of a decibel scale."""

    ref_value: float
    amin: float
    dynamic_range: float
    decade: float = 10.0  # dB of a factor of ten: 10 or 20
    to_peak: bool = False  # whether an item's peak is at 0 dB, in place of `ref_value`


@checked_once
def check_decibel_scale(
    prefix: str, ref_value: float, amin: float, dynamic_range: float
) -> DecibelScale:
    """Check the three numbers; `prefix` is what a composed operation puts before their names."""
    return DecibelScale(
        check_positive(prefix + "ref_value", ref_value),
        check_positive(prefix + "amin", amin),
        # Infinity means no limit. Kernels get a finite number, since inf - inf would be NaN.
        min(check_positive(prefix + "dynamic_range", dynamic_range, infinite=True), NO_LIMIT),
    )


def check_scale_in_range(
    scale: DecibelScale,
    dtype: np.dtype[Any],
    prefix: str = "",
    names: tuple[str, str] = ("ref_value", "amin"),
) -> None:
    """Require a `ref_value` and an `amin` within the range of the dtype that kernels compute in."""
    for name, value in zip(names, scale[:2], strict=True):
        if value > LEAST_RANGE:
            check_in_range(prefix + name, value, working_dtype(dtype))


def magnitude_to_decibel(
    x: NDArray[Float],
    ref_value: float = 1.0,
    amin: float = 1e-5,
    dynamic_range: float = 80.0,
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Convert a magnitude to decibels, 10 log10, at most `dynamic_range` below each item's peak.

    Parameters
    ----------
    x : array, any shape, float16, float32 or float64
        Magnitudes; the first axis is the batch.
    ref_value : float
        The magnitude at 0 dB. If it is less than `amin`, then `amin` is the 0 dB point.
    amin : float
        Magnitudes below it count as `amin`.
    dynamic_range : float, dB
        Nothing lies further below the peak of its item; ``inf`` means no limit.
    out : array, optional
        Where to put the result: C-contiguous, of the shape and dtype of `x`, not overlapping it.

    Returns
    -------
    array, shape and dtype of `x`, dB

    Raises
    ------
    TypeError
        If `x` is not a floating array, or a number is of the wrong kind.
    ValueError
        If a number is not positive and finite (`dynamic_range` may be infinite) or beyond the range
        of float32 (of float64 for such an `x`), or `out` does not fit.

    Notes
    -----
    ``10 log10(max(x, amin)) - 10 log10(max(ref_value, amin))``, limited from below to the item's
    maximum less `dynamic_range`, both as the dtype has them: so ``y >= y.max() - dynamic_range``
    holds for each item to the bit. The maximum is taken over all axes but the first, channels
    included, and over all of an array of one dimension.

    This is `kapre.backend.magnitude_to_decibel` of Kapre 0.4.1, and as there it is 10 log10 of
    whatever is passed: of a magnitude, half of the usual 20 log10 amplitude decibels. Unlike in
    `librosa.power_to_db`, the peak is each item's own, not the whole batch's. A NaN makes its
    whole item NaN, +inf makes it +inf. On a GPU, float32 magnitudes below 1.2e-38 (subnormal
    ones) count as zero.

    Examples
    --------
    >>> magnitude_to_decibel(np.array([1e-9, 0.1, 1.0, 10.0]))
    array([-50., -10.,   0.,  10.])
    """
    if of_another_library(x):
        return by_views(magnitude_to_decibel, locals())
    check_floating("x", x)
    scale = check_decibel_scale("", ref_value, amin, dynamic_range)
    check_scale_in_range(scale, x.dtype)
    out = result_array(x, x.shape, x.dtype, out)
    kernels_for(x).magnitude_to_decibel(items_of(native(x)), scale, items_of(out))
    return out


@silent
def magnitude_to_decibel_reference(
    x: NDArray[Float], ref_value: float = 1.0, amin: float = 1e-5, dynamic_range: float = 80.0
) -> NDArray[Float]:
    """Convert a magnitude to decibels; it is 10 log10 even so, and each item has its own peak."""
    scale = DecibelScale(ref_value, amin, dynamic_range)
    return rounded_decibels_reference(x.astype(np.float64), scale, real_dtype(x.dtype))


@silent
def rounded_decibels_reference(
    x: NDArray[np.float64], scale: DecibelScale, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Convert magnitudes to decibels of a dtype, limited after rounding so that the limit holds."""
    item_axes = tuple(range(1, x.ndim)) or None
    decibel = scale.decade * np.log10(np.maximum(x, scale.amin))
    zero = scale.decade * np.log10(max(scale.ref_value, scale.amin))
    if scale.to_peak:
        zero = np.max(decibel, axis=item_axes, keepdims=True, initial=-np.inf)
    decibel = (decibel - zero).astype(dtype)
    peak = np.max(decibel, axis=item_axes, keepdims=True, initial=-np.inf)
    dynamic_range = dtype.type(min(scale.dynamic_range, NO_LIMIT))
    return np.asarray(np.maximum(decibel, peak - dynamic_range))


def items_of(x: NDArray[Any]) -> NDArray[Any]:
    """View an array as items, (item, ...): one of a single axis is one item."""
    return x if x.ndim > 1 else x.reshape(1, -1)
