"""The kernel of mixed.cu: n_fft that are no powers of two, and float64, on `cuda_on_cpu`."""

import inspect
import shutil
from pathlib import Path

import numpy as np
import pytest
import test_band_spectrograms
import test_nvrtc
import test_spectrograms
import test_stft
from closeness import assert_close, eps_of, peak_of
from conftest import Backend
from harness.cuda_on_cpu.module import Module
from on_harness import in_order, shuffled  # noqa: F401
from operation import FIRST, case
from test_gpu_kernels import AnyOrder, arrangement, fused_cases  # noqa: F401
from test_gpu_traffic import of_kind, total, traffic_of

import kapre_ref as kr

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
# A warp has several frames, with idle lanes (400) and without; a block has frames whose threads
# fill whole warps (1200) or do not (882); half of n_fft is odd (882); threads do not share columns
# evenly (480, 2000). All of these occur with two passes and with three.
# 572 and 832 have factors 11 and 13 in two passes, 1144 and 440 of float64 in three.
SINGLE = (400, 480, 882, 1200, 2000, 572, 832, 1144)
DOUBLE = (256, 400, 1024, 4096, 440, 2600)
# Odd ones: two passes in a warp, without idle lanes (225) and with; three in a warp and in a block.
# A frame has more threads than pairs of rows (343, 1001). Columns of a pass are shared evenly (225)
# or not, or there are fewer than threads (675).
SINGLE_ODD, DOUBLE_ODD = (225, 343, 441, 675, 1001, 1125, 4095), (225, 441, 1001, 1125, 3375)


@pytest.fixture
def backend(shuffled):  # noqa: F811
    return Backend("gpu")


def only(*names):
    """Keep only these tests of an operation."""

    def drop(tests):
        for name, _ in inspect.getmembers(tests, inspect.isfunction):
            if name.startswith("test_") and name not in names:
                setattr(tests, name, None)
        return tests

    return drop


def plain_cases(n_fft, **others):
    """Return the cases whose results lie side by side."""
    return tuple(one for one in fused_cases(n_fft, **others) if len(one.shape) < 3)


ONE = only("test_matches_oracle")
SOME = only("test_matches_oracle", "test_any_arrangement", "test_out_is_filled_and_returned")


@SOME
class TestStft(AnyOrder, test_stft.TestStft):
    cases = (*fused_cases(400), *plain_cases(480), *fused_cases(441), *plain_cases(1001))
    usual = case(2, 700, 3, n_fft=400, hop_length=77, pad_begin=True, pad_end=True)


@ONE
class TestStftDouble(AnyOrder, test_stft.TestStft):
    dtypes = ("float64",)
    cases = (*fused_cases(400), *plain_cases(4096), *fused_cases(441))


@SOME
class TestMagnitude(AnyOrder, test_spectrograms.TestStftMagnitude):
    dtypes = ("float16", "float32")
    cases = (
        *fused_cases(400),
        *(one for n_fft in (*SINGLE[1:], *SINGLE_ODD) for one in plain_cases(n_fft)),
        *(one for n_fft in (400, 882, 441) for one in fused_cases(n_fft, return_decibel=True)),
    )
    usual = case(2, 700, 3, n_fft=400, hop_length=77, pad_end=True, output_data_format=FIRST)


@ONE
class TestMagnitudeDouble(AnyOrder, test_spectrograms.TestStftMagnitude):
    dtypes = ("float64",)
    cases = (
        *(one for n_fft in (*DOUBLE, *DOUBLE_ODD) for one in plain_cases(n_fft)),
        *(case(2, 900, n_fft=n_fft, return_decibel=True) for n_fft in (400, 441)),
    )


@ONE
class TestMelspectrogram(AnyOrder, test_band_spectrograms.TestMelspectrogram):
    cases = (
        *fused_cases(400, n_mels=25),
        *fused_cases(441, n_mels=25),
        case(2, 2000, n_fft=400, hop_length=160, n_mels=80, sample_rate=16000, return_decibel=True),
    )


@ONE
class TestMelspectrogramDouble(AnyOrder, test_band_spectrograms.TestMelspectrogram):
    dtypes = ("float64",)
    cases = (
        *fused_cases(400, n_mels=25)[:4],
        *fused_cases(225, n_mels=15)[:4],
        case(900, n_fft=400, return_decibel=True),
    )


class TestServed:
    """The kernel serves certain n_fft, each by certain radices."""

    def shape(self, n_fft, itemsize):
        from kapre_ref.kernels.gpu.radices import radices_for

        return radices_for(n_fft, itemsize)

    @pytest.mark.parametrize("itemsize", [4, 8])
    def test_usual_sizes(self, shuffled, itemsize):  # noqa: F811
        usual = (
            200,
            240,
            256,
            320,
            400,
            480,
            512,
            600,
            640,
            800,
            882,
            960,
            1000,
            1024,
            1200,
            1280,
            1536,
        )
        for n_fft in (*usual, 1600, 1764, 1920, 2000, 2048, 2400, 3000, 3072, 3200, 4000, 4096):
            assert self.shape(n_fft, itemsize), n_fft

    def test_factors_11_and_13(self, shuffled):  # noqa: F811
        for n_fft in (220, 260, 352, 416, 440, 484, 520, 528, 616, 1040, 1100, 1300, 2200, 2600):
            assert self.shape(n_fft, 4), n_fft
            assert self.shape(n_fft, 8), n_fft
        for n_fft in (286, 572, 1144, 2002, 2288, 2860, 3432, 4004, 4056):
            assert self.shape(n_fft, 4), n_fft

    def test_odd(self, shuffled):  # noqa: F811
        both = (225, 243, 315, 343, 375, 405, 441, 525, 675, 735, 945, 1001, 1125, 1331, 2025, 3375)
        for n_fft in both:
            assert self.shape(n_fft, 4), n_fft
            assert self.shape(n_fft, 8), n_fft
        for n_fft in (625, 875, 1029, 1225, 1323, 1575, 1875, 2205, 3003, 3675, 3969, 4095):
            assert self.shape(n_fft, 4), n_fft

    def test_others_are_left_to_cufft(self, shuffled):  # noqa: F811
        for n_fft in (1, 2, 64, 189, 198, 254, 257, 401, 451, 544, 2006, 2401, 4098, 4125, 32770):
            assert self.shape(n_fft, 4) is None
            assert self.shape(n_fft, 8) is None
        assert self.shape(572, 8) is None  # 11 times 13 takes too many registers
        x = shuffled.asarray(np.ones(2000, np.float32))
        before = len(shuffled.RawModule.launches)
        for n_fft in (64, 451, 544):
            kr.stft_magnitude(x, n_fft)
        assert len(shuffled.RawModule.launches) == before

    def test_fits(self, shuffled):  # noqa: F811
        n_served = 0
        for n_fft in range(2, 5000):
            for itemsize in (4, 8):
                shape = self.shape(n_fft, itemsize)
                if shape is None:
                    continue
                n_served += 1
                n_threads = n_fft // 2 // shape.first  # These threads compute one frame.
                if n_fft % 2:  # Each has two rows; a quarter more may have a row alone.
                    n_rows = n_fft // shape.first
                    n_threads = self.threads(n_fft, shape)
                    assert n_rows / 2 < n_threads <= 5 / 4 * (n_rows + 1) / 2
                assert shape.first * shape.second * shape.third == n_fft // (2 - n_fft % 2)
                assert shape.first >= max(shape.second, shape.third)
                assert shape.n_threads <= 256
                if n_threads <= 32:
                    assert shape.n_frames == shape.n_threads // 32 * (32 // n_threads)
                else:
                    assert shape.n_frames * n_threads == shape.n_threads
        assert n_served > 650

    def threads(self, n_fft, shape):
        from kapre_ref.kernels.gpu.radices import threads_of_frame

        return threads_of_frame(n_fft, *shape[:3])

    @pytest.mark.parametrize(("pair", "itemsize"), [("float2", 4), ("double2", 8)])
    @pytest.mark.parametrize("is_inverse", [False, True])
    def test_every_size_fits(self, shuffled, is_inverse, pair, itemsize):  # noqa: F811
        """The structure in C++ has the threads of `radices.py`, and no more memory than a block."""
        from kapre_ref.kernels.gpu.launch import source
        from kapre_ref.kernels.gpu.radices import radices_for

        names, expected = [], []
        for n_fft in range(2, 5000):
            shape = radices_for(n_fft, itemsize, n_fft * is_inverse)
            if shape:
                first, second, third, n_frames, n_threads, _ = shape
                radices = f"{first}, {second}, {third}"
                names.append(f"kapre::Mixed<{pair}, {n_fft}, {n_frames}, {radices}>")
                expected.append((self.threads(n_fft, shape), n_threads))
        code = source("inverse") + (
            "template <class S> __device__ void tell(int* out) {\n    out[0] = S::T;\n"
            "    out[1] = S::THREADS;\n    out[2] = S::SHARED * sizeof(typename S::Complex);\n}\n"
            "__global__ void told(int* out) {\n"
            + "".join(f"    tell<{name}>(out + {3 * i});\n" for i, name in enumerate(names))
            + "}\n"
        )
        out = np.empty((len(names), 3), np.int32)
        Module(code, ("told",)).function("told")((1,), (1,), (out,))
        assert [tuple(row[:2]) for row in out.tolist()] == expected
        carried = [int(name.split(", ")[1]) * itemsize * is_inverse for name in names]
        # 48 KiB are there for the asking; a few words are taken by sums over a block.
        assert max(out[:, 2] + carried) <= 46 * 1024

    def test_runs(self, shuffled, rng):  # noqa: F811
        x = shuffled.asarray(rng.uniform(-1, 1, 900).astype(np.float32))
        kr.stft_magnitude(x, 400)
        name, grid, block = shuffled.RawModule.launches[-1]
        assert name == (
            "kapre::mixed<kapre::Output<kapre::Mixed<float2, 400, 12, 20, 10, 1>, "
            "kapre::Magnitudes, kapre::AtOnce>, kapre::Stored>"
        )
        assert (grid, block) == ((1,), (128,))


class TestDft:
    """Transforms in registers, of every number of points that a pass may have."""

    @pytest.mark.parametrize(("pair", "dtype"), [("float2", "c8"), ("double2", "c16")])
    def test_every_radix(self, shuffled, pair, dtype, rng):  # noqa: F811
        from kapre_ref.kernels.gpu.radices import radices_for

        itemsize = np.dtype(dtype).itemsize // 2
        shapes = [radices_for(n_fft, itemsize, 0, 227 << 10) for n_fft in range(2, 33000)]
        radices = sorted({radix for shape in shapes if shape for radix in shape[:3]} | {64})
        code = (Path(kr.__file__).parent / "kernels" / "gpu" / "cuda" / "dft.cuh").read_text()
        code += """
            template <class C, int R> __global__ void dft(const C* x, C* y) {
                C v[R];
                for (int i = 0; i < R; ++i) v[i] = x[i];
                kapre::Dft<R>::run(v);
                for (int i = 0; i < R; ++i) y[i] = v[i];
            }"""
        names = tuple(f"dft<{pair}, {radix}>" for radix in radices)
        module = Module(code, names)
        assert {2, 3, 5, 7, 10, 11, 13, 16, 20} < set(radices)
        for name, radix in zip(names, radices, strict=True):
            x = (rng.uniform(-1, 1, radix) + 1j * rng.uniform(-1, 1, radix)).astype(dtype)
            got = np.empty_like(x)
            module.function(name)((1,), (1,), (_frozen(x), got))
            expected = np.fft.fft(x.astype(np.clongdouble))
            # Each of log2(radix) steps rounds a few times.
            assert_close(got, expected, 4 * eps_of(dtype) * peak_of(expected))


def _frozen(x):
    x.flags.writeable = False
    return x


class TestOutOfRange:
    """Magnitudes whose squares are beyond the range of their type, although they are not."""

    SCALES = (
        *(
            ("float32", n, s)
            for n in (400, 1200, 441, 1001)
            for s in (1e-31, 1e-25, 1e-12, 1e12, 1e25, 1e34)
        ),
        *(
            ("float64", n, s)
            for n in (400, 4096, 441)
            for s in (1e-290, 1e-170, 1e-40, 1e140, 1e300)
        ),
    )

    @pytest.mark.parametrize(("dtype", "n_fft", "scale"), SCALES)
    def test_faintest_and_loudest(self, backend, dtype, n_fft, scale, rng):
        x = (rng.uniform(-1, 1, 2 * n_fft) * scale).astype(dtype)
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft)
        assert_close(got, expected, 8 * eps_of(dtype) * peak_of(expected))

    @pytest.mark.parametrize(
        ("dtype", "n_fft"),
        [("f4", 400), ("f4", 1200), ("f8", 400), ("f4", 441), ("f4", 1001), ("f8", 441)],
    )
    @pytest.mark.parametrize("value", [np.nan, np.inf, "loud"])
    def test_stays_in_its_frame(self, backend, dtype, n_fft, value, rng):
        x = rng.uniform(-1, 1, 8 * n_fft).astype(dtype)
        clean = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=n_fft))
        # It lies in the third frame; a warp or a block has other frames beside it.
        x[5 * n_fft // 2] = np.sqrt(np.finfo(dtype).max) * 8 if value == "loud" else value
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=n_fft))
        assert not np.any(got[2] <= 1e15)
        np.testing.assert_array_equal(np.delete(got, 2, 0), np.delete(clean, 2, 0))

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("n_fft", [256, 400, 441, 1200, 2048])
    def test_loud_where_the_window_is_zero(self, backend, dtype, n_fft):
        x = np.zeros(n_fft, dtype)
        x[0] = np.finfo(dtype).max / 2
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        np.testing.assert_array_equal(got, np.zeros_like(got))

    @pytest.mark.parametrize("n_fft", [400, 441, 512, 1001, 1200])
    def test_faint_beside_silence(self, backend, n_fft, rng):
        x = np.zeros((8, n_fft), np.float32)
        x[1::3] = rng.uniform(-1, 1, (3, n_fft)) * 1e-30
        got = backend.numpy(kr.stft_magnitude(backend.array(x.ravel()), n_fft, hop_length=n_fft))
        expected = kr.stft_magnitude_reference(x.ravel().astype(float), n_fft, hop_length=n_fft)
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    @pytest.mark.parametrize("n_fft", [400, 441])
    def test_window_ends_before_nan(self, backend, n_fft, rng):
        # 0 times NaN is NaN, so samples outside of all windows must not be read.
        x = rng.uniform(-1, 1, n_fft).astype(np.float32)
        x[301:] = np.nan
        for win_length in (300, 301):  # Samples are loaded in pairs, or one by one.
            parameters = {"n_fft": n_fft, "win_length": win_length, "hop_length": 50}
            got = backend.numpy(kr.stft_magnitude(backend.array(x), **parameters))
            assert np.isfinite(got[0]).all()
            assert np.isnan(got[1]).all()


class TestTraffic:
    """Memory accesses are counted over one block. A point is a pair of float32 or of float64."""

    def traffic(self, dtype, n_fft, operation=kr.stft_magnitude):
        x = np.random.default_rng(0).uniform(-1, 1, 10 * n_fft).astype(dtype)
        return traffic_of("mixed", lambda x: operation(x, n_fft, hop_length=n_fft // 4), x)

    @pytest.mark.parametrize(
        ("dtype", "n_fft"),
        [
            *(("f4", n) for n in (400, 440, 480, 832, 1144, 1200, 2000, 2600)),
            *(("f8", n) for n in (400, 440, 1024, 1040)),
        ],
    )
    def test_exchanges_have_no_bank_conflict(self, dtype, n_fft):
        shared = of_kind(self.traffic(dtype, n_fft), "shared")
        mirrored = {k: v for k, v in shared.items() if "S::M - k" in k.text}
        conflicts = {k for k, v in shared.items() if v.cost > v.ideal} - mirrored.keys()
        assert len(shared) == 5
        assert not conflicts
        # Where two frames meet in a half warp, both have points in some of the banks.
        assert total(mirrored) <= 2 * total(mirrored, "ideal")
        assert total(shared) <= 1.2 * total(shared, "ideal")

    @pytest.mark.parametrize("n_fft", [1000, 572])
    def test_rows_that_wrap(self, n_fft):
        # A row has ten points, or there are thirteen rows, and 16 lanes are served together: they
        # reach another row, or another frame. There are few conflicts.
        shared = of_kind(self.traffic("f4", n_fft), "shared")
        assert total(shared) > total(shared, "ideal")
        assert total(shared) <= 1.3 * total(shared, "ideal")

    @pytest.mark.parametrize(
        ("dtype", "n_fft", "most"),
        [("f4", 225, 1), ("f4", 375, 1), ("f4", 441, 1.2), ("f4", 675, 1.1), ("f4", 1001, 1.1),
         ("f4", 1125, 1.2), ("f4", 4095, 1.15), ("f8", 225, 1), ("f8", 441, 1.1), ("f8", 1125, 1)],
    )  # fmt: skip
    def test_odd(self, dtype, n_fft, most):
        shared = of_kind(self.traffic(dtype, n_fft), "shared")
        assert len(shared) == 6
        assert total(shared) <= most * total(shared, "ideal")
        # Conjugates run down, from one row after the other, and from those of two frames.
        (mirrored,) = (v for k, v in shared.items() if "mirrored[" in k.text)
        assert mirrored.cost <= 2 * mirrored.ideal

    @pytest.mark.parametrize(
        ("dtype", "n_fft", "n_lanes"), [("f4", 400, 10), ("f8", 1024, 32), ("f4", 441, 11)]
    )
    def test_sectors(self, dtype, n_fft, n_lanes):
        traffic = self.traffic(dtype, n_fft)
        a_sector = 32 // np.dtype(dtype).itemsize
        # Runs of as many pairs, or bins, as threads share a frame may begin and end in a sector; of
        # an odd n_fft, runs of single samples.
        for of_runs, a_run in (("load", (2 - n_fft % 2) * n_lanes), ("store", n_lanes)):
            lines = of_kind(traffic, "global", of_runs)
            assert total(lines) <= (1 + a_sector / a_run) * total(lines, "ideal")


# How many registers a thread of each shape may have.
BUDGETS = {("f4", 400): 128, ("f4", 480): 168, ("f4", 1200): 128, ("f4", 2000): 168}
# It takes three passes, and a thread has many points.
BUDGETS |= {("f4", 504): 184, ("f4", 3360): 168}
BUDGETS |= {("f4", 440): 168, ("f4", 832): 168, ("f4", 1144): 128, ("f4", 4004): 168}
BUDGETS |= {("f8", 440): 255, ("f8", 2600): 255}
BUDGETS |= {("f4", 225): 128, ("f4", 441): 128, ("f4", 675): 168, ("f4", 1001): 128}
BUDGETS |= {("f4", 1125): 128, ("f8", 225): 168, ("f8", 441): 168, ("f8", 1125): 168}
BUDGETS |= {("f4", 4095): 184}  # A multiprocessor has one block of seven warps.
BUDGETS |= {("f8", 400): 255, ("f8", 1024): 255, ("f8", 4096): 255}


class TestCompiles:
    @pytest.mark.slow
    @pytest.mark.parametrize("architecture", test_nvrtc.ARCHITECTURES)
    @pytest.mark.parametrize(("dtype", "n_fft"), BUDGETS)
    def test_within_budgets(self, shuffled, architecture, dtype, n_fft):  # noqa: F811
        from kapre_ref.kernels.gpu.fused import _shape

        shape = _shape(n_fft, np.dtype(dtype), 0).name
        outputs = (*test_nvrtc.OUTPUTS[:5], *test_nvrtc.OUTPUTS[-2:][: dtype == "f4"])
        names = [test_nvrtc.kernel_name("mixed", shape, *output) for output in outputs]
        for name, needs in test_nvrtc.compiled(architecture, "mixed", names).items():
            assert needs.registers <= BUDGETS[dtype, n_fft], name
            assert needs.shared <= 48 * 1024, name
            assert needs.stack <= test_nvrtc.most_spilled(architecture, name), name
