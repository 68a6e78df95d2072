"""Roots of unity as float64, rounded almost once, from float64 alone.

Long double is no wider than float64 on some systems, so nothing here depends on it. An angle is the
sum of the nearest angle a in a small exact table and a small rest b:
    cos(a + b) = cos a + (cos a (cos b - 1) - sin a sin b)
What is in brackets is below 1/80, so its rounding errors are below 1/80 of the result's.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENTRIES = 512  # table entries in a whole turn
_TURN = "6.283185307179586476925286766559005768394338798750"


def cos_sin_of_turns(
    numerators: NDArray[Any], denominator: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosine and the sine of 2 pi a / b, for integers a and b, b up to 2 ** 50."""
    counts = np.asarray(numerators % denominator, np.int64)
    entries = (2 * _ENTRIES * counts + denominator) // (2 * denominator)
    rests = _ENTRIES * counts - entries * denominator  # exact; a turn has denominator * 512 of them
    b = rests * (float(_TURN) / _ENTRIES / denominator)
    sin_b, cos_b_less_1 = np.sin(b), -2 * np.sin(b / 2) ** 2
    cos_a, cos_rest, sin_a, sin_rest = _table()[:, entries]
    cosines = cos_a + (cos_a * cos_b_less_1 - sin_a * sin_b + cos_rest)
    sines = sin_a + (sin_a * cos_b_less_1 + cos_a * sin_b + sin_rest)
    return cosines, sines


@cache
def _table() -> NDArray[np.float64]:
    """Return cosines and sines of 0 to 512 / 512 turns, each as a number and its rounding error."""
    table = np.empty((4, _ENTRIES + 1))
    with localcontext() as context:
        context.prec = 45
        cos, sin = _series(Decimal(_TURN) / _ENTRIES)
        x, y = Decimal(1), Decimal(0)
        for i in range(_ENTRIES // 4 + 1):
            if i == _ENTRIES // 4:
                x, y = Decimal(0), Decimal(1)
            pairs = (x, y), (-y, x), (-x, -y), (y, -x)  # a quarter of a turn between them
            for quarter, pair in enumerate(pairs):
                at = (i + quarter * _ENTRIES // 4) % _ENTRIES
                table[:2, at], table[2:, at] = map(_in_two_parts, pair)
            x, y = x * cos - y * sin, x * sin + y * cos
    table[:, _ENTRIES] = table[:, 0]
    return table


def _series(angle: Decimal) -> tuple[Decimal, Decimal]:
    """Return cosine and sine of a small angle."""
    parts, term = [Decimal(0), Decimal(0)], Decimal(1)
    for n in range(24):
        parts[n % 2] += term if n % 4 < 2 else -term
        term = term * angle / (n + 1)
    return parts[0], parts[1]


def _in_two_parts(x: Decimal) -> tuple[float, float]:
    return float(x), float(x - Decimal(float(x)))
