"""Features of signals: what a front end makes of each frame, then what all frames decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.normalisation import normalise
from kapre_ref.kernels.cpu.products import product, product_seconds
from kapre_ref.kernels.cpu.runtime.blocks import for_rows
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices
from kapre_ref.kernels.cpu.runtime.strided import assign
from kapre_ref.kernels.cpu.transform import calls, fallback
from kapre_ref.kernels.cpu.transform.plan import is_served
from kapre_ref.kernels.cpu.transform.scales import has_late_scale, logarithm_of, scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.kernels.cpu.products import Product

_LIMIT_SECONDS = 2e-10  # for each number


@operation
def features(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write features while spectra are in cache; then set limits, normalise, and take cepstra.

    What follows the limit is computed in the working precision, so that it is rounded once: then
    the values that lie between need memory of their own, unless `out` has room for them.
    """
    if not out.size:
        return
    dtype = working_dtype(out.dtype)
    is_late = has_late_scale(front_end) or front_end.normalisation is not None
    values = out
    if front_end.n_cepstra or (is_late and out.dtype != dtype):
        values = np.empty((*out.shape[:3], front_end.n_bands), dtype)
    _fill(signals, front_end, values)
    if has_late_scale(front_end):
        values *= np.asarray(front_end.gain, dtype)
        values += np.asarray(front_end.offset, dtype)
    if front_end.normalisation is not None:
        normalise(values, front_end.normalisation)
    if front_end.n_cepstra:
        seconds = product_seconds(values.size, front_end.n_cepstra)
        for_rows(_cosines(front_end, dtype), values, out, dtype, seconds)
    elif values is not out:
        assign(out, values)


def _fill(signals: NDArray[Any], front_end: FrontEnd, values: NDArray[Any]) -> None:
    """Write what is made of each frame, no further below the peak than the dynamic range."""
    if is_served(front_end.n_fft):
        scale = scale_of(front_end, working_dtype(signals.dtype))
        peaks = calls.fill(calls.FEATURES, signals, front_end, scale, values)
    else:
        peaks = fallback.fill(signals, front_end, values)
    if peaks is not None and front_end.dynamic_range is not None:
        limit_range(values, peaks, front_end)


def limit_range(out: NDArray[Any], peaks: NDArray[Any], front_end: FrontEnd) -> None:
    """Raise what lies more than the dynamic range below the peak, as they are rounded.

    `peaks` are those of frames. All that is computed here is in the dtype of `out`, so that the
    limit holds there to the bit.
    """
    assert front_end.dynamic_range is not None, "asked for where there is a range"
    numbers, dtype = logarithm_of(front_end), out.dtype
    gain = 1.0 if has_late_scale(front_end) else front_end.gain
    dynamic_range = dtype.type(front_end.dynamic_range * gain)
    # Nothing lies below the floor, but for the rounding of logarithms.
    if dtype.type(peaks.max()) - dynamic_range < numbers.least - 1e-3:
        return
    axes = {"channel": 2, "item": (1, 2), "call": (0, 1, 2)}[front_end.range_over]
    limits = peaks.max(axis=axes, keepdims=True).astype(dtype) - dynamic_range  # NaN poisons all
    limits = limits[..., None]

    def run(start: int, stop: int) -> None:
        frames = out[:, :, start:stop]
        np.maximum(frames, limits, out=frames)

    run_slices(run, out.shape[2], out.size * _LIMIT_SECONDS)


@kept
def _cosines(front_end: FrontEnd, dtype: np.dtype[Any]) -> Product:
    return product(front_end.cepstral_matrix(), dtype)
