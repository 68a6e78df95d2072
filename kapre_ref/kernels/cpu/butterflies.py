"""Small Fourier transforms of complex vectors, straight-line code without memory access."""

import math
from typing import NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.vector import Value

PI = np.longdouble("3.14159265358979323846264338327950288")


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

    def parts_times(self, weights):
        """Multiply each part by that of `weights`."""
        return Complex(self.re * weights.re, self.im * weights.im)

    def plus_parts_times(self, other, weights):
        """Add another number whose parts are multiplied by those of `weights`, unrounded."""
        fused = self.re.emitter.multiply_add
        return Complex(fused(other.re, weights.re, self.re), fused(other.im, weights.im, self.im))

    def plus_scaled(self, other, factor):
        """Add another number times a real constant, in one instruction."""
        fused = self.re.emitter.multiply_add
        return Complex(fused(other.re, factor, self.re), fused(other.im, factor, self.im))

    def plus_product(self, other, factor):
        """Add the product of two others, in four instructions without rounding between."""
        fused = self.re.emitter.multiply_add
        re = fused(-other.im, factor.im, fused(other.re, factor.re, self.re))
        im = fused(other.im, factor.re, fused(other.re, factor.im, self.im))
        return Complex(re, im)

    def over_i(self):
        """Multiply by -i."""
        return Complex(self.im, -self.re)


def _cos_sin(turns, n):
    """Return cosine and sine of turns / n of a circle, rounded once: 1/2 is 1/2."""
    angle = 2 * PI * (turns % n) / n
    return float(np.cos(angle)), float(np.sin(angle))


def dft(x):
    """Return the Fourier transform of 2, 4, 8 or an odd number of Complex.

    X[k] = sum_n x[n] exp(-2 pi i k n / N).
    """
    n = len(x)
    if n in (2, 4, 8):
        pairs = list(zip(x[: n // 2], x[n // 2 :], strict=True))
        return _dft_of_pairs([a + b for a, b in pairs], [a - b for a, b in pairs])
    return _dft_of_odd(x)


def dft_of_weighted(x, weights):
    """Transform numbers whose parts are first multiplied by those of `weights`.

    Half of the products go into the first additions, unrounded.
    """
    n = len(x)
    if n not in (2, 4, 8):
        return dft([a.parts_times(w) for a, w in zip(x, weights, strict=True)])
    sums, differences = [], []
    for i in range(n // 2):
        a, b, w = x[i].parts_times(weights[i]), x[i + n // 2], weights[i + n // 2]
        sums.append(a.plus_parts_times(b, w))
        differences.append(a.plus_parts_times(Complex(-b.re, -b.im), w))
    return _dft_of_pairs(sums, differences)


def _dft_of_pairs(sums, differences):
    """Transform 2, 4 or 8 numbers, given the sums and differences of x[n] and x[n + N / 2]."""
    if len(sums) == 1:
        return [*sums, *differences]
    half = len(sums) // 2
    result = [None] * (2 * len(sums))
    pairs = list(zip(sums[:half], sums[half:], strict=True))
    result[::2] = _dft_of_pairs([a + b for a, b in pairs], [a - b for a, b in pairs])
    if half == 1:
        a, b = differences
        result[1::2] = [a + b.over_i(), a - b.over_i()]
    else:
        a, b, c, d = differences
        even, difference = a + c.over_i(), a - c.over_i()
        # Odd multiples of an eighth of a turn. Their factor sqrt(1/2) is left to the last
        # additions, where it is free: these and fused multiply-adds run side by side.
        b = Complex(b.re + b.im, b.im - b.re)
        d = Complex(d.im - d.re, -(d.re + d.im))
        odd, turned = b + d, (b - d).over_i()
        factor = math.sqrt(0.5)
        result[1::2] = [
            even.plus_scaled(odd, factor),
            difference.plus_scaled(turned, factor),
            even.plus_scaled(odd, -factor),
            difference.plus_scaled(turned, -factor),
        ]
    return result


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
            cosine, sine = _cos_sin(k * m, n)
            even = even + sums[m].scaled(cosine)
            term = differences[m].scaled(sine)
            odd = term if odd is None else odd + term
        odd = odd.over_i()
        result[k], result[n - k] = even + odd, even - odd
    return result
