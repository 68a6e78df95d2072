"""The dynamic range of composed operations: a limit that holds to the bit, as that of decibels."""

import numpy as np
import pytest

import kapre_ref as kr

COMPOSED = ("stft_magnitude", "stft_mag_phase", "melspectrogram", "log_frequency_spectrogram")
FEW = {
    "melspectrogram": {"n_mels": 5},
    "log_frequency_spectrogram": {"log_n_bins": 9, "log_f_min": 2000},
}
SIZES = (64, 37)  # sizes of a transform of our own and of one by SciPy


def decibels(name, x, n_fft, oracle=False, **scale):
    """Return the decibels of signals (batch, time)."""
    options = {"n_fft": n_fft, "return_decibel": True, **FEW.get(name, {}), **scale}
    operation = getattr(kr, f"{name}_reference" if oracle else name)
    return operation(x[..., None], **options)[..., :1]  # The phases are left out.


@pytest.fixture(params=["float16", "float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.mark.parametrize("n_fft", SIZES)
@pytest.mark.parametrize("name", COMPOSED)
class TestDynamicRange:
    def test_limit_holds_to_the_bit(self, name, n_fft, dtype, rng):
        for _ in range(10):
            x = rng.standard_normal((2, 600)) * 10 ** rng.uniform(-1, 3)
            # Frames that are alike but for rounding: any of them may have the largest decibels.
            x[1] = np.resize(x[1, : n_fft // 4], 600) * (1 + 1e-7 * rng.standard_normal(600))
            x[:, 450:] *= 1e-4
            dynamic_range = float(rng.uniform(0.1, 90))
            for oracle in (False, True):
                scale = {"db_amin": 1e-6, "db_dynamic_range": dynamic_range}
                got = decibels(name, x.astype(dtype), n_fft, oracle, **scale)
                least = got.max(axis=(1, 2, 3), keepdims=True) - dynamic_range
                assert np.all(got >= least)
                assert np.any(got[:, -1:] <= least[:1] + 70)

    def test_limit_close_to_amin(self, name, n_fft, dtype, rng):
        x = rng.standard_normal((1, 600)).astype(dtype)
        x[:, 300:] = 0
        peak = float(decibels(name, x, n_fft).max())
        for distance in np.linspace(-1, 1, 21):
            scale = {"db_amin": 1e-3, "db_dynamic_range": peak + 30 - float(distance)}
            got = decibels(name, x, n_fft, **scale)
            least = got.max() - scale["db_dynamic_range"]
            assert np.all(got[:, -1] == max(least, dtype.type(-30)))

    def test_no_limit(self, name, n_fft, dtype):
        x = np.zeros((4, 600), dtype)
        x[:, :200] = 1
        x[2, 10], x[3, 10] = np.inf, np.nan
        scale = {"db_amin": 1e-7, "db_dynamic_range": np.inf}
        got = decibels(name, x, n_fft, **scale)
        assert np.all(got[:2, -1] == dtype.type(-70))
        assert not np.isfinite(got[2]).any()  # transforms make infinity or NaN of infinity
        assert np.isnan(got[3]).all()
