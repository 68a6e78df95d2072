"""Fourier transforms of windowed frames, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import SPECTRUM, fill
from kapre_ref.kernels.cpu.transform.inverse import fill_signals
from kapre_ref.kernels.cpu.transform.plan import is_served

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


@operation
def stft(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write each block's spectra to their place."""
    if is_served(front_end.n_fft):
        fill(SPECTRUM, signals, front_end, out)
    else:
        fallback.stft(signals, front_end, out)


@operation
def inverse_stft(
    spectra: NDArray[Any],
    n_fft: int,
    hop_length: int,
    window: NDArray[np.float64],
    out: NDArray[Any],
) -> None:
    """Transform blocks of frames back and add them up in their order."""
    if is_served(n_fft):
        fill_signals(spectra, n_fft, hop_length, window, out)
    else:
        fallback.inverse_stft(spectra, n_fft, hop_length, window, out)
