"""The GPU's kernels and their launches, run on the CPU by `cuda_on_cpu`, every access checked.

What the tests of operations ask of any backend is asked here of the stand-in for CuPy; what is
about fused transforms is asked at each size that has one, with threads in any order.
"""

import inspect
import shutil
from pathlib import Path

import fake_cupy
import numpy as np
import pytest
import test_band_spectrograms
import test_decibel
import test_framing
import test_golden
import test_inverse_stft
import test_mu_law
import test_spectrograms
import test_stft
from closeness import assert_close, eps_of, peak_of
from conftest import Arrangement, Backend
from cuda_on_cpu.module import KernelError
from cuda_on_cpu.planted import BUGS
from operation import FIRST, case

import kapre_ref as kr

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
FUSED = (256, 512, 1024, 2048, 4096)
ORDERS = ("forward", "reversed", "shuffled")


@pytest.fixture(scope="class")
def shuffled():
    with fake_cupy.installed(checked=True, order="shuffled", seed=11) as stand_in:
        yield stand_in


@pytest.fixture(scope="class", params=ORDERS)
def in_order(request):
    with fake_cupy.installed(checked=True, order=request.param, seed=7) as stand_in:
        yield stand_in


@pytest.fixture
def backend(shuffled):
    return Backend("gpu")


@pytest.fixture(params=["strided", "reversed", "fortran"])
def arrangement(request, backend):
    return Arrangement(backend, request.param, Path())


def on_harness(tests):
    """Leave of the tests of an operation those that run a kernel."""
    for name, test in inspect.getmembers(tests, inspect.isfunction):
        runs = {"backend", "arrangement"} & set(inspect.signature(test).parameters)
        if name.startswith("test_") and (not runs or "threads" in name):
            setattr(tests, name, None)
    return tests


def smaller_than(n, tests):
    return tuple(one for one in tests.cases if np.prod(one.shape) < n)


@on_harness
class TestDecibelKernels(test_decibel.TestMagnitudeToDecibel):
    dtypes = ("float16", "float32")
    cases = (
        *smaller_than(1000, test_decibel.TestMagnitudeToDecibel),
        case(2, 5000),  # more than a block takes
        case(2, 4099, dynamic_range=3.0),  # no multiple of four elements
        case(1, 4096, amin=1e-3, dynamic_range=20.0),
    )
    test_whole_range_of_numbers = None  # subnormals are zero there


@on_harness
class TestMuLawEncodingKernel(test_mu_law.TestMuLawEncoding):
    dtypes = ("float16", "float32")
    cases = smaller_than(1000, test_mu_law.TestMuLawEncoding)


@on_harness
class TestMuLawDecodingKernel(test_mu_law.TestMuLawDecoding):
    dtypes = ("uint8", "int32", "int64", "float32")
    cases = smaller_than(1000, test_mu_law.TestMuLawDecoding)


@on_harness
class TestFrameKernel(test_framing.TestFrame):
    cases = smaller_than(10_000, test_framing.TestFrame)


@on_harness
class TestEnergyKernel(test_framing.TestEnergy):
    cases = smaller_than(10_000, test_framing.TestEnergy)


@on_harness
class TestOverlapAddKernel(test_inverse_stft.TestInverseStft):
    cases = smaller_than(4000, test_inverse_stft.TestInverseStft)


def fused_cases(n_fft, **others):
    """Return a case for each way into the registers and out of them."""
    channels_first = {"input_data_format": FIRST, "output_data_format": FIRST}
    both_pads = {"pad_begin": True, "pad_end": True}
    return (
        case(2, 2 * n_fft + 6, n_fft=n_fft, **others),  # pairs of samples, bins side by side
        case(n_fft + 20, n_fft=n_fft, hop_length=7, **others),  # addresses of single samples
        case(1, 2, n_fft, n_fft=n_fft, **channels_first, **both_pads, **others),
        case(1, n_fft + 8, 3, n_fft=n_fft, hop_length=n_fft // 2, pad_end=True, **others),
        case(n_fft, n_fft=n_fft, win_length=n_fft * 25 // 32, hop_length=n_fft // 4, **others),
        case(n_fft, n_fft=n_fft, win_length=n_fft // 2 - 1, hop_length=n_fft // 4, **others),
        case(2 * n_fft, n_fft=n_fft, win_length=n_fft + 10, hop_length=n_fft, **others),
        case(2, n_fft - 1, n_fft=n_fft, **others),  # no frame
    )


class AnyOrder:
    """Tests that run with the threads of a block, and the blocks, in several orders."""

    dtypes = ("float32",)

    @pytest.fixture
    def backend(self, in_order):
        return Backend("gpu")


@on_harness
class TestFusedStft(AnyOrder, test_stft.TestStft):
    cases = tuple(one for n_fft in FUSED for one in fused_cases(n_fft))
    usual = case(2, 600, 3, n_fft=256, hop_length=77, pad_begin=True, pad_end=True)


@on_harness
class TestFusedMagnitude(AnyOrder, test_spectrograms.TestStftMagnitude):
    cases = (
        *(one for n_fft in FUSED for one in fused_cases(n_fft)),
        *(one for n_fft in FUSED for one in fused_cases(n_fft, return_decibel=True)),
        case(3, 700, 2, n_fft=256, return_decibel=True, db_dynamic_range=6.0, db_amin=1e-2),
    )
    usual = case(2, 600, 3, n_fft=256, hop_length=77, pad_end=True, output_data_format=FIRST)
    test_equals_the_chain = None  # in float64, by expressions


@on_harness
class TestFusedMelspectrogram(AnyOrder, test_band_spectrograms.TestMelspectrogram):
    cases = (
        *(one for n_fft in FUSED for one in fused_cases(n_fft, n_mels=n_fft // 16)[:4]),
        *(case(2, n_fft + 9, 2, n_fft=n_fft, n_mels=20, return_decibel=True) for n_fft in FUSED),
        case(2, 900, n_fft=256, n_mels=200),  # bands without any bin
        case(2, 700, n_fft=512, win_length=400, hop_length=160, n_mels=80, sample_rate=16000),
    )
    usual = case(2, 600, 3, n_fft=256, hop_length=77, n_mels=9, output_data_format=FIRST)
    test_equals_the_chain = None


@on_harness
class TestFusedLogFrequency(AnyOrder, test_band_spectrograms.TestLogFrequencySpectrogram):
    cases = tuple(case(2, 2 * n_fft, n_fft=n_fft, return_decibel=True) for n_fft in (512, 2048))
    usual = case(2, 700, 3, n_fft=256, hop_length=77, log_n_bins=60, output_data_format=FIRST)
    test_equals_the_chain = test_notes = None


class TestRecordingsOfKapre:
    @pytest.mark.parametrize("entry", test_golden.EQUAL, ids=test_golden.by_name)
    def test_kernels_equal_kapre(self, backend, entry):
        test_golden.compare(test_golden.Library(backend), entry)


class TestOutOfRange:
    """Squares of magnitudes leave float32 before magnitudes do."""

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("scale", [1e-31, 1e-25, 1e-12, 1e12, 1e25, 1e34])
    def test_faintest_and_loudest(self, backend, n_fft, scale, rng):
        x = (rng.uniform(-1, 1, 2 * n_fft) * scale).astype(np.float32)
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft)
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e25])
    def test_stays_in_its_frame(self, backend, n_fft, value, rng):
        x = rng.uniform(-1, 1, 8 * n_fft).astype(np.float32)
        clean = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=n_fft))
        x[5 * n_fft // 2] = value  # in the third frame; a warp may have four
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=n_fft))
        assert not np.any(got[2] <= 1e20)
        np.testing.assert_array_equal(np.delete(got, 2, 0), np.delete(clean, 2, 0))

    def test_window_ends_before_nan(self, backend, rng):
        # 0 times NaN is NaN: what no window covers must not be read.
        x = rng.uniform(-1, 1, 512).astype(np.float32)
        x[400:] = np.nan
        parameters = {"n_fft": 512, "win_length": 400, "hop_length": 112}
        got = backend.numpy(kr.stft_magnitude(backend.array(x), **parameters))
        assert np.isfinite(got[0]).all()
        assert np.isnan(got[1]).all()

    def test_band_without_weights_is_nan_beside_nan(self, backend):
        x = np.full(256, np.nan, np.float32)
        with pytest.warns(UserWarning, match="mel bands are empty"):
            got = backend.numpy(kr.melspectrogram(backend.array(x), 256, n_mels=250))
        assert np.isnan(got).all()


def until_nan(x, end):
    """Return signals of 400 samples, NaN from one on."""
    x = x[:, :400].copy()
    x[:, end:] = np.nan
    return x


PADDED = {"pad_begin": True, "pad_end": True}
OPERATIONS = {
    "magnitude": lambda x: kr.stft_magnitude(x, 512, hop_length=131, **PADDED),
    "pairs": lambda x: kr.stft_magnitude(x, 512, hop_length=130, **PADDED),
    "even window": lambda x: kr.stft_magnitude(until_nan(x, 300), 512, 300, 50),
    "odd window": lambda x: kr.stft_magnitude(until_nan(x, 301), 512, 301, 50),
    "faint": lambda x: kr.stft_magnitude(x[:1] * np.float32(1e-30), 256, hop_length=256),
    "bins": lambda x: kr.stft(x, 512, hop_length=140, pad_end=True),
    "strided bins": lambda x: kr.stft(x[:, :2850].reshape(3, -1, 2), 512, hop_length=140),
    "decibel": lambda x: kr.stft_magnitude(x, 256, None, 131, return_decibel=True, db_amin=9.0),
    "bands": lambda x: kr.melspectrogram(x, 512, hop_length=300, n_mels=40),
    "to decibel": lambda x: kr.magnitude_to_decibel(abs(x.reshape(1, -1)), dynamic_range=4.0),
    "encode": lambda x: kr.mu_law_encoding(x, 256),
    "decode": lambda x: kr.mu_law_decoding((x * 150 + 130).astype(np.int32), 256),
    "frame": lambda x: kr.frame(x, 300, 77, pad_end=True),
    "energy": lambda x: kr.energy(x, 8000, 0.1, 300, 77, pad_end=True),
    "overlap-add": lambda x: kr.inverse_stft(kr.stft(x, 60, hop_length=23), 60, hop_length=23),
}


def result_of(operation, order="forward", **settings):
    """Run an operation on a signal like any, on the harness."""
    x = np.random.default_rng(1).uniform(-1, 1, (3, 2851)).astype(np.float32)
    with fake_cupy.installed(checked=True, order=order, **settings) as cupy:
        result = OPERATIONS[operation](cupy.asarray(x)).get()
        return result, cupy.RawModule


class TestPlantedBugs:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_nothing_found_where_nothing_is(self, operation):
        result_of(operation, order="reversed")

    @pytest.mark.parametrize("bug", BUGS, ids=str)
    def test_is_caught(self, bug):
        planted = ((bug.text, bug.other),)
        if bug.message:
            with pytest.raises(KernelError, match=bug.message):
                result_of(bug.operation, planted=planted)
            return
        got, raw_module = result_of(bug.operation, planted=planted)
        expected, _ = result_of(bug.operation)
        assert raw_module.found
        assert not np.allclose(got, expected, rtol=1e-3, atol=1e-5 * peak_of(expected))


class TestTraffic:
    """Bank conflicts and memory sectors, counted over one block."""

    def traffic(self, operation, n_fft):
        """Return the traffic of the one kernel of stft.cu that an operation launches."""
        x = np.random.default_rng(0).uniform(-1, 1, 10 * n_fft).astype(np.float32)
        with fake_cupy.installed(checked=True, counted_blocks=1) as cupy:
            operation(cupy.asarray(x), n_fft)
            (traffic,) = (t for name, t in cupy.RawModule.traffic.items() if "stft" in name)
            return traffic

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize(
        "operation",
        [
            lambda x, n_fft: kr.stft_magnitude(x, n_fft),
            lambda x, n_fft: kr.stft_magnitude(x, n_fft, hop_length=n_fft // 4 + 1),
            lambda x, n_fft: kr.stft_magnitude(x, n_fft, return_decibel=True),
            lambda x, n_fft: kr.stft(x, n_fft),
        ],
        ids=["pairs", "single samples", "decibels", "bins"],
    )
    def test_no_bank_conflict(self, operation, n_fft):
        shared = {k: v for k, v in self.traffic(operation, n_fft).items() if k.memory == "shared"}
        conflicts = {k: v for k, v in shared.items() if v.cost > v.ideal}
        assert len(shared) >= 2
        assert not conflicts

    @pytest.mark.parametrize("n_fft", FUSED)
    def test_sectors(self, n_fft):
        traffic = self.traffic(lambda x, n: kr.stft_magnitude(x, n), n_fft)
        loads = [v for k, v in traffic.items() if (k.memory, k.kind) == ("global", "load")]
        stores = [v for k, v in traffic.items() if (k.memory, k.kind) == ("global", "store")]
        # Frames begin at whole sectors here: every byte that is loaded is used.
        assert sum(v.cost for v in loads) == sum(v.ideal for v in loads)
        # Rows of n_freq floats do not: a run of as many bins as lanes share a frame, 8 to a sector,
        # may begin and end within one.
        n_lanes = {256: 8, 512: 16, 1024: 16, 2048: 32, 4096: 32}[n_fft]
        assert sum(v.cost for v in stores) <= (1 + 8 / n_lanes) * sum(v.ideal for v in stores)

    def test_bands(self):
        traffic = self.traffic(lambda x, n: kr.melspectrogram(x, n, n_mels=128), 2048)
        shared = [v for k, v in traffic.items() if k.memory == "shared"]
        # Neighbouring bands begin a few bins apart, so that some lanes meet in a bank.
        assert sum(v.cost for v in shared) <= 1.6 * sum(v.ideal for v in shared)


class TestLaunches:
    def test_strides_beyond_32_bits(self, tmp_path):
        n_gap, n_samples = 2**31 + 100, 700  # elements; the file has holes
        memory = np.memmap(tmp_path / "x", np.float32, "w+", shape=(n_gap + n_samples,))
        x = np.lib.stride_tricks.as_strided(memory, (2, n_samples), (4 * n_gap, 4))
        x[...] = np.random.default_rng(0).uniform(-1, 1, x.shape)
        with fake_cupy.installed() as cupy:
            wide = cupy.asarray(np.zeros((2, n_samples), np.float32))
            wide._host = x
            for operation in ("magnitude", "bins", "frame", "energy"):
                got = OPERATIONS[operation](wide).get()
                expected = OPERATIONS[operation](cupy.asarray(np.array(x))).get()
                np.testing.assert_array_equal(got, expected)

    def test_python_numbers_are_refused(self):
        with fake_cupy.installed() as cupy:
            module = cupy.RawModule(
                code="__global__ void f(float* x, float a) { *x = a; }", name_expressions=("f",)
            )
            arguments = cupy.asarray(np.zeros(1, np.float32)), 1.0
            with pytest.raises(TypeError, match="argument 1: float of 8 bytes for a float"):
                module.get_function("f")((1,), (1,), arguments)

    def test_nothing_is_compiled_twice(self, monkeypatch):
        x = np.zeros((2, 1000), np.float32)
        with fake_cupy.installed() as cupy:
            for n_samples in (1000, 900, 800):
                kr.stft_magnitude(cupy.asarray(x[:, :n_samples]), 256)
                monkeypatch.setattr(cupy, "RawModule", None)

    @pytest.mark.parametrize("batch", [1, 40, 3000])
    def test_blocks_take_more_rounds_of_large_batches(self, batch):
        x = np.zeros((batch, 300), np.float32)
        with fake_cupy.installed() as cupy:
            got = kr.stft_magnitude(cupy.asarray(x), 256, hop_length=1).get()
            ((_, grid, _),) = cupy.RawModule.launches
        assert not got.any()
        # 45 frames, 16 at a time: three turns, until the blocks are more than 2112.
        rounds = min(3, max(1, batch * 3 // 2112))
        assert grid == (batch * -(-3 // rounds),)
