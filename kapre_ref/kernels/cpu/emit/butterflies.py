"""Small Fourier transforms of complex or real vectors: straight-line code, no memory access."""

import math
from typing import NamedTuple

from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.cpu.emit.language import Value


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
        """Multiply by a Complex; the CPU may do each addition together with a product."""
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

    def conjugate(self):
        """Change the sign of the imaginary part."""
        return Complex(self.re, -self.im)

    def turned(self, turns, n):
        """Multiply by exp(-2 pi i turns / n)."""
        cosine, sine = _cos_sin(turns, n)
        return Complex(self.re * cosine + self.im * sine, self.im * cosine - self.re * sine)


def _cos_sin(turns, n):
    """Return cosine and sine of turns / n of a circle."""
    cosine, sine = cos_sin_of_turns(turns, n)
    return float(cosine), float(sine)


def dft(x):
    """Return the Fourier transform of 2, 4, 8 or an odd number of Complex.

    X[k] = sum_n x[n] exp(-2 pi i k n / N).
    """
    n = len(x)
    if n in (2, 4, 8):
        pairs = list(zip(x[: n // 2], x[n // 2 :], strict=True))
        return _dft_of_pairs([a + b for a, b in pairs], [a - b for a, b in pairs])
    return _dft_of_odd(x)


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
        # Turn `b` and `d` by odd multiples of an eighth of a turn. The factor sqrt(1/2) is left to
        # the last additions, which become fused multiply-adds and so take no longer with it.
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
    """Transform an odd number N of Complex.

    x[n] and x[N - n] share their products, and so do X[k] and X[N - k].
    """
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


def dft_of_real(x):
    """Return the bins 0 to N // 2 of 1, 2, 4, 8, 16 or an odd number of real vectors.

    The bins 0 and N / 2 mirror themselves, so they are real: vectors instead of Complex.
    """
    n = len(x)
    if n % 2:
        return _dft_of_odd_real(x)
    pairs = list(zip(x[: n // 2], x[n // 2 :], strict=True))
    return _dft_of_real_pairs([a + b for a, b in pairs], [a - b for a, b in pairs])


def dft_of_weighted(x, weights):
    """Return the bins 0 to N // 2 of the products of `x` and `weights`, as `dft_of_real` does.

    Half of the products are part of the first additions, as fused multiply-adds, and not rounded.
    """
    n = len(x)
    if n % 2:
        return _dft_of_odd_real([a * w for a, w in zip(x, weights, strict=True)])
    sums, differences = [], []
    for i in range(n // 2):
        a, b, w = x[i] * weights[i], x[i + n // 2], weights[i + n // 2]
        sums.append(b.emitter.multiply_add(b, w, a))
        differences.append(b.emitter.multiply_add(-b, w, a))
    return _dft_of_real_pairs(sums, differences)


def _dft_of_real_pairs(sums, differences):
    """Transform real numbers, given the sums and differences of x[n] and x[n + N / 2]."""
    result = [None] * (len(sums) + 1)
    result[::2] = dft_of_real(sums)
    result[1::2] = dft_half_a_bin_up(differences)
    return result


def dft_half_a_bin_up(x):
    """Return X[k + 1/2] of real vectors for k < N / 2; the bins above are their mirror images.

    X[k + 1/2] = sum_n x[n] exp(-2 pi i (k + 1/2) n / N). With z[n] = x[n] - i x[n + N / 2], the
    bins of even k are the transform of z[n] exp(-pi i n / N). If N is odd, the last bin is real: a
    vector instead of a Complex.
    """
    n = len(x)
    if n % 2:
        # X[k + 1/2] is bin k + (N + 1) / 2 moved down by N / 2 bins. Bins move by N / 2 if every
        # other sample changes its sign.
        bins = _dft_of_odd_real([-a if i % 2 else a for i, a in enumerate(x)])
        return [z.conjugate() for z in bins[:0:-1]] + bins[:1]
    z = [Complex(a, -b) for a, b in zip(x[: n // 2], x[n // 2 :], strict=True)]
    if n == 2:
        return z
    if n == 4:
        sum_, difference = _with_eighth_of_turn(*z)
        return [sum_, difference.conjugate()]
    sum_, difference = _with_eighth_of_turn(z[0], z[2])
    b, d = z[1].turned(1, 16), z[3].turned(3, 16)
    odd, turned = b + d, (b - d).over_i()
    return [
        sum_ + odd,
        (difference - turned).conjugate(),
        difference + turned,
        (sum_ - odd).conjugate(),
    ]


def _with_eighth_of_turn(a, b):
    """Return a + w b and a - w b, where w is an eighth of a turn.

    The factor sqrt(1/2) of w is part of fused multiply-adds, so it takes no instruction.
    """
    b = Complex(b.re + b.im, b.im - b.re)
    factor = math.sqrt(0.5)
    return a.plus_scaled(b, factor), a.plus_scaled(b, -factor)


def _dft_of_odd_real(x):
    n = len(x)
    half = range(1, (n + 1) // 2)
    sums = {m: x[m] + x[n - m] for m in half}
    differences = {m: x[n - m] - x[m] for m in half}
    result = [x[0]]
    for m in half:
        result[0] = result[0] + sums[m]
    for k in half:
        re, im = x[0], None
        for m in half:
            cosine, sine = _cos_sin(k * m, n)
            re = re + sums[m] * cosine
            term = differences[m] * sine
            im = term if im is None else im + term
        result.append(Complex(re, im))
    return result


def idft_to_real(bins, n):
    """Return the n real numbers whose bins 0 to n // 2 are given, times n / 2.

    A bin that is real is given as its half. So the other bins need not be doubled to count for
    their mirror images too.
    """
    if n % 2:
        return _idft_to_odd_real(bins)
    even, odd = idft_to_real(bins[::2], n // 2), idft_half_a_bin_up(bins[1::2], n // 2)
    fused = bins[0].emitter.multiply_add
    pairs = [
        (fused(b, factor, a), fused(b, -factor, a))
        for a, (b, factor) in zip(even, odd, strict=True)
    ]
    return [a for a, _ in pairs] + [b for _, b in pairs]


def idft_half_a_bin_up(bins, n):
    """Return the n real numbers of the bins that `dft_half_a_bin_up` gives, times n / 2.

    Each number comes with a factor that the caller still has to apply.
    """
    if n % 2:
        x = _idft_to_odd_real([bins[-1], *(z.conjugate() for z in bins[-2::-1])])
        return [(a, -1 if i % 2 else 1) for i, a in enumerate(x)]
    even = [bins[k] if k < n // 2 else bins[n - 1 - k].conjugate() for k in range(0, n, 2)]
    z = dft(even)
    result = [None] * n
    for i in range(n // 2):
        # The caller applies the factor of an eighth of a turn in a fused multiply-add.
        a, factor = z[-i], 1
        if 4 * i == n:
            a, factor = Complex(a.re - a.im, a.im + a.re), math.sqrt(0.5)
        elif i:
            a = a.turned(-i, 2 * n)
        result[i], result[i + n // 2] = (a.re, factor), (a.im, -factor)
    return result


def _idft_to_odd_real(bins):
    n = 2 * len(bins) - 1
    result = [bins[0]] * n
    for z in bins[1:]:
        result[0] = result[0] + z.re
    for i in range(1, len(bins)):
        even, odd = bins[0], None
        for k, z in enumerate(bins[1:], start=1):
            cosine, sine = _cos_sin(k * i, n)
            even = even + z.re * cosine
            term = z.im * sine
            odd = term if odd is None else odd + term
        result[i], result[n - i] = even - odd, even + odd
    return result
