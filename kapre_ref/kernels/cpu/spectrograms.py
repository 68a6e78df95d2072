"""Magnitudes with phases, of blocks of spectra as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapre_ref.kernels.cpu.dynamic_range import limit_range
from kapre_ref.kernels.cpu.front_end import steps_of
from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import POLAR, fill
from kapre_ref.kernels.cpu.transform.plan import is_served

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


@operation
def stft_mag_phase(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    if not out.size:
        return
    if is_served(front_end.n_fft):
        peaks = fill(POLAR, signals, front_end, out)
    else:
        peaks = fallback.fill_polar(signals, front_end, out)
    limit_range(out[:, : signals.shape[1]], peaks, steps_of(front_end, out.dtype))
