"""The GPU's kernels and their launches, run on the CPU by `cuda_on_cpu`, every access checked.

What the tests of operations ask of any backend is asked here of the stand-in for CuPy; what is
about fused transforms is asked at each size that has one, with threads in any order.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import test_band_spectrograms
import test_decibel
import test_framing
import test_general_transform
import test_golden
import test_inverse_stft
import test_mu_law
import test_power_decibel
import test_spectrograms
import test_stft
from closeness import assert_close, eps_of, peak_of
from conftest import Arrangement, Backend
from harness import fake_cupy
from harness.cuda_on_cpu.planting import Bug
from on_harness import in_order, on_harness, shuffled  # noqa: F401
from operation import FIRST, case
from test_general_transform import front_end  # noqa: F401

import kapre_ref as kr
from kapre_ref._synthesis import Synthesis

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
FUSED = (256, 512, 1024, 2048, 4096)


@pytest.fixture
def backend(shuffled):  # noqa: F811
    return Backend("gpu")


@pytest.fixture(params=["strided", "reversed", "fortran"])
def arrangement(request, backend):
    return Arrangement(backend, request.param, Path())


def smaller_than(n, tests):
    return tuple(one for one in tests.cases if np.prod(one.shape) < n)


@on_harness
class TestDecibelKernels(test_decibel.TestMagnitudeToDecibel):
    dtypes = ("float16", "float32")
    cases = (
        *smaller_than(1000, test_decibel.TestMagnitudeToDecibel),
        case(2, 5000),  # A block takes fewer.
        case(2, 4099, dynamic_range=3.0),  # It is no multiple of four elements.
        case(21, 516, dynamic_range=3.0),  # A warp takes two runs for each item.
        case(33, 1023, dynamic_range=3.0),
        case(3, 1024, dynamic_range=3.0),
        case(1, 4096, amin=1e-3, dynamic_range=20.0),
    )


@on_harness
class TestAmplitudeKernels(test_power_decibel.TestAmplitudeToDb):
    dtypes = ("float16", "float32", "float64", "complex64")
    cases = smaller_than(1000, test_power_decibel.TestAmplitudeToDb)


@on_harness
class TestDbToPowerKernel(test_power_decibel.TestDbToPower):
    cases = smaller_than(1000, test_power_decibel.TestDbToPower)


@on_harness
class TestPeakKernels(test_power_decibel.TestPeaks):
    pass


@on_harness
class TestMuLawEncodingKernel(test_mu_law.TestMuLawEncoding):
    dtypes = ("float16", "float32")
    cases = smaller_than(1000, test_mu_law.TestMuLawEncoding)


@on_harness
class TestMuLawDecodingKernel(test_mu_law.TestMuLawDecoding):
    dtypes = ("uint8", "int32", "int64", "float16", "float32")
    cases = smaller_than(1000, test_mu_law.TestMuLawDecoding)


class TestHalf:
    """float16 turns into float32 and back as IEEE 754 says, on the stand-in as by NVRTC's code."""

    CODE = """
        __global__ void halves(const unsigned short* x, float* y, unsigned short* z, int n) {
            for (int i = threadIdx.x; i < n; i += blockDim.x) {
                kapre::Half half;
                half.bits = x[i];
                y[i] = half;
                z[i] = kapre::Half(y[i] * (1.0f + 0x1p-11f)).bits;
            }
        }"""

    def test_all(self, backend):
        import cupy

        from kapre_ref.kernels.gpu import launch

        code = (launch._FOLDER / "half.cuh").read_text().replace("#pragma once\n", "") + self.CODE
        module = cupy.RawModule(code=code, options=launch._OPTIONS, name_expressions=("halves",))
        bits = np.arange(1 << 16, dtype=np.uint16)
        x, y, z = cupy.asarray(bits), cupy.empty(bits.size, "f4"), cupy.empty(bits.size, "u2")
        arguments = x, y, z, np.int32(bits.size)
        module.get_function("halves")((1,), (256,), arguments)
        values = bits.view(np.float16)
        np.testing.assert_array_equal(y.get(), values.astype(np.float32))
        # Half of a unit in the last place more: ties, and what is just beside them.
        with np.errstate(over="ignore", invalid="ignore"):
            expected = (values.astype(np.float32) * np.float32(1 + 2**-11)).astype(np.float16)
        np.testing.assert_array_equal(z.get().view(np.float16), expected)


@pytest.mark.parametrize("place", ["input", "result"])
class TestPacks:
    """Kernels move four neighbours at a time, unless their address is not aligned for that."""

    @pytest.mark.parametrize(
        ("name", "dtype", "arguments"),
        [
            ("magnitude_to_decibel", np.float32, ()),
            ("magnitude_to_decibel", np.float16, ()),
            ("db_to_power", np.float32, ()),
            ("db_to_power", np.float16, ()),
            ("mu_law_encoding", np.float32, (256,)),
            ("mu_law_decoding", np.int32, (256,)),
        ],
    )
    def test_at_any_address(self, backend, name, dtype, arguments, place, rng):
        x = rng.uniform(0, 1, 4097) if dtype != np.int32 else rng.integers(0, 256, 4097)
        x = backend.array(x.astype(dtype))
        expected = getattr(kr, name)(x[1:].copy(), *arguments)
        memory = backend.array(np.zeros(4097, expected.dtype))
        if place == "input":
            x, out = x[1:], memory[:4096]
        else:
            x, out = x[1:].copy(), memory[1:]
        assert getattr(kr, name)(x, *arguments, out=out) is out
        np.testing.assert_array_equal(backend.numpy(out), backend.numpy(expected))


class TestMuLawEncodingKernelsDivision:
    @pytest.mark.parametrize("channels", [16, 100, 256, 1000])
    def test_quotient_is_that_of_a_division(self, channels):
        # 40 neighbours of each boundary between codes.
        boundaries = kr.mu_law_decoding_reference(np.arange(channels - 1) + 0.5, channels)
        neighbours = boundaries.astype(np.float32).view(np.int32)[:, None] + np.arange(-20, 20)
        x = neighbours.astype(np.int32).view(np.float32).ravel()
        x = x[np.isfinite(x)]
        exact = Bug("", "fmaf(rest, inverse, quotient)", "magnitude / log1p_mu", "")
        codes = []
        for planted in (None, exact):
            with fake_cupy.installed(planted=planted) as cupy:
                codes.append(kr.mu_law_encoding(cupy.asarray(x), channels).get())
                assert bool(cupy.RawModule.planted_in) == bool(planted)
        np.testing.assert_array_equal(codes[0], codes[1])


@on_harness
class TestFrameKernel(test_framing.TestFrame):
    cases = smaller_than(10_000, test_framing.TestFrame)


@on_harness
class TestEnergyKernel(test_framing.TestEnergy):
    cases = smaller_than(10_000, test_framing.TestEnergy)


@pytest.mark.filterwarnings("ignore:samples are lost")
@on_harness
class TestGeneralInverse(test_general_transform.TestInverseStft):
    test_signal_comes_back_at_every_hop = None  # too many for the stand-in


@on_harness
class TestGeneralStft(test_general_transform.TestStft):
    test_leading_axes = None  # Bits of cuFFT depend on the batch.
    test_its_power_is_what_a_call_computes = None  # front ends have tests of their own


@on_harness
class TestOverlapAddKernel(test_inverse_stft.TestInverseStft):
    cases = (
        *smaller_than(4000, test_inverse_stft.TestInverseStft),
        case(1, 2, 2301, n_fft=4600, hop_length=2300),  # A block makes only a part of a hop.
        case(2, 40, 9, n_fft=16, hop_length=3),  # A block makes many hops.
        case(1, 60, 33, 2, n_fft=64, hop_length=16),  # Two channels have more samples than threads.
    )


@on_harness
class TestInverseKernel(test_inverse_stft.TestInverseStft):
    dtypes = ("complex64", "complex128")
    cases = (
        case(2, 40, 257, n_fft=512),  # blocks begin within the signal
        case(2, 50, 201, 2, n_fft=400, hop_length=160, output_data_format=FIRST),
        case(1, 30, 201, n_fft=400, win_length=390, hop_length=49),  # eight overlap
        # The window is longer than n_fft.
        case(1, 9, 201, n_fft=400, win_length=500, hop_length=100),
        case(2, 5, 129, n_fft=256, hop_length=300, forward_window_name="hamming_window"),  # gaps
        case(2, 17, 129, n_fft=256, hop_length=256, forward_window_name="hamming_window"),
        case(1, 8, 442, n_fft=882, hop_length=441),  # Half of n_fft is odd.
        case(2, 50, 221, 2, n_fft=441, hop_length=147, output_data_format=FIRST),
        case(1, 30, 221, n_fft=441, win_length=390, hop_length=49),
        case(2, 40, 113, n_fft=225, hop_length=100),
        case(1, 12, 501, n_fft=1001, hop_length=250),
        case(1, 12, 563, n_fft=1125, hop_length=281),
        case(1, 9, 1268, n_fft=2535, hop_length=1000),
        case(1, 12, 221, n_fft=440, hop_length=110),  # Factors are 11 and 13.
        case(1, 12, 573, n_fft=1144, hop_length=286),
        case(1, 12, 1301, n_fft=2600, hop_length=650),
        case(1, 12, 601, n_fft=1200, hop_length=300),
        case(1, 12, 1025, n_fft=2048, hop_length=512),
        case(1, 9, 2049, n_fft=4096, hop_length=1024),
    )
    usual = case(2, 20, 201, 2, n_fft=400, hop_length=100)
    test_every_size = test_oracle_against_long_double = None
    test_window_is_kapres_where_frames_do_not_overlap = None


class TestInverseKernelAlone:
    """What a sample is made of does not depend on its block, its batch or its neighbours."""

    N_FFTS = (400, 441, 512, 1001, 1200, 2048)

    def spectra(self, rng, n_fft, n_frames, dtype="c8"):
        shape = 3, n_frames, n_fft // 2 + 1
        return (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)

    @pytest.mark.parametrize("dtype", ["c8", "c16"])
    @pytest.mark.parametrize("n_fft", N_FFTS)
    def test_same_bits_in_any_block(self, backend, monkeypatch, n_fft, dtype, rng):
        from kapre_ref.kernels.gpu import inverse

        x = self.spectra(rng, n_fft, 23, dtype)
        results = []
        for hops in (1, 3, 64):
            monkeypatch.setattr(inverse, "_FEW_HOPS", hops)
            inverse._launch.cache_clear()
            results.append(backend.numpy(kr.inverse_stft(backend.array(x), n_fft)))
            alone = backend.numpy(kr.inverse_stft(backend.array(x[1]), n_fft))
            np.testing.assert_array_equal(alone, results[0][1])
        inverse._launch.cache_clear()
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])

    @pytest.mark.parametrize("n_fft", N_FFTS)
    def test_nan_stays_in_its_frame(self, backend, n_fft, rng):
        x = self.spectra(rng, n_fft, 23)
        clean = backend.numpy(kr.inverse_stft(backend.array(x), n_fft))
        x[1, 9] = np.nan
        got = backend.numpy(kr.inverse_stft(backend.array(x), n_fft))
        hop = n_fft // 4
        expected = np.zeros(got.shape, bool)
        expected[1, 9 * hop : 9 * hop + n_fft] = True
        np.testing.assert_array_equal(np.isnan(got), expected)
        np.testing.assert_array_equal(got[~expected], clean[~expected])

    @pytest.mark.parametrize("n_fft", N_FFTS)
    def test_edges_of_spectra_are_real(self, backend, n_fft, rng):
        x = self.spectra(rng, n_fft, 9)
        got = backend.numpy(kr.inverse_stft(backend.array(x), n_fft))
        x[..., 0] = x[..., 0].real
        if n_fft % 2 == 0:
            x[..., -1] = x[..., -1].real
        np.testing.assert_array_equal(backend.numpy(kr.inverse_stft(backend.array(x), n_fft)), got)

    def test_serves(self, shuffled):  # noqa: F811
        from kapre_ref.kernels.gpu.inverse import can_fuse

        single, double = np.dtype("f4"), np.dtype("f8")

        def serves(n_fft, hop_length, dtype):
            return can_fuse(Synthesis(n_fft, hop_length, np.ones(n_fft)), dtype, 0)

        for n_fft in (200, 400, 441, 512, 882, 1001, 1144, 2048, 4095, 4096):
            assert serves(n_fft, n_fft // 4, single), n_fft
        for n_fft in (200, 400, 440, 441, 512, 882, 1125, 2048):
            assert serves(n_fft, n_fft // 4, double), n_fft
        assert serves(400, 50, single)
        # Sums of many frames, sizes of large primes, more memory than a block has.
        assert not serves(400, 49, single)
        assert not serves(451, 100, single)
        assert not serves(16384, 4096, double)
        assert not serves(3375, 1024, double)


def fused_cases(n_fft, **others):
    """Return a case for each way to load samples and to store bins."""
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
    def backend(self, in_order):  # noqa: F811
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
    test_equals_the_chain = None  # Expressions compute it in float64.


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
    """Magnitudes whose squares are beyond float32, although they are not."""

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("scale", [1e-31, 1e-25, 1e-12, 1e12, 1e25, 1e34])
    def test_faintest_and_loudest(self, backend, n_fft, scale, rng):
        x = (rng.uniform(-1, 1, 2 * n_fft) * scale).astype(np.float32)
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft)
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("scale", [1e-31, 1e28])
    @pytest.mark.parametrize(
        ("public", "oracle"),
        [
            (kr.stft_magnitude, kr.stft_magnitude_reference),
            (kr.melspectrogram, kr.melspectrogram_reference),
        ],
    )
    def test_decibels(self, backend, public, oracle, n_fft, scale, rng):
        x = (rng.uniform(-1, 1, 2 * n_fft) * scale).astype(np.float32)
        options = {"return_decibel": True, "db_amin": 1e-3 * scale, "db_ref_value": scale}
        if public is kr.melspectrogram:
            options["n_mels"] = 20
        got = backend.numpy(public(backend.array(x), n_fft, **options))
        # 1e-3 dB are 1/4000 of the magnitude; a magnitude that lost its scale is 100 dB off.
        assert_close(got, oracle(x.astype(np.float64), n_fft, **options), 2e-3)

    @pytest.mark.parametrize("n_fft", FUSED)
    def test_one_loud_bin_among_others(self, backend, n_fft):
        # The square of the first bin alone is out of range.
        x = np.full(2 * n_fft, 1e20, np.float32)
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft)
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    @pytest.mark.parametrize("n_fft", FUSED)
    def test_faint_frames_beside_loud_ones(self, backend, n_fft, rng):
        # Each warp decides for its own frames alone.
        levels = np.resize(np.float32([1, 1e-30, 1e25]), 8)[:, None]
        x = rng.uniform(-1, 1, (8, n_fft)).astype(np.float32) * levels
        got = backend.numpy(kr.stft_magnitude(backend.array(x.ravel()), n_fft, hop_length=n_fft))
        expected = kr.stft_magnitude_reference(x.astype(np.float64), n_fft)[:, 0]
        assert_close(got / levels, expected / levels, 8 * eps_of(np.float32) * n_fft)

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e25])
    def test_stays_in_its_frame(self, backend, n_fft, value, rng):
        x = rng.uniform(-1, 1, 8 * n_fft).astype(np.float32)
        clean = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=n_fft))
        x[5 * n_fft // 2] = value  # It lies in the third frame; a warp may have four.
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, hop_length=n_fft))
        assert not np.any(got[2] <= 1e20)
        np.testing.assert_array_equal(np.delete(got, 2, 0), np.delete(clean, 2, 0))

    def test_window_ends_before_nan(self, backend, rng):
        # 0 times NaN is NaN, so samples outside of all windows must not be read.
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


class TestSumsOfAnyLength:
    def test_energy(self, backend):
        x = np.full(1 << 20, 0.1, np.float32)
        options = {"sample_rate": 10 << 20, "ref_duration": 0.1, "frame_length": 1 << 20}
        got = backend.numpy(kr.energy(backend.array(x), **options, hop_length=1 << 20))
        np.testing.assert_allclose(got, [2**20 * float(x[0]) ** 2], rtol=5e-7)

    def test_energy_of_infinity(self, backend):
        x = np.ones(1 << 12, np.float32)
        x[7] = np.inf
        options = {"sample_rate": 8000, "ref_duration": 0.1, "frame_length": 1 << 12}
        assert np.isposinf(backend.numpy(kr.energy(backend.array(x), **options, hop_length=9)))


class TestFloorOfDecibels:
    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    def test_not_below_the_peak_less_the_range(self, backend, dtype, rng):
        x = np.zeros((200, 2), dtype)
        x[:, 0] = 10 ** rng.uniform(0, 3, 200)
        got = backend.numpy(kr.magnitude_to_decibel(backend.array(x), 1.0, 1e-10, 80.0))
        np.testing.assert_array_equal(got[:, 1], got[:, 0] - got.dtype.type(80))


class TestPeaksOfFusedDecibels:
    @pytest.mark.parametrize("public", [kr.stft_magnitude, kr.melspectrogram])
    @pytest.mark.parametrize("n_fft", [400, 512, 2048])
    def test_an_amin_that_rounds_to_zero(self, backend, n_fft, public, rng):
        x = np.zeros((1, 3 * n_fft), np.float32)
        x[0, :n_fft] = rng.uniform(-1, 1, n_fft)
        options = {"hop_length": n_fft, "db_amin": 1e-60, "db_dynamic_range": 2000.0}
        few = {"n_mels": 20} if public is kr.melspectrogram else {}
        got = public(backend.array(x), n_fft, **options, **few, return_decibel=True)
        got = backend.numpy(got)
        np.testing.assert_array_equal(got[0, 1:], -600)
        assert got[0, 0].min() > -100

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("channels", [1, 2])
    def test_in_any_bin_of_any_frame(self, backend, n_fft, channels):
        # Item i has a tone of amplitude i + 1 in bin i + 1 of frame i mod 4, and else silence.
        items = np.arange(33)
        x = np.zeros((33, 4, n_fft, channels), np.float32)
        tones = np.cos(2 * np.pi * np.outer(items + 1, np.arange(n_fft)) / n_fft)
        x[items, items % 4, :, 0] = (items + 1)[:, None] * tones
        x = x.reshape(33, 4 * n_fft, channels)
        options = {"hop_length": n_fft, "return_decibel": True, "db_dynamic_range": 20.0}
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft, **options))
        assert_close(got.max((1, 2, 3)), 10 * np.log10((items + 1) * n_fft / 4), 1e-4)
        assert_close(got.max((1, 2, 3)) - got.min((1, 2, 3)), np.full(33, 20.0), 1e-5)

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize("public", [kr.stft_magnitude, kr.melspectrogram])
    def test_nan_poisons_its_item(self, backend, public, n_fft, rng):
        x = rng.uniform(-1, 1, (3, 3 * n_fft)).astype(np.float32)
        x[1, 5 * n_fft // 2] = np.nan
        few = {"n_mels": 20} if public is kr.melspectrogram else {}
        got = backend.numpy(public(backend.array(x), n_fft, return_decibel=True, **few))
        np.testing.assert_array_equal(np.isnan(got).all((1, 2)), [False, True, False])
        np.testing.assert_array_equal(np.isnan(got).any((1, 2)), [False, True, False])
