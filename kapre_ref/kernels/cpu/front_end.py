"""Features of signals: what a front end makes of each frame, then what all frames decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
from kapre_ref.kernels.cpu.transform.scales import logarithm_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.kernels.cpu.products import Product

_LIMIT_SECONDS = 2e-10  # for each number


class Steps(NamedTuple):
    """What follows when the values of all frames are there."""

    dynamic_range: float | None  # of results
    least: float  # below which a limit changes nothing
    axes: tuple[int, ...]  # of (batch, channel, frame), over which the peak is taken
    has_late_scale: bool
    needs_values: bool  # of the working precision, beside the result
    may_warn: bool  # whether NumPy computes what may overflow; it takes time to silence it


@kept
def steps_of(front_end: FrontEnd, dtype: np.dtype[Any]) -> Steps:
    """Return what follows for results of a dtype."""
    dynamic_range, least = None, 0.0
    is_scaled = front_end.has_late_scale
    if front_end.dynamic_range is not None:
        gain = 1.0 if is_scaled else float(front_end.gain)  # type: ignore[arg-type]  # one number
        dynamic_range = front_end.dynamic_range * gain
        # Nothing lies below the floor, but for the rounding of logarithms.
        least = logarithm_of(front_end).least - 1e-3
    is_late = is_scaled or front_end.normalisation is not None
    return Steps(
        dynamic_range=dynamic_range,
        least=least,
        axes={"channel": (2,), "item": (1, 2), "call": (0, 1, 2)}[front_end.range_over],
        has_late_scale=is_scaled,
        needs_values=front_end.n_cepstra > 0 or (is_late and dtype != working_dtype(dtype)),
        may_warn=is_late or front_end.n_cepstra > 0 or dtype != working_dtype(dtype),
    )


@operation
def features(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write features, item by item if the values between need memory of their own."""
    if not out.size:
        return
    steps = steps_of(front_end, out.dtype)
    n_at_once = len(out)
    if steps.needs_values and (steps.dynamic_range is None or front_end.range_over != "call"):
        n_at_once = 1
    for first in range(0, len(out), n_at_once):
        some = slice(first, first + n_at_once)
        if steps.may_warn:
            with np.errstate(all="ignore"):  # compiled code gives no warnings either
                _fill(signals[some], front_end, steps, out[some])
        else:
            _fill(signals[some], front_end, steps, out[some])


def _fill(signals: NDArray[Any], front_end: FrontEnd, steps: Steps, out: NDArray[Any]) -> None:
    """Write features while spectra are in cache; then set limits, normalise, and take cepstra.

    What follows the limit is computed in the working precision, so that it is rounded once.
    """
    dtype = working_dtype(out.dtype)
    values = out
    if steps.needs_values:
        values = np.empty((*out.shape[:3], front_end.n_bands), dtype)
    if is_served(front_end.n_fft):
        peaks = calls.fill(calls.FEATURES, signals, front_end, values)
    else:
        peaks = fallback.fill(signals, front_end, values)
    limit_range(values, peaks, steps_of(front_end, dtype) if values is not out else steps)
    if steps.has_late_scale:
        values *= np.asarray(front_end.gain, dtype)
        values += np.asarray(front_end.offset, dtype)
    if front_end.normalisation is not None:
        normalise(values, front_end.normalisation)
    if front_end.n_cepstra:
        seconds = product_seconds(values.size, front_end.n_cepstra)
        for_rows(_cosines(front_end, dtype), values, out, dtype, seconds)
    elif values is not out:
        assign(out, values)


def limit_range(out: NDArray[Any], peaks: NDArray[Any] | None, steps: Steps) -> None:
    """Raise what lies more than the dynamic range below the peak, as they are rounded.

    `peaks` are those of frames. All that is computed here is in the dtype of `out`, so that the
    limit holds there to the bit, unless the peak or the range is beyond float16.
    """
    if peaks is None or steps.dynamic_range is None:
        return
    dtype = out.dtype
    dynamic_range = dtype.type(steps.dynamic_range)
    if dtype.type(peaks.max()) - dynamic_range < steps.least:
        return
    peaks = peaks.max(axis=steps.axes, keepdims=True)  # NaN poisons all
    rounded = peaks.astype(dtype)
    limits = rounded - dynamic_range
    if peaks.dtype != dtype:  # float16
        is_beyond = np.isinf(rounded) | np.isinf(dynamic_range)
        wide = (peaks - np.float64(steps.dynamic_range)).astype(dtype)
        limits = np.where(is_beyond, wide, limits)
    limits = limits[..., None]

    def run(start: int, stop: int) -> None:
        frames = out[:, :, start:stop]
        np.maximum(frames, limits, out=frames)

    run_slices(run, out.shape[2], out.size * _LIMIT_SECONDS)


@kept
def _cosines(front_end: FrontEnd, dtype: np.dtype[Any]) -> Product:
    return product(front_end.cepstral_matrix(), dtype)
