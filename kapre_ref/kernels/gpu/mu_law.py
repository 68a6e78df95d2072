"""Mu-law companding in float32, as Kapre computes it, or in float64 for float64 samples."""

import math

import cupy
import numpy as np

from kapre_ref.kernels.gpu.memory import on_device, working_dtype

_NOT_A_CODE = np.iinfo(np.int32).min  # what x86 converts NaN and infinity to


@on_device
def mu_law_encoding(signal, quantization_channels, out):
    """Apply the formula, operation by operation."""
    real = working_dtype(signal.dtype).type
    x, mu = signal.astype(real), real(quantization_channels - 1)
    compressed = cupy.sign(x) * cupy.log1p(mu * cupy.abs(x)) / np.log1p(mu)
    code = (compressed + real(1)) / real(2) * mu + real(0.5)
    out[...] = cupy.where(cupy.isfinite(code), code, real(_NOT_A_CODE)).astype(np.int32)


@on_device
def mu_law_decoding(signal_mu, quantization_channels, out):
    """Apply the formula in float64 and round once."""
    mu = float(quantization_channels - 1)
    compressed = 2 * (signal_mu.astype(np.float64) / mu) - 1
    expanded = cupy.expm1(cupy.abs(compressed) * math.log1p(mu)) / mu
    out[...] = cupy.sign(compressed) * expanded
