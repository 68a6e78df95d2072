"""Mu-law companding: encoding by a polynomial logarithm, decoding by a table or the formula."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.exponential import TO_INTEGER, expm1_32, two_to_the
from kapre_ref.kernels.cpu.logarithm import split_log
from kapre_ref.kernels.cpu.runtime.chunks import for_chunks
from kapre_ref.kernels.cpu.runtime.jit import as_input, inlined, kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLE_SECONDS = 3e-10  # the time to encode a sample, or to look one up
_FORMULA_SECONDS = 2e-9
_NOT_A_CODE = np.int32(np.iinfo(np.int32).min)  # x86 converts NaN and infinity to it
# How many codes are compared with the table's size before they are looked up. They stay in L1 in
# between, and are so few that memory is read and written at the same time.
_CODES_AT_ONCE = 1 << 10

_LOG2 = math.log(2)


@operation
def mu_law_encoding(
    signal: NDArray[Any], quantization_channels: int, out: NDArray[np.int32]
) -> None:
    """Encode in the working precision, a vector of samples at a time."""
    dtype = working_dtype(signal.dtype)
    mu = quantization_channels - 1
    largest = np.finfo(dtype).max / mu  # beyond it mu |x| overflows, and there is no code
    scalars = [dtype.type(c) for c in (mu, largest, 1 / math.log1p(mu))]

    def encode(samples: NDArray[Any], codes: NDArray[np.int32]) -> None:
        _encode(samples, codes, *scalars)

    for_chunks(encode, [signal], out, [dtype, np.dtype(np.int32)], _SAMPLE_SECONDS)


@kernel
def _encode(samples, codes, mu, largest, scale):
    number = type(mu)
    log_2, one, half = number(_LOG2), number(1), number(0.5)
    half_mu = mu * half
    for i in range(codes.size):
        x = abs(samples[i])
        n, r = split_log(one + mu * x)  # differs from log1p(mu x) by less than c + 1 is rounded by
        c = math.copysign(n * log_2 + r, samples[i]) * scale
        code = (c + one) * half_mu + half
        codes[i] = np.int32(code) if x <= largest else _NOT_A_CODE


@operation
def mu_law_decoding(
    signal_mu: NDArray[Any], quantization_channels: int, out: NDArray[np.float32]
) -> None:
    """Look integer codes up in a table; compute fractional codes, and codes outside it."""
    mu = float(quantization_channels - 1)
    scale = math.log1p(mu)
    float32 = np.dtype(np.float32)
    if signal_mu.dtype.kind in "iu":
        table = _table(quantization_channels)

        def decode(codes: NDArray[Any], samples: NDArray[np.float32]) -> None:
            _look_up(codes, samples, table, mu, scale)

        for_chunks(decode, [signal_mu], out, [signal_mu.dtype, float32], _SAMPLE_SECONDS)
    else:

        def decode(codes: NDArray[Any], samples: NDArray[np.float32]) -> None:
            _decode(codes, samples, mu, scale)

        dtype = working_dtype(signal_mu.dtype)
        for_chunks(decode, [signal_mu], out, [dtype, float32], _FORMULA_SECONDS)


@kept
def _table(quantization_channels: int) -> NDArray[np.float32]:
    mu = float(quantization_channels - 1)
    c = 2 * (np.arange(quantization_channels) / mu) - 1
    samples = np.sign(c) * np.expm1(np.abs(c) * math.log1p(mu)) / mu
    return as_input(samples.astype(np.float32))


@kernel
def _look_up(codes, samples, table, mu, scale):
    for start in range(0, codes.size, _CODES_AT_ONCE):
        some = codes[start : start + _CODES_AT_ONCE]
        result = samples[start : start + _CODES_AT_ONCE]
        lowest, highest = some[0], some[0]
        for i in range(some.size):
            lowest, highest = min(lowest, some[i]), max(highest, some[i])
        if lowest >= 0 and highest < table.size:
            _look_up_pairs(some, result, table.view(np.uint32))
        else:
            for i in range(some.size):
                result[i] = _sample(np.float64(some[i]), mu, scale)


@inlined
def _look_up_pairs(codes, samples, table):
    # A CPU stores once a cycle, be it one number or two. So pairs of samples are stored as one
    # word, and pairs of 32-bit codes are loaded as one. The first is in the low half, as on all
    # CPUs that numba compiles for. Codes are made unsigned, so that numba need not handle -1.
    even = codes.size // 2 * 2
    pairs = samples[:even].view(np.uint64)
    if codes.itemsize == 4:
        words = codes[:even].view(np.uint64)
        for i in range(pairs.size):
            second = np.uint64(table[words[i] >> np.uint64(32)])
            pairs[i] = np.uint64(table[np.uint32(words[i])]) | second << np.uint64(32)
    else:
        for i in range(pairs.size):
            second = np.uint64(table[np.uint32(codes[2 * i + 1])])
            pairs[i] = np.uint64(table[np.uint32(codes[2 * i])]) | second << np.uint64(32)
    if even < codes.size:
        samples.view(np.uint32)[even] = table[np.uint32(codes[even])]


@kernel
def _decode(codes, samples, mu, scale):
    for i in range(samples.size):
        samples[i] = _sample(np.float64(codes[i]), mu, scale)


@inlined
def _sample(code, mu, scale):
    c = 2.0 * (code / mu) - 1.0
    y = abs(c) * scale
    y = 200.0 if y > 200.0 else y  # exp(200) is infinite in float32 already; NaN stays NaN
    # expm1(n log 2 + r) = 2**n expm1(r) + (2**n - 1)
    shifted = y * (1.0 / _LOG2) + TO_INTEGER
    n = shifted - TO_INTEGER
    power = two_to_the(shifted)
    rest = expm1_32(y - n * _LOG2)
    return np.float32(math.copysign((rest * power + (power - 1.0)) / mu, c))
