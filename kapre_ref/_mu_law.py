"""Mu-law companding: samples to integer codes, finer near zero, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import native, result_array, silent
from kapre_ref._checks import check_integer, check_real, check_signal
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_QUANTIZATION_CHANNELS = 65536


def mu_law_encoding(
    signal: NDArray[np.floating[Any]],
    quantization_channels: int,
    *,
    out: NDArray[np.int32] | None = None,
) -> NDArray[np.int32]:
    """Encode samples as mu-law codes.

    Parameters
    ----------
    signal : array, any shape, float16, float32 or float64
        Samples from -1 to 1. Clip them first (`signal.clip(-1, 1)`): as in Kapre, samples outside
        give codes outside.
    quantization_channels : int
        Number of codes, 2 to 65536; 256 for 8 bits.
    out : array, optional
        Where to put the result: C-contiguous int32 of the shape of `signal`, not overlapping it.

    Returns
    -------
    array of int32, shape of `signal`
        Codes from 0 to ``quantization_channels - 1`` for samples from -1 to 1. NaN and infinite
        samples give -2147483648.

    Raises
    ------
    TypeError
        If `signal` is not a floating array.
    ValueError
        If `quantization_channels` is not an integer from 2 to 65536, or `out` does not fit.

    Notes
    -----
    With ``mu = quantization_channels - 1`` and ``c = sign(x) log(1 + mu |x|) / log(1 + mu)``, the
    code is ``(c + 1) / 2 mu + 0.5`` cut off toward zero. Matches `kapre.backend.mu_law_encoding`
    of Kapre 0.4.1, and its quirks: zero lies on the boundary of two codes, so silence does not
    come back as silence, and samples slightly below -1 land on 0.

    References
    ----------
    ITU-T Recommendation G.711; https://en.wikipedia.org/wiki/M-law_algorithm

    Examples
    --------
    >>> mu_law_encoding(np.array([-1.0, -0.1, 0.0, 0.1, 1.0]), 256)
    array([  0,  52, 128, 203, 255], dtype=int32)
    """
    if of_another_library(signal):
        return by_views(mu_law_encoding, locals())
    check_signal("signal", signal)
    channels = _check_channels(quantization_channels)
    out = result_array(signal, signal.shape, np.dtype(np.int32), out)
    kernels_for(signal).mu_law_encoding(native(signal), channels, out)
    return out


@silent
def mu_law_encoding_reference(
    signal: NDArray[np.floating[Any]], quantization_channels: int
) -> NDArray[np.int32]:
    """Encode samples as mu-law codes; in the signal's own precision, float32 at least.

    Kapre computes in float32. Near the boundary of two codes the rounding of that arithmetic
    decides, so codes equal to Kapre's need its precision rather than float64.
    """
    real = np.float64 if signal.dtype.itemsize == 8 else np.float32
    x, mu = signal.astype(real), real(quantization_channels - 1)
    compressed = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
    code = (compressed + 1) / 2 * mu + real(0.5)
    return np.where(np.isfinite(code), code, np.iinfo(np.int32).min).astype(np.int32)


def mu_law_decoding(
    signal_mu: NDArray[np.integer[Any] | np.floating[Any]],
    quantization_channels: int,
    *,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Decode mu-law codes to samples.

    Parameters
    ----------
    signal_mu : array, any shape, integer or floating
        Codes from 0 to ``quantization_channels - 1``. As in Kapre, codes outside and fractional
        codes extend the formula: -1 of 256 gives -1.0446.
    quantization_channels : int
        Number of codes, 2 to 65536; 256 for 8 bits.
    out : array, optional
        Where to put the result: C-contiguous float32 of the shape of `signal_mu`, not
        overlapping it.

    Returns
    -------
    array of float32, shape of `signal_mu`
        Samples from -1 to 1.

    Raises
    ------
    TypeError
        If `signal_mu` is not an array of numbers.
    ValueError
        If `quantization_channels` is not an integer from 2 to 65536, or `out` does not fit.

    Notes
    -----
    With ``mu = quantization_channels - 1`` and ``c = 2 code / mu - 1``, the sample is
    ``sign(c) ((1 + mu)^|c| - 1) / mu``. Matches `kapre.backend.mu_law_decoding` of Kapre 0.4.1,
    whose result is float32 whatever the codes' dtype.

    References
    ----------
    ITU-T Recommendation G.711; https://en.wikipedia.org/wiki/M-law_algorithm

    Examples
    --------
    >>> mu_law_decoding(np.array([0, 128, 255]), 256)
    array([-1.000000e+00,  8.621159e-05,  1.000000e+00], dtype=float32)
    """
    if of_another_library(signal_mu):
        return by_views(mu_law_decoding, locals())
    check_real("signal_mu", signal_mu)
    channels = _check_channels(quantization_channels)
    out = result_array(signal_mu, signal_mu.shape, np.dtype(np.float32), out)
    kernels_for(signal_mu).mu_law_decoding(native(signal_mu), channels, out)
    return out


@silent
def mu_law_decoding_reference(
    signal_mu: NDArray[np.integer[Any] | np.floating[Any]], quantization_channels: int
) -> NDArray[np.float32]:
    """Decode mu-law codes to samples; nothing differs from the textbook."""
    mu = float(quantization_channels - 1)
    compressed = 2 * (signal_mu.astype(np.float64) / mu) - 1
    samples = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu
    rounded: NDArray[Any] = samples.astype(np.float32)
    return rounded


def _check_channels(quantization_channels: int) -> int:
    return check_integer(
        "quantization_channels", quantization_channels, 2, MAX_QUANTIZATION_CHANNELS
    )
