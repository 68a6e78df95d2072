"""Roots of unity to the last bit or so, from float64 alone: long double is no wider everywhere."""

import numpy as np

# 2 pi in three parts. The first two have 24 bits, so that products with counts are exact.
_TURN = (6.283185005187988, 3.0199157663446385e-07, 2.1561211432632476e-14)


def cos_sin_of_turns(numerators, denominator):
    """Return the cosine and the sine of 2 pi a / b, for b up to 2 ** 26, as float64."""
    counts = np.asarray(numerators % denominator, np.float64)
    angles = sum(_TURN) * counts / denominator
    # What the rounded angle lacks, times b. Half of its bits at a time, so that products are exact.
    high = angles.astype(np.float32).astype(np.float64)
    missing = _TURN[0] * counts - high * denominator
    missing += _TURN[1] * counts - (angles - high) * denominator
    missing = (missing + _TURN[2] * counts) / denominator
    cosines, sines = np.cos(angles), np.sin(angles)
    return cosines - missing * sines, sines + missing * cosines
