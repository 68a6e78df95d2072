"""Small Fourier transforms of complex vectors, straight-line code without memory access."""

import cmath
import math
from typing import NamedTuple

from kapre_ref.kernels.cpu.vector import Value

# How a composite size is split: first the factor, transformed over the larger stride.
_SPLITS = {6: 2, 9: 3, 10: 2, 16: 4}


class Complex(NamedTuple):
    """Complex numbers in the lanes of two vectors."""

    re: Value
    im: Value

    def __add__(self, other):
        """Add."""
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other):
        """Subtract."""
        return Complex(self.re - other.re, self.im - other.im)

    def __mul__(self, factor):
        """Multiply by vectors; each product of two takes an addition with it in one instruction."""
        return Complex(
            self.re * factor.re - self.im * factor.im, self.re * factor.im + self.im * factor.re
        )

    def scaled(self, factor):
        """Multiply by a real constant."""
        return Complex(self.re * factor, self.im * factor)

    def plus_scaled(self, other, factor):
        """Add another number times a real constant, in one instruction."""
        fused = self.re.emitter.multiply_add
        return Complex(fused(other.re, factor, self.re), fused(other.im, factor, self.im))

    def over_i(self):
        """Multiply by -i."""
        return Complex(self.im, -self.re)

    def rotated(self, turns, n):
        """Multiply by exp(-2 pi i turns / n), with less arithmetic for eighths of a turn."""
        eighths, rest = divmod(8 * (turns % n), n)
        x = self
        if rest:
            w = cmath.exp(-2j * math.pi * (turns % n) / n)
            constant = self.re.emitter.constant
            return x * Complex(constant(w.real), constant(w.imag))
        for _ in range(eighths // 2):
            x = x.over_i()
        if eighths % 2:  # (1 - i) / sqrt(2)
            x = Complex(x.re + x.im, x.im - x.re).scaled(math.sqrt(0.5))
        return x


def dft(x):
    """Return the Fourier transform of a list of Complex: X[k] = sum_n x[n] exp(-2 pi i k n / N)."""
    n = len(x)
    if n == 1:
        return x
    if n == 2:
        return [x[0] + x[1], x[0] - x[1]]
    if n == 4:
        return _dft4(*x)
    if n == 8:
        return _dft8(x)
    if n in _SPLITS:
        return _dft_of_product(x, _SPLITS[n])
    return _dft_of_odd(x)


def _dft4(a, b, c, d):
    even, odd = a + c, b + d
    difference, turned = a - c, b - d
    return [
        even + odd,
        Complex(difference.re + turned.im, difference.im - turned.re),
        even - odd,
        Complex(difference.re - turned.im, difference.im + turned.re),
    ]


def _dft8(x):
    """Leave the factor sqrt(1/2) of odd multiples of an eighth of a turn to the last additions.

    There it is free: additions and fused multiply-adds run side by side.
    """
    half = math.sqrt(0.5)
    a, b, c, d = (x[n] - x[n + 4] for n in range(4))
    b = Complex(b.re + b.im, b.im - b.re)
    d = Complex(d.im - d.re, -(d.re + d.im))
    even, difference = a + c.over_i(), a - c.over_i()
    odd, turned = b + d, (b - d).over_i()
    result = [None] * 8
    result[::2] = _dft4(*(x[n] + x[n + 4] for n in range(4)))
    result[1::2] = [
        even.plus_scaled(odd, half),
        difference.plus_scaled(turned, half),
        even.plus_scaled(odd, -half),
        difference.plus_scaled(turned, -half),
    ]
    return result


def _dft_of_product(x, a):
    """Transform over n1 of n = b n1 + n2, rotate, transform over n2; k = k1 + a k2."""
    n, b = len(x), len(x) // a
    columns = [dft(x[n2::b]) for n2 in range(b)]
    rows = [dft([columns[n2][k1].rotated(n2 * k1, n) for n2 in range(b)]) for k1 in range(a)]
    return [rows[k % a][k // a] for k in range(n)]


def _dft_of_odd(x):
    """Share the products of x[n] and x[N - n], and those of X[k] and X[N - k]."""
    n = len(x)
    half = range(1, (n + 1) // 2)
    sums = {m: x[m] + x[n - m] for m in half}
    differences = {m: x[m] - x[n - m] for m in half}
    result = [x[0]] * n
    for m in half:
        result[0] = result[0] + sums[m]
    for k in half:
        even, odd = x[0], None
        for m in half:
            angle = 2 * math.pi * (k * m % n) / n
            even = even + sums[m].scaled(math.cos(angle))
            term = differences[m].scaled(math.sin(angle))
            odd = term if odd is None else odd + term
        odd = odd.over_i()
        result[k], result[n - k] = even + odd, even - odd
    return result
