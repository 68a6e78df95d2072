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
    cases = (*fused_cases(400), *plain_cases(480))
    usual = case(2, 700, 3, n_fft=400, hop_length=77, pad_begin=True, pad_end=True)


@ONE
class TestStftDouble(AnyOrder, test_stft.TestStft):
    dtypes = ("float64",)
    cases = (*fused_cases(400), *plain_cases(4096))


@SOME
class TestMagnitude(AnyOrder, test_spectrograms.TestStftMagnitude):
    dtypes = ("float16", "float32")
    cases = (
        *fused_cases(400),
        *(one for n_fft in SINGLE[1:] for one in plain_cases(n_fft)),
        *(one for n_fft in (400, 882) for one in fused_cases(n_fft, return_decibel=True)),
    )
    usual = case(2, 700, 3, n_fft=400, hop_length=77, pad_end=True, output_data_format=FIRST)


@ONE
class TestMagnitudeDouble(AnyOrder, test_spectrograms.TestStftMagnitude):
    dtypes = ("float64",)
    cases = (
        *(one for n_fft in DOUBLE for one in plain_cases(n_fft)),
        case(2, 900, n_fft=400, return_decibel=True),
    )


@ONE
class TestMelspectrogram(AnyOrder, test_band_spectrograms.TestMelspectrogram):
    cases = (
        *fused_cases(400, n_mels=25),
        case(2, 2000, n_fft=400, hop_length=160, n_mels=80, sample_rate=16000, return_decibel=True),
    )


@ONE
class TestMelspectrogramDouble(AnyOrder, test_band_spectrograms.TestMelspectrogram):
    dtypes = ("float64",)
    cases = (*fused_cases(400, n_mels=25)[:4], case(900, n_fft=400, return_decibel=True))


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

    def test_others_are_left_to_cufft(self, shuffled):  # noqa: F811
        for n_fft in (1, 2, 64, 198, 254, 257, 401, 441, 544, 1001, 2006, 4098, 4200):
            assert self.shape(n_fft, 4) is None
            assert self.shape(n_fft, 8) is None
        assert self.shape(572, 8) is None  # 11 times 13 takes too many registers
        x = shuffled.asarray(np.ones(2000, np.float32))
        before = len(shuffled.RawModule.launches)
        for n_fft in (64, 441, 544):
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
                assert shape.first * shape.second * shape.third == n_fft // 2
                assert shape.first >= max(shape.second, shape.third)
                assert shape.n_threads <= 256
                # A point is a pair of numbers, and a quarter more memory avoids conflicts of banks.
                n_bytes = shape.n_frames * n_fft * itemsize * 1.26
                assert n_bytes <= 48 * 1024, "more shared memory than a block has for the asking"
                if n_threads <= 32:
                    assert shape.n_frames == shape.n_threads // 32 * (32 // n_threads)
                else:
                    assert shape.n_frames * n_threads == shape.n_threads
        assert n_served > 450

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
        shapes = [radices_for(n_fft, itemsize) for n_fft in range(2, 5000)]
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
        *(("float32", n, s) for n in (400, 1200) for s in (1e-31, 1e-25, 1e-12, 1e12, 1e25, 1e34)),
        *(("float64", n, s) for n in (400, 4096) for s in (1e-290, 1e-170, 1e-40, 1e140, 1e300)),
    )

    @pytest.mark.parametrize(("dtype", "n_fft", "scale"), SCALES)
    def test_faintest_and_loudest(self, backend, dtype, n_fft, scale, rng):
        x = (rng.uniform(-1, 1, 2 * n_fft) * scale).astype(dtype)
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft)
        assert_close(got, expected, 8 * eps_of(dtype) * peak_of(expected))

    @pytest.mark.parametrize(("dtype", "n_fft"), [("f4", 400), ("f4", 1200), ("f8", 400)])
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
    @pytest.mark.parametrize("n_fft", [256, 400, 1200, 2048])
    def test_loud_where_the_window_is_zero(self, backend, dtype, n_fft):
        x = np.zeros(n_fft, dtype)
        x[0] = np.finfo(dtype).max / 2
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        np.testing.assert_array_equal(got, np.zeros_like(got))

    @pytest.mark.parametrize("n_fft", [400, 512, 1200])
    def test_faint_beside_silence(self, backend, n_fft, rng):
        x = np.zeros((8, n_fft), np.float32)
        x[1::3] = rng.uniform(-1, 1, (3, n_fft)) * 1e-30
        got = backend.numpy(kr.stft_magnitude(backend.array(x.ravel()), n_fft, hop_length=n_fft))
        expected = kr.stft_magnitude_reference(x.ravel().astype(float), n_fft, hop_length=n_fft)
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    def test_window_ends_before_nan(self, backend, rng):
        # 0 times NaN is NaN, so samples outside of all windows must not be read.
        x = rng.uniform(-1, 1, 400).astype(np.float32)
        x[301:] = np.nan
        for win_length in (300, 301):  # Samples are loaded in pairs, or one by one.
            parameters = {"n_fft": 400, "win_length": win_length, "hop_length": 50}
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

    @pytest.mark.parametrize(("dtype", "n_fft", "n_lanes"), [("f4", 400, 10), ("f8", 1024, 32)])
    def test_sectors(self, dtype, n_fft, n_lanes):
        traffic = self.traffic(dtype, n_fft)
        a_sector = 32 // np.dtype(dtype).itemsize
        # Runs of as many pairs, or bins, as threads share a frame may begin and end in a sector.
        for of_runs, a_run in (("load", 2 * n_lanes), ("store", n_lanes)):
            lines = of_kind(traffic, "global", of_runs)
            assert total(lines) <= (1 + a_sector / a_run) * total(lines, "ideal")


# How many registers a thread of each shape may have.
BUDGETS = {("f4", 400): 128, ("f4", 480): 168, ("f4", 1200): 128, ("f4", 2000): 168}
# It takes three passes, and a thread has many points.
BUDGETS |= {("f4", 504): 184, ("f4", 3360): 168}
BUDGETS |= {("f4", 440): 168, ("f4", 832): 168, ("f4", 1144): 128, ("f4", 4004): 168}
BUDGETS |= {("f8", 440): 255, ("f8", 2600): 255}
BUDGETS |= {("f8", 400): 255, ("f8", 1024): 255, ("f8", 4096): 255}


class TestCompiles:
    @pytest.mark.slow
    @pytest.mark.parametrize("architecture", test_nvrtc.ARCHITECTURES)
    @pytest.mark.parametrize(("dtype", "n_fft"), BUDGETS)
    def test_within_budgets(self, shuffled, architecture, dtype, n_fft):  # noqa: F811
        from kapre_ref.kernels.gpu.fused import _shape

        shape = _shape(n_fft, np.dtype(dtype)).name
        outputs = (*test_nvrtc.OUTPUTS[:5], *test_nvrtc.OUTPUTS[-2:][: dtype == "f4"])
        names = [test_nvrtc.kernel_name("mixed", shape, *output) for output in outputs]
        for name, needs in test_nvrtc.compiled(architecture, "mixed", names).items():
            assert needs.registers <= BUDGETS[dtype, n_fft], name
            assert needs.shared <= 48 * 1024, name
            assert needs.stack <= test_nvrtc.most_spilled(architecture, name), name
