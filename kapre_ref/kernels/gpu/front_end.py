"""Features of signals: what a front end makes of each frame, then what all frames decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cupy
import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.gpu import fused, unfused
from kapre_ref.kernels.gpu.decibel import groups_are_dense, raise_to_floor
from kapre_ref.kernels.gpu.memory import kept_on_device, on_device, resident, working_dtype
from kapre_ref.kernels.gpu.normalisation import normalise
from kapre_ref.kernels.gpu.scales import Scale, limit_of, scale_of

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd

_OUTER_AXES = {"channel": 2, "item": 1, "call": 0}  # leading axes that number the groups


class _Plan(NamedTuple):
    """What a front end and a dtype decide, worked out once."""

    working: np.dtype[np.generic]  # the dtype of the computation
    is_fused: bool
    scale: Scale
    is_late: bool  # whether gain and offset follow the dynamic range
    limit: float  # how far below the peak values may lie
    dtype: np.dtype[np.generic]  # in memory: the working one if further steps follow


@kept
def _plan(front_end: FrontEnd, dtype: np.dtype[np.generic], device_id: int) -> _Plan:
    f, working, is_late = front_end, working_dtype(dtype), front_end.has_late_scale
    goes_on = is_late or f.normalisation is not None or f.n_cepstra > 0
    limit = 0.0 if f.dynamic_range is None else limit_of(f)
    is_fused = fused.can_fuse(f.n_fft, working, device_id) and f.power in (1, 2)
    return _Plan(working, is_fused, scale_of(f), is_late, limit, working if goes_on else dtype)


@on_device
def features(signals: cupy.ndarray, front_end: FrontEnd, out: cupy.ndarray) -> None:
    """Write features in one pass over the signals. Steps that need all frames follow it.

    These steps work in place, in the working precision, so that a result is rounded once. Therefore
    float16 takes memory in float32 if there is a normalisation, a late scale or cepstra.
    """
    if not out.size:
        return
    plan = _plan(front_end, out.dtype, signals.device.id)
    if plan.is_fused:
        suits = out.dtype == plan.dtype and _suits(out, front_end)
        values = out if suits else _empty(out, front_end, plan.dtype)
        peaks = fused.features(signals, front_end, values)
    else:
        values, peaks = unfused.features(signals, front_end, out.shape[2], plan.dtype)
    if peaks is not None:
        raise_to_floor(values, peaks, plan.scale, plan.limit)
    if plan.is_late:
        scale_late(values, front_end)
    if front_end.normalisation is not None:
        normalise(values, front_end.normalisation)
    if front_end.n_cepstra:
        out[...] = values @ _cosines(front_end, plan.working, out.device.id)
    elif values is not out:
        out[...] = values


def scale_late(values: cupy.ndarray, front_end: FrontEnd) -> None:
    """Multiply by the gain and add the offset, each a number or one a band."""
    for number, apply in ((front_end.gain, cupy.multiply), (front_end.offset, cupy.add)):
        if isinstance(number, tuple):
            number = _late_numbers(number, values.dtype, values.device.id)
        apply(values, number, out=values)


def _suits(out: cupy.ndarray, front_end: FrontEnd) -> bool:
    """Tell whether values can be made where the result is to be."""
    if front_end.dynamic_range is None or front_end.n_cepstra:
        return not front_end.n_cepstra
    n_outer = _OUTER_AXES[front_end.range_over]
    return bool(groups_are_dense(out.shape, out.strides, out.itemsize, n_outer))


def _empty(out: cupy.ndarray, front_end: FrontEnd, dtype: np.dtype[np.generic]) -> cupy.ndarray:
    """Return memory for the values before the last step, whose axes lie in the order of `out`."""
    batch, channel, n_frames, _ = out.shape
    if out.strides[2] < out.strides[3] and not front_end.n_cepstra:
        return cupy.empty((batch, channel, front_end.n_bands, n_frames), dtype).swapaxes(2, 3)
    return cupy.empty((batch, channel, n_frames, front_end.n_bands), dtype)


@kept_on_device
def _cosines(front_end: FrontEnd, dtype: np.dtype[np.generic], device_id: int) -> cupy.ndarray:
    return resident(front_end.cepstral_matrix().astype(dtype))


@kept_on_device
def _late_numbers(
    numbers: tuple[float, ...], dtype: np.dtype[np.generic], device_id: int
) -> cupy.ndarray:
    return resident(np.array(numbers, dtype))
