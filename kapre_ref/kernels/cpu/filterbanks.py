"""Bands of spectra as these are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import BANDS, fill
from kapre_ref.kernels.cpu.transform.plan import is_served

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._decibel import DecibelScale
    from kapre_ref._spectrum_plan import SpectrumPlan


@operation
def filterbank_spectrogram(
    signals: NDArray[Any], plan: SpectrumPlan, scale: DecibelScale | None, out: NDArray[Any]
) -> None:
    """Sum the bins of each band while the magnitudes of a block of frames are in cache."""
    if is_served(plan.n_fft):
        fill(BANDS, signals, plan, scale, out)
    else:
        fallback.filterbank_spectrogram(signals, plan, scale, out)
