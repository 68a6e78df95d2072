"""The options of Kapre's features, and the front end that they make."""

from __future__ import annotations

import argparse
import inspect
import os
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._band_spectrograms import (
    log_frequency_spectrogram,
    log_front_end,
    mel_front_end,
    melspectrogram,
)
from kapre_ref._checks import check_positive
from kapre_ref._decibel import check_scale_in_range
from kapre_ref._kapre_front_end import check_stft_parameters, stft_front_end, with_decibels
from kapre_ref._mfcc import logmel_to_mfcc
from kapre_ref._spectrograms import stft_magnitude
from kapre_ref.command.parsing import UsageError as UsageError
from kapre_ref.command.statistics import OF_CEPSTRA, normalised, scale_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.command.statistics import Scale

FUNCTIONS: Mapping[str, Callable[..., NDArray[Any]]] = {
    "mel": melspectrogram,
    "stft": stft_magnitude,
    "log-frequency": log_frequency_spectrogram,
    "mfcc": melspectrogram,
}
TITLES = {
    "mel": "mel spectrogram",
    "stft": "magnitude spectrogram",
    "log-frequency": "log-frequency spectrogram",
    "mfcc": "mel-frequency cepstral coefficients",
}
SET_HERE = ("x", "out", "input_data_format", "output_data_format", "return_decibel", "sample_rate")
_STFT = ("n_fft", "win_length", "hop_length", "window_name", "pad_begin", "pad_end")
_MEL = ("n_mels", "mel_f_min", "mel_f_max", "mel_htk", "mel_norm")
_LOG = ("log_n_bins", "log_f_min", "log_bins_per_octave", "log_spread")
_DECIBEL = ("db_amin", "db_ref_value", "db_dynamic_range")
_HIGHEST_SAMPLE_RATE = 1e6  # Hz; it stands for the rate of a recording that is not open yet


# If --out ends in one of these, somebody expects a file of that format.
_TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".yaml", ".xls", ".xlsx", ".html", ".pdf")
_ARRAYS = (
    ".h5",
    ".hdf5",
    ".mat",
    ".pt",
    ".pth",
    ".pkl",
    ".pickle",
    ".safetensors",
    ".zarr",
    ".zip",
    ".parquet",
    ".tar",
)
_SOUND_AND_PICTURES = (".wav", ".flac", ".ogg", ".mp3", ".png", ".jpg")
_FILE_SUFFIXES = frozenset((*_TABLES, *_ARRAYS, *_SOUND_AND_PICTURES))


def refuse_out(out: str) -> None:
    """Refuse an output that is meant as a file of a format which the command does not write."""
    suffix = os.path.splitext(out)[1].lower()
    if out in ("", "-") or (suffix in _FILE_SUFFIXES and not os.path.isdir(out)):
        raise UsageError(
            f"--out must be a folder, or end in .npy or .npz for one recording, got {out!r}; "
            f"--format says what lies in the folder"
        )


def _norm(text: str) -> str | float | None:
    if text == "slaney":
        return text
    return None if text == "none" else float(text)


_norm.__name__ = "norm"  # argparse prints this name when it refuses a value.

_Option = tuple["Callable[[str], Any] | type", str, str]

_OPTIONS: dict[str, dict[str, _Option]] = {
    "frames": {
        "n_fft": (int, "N", "points of the Fourier transform"),
        "win_length": (int, "N", "samples of a frame and its window (default: n_fft)"),
        "hop_length": (int, "N", "samples from frame to frame (default: win_length // 4)"),
        "window_name": (
            str,
            "NAME",
            (
                "hann_window (default), hamming_window, kaiser_window, vorbis_window, "
                "kaiser_bessel_derived_window"
            ),
        ),
        "pad_begin": (bool, "", "put n_fft - hop_length zeros before the signal"),
        "pad_end": (bool, "", "keep frames that start inside the signal and run past its end"),
    },
    "mel and mfcc": {
        "n_mels": (int, "N", "bands"),
        "mel_f_min": (float, "HZ", "lower edge of the first band"),
        "mel_f_max": (float, "HZ", "upper edge of the last band (default: sample rate / 2)"),
        "mel_htk": (bool, "", "mel scale of HTK instead of Slaney's"),
        "mel_norm": (_norm, "NORM", "slaney (default), none, or the order of a norm, e.g. 1"),
        "n_mfccs": (int, "N", "cepstral coefficients, for mfcc"),
    },
    "log-frequency": {
        "log_n_bins": (int, "N", "bands"),
        "log_f_min": (float, "HZ", "centre of the first band (default: 32.70319566, the note C1)"),
        "log_bins_per_octave": (int, "N", "bands to the octave"),
        "log_spread": (float, "X", "width of a band, as a fraction of the distance of two"),
    },
    "decibels": {
        "db_ref_value": (float, "X", "magnitude at 0 dB"),
        "db_amin": (float, "X", "magnitudes below count as this"),
        "db_dynamic_range": (float, "DB", "nothing lies further below the peak"),
    },
}


def add_kapre_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of Kapre's features."""
    kinds = parser.add_argument_group("feature")
    text = "mel: melspectrogram (default); stft: magnitude spectrogram; log-frequency: bands "
    text += "equally spaced in octaves; mfcc: mel-frequency cepstral coefficients"
    unset = argparse.SUPPRESS
    kinds.add_argument("--feature", choices=tuple(FUNCTIONS), default=unset, help=text)
    text = "10 log10 of the magnitude as in Kapre, limited below the peak of the whole recording "
    text += "(default; mfcc always), or plain magnitudes"
    action = argparse.BooleanOptionalAction
    kinds.add_argument("--decibel", action=action, default=unset, help=text)
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, (kind, metavar, text) in options.items():
            flag = "--" + name.replace("_", "-")
            if kind is bool:
                group.add_argument(flag, action="store_true", default=unset, dest=name, help=text)
            else:
                text = text if "default" in text else f"{text} (default: {_default(name)})"
                group.add_argument(flag, type=kind, metavar=metavar, default=unset, help=text)


def _default(name: str) -> Any:
    functions = (*FUNCTIONS.values(), logmel_to_mfcc)
    known = (inspect.signature(function).parameters.get(name) for function in functions)
    return next(parameter.default for parameter in known if parameter is not None)


def kapre_options_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of Kapre's features that stand on the command line, by their flags."""
    names = {"feature", "decibel", *(name for options in _OPTIONS.values() for name in options)}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    return {_flag(name, value): value for name, value in given.items()}


def _flag(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    return f"--no-{flag}" if value is False else f"--{flag}"


class KapreFeature(NamedTuple):
    """A feature of Kapre by its options; with a sample rate it becomes a front end."""

    kind: str
    parameters: dict[str, Any]  # all parameters of the function, including defaults
    decibel: bool
    n_mfccs: int  # how many coefficients are made of the decibels; 0 for none
    scale: Any = None  # the mean and the deviation of each band for --normalise

    def front_end_at(self, sample_rate: float) -> FrontEnd:
        """Return the front end; warn of bands that are empty."""
        own = {"stft": (), "log-frequency": _LOG}.get(self.kind, _MEL)
        parameters = (*self._values(_STFT), sample_rate, *self._values(own))
        decibel = (self.decibel, *self._values(_DECIBEL))
        scale = self.scale and tuple(tuple(values) for values in self.scale)
        front_end = _made_front_end(self.kind, parameters, decibel, scale)
        if front_end.n_empty_bands:
            warnings.warn(
                f"at {sample_rate:g} Hz, {front_end.n_empty_bands} of {front_end.n_bands} mel "
                f"bands are empty: --n-mels is too large, or the bands too narrow, for the "
                f"{front_end.n_freq} bins of --n-fft {front_end.n_fft}",
                UserWarning,
                stacklevel=2,
            )
        return front_end

    def _values(self, names: Sequence[str]) -> tuple[Any, ...]:
        return tuple(self.parameters[name] for name in names)

    def decibel_options(self) -> dict[str, float]:
        """Return the options of `magnitude_to_decibel`."""
        return {name.removeprefix("db_"): self.parameters[name] for name in _DECIBEL}

    def own_parameters(self) -> dict[str, Any]:
        """Return all options of the feature, without the sample rate."""
        own: dict[str, Any] = {"decibel": self.decibel}
        own |= {"n_mfccs": self.n_mfccs} if self.n_mfccs else {}
        own |= {"normalise": True} if self.scale else {}
        return own | self.parameters


@lru_cache(maxsize=16)
def _made_front_end(
    kind: str, parameters: tuple[Any, ...], decibel: tuple[Any, ...], band_scale: Scale | None
) -> FrontEnd:
    if kind == "stft":
        front_end = stft_front_end(*parameters[:-1]).replace(sample_rate=parameters[-1])
    elif kind == "log-frequency":
        front_end = log_front_end(*parameters)
    else:
        front_end = mel_front_end(*parameters)
    front_end, scale = with_decibels(front_end, *decibel)
    if scale is not None:
        check_scale_in_range(scale, np.dtype(np.float32), prefix="db_")
    return front_end if band_scale is None else normalised(front_end, band_scale)


def kapre_feature(arguments: argparse.Namespace) -> KapreFeature:
    """Return the feature that the command line asks for; refuse options that it does not have."""
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name == "decibel" or any(name in options for options in _OPTIONS.values())
    }
    kind: str = getattr(arguments, "feature", "mel")
    known = set(inspect.signature(FUNCTIONS[kind]).parameters)
    known |= {"n_mfccs"} if kind == "mfcc" else {"decibel"}
    for name in given:
        if name not in known:
            flag = _flag(name, given[name])
            raise UsageError(f"{flag} has no meaning with --feature {kind}")
    decibel = given.pop("decibel", True)
    n_mfccs = given.pop("n_mfccs", 20) if kind == "mfcc" else 0
    try:
        if arguments.sample_rate is not None:
            check_positive("sample_rate", arguments.sample_rate)
        scale = arguments.normalise and scale_of(arguments.normalise)
        if scale and n_mfccs:
            raise UsageError(f"--normalise must not be given with --feature mfcc: {OF_CEPSTRA}")
        feature = KapreFeature(kind, _filled(kind, given), decibel, n_mfccs, scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # They are shown with each recording.
            front_end = feature.front_end_at(arguments.sample_rate or _HIGHEST_SAMPLE_RATE)
        if kind == "mfcc":  # Its error must come now, not with the first recording.
            logmel_to_mfcc(np.zeros((0, front_end.n_bands), np.float32), n_mfccs)
    except (ValueError, TypeError, NotImplementedError, RuntimeError, OverflowError) as error:
        text = str(error)
        if arguments.sample_rate is None:  # The text must not name a rate that nobody gave.
            text = text.replace(f"{_HIGHEST_SAMPLE_RATE / 2:.0f} Hz", "half of it")
        raise UsageError(text) from error
    except MemoryError as error:
        n_fft = feature.parameters["n_fft"]
        raise UsageError(f"--n-fft {n_fft} needs more memory than there is: {error}") from error
    return feature


def _filled(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all options of the function with their defaults; check those of the STFT."""
    known = inspect.signature(FUNCTIONS[kind]).parameters
    filled = {name: known[name].default for name in known if name not in SET_HERE}
    filled.update(given)
    checked = check_stft_parameters(*(filled[name] for name in _STFT))
    return filled | dict(zip(_STFT, checked, strict=True))
