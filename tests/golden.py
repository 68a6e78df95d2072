"""Recordings of the real Kapre 0.4.1, and the calls of our functions that answer to them."""

import json
import warnings
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
from conftest import Backend

import kapre_ref
from kapre_ref._stft import forward_window_reference
from kapre_ref._synthesis import inverse_window_reference
from kapre_ref._windows import get_window_fn_reference

FOLDER = Path(__file__).parent / "data" / "golden"


@cache
def _arrays(file):
    with np.load(FOLDER / f"{file}.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@dataclass(frozen=True)
class Entry:
    """One call of Kapre or TensorFlow, and its recorded result."""

    file: str
    id: str
    op: str
    init: dict = field(hash=False)
    kwargs: dict = field(hash=False)
    input_names: tuple
    output_names: tuple
    raises: dict | None = field(hash=False)

    @property
    def name(self):
        """Return the id of its test."""
        return f"{self.file}-{self.id}"

    @property
    def inputs(self):
        """Return fresh copies of the arrays that were passed."""
        return [_arrays(self.file)[name].copy() for name in self.input_names]

    @property
    def outputs(self):
        """Return the arrays that the call returned."""
        return [_arrays(self.file)[name] for name in self.output_names]

    @property
    def is_layer(self):
        """Tell whether it is a Keras layer, which casts its input to its own dtype."""
        return self.op.startswith("kapre.") and not self.op.startswith("kapre.backend.")

    @property
    def cast_inputs(self):
        """Return the inputs as the code inside the layer saw them: Keras casts only floats."""
        dtype = self.init.get("dtype", "float32")
        return [
            x.astype(dtype) if self.is_layer and x.dtype.kind == "f" else x for x in self.inputs
        ]

    @property
    def is_cast(self):
        """Tell whether Keras changed the dtype of an input."""
        pairs = zip(self.inputs, self.cast_inputs, strict=True)
        return any(before.dtype != after.dtype for before, after in pairs)

    @property
    def parameters(self):
        """Return the other arguments, and restore the numbers that JSON does not have."""
        both = {**self.init, **self.kwargs}
        numbers = {"inf": np.inf, "nan": np.nan}
        return {
            name: numbers.get(value, value) if isinstance(value, str) else value
            for name, value in both.items()
            if name not in ("dtype", "training") or self.op == "kapre.backend.get_window_fn"
        }


@cache
def entries():
    """Return all entries of all files, in order."""
    found = []
    for path in sorted(FOLDER.glob("*.npz")):
        index = json.loads(str(_arrays(path.stem)["index"]))
        assert index["format"] == 1
        found += [
            Entry(
                path.stem,
                entry["id"],
                entry["op"],
                entry["init"],
                entry["kwargs"],
                tuple(entry["inputs"]),
                tuple(entry["outputs"]),
                entry["raises"],
            )
            for entry in index["entries"]
        ]
    return tuple(found)


@dataclass(frozen=True)
class Library:
    """The functions of kapre_ref by name, either the public ones on a backend or their oracles."""

    backend: Backend | None = None

    @property
    def name(self):
        """Return the name that the ids of tests have."""
        return self.backend.name if self.backend else "oracle"

    def __getattr__(self, function):
        if self.backend is None:
            return getattr(kapre_ref, function + "_reference")
        public = getattr(kapre_ref, function)
        return public if function in _CONSTRUCTORS else partial(self._run, public)

    def _run(self, public, *arguments, **parameters):
        there = [self.backend.array(x) if isinstance(x, np.ndarray) else x for x in arguments]
        return self.backend.numpy(public(*there, **parameters))

    def get_window_fn(self, name):
        """Return a window function by name; its oracle is not in the public list."""
        get = kapre_ref.get_window_fn if self.backend else get_window_fn_reference
        return get(name)


_CONSTRUCTORS = ("filterbank_mel", "filterbank_log")
ORACLE = Library()


def ask(library, entry, inputs=None):
    """Call our function as Kapre's was called, and return a list like the entry's outputs."""
    inputs = entry.cast_inputs if inputs is None else inputs
    answer = _ADAPTERS[entry.op](library, *inputs, **entry.parameters)
    # One file holds only the signal of the reconstructing pair, which comes last.
    return answer[-len(entry.outputs) :] if isinstance(answer, list) else [answer]


def _plain(name, library, *inputs, **parameters):
    return getattr(library, name)(*inputs, **parameters)


def _window(library, window_name, window_length, **options):
    return library.get_window_fn(window_name)(window_length, **options)


def _validate(library, data_format):
    kapre_ref.validate_data_format_str(data_format)
    return np.empty(0)  # If a call returned None, this is its record.


def _mel(library, **parameters):
    weights, n_warnings = mel_with_warnings(library, **parameters)
    is_empty = not weights.any(axis=0).all()
    assert n_warnings == (is_empty and library is not ORACLE), "one warning, of empty bands only"
    return weights


def mel_with_warnings(library, **parameters):
    """Return a mel filterbank, and how many warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        weights = library.filterbank_mel(**parameters)
    assert all("mel bands are empty" in str(w.message) for w in caught)
    return weights, len(caught)


def _inverse_window(library, frame_step, window_length, window_name):
    if library is ORACLE:
        window = forward_window_reference(window_name, window_length, np.dtype(np.float32))
        return inverse_window_reference(window, frame_step).astype(np.float32)
    # One frame of ones comes back as the window that it is multiplied by.
    ones = np.zeros((1, window_length // 2 + 1), np.complex64)
    ones[0, 0] = window_length
    lengths = (window_length, window_length, frame_step)
    return library.inverse_stft(ones, *lengths, forward_window_name=window_name)


def _tf_frame(library, x, frame_length, frame_step, **options):
    return library.frame(x, frame_length, frame_step, **options)


def _tf_stft(library, x, frame_length, frame_step, fft_length=None, **options):
    # TensorFlow rounds the transform's size up to a power of two unless it is given, as in Kapre.
    n_fft = fft_length or 1 << (frame_length - 1).bit_length()
    return library.stft(x, n_fft, frame_length, frame_step, **options)


def _overlap_and_add(library, frames, frame_step):
    # inverse_stft multiplies frames by a window, and that of Hamming is nowhere zero. So frames are
    # divided by it beforehand, and are then added as they are.
    n_fft = frames.shape[-1]
    window = get_window_fn_reference("hamming_window")(n_fft, dtype=np.float64)
    spectra = np.fft.rfft(frames / inverse_window_reference(window, frame_step))
    options = {"hop_length": frame_step, "forward_window_name": "hamming_window"}
    signal = library.inverse_stft(spectra, n_fft, **options)
    return signal.astype(frames.dtype)


def _apply_filterbank(library, x, type, filterbank_kwargs, data_format="default"):  # noqa: A002
    make = {"mel": partial(_mel, library), "log": library.filterbank_log}[type]
    return library.apply_filterbank(x, make(**filterbank_kwargs), data_format)


def _stft_tflite(library, x, **parameters):
    spectra = library.stft(x, **parameters)
    return np.stack([spectra.real, spectra.imag], axis=-1)  # Tflite has no complex numbers


def _magnitude_tflite(library, parts):
    return library.magnitude(to_complex(parts))


def to_complex(parts):
    """Join the real and imaginary parts that Tflite keeps in the last axis."""
    return parts[..., 0] + 1j * parts[..., 1]


def _phase(library, x, approx_atan_accuracy=None):
    return library.phase(x)


def _phase_tflite(library, parts, approx_atan_accuracy=None):
    return library.phase(to_complex(parts))


def _perfect_pair(library, x, **parameters):
    n_fft, hop_length = parameters["n_fft"], parameters["hop_length"]
    if library is not ORACLE:
        pair = kapre_ref.perfectly_reconstructing_stft_istft(**parameters)
        forward, inverse = (partial(library._run, one) for one in pair)
    else:
        signals, stfts = (parameters[f"{name}_data_format"] for name in ("waveform", "stft"))
        forward = {"pad_begin": True, "pad_end": True}
        forward |= {"input_data_format": signals, "output_data_format": stfts}
        backward = {"input_data_format": stfts, "output_data_format": signals}
        spectra = library.stft(x, n_fft, n_fft, hop_length, **forward)
        return [spectra, library.inverse_stft(spectra, n_fft, n_fft, hop_length, **backward)]
    spectra = forward(x)
    return [spectra, inverse(spectra)]


def _mag_phase(library, x, input_shape, **parameters):
    return library.stft_mag_phase(x, **parameters)


def _randomly(name, library, x, **parameters):
    return getattr(library, name)(x, **parameters, rng=np.random.default_rng(0))


_ADAPTERS = {
    "kapre.backend.get_window_fn": _window,
    "kapre.backend.validate_data_format_str": _validate,
    "kapre.backend.filterbank_mel": _mel,
    "kapre.backend.filterbank_log": partial(_plain, "filterbank_log"),
    "kapre.backend.magnitude_to_decibel": partial(_plain, "magnitude_to_decibel"),
    "kapre.backend.mu_law_encoding": partial(_plain, "mu_law_encoding"),
    "kapre.backend.mu_law_decoding": partial(_plain, "mu_law_decoding"),
    "kapre.MagnitudeToDecibel": partial(_plain, "magnitude_to_decibel"),
    "kapre.MuLawEncoding": partial(_plain, "mu_law_encoding"),
    "kapre.MuLawDecoding": partial(_plain, "mu_law_decoding"),
    "kapre.Frame": partial(_plain, "frame"),
    "kapre.Energy": partial(_plain, "energy"),
    "kapre.STFT": partial(_plain, "stft"),
    "kapre.InverseSTFT": partial(_plain, "inverse_stft"),
    "kapre.Magnitude": partial(_plain, "magnitude"),
    "kapre.Phase": _phase,
    "kapre.ApplyFilterbank": _apply_filterbank,
    "kapre.Delta": partial(_plain, "delta"),
    "kapre.ConcatenateFrequencyMap": partial(_plain, "concatenate_frequency_map"),
    "kapre.LogmelToMFCC": partial(_plain, "logmel_to_mfcc"),
    "kapre.STFTTflite": _stft_tflite,
    "kapre.MagnitudeTflite": _magnitude_tflite,
    "kapre.PhaseTflite": _phase_tflite,
    "kapre.SpecAugment": partial(_randomly, "spec_augment"),
    "kapre.ChannelSwap": partial(_randomly, "channel_swap"),
    "kapre.get_stft_magnitude_layer": partial(_plain, "stft_magnitude"),
    "kapre.get_melspectrogram_layer": partial(_plain, "melspectrogram"),
    "kapre.get_log_frequency_spectrogram_layer": partial(_plain, "log_frequency_spectrogram"),
    "kapre.get_stft_mag_phase": _mag_phase,
    "kapre.get_perfectly_reconstructing_stft_istft": _perfect_pair,
    "tf.signal.inverse_stft_window_fn": _inverse_window,
    "tf.signal.frame": _tf_frame,
    "tf.signal.stft": _tf_stft,
    "tf.signal.overlap_and_add": _overlap_and_add,
}
