"""Magnitudes with phases, made of the spectra of a whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

from kapre_ref.kernels.gpu.decibel import raise_to_floor
from kapre_ref.kernels.gpu.memory import on_device
from kapre_ref.kernels.gpu.scales import limit_of, scale_of
from kapre_ref.kernels.gpu.stft import spectra_of
from kapre_ref.kernels.gpu.unfused import in_last_form

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd


@on_device
def stft_mag_phase(signals: cupy.ndarray, front_end: FrontEnd, out: cupy.ndarray) -> None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    if not out.size:
        return
    n_channels = signals.shape[1]
    spectra = spectra_of(signals, front_end, out.shape[2])
    values, peaks = in_last_form(cupy.abs(spectra), front_end, out.dtype)
    if peaks is not None:
        raise_to_floor(values, peaks, scale_of(front_end), limit_of(front_end))
    out[:, :n_channels] = values
    out[:, n_channels:] = cupy.arctan2(spectra.imag, spectra.real)
