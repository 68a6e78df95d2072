"""The formulas as one writes them with NumPy and SciPy, in the precision of the input."""

import numpy as np
from scipy import fft, ndimage

import kapre_ref
from benchmarks.peers import Contender

_BLOCK = 64  # frames of 2048 samples; so few that a block stays in the cache
_TO_DECIBEL = 10


def window_of(parameters, dtype):
    """Return the Hann window of the parameters of an STFT."""
    length = parameters.get("win_length") or parameters["n_fft"]
    return kapre_ref.hann_window(length, dtype=dtype)


def frames_of(x, parameters):
    """View a signal as frames, (batch, n_frames, win_length)."""
    length = parameters.get("win_length") or parameters.get("n_fft") or parameters["frame_length"]
    views = np.lib.stride_tricks.sliding_window_view(x, length, axis=1)
    return views[:, :: parameters["hop_length"]]


def filterbank_of(parameters, dtype):
    """Return the mel filterbank of the parameters of a mel spectrogram."""
    sample_rate, n_freq = parameters["sample_rate"], parameters["n_fft"] // 2 + 1
    return kapre_ref.filterbank_mel(sample_rate, n_freq, parameters["n_mels"], dtype=dtype)


def centred(work):
    """Return the parameters in librosa's and torch's words, and signals that shift the frames.

    They put a short window in the middle of the transform, Kapre at its start: with as many zeros
    around the signal as around the window, the frames hold the same samples.
    """
    (x,), parameters = work.inputs, work.parameters
    n_fft = parameters["n_fft"]
    win_length = parameters.get("win_length") or n_fft
    before = (n_fft - win_length) // 2
    if work.operation not in ("inverse_stft", "centred_inverse"):
        x = np.pad(x, [(0, 0), (before, n_fft - win_length - before)])
    options = {"n_fft": n_fft, "hop_length": parameters["hop_length"], "win_length": win_length}
    return x, {**options, "center": False}


def decibel(magnitude, out=None, amin=1e-5, dynamic_range=80.0):
    """Convert magnitudes to decibels, in `out` or in a new array."""
    amin, dynamic_range = magnitude.dtype.type(amin), magnitude.dtype.type(dynamic_range)
    result = np.maximum(magnitude, amin, out=out)
    np.log10(result, out=result)
    result *= _TO_DECIBEL
    peak = result.max(axis=tuple(range(1, result.ndim)), keepdims=True)
    return np.maximum(result, peak - dynamic_range, out=result)


def _stft(work):
    (x,), parameters = work.inputs, work.parameters
    window = window_of(parameters, x.dtype)

    def call():
        frames = frames_of(x, parameters) * window
        return fft.rfft(frames, parameters["n_fft"], workers=work.n_threads)

    return Contender(call)


def _stft_magnitude(work):
    spectra = _stft(work).call
    return Contender(lambda out=None: np.abs(spectra(), out=out))


def _stft_magnitude_blocked(work):
    return _blocked(work, None)


def _melspectrogram_blocked(work):
    return _blocked(work, filterbank_of(work.parameters, work.inputs[0].dtype))


def _blocked(work, filterbank):
    (x,), parameters = work.inputs, work.parameters
    n_fft, window = parameters["n_fft"], window_of(parameters, x.dtype)
    n_bands = n_fft // 2 + 1 if filterbank is None else filterbank.shape[1]

    def call(out=None):
        frames = frames_of(x, parameters)
        result = np.empty((*frames.shape[:2], n_bands), x.dtype) if out is None else out
        for signal, bands in zip(frames, result, strict=True):
            for start in range(0, len(signal), _BLOCK):
                block = slice(start, start + _BLOCK)
                spectra = fft.rfft(signal[block] * window, n_fft, workers=work.n_threads)
                if filterbank is None:
                    np.abs(spectra, out=bands[block])
                else:
                    np.matmul(np.abs(spectra), filterbank, out=bands[block])
        return decibel(result, result) if parameters.get("return_decibel") else result

    return Contender(call)


def _inverse_stft(work):
    (spectra,), parameters = work.inputs, work.parameters
    n_fft, hop = parameters["n_fft"], parameters["hop_length"]
    window = window_of(parameters, spectra.real.dtype)
    n_overlaps = -(-len(window) // hop)
    squares = np.pad(window**2, (0, n_overlaps * hop - len(window)))
    total = np.tile(squares.reshape(n_overlaps, hop).sum(axis=0), n_overlaps)[: len(window)]
    inverse = window / total

    def call(out=None):
        frames = fft.irfft(spectra, n_fft, workers=work.n_threads)[..., : len(window)]
        frames *= inverse
        n_frames = frames.shape[1]
        shape = (len(frames), (n_frames - 1) * hop + len(window))
        signals = np.empty(shape, frames.dtype) if out is None else out
        signals[...] = 0
        for index in range(n_frames):
            signals[:, index * hop : index * hop + len(window)] += frames[:, index]
        return signals

    return Contender(call)


def _magnitude_to_decibel(work):
    (x,) = work.inputs
    return Contender(lambda out=None: decibel(x, out))


def _mu_law_encoding(work):
    (x,), n_codes = work.inputs, work.parameters["quantization_channels"]
    mu, half = x.dtype.type(n_codes - 1), x.dtype.type(0.5)

    def call(out=None):
        compressed = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
        codes = (compressed + 1) / 2 * mu + half
        return codes.astype(np.int32) if out is None else _copied(codes, out)

    return Contender(call)


def _mu_law_decoding(work):
    (codes,), n_codes = work.inputs, work.parameters["quantization_channels"]
    mu = np.float32(n_codes - 1)

    def call(out=None):
        x = 2 * (codes.astype(np.float32) / mu) - 1
        return np.divide(np.sign(x) * ((1 + mu) ** np.abs(x) - 1), mu, out=out)

    return Contender(call)


def _copy(work):
    # A code and a sample take 4 bytes each, so the result has as many bytes as the input.
    (x,) = work.inputs
    return Contender(lambda out=None: x.copy() if out is None else _copied(x, out), same_work=False)


def _copied(x, out):
    np.copyto(out, x, casting="unsafe")
    return out


def _write_frames(work):
    (x,) = work.inputs
    shape, value = frames_of(x, work.parameters).shape, x.dtype.type(1)

    def call(out=None):
        return np.full(shape, value) if out is None else out.fill(value)

    return Contender(call, same_work=False)


def _frame(work):
    (x,) = work.inputs

    def call(out=None):
        frames = frames_of(x, work.parameters)
        return np.ascontiguousarray(frames) if out is None else _copied(frames, out)

    return Contender(call)


def _energy(work):
    (x,), parameters = work.inputs, work.parameters
    # The scale for the default sample rate, 22050 Hz, and the default reference, 0.1 s.
    scale = x.dtype.type(0.1 * 22050 / parameters["frame_length"])

    def call(out=None):
        frames = frames_of(x, parameters)
        energies = np.einsum("btn,btn->bt", frames, frames, out=out)
        return np.multiply(energies, scale, out=energies)

    return Contender(call)


def _delta(work):
    (x,), half = work.inputs, work.parameters["win_length"] // 2
    weights = np.arange(-half, half + 1, dtype=x.dtype)
    weights /= np.sum(weights**2)
    return Contender(lambda: ndimage.correlate1d(x, weights, axis=1, mode="reflect"))


def _logmel_to_mfcc(work):
    (x,), n_mfccs = work.inputs, work.parameters["n_mfccs"]
    scale = x.dtype.type(np.sqrt(2 * x.shape[2]))
    return Contender(lambda: fft.dct(x, 2, workers=work.n_threads)[..., :n_mfccs] / scale)


def _apply_filterbank(work):
    x, filterbank = work.inputs
    return Contender(lambda: x @ filterbank)


CONTENDERS = {
    ("NumPy, SciPy", "stft"): _stft,
    ("NumPy, SciPy", "stft_magnitude"): _stft_magnitude,
    ("NumPy, SciPy", "inverse_stft"): _inverse_stft,
    ("NumPy, SciPy", "magnitude_to_decibel"): _magnitude_to_decibel,
    ("NumPy, SciPy", "mu_law_encoding"): _mu_law_encoding,
    ("NumPy, SciPy", "mu_law_decoding"): _mu_law_decoding,
    ("NumPy, SciPy", "frame"): _frame,
    ("NumPy, SciPy", "energy"): _energy,
    ("NumPy, SciPy", "delta"): _delta,
    ("NumPy, SciPy", "logmel_to_mfcc"): _logmel_to_mfcc,
    ("NumPy, SciPy", "apply_filterbank"): _apply_filterbank,
    ("NumPy, SciPy, blocked", "stft_magnitude"): _stft_magnitude_blocked,
    ("NumPy, SciPy, blocked", "melspectrogram"): _melspectrogram_blocked,
    ("a copy", "mu_law_encoding"): _copy,
    ("a copy", "mu_law_decoding"): _copy,
    ("writing the result", "frame"): _write_frames,
}
