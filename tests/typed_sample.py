"""What a type checker knows of the public functions; mypy reads this file, nothing runs it."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import kapre_ref as kr

Half = NDArray[np.float16]
Single = NDArray[np.float32]
Double = NDArray[np.float64]


def results_have_the_dtype_of_the_signal(half: Half, single: Single, double: Double) -> None:
    """Follow dtypes through the operations."""
    assert_type(kr.frame(half, 4, 2), Half)
    assert_type(kr.energy(single), Single)
    assert_type(kr.stft_magnitude(half, return_decibel=True), Half)
    assert_type(kr.stft_mag_phase(double), Double)
    assert_type(kr.melspectrogram(single, 512, n_mels=40), Single)
    assert_type(kr.log_frequency_spectrogram(double), Double)
    assert_type(kr.mfcc(single, sample_rate=16000), Single)
    assert_type(kr.logmel_to_mfcc(kr.melspectrogram(single)), Single)
    assert_type(kr.delta(single, mode="reflect"), Single)
    assert_type(kr.magnitude_to_decibel(half), Half)
    assert_type(kr.apply_filterbank(double, single), Double)
    assert_type(kr.concatenate_frequency_map(single), Single)
    assert_type(kr.spec_augment(single, 2, 2, rng=np.random.default_rng()), Single)
    assert_type(kr.channel_swap(double, rng=np.random.default_rng()), Double)
    assert_type(kr.stack_frames(single, 7, 6, "repeat"), Single)
    assert_type(kr.patches(double, 96, 48), Double)
    assert_type(kr.fix_length(half, 480_000, mode="repeatpad"), Half)
    assert_type(kr.standardize(single), Single)
    assert_type(kr.melspectrogram(single, out=single), Single)


def spectra_are_complex(half: Half, single: Single, double: Double) -> None:
    """Follow dtypes to the complex numbers and back."""
    assert_type(kr.stft(half), NDArray[np.complex64])
    assert_type(kr.stft(single, window_name="hann"), NDArray[np.complex64])
    assert_type(kr.stft(double), NDArray[np.complex128])
    assert_type(kr.inverse_stft(kr.stft(single)), Single)
    assert_type(kr.inverse_stft(kr.stft(double)), Double)
    assert_type(kr.magnitude(kr.stft(single)), Single)
    assert_type(kr.phase(kr.stft(double)), Double)
    assert_type(kr.magnitude(half), Half)


def codes(single: Single, numbers: NDArray[np.int64]) -> None:
    """Mu-law has dtypes of its own."""
    assert_type(kr.mu_law_encoding(single, 256), NDArray[np.int32])
    assert_type(kr.mu_law_decoding(numbers, 256), Single)
    assert_type(kr.channel_swap(numbers, rng=np.random.default_rng()), NDArray[np.int64])


def an_array_of_unknown_dtype_is_taken(x: NDArray[Any]) -> None:
    """Arrays whose dtype NumPy itself does not know, such as those of a file, are accepted."""
    kr.stft(x)
    kr.melspectrogram(x, mel_norm=None, output_data_format="channels_first")


def mistakes(single: Single, integers: NDArray[np.int16], rng: np.random.Generator) -> None:
    """Each line has an error; where mypy found none, it would complain of the comment."""
    kr.stft(single, window_name="han")  # type: ignore[call-overload]
    kr.stft(single, input_data_format="last")  # type: ignore[call-overload]
    kr.inverse_stft(single)  # type: ignore[arg-type]
    kr.stft_magnitude(single, output_data_format="first")  # type: ignore[arg-type]
    kr.melspectrogram(single, mel_norm="Slaney")  # type: ignore[arg-type]
    kr.melspectrogram(single, 512, 512, 128, "hann")  # type: ignore[call-arg]
    kr.melspectrogram(integers)  # type: ignore[type-var]
    kr.mfcc(integers)  # type: ignore[type-var]
    kr.stft(integers)  # type: ignore[arg-type]
    kr.frame(integers, 4, 2)  # type: ignore[type-var]
    kr.mu_law_encoding(integers, 256)  # type: ignore[arg-type]
    kr.delta(single, mode="edge")  # type: ignore[arg-type]
    kr.stack_frames(single, 2, edge="fill")  # type: ignore[arg-type]
    kr.fix_length(single, 9, mode="wrap")  # type: ignore[arg-type]
    kr.standardize(integers)  # type: ignore[type-var]
    kr.energy(single, data_format="x")  # type: ignore[arg-type]
    kr.get_window_fn("boxcar")  # type: ignore[arg-type]
    kr.filterbank_mel(16000, 257, norm="l1")  # type: ignore[arg-type]
    kr.channel_swap(single, 0, rng=rng)  # type: ignore[arg-type]
    kr.melspectrogram("song.wav")  # type: ignore[arg-type]
    kr.perfectly_reconstructing_stft_istft(16, 4, "x")  # type: ignore[arg-type]
