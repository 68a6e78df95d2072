"""Magnitudes, and magnitudes with phases, of blocks of spectra as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import MAGNITUDES, POLAR, fill
from kapre_ref.kernels.cpu.transform.plan import is_served

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._decibel import DecibelScale
    from kapre_ref._spectrum_plan import SpectrumPlan


@operation
def stft_magnitude(
    signals: NDArray[Any], plan: SpectrumPlan, scale: DecibelScale | None, out: NDArray[Any]
) -> None:
    """Write magnitudes or decibels of each block while its spectra are in cache."""
    if is_served(plan.n_fft):
        fill(MAGNITUDES, signals, plan, scale, out)
    else:
        fallback.stft_magnitude(signals, plan, scale, out)


@operation
def stft_mag_phase(
    signals: NDArray[Any], plan: SpectrumPlan, scale: DecibelScale | None, out: NDArray[Any]
) -> None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    if is_served(plan.n_fft):
        fill(POLAR, signals, plan, scale, out)
    else:
        fallback.stft_mag_phase(signals, plan, scale, out)
