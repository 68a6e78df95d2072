"""Fourier transforms of windowed frames, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.transform import fallback
from kapre_ref.kernels.cpu.transform.calls import SPECTRUM, fill
from kapre_ref.kernels.cpu.transform.inverse import fill_signals
from kapre_ref.kernels.cpu.transform.plan import is_served

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref._synthesis import Synthesis


@operation
def stft(signals: NDArray[Any], front_end: FrontEnd, out: NDArray[Any]) -> None:
    """Write each block's spectra to their place."""
    if is_served(front_end.n_fft):
        fill(SPECTRUM, signals, front_end, out)
    else:
        fallback.stft(signals, front_end, out)


@operation
def inverse_stft(spectra: NDArray[Any], synthesis: Synthesis, out: NDArray[Any]) -> None:
    """Transform blocks of frames back, add them up in their order, and correct the ends."""
    if is_served(synthesis.n_fft):
        fill_signals(spectra, synthesis, out)
    else:
        fallback.inverse_stft(spectra, synthesis, out)
    n_frames, n_samples = spectra.shape[2], out.shape[2]
    for part, gains in synthesis.gains_within(n_frames, n_samples) if n_frames else ():
        with np.errstate(all="ignore"):  # compiled code gives no warnings either
            np.multiply(out[:, :, part], gains, out=out[:, :, part], casting="same_kind")
