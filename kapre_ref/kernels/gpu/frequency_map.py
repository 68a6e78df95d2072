"""The frequency channel: a copy and a broadcast row."""

from __future__ import annotations

import cupy

from kapre_ref.kernels.gpu.memory import on_device


@on_device
def concatenate_frequency_map(spectra: cupy.ndarray, out: cupy.ndarray) -> None:
    """Copy all channels of the spectra, and write the map into the last channel of `out`."""
    out[:, :-1] = spectra
    out[:, -1] = cupy.linspace(0, 1, spectra.shape[3])
