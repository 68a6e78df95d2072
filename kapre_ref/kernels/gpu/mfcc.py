"""Cepstral coefficients: a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy

from kapre_ref.kernels.gpu.filterbanks import apply_filterbank
from kapre_ref.kernels.gpu.memory import kept_on_device, on_device, resident

if TYPE_CHECKING:
    from kapre_ref._mfcc import Cosines


@on_device
def logmel_to_mfcc(log_mels: cupy.ndarray, cosines: Cosines, out: cupy.ndarray) -> None:
    """Multiply each frame by the matrix of cosines, as by a filterbank."""
    apply_filterbank(log_mels, _matrix(cosines, log_mels.device.id), out)


@kept_on_device
def _matrix(cosines: Cosines, device_id: int) -> cupy.ndarray:
    return resident(cosines.matrix())
