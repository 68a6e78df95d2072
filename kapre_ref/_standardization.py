"""Samples brought to a mean of 0 and a variance of 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import native, real_dtype, result_array, silent
from kapre_ref._checks import check_integer, check_ndim, check_positive, check_signal
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import Float


def standardize(
    x: NDArray[Float], eps: float = 1e-7, axis: int = -1, *, out: NDArray[Float] | None = None
) -> NDArray[Float]:
    """Subtract the mean along an axis, and divide by the standard deviation.

    Parameters
    ----------
    x : array of 1 or more dimensions, float16, float32 or float64
        Samples, or whatever else has a mean.
    eps : float, square of the unit of `x`
        Added to the variance, so that silence gives zeros.
    axis : int
        Along which axis; negative ones count from the last. All others tell items, each of which
        has its own mean and deviation.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape and dtype of `x`, without a unit

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If `eps` is not positive, `x` has no such axis, or `out` does not fit.

    Notes
    -----
    ``(x - mean(x)) / sqrt(var(x) + eps)``, where ``var`` divides by the number of samples. That is
    what wav2vec 2.0, HuBERT, WavLM and data2vec take, where the configuration of the checkpoint
    has ``do_normalize``; the defaults are theirs. Pad a batch afterwards, for padding has no part
    in the mean.

    Means and deviations are computed in float64, whatever the dtype and however large the mean is
    beside the deviation. NaN and infinity make their whole item NaN.

    References
    ----------
    A. Baevski et al., "wav2vec 2.0: a framework for self-supervised learning of speech
    representations", NeurIPS 2020, section 2.

    Examples
    --------
    >>> standardize(np.array([1.0, 3.0]), eps=1e-12).round(6)
    array([-1.,  1.])
    """
    if of_another_library(x):
        return by_views(standardize, locals())
    check_signal("x", x)
    check_ndim("x", x, range(1, 33), "(..., time)")
    eps = check_positive("eps", eps)
    axis = check_integer("axis", axis, -x.ndim, x.ndim - 1)
    out = result_array(x, x.shape, x.dtype, out)
    kernels_for(x).standardize(native(x).swapaxes(axis, -1), eps, out.swapaxes(axis, -1))
    return out


@silent
def standardize_reference(x: NDArray[Float], eps: float = 1e-7, axis: int = -1) -> NDArray[Float]:
    """Subtract the mean, twice, since the first one is rounded; divide by the deviation."""
    # NumPy adds neighbours in pairs, pairs of pairs and so on, but only where rows are contiguous.
    rows = np.ascontiguousarray(np.moveaxis(x, axis, -1), np.float64)
    n_samples = max(1, rows.shape[-1])
    centred = rows - np.sum(rows, axis=-1, keepdims=True) / n_samples
    centred -= np.sum(centred, axis=-1, keepdims=True) / n_samples
    variance = np.sum(centred**2, axis=-1, keepdims=True) / n_samples
    standardized = np.moveaxis(centred / np.sqrt(variance + eps), -1, axis)
    rounded: NDArray[Float] = standardized.astype(real_dtype(x.dtype))
    return rounded
