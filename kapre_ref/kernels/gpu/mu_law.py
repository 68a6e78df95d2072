"""Mu-law companding in float32, as Kapre computes it, or in float64 for float64 samples."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import cupy
import numpy as np

from kapre_ref.kernels.gpu.launch import kernel, pack_width
from kapre_ref.kernels.gpu.memory import kept_on_device, on_device, resident

_THREADS = 256  # as in mu_law.cu
_MAX_BLOCKS = 8 * 8 * 132  # eight rounds of the blocks that an H100 holds at a time
_NOT_A_CODE = np.iinfo(np.int32).min  # x86 converts NaN and infinity to it
_TYPES = {
    np.dtype(np.int8): "signed char",
    np.dtype(np.uint8): "unsigned char",
    np.dtype(np.int16): "short",
    np.dtype(np.uint16): "unsigned short",
    np.dtype(np.int32): "int",
    np.dtype(np.uint32): "unsigned",
    np.dtype(np.int64): "long long",
    np.dtype(np.uint64): "unsigned long long",
    np.dtype(np.float16): "kapre::Half",
    np.dtype(np.float32): "float",
}


@on_device
def mu_law_encoding(signal: cupy.ndarray, quantization_channels: int, out: cupy.ndarray) -> None:
    """Encode float16 and float32 by a kernel of our own, and float64 by CuPy's expressions."""
    mu = quantization_channels - 1
    if signal.dtype != np.float64:
        word = f", {_TYPES[signal.dtype]}" if signal.dtype == np.float16 else ""
        _launch("encoding", "{}" + word, signal, out, _encoding_scalars(mu))
        return
    compressed = cupy.sign(signal) * cupy.log1p(mu * cupy.abs(signal)) / np.log1p(mu)
    code = (compressed + 1) / 2 * mu + 0.5
    out[...] = cupy.where(cupy.isfinite(code), code, float(_NOT_A_CODE)).astype(np.int32)


@on_device
def mu_law_decoding(signal_mu: cupy.ndarray, quantization_channels: int, out: cupy.ndarray) -> None:
    """Decode by a kernel that has a table of codes, and float64 codes by CuPy's expressions."""
    mu = quantization_channels - 1
    code_type = _TYPES.get(signal_mu.dtype)
    if code_type is not None:
        arguments = _decoding_arguments(mu, signal_mu.device.id)
        _launch("decoding", code_type + ", {}", signal_mu, out, arguments)
        return
    compressed = 2 * (signal_mu.astype(np.float64) / mu) - 1
    expanded = cupy.expm1(cupy.abs(compressed) * math.log1p(mu)) / mu
    out[...] = cupy.sign(compressed) * expanded


@lru_cache(maxsize=64)
def _encoding_scalars(mu: int) -> tuple[np.float32, ...]:
    log1p_mu = np.float32(math.log1p(mu))
    return np.float32(mu), log1p_mu, 1 / log1p_mu


@kept_on_device
def _decoding_arguments(mu: int, device_id: int) -> tuple[Any, ...]:
    """Return mu, log(1 + mu), and the sample that each code stands for."""
    compressed = 2 * (np.arange(mu + 1) / mu) - 1
    samples = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu
    return np.float64(mu), np.float64(math.log1p(mu)), resident(samples.astype(np.float32))


def _launch(
    name: str, template: str, x: cupy.ndarray, out: cupy.ndarray, others: tuple[Any, ...]
) -> None:
    if not x.size:
        return
    x = cupy.ascontiguousarray(x)
    width = pack_width(x.size, x, out)
    function = kernel("mu_law", f"kapre::mu_law_{name}<{template.format(width)}>", x.device.id)
    n_blocks = min(_MAX_BLOCKS, -(-x.size // (width * _THREADS)))
    function((n_blocks,), (_THREADS,), (x, out, np.int64(x.size), *others))
