"""The frequency channel: a copy, and one array that is broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.runtime.pool import operation
from kapre_ref.kernels.cpu.runtime.strided import assign

if TYPE_CHECKING:
    from numpy.typing import NDArray


@operation
def concatenate_frequency_map(spectra: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy all channels of the spectra, and write the map into the last channel of `out`."""
    assign(out[:, :-1], spectra)
    frequencies = np.linspace(0, 1, spectra.shape[3]).astype(out.dtype)
    assign(out[:, -1], np.broadcast_to(frequencies, out[:, -1].shape))
