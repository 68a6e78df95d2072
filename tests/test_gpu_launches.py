"""How the GPU's kernels are launched: indices beyond 32 bits, grids, arguments, and host time."""

import mmap
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from harness import fake_cupy
from harness.cuda_on_cpu.module import drop_oldest
from harness.cuda_on_cpu.planted import OPERATIONS

import kapre_ref as kr
from kapre_ref._decibel import DecibelScale
from kapre_ref._kapre_front_end import stft_front_end
from kapre_ref._synthesis import Synthesis

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
BEYOND = 2**31  # elements
PACKAGE = str(Path(kr.__file__).parent)
# This is its number on Linux; Python has a name for it since 3.13.
NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


class Device:
    """The stand-in for CuPy, whose arrays take memory only where they are touched."""

    def __init__(self, cupy):
        import kapre_ref.kernels.gpu

        self.cupy, self.kernels = cupy, kapre_ref.kernels.gpu

    def wrapped(self, host):
        array = self.cupy.asarray(np.zeros(1, host.dtype))
        array._host = host
        return array

    def sparse(self, dtype, *shape):
        n_bytes = np.dtype(dtype).itemsize * int(np.prod(shape))
        memory = mmap.mmap(-1, n_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
        return self.wrapped(np.frombuffer(memory, dtype).reshape(shape))


@pytest.fixture
def device(request):
    with fake_cupy.installed(checked=True, last_blocks=getattr(request, "param", 0)) as cupy:
        yield Device(cupy)


def last_blocks(n):
    return pytest.mark.parametrize("device", [n], indirect=True, ids=[f"last {n}"])


class TestBeyond32Bits:
    @last_blocks(2)
    def test_decibels(self, device, rng):
        # One item has so many; a second item lies twice as far.
        n = BEYOND + 4096
        x, out = (device.sparse(np.float32, 2, n) for _ in range(2))
        end = np.s_[-1:, -8192:]
        x._host[end] = rng.uniform(0.5, 1, (1, 8192))
        scale = DecibelScale(1.0, 1e-5, 1.0)
        device.kernels.magnitude_to_decibel(x, scale, out)
        expected = kr.magnitude_to_decibel_reference(x._host[end], *scale[:3])
        np.testing.assert_allclose(out._host[end], expected, atol=1e-5)
        assert expected.min() == pytest.approx(expected.max() - 1)
        assert not out._host[0, -8192:].any()

    @pytest.mark.parametrize("operation", ["encoding", "decoding"])
    @last_blocks(1)
    def test_mu_law(self, device, operation, rng):
        n_round = 8448 * 1024  # elements that all blocks take before they go on
        n = BEYOND + 2 * n_round
        dtypes = (np.float32, np.int32) if operation == "encoding" else (np.uint8, np.float32)
        x, out = (device.sparse(dtype, n) for dtype in dtypes)
        values = rng.uniform(-1, 1, 1024) if operation == "encoding" else rng.integers(0, 256, 1024)
        # The one of the last block.
        run = slice(n // n_round * n_round - 1024, n // n_round * n_round)
        assert run.start > BEYOND
        x._host[run] = values
        getattr(device.kernels, f"mu_law_{operation}")(x, 256, out)
        expected = getattr(kr, f"mu_law_{operation}_reference")(x._host[run], 256)
        np.testing.assert_allclose(out._host[run], expected, atol=1e-6)

    @last_blocks(1)
    def test_frames_of_a_long_signal(self, device, rng):
        beyond = 2 * BEYOND  # It also exceeds unsigned numbers of 32 bits.
        x = device.sparse(np.float32, 1, 1, beyond + 2**21)
        tail = rng.uniform(-1, 1, 64).astype(np.float32)
        x._host[..., beyond : beyond + 64] = tail
        frames = device.cupy.empty((1, 1, beyond // 2**20 + 2, 64), np.float32)
        device.kernels.frame(x, 2**20, 0, frames)
        np.testing.assert_array_equal(frames.get()[0, 0, -2:], [tail, 0 * tail])
        energies = device.cupy.empty(frames.shape[:3], np.float32)
        device.kernels.energy(x, 64, 2**20, 0, 1.0, energies)
        np.testing.assert_allclose(energies.get()[0, 0, -2:], [np.sum(tail**2), 0], rtol=1e-6)

    @last_blocks(1)
    def test_many_frames(self, device, rng):
        x = rng.uniform(-1, 1, (1, 1, 2**16 + 2**15 + 31)).astype(np.float32)
        out = device.sparse(np.float32, 1, 1, 2**15 + 32, 2**16)
        device.kernels.frame(device.cupy.asarray(x), 1, 0, out)
        np.testing.assert_array_equal(out._host[0, 0, -1], x[0, 0, -(2**16) :])

    @last_blocks(2)
    def test_overlap_add(self, device, monkeypatch, rng):
        n_frames, n_fft = 2 * BEYOND // 2050 + 1, 2050  # too large a prime to be fused
        frames = device.sparse(np.float32, 1, 1, n_frames, n_fft)
        frames._host[0, 0, -1] = rng.uniform(-1, 1, n_fft)
        monkeypatch.setattr(device.cupy.fft, "irfft", lambda spectra, n, norm: frames)
        spectra = device.cupy.empty((1, 1, 1, 1), np.complex64)
        out = device.sparse(np.float32, 1, 1, n_frames * n_fft)
        window = n_fft * np.hanning(n_fft)  # frames are not divided by n_fft: the window is
        device.kernels.inverse_stft(spectra, Synthesis(n_fft, n_fft, window), out)
        expected = frames._host[0, 0, -1] * (window / n_fft)
        np.testing.assert_allclose(out._host[0, 0, -512:], expected[-512:], atol=1e-6)

    @pytest.mark.parametrize("n_fft", [2048, 2079])
    @last_blocks(1)
    def test_inverse(self, device, n_fft, rng):
        n_frames = BEYOND // 1024 + 8
        x = device.sparse(np.complex64, 1, 1, n_frames, n_fft // 2 + 1)
        x._host[..., -1, :] = rng.uniform(-1, 1, n_fft // 2 + 1)
        out = device.sparse(np.float32, 1, 1, n_frames * n_fft)
        window = np.hanning(n_fft)
        device.kernels.inverse_stft(x, Synthesis(n_fft, n_fft, window), out)
        expected = np.fft.irfft(x._host[0, 0, -1].astype(complex), n_fft) * window
        np.testing.assert_allclose(out._host[0, 0, -n_fft:], expected, atol=1e-6)

    @pytest.mark.parametrize("n_fft", [4096, 4000, 3969])
    @pytest.mark.parametrize("name", ["stft", "features"])
    @last_blocks(1)
    def test_spectra(self, device, name, n_fft, rng):
        # Frames one sample apart have 2^31 bins before the signal has many.
        n_freq = n_fft // 2 + 1
        n_frames = BEYOND // n_freq + 65
        x = rng.uniform(-1, 1, (1, 1, n_frames + n_fft - 1)).astype(np.float32)
        dtype = np.complex64 if name == "stft" else np.float32
        out = device.sparse(dtype, 1, 1, n_frames, n_freq)
        front_end = stft_front_end(n_fft, None, 1, None, False, False)
        getattr(device.kernels, name)(device.cupy.asarray(x), front_end, out)
        oracle = "stft" if name == "stft" else "stft_magnitude"
        expected = getattr(kr, f"{oracle}_reference")(x[0, 0, -n_fft:].astype(float), n_fft)
        np.testing.assert_allclose(out._host[0, 0, -1], expected[0], atol=1e-4)

    @pytest.mark.parametrize(
        "operation", ["magnitude", "bins", "frame", "energy", "decibel", "bands"]
    )
    def test_strides_of_input(self, device, operation, rng):
        gapped = device.sparse(np.float32, BEYOND + 800)
        x = np.lib.stride_tricks.as_strided(gapped._host, (2, 700), (4 * (BEYOND + 100), 4))
        x[...] = rng.uniform(-1, 1, x.shape)
        got = OPERATIONS[operation](device.wrapped(x)).get()
        expected = OPERATIONS[operation](device.cupy.asarray(np.array(x))).get()
        np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("axis", range(4))
    @pytest.mark.parametrize(
        ("name", "n_fft"),
        [(name, n) for name in ("stft", "features") for n in (256, 400, 441)]
        + [("frame", 256), ("energy", 256)],
    )
    def test_strides_of_output(self, device, name, n_fft, axis, rng):
        x = device.cupy.asarray(rng.uniform(-1, 1, (2, 2, 512)).astype(np.float32))
        front_end = stft_front_end(n_fft, None, 512 - n_fft, None, False, False)
        spectra = 2, 2, 2, n_fft // 2 + 1
        shape, dtype, *arguments = {
            "stft": (spectra, np.complex64, front_end),
            "features": (spectra, np.float32, front_end),
            "frame": ((2, 2, 2, 256), np.float32, 256, 0),
            "energy": ((2, 2, 2), np.float32, 256, 256, 0, 1.0),
        }[name]
        axis = min(axis, len(shape) - 1)
        strides = list(np.empty(shape, dtype).strides)
        item_size = np.dtype(dtype).itemsize
        strides[axis] = item_size * (BEYOND // (shape[axis] - 1) + 1000)
        memory = device.sparse(dtype, strides[axis] // item_size * (shape[axis] - 1) + 5000)
        out = np.lib.stride_tricks.as_strided(memory._host, shape, strides)
        plain = device.cupy.empty(shape, dtype)
        for result in (plain, device.wrapped(out)):
            getattr(device.kernels, name)(x, *arguments, result)
        np.testing.assert_array_equal(out, plain.get())


class TestCacheOfTheHarness:
    def test_oldest_go_first(self, tmp_path):
        for age in range(6):
            path = tmp_path / str(age)
            path.write_bytes(bytes(100))
            os.utime(path, (1000 - age, 1000 - age))
        drop_oldest(tmp_path, 350, 2000)
        assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2"}
        drop_oldest(tmp_path, 0, 999)  # files that were used since then stay
        assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}


# Calls with a dynamic range.
A_SECOND = {
    "log-mel": lambda x: kr.melspectrogram(x, 512, 400, 160, n_mels=80, return_decibel=True),
    "whisper-80": kr.front_end("whisper-80"),
    "magnitudes": lambda x: kr.stft_magnitude(x, 1024, None, 512, return_decibel=True),
    "magnitude_to_decibel": kr.magnitude_to_decibel,
}


class TestLaunches:
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

    @pytest.mark.parametrize(
        ("operation", "batch"), [*((name, 1) for name in A_SECOND), ("log-mel", 2112)]
    )
    def test_a_second_of_sound_takes_one(self, monkeypatch, operation, batch):
        with fake_cupy.installed(last_blocks=1) as cupy:
            x = cupy.asarray(np.ones((batch, 16000), np.float32))
            for n_launches in (1, 2):
                A_SECOND[operation](x)
                assert len(cupy.RawModule.launches) == n_launches
                # Neither are peaks set to zero, but at the first call.
                monkeypatch.setattr(cupy, "zeros", None, raising=False)

    @pytest.mark.parametrize("batch", [1, 40, 2112])
    def test_blocks_take_more_rounds_of_large_batches(self, batch):
        x = np.ones((batch, 272), np.float32)
        with fake_cupy.installed() as cupy:
            got = kr.stft_magnitude(cupy.asarray(x), 256, hop_length=1).get()
            ((_, grid, _),) = cupy.RawModule.launches
        np.testing.assert_allclose(got[..., 0], 128, rtol=1e-6)
        # 17 frames, 16 at a time: two turns, in blocks of their own until there are 2112 blocks.
        assert grid == ((batch if batch == 2112 else 2 * batch),)


WARM = {
    "log-mel": lambda x: kr.melspectrogram(x, 512, 400, 160, n_mels=80, return_decibel=True),
    "stft_magnitude": lambda x: kr.stft_magnitude(x, 512),
    "stft": lambda x: kr.stft(x, 512),
    "magnitude_to_decibel": lambda x: kr.magnitude_to_decibel(x),
    "mu_law_encoding": lambda x: kr.mu_law_encoding(x, 256),
    "frame": lambda x: kr.frame(x, 512, 128),
    "energy": lambda x: kr.energy(x, 8000, 0.1, 512, 128),
}


def test_a_misaligned_input_is_told():
    memory = np.frombuffer(bytearray(4 * 600 + 1), np.float32, 600, offset=1)
    assert memory.ctypes.data % 4
    with fake_cupy.installed() as cupy:
        array = cupy.asarray(np.zeros(600, np.float32))
        array._host = memory
        with pytest.raises(ValueError, match="x must begin at a multiple of 4 bytes"):
            kr.stft_magnitude(array, 256)


class TestHostWork:
    """Launching a warm kernel costs little: at 0.2 to 0.4 us a call of Python, 10 to 20 us."""

    @pytest.mark.parametrize("operation", WARM)
    def test_calls_of_python(self, operation):
        calls = []

        def note(frame, event, _):
            if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
                calls.append(frame.f_code.co_name)

        with fake_cupy.installed() as cupy:
            x = cupy.asarray(np.zeros((2, 4000), np.float32))
            for _ in range(2):
                WARM[operation](x)
            transfers = dict(fake_cupy.transfers)
            sys.setprofile(note)
            try:
                WARM[operation](x)
            finally:
                sys.setprofile(None)
            assert dict(fake_cupy.transfers) == transfers
            # CuPy takes 1.3 us for each scalar that was not wrapped before.
            if operation != "mu_law_encoding":
                assert max(cupy.RawModule.wrapped_anew) <= 2
        assert 5 < len(calls) <= 50, calls
