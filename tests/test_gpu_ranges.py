"""A dynamic range in the launch that makes the values, if the groups that share a peak are short.

The last block of a group applies it. What two launches give is what one must give, to the bit.
"""

import shutil

import numpy as np
import pytest
from harness import fake_cupy
from on_harness import in_order  # noqa: F401
from test_gpu_front_ends import LOG_MEL, of_size, signals

import kapre_ref as kr

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
RANGE = LOG_MEL.replace(dynamic_range=2.0)


@pytest.fixture
def cupy():
    with fake_cupy.installed(checked=True, order="shuffled", seed=5) as stand_in:
        yield stand_in


def launched(cupy):
    """Return the stems of the kernels that were launched since the last such call."""
    names = [name.split("<")[0].removeprefix("kapre::") for name, *_ in cupy.RawModule.launches]
    cupy.RawModule.launches.clear()
    return names


def in_two_launches(monkeypatch, call):
    """Return what a call gives if no group is short."""
    from kapre_ref.kernels.gpu import fused

    with monkeypatch.context() as patch:
        patch.setattr(fused, "MAX_BYTES_OF_BLOCK", 0)
        fused._launch.cache_clear()
        result = call()
    fused._launch.cache_clear()
    return result


def kept_bytes(cupy):
    """Return the memory that is kept for the current stream."""
    from kapre_ref.kernels.gpu.memory import cleared

    return cleared(1, cupy.cuda.Device().id)


class TestOneLaunch:
    @pytest.mark.parametrize("n_fft", [400, 512, 1200])
    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("over", ["channel", "item", "call"])
    @pytest.mark.parametrize("time_first", [True, False])
    def test_same_bits_as_two(self, monkeypatch, in_order, n_fft, dtype, over, time_first, rng):  # noqa: F811
        # With 21 bands, groups begin at addresses that suit no pack.
        front_end = of_size(RANGE, n_fft).replace(
            range_over=over, time_first=time_first, bands=kr.Bands(21), gain=0.5, offset=1.0
        )
        x = in_order.asarray(signals(rng, n_fft + 29 * 160, dtype))
        launched(in_order)
        got = front_end(x).get()
        assert len(launched(in_order)) == 1
        expected = in_two_launches(monkeypatch, lambda: front_end(x).get())
        assert launched(in_order)[1:] == ["raise_to_floor"]
        assert got.tobytes() == expected.tobytes()
        assert got.min() < got.max() - 0.9

    @pytest.mark.parametrize(
        ("n_fft", "dtype"), [(512, "f2"), (512, "f4"), (400, "f4"), (400, "f8")]
    )
    def test_several_turns_of_a_block(self, monkeypatch, cupy, n_fft, dtype, rng):
        # A block of 128 threads moves 2048 float32 at a time.
        front_end = of_size(RANGE, n_fft).replace(bands=None, hop_length=40, range_over="channel")
        x = cupy.asarray(signals(rng, n_fft + 29 * 40, dtype))
        got = front_end(x).get()
        expected = in_two_launches(monkeypatch, lambda: front_end(x).get())
        assert len(launched(cupy)) == 3
        assert got.tobytes() == expected.tobytes()

    @pytest.mark.parametrize("n_frames", [204, 205])
    def test_up_to_64_KiB(self, cupy, n_frames, rng):  # noqa: N802
        x = cupy.asarray(rng.uniform(-1, 1, (2, 400 + (n_frames - 1) * 8)).astype(np.float32))
        RANGE.replace(n_fft=400, hop_length=8, bands=kr.Bands(80))(x)
        assert len(launched(cupy)) == (1 if 4 * 80 * n_frames <= 65536 else 2)


class TestMagnitudes:
    @pytest.mark.parametrize("dtype", ["f2", "f4"])
    @pytest.mark.parametrize("n_items", [1, 19])
    @pytest.mark.parametrize("length", [1, 130, 511, 512, 513, 4096, 4097, 9002])
    def test_same_bits_as_two(self, monkeypatch, in_order, length, n_items, dtype, rng):  # noqa: F811
        from kapre_ref.kernels.gpu import decibel

        x = rng.uniform(0, 100, (n_items, length)).astype(dtype)
        x[n_items // 2, length // 2] = np.nan
        x = in_order.asarray(x)
        launched(in_order)
        got = kr.magnitude_to_decibel(x, dynamic_range=4.0).get()
        assert launched(in_order) == ["to_decibels"]
        assert not kept_bytes(in_order).get().any()
        monkeypatch.setattr(decibel, "MAX_BYTES_OF_BLOCK", 0)
        decibel._launch.cache_clear()
        expected = kr.magnitude_to_decibel(x, dynamic_range=4.0).get()
        decibel._launch.cache_clear()
        assert launched(in_order) == ["to_decibels", "raise_to_floor"]
        assert got.tobytes() == expected.tobytes()

    @pytest.mark.parametrize(("dtype", "length"), [("f4", 16384), ("f2", 32768)])
    def test_up_to_64_KiB(self, cupy, dtype, length):  # noqa: N802
        for n in (length, length + 1):
            kr.magnitude_to_decibel(cupy.asarray(np.ones((2, n), dtype)), dynamic_range=4.0)
            assert len(launched(cupy)) == 1 + (n > length)


class TestNextCall:
    """Peaks and counts are 0 again after each call, whatever it was of."""

    @pytest.mark.parametrize("n_fft", [400, 512])
    def test_is_as_the_first(self, cupy, n_fft, rng):
        x = signals(rng, 4000)
        poisoned = x.copy()
        poisoned[:, :, 1500] = np.nan
        front_end = of_size(RANGE, n_fft)
        first = front_end(cupy.asarray(x)).get()
        wider = front_end.replace(range_over="channel")
        for other in (100 * x, poisoned, np.inf * x, x.astype("f8"), x.astype("f2"), 0 * x):
            for some in (front_end, wider):
                some(cupy.asarray(other))
                assert not kept_bytes(cupy).get().any()
        assert front_end(cupy.asarray(x)).get().tobytes() == first.tobytes()

    def test_sets_nothing_to_zero(self, monkeypatch, cupy, rng):
        x = cupy.asarray(signals(rng, 4000))
        RANGE(x)
        monkeypatch.setattr(cupy, "zeros", None, raising=False)
        RANGE(x)
        RANGE.replace(range_over="channel")(x)

    def test_of_another_stream_has_memory_of_its_own(self, cupy):
        streams = [cupy.cuda.get_current_stream(), cupy.cuda.Stream(), cupy.cuda.Stream()]
        kept = []
        for stream in (*streams, *streams):
            with stream:
                kept.append(kept_bytes(cupy).data.ptr)
        assert len(set(kept)) == 3
        assert kept[:3] == kept[3:]

    def test_of_another_device_has_memory_of_its_own(self, cupy):
        here = kept_bytes(cupy)
        with cupy.cuda.Device(1):
            there = kept_bytes(cupy)
        assert (here.device.id, there.device.id) == (0, 1)
        assert here.data.ptr != there.data.ptr

    def test_of_a_stream_for_each_thread_keeps_nothing(self, cupy):
        with cupy.cuda.Stream(ptds=True):
            assert kept_bytes(cupy).data.ptr != kept_bytes(cupy).data.ptr

    def test_of_a_larger_batch(self, cupy, rng):
        for batch in (1, 2, 300):
            x = rng.uniform(-1, 1, (batch, 400)).astype(np.float32)
            got = RANGE(cupy.asarray(x)).get()
            np.testing.assert_allclose(got, RANGE.reference(x), atol=1e-5)
            assert not kept_bytes(cupy).get().any()


class TestGraph:
    """A graph may be replayed in any stream and at any time: it has peaks of its own."""

    def test_does_not_share_peaks(self, monkeypatch, cupy, rng):
        from kapre_ref.kernels.gpu import fused

        launches, kernel = [], fused.kernel

        def note(*which):
            return lambda *launch, **memory: launches.append((kernel(*which), launch, memory))

        stream = cupy.cuda.Stream()
        with stream:
            x = cupy.asarray(signals(rng, 4000))
            stream.synchronize()
            RANGE(x)
            kept = kept_bytes(cupy)
            monkeypatch.setattr(fused, "kernel", note)
            stream.begin_capture()
            result = RANGE(x)
            stream.end_capture()
            ((function, launch, memory),) = launches
            peaks = launch[2][5]
            assert not cupy.shares_memory(peaks, kept)
            monkeypatch.undo()
            # Between replays, calls of the same stream may be under way, which use their own.
            for gain in (1, 0.01, 2):
                x *= np.float32(gain)
                function(*launch, **memory)
                assert result.get().tobytes() == RANGE(x).get().tobytes()
                assert not peaks.get().any()
