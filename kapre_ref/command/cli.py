"""The `kapre-ref` command."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from kapre_ref import __version__
from kapre_ref._threads import get_num_threads
from kapre_ref.command import recordings
from kapre_ref.command.config import add_config_options, read_list, with_config
from kapre_ref.command.decoders import MissingExtraError, load_extra
from kapre_ref.command.dry_run import dry_run
from kapre_ref.command.feature_files import (
    FORMATS,
    atomic_file,
    picture_of,
    place_outputs,
    write_npy,
    write_npz,
)
from kapre_ref.command.front_ends import Asked, asked_for, list_front_ends, portable, show
from kapre_ref.command.options import UsageError, add_kapre_options, refuse_out
from kapre_ref.command.parsing import Parser
from kapre_ref.command.recording_features import RecordingFeatures, TooShortError
from kapre_ref.command.recordings import Mixture, Recording
from kapre_ref.command.search import PassedOver, find_recordings
from kapre_ref.command.statistics import run_statistics
from kapre_ref.command.terminal import (
    Interrupted,
    OutputError,
    interrupts,
    progress,
    say,
    short_warnings,
    tell_of_compiling,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kapre_ref.command.search import Found

_DESCRIPTION = "Audio features of Kapre, computed without TensorFlow."

_FEATURES_DESCRIPTION = """\
Compute the features of recordings and write one file for each.

  kapre-ref features song.wav --out song.npy --plot
  kapre-ref features recordings/ --out features/ --feature mfcc --n-mfccs 13 --mono
  kapre-ref features a.mp3 b.flac --out features/ --format npz --sample-rate 16000 --n-fft 400
  kapre-ref features recordings/ --out features/ --mono --front-end whisper-128
  kapre-ref features --front-end whisper-128 --show > my.json
  kapre-ref features recordings/ --out features/ --front-end-file my.json

A folder is searched with its sub-folders, through links too, for all formats that soundfile reads
(WAV, FLAC, Ogg, Opus, MP3, AIFF and more), and those of ffmpeg (M4A, WMA and more) if it is on the
path. Sound in it that cannot be read is counted at the end; hidden files stay out.
The result of one channel is (n_frames, n_bands) in float32, that of several channels (channel,
n_frames, n_bands); some named front ends have their last two axes the other way round, as their
tools have. Long recordings are read piece by piece: memory does not grow with length."""

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
  stft, else centres of the bands; of cepstra the numbers of the coefficients instead, as
  'coefficients'); sample_rate (Hz); parameters (a JSON text of all options and the version);
  front_end (a JSON text that kapre_ref.FrontEnd.from_json reads, and so does --front-end-file; with
  --feature mfcc, that of the decibels of which logmel_to_mfcc makes them).

named front ends:
  A front end has a sample rate, for which its bands are made. Recordings of another rate are
  brought to it by soxr; another --sample-rate is refused, and so are all options that the front
  end fixes. What the tool itself does besides, before and after, is not done but printed.
  Values are those of kapre_ref.front_end(NAME)(signal), every bit of them, but for the rounding of
  bands that are normalised over time.

exit status:
  0 all is done, 1 some recordings failed (they are named at the end), 2 the command line is wrong
  and nothing was done, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    try:
        with interrupts:
            arguments = _parser().parse_args(argv)
            _check_environment()
            tell_of_compiling()
            status: int = arguments.run(arguments)
            return status
    except (UsageError, MissingExtraError) as error:
        say(f"kapre-ref: error: {error}", sys.stderr)
        return 2
    except MemoryError as error:
        say(f"kapre-ref: error: this needs more memory than there is: {error}", sys.stderr)
        return 1
    except Interrupted as interrupted:
        with suppress(OutputError, BrokenPipeError):
            say("kapre-ref: interrupted; what is written is complete", sys.stderr)
        return 128 + interrupted.number
    except OutputError as error:  # a full disk behind `> log`, say
        _close_output()
        with suppress(OutputError, BrokenPipeError):
            say(f"kapre-ref: error: the output cannot be written: {error}", sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has gone, as in `kapre-ref check | head -1`
        _close_output()
        return 1


def _close_output() -> None:
    """Let what is still to be written vanish, for Python would raise the error again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check_environment() -> None:
    try:
        get_num_threads()
    except ValueError as error:
        raise UsageError(str(error)) from error


def _parser() -> Parser:
    epilog = "`kapre-ref COMMAND --help` tells all about a command."
    parser = Parser(prog="kapre-ref", description=_DESCRIPTION, epilog=epilog)
    parser.add_argument("--version", action="version", version=f"kapre-ref {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    features = commands.add_parser(
        "features",
        help="compute the features of recordings",
        usage="kapre-ref features RECORDING... --out PATH [options]",
        description=_FEATURES_DESCRIPTION,
        epilog=_FEATURES_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_features_arguments(features)
    features.expand = with_config
    features.set_defaults(run=run_features, refuse=features.error)
    front_ends = commands.add_parser(
        "front-ends",
        help="list the front ends that have names",
        description="List the front ends of other tools that --front-end takes: of Whisper, "
        "librosa, Kaldi, NeMo and many more, with their sample rates and sizes, and with what the "
        "tool does besides to the samples before and to the features after.",
        allow_abbrev=False,
    )
    text = "list those only that have this word in their name, tool or source"
    front_ends.add_argument("word", nargs="?", metavar="WORD", help=text)
    front_ends.set_defaults(run=lambda arguments: list_front_ends(arguments.word))
    statistics = commands.add_parser(
        "statistics",
        help="mean and deviation of each band over many results",
        description="Write the mean and the deviation of each band over all frames of results "
        "(.npy, .npz, or folders of them) for --normalise. Statistics of parts, given as RESULT, "
        "give those of the whole to the bit.",
        allow_abbrev=False,
    )
    statistics.add_argument("results", nargs="+", metavar="RESULT", help="result or folder")
    statistics.add_argument("--out", metavar="FILE", required=True, help="an .npz to write")
    text = "the axes of .npy files are bands, frames; an .npz says itself what it has"
    statistics.add_argument("--bands-first", action="store_true", help=text)
    statistics.set_defaults(run=lambda a: run_statistics(a.results, a.out, a.bands_first))
    check = commands.add_parser(
        "check",
        help="verify this installation",
        description="Compare every operation and every named front end of this installation, on "
        "the CPU and on a GPU if there is one, with its readable reference on fresh random input. "
        "Exit status 1 if any is out of its tolerance. The first run takes half a minute or more.",
        allow_abbrev=False,
    )
    check.add_argument("--json", metavar="FILE", help="also write the results to FILE, as JSON")
    check.add_argument("--seed", type=int, metavar="N", help="seed of the input (default: fresh)")
    check.set_defaults(run=run_check)
    return parser


def _add_features_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="sound file or folder")
    files = parser.add_argument_group("files")
    add = files.add_argument
    add("--out", metavar="PATH", help="output file or folder, see below; required unless --show")
    add("--format", choices=FORMATS, help="npy: the features alone (default); npz: see below")
    add("--plot", action="store_true", help="draw a picture (.png) beside each output")
    add("--overwrite", action="store_true", help="do again what is done already")
    add("--quiet", action="store_true", help="print problems only")
    text = "also the recordings that FILE lists, one a line; - is standard input"
    add("--files-from", metavar="FILE", help=text)
    text = "say what there is to do, and write nothing; --out is not needed"
    add("--dry-run", action="store_true", help=text)
    sound = parser.add_argument_group("sound")
    add = sound.add_argument
    text = (
        "resample to this rate (default: do not, or to the rate of the front end if one is named)"
    )
    add("--sample-rate", type=int, metavar="HZ", help=text)
    add("--mono", action="store_true", help="mix all channels down to their mean")
    text = "take what is there of recordings that are cut off or damaged (default: they fail)"
    add("--keep-partial", action="store_true", help=text)
    text = "take mean and deviation off each band, as `kapre-ref statistics` wrote them"
    add("--normalise", metavar="STATISTICS", help=text)
    add_config_options(parser)
    front_end = parser.add_argument_group("front end, in place of the options below")
    add = front_end.add_argument
    text = "that of another tool: whisper-128, kaldi-fbank-80 and so on, see `kapre-ref front-ends`"
    add("--front-end", metavar="NAME", help=text)
    add("--front-end-file", metavar="FILE", help="a file as --show or FrontEnd.to_json makes it")
    text = "print the front end, also that of the options below, as JSON and compute nothing"
    add("--show", action="store_true", help=text)
    add_kapre_options(parser)


def run_features(arguments: argparse.Namespace) -> int:
    """Compute and write the features of all recordings."""
    started = time.monotonic()
    if arguments.files_from is not None:
        arguments.recordings += read_list(arguments.files_from)
    missing = ["RECORDING"] * (not arguments.recordings) + ["--out"] * (
        arguments.out is None and not arguments.dry_run
    )
    if missing and not arguments.show:
        arguments.refuse(f"the following arguments are required: {', '.join(missing)}")
    if arguments.out is not None:
        refuse_out(arguments.out)
    if not arguments.quiet:
        recordings.tell = lambda line: say(f"kapre-ref: {line}", sys.stderr)
    with short_warnings():
        if arguments.recordings:
            load_extra("soundfile")
        asked = asked_for(arguments)
        passed_over = PassedOver()
        found, failures = find_recordings(arguments.recordings, passed_over)
        if arguments.show:
            show(asked, found)
            return 0
        if arguments.dry_run:
            how = (arguments.mono, asked.sample_rate)
            return dry_run(found, failures, passed_over, *how)
        for name, wanted in (("soxr", asked.sample_rate), ("PIL", arguments.plot)):
            if wanted:
                load_extra(name)
        outputs = _outputs(arguments, found)
        for note in () if arguments.quiet else asked.notes:
            say(f"kapre-ref: note: {note}", sys.stderr)
        outcomes = Counter(failed=len(failures))
        mixture = Mixture()
        with progress(len(found), arguments.quiet) as report:
            for recording, output in zip(found, outputs, strict=True):
                try:
                    outcome, line = _do(arguments, asked, recording, output, mixture)
                except Exception as error:
                    # Whatever is wrong with one recording, the others go on.
                    failures.append((recording.path, _reason(error, recording.path)))
                    outcome, line = "failed", ""
                outcomes[outcome] += 1
                report(line)
                interrupts.check()
    for path, reason in failures:
        say(f"kapre-ref: failed: {path}: {reason}", sys.stderr)
    for text in mixture.warnings():
        say(f"kapre-ref: warning: {text}", sys.stderr)
    if passed_over:
        say(f"kapre-ref: warning: {passed_over}", sys.stderr)
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
    arguments: argparse.Namespace, asked: Asked, found: Found, output: str, mixture: Mixture
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
    how = (arguments.mono, asked.sample_rate, arguments.keep_partial)
    with Recording(found.path, *how) as recording:
        os.makedirs(folder, exist_ok=True)
        front_end = asked.front_end_at(recording.sample_rate)
        try:
            features = RecordingFeatures(recording, front_end, asked.n_mfccs, folder)
        except TooShortError as error:
            advice = "; --pad-end fills it with zeros" if asked.is_kapre else ""
            raise ValueError(f"{error}{advice}") from error
        with features:
            if recording.missing:
                say(f"kapre-ref: warning: {found.path}: {recording.missing}", sys.stderr)
            _write(arguments, asked, features, output, os.path.basename(found.path))
    mixture.add(features.sample_rate, features.n_channels)
    line = f"wrote {output}: {features.shape}, {features.seconds:.2f} s"
    line += f" at {features.sample_rate:g} Hz"
    return "written", line + (f", picture {picture}" if arguments.plot else "")


def _write(
    arguments: argparse.Namespace,
    asked: Asked,
    features: RecordingFeatures,
    output: str,
    title: str,
) -> None:
    with atomic_file(output) as file:
        if arguments.format == "npy":
            write_npy(file, features)
        else:
            made_by = asked.parameters | {"kapre_ref": __version__}
            write_npz(file, features, made_by, portable(features.front_end).to_json())
    if arguments.plot:
        from kapre_ref.command.plot import draw_features

        with atomic_file(picture_of(output)) as file:
            draw_features(file, features, f"{title}: {asked.title}", asked.decibel)


def run_check(arguments: argparse.Namespace) -> int:
    """Verify this installation."""
    from kapre_ref.command.self_check import run_self_check

    if arguments.seed is not None and arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, got {arguments.seed}")
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
