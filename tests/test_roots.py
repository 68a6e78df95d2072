"""Roots of unity, against integers: what decides the error of every transform."""

from fractions import Fraction

import numpy as np
import pytest

from kapre_ref import _roots as roots

TURN = Fraction("6.28318530717958647692528676655900576839433879875021")


def exact_root(turns):
    """Return cosine and sine of some turns, by the series of exponentials of an eighth."""
    angle, halvings = TURN * turns, 6
    angle = Fraction(round(angle * 2**120), 2**120) / 2**halvings
    term, cosine, sine = Fraction(1), Fraction(0), Fraction(0)
    for n in range(24):
        signed = term * (1, 1, -1, -1)[n % 4]
        if n % 2:
            sine += signed
        else:
            cosine += signed
        term = Fraction(round(term * angle / (n + 1) * 2**160), 2**160)
    for _ in range(halvings):
        cosine, sine = cosine * cosine - sine * sine, 2 * cosine * sine
        cosine, sine = (Fraction(round(x * 2**160), 2**160) for x in (cosine, sine))
    return cosine, sine


class TestRoots:
    @pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 12, 360, 1009, 2048, 30_030, 65_536, 1 << 20])
    def test_error_with_double_alone(self, n, monkeypatch):
        monkeypatch.setattr(np, "longdouble", np.float64)  # long double is float64 on some systems
        numbers = np.unique(np.linspace(0, 3 * n, 60).astype(int))
        got = roots.cos_sin_of_turns(numbers, n)
        for number, *parts in zip(numbers.tolist(), *got, strict=True):
            for part, exact in zip(parts, exact_root(Fraction(number % n, n)), strict=True):
                error = abs(Fraction(float(part)) - exact)
                # Half of a unit in the last place of what is below 1, and little more.
                assert error <= Fraction(52, 100 * 2**53)
