"""Features of signals: what a front end makes of each frame, then what all frames decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.dynamic_range import limit_range
from kapre_ref.kernels.cpu.normalisation import normalise
from kapre_ref.kernels.cpu.products import product, product_seconds
from kapre_ref.kernels.cpu.runtime.chunks import for_frames
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.runtime.strided import assign
from kapre_ref.kernels.cpu.transform import calls, fallback
from kapre_ref.kernels.cpu.transform.plan import is_served
from kapre_ref.kernels.cpu.transform.scales import logarithm_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.kernels.cpu.products import Product


class Steps(NamedTuple):
    """What follows when the values of all frames are there."""

    dynamic_range: float | None  # of results
    least: float  # below which a limit changes nothing
    axes: tuple[int, ...]  # of (batch, channel, frame), over which the peak is taken
    has_late_scale: bool
    is_served: bool  # by the vector transform
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
        is_served=is_served(front_end.n_fft) and front_end.power in (1, 2),
        needs_values=front_end.n_cepstra > 0 or (is_late and dtype != working_dtype(dtype)),
        may_warn=is_late or front_end.n_cepstra > 0 or dtype != working_dtype(dtype),
    )


@operation
def features(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write features, item by item if the values between need memory of their own."""
    if not out.size:
        return
    steps = steps_of(front_end, out.dtype)
    if not steps.may_warn:
        _fill(signals, front_end, steps, out)
        return
    n_at_once = len(out)
    if steps.needs_values and (steps.dynamic_range is None or front_end.range_over != "call"):
        n_at_once = 1
    for first in range(0, len(out), n_at_once):
        some = slice(first, first + n_at_once)
        with np.errstate(all="ignore"):  # compiled code gives no warnings either
            _fill(signals[some], front_end, steps, out[some])


def _fill(signals: NDArray[Any], front_end: FrontEnd, steps: Steps, out: NDArray[Any]) -> None:
    """Write features while spectra are in cache; then set limits, normalise, and take cepstra.

    What follows the limit is computed in the working precision, so that it is rounded once.
    """
    dtype = working_dtype(out.dtype)
    values = out
    if steps.needs_values:
        values = np.empty((*out.shape[:3], front_end.n_bands), dtype)
    if steps.is_served:
        peaks = calls.fill(calls.FEATURES, signals, front_end, values)
    else:
        peaks = fallback.fill(signals, front_end, values)
    if peaks is not None:
        limit_range(values, peaks, steps_of(front_end, dtype) if values is not out else steps)
    if steps.has_late_scale:
        values *= np.asarray(front_end.gain, dtype)
        values += np.asarray(front_end.offset, dtype)
    if front_end.normalisation is not None:
        normalise(values, front_end.normalisation)
    if front_end.n_cepstra:
        seconds = product_seconds(values.size, front_end.n_cepstra)
        for_frames(_cosines(front_end, dtype), values, out, dtype, seconds)
    elif values is not out:
        assign(out, values)


@kept
def _cosines(front_end: FrontEnd, dtype: np.dtype[Any]) -> Product:
    return product(front_end.cepstral_matrix(), dtype)
