"""Streams: the frames of sound that is arriving are those of the whole signal, to the bit."""

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from harness import fake_cupy
from hypothesis import given
from hypothesis import strategies as st
from strategies import PROFILE

import kapre_ref as kr

RECIPES = {
    recipe.name: recipe.front_end
    for recipe in kr.recipes()
    if recipe.front_end.dynamic_range is None and recipe.front_end.normalisation is None
}


def streamed(front_end, x, sizes):
    """Return all frames of (channel, time) or (time,), which is cut after so many samples each."""
    stream = front_end.stream(None if x.ndim == 1 else len(x), x.dtype)
    parts, at = [], 0
    for size in sizes:
        parts.append(stream.push(x[..., at : at + size]))
        at += size
    parts += [stream.push(x[..., at:]), stream.finish()]
    return np.concatenate(parts, axis=-2 if front_end.time_first else -1)


@pytest.mark.filterwarnings("ignore:x has no frame")
@pytest.mark.parametrize("name", RECIPES)
class TestRecipes:
    def test_any_chunks(self, name, rng):
        front_end = RECIPES[name]
        x = rng.uniform(-1, 1, (2, 9 * front_end.n_fft + 77)).astype(np.float32)
        whole = front_end(x)
        for largest in (300, 1500, 9000):
            sizes = rng.integers(0, largest, 60)
            sizes = sizes[np.cumsum(sizes) < x.shape[1]]
            np.testing.assert_array_equal(streamed(front_end, x, sizes), whole, strict=True)

    def test_short_signals(self, name, rng):
        front_end = RECIPES[name]
        for n_samples in (0, 1, 2, front_end.frame_length - 1, front_end.frame_length, 777):
            x = rng.uniform(-1, 1, n_samples).astype(np.float32)
            got = streamed(front_end, x, [n_samples // 3, 0])
            np.testing.assert_array_equal(got, front_end(x), strict=True)


class TestChunks:
    FRONT_END = kr.FrontEnd(
        sample_rate=8000, n_fft=32, hop_length=10, pad_left=16, pad_right=16, pad_mode="reflect",
        preemphasis=0.97, bands=kr.Bands(5), log="ln", floor=1e-5,
    )  # fmt: skip

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_one_sample_at_a_time(self, dtype, rng):
        x = rng.uniform(-1, 1, 333).astype(dtype)
        got = streamed(self.FRONT_END, x, [1] * 333)
        np.testing.assert_array_equal(got, self.FRONT_END(x), strict=True)

    @PROFILE
    @given(st.lists(st.integers(0, 90), max_size=12), st.integers(-9, 70), st.integers(-9, 70))
    def test_any_edges(self, sizes, left, right):
        for mode in ("zeros", "reflect", "mirror", "edge", "odd"):
            front_end = self.FRONT_END.replace(pad_left=left, pad_right=right, pad_mode=mode)
            x = np.random.default_rng(len(sizes)).uniform(-1, 1, sum(sizes) + 40)
            got = streamed(front_end, x, sizes)
            np.testing.assert_array_equal(got, front_end(x), strict=True)

    @pytest.mark.parametrize("left", [-3, 0, 5, 16, 45])
    @pytest.mark.parametrize("right", [-3, 0, 5, 16, 45])
    @pytest.mark.parametrize("mode", ["zeros", "reflect", "mirror", "edge", "odd"])
    def test_frames_come_when_their_last_sample_does(self, left, right, mode):
        front_end = self.FRONT_END.replace(pad_left=left, pad_right=right, pad_mode=mode)
        stream, n_frames = front_end.stream(), 0
        for n_samples in range(1, 200):
            n_frames += len(stream.push(np.ones(1, np.float32)))
            # The samples that are cut off at the end may be the last ones so far.
            n_there = n_samples + min(0, right)
            n_reflected = left + 1 if mode != "zeros" and left > 0 else 0
            n_complete = front_end.replace(pad_right=0).n_frames(max(0, n_there))
            assert n_frames == (n_complete if n_there >= n_reflected else 0)

    def test_state_can_be_pickled(self, rng):
        x = rng.uniform(-1, 1, 500).astype(np.float32)
        stream = self.FRONT_END.stream()
        parts = [stream.push(x[:217])]
        stream = pickle.loads(pickle.dumps(stream))
        parts += [stream.push(x[217:]), stream.finish()]
        np.testing.assert_array_equal(np.concatenate(parts), self.FRONT_END(x))

    def test_callers_may_use_their_memory_again(self, rng):
        x = rng.uniform(-1, 1, 500).astype(np.float32)
        stream, room, parts = self.FRONT_END.stream(), np.empty(50, np.float32), []
        for chunk in x.reshape(10, 50):
            room[:] = chunk
            parts.append(stream.push(room))
            room[:] = np.nan
        np.testing.assert_array_equal(np.concatenate([*parts, stream.finish()]), self.FRONT_END(x))

    def test_streams_of_many_threads_share_a_plan(self, rng):
        signals = rng.uniform(-1, 1, (200, 700)).astype(np.float32)
        expected = [self.FRONT_END(x) for x in signals]

        def run(turn):
            streams = [self.FRONT_END.stream() for _ in signals[turn::8]]
            parts = [
                [
                    stream.push(x[at : at + 61])
                    for stream, x in zip(streams, signals[turn::8], strict=True)
                ]
                for at in range(0, 700, 61)
            ]
            parts.append([stream.finish() for stream in streams])
            return [np.concatenate(of_one) for of_one in zip(*parts, strict=True)]

        with ThreadPoolExecutor(8) as threads:
            for turn, found in enumerate(threads.map(run, range(8))):
                np.testing.assert_array_equal(found, expected[turn::8])

    def test_memory_does_not_grow(self):
        stream = self.FRONT_END.stream(n_channels=2)
        for _ in range(200):
            stream.push(np.ones((2, 100), np.float32))
        assert len(pickle.dumps(stream)) < 5000

    def test_memory_of_a_long_chunk_is_given_back(self):
        stream = self.FRONT_END.stream()
        stream.push(np.ones(1 << 20, np.float32))
        stream.push(np.ones(1, np.float32))
        assert stream._signal.room.nbytes < 10_000

    def test_results_stay_as_they_are(self, rng):
        x = rng.uniform(-1, 1, 900).astype(np.float32)
        stream = self.FRONT_END.stream()
        found = [stream.push(chunk) for chunk in x.reshape(30, 30)]
        copies = [frames.copy() for frames in found]
        found.append(stream.finish())
        for frames, copy in zip(found, copies, strict=False):
            np.testing.assert_array_equal(frames, copy)

    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ for the stand-in's kernels")
    @pytest.mark.parametrize("n_channels", [None, 2])
    def test_cupy(self, n_channels, rng):
        front_end = self.FRONT_END.replace(pad_mode="zeros")
        with fake_cupy.installed() as cupy:
            x = cupy.asarray(rng.uniform(-1, 1, (n_channels or 1, 300)).astype(np.float32))
            x = x if n_channels else x[0]
            stream = front_end.stream(n_channels)
            parts = [stream.push(x[..., at : at + 50]) for at in range(0, 300, 50)]
            parts.append(stream.finish())
            assert all(isinstance(part, cupy.ndarray) for part in parts)
            whole = front_end(x).get()
            found = np.concatenate([part.get() for part in parts], axis=-2)
            np.testing.assert_array_equal(found, whole)
            other = front_end.stream()
            other.push(np.zeros(5, np.float32))
            with pytest.raises(TypeError, match="chunk and the chunk before it must be arrays of"):
                other.push(cupy.asarray(np.zeros(5, np.float32)))


class TestErrors:
    FRONT_END = kr.FrontEnd(sample_rate=8000, n_fft=32, log="ln", floor=1e-5)

    def test_what_needs_the_whole_signal(self):
        with pytest.raises(ValueError, match=r"dynamic_range must be None in a stream.*got 8.0"):
            self.FRONT_END.replace(dynamic_range=8).stream()
        with pytest.raises(ValueError, match=r"normalisation must be None in a stream.*an offset"):
            self.FRONT_END.replace(normalisation=kr.Normalisation()).stream()

    def test_numbers_beyond_the_dtype(self):
        with pytest.raises(ValueError, match="gain must be in the range of float32"):
            self.FRONT_END.replace(gain=1e39).stream()

    def test_chunks(self):
        stream = self.FRONT_END.stream(2)
        with pytest.raises(ValueError, match=r"chunk must have shape \(2, time\), got \(3, 5\)"):
            stream.push(np.zeros((3, 5), np.float32))
        with pytest.raises(ValueError, match=r"chunk must have shape \(2, time\), got \(5,\)"):
            stream.push(np.zeros(5, np.float32))
        with pytest.raises(TypeError, match="chunk must have the stream's dtype, float32, got"):
            stream.push(np.zeros((2, 5)))
        with pytest.raises(TypeError, match=r"chunk must have dtype float16, .* got int16"):
            stream.push(np.zeros((2, 5), np.int16))

    def test_after_the_end(self):
        stream = self.FRONT_END.stream()
        stream.finish()
        with pytest.raises(ValueError, match="push must not follow finish"):
            stream.push(np.zeros(5, np.float32))
        with pytest.raises(ValueError, match="finish must not follow finish"):
            stream.finish()
