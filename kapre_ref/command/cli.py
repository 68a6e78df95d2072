"""The `kapre-ref` command."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from kapre_ref import __version__
from kapre_ref._checks import check_positive
from kapre_ref._mfcc import logmel_to_mfcc
from kapre_ref.command.feature_files import (
    FORMATS,
    atomic_file,
    picture_of,
    place_outputs,
    write_npy,
    write_npz,
)
from kapre_ref.command.recordings import (
    FUNCTIONS,
    SUFFIXES,
    Feature,
    MissingExtraError,
    Recording,
    RecordingFeatures,
    find_recordings,
    load_extra,
)
from kapre_ref.command.terminal import Interrupted, interrupts, progress, say, short_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kapre_ref.command.recordings import Found

_SCRATCH_BYTES = 16 << 20  # features of a recording up to here stay in memory until written

_DESCRIPTION = "Audio features of Kapre, computed without TensorFlow."

_FEATURES_DESCRIPTION = f"""\
Compute the features of recordings (WAV, FLAC, OGG, MP3 and what else soundfile reads) and write
one file for each.

A folder is searched with its sub-folders for {", ".join(SUFFIXES)}.
The result of one channel is (n_frames, n_bands) in float32, that of several channels (channel,
n_frames, n_bands). Long recordings are read piece by piece: memory does not grow with length."""

_FEATURES_EPILOG = """\
outputs:
  --out song.npy or song.npz names the output of a single recording; any other --out is a folder.
  There, x/y/song.wav of an input folder x becomes y/song.npy. Recordings that would meet in one
  output keep their suffix (song.wav.npy, song.flac.npy), and, if they still meet, their path below
  the folder that they share.
  An output appears when it is complete, never before. Recordings whose output (with --plot, and
  its picture) is there already are passed over, whatever options it was made with, unless
  --overwrite.

  .npz holds: features; times (s, centre of each frame's window); frequencies (Hz, of the bins of
  stft, else centres of the bands; for mfcc the numbers of the coefficients instead, as
  'coefficients'); sample_rate (Hz); parameters (a JSON text of all options and the version).

exit status:
  0 all is done, 1 some recordings failed (they are named at the end), 2 the command line is wrong
  and nothing was done, 130 interrupted.

examples:
  kapre-ref features song.wav --out song.npy --plot
  kapre-ref features recordings/ --out features/ --feature mfcc --n-mfccs 13 --mono
  kapre-ref features a.mp3 b.flac --out features/ --format npz --sample-rate 16000 --n-fft 400
"""


class UsageError(Exception):
    """The command line asks for something that cannot be done."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with interrupts:
            status: int = arguments.run(arguments)
            return status
    except (UsageError, MissingExtraError) as error:
        say(f"kapre-ref: error: {error}", sys.stderr)
        return 2
    except Interrupted as interrupted:
        say("kapre-ref: interrupted; what is written is complete", sys.stderr)
        return 128 + interrupted.number
    except BrokenPipeError:  # the reader of our output has gone, as in `kapre-ref check | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    epilog = "`kapre-ref COMMAND --help` tells all about a command."
    parser = argparse.ArgumentParser(prog="kapre-ref", description=_DESCRIPTION, epilog=epilog)
    parser.add_argument("--version", action="version", version=f"kapre-ref {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    features = commands.add_parser(
        "features",
        help="compute the features of recordings",
        description=_FEATURES_DESCRIPTION,
        epilog=_FEATURES_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_features_arguments(features)
    features.set_defaults(run=run_features)
    check = commands.add_parser(
        "check",
        help="verify this installation",
        description="Compare every operation of this installation, on the CPU and on a GPU if "
        "there is one, with its readable reference on fresh random input. Exit status 1 if any is "
        "out of its tolerance.",
        allow_abbrev=False,
    )
    check.add_argument("--json", metavar="FILE", help="also write the results to FILE, as JSON")
    check.add_argument("--seed", type=int, metavar="N", help="seed of the input (default: fresh)")
    check.set_defaults(run=run_check)
    return parser


def _add_features_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="sound file or folder")
    files = parser.add_argument_group("files")
    add = files.add_argument
    add("--out", required=True, metavar="PATH", help="output file or folder, see below")
    add("--format", choices=FORMATS, help="npy: the features alone (default); npz: see below")
    add("--plot", action="store_true", help="draw a picture (.png) beside each output, in dB")
    add("--overwrite", action="store_true", help="do again what is done already")
    add("--quiet", action="store_true", help="print problems only")
    sound = parser.add_argument_group("sound")
    add = sound.add_argument
    add("--sample-rate", type=int, metavar="HZ", help="resample to this rate (default: do not)")
    add("--mono", action="store_true", help="mix all channels down to their mean")
    kinds = parser.add_argument_group("feature")
    text = "mel: melspectrogram (default); stft: magnitude spectrogram; log-frequency: bands "
    text += "equally spaced in octaves; mfcc: mel-frequency cepstral coefficients"
    kinds.add_argument("--feature", choices=tuple(FUNCTIONS), default="mel", help=text)
    text = "10 log10 of the magnitude as in Kapre, limited below the peak of the whole recording "
    text += "(default; mfcc always), or plain magnitudes"
    action = argparse.BooleanOptionalAction
    kinds.add_argument("--decibel", action=action, default=argparse.SUPPRESS, help=text)
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, (kind, metavar, text) in options.items():
            flag = "--" + name.replace("_", "-")
            if kind is bool:
                group.add_argument(
                    flag, action="store_true", default=argparse.SUPPRESS, dest=name, help=text
                )
            else:
                text = text if "default" in text else f"{text} (default: {_default(name)})"
                group.add_argument(
                    flag, type=kind, metavar=metavar, default=argparse.SUPPRESS, help=text
                )


def _norm(text: str) -> str | float | None:
    if text == "slaney":
        return text
    return None if text == "none" else float(text)


_norm.__name__ = "norm"  # argparse names it where it refuses a value

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


def _default(name: str) -> Any:
    functions = (*FUNCTIONS.values(), logmel_to_mfcc)
    known = (inspect.signature(function).parameters.get(name) for function in functions)
    return next(parameter.default for parameter in known if parameter is not None)


def _feature(arguments: argparse.Namespace) -> Feature:
    """Make the feature that is asked for; refuse options that it does not have."""
    kind: str = arguments.feature
    given = {name: value for name, value in vars(arguments).items() if _is_option(name)}
    known = set(inspect.signature(FUNCTIONS[kind]).parameters)
    known |= {"n_mfccs"} if kind == "mfcc" else {"decibel"}
    for name in given:
        if name not in known:
            flag = name.replace("_", "-")
            flag = flag if given[name] is not False else f"no-{flag}"
            raise UsageError(f"--{flag} has no meaning with --feature {kind}")
    own = {"decibel": given.pop("decibel", True)}
    if "n_mfccs" in given:
        own["n_mfccs"] = given.pop("n_mfccs")
    feature = Feature(kind, given, **own)
    try:
        if arguments.sample_rate is not None:
            check_positive("sample_rate", arguments.sample_rate)
        with warnings.catch_warnings():
            if arguments.sample_rate is None:  # such errors show with each recording
                warnings.simplefilter("ignore")
            feature.check(arguments.sample_rate)
    except (ValueError, TypeError, NotImplementedError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    return feature


def _is_option(name: str) -> bool:
    return name == "decibel" or any(name in options for options in _OPTIONS.values())


def run_features(arguments: argparse.Namespace) -> int:
    """Compute and write the features of all recordings."""
    started = time.monotonic()
    with short_warnings():
        load_extra("soundfile")
        for name, wanted in (("soxr", arguments.sample_rate), ("matplotlib", arguments.plot)):
            if wanted:
                load_extra(name)
        feature = _feature(arguments)
        found, failures = find_recordings(arguments.recordings)
        outputs = _outputs(arguments, found)
        outcomes = Counter(failed=len(failures))
        with progress(len(found), arguments.quiet) as report:
            for recording, output in zip(found, outputs, strict=True):
                try:
                    outcome, line = _do(arguments, feature, recording, output)
                except Exception as error:
                    # Whatever is wrong with one recording, the others go on.
                    failures.append((recording.path, _reason(error, recording.path)))
                    outcome, line = "failed", ""
                outcomes[outcome] += 1
                report(line)
                interrupts.check()
    for path, reason in failures:
        say(f"kapre-ref: failed: {path}: {reason}", sys.stderr)
    if not arguments.quiet:
        counts = ", ".join(f"{outcomes[name]} {name}" for name in ("written", "kept", "failed"))
        say(f"{counts} in {time.monotonic() - started:.1f} s")
    return 1 if failures else 0


def _outputs(arguments: argparse.Namespace, found: list[Found]) -> list[str]:
    out: str = arguments.out
    suffix = os.path.splitext(out)[1][1:].lower()
    names_file = suffix in FORMATS and not os.path.isdir(out)
    if names_file:
        if len(arguments.recordings) > 1 or os.path.isdir(arguments.recordings[0]):
            raise UsageError(f"--out must be a folder unless there is one recording, got {out}")
        if arguments.format not in (None, suffix):
            raise UsageError(f"--out must end in .{arguments.format} with --format, got {out}")
        arguments.format = suffix
        return [out]
    if os.path.exists(out) and not os.path.isdir(out):
        raise UsageError(f"--out must be a folder or end in .npy or .npz, got the file {out}")
    arguments.format = arguments.format or "npy"
    try:
        return place_outputs(found, out, arguments.format)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _do(
    arguments: argparse.Namespace, feature: Feature, found: Found, output: str
) -> tuple[str, str]:
    """Make one recording's output; say what was written, or that it was there already."""
    picture = picture_of(output)
    if not arguments.overwrite:
        done = os.path.exists(output)
        if done and (os.path.exists(picture) or not arguments.plot):
            return "kept", f"kept {output}"
        if not done and arguments.plot and os.path.exists(picture):  # not ours, by all appearances
            raise ValueError(f"{picture} exists without {output}; --overwrite replaces it")
    folder = os.path.dirname(output) or os.curdir
    with Recording(found.path, arguments.mono, arguments.sample_rate) as recording:
        os.makedirs(folder, exist_ok=True)
        with tempfile.SpooledTemporaryFile(_SCRATCH_BYTES, dir=folder) as scratch:
            features = RecordingFeatures(recording, feature, scratch)
            if recording.missing:
                say(f"kapre-ref: warning: {found.path}: {recording.missing}", sys.stderr)
            _write(arguments, features, output, os.path.basename(found.path))
    line = f"wrote {output}: {features.shape}, {features.seconds:.2f} s"
    line += f" at {features.sample_rate:g} Hz"
    return "written", line + (f", picture {picture}" if arguments.plot else "")


def _write(
    arguments: argparse.Namespace, features: RecordingFeatures, output: str, title: str
) -> None:
    feature = features.feature
    with atomic_file(output) as file:
        if arguments.format == "npy":
            write_npy(file, features)
        else:
            own = {"feature": feature.kind, "mono": arguments.mono, "decibel": feature.decibel}
            own |= {"n_mfccs": feature.n_mfccs} if feature.kind == "mfcc" else {}
            write_npz(file, features, own | feature.parameters | {"kapre_ref": __version__})
    if arguments.plot:
        from kapre_ref.command.plot import draw_features

        with atomic_file(picture_of(output)) as file:
            draw_features(file, features, title)


def run_check(arguments: argparse.Namespace) -> int:
    """Verify this installation."""
    from kapre_ref.command.self_check import run_self_check

    path: str | None = arguments.json
    if path and not os.path.isdir(os.path.dirname(path) or os.curdir):
        raise UsageError(f"--json must name a file in a folder that exists, got {path}")
    return run_self_check(path, arguments.seed)


def _reason(error: Exception, path: str) -> str:
    """Word an error in one line, without the path that stands before it."""
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename not in (None, path) else ""
        return error.strerror + where
    # soundfile's message repeats the path; its cause does not.
    text = " ".join(str(getattr(error, "error_string", error)).split())
    if isinstance(error, ValueError | RuntimeError) and text:
        return text
    return f"{type(error).__name__}: {text}"
