"""Sums along axes whose length the caller sets: rounding errors do not add up at any length."""

import math

import numpy as np
import pytest
from closeness import PEAK_EPS, assert_close, eps_of, error_between, peak_of
from hypothesis import given, settings
from hypothesis import strategies as st

import kapre_ref as kr

DTYPES = ("float16", "float32", "float64")
KINDS = ("constant", "offset", "noise")
# Each power of two is drawn equally often; hypothesis alone would draw mostly short lengths.
LENGTHS = st.integers(0, 19).flatmap(lambda power: st.integers(1 << power, 2 << power))


def numbers(kind, n, dtype):
    """Return a constant, noise around one, or noise: errors of one sign, or of both."""
    if kind == "constant":
        return np.full(n, 0.1, dtype)
    few = np.random.default_rng(n).uniform(-1, 1, min(n, 1 << 16))
    return np.resize((0.1 + few / 100 if kind == "offset" else few).astype(dtype), n)


def exact_sum(x):
    """Return the sum of numbers, almost as exact as float64 can hold it."""
    blocks = np.array_split(x, max(1, x.size >> 12))
    return math.fsum(float(np.sum(block, dtype=np.float64)) for block in blocks)


class TestEnergy:
    @pytest.mark.slow
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

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_every_short_length(self, dtype):
        # Lengths at which one way of summing hands over to another lie among these.
        for frame_length in range(1, 1200):
            x = numbers("constant", frame_length, dtype)
            self._assert_within_contract(x, frame_length, frame_length)

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


class TestDelta:
    @settings(max_examples=40, deadline=None)
    @given(
        st.sampled_from(("line", *KINDS)),
        st.sampled_from(DTYPES),
        st.integers(0, 11).flatmap(lambda power: st.integers(1 << power, 2 << power)),
        st.sampled_from(("symmetric", "reflect", "constant")),
        st.data(),
    )
    def test_any_window(self, kind, dtype, half, mode, data):
        n_frames = half + data.draw(st.integers(1, 100)) + half * data.draw(st.booleans())
        x = self._frames(kind, n_frames, data.draw(st.integers(1, 3)), dtype)
        self._assert_within_contract(x, half, mode)

    @pytest.mark.slow
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_long_line(self, dtype):
        half = 1 << 13  # A slope has twice as many terms, so this is long enough.
        self._assert_within_contract(self._frames("line", half + 9, 1, dtype), half, "symmetric")

    def _assert_within_contract(self, x, half, mode):
        n_frames, dtype = len(x), x.dtype.name
        got = kr.delta(x, 2 * half + 1, mode)
        assert got.dtype == x.dtype
        picked = np.linspace(0, n_frames - 1, 5).astype(int)
        working = x.astype(np.result_type(dtype, np.float32))
        padded = np.pad(working, [(half, half), (0, 0)], mode)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)[picked]
        norm = half * (half + 1) * (2 * half + 1) // 3
        weights = np.array([n / norm for n in range(-half, half + 1)])
        terms = windows.astype(np.float64) * weights
        truth = np.reshape([math.fsum(one) for one in terms.reshape(-1, 2 * half + 1)], (5, -1))
        plain = np.sum(windows * weights.astype(working.dtype), axis=2)
        # Differences of what is nearly equal: the peak is that of the slopes, but not below what
        # the samples themselves are known to.
        peak = max(peak_of(truth), peak_of(x) / half)
        allowed = PEAK_EPS[dtype] * eps_of(dtype) * peak
        assert_close(got[picked], truth, 2 * error_between(plain.astype(dtype), truth) + allowed)

    def _frames(self, kind, n_frames, width, dtype):
        if kind == "line":
            line = np.arange(n_frames) / n_frames
            return np.repeat(line.astype(dtype)[:, None], width, axis=1)
        return numbers(kind, n_frames * width, dtype).reshape(n_frames, width)


class TestInverse:
    # The float64 reference adds one frame after the other, so it cannot judge complex128.
    @pytest.mark.slow
    @settings(max_examples=25, deadline=None)
    @given(
        st.sampled_from([256, 300, 2042, 2048, 4096]),  # 2042 is SciPy's
        st.integers(1, 40),
        st.booleans(),
    )
    def test_frames_that_overlap_often(self, n_fft, hop_length, steady):
        n_overlaps = n_fft // hop_length
        rng = np.random.default_rng(n_overlaps)
        spectra = np.zeros((n_overlaps + 30, n_fft // 2 + 1), np.complex64)
        spectra[:, 0] = 1 if steady else 1 + rng.uniform(-1, 1, len(spectra)) / 10
        got = kr.inverse_stft(spectra, n_fft, hop_length=hop_length)
        # All samples of a frame are equal, and what is added up is positive. complex64 has a
        # window of its own, rounded to float32, which both take.
        truth = kr.inverse_stft_reference(spectra, n_fft, hop_length=hop_length)
        assert_close(got, truth, 4 * eps_of(got.dtype) * peak_of(truth))

    @pytest.mark.parametrize("n_fft", [2042, 2048])
    def test_what_is_not_finite_stays_in_its_frame(self, n_fft):
        spectra = np.ones((2100, n_fft // 2 + 1), np.complex64)
        clean = kr.inverse_stft(spectra, n_fft, hop_length=1)
        for value in (np.nan, np.inf):
            spectra[20] = value
            got = kr.inverse_stft(spectra, n_fft, hop_length=1)
            assert not np.isfinite(got[20 : 20 + n_fft]).all()
            outside = np.r_[:20, 20 + n_fft : len(clean)]
            np.testing.assert_array_equal(got[outside], clean[outside])
