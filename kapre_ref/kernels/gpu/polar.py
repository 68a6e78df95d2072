"""Magnitude and phase of a given spectrum."""

from __future__ import annotations

import cupy

from kapre_ref.kernels.gpu.memory import on_device, working_dtype


@on_device
def magnitude(x: cupy.ndarray, out: cupy.ndarray) -> None:
    """Take the absolute value, in the working precision."""
    out[...] = cupy.abs(x.astype(working_dtype(x.dtype), copy=False))


@on_device
def phase(x: cupy.ndarray, out: cupy.ndarray) -> None:
    """Take the angle, in the working precision."""
    x = x.astype(working_dtype(x.dtype), copy=False)
    out[...] = cupy.arctan2(x.imag, x.real)
