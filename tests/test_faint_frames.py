"""Frames of any loudness, and frames of a tone with noise far below it."""

import numpy as np
import pytest
from closeness import PEAK_EPS, assert_close, eps_of, error_between

import kapre_ref as kr

N_FFT = 512
POWERS = {"float32": range(-34, 18), "float64": range(-290, 290, 5)}


@pytest.mark.parametrize("dtype", POWERS)
@pytest.mark.parametrize("name", ["stft_magnitude", "stft_mag_phase"])
def test_frames_of_any_loudness(name, dtype, rng):
    time = np.arange(4 * N_FFT)
    x = np.sin(0.3 * time) + 1e-4 * rng.standard_normal(len(time))
    for power in POWERS[dtype]:
        signal = (x * 10.0**power).astype(dtype)
        if name == "stft_mag_phase":
            got = kr.stft_mag_phase(signal[None, :, None], n_fft=N_FFT)[0, ..., 0]
        else:
            got = kr.stft_magnitude(signal, n_fft=N_FFT)
        # A product with a power of two is exact, and squares in the middle of the range are safe.
        scale = 2.0 ** -round(np.log2(10.0**power))
        scaled = signal * signal.dtype.type(scale)
        truth = np.abs(kr.stft_reference(scaled.astype(np.float64), n_fft=N_FFT))
        plain = np.abs(kr.stft_reference(scaled, n_fft=N_FFT))
        peak = truth.max()
        allowed = PEAK_EPS[dtype] * eps_of(dtype) * peak
        result = got.astype(np.float64) * scale
        assert_close(result, truth, 2 * error_between(plain, truth) + allowed)
