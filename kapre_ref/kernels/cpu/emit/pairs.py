"""Rows taken in pairs k and n - k: the steps between the transforms of a convolution.

A convolution of real numbers is a product of their transforms, bin by bin. Bins lie as in `passes`:
row k has the real part of bin k, row n - k its imaginary part. The way back is the same transform
once more, since sum_k h[k] cas(2 pi k m / n), with cas = cos + sin, is the real part less the
imaginary part of bin m of h, if h[k] and h[n - k] are the real part less and plus the imaginary
part of the product.
"""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function, vector_functions
from kapre_ref.kernels.cpu.emit.language import Value
from kapre_ref.kernels.cpu.emit.odd_passes import middle_of
from kapre_ref.kernels.cpu.emit.passes import Samples, sample_at


class Listed(NamedTuple):
    """Rows in an order of their own: row i lies `places[i]` bytes after `rows`."""

    rows: Value
    places: Value


@vector_functions((1, -1))
def turn_pairs(emitter, sign, source: Listed, target, n):
    """Write x - y to row k and x + y to row n - k of each pair x, y of `n` listed rows.

    With the sign -1, x + y and y - x. The first row, and the middle one of an even number, stay.
    """
    for i in emitter.loop((n - 1) // 2):
        k = i + 1
        x, y = _listed(emitter, source, k), _listed(emitter, source, n - k)
        a, b = (x - y, x + y) if sign == 1 else (x + y, y - x)
        emitter.store(a, target + k * emitter.bytes)
        emitter.store(b, target + (n - k) * emitter.bytes)
    emitter.store(_listed(emitter, source, emitter.integer(0)), target)
    for middle in middle_of(emitter, n):
        emitter.store(_listed(emitter, source, middle), target + middle * emitter.bytes)


@vector_function
def multiply_pairs(emitter, rows, n, factors, first: Samples, total):
    """Multiply the bins of `n` rows, in place, and prepare them for the way back.

    A sample that is not part of the transform counts to all results: half of it is added to the
    first row. Its sum with all others is written to `total`.
    """
    sample, weight = sample_at(emitter, first, emitter.integer(0))
    sample, row = sample * weight, emitter.load(rows)
    emitter.store(sample + row, total)
    factor = emitter.broadcast(factors)
    emitter.store(emitter.multiply_add(row, factor, sample * 0.5), rows)
    for i in emitter.loop((n - 1) // 2):
        k = i + 1
        low, high = rows + k * emitter.bytes, rows + (n - k) * emitter.bytes
        x, y = emitter.load(low), emitter.load(high)
        a, b = _factors(emitter, factors, k)
        emitter.store(x * a - y * b, low)
        emitter.store(x * b + y * a, high)
    for middle in middle_of(emitter, n):
        place = rows + middle * emitter.bytes
        a, _ = _factors(emitter, factors, middle)
        emitter.store(emitter.load(place) * a, place)


@vector_function
def undo_multiply_pairs(emitter, source: Listed, n, factors, first, target):
    """Do the transposed steps of `multiply_pairs`, from `n` listed rows to others.

    The row `first` is that of the sum, and becomes the sample.
    """
    total, row = emitter.load(first), _listed(emitter, source, emitter.integer(0))
    emitter.store(emitter.multiply_add(row, emitter.constant(0.5), total), first)
    emitter.store(emitter.multiply_add(row, emitter.broadcast(factors), total), target)
    for i in emitter.loop((n - 1) // 2):
        k = i + 1
        x, y = _listed(emitter, source, k), _listed(emitter, source, n - k)
        a, b = _factors(emitter, factors, k)
        emitter.store(x * a + y * b, target + k * emitter.bytes)
        emitter.store(y * a - x * b, target + (n - k) * emitter.bytes)
    for middle in middle_of(emitter, n):
        a, _ = _factors(emitter, factors, middle)
        emitter.store(_listed(emitter, source, middle) * a, target + middle * emitter.bytes)


@vector_function
def copy_listed(emitter, source: Listed, target, n):
    """Copy `n` listed rows to rows that lie one after the other."""
    for i in emitter.loop(n):
        emitter.store(_listed(emitter, source, i), target + i * emitter.bytes)


def _listed(emitter, source, i):
    return emitter.load(source.rows + emitter.load_index(source.places + i * 4))


def _factors(emitter, factors, k):
    place = factors + k * (2 * emitter.itemsize)
    return emitter.broadcast(place), emitter.broadcast(place + emitter.itemsize)
