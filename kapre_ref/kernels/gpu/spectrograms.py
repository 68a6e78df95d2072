"""Magnitudes, magnitudes with phases, and bands: fused, or made of the spectra of a whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

from kapre_ref.kernels.gpu import fused
from kapre_ref.kernels.gpu.decibel import magnitude_to_decibel
from kapre_ref.kernels.gpu.memory import on_device, on_device_as, working_dtype
from kapre_ref.kernels.gpu.stft import spectra_of

if TYPE_CHECKING:
    from kapre_ref._decibel import DecibelScale
    from kapre_ref._spectrum_plan import SpectrumPlan


@on_device
def stft_magnitude(
    signals: cupy.ndarray, plan: SpectrumPlan, scale: DecibelScale | None, out: cupy.ndarray
) -> None:
    """Write magnitudes, in decibels if there is a scale."""
    if not out.size:
        return
    if fused.can_fuse(plan, signals.dtype):
        fused.spectrogram(signals, plan, scale, out)
    else:
        write(cupy.abs(spectra_of(signals, plan, out.shape[2])), scale, out)


@on_device
def filterbank_spectrogram(
    signals: cupy.ndarray, plan: SpectrumPlan, scale: DecibelScale | None, out: cupy.ndarray
) -> None:
    """Write magnitudes through the filterbank, in decibels if there is a scale."""
    if not out.size:
        return
    if fused.can_fuse(plan, signals.dtype):
        fused.spectrogram(signals, plan, scale, out)
        return
    weights = on_device_as(plan, "filterbank", working_dtype(out.dtype), signals.device.id)
    write(cupy.abs(spectra_of(signals, plan, out.shape[2])) @ weights, scale, out)


@on_device
def stft_mag_phase(
    signals: cupy.ndarray, plan: SpectrumPlan, scale: DecibelScale | None, out: cupy.ndarray
) -> None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    if not out.size:
        return
    n_channels = signals.shape[1]
    spectra = spectra_of(signals, plan, out.shape[2])
    write(cupy.abs(spectra), scale, out[:, :n_channels])
    out[:, n_channels:] = cupy.arctan2(spectra.imag, spectra.real)


def write(values: cupy.ndarray, scale: DecibelScale | None, out: cupy.ndarray) -> None:
    """Round values to their place, as decibels if there is a scale."""
    if scale is None:
        out[...] = values
    else:
        magnitude_to_decibel(values, scale, out)
