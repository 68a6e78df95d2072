"""Batches of unequal recordings: each item is what it would be alone, to the bit."""

import numpy as np
import pytest
from closeness import eps_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import PROFILE, SEEDS, front_ends

import kapre_ref as kr

NAMES = [recipe.name for recipe in kr.recipes()]
LENGTHS = (9000, 4001, 0, 700, 8999)


@pytest.mark.filterwarnings("ignore:x has no frame")
@pytest.mark.parametrize("name", NAMES)
class TestRecipes:
    def test_items_are_what_they_are_alone(self, name, backend, rng):
        front_end = kr.front_end(name)
        x = rng.uniform(-1, 1, (len(LENGTHS), 2, 9000)).astype(np.float32)
        for item, length in enumerate(LENGTHS):
            x[item, :, length:] = np.nan  # The rest must not be read.
        got = backend.numpy(front_end(backend.array(x), lengths=LENGTHS))
        axis = 1 if front_end.time_first else 2
        for item, length in enumerate(LENGTHS):
            alone = backend.numpy(front_end(backend.array(x[item : item + 1, :, :length])))[0]
            n_frames = front_end.n_frames(length)
            assert alone.shape[axis] == n_frames
            counted, rest = np.split(got[item], [n_frames], axis=axis)
            np.testing.assert_array_equal(counted, alone)
            assert not rest.any()

    def test_one_channel(self, name, backend, rng):
        front_end = kr.front_end(name)
        x = rng.uniform(-1, 1, (3, 5000)).astype(np.float32)
        x[1, 3001:] = x[2] = np.nan
        got = backend.numpy(front_end(backend.array(x), lengths=[5000, 3001, 0]))
        got = got if front_end.time_first else got.swapaxes(1, 2)
        for item, length in enumerate((5000, 3001, 0)):
            alone = backend.numpy(front_end(backend.array(x[item, :length])))
            alone = alone if front_end.time_first else alone.T
            np.testing.assert_array_equal(got[item, : len(alone)], alone)
            assert not got[item, len(alone) :].any()

    def test_oracle(self, name, rng):
        front_end = kr.front_end(name)
        x = rng.uniform(-1, 1, (3, 5000))
        got = front_end(x, lengths=[5000, 3000, 0])
        expected = front_end.reference(x, [5000, 3000, 0])
        # A fraction of a normalised band is its error times the inverse of its deviation.
        limit = 1e7 * eps_of(np.float64) * max(1, np.nanmax(np.abs(expected)))
        np.testing.assert_allclose(got, expected, rtol=0, atol=limit)


@pytest.mark.filterwarnings("ignore:x has no frame")
class TestAnyBatch:
    @PROFILE
    @given(front_ends(), st.lists(st.integers(0, 3), min_size=1, max_size=3), SEEDS)
    def test_items_are_what_they_are_alone(self, front_end, leading, seed):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, (*leading, 300)).astype(np.float32)
        lengths = rng.integers(0, 301, leading[0])
        got = front_end(x, lengths=lengths)
        assert got.shape == front_end(x).shape
        axis = -2 if front_end.time_first else -1
        for item, length in enumerate(lengths):
            alone = front_end(x[item : item + 1, ..., :length])[0]
            counted, rest = np.split(got[item], [front_end.n_frames(int(length))], axis=axis)
            np.testing.assert_array_equal(counted, alone)
            assert not rest.any()


class TestArguments:
    FRONT_END = kr.FrontEnd(sample_rate=8000, n_fft=16)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize("time_first", [True, False])
    def test_out(self, dtype, time_first, rng):
        front_end = self.FRONT_END.replace(time_first=time_first)
        x = rng.uniform(-1, 1, (2, 2, 3, 100)).astype(dtype)
        expected = front_end(x, lengths=np.array([100, 31]))
        out = np.full_like(expected, 7)
        assert front_end(x, out, lengths=[100, 31]) is out
        assert out.tobytes() == expected.tobytes()
        assert expected[1].tobytes() == front_end(x[1:], lengths=[31])[0].tobytes()

    @pytest.mark.parametrize("leading", [(0,), (0, 2), (2, 0), (2, 3, 0)])
    @pytest.mark.parametrize("n_samples", [0, 100])
    @pytest.mark.parametrize("time_first", [True, False])
    def test_no_signals(self, leading, n_samples, time_first):
        front_end = self.FRONT_END.replace(pad_left=16, time_first=time_first)
        x, lengths = np.zeros((*leading, n_samples)), [n_samples // 2] * leading[0]
        got = front_end(x, lengths=lengths)
        assert got.shape == front_end(x).shape == front_end.reference(x, lengths).shape

    @pytest.mark.parametrize(
        ("lengths", "message"),
        [
            ([3], "lengths must have a number for each item of x, 2 of them, got 1"),
            ([3, 101], r"lengths\[1\] must be an integer from 0 to 100, got 101"),
            ([-1, 3], r"lengths\[0\] must be an integer from 0 to 100, got -1"),
            ([3, 2.5], r"lengths\[1\] must be an integer, got 2.5"),
        ],
    )
    def test_bad_numbers(self, lengths, message):
        with pytest.raises(ValueError, match=message):
            self.FRONT_END(np.zeros((2, 100)), lengths=lengths)

    def test_bad_kinds(self):
        with pytest.raises(TypeError, match="lengths must be a sequence of integers, got int"):
            self.FRONT_END(np.zeros((2, 100)), lengths=3)
        with pytest.raises(TypeError, match=r"lengths\[0\] must be an integer, got 'a'"):
            self.FRONT_END(np.zeros((2, 100)), lengths="ab")
        with pytest.raises(ValueError, match="x must have shape"):
            self.FRONT_END(np.zeros(100), lengths=[100])
