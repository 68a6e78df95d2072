"""Transforms in twice the precision of float64, made of float64 alone: a truth on every system.

A number is the sum of two float64, `high` and `low`; the error of an operation is about 2**-104.
Long double would suffice on x86 under Linux, but on ARM Macs and on Windows it is float64.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

_PI = 0x3243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C  # times 2**-248
_BITS = 248
_SPLITTER = 2.0**27 + 1


class Double(NamedTuple):
    """An array of numbers, each the sum of two float64."""

    high: np.ndarray
    low: np.ndarray

    def __add__(self, other):
        total, error = _sum(self.high, other.high)
        return _renormalised(total, error + (self.low + other.low))

    def __neg__(self):
        return Double(-self.high, -self.low)

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        product, error = _product(self.high, other.high)
        return _renormalised(product, error + (self.high * other.low + self.low * other.high))

    def __getitem__(self, key):
        return Double(self.high[key], self.low[key])

    def shaped(self, change):
        """Apply a function that only moves numbers."""
        return Double(change(self.high), change(self.low))


def _sum(a, b):
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _renormalised(high, low):
    total = high + low
    return Double(total, low - (total - high))


def _product(a, b):
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    error = a_high * b_high - product
    return product, ((error + a_high * b_low) + a_low * b_high) + a_low * b_low


def _halves(a):
    scaled = _SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


@lru_cache(maxsize=64)
def roots(n):
    """Return cosines and sines of 0, 1 ... n - 1 n-ths of a turn, as two `Double`."""
    angle = 2 * _PI // n
    cosine, sine, term = 0, 0, 1 << _BITS
    for i in range(80):  # It is the series of the exponential, in integers.
        signed = (term, term, -term, -term)[i % 4]
        cosine, sine = (cosine, sine + signed) if i % 2 else (cosine + signed, sine)
        term = term * angle // (i + 1) >> _BITS
    tables = np.empty((4, n))
    x, y = 1 << _BITS, 0
    for k in range(n):
        for row, number in ((0, x), (2, y)):
            high = number / (1 << _BITS)  # Python rounds such a quotient once
            numerator, denominator = high.as_integer_ratio()
            low = (number - (numerator << _BITS) // denominator) / (1 << _BITS)
            tables[row : row + 2, k] = high, low
        x, y = x * cosine - y * sine >> _BITS, x * sine + y * cosine >> _BITS
    return Double(*tables[:2]), Double(*tables[2:])


def direct_sum(x, n, n_freq):
    """Return sum_m x[m] exp(-2 pi i k m / n) for k < n_freq, along the last axis, as complex128."""
    x = np.asarray(x)[..., None]
    high = x.astype(np.float64)
    x = Double(high, (x - high).astype(np.float64))
    cosines, sines = roots(n)
    k, zero = np.arange(n_freq), np.zeros(1)
    re = im = Double(zero, zero)
    for m in range(x.high.shape[-2]):
        turns = k * m % n
        re = re + x[..., m, :] * cosines[turns]
        im = im - x[..., m, :] * sines[turns]
    return re.high + 1j * im.high


def dft(re, im):
    """Return sum_n x[n] exp(-2 pi i k n / N) along the last axis, of parts that are `Double`."""
    n = re.high.shape[-1]
    if n == 1:
        return re, im
    radix = next(r for r in range(2, n + 1) if n % r == 0)
    m = n // radix

    def part(x):  # (..., n) to (..., radix, m): part j holds the samples j, j + radix ...
        return x.reshape(*x.shape[:-1], m, radix).swapaxes(-1, -2)

    y_re, y_im = dft(re.shaped(part), im.shaped(part))
    cosines, sines = roots(n)
    k = np.arange(n)
    total_re = total_im = None
    for j in range(radix):
        a, b = (y[..., j, :][..., k % m] for y in (y_re, y_im))
        c, s = cosines[k * j % n], sines[k * j % n]
        term_re, term_im = a * c + b * s, b * c - a * s
        total_re = term_re if j == 0 else total_re + term_re
        total_im = term_im if j == 0 else total_im + term_im
    return total_re, total_im


def rfft(frames, weights):
    """Return the bins 0 to n // 2 of products of float64, as a pair of `Double`."""
    x = Double(*_product(frames, np.broadcast_to(weights, frames.shape)))
    n_freq = frames.shape[-1] // 2 + 1
    return tuple(part[..., :n_freq] for part in dft(x, x * Double(*np.zeros((2, 1)))))


def irfft(spectra, n):
    """Return the n real numbers, a `Double`, whose bins 0 to n // 2 are given in complex128."""
    k = np.arange(n)
    mirrored = k > n // 2
    bins = spectra[..., np.where(mirrored, n - k, k)]
    im = np.where(mirrored, -bins.imag, bins.imag)
    im[..., 0] = 0
    if n % 2 == 0:
        im[..., n // 2] = 0
    zeros = np.zeros(im.shape)
    # If real and imaginary parts are exchanged, the transform turns by the opposite angles.
    _, total = dft(Double(im, zeros), Double(bins.real.copy(), zeros))
    high, low = total
    quotient = high / n
    product, error = _product(quotient, np.float64(n))
    return Double(quotient, ((high - product) - error + low) / n)


def distance(got, *expected):
    """Return the norm of the difference of an array and one or two `Double`, its parts."""
    parts = [got] if len(expected) == 1 else [got.real, got.imag]
    differences = [(a - b.high) - b.low for a, b in zip(parts, expected, strict=True)]
    return np.sqrt(sum(np.sum(np.square(x)) for x in differences))
