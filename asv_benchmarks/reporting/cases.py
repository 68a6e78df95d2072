"""The work that speed is measured on: the rows of the tables and the points of a graph."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import kapre_ref
from benchmarks.common import noise
from benchmarks.peers import REUSED


class Case(NamedTuple):
    """A piece of work, and the peers that do it too."""

    table: str
    title: str
    operation: str
    parameters: dict
    inputs: Callable[[], tuple]
    peers: tuple
    n_threads: int = 1


# Follows the name of a peer if C's allocator was told to keep large arrays, for it and for us.
TUNED = ", allocator tuned"
ONE_THREAD = "kapre_ref, 1 thread"  # stands among the peers
ONE_SECOND = ", one second"  # follows the title of the same work on a second alone
_TORCH = ("torch" + TUNED, "torch")
_SIGNAL = "tf.signal, XLA"
_PLAIN = ("NumPy, SciPy", "NumPy, SciPy" + REUSED)
_BLOCKED = ("NumPy, SciPy, blocked", "NumPy, SciPy, blocked" + REUSED)
_LIBROSA = ("librosa", "librosa" + REUSED)
_COPY = ("a copy", "a copy" + REUSED)
_WRITING = ("writing the result", "writing the result" + REUSED)
_STFT_PEERS = (*_PLAIN, *_BLOCKED, *_LIBROSA, *_TORCH, _SIGNAL, "Kapre")
_MEL_PEERS = (*_BLOCKED, "librosa", *_TORCH, _SIGNAL, "Kapre")
_CALL_PEERS = (*_BLOCKED, "librosa", "torch", "Kapre")
_INVERSE_PEERS = (*_PLAIN, "librosa", *_TORCH, "tf.signal")
_DECIBEL_PEERS = (*_PLAIN, "librosa", "Kapre")
_ENCODING_PEERS = (*_PLAIN, "Kapre", *_COPY)
_DECODING_PEERS = (*_PLAIN, "Kapre, XLA", *_COPY)
_FRAME_PEERS = (*_PLAIN, *_LIBROSA, "Kapre", *_WRITING)
_LONG = {"n_fft": 2048, "hop_length": 512}
_SHORT = {"n_fft": 512, "win_length": 400, "hop_length": 160}
_LONG_MEL = {**_LONG, "sample_rate": 22050, "n_mels": 128, "return_decibel": True}
_SHORT_MEL = {**_SHORT, "sample_rate": 16000, "n_mels": 80, "return_decibel": True}
_FRAMES = {"frame_length": 2048, "hop_length": 512}
_CODES = {"quantization_channels": 256}


def at_22050():
    """Eight signals of 30 s at 22.05 kHz."""
    return (noise((8, 30 * 22050)),)


def at_22050_in_double():
    """Eight signals of 30 s at 22.05 kHz in float64."""
    return (noise((8, 30 * 22050), "float64"),)


def at_16000():
    """Eight signals of 30 s at 16 kHz."""
    return (noise((8, 30 * 16000)),)


def a_second():
    """One signal of 1 s at 16 kHz."""
    return (noise((1, 16000)),)


def spectra():
    """Spectra of eight signals of 30 s."""
    return (kapre_ref.stft(*at_22050(), **_LONG),)


def magnitudes():
    """Magnitudes of the shape (8, 1292, 1025, 1)."""
    return (np.abs(noise((8, 1292, 1025, 1))),)


def samples():
    """Ten million samples."""
    return (noise((10_000_000,)),)


def codes():
    """Ten million codes of 8 bits."""
    return (kapre_ref.mu_law_encoding(*samples(), 256),)


def seconds(duration):
    """One signal at 16 kHz."""
    return (noise((1, int(duration * 16000))),)


# The FFT alone: on 1 thread by every library, on 2 threads by those that have threads.
_FFT_ALONE = ("ducc0 FFT", "SciPy FFT", "pyFFTW FFT", "MKL FFT")
_FEATURES = (
    ("`stft_magnitude`, 2048/512", "stft_magnitude", _LONG, at_22050, _STFT_PEERS),
    ("`stft_magnitude`, 512/160", "stft_magnitude", _SHORT, at_16000, _STFT_PEERS),
    ("log-mel 128, 2048/512", "melspectrogram", _LONG_MEL, at_22050, _MEL_PEERS),
    ("log-mel 80, 512/160", "melspectrogram", _SHORT_MEL, at_16000, _MEL_PEERS),
    ("log-mel 80, 512/160, one second", "melspectrogram", _SHORT_MEL, a_second, _CALL_PEERS),
    ("`stft`, 2048/512", "stft", _LONG, at_22050, ("NumPy, SciPy", *_LIBROSA, *_TORCH, "Kapre")),
    ("`inverse_stft`, 2048/512", "inverse_stft", _LONG, spectra, _INVERSE_PEERS),
    ("`magnitude_to_decibel`", "magnitude_to_decibel", {}, magnitudes, _DECIBEL_PEERS),
    ("`mu_law_encoding`", "mu_law_encoding", _CODES, samples, _ENCODING_PEERS),
    ("`mu_law_decoding`", "mu_law_decoding", _CODES, codes, _DECODING_PEERS),
    ("`frame`, 2048/512", "frame", _FRAMES, at_22050, _FRAME_PEERS),
    ("`energy`, 2048/512", "energy", _FRAMES, at_22050, (*_PLAIN, "Kapre")),
)
_TRANSFORMS = (
    ("2048/512", _LONG, at_22050, _FFT_ALONE, 1),
    ("512/160, window of 400", _SHORT, at_16000, _FFT_ALONE, 1),
    ("2048/512", _LONG, at_22050, (ONE_THREAD, *_FFT_ALONE), 2),
    ("512/160, window of 400", _SHORT, at_16000, (ONE_THREAD, *_FFT_ALONE), 2),
    *(
        (f"{n}/{n // 4}", {"n_fft": n, "hop_length": n // 4}, at_22050, _FFT_ALONE, 1)
        for n in (400, 480, 1200, 1536, 2000)
    ),
    ("2048/512, float64", _LONG, at_22050_in_double, _FFT_ALONE, 1),
)

# The recipes of `kapre_ref.front_end`, and the tools that have the same.
_RECIPES = {
    "whisper-128": (
        *("openai-whisper" + TUNED, "openai-whisper"),
        *("transformers, torch" + TUNED, "transformers, torch", "transformers, NumPy"),
        "librosa",
    ),
    "kaldi-fbank-80": (
        *("kaldi-native-fbank", "torchaudio" + TUNED, "torchaudio", "transformers, NumPy"),
    ),
    "nemo-128": (*("kaldi-native-fbank", "transformers, torch" + TUNED, "transformers, torch"),),
}

# The graph of growth shows a log-mel of 80 bands of one signal, by its length in seconds.
GROWTH_SECONDS = (0.25, 1, 4, 16, 64, 256)
_GROWTH_PEERS = ("NumPy, SciPy, blocked", "librosa", "torch")

CASES = (
    *(Case("features", *row) for row in _FEATURES),
    *(
        Case("transforms", title, "stft_magnitude", parameters, inputs, peers, n_threads)
        for title, parameters, inputs, peers, n_threads in _TRANSFORMS
    ),
    *(
        Case("recipes", name + suffix, "front_end", {"name": name}, inputs, peers)
        for name, all_peers in _RECIPES.items()
        for suffix, inputs, peers in (
            ("", at_16000, all_peers),
            (ONE_SECOND, a_second, tuple(p for p in all_peers if not p.endswith(TUNED))),
        )
    ),
    *(
        Case(
            "growth",
            f"{duration:g}",
            "melspectrogram",
            _SHORT_MEL,
            partial(seconds, duration),
            _GROWTH_PEERS if n_threads == 1 else (),
            n_threads,
        )
        for n_threads in (1, 2)
        for duration in GROWTH_SECONDS
    ),
)
