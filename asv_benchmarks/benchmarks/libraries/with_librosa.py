"""librosa, which `plain.centred` asks for the same frames."""

import librosa
import numpy as np

from benchmarks.libraries.plain import centred
from benchmarks.peers import Contender


def _frames_before_bins(x):
    return np.moveaxis(np.asarray(x), -1, -2)


def _stft(work):
    x, options = centred(work)
    return Contender(lambda out=None: librosa.stft(x, **options, out=out), _frames_before_bins)


def _stft_magnitude(work):
    spectra = _stft(work).call
    return Contender(lambda out=None: np.abs(spectra(), out=out), _frames_before_bins)


def _melspectrogram(work):
    x, options = centred(work)
    options |= {name: work.parameters[name] for name in ("n_mels", "sample_rate")}
    options["sr"] = options.pop("sample_rate")

    def call():
        mel = librosa.feature.melspectrogram(y=x, power=1.0, **options)
        if work.parameters.get("return_decibel"):
            return librosa.power_to_db(mel, amin=1e-5, top_db=80.0)
        return mel

    return Contender(call, _frames_before_bins)


def _inverse_stft(work):
    spectra, options = centred(work)
    spectra = np.ascontiguousarray(np.moveaxis(spectra, -1, -2))
    # The first and the last frames overlap with too few frames, and each library has its own rule.
    return Contender(lambda: librosa.istft(spectra, **options), margin=options["n_fft"])


def _centred_inverse(work):
    spectra, options = centred(work)
    spectra = np.ascontiguousarray(np.moveaxis(spectra, -1, -2))
    return Contender(lambda: librosa.istft(spectra, **{**options, "center": True}))


def _decibel(work):
    (x,), options = work.inputs, dict(work.parameters)
    if options.get("ref") == "peak":
        options["ref"] = np.max
    return Contender(lambda: getattr(librosa, work.operation)(x, **options))


def _magnitude_to_decibel(work):
    (x,) = work.inputs
    return Contender(lambda: librosa.power_to_db(x, amin=1e-5, top_db=80.0))


def _frame(work):
    (x,), parameters = work.inputs, work.parameters

    def call(out=None):
        views = librosa.util.frame(
            x, frame_length=parameters["frame_length"], hop_length=parameters["hop_length"], axis=-1
        )
        if out is None:
            return views.copy()
        np.copyto(out, views)
        return out

    return Contender(call, _frames_before_bins)


def _front_end(work):
    """Compute Whisper's logarithms as decibels, which are 10 times as large."""
    (x,) = work.inputs

    def call():
        mel = librosa.feature.melspectrogram(
            y=x, sr=16000, n_fft=400, hop_length=160, n_mels=128, pad_mode="reflect"
        )
        decibel = librosa.power_to_db(mel[..., :-1], amin=1e-10, top_db=80.0)
        decibel *= 1 / 40
        decibel += 1
        return decibel

    return Contender(call)


CONTENDERS = {
    ("librosa", "stft"): _stft,
    ("librosa", "stft_magnitude"): _stft_magnitude,
    ("librosa", "melspectrogram"): _melspectrogram,
    ("librosa", "inverse_stft"): _inverse_stft,
    ("librosa", "centred_inverse"): _centred_inverse,
    ("librosa", "magnitude_to_decibel"): _magnitude_to_decibel,
    ("librosa", "power_to_db"): _decibel,
    ("librosa", "amplitude_to_db"): _decibel,
    ("librosa", "db_to_power"): _decibel,
    ("librosa", "db_to_amplitude"): _decibel,
    ("librosa", "frame"): _frame,
    ("librosa", "front_end"): _front_end,
}
