"""Which kernels serve which arrays: CuPy's (by a stand-in for it) stay on their device."""

import subprocess
import sys
from array import array

import numpy as np
import pytest
from closeness import PEAK_EPS, assert_close, eps_of, peak_of
from harness import fake_cupy

import kapre_ref as kr
from kapre_ref import _dispatch

FIRST, LAST = "channels_first", "channels_last"

# A chain of array expressions in the working precision costs tens of eps of the peak: enough to
# tell a right result from one of another formula, layout or order of arguments. In float16, where
# 100 eps are a tenth of the peak, results are computed in float32 and rounded once: hardly one of
# them to the other side.
CHAIN_EPS = 100
ROUNDED_EPS = {"float16": PEAK_EPS["float16"]}
MAX_ROUNDED_OTHERWISE = 0.05

SIGNAL_LAYOUTS = {"time": (300,), "batch": (2, 300), LAST: (2, 300, 3), FIRST: (2, 3, 300)}
SPECTRUM_LAYOUTS = {
    "frames": (9, 17),
    "batch": (2, 9, 17),
    LAST: (2, 9, 17, 3),
    FIRST: (2, 3, 9, 17),
}
STFT = {"n_fft": 32, "win_length": 24, "hop_length": 10, "pad_begin": True, "pad_end": True}
SCALE = {"db_amin": 0.1, "db_dynamic_range": 15.0}
DECIBEL = {"return_decibel": True} | SCALE

# operation: (kernel, kind of input, parameters, number of data formats)
OPERATIONS = {
    "frame": ("frame", "signal", {"frame_length": 20, "hop_length": 15, "pad_end": True}, 1),
    "energy": ("energy", "signal", {"frame_length": 20, "hop_length": 30, "pad_end": True}, 1),
    "stft": ("stft", "signal", STFT, 2),
    "stft_magnitude": ("features", "signal", STFT | DECIBEL, 2),
    "melspectrogram": (
        "features",
        "signal",
        STFT | DECIBEL | {"n_mels": 5, "mel_norm": None},
        2,
    ),
    "log_frequency_spectrogram": (
        "features",
        "signal",
        STFT | {"log_n_bins": 12, "log_f_min": 1000.0, "log_spread": 0.5},
        2,
    ),
    "stft_mag_phase": ("stft_mag_phase", "signal with channels", STFT | DECIBEL, 2),
    "inverse_stft": ("inverse_stft", "complex", {"n_fft": 32, "hop_length": 10}, 2),
    "magnitude": ("magnitude", "complex", {}, 0),
    "phase": ("phase", "complex", {}, 0),
    "magnitude_to_decibel": ("magnitude_to_decibel", "spectrum", {"dynamic_range": 20.0}, 0),
    "power_to_db": ("magnitude_to_decibel", "spectrum", {"top_db": 20.0}, 0),
    "amplitude_to_db": (
        ["magnitude", "magnitude_to_decibel"],
        "spectrum",
        {"ref": "peak", "top_db": 20.0, "peak_over": "item"},
        0,
    ),
    "db_to_power": ("decibel_to_magnitude", "spectrum", {}, 0),
    "db_to_amplitude": ("decibel_to_magnitude", "spectrum", {"ref": 0.5}, 0),
    "delta": ("delta", "spectrum", {"win_length": 7}, 1),
    "logmel_to_mfcc": ("logmel_to_mfcc", "spectrum", {"n_mfccs": 6}, 1),
    "mfcc": (
        ["features", "logmel_to_mfcc"],
        "signal",
        STFT
        | {"n_mels": 5, "mel_norm": None, "n_mfccs": 3, "db_amin": 0.1, "db_dynamic_range": 15.0},
        2,
    ),
    "concatenate_frequency_map": ("concatenate_frequency_map", "spectrum with channels", {}, 1),
    "stack_frames": ("stack_frames", "spectrum", {"n": 3, "step": 2, "edge": "repeat"}, 0),
    "patches": ("stack_frames", "spectrum", {"length": 3, "hop": 2}, 0),
    "fix_length": ("fix_length", "signal", {"size": 700, "mode": "repeatpad"}, 0),
    "standardize": ("standardize", "signal", {}, 0),
    "mu_law_encoding": ("mu_law_encoding", "signal", {"quantization_channels": 256}, 0),
    "mu_law_decoding": ("mu_law_decoding", "signal", {"quantization_channels": 256}, 0),
}
CONSTRUCTORS = {
    "hann_window": (16,),
    "hamming_window": (16,),
    "kaiser_window": (16,),
    "kaiser_bessel_derived_window": (16,),
    "vorbis_window": (16,),
    "filterbank_mel": (8000, 17, 4),
    "filterbank_log": (8000, 17, 4),
}
RANDOM = {
    "spec_augment": ((2, 9, 17, 3), {"freq_mask_param": 5, "time_mask_param": 3}),
    "channel_swap": ((2, 9, 17, 5), {}),  # This order is not its own inverse.
}


@pytest.fixture
def cupy():
    with fake_cupy.installed() as stand_in:
        yield stand_in


@pytest.fixture
def no_cpu_kernels(monkeypatch):
    """Make any use of the CPU kernels an ImportError."""
    for name in list(sys.modules):
        if name.startswith("kapre_ref.kernels.cpu"):
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "kapre_ref.kernels.cpu", None)
    monkeypatch.setattr(_dispatch, "_cpu_kernels", None)


@pytest.fixture
def reached(monkeypatch, cupy):
    """Record the names of the GPU kernels that are called through the dispatch."""
    from kapre_ref.kernels import gpu

    names = []
    for name in gpu.__all__:
        monkeypatch.setattr(gpu, name, _recording(getattr(gpu, name), name, names))
    return names


def _recording(kernel, name, names):
    def record(*args):
        names.append(name)
        return kernel(*args)

    return record


def _layouts(kind):
    layouts = SIGNAL_LAYOUTS if kind.startswith("signal") else SPECTRUM_LAYOUTS
    return [name for name in layouts if "channels" in name or "channels" not in kind]


def _input(kind, layout, dtype):
    rng = np.random.default_rng(3)
    shape = (SIGNAL_LAYOUTS if kind.startswith("signal") else SPECTRUM_LAYOUTS)[layout]
    x = rng.uniform(-1, 1, shape)
    if kind == "complex":
        x = x + 1j * rng.uniform(-1, 1, shape)
        dtype = "complex128" if dtype == "float64" else "complex64"
    return x.astype(dtype)


def _formats(n_formats, layout):
    data_format = FIRST if layout == FIRST else LAST
    if n_formats == 2:
        return {"input_data_format": data_format, "output_data_format": FIRST}
    return {"data_format": data_format} if n_formats else {}


CASES = [
    (name, layout, dtype)
    for name, (_, kind, _, _) in OPERATIONS.items()
    for layout in _layouts(kind)
    for dtype in (
        ["float32", "float64"] if kind == "complex" else ["float16", "float32", "float64"]
    )
]


@pytest.mark.usefixtures("no_cpu_kernels")
class TestGpuArrays:
    @pytest.mark.parametrize(("name", "layout", "dtype"), CASES)
    def test_stay_on_device_and_match_oracle(self, cupy, reached, name, layout, dtype):
        kernel, kind, parameters, n_formats = OPERATIONS[name]
        x = _input(kind, layout, dtype)
        parameters = parameters | _formats(n_formats, layout)
        on_device = cupy.asarray(x)
        got = getattr(kr, name)(on_device, **parameters)
        assert type(got) is cupy.ndarray
        kernels = [kernel] if isinstance(kernel, str) else kernel
        assert [name for name in reached if name != "empty"] == kernels
        assert "empty" in reached
        assert cupy.transfers["get"] == 0
        expected = getattr(kr, f"{name}_reference")(x, **parameters)
        assert got.dtype == expected.dtype
        exact = expected.dtype.kind == "i"
        eps = ROUNDED_EPS.get(expected.dtype.name, CHAIN_EPS)
        tolerance = 0 if exact else eps * eps_of(expected.dtype) * peak_of(expected)
        assert_close(got.get(), expected, tolerance)
        if expected.dtype == np.float16:
            assert np.mean(got.get() != expected) <= MAX_ROUNDED_OTHERWISE

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_any_strides(self, cupy, name):
        _, kind, parameters, n_formats = OPERATIONS[name]
        x = _input(kind, LAST, "float32")
        parameters = parameters | _formats(n_formats, LAST)
        larger = np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::-1]
        got = getattr(kr, name)(cupy.asarray(larger)[::-2, ::2], **parameters)
        expected = getattr(kr, name)(cupy.asarray(x), **parameters)
        assert cupy.transfers["get"] == 0
        np.testing.assert_array_equal(got.get(), expected.get())

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_no_items_give_no_items(self, cupy, name):
        _, kind, parameters, n_formats = OPERATIONS[name]
        x = _input(kind, LAST, "float32")[:0]
        parameters = parameters | _formats(n_formats, LAST)
        got = getattr(kr, name)(cupy.asarray(x), **parameters)
        expected = getattr(kr, f"{name}_reference")(x, **parameters)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_out_is_filled_and_returned(self, cupy, name):
        _, kind, parameters, n_formats = OPERATIONS[name]
        x = cupy.asarray(_input(kind, LAST, "float32"))
        parameters = parameters | _formats(n_formats, LAST)
        expected = getattr(kr, name)(x, **parameters)
        out = cupy.empty(expected.shape, expected.dtype)
        assert getattr(kr, name)(x, **parameters, out=out) is out
        np.testing.assert_array_equal(out.get(), expected.get())

    @pytest.mark.parametrize("name", sorted(RANDOM))
    def test_same_chance_as_oracle(self, cupy, reached, name):
        shape, parameters = RANDOM[name]
        x = np.random.default_rng(0).uniform(1, 2, shape).astype(np.float32)
        got = getattr(kr, name)(cupy.asarray(x), **parameters, rng=np.random.default_rng(1))
        assert reached == ["empty", name]
        assert cupy.transfers["get"] == 0
        reference = getattr(kr, f"{name}_reference")
        expected = reference(x, **parameters, rng=np.random.default_rng(1))
        np.testing.assert_array_equal(got.get(), expected)

    def test_apply_filterbank(self, cupy, reached):
        x = _input("spectrum", LAST, "float32")
        filterbank = kr.filterbank_mel(8000, 17, 4)
        got = kr.apply_filterbank(cupy.asarray(x), cupy.asarray(filterbank))
        assert reached == ["empty", "apply_filterbank"]
        assert cupy.transfers["get"] == 0
        expected = kr.apply_filterbank_reference(x, filterbank)
        assert_close(got.get(), expected, CHAIN_EPS * eps_of(x.dtype) * peak_of(expected))

    def test_perfect_reconstruction(self, cupy):
        x = _input("signal", LAST, "float64")
        forward, inverse = kr.perfectly_reconstructing_stft_istft(n_fft=32)
        got = inverse(forward(cupy.asarray(x)))
        assert cupy.transfers["get"] == 0
        assert_close(got.get()[:, 24:324], x, CHAIN_EPS * eps_of(x.dtype))

    @pytest.mark.parametrize("mode", ["symmetric", "reflect", "constant"])
    def test_delta_modes(self, cupy, mode):
        x = _input("spectrum", FIRST, "float64")
        got = kr.delta(cupy.asarray(x), 5, mode, FIRST)
        expected = kr.delta_reference(x, 5, mode, FIRST)
        assert_close(got.get(), expected, CHAIN_EPS * eps_of(x.dtype) * peak_of(expected))

    @pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
    def test_mu_law_decoding_of_codes(self, cupy, dtype):
        codes = np.arange(256).astype(dtype)
        got = kr.mu_law_decoding(cupy.asarray(codes), 256)
        expected = kr.mu_law_decoding_reference(codes, 256)
        assert_close(got.get(), expected, CHAIN_EPS * eps_of(np.float64))

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_decibels_of_what_is_not_finite(self, cupy, bad):
        x = np.array([[1.0, bad, 0.1], [1.0, 2.0, 1e-9]])
        got = kr.magnitude_to_decibel(cupy.asarray(x))
        expected = kr.magnitude_to_decibel_reference(x)
        assert_close(got.get(), expected, CHAIN_EPS * eps_of(x.dtype) * peak_of(expected))

    def test_mu_law_encoding_of_what_is_not_finite(self, cupy):
        x = np.array([np.nan, np.inf, -np.inf, -1.5, 10.0], np.float32)
        got = kr.mu_law_encoding(cupy.asarray(x), 256)
        np.testing.assert_array_equal(got.get(), kr.mu_law_encoding_reference(x, 256))

    def test_mu_law_encoding_of_float64_is_not_rounded(self, cupy):
        compressed = 2 * (np.arange(255) + 0.5) / 255 - 1  # halfway between two codes
        boundaries = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(255)) / 255
        below, above = (
            kr.mu_law_encoding(cupy.asarray(boundaries + step), 256).get()
            for step in (-1e-12, 1e-12)
        )
        np.testing.assert_array_equal(below, np.arange(255))
        np.testing.assert_array_equal(above, np.arange(1, 256))

    def test_second_call_copies_nothing(self, cupy):
        x = cupy.asarray(_input("signal", "time", "float32"))
        first = kr.melspectrogram(x, **STFT, n_mels=5)
        n_copied = cupy.transfers["set"]
        second = kr.melspectrogram(x, **STFT, n_mels=5)
        assert cupy.transfers["set"] == n_copied
        np.testing.assert_array_equal(second.get(), first.get())


class TestLike:
    @pytest.mark.parametrize("name", sorted(CONSTRUCTORS))
    def test_gpu(self, cupy, no_cpu_kernels, name):
        arguments = CONSTRUCTORS[name]
        got = getattr(kr, name)(*arguments, like=cupy.empty(3))
        assert type(got) is cupy.ndarray
        assert cupy.transfers["get"] == 0
        np.testing.assert_array_equal(got.get(), getattr(kr, name)(*arguments))

    @pytest.mark.parametrize("name", sorted(CONSTRUCTORS))
    def test_cpu(self, cupy, name):
        got = getattr(kr, name)(*CONSTRUCTORS[name], like=np.empty(3))
        assert type(got) is np.ndarray

    @pytest.mark.parametrize("name", sorted(CONSTRUCTORS))
    def test_no_array(self, name):
        with pytest.raises(TypeError, match=r"like must be a numpy\.ndarray or .*got str"):
            getattr(kr, name)(*CONSTRUCTORS[name], like="cupy")


class TestCpuArrays:
    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_beside_cupy_stay_on_host(self, cupy, reached, name):
        _, kind, parameters, n_formats = OPERATIONS[name]
        x = _input(kind, LAST, "float32")
        got = getattr(kr, name)(x, **parameters, **_formats(n_formats, LAST))
        assert type(got) is np.ndarray
        assert (reached, cupy.transfers) == ([], {})

    @pytest.mark.slow
    def test_cupy_is_never_imported(self):
        code = """
import sys
import numpy as np
class Trap:
    def find_spec(self, name, *args):
        assert name.partition(".")[0] not in ("cupy", "cupyx"), name
sys.meta_path.insert(0, Trap())
import kapre_ref as kr
x = kr.melspectrogram(np.ones(5000))
kr.inverse_stft(kr.stft(np.ones(64), 16), 16)
kr.hann_window(4, like=x)
try:
    kr.frame([1.0], 1, 1)
except TypeError as error:
    assert "CuPy" in str(error)
assert "cupy" not in sys.modules and "kapre_ref.kernels.gpu" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_memmap(self, tmp_path):
        x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(100,))
        x[:] = np.arange(100)
        np.testing.assert_array_equal(kr.frame(x, 10, 10), kr.frame(np.array(x), 10, 10))


class EagerTensor:
    """Looks like a tensor of TensorFlow, whose library has no `from_dlpack`."""

    __module__ = "tensorflow"
    dtype, ndim, shape = np.dtype(np.float32), 1, (100,)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("nothing may be converted silently")

    def __dlpack__(self, **options):
        raise AssertionError("nothing may be converted silently")


class Series:
    """Looks like a column of pandas."""

    __module__ = "pandas"
    dtype, ndim, shape, values = np.dtype(np.float64), 1, (100,), np.ones(100)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("nothing may be converted silently")


class Subclass(np.ndarray):
    """May change what an array means, as units do."""


# Each value that came has the pattern of its message, after the argument's name.
FOREIGN = {
    "list": ([1.0] * 100, r"got list; pass numpy\.asarray\({name}"),
    "tuple": ((1.0,) * 100, r"got tuple; pass numpy\.asarray\({name}"),
    "float": (1.0, r"got float; pass numpy\.asarray\({name}"),
    "none": (None, r"got None; pass the array that {name}"),
    "string": ("song.wav", r"got str; read the file first"),
    "bytes": (b"RIFF", r"got bytes; read the file first"),
    "array.array": (array("f", [1.0]), r"got array\.array; pass numpy\.asarray\({name}"),
    "memoryview": (memoryview(b"1234"), r"got memoryview; pass"),
    "numpy scalar": (np.float32(1), r"got numpy\.float32; pass numpy\.asarray\({name}"),
    "tensorflow": (EagerTensor(), r"got tensorflow\.EagerTensor; pass numpy\.asarray\({name}"),
    "pandas": (Series(), r"got pandas\.Series; pass numpy\.asarray\({name}"),
    "masked": (
        np.ma.masked_less(np.arange(100.0), 3),
        r"got numpy\.ma.*MaskedArray; fill it first",
    ),
    "subclass": (np.ones(100).view(Subclass), r"got test_dispatch\.Subclass; pass numpy\.asarray"),
    "object": (np.array([1.0, None]), r"dtype .*, got object"),
    "strings": (np.array(["1.0", "2.0"]), r"dtype .*, got <U3"),
    "bytes array": (np.array([b"1.0", b"2.0"]), r"dtype .*, got \|S3"),
    "bool": (np.ones(100, bool), r"dtype .*, got bool"),
    "dates": (np.zeros(100, "datetime64[s]"), r"dtype .*, got datetime64"),
    "records": (np.zeros(100, [("left", "f4")]), r"dtype .*, got \[\('left', '<f4'\)\]"),
    "long double": (np.ones(100, np.longdouble), r"dtype .*, got (float128|float96|longdouble)"),
}
ARRAY_NAMES = {"mu_law_encoding": "signal", "mu_law_decoding": "signal_mu"} | {
    "inverse_stft": "stfts",
    "logmel_to_mfcc": "log_melgrams",
}


@pytest.mark.parametrize("beside_cupy", [False, True], ids=["alone", "beside-cupy"])
class TestForeign:
    @pytest.mark.parametrize("kind", sorted(FOREIGN))
    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_message_names_argument_and_cure(self, request, beside_cupy, name, kind):
        if beside_cupy:
            request.getfixturevalue("cupy")
        foreign, pattern = FOREIGN[kind]
        argument = ARRAY_NAMES.get(name, "x")
        with pytest.raises(TypeError, match=f"^{argument} must .*" + pattern.format(name=argument)):
            getattr(kr, name)(foreign, **OPERATIONS[name][2])

    def test_matrix(self, beside_cupy, request):
        if beside_cupy:
            request.getfixturevalue("cupy")
        with pytest.warns(PendingDeprecationWarning):
            x = np.matrix([[1.0, 2.0]])
        with pytest.raises(TypeError, match=r"x must be .*matrix; pass numpy\.asarray\(x\)"):
            kr.frame(x, 1, 1)

    @pytest.mark.parametrize("name", sorted(RANDOM))
    def test_random_operations(self, request, beside_cupy, name):
        if beside_cupy:
            request.getfixturevalue("cupy")
        parameters = RANDOM[name][1] | {"rng": np.random.default_rng(0)}
        with pytest.raises(TypeError, match=r"x must be .*got list; pass numpy\.asarray"):
            getattr(kr, name)([[[0.0]]], **parameters)


class TestMixed:
    def test_filterbank_on_host(self, cupy):
        x, filterbank = np.ones((4, 5), np.float32), np.ones((5, 2), np.float32)
        message = r"x and filterbank must be arrays of the same library, got cupy and numpy; move"
        with pytest.raises(TypeError, match=message):
            kr.apply_filterbank(cupy.asarray(x), filterbank)

    def test_filterbank_on_device(self, cupy):
        x, filterbank = np.ones((4, 5), np.float32), np.ones((5, 2), np.float32)
        message = r"x and filterbank must be arrays of the same library, got numpy and cupy; move"
        with pytest.raises(TypeError, match=message):
            kr.apply_filterbank(x, cupy.asarray(filterbank))

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_out_on_the_other_side(self, cupy, name):
        _, kind, parameters, n_formats = OPERATIONS[name]
        parameters = parameters | _formats(n_formats, LAST)
        x = _input(kind, LAST, "float32")
        out = getattr(kr, name)(x, **parameters)
        with pytest.raises(TypeError, match=r"out and .* same library, got cupy and numpy; move"):
            getattr(kr, name)(x, **parameters, out=cupy.asarray(out))
        with pytest.raises(TypeError, match=r"out and .* same library, got numpy and cupy; move"):
            getattr(kr, name)(cupy.asarray(x), **parameters, out=out)
        assert cupy.transfers["get"] == 0

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_out_on_another_device(self, cupy, name):
        _, kind, parameters, n_formats = OPERATIONS[name]
        parameters = parameters | _formats(n_formats, LAST)
        x = cupy.asarray(_input(kind, LAST, "float32"))
        result = getattr(kr, name)(x, **parameters)
        with cupy.cuda.Device(1):
            out = cupy.asarray(result)
        message = r"out and the input must be arrays of the same device, got devices 1 and 0"
        with pytest.raises(ValueError, match=message):
            getattr(kr, name)(x, **parameters, out=out)
        with cupy.cuda.Device(1):
            np.testing.assert_array_equal(out.get(), result.get())

    def test_filterbank_on_another_device(self, cupy):
        x = cupy.asarray(np.ones((4, 5), np.float32))
        with cupy.cuda.Device(1):
            filterbank = cupy.asarray(np.ones((5, 2), np.float32))
        message = r"x and filterbank must be arrays of the same device, got devices 0 and 1; copy"
        with pytest.raises(ValueError, match=message):
            kr.apply_filterbank(x, filterbank)

    def test_out_that_overlaps_in_memory_of_another_library(self, cupy):
        # CuPy's own test knows no two arrays that, say, PyTorch made of one memory.
        memory = cupy.asarray(np.arange(60, dtype=np.float32))
        assert not cupy.may_share_memory(memory, memory)
        x = memory[20:40]
        for passed in (x, x[::-1]):
            for start in (1, 20, 39):
                with pytest.raises(ValueError, match="out must not overlap the input"):
                    kr.magnitude(passed, out=memory[start : start + 20])
            for start in (0, 40):
                kr.magnitude(passed, out=memory[start : start + 20])
        with pytest.raises(ValueError, match="out must not overlap the input"):
            kr.magnitude(memory[::3], out=memory[38:58])  # between its elements, too
