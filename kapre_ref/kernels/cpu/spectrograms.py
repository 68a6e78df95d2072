"""Magnitudes with phases, of blocks of spectra as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapre_ref.kernels.cpu.features import limit_range
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import POLAR, fill
from kapre_ref.kernels.cpu.transform.plan import is_served
from kapre_ref.kernels.cpu.transform.scales import scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


@operation
def stft_mag_phase(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write magnitudes to the first half of the channels and phases to the second."""
    if not out.size:
        return
    if is_served(front_end.n_fft):
        scale = scale_of(front_end, working_dtype(signals.dtype))
        peaks = fill(POLAR, signals, front_end, scale, out)
    else:
        peaks = fallback.fill_polar(signals, front_end, out)
    if peaks is not None and front_end.dynamic_range is not None:
        limit_range(out[:, : signals.shape[1]], peaks, front_end)
