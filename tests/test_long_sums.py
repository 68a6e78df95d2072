"""Sums along axes whose length the caller sets: rounding errors do not add up, however long."""

import math

import numpy as np
import pytest
from closeness import PEAK_EPS, eps_of
from hypothesis import given, settings
from hypothesis import strategies as st

import kapre_ref as kr

DTYPES = ("float16", "float32", "float64")
KINDS = ("constant", "offset", "noise")
# As many of each power of two; hypothesis alone would draw short ones for the most part.
LENGTHS = st.integers(0, 19).flatmap(lambda power: st.integers(1 << power, 2 << power))


def numbers(kind, n, dtype):
    """Return a constant, noise around one, or noise: errors of one sign, or of both."""
    if kind == "constant":
        return np.full(n, 0.1, dtype)
    few = np.random.default_rng(n).uniform(-1, 1, min(n, 1 << 16))
    return np.resize((0.1 + few / 100 if kind == "offset" else few).astype(dtype), n)


def exact_sum(x):
    """Return the sum of numbers as good as float64 can say it."""
    blocks = np.array_split(x, max(1, x.size >> 12))
    return math.fsum(float(np.sum(block, dtype=np.float64)) for block in blocks)


class TestEnergy:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_longest(self, kind, dtype):
        n = 1 << 26
        self._assert_within_contract(numbers(kind, n, dtype), n, n)

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(KINDS), st.sampled_from(DTYPES), LENGTHS, st.data())
    def test_any_length(self, kind, dtype, frame_length, data):
        # Pieces of a frame are summed once for all frames: many short ones, few long ones.
        shortest = max(1, frame_length // data.draw(st.sampled_from([1, 2, 5, 700])))
        hop_length = data.draw(st.integers(shortest, frame_length))
        n_more = data.draw(st.integers(0, 2)) * hop_length
        x = numbers(kind, frame_length + n_more, dtype)
        self._assert_within_contract(x, frame_length, hop_length)

    def _assert_within_contract(self, x, frame_length, hop_length):
        framing = {"frame_length": frame_length, "hop_length": hop_length}
        # The energy is then the mean square, by a number that has no rounding error.
        got = kr.energy(x, sample_rate=1, ref_duration=1, **framing)
        assert got.dtype == x.dtype
        working = x.dtype.type if x.itemsize > 2 else np.float32
        scale = working(1) / working(frame_length)
        for index, energy in enumerate(got):
            frame = x[index * hop_length :][:frame_length].astype(working, copy=False)
            plain = float(x.dtype.type(np.sum(frame * frame) * scale))
            truth = exact_sum(frame.astype(np.float64) ** 2) / frame_length
            allowed = 2 * abs(plain - truth) + PEAK_EPS[x.dtype.name] * eps_of(x.dtype) * truth
            assert abs(float(energy) - truth) <= allowed
