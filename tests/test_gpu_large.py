"""n_fft whose frames need more shared memory than a kernel has: on `cuda_on_cpu`, and from PTX."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import test_band_spectrograms
import test_gpu_front_ends
import test_inverse_stft
import test_nvrtc
import test_ptx
import test_spectrograms
import test_stft
from closeness import assert_close, eps_of, peak_of
from closeness import assert_features_near as assert_near
from conftest import Backend
from harness import fake_cupy
from harness.cuda_on_cpu.module import KernelError, Module
from harness.ptx.module import installed
from on_harness import in_order, shuffled  # noqa: F401
from operation import FIRST, case
from test_gpu_kernels import AnyOrder
from test_gpu_mixed import only
from test_gpu_traffic import of_kind, total, traffic_of

import kapre_ref as kr
from kapre_ref._synthesis import Synthesis

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
H100, A100, RTX_40, T4 = (n << 10 for n in (227, 163, 99, 64))
# 8192 points of float32 fit a kernel's own memory. Threads of 24000 and 9360 do not share columns
# evenly; of 20250, half is odd.
SINGLE = (8192, 16384, 32768, 9360, 20250, 24000)
DOUBLE = (8192, 16384, 5000)
ONE = only("test_matches_oracle")


@pytest.fixture
def backend(shuffled):  # noqa: F811
    return Backend("gpu")


def frames(n_fft, **others):
    """Return two frames of each of two signals, at odd samples."""
    return case(2, n_fft + 7, n_fft=n_fft, hop_length=7, **others)


def channels(n_fft, **others):
    """Return two channels, side by side in memory, padded, in a shorter window."""
    sizes = {"n_fft": n_fft, "win_length": n_fft - 37, "hop_length": n_fft // 3}
    return case(1, n_fft, 2, **sizes, pad_begin=True, pad_end=True, **others)


@ONE
class TestStft(AnyOrder, test_stft.TestStft):
    cases = tuple(shape(n_fft) for n_fft in SINGLE[1:3] for shape in (frames, channels))


@ONE
class TestStftDouble(AnyOrder, test_stft.TestStft):
    dtypes = ("float64",)
    cases = tuple(shape(n_fft) for n_fft in DOUBLE[:2] for shape in (frames, channels))


@ONE
class TestMagnitude(AnyOrder, test_spectrograms.TestStftMagnitude):
    dtypes = ("float16", "float32")
    cases = (
        *(frames(n_fft) for n_fft in SINGLE),
        *(channels(n_fft, return_decibel=True) for n_fft in SINGLE[:4]),
    )


@ONE
class TestMagnitudeDouble(AnyOrder, test_spectrograms.TestStftMagnitude):
    dtypes = ("float64",)
    cases = tuple(shape(n_fft) for n_fft in DOUBLE for shape in (frames, channels))


@ONE
class TestMelspectrogram(AnyOrder, test_band_spectrograms.TestMelspectrogram):
    dtypes = ("float16", "float32", "float64")
    cases = (
        *(frames(n_fft, n_mels=30) for n_fft in (8192, 16384)),
        channels(16384, n_mels=30, return_decibel=True, output_data_format=FIRST),
    )


@ONE
class TestInverse(AnyOrder, test_inverse_stft.TestInverseStft):
    dtypes = ("complex64", "complex128")
    cases = (
        case(1, 5, 4097, n_fft=8192, hop_length=2048),
        case(2, 3, 4097, 2, n_fft=8192, win_length=8000, hop_length=1600),
        case(1, 4, 8193, n_fft=16384, hop_length=4096),
        case(1, 2, 16385, n_fft=32768),
        case(1, 3, 2501, n_fft=5000, hop_length=1250),
        case(1, 3, 2049, n_fft=4096),
    )


class TestServed:
    def radices(self, n_fft, itemsize, permitted=H100, carries=False):
        from kapre_ref.kernels.gpu.radices import radices_for

        return radices_for(n_fft, itemsize, n_fft * carries, permitted)

    def test_sizes_of_tests_are_large(self, shuffled):  # noqa: F811
        assert self.radices(8192, 4, 0)
        assert all(self.radices(n_fft, 4).n_given for n_fft in SINGLE[1:])
        assert all(self.radices(n_fft, 8).n_given for n_fft in DOUBLE)

    def test_sizes_of_cards(self, shuffled):  # noqa: F811
        largest = {H100: 32768, A100: 32768, RTX_40: 16384, T4: 8192}
        for permitted, n_fft in largest.items():
            for served in (8192, 16384, 32768):
                has_kernel = self.radices(served, 4, permitted) is not None
                assert has_kernel == (served <= n_fft), (permitted, served)
        assert [self.radices(n, 8) is not None for n in (8192, 16384, 32768)] == [True, True, False]
        assert self.radices(8192, 8, RTX_40)
        assert not self.radices(8192, 8, T4)

    def test_page_tells_how_many(self, shuffled):  # noqa: F811
        page = (Path(kr.__file__).parent / "kernels" / "gpu" / "README.md").read_text()
        told = " ".join(re.search(r"They leave (.*?)Every other", page, re.DOTALL)[1].split())
        for itemsize, dtype in ((4, "float32"), (8, "float64")):
            own, large, *others = (
                [n for n in range(0, 33000, 2) if self.radices(n, itemsize, permitted)]
                for permitted in (0, H100, A100, RTX_40, T4)
            )
            even = "even sizes " * (itemsize == 4)
            assert f"{len(own)} {even}of {dtype}, up to {own[-1]}" in told
            assert re.search(rf"{len(large)} (even sizes )?of {dtype}, up to {large[-1]}", told)
            odd = [n for n in range(1, 33000, 2) if self.radices(n, itemsize)]
            assert f"{len(odd)} {'odd sizes ' * (itemsize == 4)}of {dtype}" in told
            assert others[0] == large
            assert re.search("an RTX 40 (\\d+) and (\\d+)", told)[itemsize // 4] == str(
                len(others[1])
            )
            assert re.search("a T4 (\\d+) and (\\d+)", told)[itemsize // 4] == str(len(others[2]))

    @pytest.mark.parametrize("itemsize", [4, 8])
    @pytest.mark.parametrize("carries", [False, True])
    def test_fits(self, shuffled, itemsize, carries):  # noqa: F811
        n_large = 0
        for n_fft in range(200, 33000, 2):
            shape = self.radices(n_fft, itemsize, carries=carries)
            if shape is None:
                continue
            # Whatever fits a kernel's own memory has the same kernel on all cards.
            assert (shape.n_given == 0) == (self.radices(n_fft, itemsize, 0, carries) == shape)
            if not shape.n_given:
                continue
            n_large += 1
            assert shape.first * shape.second * shape.third == n_fft // 2
            assert shape.first >= max(shape.second, shape.third)
            assert (shape.n_frames, shape.n_threads) == (1, n_fft // 2 // shape.first)
            assert 32 < shape.n_threads <= 512
            # `values` of sum_of_frame() has a number of each thread; 1 KiB is the system's.
            own = 1024 + 64 + shape.n_threads * itemsize
            assert n_fft * itemsize * (1 + carries) < shape.n_given <= H100 - own
        assert n_large > 40

    @pytest.mark.parametrize(("pair", "itemsize"), [("float2", 4), ("double2", 8)])
    def test_memory_is_that_of_the_kernel(self, shuffled, pair, itemsize):  # noqa: F811
        shapes = {n: self.radices(n, itemsize) for n in range(4000, 33000, 2)}
        shapes = {n: shape for n, shape in shapes.items() if shape and shape.n_given}
        names = [f"kapre::Large<{pair}, {n}, {a}, {b}, {c}>" for n, (a, b, c, *_) in shapes.items()]
        from kapre_ref.kernels.gpu.launch import source

        code = source("mixed") + "\n__global__ void slots(int* out) {\n"
        code += "".join(f"out[{i}] = {name}::SLOT;\n" for i, name in enumerate(names)) + "}\n"
        slots = np.zeros(len(names), np.int32)
        Module(code, ("slots",)).function("slots")((1,), (1,), (slots,))
        assert list(slots * 2 * itemsize) == [shape.n_given for shape in shapes.values()]

    @pytest.mark.parametrize("operation", ["stft", "stft_magnitude", "inverse_stft"])
    @pytest.mark.parametrize(("permitted", "is_fused"), [(H100, True), (T4, False)])
    def test_a_card_without_the_memory(self, operation, permitted, is_fused, rng):
        x = rng.uniform(-1, 1, 20000).astype(np.float32)
        if operation == "inverse_stft":
            x = kr.stft_reference(x, 16384, hop_length=4096).astype(np.complex64)
        arguments = {"n_fft": 16384, "hop_length": 4096}
        expected = getattr(kr, f"{operation}_reference")(x, **arguments)
        with fake_cupy.installed(checked=True, permitted=permitted) as cupy:
            got = getattr(kr, operation)(cupy.asarray(x), **arguments).get()
            names = [name for name, *_ in cupy.RawModule.launches]
        assert any("Large" in name for name in names) == is_fused
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    def test_serves_inverses(self, shuffled):  # noqa: F811
        from kapre_ref.kernels.gpu.inverse import can_fuse

        def serves(n_fft, dtype):
            return can_fuse(Synthesis(n_fft, n_fft // 4, np.ones(n_fft)), np.dtype(dtype), 0)

        assert all(serves(n, "f4") for n in (4096, 8192, 16384))
        assert all(serves(n, "f8") for n in (2048, 4096, 8192))
        assert not serves(32768, "f4")
        assert not serves(16384, "f8")


class TestOutOfRange:
    @pytest.mark.parametrize(
        ("dtype", "n_fft", "scale"),
        [
            *(("float32", n, s) for n in (8192, 16384) for s in (1e-31, 1e-12, 1e25, 1e34)),
            *(("float64", 8192, s) for s in (1e-290, 1e-170, 1e300)),
        ],
    )
    def test_faintest_and_loudest(self, backend, dtype, n_fft, scale, rng):
        x = (rng.uniform(-1, 1, n_fft + 1000) * scale).astype(dtype)
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=500))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft, hop_length=500)
        assert_close(got, expected, 8 * eps_of(dtype) * peak_of(expected))

    @pytest.mark.parametrize(("dtype", "n_fft"), [("f4", 16384), ("f8", 8192)])
    @pytest.mark.parametrize("value", [np.nan, np.inf, "loud"])
    def test_stays_in_its_frame(self, monkeypatch, dtype, n_fft, value, rng):
        x = rng.uniform(-1, 1, 4 * n_fft).astype(dtype)
        with fake_cupy.installed(checked=True) as cupy:
            from kapre_ref.kernels.gpu import fused

            monkeypatch.setattr(fused, "_MANY_BLOCKS", 1)  # A block takes all of the frames.
            clean = kr.stft_magnitude(cupy.asarray(x), n_fft, hop_length=n_fft).get()
            x[3 * n_fft // 2] = np.sqrt(np.finfo(dtype).max) * 8 if value == "loud" else value
            got = kr.stft_magnitude(cupy.asarray(x), n_fft, hop_length=n_fft).get()
            assert cupy.RawModule.launches[-1][1] == (1,)
        assert not np.any(got[1] <= 1e15)
        np.testing.assert_array_equal(np.delete(got, 1, 0), np.delete(clean, 1, 0))

    @pytest.mark.parametrize(("dtype", "n_fft"), [("f4", 16384), ("f8", 8192)])
    def test_window_ends_before_nan(self, backend, dtype, n_fft, rng):
        x = rng.uniform(-1, 1, n_fft + 50).astype(dtype)
        x[n_fft - 99 :] = np.nan
        for win_length in (n_fft - 100, n_fft - 99):  # Samples are loaded in pairs, or one by one.
            arguments = {"n_fft": n_fft, "win_length": win_length, "hop_length": 50}
            got = backend.numpy(kr.stft_magnitude(backend.array(x), **arguments))
            assert np.isfinite(got[0]).all()
            assert np.isnan(got[1]).all()

    @pytest.mark.parametrize(("dtype", "n_fft"), [("c8", 8192), ("c16", 8192)])
    def test_nan_stays_in_its_frame_back(self, backend, dtype, n_fft, rng):
        x = test_inverse_stft.TestInverseStft().example(rng, (23, n_fft // 2 + 1), dtype)
        hop_length = n_fft // 4
        clean = backend.numpy(kr.inverse_stft(backend.array(x), n_fft))
        x[9] = np.nan
        got = backend.numpy(kr.inverse_stft(backend.array(x), n_fft))
        expected = np.zeros(got.shape, bool)
        expected[9 * hop_length : 9 * hop_length + n_fft] = True
        np.testing.assert_array_equal(np.isnan(got), expected)
        np.testing.assert_array_equal(got[~expected], clean[~expected])


# One of each policy of what a value is, where it goes and how samples come.
POLICIES = (*test_ptx.OF_POLICIES, *test_ptx.OF_SIZES)
FRONT_ENDS = [
    *((name, n_fft, "f4") for name in POLICIES for n_fft in (8192, 16384)),
    *((name, 16384, "f2") for name in ("turned", "frames of reflections", "lines of bins")),
    *((name, 8192, "f8") for name in POLICIES),
    *((name, n, "f4") for name in ("turned", "frames of reflections") for n in (32768, 24000)),
    ("range of a call", 16384, "f4"),
    ("normalised", 16384, "f4"),
    ("frames of reflections", 16384, "f8"),
]


class TestFrontEnds:
    @pytest.mark.slow
    @pytest.mark.parametrize(("name", "n_fft", "dtype"), FRONT_ENDS)
    def test_matches_oracle(self, shuffled, name, n_fft, dtype, rng):  # noqa: F811
        front_end = test_ptx.TestFrontEnds.front_end(name, n_fft)
        x = test_gpu_front_ends.signals(rng, n_fft + 300, dtype)
        assert_near(front_end, x, test_gpu_front_ends.run(shuffled, front_end, x))

    @pytest.mark.parametrize("pad_mode", ["zeros", "reflect", "mirror", "edge", "odd"])
    def test_edges(self, in_order, pad_mode, rng):  # noqa: F811
        fields = {"pad_mode": pad_mode, "pad_left": 9000, "pad_right": 7000, "preemphasis": 0.97}
        front_end = test_gpu_front_ends.of_size(test_gpu_front_ends.LOG_MEL, 16384)
        front_end = front_end.replace(**fields, window="hamming", hop_length=3001)
        x = test_gpu_front_ends.signals(rng, 5000)
        assert_near(front_end, x, test_gpu_front_ends.run(in_order, front_end, x))

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_same_bits_alone(self, shuffled, dtype, rng):  # noqa: F811
        front_end = test_ptx.TestFrontEnds.front_end("frames of reflections", 10000)
        x = test_gpu_front_ends.signals(rng, 12000, dtype)
        together = test_gpu_front_ends.run(shuffled, front_end, x)
        alone = test_gpu_front_ends.run(shuffled, front_end, x[1, 1])
        assert alone.tobytes() == together[1, 1].tobytes()

    @pytest.mark.parametrize("time_first", [True, False])
    def test_rounds(self, monkeypatch, time_first, rng):
        front_end = test_ptx.TestFrontEnds.front_end("range of channels", 16384)
        front_end = front_end.replace(time_first=time_first, hop_length=300)
        x = test_gpu_front_ends.signals(rng, 16384 + 5 * 300)
        results = []
        for most in (1 << 20, 1):
            with fake_cupy.installed(checked=True, order="reversed") as cupy:
                from kapre_ref.kernels.gpu import fused

                monkeypatch.setattr(fused, "_MANY_BLOCKS", most)
                results.append(test_gpu_front_ends.run(cupy, front_end, x))
        np.testing.assert_array_equal(*results)


class TestGivenMemory:
    @pytest.mark.parametrize("n_missing", [2, 100])  # of which one is padding
    def test_too_little_is_given(self, monkeypatch, n_missing):
        x = np.ones(16384, np.float32)
        with fake_cupy.installed(checked=True) as cupy:
            from kapre_ref.kernels.gpu import radices

            slot = radices._slot
            monkeypatch.setattr(radices, "_slot", lambda *sizes: slot(*sizes) - n_missing)
            with pytest.raises(KernelError, match="out of bounds"):
                kr.stft_magnitude(cupy.asarray(x), 16384)


class TestTraffic:
    @pytest.mark.parametrize(
        ("dtype", "n_fft"),
        [*(("f4", n) for n in (8192, 16384, 32768)), *(("f8", n) for n in (8192, 16384))],
    )
    def test_exchanges_have_no_bank_conflict(self, dtype, n_fft):
        x = np.random.default_rng(0).uniform(-1, 1, n_fft).astype(dtype)
        shared = of_kind(traffic_of("mixed", lambda x: kr.stft_magnitude(x, n_fft), x), "shared")
        assert len(shared) == 5
        assert not {line for line, counted in shared.items() if counted.cost > counted.ideal}

    @pytest.mark.parametrize("n_fft", [9360, 10000, 12000, 20250, 24000])
    def test_others_have_few(self, n_fft):
        x = np.random.default_rng(0).uniform(-1, 1, n_fft).astype(np.float32)
        shared = of_kind(traffic_of("mixed", lambda x: kr.stft_magnitude(x, n_fft), x), "shared")
        assert total(shared) <= 1.3 * total(shared, "ideal")


# n_fft: registers that the threads of a block leave each.
BUDGETS = {("f4", 8192): 128, ("f4", 16384): 128, ("f4", 24000): 168, ("f4", 32768): 128}
BUDGETS |= {("f4", 9360): 255, ("f4", 16000): 128, ("f4", 20250): 168}
BUDGETS |= {("f8", 5000): 255, ("f8", 8192): 255, ("f8", 16384): 255}


class TestCompiles:
    @pytest.mark.slow
    @pytest.mark.parametrize("architecture", test_nvrtc.ARCHITECTURES)
    @pytest.mark.parametrize(("dtype", "n_fft"), BUDGETS)
    def test_within_budgets(self, shuffled, architecture, dtype, n_fft):  # noqa: F811
        from kapre_ref.kernels.gpu.fused import _shape

        shape = _shape(n_fft, np.dtype(dtype), H100)
        names = [
            test_nvrtc.kernel_name("mixed", shape.name, *output)
            for output in test_nvrtc.OUTPUTS[: 11 if dtype == "f4" else 9]
        ]
        for name, needs in test_nvrtc.compiled(architecture, "mixed", names).items():
            assert needs.registers <= BUDGETS[dtype, n_fft], name
            assert needs.shared + shape.n_given <= (H100 if shape.n_given else 48 << 10), name
            assert needs.stack <= test_nvrtc.most_spilled(architecture, name), name

    @pytest.mark.slow
    @pytest.mark.parametrize("architecture", test_nvrtc.ARCHITECTURES)
    @pytest.mark.parametrize(
        ("dtype", "n_fft"), [("f4", 8192), ("f4", 16384), ("f8", 4096), ("f8", 8192)]
    )
    def test_inverse(self, shuffled, architecture, dtype, n_fft):  # noqa: F811
        from kapre_ref.kernels.gpu.fused import shape_name
        from kapre_ref.kernels.gpu.inverse import _radices

        radices = _radices(n_fft, np.dtype(dtype), 0)
        name = f"inverse_stft<{shape_name(n_fft, np.dtype(dtype), radices)}>"
        (needs,) = test_nvrtc.compiled(architecture, "inverse", [name]).values()
        assert needs.registers <= 255, name
        assert needs.shared + radices.n_given <= H100, name
        assert needs.stack <= 96, name


@pytest.fixture(scope="module")
def on_ptx():
    try:
        test_nvrtc.nvrtc.library()
    except OSError:
        pytest.skip("needs NVRTC: the extra gputest")
    with installed() as stand_in:
        yield stand_in


@pytest.mark.slow
class TestPtx:
    """The kernels as NVRTC makes them, run instruction by instruction."""

    @pytest.mark.parametrize(
        ("operation", "n_fft", "dtype"),
        [
            *(("stft_magnitude", n, "f4") for n in SINGLE),
            *(("stft_magnitude", n, "f8") for n in DOUBLE),
            *(("stft", n, dtype) for n, dtype in ((16384, "f2"), (32768, "f4"), (8192, "f8"))),
        ],
    )
    def test_forward(self, on_ptx, operation, n_fft, dtype, rng):
        x = rng.uniform(-1, 1, (2, n_fft + 15)).astype(dtype)
        got = getattr(kr, operation)(on_ptx.asarray(x), n_fft, hop_length=7).get()
        expected = getattr(kr, f"{operation}_reference")(x.astype("f8"), n_fft, hop_length=7)
        if dtype == "f2" and operation == "stft":
            dtype = "f4"  # there are no complex numbers of halves
        assert_close(got, expected, 8 * eps_of(dtype) * peak_of(expected))

    @pytest.mark.thorough
    @pytest.mark.parametrize(
        ("name", "n_fft", "dtype"), [one for one in FRONT_ENDS if one[1] <= 16384]
    )
    def test_front_ends(self, on_ptx, name, n_fft, dtype, rng):
        front_end = test_ptx.TestFrontEnds.front_end(name, n_fft)
        x = test_gpu_front_ends.signals(rng, n_fft + 300, dtype)
        assert_near(front_end, x, front_end(on_ptx.asarray(x)).get())

    @pytest.mark.parametrize(("n_fft", "dtype"), [(8192, "c8"), (16384, "c8"), (8192, "c16")])
    def test_inverse(self, on_ptx, n_fft, dtype, rng):
        x = test_inverse_stft.TestInverseStft().example(rng, (2, 6, n_fft // 2 + 1), dtype)
        got = kr.inverse_stft(on_ptx.asarray(x), n_fft).get()
        expected = kr.inverse_stft_reference(x.astype("c16"), n_fft)
        assert "Large" in on_ptx.RawModule.launches[-1][0]
        assert_close(got, expected, 8 * eps_of(x.real.dtype) * peak_of(expected))
