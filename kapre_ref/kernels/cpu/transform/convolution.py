"""A first pass of a large prime radix p, by two shorter transforms in place of p^2 products.

Modulo p, the powers g^0, g^1 ... g^(p - 2) of a primitive root g are the numbers 1 to p - 1 in
another order. In that order the transform of p real samples, but for the first, is a convolution:

    H[g^q] = x[0] + sum_j x[g^-j] cas(2 pi g^(q - j) / p)        cas = cos + sin

Its real and imaginary parts are half the sum and half the difference of H[k] and H[p - k]. The
convolution is a product of transforms of real numbers, see `emit.pairs`, by the passes at hand: of
p - 1 rows, or of more if p - 1 has large factors; then zeros fill up the samples. The inverse
transform takes the transposed steps in reverse order.

C. M. Rader, Discrete Fourier transforms when the number of data samples is prime, Proc. IEEE 56
(1968) 1107-1108.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.cpu.emit.copies import fill_zeros
from kapre_ref.kernels.cpu.emit.intrinsics import itemsize_of, lanes_of, vector_bytes
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.emit.pairs import (
    Listed,
    copy_listed,
    multiply_pairs,
    turn_pairs,
    undo_multiply_pairs,
)
from kapre_ref.kernels.cpu.emit.passes import Samples
from kapre_ref.kernels.cpu.emit.records import reader_of, record_array
from kapre_ref.kernels.cpu.runtime.jit import inlined
from kapre_ref.kernels.cpu.transform.passes import transform_rows_oddly, undo_rows_oddly
from kapre_ref.kernels.cpu.transform.radices import (
    Pass,
    factorize,
    passes_of,
    prime_factors,
    samples_of_rows,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref.kernels.cpu.runtime.jit import Addresses


_LEAST = 384  # the least prime radix that is a convolution in a transform of any size
_LARGEST_FACTOR = 64  # of the rows of a convolution that are not more than p - 1


class Convolution(NamedTuple):
    """What a kernel must know of a convolution; all but the first two are addresses."""

    prime: int
    n: int  # rows of each of its two transforms
    passes: int
    factors: int  # of the bins
    natural: int  # places of rows one after the other
    ones: int  # in place of a window
    order: int  # places of the rows that the second transform takes as samples
    results: int  # places of its results: of the sum of all samples, then of H[k]


class InverseConvolution(NamedTuple):
    """What a kernel must know of the transposed convolution; most are addresses."""

    prime: int
    n: int  # rows of each of its two transforms
    first: Pass
    passes: int  # all but the first, in reverse order
    factors: int  # of the bins
    natural: int  # places of rows one after the other
    inputs: int  # places of the rows that the first transform takes
    order: int  # places of the samples that a transform makes
    results: int  # places of samples 1 to p - 1, which the second transform makes


read_convolution, read_inverse_convolution = reader_of(Convolution), reader_of(InverseConvolution)


@inlined
def convolve(unit, plan, samples, target, ahead, room):
    """Transform p samples into the rows of a first pass.

    The first sample comes by itself; the others follow in the order of the first transform's rows.
    """
    itemsize, vector = itemsize_of(unit), lanes_of(unit) * itemsize_of(unit)
    others = Samples(samples.rows, samples.offsets + 4, samples.window + itemsize)
    rows = room.values
    for i in range(2):  # in a loop, so that numba compiles the transform once
        transform_rows_oddly(unit, plan.passes, others, rows, plan.n, ahead, room.sums)
        if i == 0:
            multiply_pairs(unit, rows, plan.n, plan.factors, samples, room.turned + plan.n * vector)
            others, rows = Samples(rows, plan.order, plan.ones), room.turned
            ahead = Strided(ahead.at, 0)
    turn_pairs(unit, 1, Listed(rows, plan.natural), rows, plan.n)
    turn_pairs(unit, -1, Listed(rows, plan.results), target, plan.prime)


@inlined
def undo_convolution(unit, plan, rows, ahead, room):
    """Turn a transform of p rows into samples, in their order, in place."""
    vector = lanes_of(unit) * itemsize_of(unit)
    one, other = room.values, room.turned
    turn_pairs(unit, 1, Listed(rows, plan.natural), other, plan.prime)
    fill_zeros(unit, other + plan.prime * vector, lanes_of(unit))
    turn_pairs(unit, -1, Listed(other, plan.inputs), one, plan.n)
    for i in range(2):  # in a loop, so that numba compiles the transform once
        undo_rows_oddly(unit, plan.passes, plan.first, one, plan.n, ahead, room.sums)
        if i == 0:
            made = Listed(one, plan.order)
            undo_multiply_pairs(unit, made, plan.n, plan.factors, rows, other)
            one, other = other, one
    copy_listed(unit, Listed(one, plan.results), rows + vector, plan.prime - 1)


@lru_cache(maxsize=256)
def convolution_length(radices: tuple[int, ...]) -> int:
    """Return how many rows the transforms of a first pass have; 0 if it is no convolution.

    Products are more exact, and are given up where SciPy gives them up for a convolution of its
    own, too: so our errors are not above its errors. Large primes take far less time so.
    """
    prime = radices[0]
    if prime < _LEAST and not _is_convolved_by_scipy(math.prod(radices)):
        return 0
    least = 2 * prime - 3  # for zeros in place of the samples that would come round again
    lengths = [*range(-(-least // 16) * 16, least + least // 8 + 16, 16)]
    lengths = [n for n in lengths if prime_factors(n)[-1] <= 13]
    if prime_factors(prime - 1)[-1] < _LARGEST_FACTOR:
        lengths.append(prime - 1)
    return int(min(lengths, key=_cost))


def _is_convolved_by_scipy(n: int) -> bool:
    """Tell whether `scipy.fft.rfft` computes a transform of n samples as a convolution.

    It weighs radices against two transforms that are long enough, by the sums of their factors.
    """
    if n < 50 or prime_factors(n)[-1] ** 2 <= n:
        return False
    longer = next(m for m in range(2 * n - 1, 4 * n) if prime_factors(m)[-1] <= 11)
    return 6 * _cost_in_scipy(longer) < _cost_in_scipy(n)


def _cost_in_scipy(n: int) -> float:
    return n * sum(p if p <= 5 else 1.1 * p for p in prime_factors(n))


def _cost(n: int) -> float:
    return n * sum(map(_row_cost, factorize(n)))


def _row_cost(radix: int) -> float:
    """Return about how many instructions on vectors a pass takes for each row."""
    return {16: 7, 8: 8, 7: 11, 5: 9, 4: 6.5, 3: 6.5, 2: 5, 1: 0}.get(radix, radix / 2 + 10)


def _powers(prime: int) -> NDArray[np.intp]:
    """Return the powers of the least primitive root modulo a prime."""
    quotients = [(prime - 1) // q for q in set(prime_factors(prime - 1))]
    root = next(
        g for g in range(1, prime) if all(pow(g, quotient, prime) != 1 for quotient in quotients)
    )
    powers = [1]
    for _ in range(prime - 2):
        powers.append(powers[-1] * root % prime)
    return np.array(powers)


def picks_of_group(radices: tuple[int, ...], silence: int) -> NDArray[np.intp]:
    """Return which of p samples a group's rows take: sample 0, then those of the first transform.

    Places of zeros are `silence`.
    """
    prime, n = radices[0], convolution_length(radices)
    sequence = np.full(n, silence)
    sequence[: prime - 1] = np.roll(_powers(prime)[::-1], 1)  # the powers of 1 / g
    return np.concatenate([[0], sequence[samples_of_rows(factorize(n))]])


def _bin_factors(prime: int, n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the factors of `emit.pairs.multiply_pairs`: half the transform of cas / n."""
    period = prime - 1
    cosines, sines = cos_sin_of_turns(_powers(prime), prime)
    # Where long double is wider than float64, the error of results in float64 is a quarter less.
    kernel = np.zeros(n, np.longdouble)
    kernel[:period] = cosines.astype(np.longdouble) + sines
    if n > period:
        kernel[n - period + 1 :] = kernel[1:period]
    bins = np.fft.rfft(kernel) / (2 * n)
    factors = np.stack([bins.real - bins.imag, bins.real + bins.imag], axis=-1)
    return factors.astype(dtype)


def _places(rows: NDArray[np.intp], addresses: Addresses) -> int:
    return addresses.of((rows * vector_bytes()).astype(np.int32))


def convolution_of(radices: tuple[int, ...], dtype: np.dtype[Any], addresses: Addresses) -> int:
    """Return the address of a `Convolution` for the first pass, of zeros if it is none."""
    prime, n = radices[0], convolution_length(radices)
    if not n:
        return addresses.of(np.zeros(len(Convolution._fields), np.int64))
    radices = factorize(n)
    logarithms = np.argsort(_powers(prime))  # of 1 to p - 1
    plan = Convolution(
        prime=prime,
        n=n,
        passes=addresses.of(record_array(passes_of(radices, dtype, addresses))),
        factors=addresses.of(_bin_factors(prime, n, dtype)),
        natural=_places(np.arange(n), addresses),
        ones=addresses.of(np.ones(n, dtype)),
        order=_places(samples_of_rows(radices), addresses),
        results=_places(np.concatenate([[n], logarithms]), addresses),
    )
    return addresses.of(record_array(plan))


def inverse_convolution_of(
    radices: tuple[int, ...], dtype: np.dtype[Any], addresses: Addresses
) -> int:
    """Return the address of an `InverseConvolution` for the first pass, of zeros if it is none."""
    prime, n = radices[0], convolution_length(radices)
    if not n:
        return addresses.of(np.zeros(len(InverseConvolution._fields) + len(Pass._fields), np.int64))
    radices = factorize(n)
    first, *passes = passes_of(radices, dtype, addresses)
    order = np.argsort(samples_of_rows(radices))
    powers = _powers(prime)
    inputs = np.full(n, prime)  # the row of zeros
    inputs[: prime - 1] = powers
    logarithms = np.argsort(powers)
    plan = InverseConvolution(
        prime=prime,
        n=n,
        first=first,
        passes=addresses.of(record_array(tuple(passes[::-1]))),
        factors=addresses.of(_bin_factors(prime, n, dtype)),
        natural=_places(np.arange(prime), addresses),
        inputs=_places(inputs, addresses),
        order=_places(order, addresses),
        results=_places(order[-logarithms % (prime - 1)], addresses),
    )
    return addresses.of(record_array(plan))
