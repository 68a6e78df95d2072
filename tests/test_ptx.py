"""The kernels as NVRTC makes them, run instruction by instruction: see `ptx`.

What the tests of operations ask of any backend is asked here of every kernel, to the same
tolerances: the contract of `closeness`.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import test_band_spectrograms
import test_decibel
import test_framing
import test_gpu_front_ends
import test_gpu_kernels
import test_gpu_mixed
import test_inverse_stft
import test_mu_law
import test_power_decibel
import test_spectrograms
import test_stft
from closeness import assert_close, eps_of, peak_of
from conftest import Arrangement, Backend
from harness.cuda_on_cpu import nvrtc
from harness.cuda_on_cpu.planting import kernels, policies
from harness.ptx.kernel import Kernel
from harness.ptx.module import Module, installed
from harness.ptx.values import PtxError
from operation import FIRST, case
from test_gpu_mixed import only

import kapre_ref as kr

pytestmark = pytest.mark.slow  # An interpreter runs each instruction.
SOURCES = Path(kr.__file__).parent / "kernels" / "gpu"


@pytest.fixture(autouse=True, scope="module")
def needs_nvrtc():
    try:
        nvrtc.library()
    except OSError:
        pytest.skip("needs NVRTC: the extra gputest")


@pytest.fixture(scope="class")
def on_ptx():
    with installed() as stand_in:
        yield stand_in


class OnPtx:
    """Tests of an operation whose kernels run from PTX."""

    @pytest.fixture
    def backend(self, on_ptx):
        return Backend("gpu")

    @pytest.fixture(params=["strided", "reversed", "fortran"])
    def arrangement(self, request, backend):
        return Arrangement(backend, request.param, Path())


def frames(n_fft, **others):
    """Return 41 frames of each of two signals: several blocks, the last of which is not full.

    All begin at odd samples, those of the second signal an odd number behind the first ones.
    """
    return case(2, n_fft + 40 * 7 + 2, n_fft=n_fft, hop_length=7, **others)


def channels(n_fft, **others):
    """Return two channels, side by side in memory, padded to both sides, in a shorter window."""
    window = {"win_length": n_fft - 37, "hop_length": n_fft // 3}
    padding = {"pad_begin": True, "pad_end": True}
    return case(2, n_fft + 100, 2, n_fft=n_fft, **window, **padding, **others)


DECIBEL = {"return_decibel": True, "db_dynamic_range": 30.0}
ONE, SOME = only("test_matches_oracle"), only("test_matches_oracle", "test_any_arrangement")
POWERS = (256, 512, 1024, 2048, 4096)
# Two passes in a warp, with idle lanes and without; in a block; half an n_fft that is odd; three;
# two and three with factors of 11 and 13; odd ones.
MIXED = (400, 480, 1200, 882, 2000, 572, 1144, 225, 441, 1001, 1125)


@SOME
class TestStft(OnPtx, test_stft.TestStft):
    dtypes = ("float32",)
    cases = tuple(shape(n) for n in (*POWERS, 400, 1200, 441) for shape in (frames, channels))
    usual = case(2, 600, 3, n_fft=256, hop_length=77, pad_begin=True, pad_end=True)


@ONE
class TestStftHalf(OnPtx, test_stft.TestStft):
    dtypes = ("float16",)
    cases = (frames(512), channels(400))


@ONE
class TestStftDouble(OnPtx, test_stft.TestStft):
    dtypes = ("float64",)
    cases = (frames(400), channels(400), frames(1024), channels(441))


@SOME
class TestMagnitude(OnPtx, test_spectrograms.TestStftMagnitude):
    dtypes = ("float32",)
    cases = (
        *(frames(n_fft) for n_fft in (*POWERS, *MIXED)),
        *(channels(n_fft, **DECIBEL) for n_fft in (*POWERS, 400, 1200, 441, 1125)),
        *(channels(n_fft) for n_fft in (512, 480, 441)),
        case(1, 2, 1300, n_fft=512, input_data_format=FIRST, output_data_format=FIRST),
    )
    usual = case(2, 900, 3, n_fft=400, hop_length=77, pad_end=True, output_data_format=FIRST)


@ONE
class TestMagnitudeHalf(OnPtx, test_spectrograms.TestStftMagnitude):
    dtypes = ("float16",)
    cases = tuple(frames(n_fft, **more) for n_fft in (512, 400) for more in ({}, DECIBEL))


@ONE
class TestMagnitudeDouble(OnPtx, test_spectrograms.TestStftMagnitude):
    dtypes = ("float64",)
    cases = (
        *(frames(n_fft) for n_fft in (256, 400, 440, 1040, 4096, 225, 441, 1125)),
        channels(400),
        frames(400, **DECIBEL),
    )


@ONE
class TestMelspectrogram(OnPtx, test_band_spectrograms.TestMelspectrogram):
    dtypes = ("float16", "float32")
    cases = (
        *(frames(n_fft, n_mels=21) for n_fft in (256, 2048, 400, 441)),
        *(channels(n_fft, n_mels=21, **DECIBEL) for n_fft in (*POWERS, 480)),
        case(2, 900, n_fft=256, n_mels=200),  # bands without any bin
    )


@ONE
class TestMelspectrogramDouble(OnPtx, test_band_spectrograms.TestMelspectrogram):
    dtypes = ("float64",)
    cases = (frames(400, n_mels=21), channels(512, n_mels=21, **DECIBEL))


@only(
    "test_matches_oracle",
    "test_what_bites",
    "test_nan_poisons_its_item",
    "test_nan_beside_infinity",
    "test_limit_close_to_amin",
    "test_whole_range_of_numbers",
    "test_quiet_item_beside_a_loud_one",
)
class TestDecibel(OnPtx, test_decibel.TestMagnitudeToDecibel):
    dtypes = ("float16", "float32")
    cases = (
        case(1),
        case(3, 1001, dynamic_range=30.0),
        case(19, 100, dynamic_range=3.0),  # A warp has one item.
        case(2, 5000),  # A block takes 4096 elements.
        case(2, 8195, dynamic_range=3.0),  # It is no multiple of four.
        # More than 64 KiB take two kernels.
        case(1, 33001, dynamic_range=3.0),
        case(1, 33004, dynamic_range=3.0),
        case(2, 4, 1025, 2, amin=1e-3, dynamic_range=20.0),
    )


@only("test_matches_oracle", "test_beyond_the_range")
class TestDbToPower(OnPtx, test_power_decibel.TestDbToPower):
    dtypes = ("float16", "float32", "float64")
    cases = (case(1), case(3, 100, ref=0.5), case(1021))


@only("test_matches_oracle", "test_what_bites", "test_any_samples_in_a_long_signal")
class TestMuLawEncoding(OnPtx, test_mu_law.TestMuLawEncoding):
    dtypes = ("float16", "float32")
    cases = tuple(
        case(n, quantization_channels=channels)
        for n, channels in ((1, 256), (3, 2), (1021, 256), (5000, 256), (4097, 65536))
    )


@only("test_matches_oracle", "test_any_codes_in_a_long_array", "test_ends_of_integers")
class TestMuLawDecoding(OnPtx, test_mu_law.TestMuLawDecoding):
    dtypes = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
    dtypes += ("float16", "float32")
    cases = tuple(case(n, quantization_channels=256) for n in (1, 1021, 5000))

    def run(self, backend, x, parameters):
        """Align codes to 32 bytes, as CuPy does, so that one pack holds several int64."""
        memory = backend.array(np.zeros(x.nbytes + 32, np.uint8))
        begin = -memory.data.ptr % 32
        codes = memory[begin : begin + x.nbytes].view(x.dtype).reshape(x.shape)
        codes[...] = backend.array(x)
        return backend.numpy(self.public(codes, **parameters))


@only("test_matches_oracle", "test_any_arrangement", "test_special_values_are_copied")
class TestFrame(OnPtx, test_framing.TestFrame):
    dtypes = ("float16", "float32", "float64")
    cases = (
        *test_framing.LAYOUTS,
        *test_framing.LENGTHS[:-1],
        case(2, 700, 2, frame_length=301, hop_length=9),  # A block takes 32 frames.
        case(2, 99, frame_length=33, hop_length=1, pad_end=True, pad_value=-2),
    )


@only("test_matches_oracle", "test_any_arrangement", "test_what_bites")
class TestEnergy(OnPtx, test_framing.TestEnergy):
    dtypes = ("float16", "float32", "float64")
    cases = TestFrame.cases


@only(
    "test_matches_oracle",
    "test_any_arrangement",
    "test_gaps_are_zero",
    "test_nan_stays_in_its_frame",
)
class TestInverseStft(OnPtx, test_inverse_stft.TestInverseStft):
    dtypes = ("complex64", "complex128")
    cases = (
        case(9, 31, n_fft=60, hop_length=23),
        case(2, 9, 33, 2, n_fft=64, hop_length=64, forward_window_name="hamming_window"),
        case(1, 2, 2301, n_fft=4600, hop_length=2300),  # A block makes only a part of a hop.
        # It takes more than one block.
        case(2, 140, 9, n_fft=16, hop_length=15, output_data_format=FIRST),
        case(1, 60, 33, 2, n_fft=64, hop_length=16),
        case(2, 1, 33, n_fft=64),
        case(2, 20, 201, 2, n_fft=400, win_length=390, hop_length=70),
        case(1, 40, 257, n_fft=512),
        case(1, 9, 573, n_fft=1144, hop_length=286),
        case(1, 9, 221, n_fft=440, hop_length=110),
        case(2, 20, 221, n_fft=441, win_length=390, hop_length=70),
        case(1, 9, 501, n_fft=1001, hop_length=250),
        case(1, 9, 601, n_fft=1200, hop_length=300),
        case(1, 9, 1025, n_fft=2048, hop_length=512, output_data_format=FIRST),
    )


# Front ends by name; one of each policy for each transform, and some for each size.
OF_POLICIES = (
    "turned",
    "cut",
    "powers",
    "magnitudes of frames",
    "offset roots of bins",
    "lines of bins",
)
OF_SIZES = ("frames of reflections", "range of channels")
OF_TRANSFORMS = [
    (name, n_fft, dtype)
    for n_fft, dtype in ((512, "f4"), (400, "f4"), (400, "f8"), (441, "f4"), (441, "f8"))
    for name in OF_POLICIES
]
OF_TRANSFORMS += [
    (name, n, "f2") for name in ("frames of reflections", "turned") for n in (512, 400, 441)
]
# The second kernel of a dynamic range, by whole warps; a frame is made of packs or is not.
OF_TRANSFORMS += [
    (name, 409, dtype)
    for name in ("range of channels", "range of 21 bands")
    for dtype in ("f2", "f4")
]
OF_TRANSFORMS += [(name, n, "f4") for name in OF_SIZES for n in (256, 1024, 2048, 4096, 1200, 1125)]


class TestFrontEnds(OnPtx):
    """Each policy of what a value is, where it goes and how samples come, for each transform."""

    cases = (*OF_TRANSFORMS, ("normalised", 400, "f4"), ("variance", 409, "f8"))

    @staticmethod
    def front_end(name, n_fft):
        front_ends = test_gpu_front_ends.FRONT_ENDS
        if name == "turned":
            return test_gpu_front_ends.of_size(front_ends["cut"], n_fft).replace(time_first=False)
        if name == "range of 21 bands":
            front_end = front_ends["range of channels"].replace(bands=kr.Bands(21))
            return test_gpu_front_ends.of_size(front_end, n_fft)
        return test_gpu_front_ends.of_size(front_ends[name], n_fft)

    @pytest.mark.parametrize(("name", "n_fft", "dtype"), cases)
    def test_matches_oracle(self, on_ptx, name, n_fft, dtype, rng):
        front_end = self.front_end(name, n_fft)
        x = test_gpu_front_ends.signals(rng, n_fft + 300, dtype)
        test_gpu_front_ends.assert_near(front_end, x, front_end(on_ptx.asarray(x)).get())


@only(
    "test_stays_in_its_frame", "test_window_ends_before_nan", "test_faint_frames_beside_loud_ones"
)
class TestOutOfRange(OnPtx, test_gpu_kernels.TestOutOfRange):
    """NaN, infinity, and squares that leave float32 before magnitudes do."""


@only("test_stays_in_its_frame", "test_window_ends_before_nan")
class TestOutOfRangeMixed(OnPtx, test_gpu_mixed.TestOutOfRange):
    pass


@only("test_nan_poisons_its_item")
class TestPeaks(OnPtx, test_gpu_kernels.TestPeaksOfFusedDecibels):
    pass


class TestLongArrays:
    """If there are more blocks than a GPU holds, each block takes several rounds."""

    @pytest.mark.parametrize("n_fft", [256, 2048, 400, 1200, 441])
    def test_rounds_of_frames(self, on_ptx, monkeypatch, n_fft, rng):
        from kapre_ref.kernels.gpu import fused

        x = on_ptx.asarray(rng.uniform(-1, 1, (2, n_fft + 40 * 7)).astype(np.float32))
        arguments = {"hop_length": 7, "n_mels": 20, **DECIBEL}
        expected = kr.melspectrogram(x, n_fft, **arguments).get()
        fused._launch.cache_clear()
        monkeypatch.setattr(fused, "_MANY_BLOCKS", 1)
        grids = [grid for _, grid, _ in on_ptx.RawModule.launches]
        got = kr.melspectrogram(x, n_fft, **arguments).get()
        fused._launch.cache_clear()
        rounds = [grid for _, grid, _ in on_ptx.RawModule.launches[len(grids) :]]
        assert rounds[0] < grids[-1], "no fewer blocks"
        np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("name", ["mu_law_encoding", "mu_law_decoding"])
    @pytest.mark.parametrize("n", [5000, 5001])
    def test_strides_of_grids(self, on_ptx, monkeypatch, name, n, rng):
        from kapre_ref.kernels.gpu import mu_law

        x = on_ptx.asarray(rng.uniform(-1, 1, n).astype(np.float32))
        expected = getattr(kr, name)(x, 256).get()
        monkeypatch.setattr(mu_law, "_MAX_BLOCKS", 2)
        got = getattr(kr, name)(x, 256).get()
        assert on_ptx.RawModule.launches[-1][1] == (2,)
        np.testing.assert_array_equal(got, expected)


OPERATIONS = (
    TestStft,
    TestStftHalf,
    TestStftDouble,
    TestMagnitude,
    TestMagnitudeHalf,
    TestMagnitudeDouble,
    TestMelspectrogram,
    TestMelspectrogramDouble,
    TestDecibel,
    TestDbToPower,
    TestMuLawEncoding,
    TestMuLawDecoding,
    TestFrame,
    TestEnergy,
    TestInverseStft,
)


class Unrun:
    """A module whose kernels do nothing."""

    counted_blocks = 0

    def __init__(self, code, names, options):
        pass

    def function(self, name):
        def launch(grid, block, arguments, n_given):
            pass

        launch.n_own_bytes = 0
        return launch


@pytest.fixture(scope="module")
def launched():
    """Return the C++ names of all kernels that `test_matches_oracle` launches."""
    rng = np.random.default_rng(0)
    with installed(Unrun) as cupy:
        for tests in OPERATIONS:
            for shape, parameters in tests.cases:
                for dtype in tests.dtypes:
                    x = tests().example(rng, shape, dtype)
                    tests().run(Backend("gpu"), x, parameters)
        for name, n_fft, dtype in TestFrontEnds.cases:
            x = cupy.asarray(np.ones((2, 2, n_fft + 300), dtype))
            TestFrontEnds.front_end(name, n_fft)(x)
        return sorted({name for name, _, _ in cupy.RawModule.launches})


class TestCoverage:
    """Each kernel is launched by a case above; one that is not makes these tests fail."""

    def matching(self, pattern, launched):
        """Return the groups of a pattern of whole names, for those that match."""
        found = (re.fullmatch(pattern, name.replace("kapre::", "")) for name in launched)
        return {match.groups() for match in found if match}

    def test_every_kernel(self, launched):
        written = {name for path in SOURCES.glob("cuda/*.cu") for name in kernels(path.read_text())}
        assert {name for (name,) in self.matching(r"(\w+)<.*", launched)} == written

    def test_no_kernel_elsewhere(self):
        for path in SOURCES.glob("*.py"):
            makes = re.findall(r"\w*(?:Kernel|RawModule)\(|\bfuse\(|@.*\bfuse", path.read_text())
            assert makes == ["RawModule("] * (path.name == "launch.py"), path

    @pytest.mark.parametrize("shape", ["Shape<", "Mixed<float2", "Mixed<double2", "Mixed<.*, 441"])
    @pytest.mark.parametrize("place", range(3))
    def test_every_policy(self, launched, shape, place):
        constant = ("IS_REAL", "IN_SHARED", "SHAPES")[place]
        paths = [SOURCES / "cuda" / name for name in ("bins.cuh", "frames.cuh")]
        written = {name for path in paths for name in policies(path.read_text(), constant)}
        assert len(written) >= 2
        pattern = rf"\w+<Output<{shape}.*>, (\w+), (\w+)>, (\w+)>"
        assert {found[place] for found in self.matching(pattern, launched)} == written

    def test_every_size_of_powers(self, launched):
        with installed():
            from kapre_ref.kernels.gpu.fused import _SHAPES
        sizes = {int(n) for (n,) in self.matching(r"stft<Output<Shape<(\d+)>.*", launched)}
        assert sizes == set(_SHAPES)

    def test_every_type_and_width(self, launched):
        with installed():
            from kapre_ref.kernels.gpu.framing import _WORDS
            from kapre_ref.kernels.gpu.mu_law import _TYPES
        widths = {("1",), ("4",)}
        packs = {(pack, team) for pack in ("float, 1", "float, 4") for team in ("32", "256")}
        for name in ("to_decibels", "raise_to_floor"):
            halves = self.matching(rf"{name}<(.*), (\d+), Half>", launched)
            assert halves >= {("float, 1", "256"), ("float, 4", "256"), ("float, 4", "32")}
            found = self.matching(rf"{name}<(.*), (\d+)>", launched)
            of_double = {pair for pair in found if "double" in pair[0]}
            assert of_double
            assert found - of_double == packs
        assert self.matching(r"mu_law_encoding<(\d)>", launched) == widths
        assert self.matching(r"mu_law_encoding<(\d), Half>", launched) == widths
        codes = [code.replace("kapre::", "") for code in _TYPES.values()]
        decoders = {(code, width) for code in codes for (width,) in widths}
        assert self.matching(r"mu_law_decoding<(.*), (\d)>", launched) == decoders
        assert self.matching("frame<(.*)>", launched) == {(word,) for word, _ in _WORDS.values()}
        both = {("float",), ("double",)}
        assert self.matching("energy<(.*)>", launched) == both | {("float, Half",)}
        for name in ("overlap_add", "normalise"):
            assert self.matching(f"{name}<(.*)>", launched) == both
        pairs = self.matching(r"inverse_stft<Mixed<(\w+), .*>>", launched)
        assert pairs == {("float2",), ("double2",)}

    @pytest.mark.parametrize("shape", ["Shape<", "Mixed<float2"])
    def test_halves(self, launched, shape):
        pattern = rf"\w+<Output<{shape}.*>, \w+, (\w+), Half>, (\w+), Half>"
        found = self.matching(pattern, launched)
        assert {where for where, _ in found} == {"AtOnce", "Strided", "Bands", "TurnedBands"}
        assert {samples for _, samples in found} == {"Stored", "Shaped"}
        assert self.matching(rf"\w+<Output<{shape}.*>, (Bins), \w+>, \w+, Half>", launched)


class TestPlanted:
    """The interpreter finds mistakes in PTX."""

    def changed(self, old, new):
        def edit(text):
            assert old in text, f"no {old!r} in the PTX"
            return text.replace(old, new, 1)

        x = np.random.default_rng(7).uniform(-1, 1, 600).astype(np.float32)
        with installed(partial(Module, edit=edit)) as cupy:
            got = kr.stft_magnitude(cupy.asarray(x), 256, hop_length=77).get()
        expected = kr.stft_magnitude_reference(x.astype(np.float64), 256, hop_length=77)
        assert_close(got, expected, 8 * eps_of(np.float32) * peak_of(expected))

    def test_nothing(self):
        self.changed("bar.warp.sync", "bar.warp.sync")

    def test_mask(self):
        with pytest.raises(PtxError, match=r"deadlock|mask"):
            self.changed("bar.warp.sync \t-1", "bar.warp.sync \t32767")

    def test_sign(self):
        with pytest.raises(AssertionError, match="off by"):
            self.changed("sub.ftz.f32", "add.ftz.f32")

    def test_out_of_bounds(self):
        with installed() as cupy:
            code = "__global__ void f(float* x, int n) { x[n] = 1; }"
            function = cupy.RawModule(code=code, name_expressions=("f",)).get_function("f")
            x = cupy.asarray(np.zeros(4, np.float32))
            function((1,), (1,), (x, np.int32(3)))
            assert x.get()[3] == 1
            with pytest.raises(PtxError, match="out of bounds"):
                function((1,), (1,), (x, np.int32(4)))

    def test_size_of_a_scalar(self):
        with installed() as cupy:
            code = "__global__ void f(float* x, int n) { x[n] = 1; }"
            function = cupy.RawModule(code=code, name_expressions=("f",)).get_function("f")
            with pytest.raises(PtxError, match="8 bytes for a parameter of 4"):
                function((1,), (1,), (cupy.asarray(np.zeros(4, np.float32)), np.int64(3)))

    @pytest.mark.parametrize("text", ["sin.approx.f32", "add.sat.f32", "add.f16", "add.rm.f32"])
    def test_unknown_instruction_is_named(self, text):
        code = f".visible .entry f() {{ .reg .f32 %f<2>;\n{text} %f1, %f1, %f1;\n ret; }}"
        with pytest.raises(PtxError, match=f"unknown instruction: {text} %f1, %f1, %f1"):
            Kernel(code, "f")
