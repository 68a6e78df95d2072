"""The stand-in for CuPy: without a GPU, all tests of GPU arrays depend on it."""

import sys

import numpy as np
import pytest
from harness import fake_cupy

import kapre_ref as kr


@pytest.fixture
def cupy():
    with fake_cupy.installed() as stand_in:
        yield stand_in


class TestStandIn:
    """The stand-in refuses what CuPy refuses; otherwise tests with it would prove nothing."""

    def test_no_implicit_copies(self, cupy):
        x = cupy.asarray(np.ones(3))
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
            np.asarray(x)
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
            np.concatenate([x, x])

    @pytest.mark.parametrize(
        "mix",
        [
            lambda cupy, x, host: x + host,
            lambda cupy, x, host: host * x,
            lambda cupy, x, host: cupy.maximum(x, host),
            lambda cupy, x, host: cupy.concatenate([x, host]),
            lambda cupy, x, host: cupy.add(x, x, out=host),
            lambda cupy, x, host: x.__setitem__(..., host),
            lambda cupy, x, host: x.__iadd__(host),
            lambda cupy, x, host: cupy.fft.rfft(host),
        ],
    )
    def test_no_mixtures(self, cupy, mix):
        with pytest.raises((TypeError, AttributeError)):
            mix(cupy, cupy.asarray(np.ones(3)), np.ones(3))

    def test_counts_copies(self, cupy):
        x = cupy.asarray(np.ones(3))
        assert float(x.sum()) + x[0].item() + cupy.asnumpy(x).sum() == 7
        assert cupy.transfers == {"set": 1, "get": 3}

    def test_is_gone_afterwards(self):
        with fake_cupy.installed() as cupy:
            kr.frame(cupy.asarray(np.ones(3)), 1, 1)
            assert "kapre_ref.kernels.gpu" in sys.modules
        assert sys.modules.get("cupy") is not fake_cupy
        assert "kapre_ref.kernels.gpu" not in sys.modules

    def test_is_gone_in_any_order(self):
        first, second = fake_cupy.installed(), fake_cupy.installed()
        first.__enter__()
        second.__enter__()
        raw_module = fake_cupy.RawModule
        first.__exit__(None, None, None)
        assert sys.modules["cupy"] is fake_cupy
        assert fake_cupy.RawModule is raw_module
        second.__exit__(None, None, None)
        assert sys.modules.get("cupy") is not fake_cupy
        assert "kapre_ref.kernels.gpu" not in sys.modules
