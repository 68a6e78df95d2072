"""Work on a second device or in a second stream; the stand-in for CuPy refuses mixtures."""

import shutil

import numpy as np
import pytest
from harness import fake_cupy
from test_dispatch import LAST, OPERATIONS, RANDOM, _formats, _input

import kapre_ref as kr
from kapre_ref import _kept

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
# Besides `OPERATIONS`, these calls have tables of their own on the device.
FUSED = {
    "stft": {"n_fft": 256},
    "stft_magnitude": {"n_fft": 400, "return_decibel": True},
    "melspectrogram": {"n_fft": 256, "n_mels": 10, "return_decibel": True},
}
CALLS = [(name, {}) for name in (*OPERATIONS, *RANDOM)] + list(FUSED.items())


@pytest.fixture
def cupy():
    with fake_cupy.installed() as stand_in:
        yield stand_in


def example(name, others):
    """Return an input of an operation, and the other arguments of the call."""
    if name in RANDOM:
        shape, parameters = RANDOM[name]
        x = np.random.default_rng(0).uniform(1, 2, shape).astype(np.float32)
        return x, lambda: parameters | {"rng": np.random.default_rng(1)}
    _, kind, parameters, n_formats = OPERATIONS[name]
    parameters = others or parameters
    if others:
        x = np.random.default_rng(2).uniform(-1, 1, (2, 700, 2)).astype(np.float32)
    else:
        x = _input(kind, LAST, "float32")
    return x, lambda: parameters | _formats(n_formats, LAST)


@pytest.mark.parametrize(("name", "others"), CALLS)
class TestSecond:
    def test_device(self, cupy, name, others):
        x, parameters = example(name, others)
        results = []
        for number in (0, 1, 0):
            with cupy.cuda.Device(number):
                on_device = cupy.asarray(x)
            # Device 0 is the current one; tables of both stay there.
            got = getattr(kr, name)(on_device, **parameters())
            assert got.device.id == number
            results.append(got.get())
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])

    def test_stream(self, cupy, name, others):
        x, parameters = example(name, others)
        results = []
        for _ in range(2):
            with cupy.cuda.Stream():
                results.append(getattr(kr, name)(cupy.asarray(x), **parameters()).get())
        np.testing.assert_array_equal(*results)


class TestTables:
    """Tables are kept on devices; a kernel may still read a table when it is dropped."""

    def test_devices_are_waited_for(self, cupy):
        x = np.random.default_rng(0).uniform(-1, 1, 2000).astype(np.float32)
        results = []
        for _ in range(2):
            with cupy.cuda.Device(1):
                results.append(kr.stft_magnitude(cupy.asarray(x), 400).get())
            fake_cupy.waited_for.clear()
            _kept.release_memory()
            assert 1 in fake_cupy.waited_for
        np.testing.assert_array_equal(*results)

    def test_bounded_in_bytes(self, cupy, monkeypatch):
        monkeypatch.setattr(_kept, "_MAX_TABLE_BYTES", 1 << 20)
        monkeypatch.setattr(_kept, "_reserved_bytes", 0)
        x = cupy.asarray(np.zeros(4100, np.float32))
        _kept.release_memory()
        for rate in range(8000, 8040):
            kr.melspectrogram(x, 4096, sample_rate=rate, n_mels=20)
            assert _kept._table_bytes <= 1 << 20
        assert fake_cupy.waited_for


class TestLike:
    def test_second_device(self, cupy):
        with cupy.cuda.Device(1):
            like = cupy.empty(1)
        assert kr.hann_window(8, like=like).device.id == 1


class TestStandIn:
    def test_refuses_another_device(self, cupy):
        with cupy.cuda.Device(1):
            x = cupy.asarray(np.ones(3))
        assert x[1:].reshape(-1, 1).device.id == 1
        for use in (lambda: x + 1, lambda: cupy.sqrt(x), lambda: x.sum(), lambda: x.astype("f4")):
            with pytest.raises(RuntimeError, match="array of device 1 used on device 0"):
                use()

    def test_refuses_a_launch_on_another_device(self, cupy):
        with cupy.cuda.Device(1):
            x = cupy.asarray(np.ones(3, np.float32))
        code = "__global__ void f(float* x) { *x = 1; }"
        function = cupy.RawModule(code=code, name_expressions=("f",)).get_function("f")
        with pytest.raises(RuntimeError, match="array of device 1 used on device 0"):
            function((1,), (1,), (x,))
        with cupy.cuda.Device(1), pytest.raises(RuntimeError, match="compiled for device 0"):
            function((1,), (1,), (x,))

    def test_refuses_a_copy_that_may_not_be_over(self, cupy):
        x = cupy.asarray(np.ones(3))
        with cupy.cuda.Stream(), pytest.raises(RuntimeError, match="did not wait"):
            x[1:] + 1
        cupy.cuda.get_current_stream().synchronize()
        with cupy.cuda.Stream():
            x[1:] + 1
