"""Mu-law companding in float32, as Kapre computes it, or in float64 for float64 samples."""

import numpy as np

from kapre_ref.kernels.cpu.memory import working_dtype

_NOT_A_CODE = np.iinfo(np.int32).min  # what x86 converts NaN and infinity to


def mu_law_encoding(signal, quantization_channels, out):
    """Apply the formula in place, with no temporary but its own."""
    real = working_dtype(signal.dtype).type
    x, mu = signal.astype(real), real(quantization_channels - 1)
    sign = np.sign(x)
    with np.errstate(over="ignore", invalid="ignore"):
        np.abs(x, out=x)
        x *= mu
        np.log1p(x, out=x)
        x *= sign
        x /= np.log1p(mu)
        x += 1
        x /= 2
        x *= mu
        x += real(0.5)
        x[~np.isfinite(x)] = _NOT_A_CODE
    out[...] = x


def mu_law_decoding(signal_mu, quantization_channels, out):
    """Apply the formula in float64 and round once."""
    mu = float(quantization_channels - 1)
    compressed = 2 * (signal_mu.astype(np.float64) / mu) - 1
    with np.errstate(over="ignore"):
        out[...] = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu
