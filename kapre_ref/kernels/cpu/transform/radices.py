"""Which passes make a transform of some size, and the tables of each."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.cpu.emit.bins import LAST_RADICES
from kapre_ref.kernels.cpu.emit.intrinsics import vector_bytes
from kapre_ref.kernels.cpu.emit.odd_passes import n_outputs
from kapre_ref.kernels.cpu.emit.passes import (
    COMMON_FIRST_RADICES,
    COMMON_RADICES,
    FIRST_RADICES,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref.kernels.cpu.runtime.jit import Addresses


class Pass(NamedTuple):
    """A pass of a transform; tables are addresses."""

    radix: int
    twiddles: int  # 0 for the first pass
    factors: int  # of `odd_passes.OddRadix`; 0 if the radix has code of its own


@lru_cache(maxsize=1024)
def factorize(n: int, width: int | None = None) -> tuple[int, ...]:
    """Return the radices of a transform of n rows in the order of the passes.

    There are two at least: the last one is 1 if the others do all. The order was the fastest, or
    within 3 % of it, at most sizes from 64 to 4096: fours last, since butterflies of 7, 5 or 3 have
    many products, and a last pass turns bins into magnitudes beside them. Primes from 11 on come
    first, since the first pass has real samples; no last pass has code for them.

    A butterfly of radix 8 needs more than the 16 registers of CPUs with vectors of 32 bytes. So
    passes of radix 4 do its work there. `width` is that of vectors, in bytes, None this machine's.
    """
    has_few_registers = (width or vector_bytes()) == 32
    primes = prime_factors(n)
    order = [p for p in reversed(primes) if p > 7]
    twos = primes.count(2)
    if not order and twos >= 4 and (twos % 2 == 0 if has_few_registers else twos != 5):
        order, twos = [16], twos - 4
    # As many fours, or as many eights, as leave no single two.
    fours = max(twos // 2 - twos % 2, 0) if has_few_registers else min(-twos % 3, twos // 2)
    eights, lonely = divmod(twos - 2 * fours, 3)
    n_large = sum(p > 7 for p in primes)
    order += [8] * eights
    odd = [p for p in reversed(primes) if 2 < p <= 7]
    if fours and not order and odd[:1] == [3]:  # of a 3 at first, errors would be above SciPy's
        order, fours = [4], fours - 1
    order += odd + [4] * fours + [2] * lonely
    order = order or [1]
    return (*order, 1) if len(order) == max(1, n_large) else tuple(order)


@lru_cache(maxsize=1024)
def prime_factors(n: int) -> tuple[int, ...]:
    """Return the prime factors of a number, in ascending order."""
    factors, p = [], 2
    while p * p <= n:
        while n % p == 0:
            factors.append(p)
            n //= p
        p += 1
    return tuple(factors) if n == 1 else (*factors, n)


def unit_roots(numerators: NDArray[Any], denominator: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return exp(-2 pi i a / b) as pairs of numbers, good to float64 and rounded from there."""
    cosines, sines = cos_sin_of_turns(numerators, denominator)
    return np.stack([cosines, -sines], axis=-1).astype(dtype)


def pass_twiddles(radices: tuple[int, ...], dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    """Return an array of twiddle factors for each pass but the first, in the order of use."""
    n, tables = radices[0], []
    for radix in radices[1:]:
        k, j = np.ogrid[1 : (n + 1) // 2, 1 : radix // 2 + 1]
        tables.append(unit_roots(k * j, n * radix, dtype).ravel())
        n *= radix
    return tables


def odd_factors(radix: int, dtype: np.dtype[Any], width: int | None = None) -> NDArray[Any]:
    """Return the factors of an odd radix in the order of use, see `odd_passes.OddRadix`.

    `width` is that of vectors, in bytes, None this machine's.
    """
    half, n_at_once = radix // 2, n_outputs(width or vector_bytes())
    firsts = np.minimum(np.arange(0, half, n_at_once), half - n_at_once)
    k = 1 + firsts[:, None, None] + np.arange(n_at_once)
    m = np.arange(1, half + 1)[:, None]
    return np.stack(cos_sin_of_turns(k * m, radix), axis=1).astype(dtype)


def samples_of_rows(radices: tuple[int, ...]) -> NDArray[np.intp]:
    """Return which sample of a frame the first pass takes into each row, in the order of the rows.

    The last pass merges the transforms of R parts, and so do those before it, see `passes`.
    """
    samples = np.zeros(1, int)
    for radix in radices:
        j = np.arange(radix)[:, None]
        samples = (samples * radix + np.where(2 * j > radix, j - radix, j)).ravel()
        samples %= len(samples)
    return samples


def passes_of(
    radices: tuple[int, ...], dtype: np.dtype[Any], addresses: Addresses, is_convolved: bool = False
) -> tuple[Pass, ...]:
    """Return the passes of a transform, with their tables.

    A first pass that is a convolution has no factors: of a prime p they are p^2 / 4 pairs.
    """
    twiddles = [0, *(addresses.of(table) for table in pass_twiddles(radices, dtype))]
    passes = []
    for i, radix in enumerate(radices):
        has_code = radix in (LAST_RADICES if i else FIRST_RADICES)
        needs_none = has_code or (is_convolved and i == 0)
        factors = 0 if needs_none else addresses.of(odd_factors(radix, dtype))
        passes.append(Pass(radix, twiddles[i], factors))
    return tuple(passes)


def odd_of(radices: tuple[int, ...]) -> int | None:
    """Return 1 if some radix is not a common one, else None, as kernels take it."""
    is_common = radices[0] in COMMON_FIRST_RADICES and set(radices[1:]) <= set(COMMON_RADICES)
    return None if is_common else 1
