"""A script that tests run: what vectors of another width compute, compared with the oracles."""

import sys

import numpy as np
from closeness import assert_formulas_agree

import kapre_ref as kr
from kapre_ref.kernels.cpu.emit.intrinsics import vector_bytes

HOPS = (256, 171, 128, 100, 86, 64, 57, 32, 8)  # 2 to 64 frames overlap


def main():
    """Compare all results, and print the width of the vectors."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x = rng.standard_normal((2, 6000)).astype(dtype)
        for hop_length in HOPS:
            spectra = kr.stft(x, n_fft=512, hop_length=hop_length)
            close(spectra, kr.stft_reference(x, n_fft=512, hop_length=hop_length))
            got = kr.inverse_stft(spectra, n_fft=512, hop_length=hop_length)
            expected = kr.inverse_stft_reference(spectra, n_fft=512, hop_length=hop_length)
            close(got[:, 512:-512], expected[:, 512:-512])
        options = {"n_fft": 400, "n_mels": 40, "return_decibel": True}
        close(kr.melspectrogram(x, **options), kr.melspectrogram_reference(x, **options))
        magnitudes = np.abs(spectra)
        close(kr.delta(magnitudes), kr.delta_reference(magnitudes))
        close(kr.logmel_to_mfcc(magnitudes), kr.logmel_to_mfcc_reference(magnitudes))
        weights = kr.filterbank_mel(16000, 257, 40, dtype=dtype)
        bands = kr.apply_filterbank_reference(magnitudes, weights)
        close(kr.apply_filterbank(magnitudes, weights), bands)
        decibels = kr.magnitude_to_decibel_reference(magnitudes)
        close(kr.magnitude_to_decibel(magnitudes), decibels)
    print(vector_bytes())


def close(got, expected):
    """Require equality to 64 eps of the peak, as for two formulas for one operation."""
    assert got.dtype == expected.dtype
    assert_formulas_agree(got, expected)


if __name__ == "__main__":
    main()
    sys.exit(0)
