"""The kernels as NVRTC makes them, run instruction by instruction, against the oracles."""

import numpy as np
import pytest
from closeness import assert_close, eps_of, peak_of
from cuda_on_cpu import nvrtc
from cuda_on_cpu.planted import PADDED
from ptx import module
from ptx.kernel import Kernel
from ptx.values import PtxError

import kapre_ref as kr


@pytest.fixture(autouse=True)
def needs_nvrtc():
    try:
        nvrtc.library()
    except OSError:
        pytest.skip("needs NVRTC: the extra gputest")


DECIBEL = {"return_decibel": True, "db_dynamic_range": 30.0}
# operation, parameters, shape, dtype
CASES = [
    ("stft_magnitude", {"n_fft": 256, "hop_length": 77, **PADDED}, (2, 600), "float32"),
    ("stft_magnitude", {"n_fft": 512, "win_length": 401}, (1100,), "float32"),
    ("stft_magnitude", {"n_fft": 512, **DECIBEL}, (1100,), "float16"),
    ("stft_magnitude", {"n_fft": 1024}, (1300,), "float32"),
    ("stft_magnitude", {"n_fft": 2048, **DECIBEL}, (2, 2600), "float32"),
    ("stft_magnitude", {"n_fft": 4096}, (5200,), "float32"),
    ("stft_magnitude", {"n_fft": 400, "hop_length": 131, **DECIBEL}, (2, 900), "float32"),
    ("stft_magnitude", {"n_fft": 882}, (1200,), "float32"),
    ("stft_magnitude", {"n_fft": 400}, (2, 700), "float64"),
    ("stft_magnitude", {"n_fft": 512}, (900,), "float64"),
    ("stft", {"n_fft": 256, "hop_length": 50}, (2, 500, 2), "float32"),
    ("stft", {"n_fft": 480, "pad_end": True}, (2, 700, 2), "float32"),
    ("stft", {"n_fft": 400}, (900,), "float64"),
    ("melspectrogram", {"n_fft": 512, "n_mels": 20, **DECIBEL}, (2, 900), "float32"),
    ("melspectrogram", {"n_fft": 400, "n_mels": 20}, (900, 2), "float32"),
    ("melspectrogram", {"n_fft": 400, "n_mels": 20}, (900,), "float64"),
    ("inverse_stft", {"n_fft": 60, "hop_length": 23}, (2, 9, 31, 2), "complex64"),
    ("inverse_stft", {"n_fft": 60, "hop_length": 23}, (9, 31), "complex128"),
    ("magnitude_to_decibel", {"dynamic_range": 30.0}, (3, 1001), "float32"),
    ("magnitude_to_decibel", {}, (3, 1024), "float16"),
    ("mu_law_encoding", {"quantization_channels": 256}, (1001,), "float32"),
    ("mu_law_encoding", {"quantization_channels": 256}, (1024,), "float16"),
    *(
        ("mu_law_decoding", {"quantization_channels": 100}, (n,), dtype)
        for n, dtype in ((1024, "int32"), (1001, "uint8"), (1024, "int64"), (1024, "float32"))
    ),
    *(
        (name, {"frame_length": 50, "hop_length": 23, "pad_end": True}, (2, 300, 2), dtype)
        for name in ("frame", "energy")
        for dtype in ("float16", "float32", "float64")
    ),
]
# A square root and a logarithm good to an ulp or two, and sums in another order: of the peak.
N_EPS = 32


def example(shape, dtype, name):
    rng = np.random.default_rng(7)
    if name == "mu_law_decoding":
        return rng.integers(0, 100, shape).astype(dtype)
    x = rng.uniform(-1, 1, shape)
    if name == "magnitude_to_decibel":
        x = np.abs(x)
    return (x + 1j * rng.uniform(-1, 1, shape) if dtype[0] == "c" else x).astype(dtype)


def assert_right(name, parameters, x, got):
    expected = getattr(kr, f"{name}_reference")(x, **parameters)
    assert got.dtype == expected.dtype
    eps = 0 if expected.dtype.kind in "iu" else eps_of(expected.dtype)
    n_eps = 1 if expected.dtype == np.float16 else N_EPS
    assert_close(got, expected, n_eps * eps * peak_of(expected))


class TestKernels:
    @pytest.mark.parametrize(("name", "parameters", "shape", "dtype"), CASES)
    def test_matches_oracle(self, name, parameters, shape, dtype):
        x = example(shape, dtype, name)
        with module.installed() as cupy:
            got = getattr(kr, name)(cupy.asarray(x), **parameters).get()
        assert_right(name, parameters, x, got)

    @pytest.mark.parametrize("n_fft", [256, 400])
    def test_strided(self, n_fft):
        x = example((2, 1800), "float32", "stft")
        with module.installed() as cupy:
            got = kr.stft_magnitude(cupy.asarray(x)[:, ::-2], n_fft).get()
        assert_right("stft_magnitude", {"n_fft": n_fft}, x[:, ::-2], got)


class TestPlanted:
    """What is wrong in PTX is seen."""

    def changed(self, old, new):
        def edit(text):
            assert old in text, f"no {old!r} in the PTX"
            return text.replace(old, new, 1)

        with module.installed(edit) as cupy:
            x = example((600,), "float32", "stft")
            got = kr.stft_magnitude(cupy.asarray(x), 256, hop_length=77).get()
        assert_right("stft_magnitude", {"n_fft": 256, "hop_length": 77}, x, got)

    def test_mask(self):
        with pytest.raises(PtxError, match=r"deadlock|mask"):
            self.changed("bar.warp.sync \t-1", "bar.warp.sync \t32767")

    def test_sign(self):
        with pytest.raises(AssertionError, match="off by"):
            self.changed("sub.ftz.f32", "add.ftz.f32")

    def test_out_of_bounds(self):
        with module.installed() as cupy:
            code = "__global__ void f(float* x, int n) { x[n] = 1; }"
            function = cupy.RawModule(code=code, name_expressions=("f",)).get_function("f")
            x = cupy.asarray(np.zeros(4, np.float32))
            function((1,), (1,), (x, np.int32(3)))
            assert x.get()[3] == 1
            with pytest.raises(PtxError, match="out of bounds"):
                function((1,), (1,), (x, np.int32(4)))

    def test_size_of_a_scalar(self):
        with module.installed() as cupy:
            code = "__global__ void f(float* x, int n) { x[n] = 1; }"
            function = cupy.RawModule(code=code, name_expressions=("f",)).get_function("f")
            with pytest.raises(PtxError, match="8 bytes for a parameter of 4"):
                function((1,), (1,), (cupy.asarray(np.zeros(4, np.float32)), np.int64(3)))

    @pytest.mark.parametrize("text", ["sin.approx.f32", "add.sat.f32", "add.f16", "add.rm.f32"])
    def test_unknown_instruction_is_named(self, text):
        code = f".visible .entry f() {{ .reg .f32 %f<2>;\n{text} %f1, %f1, %f1;\n ret; }}"
        with pytest.raises(PtxError, match=f"unknown instruction: {text} %f1, %f1, %f1"):
            Kernel(code, "f")
