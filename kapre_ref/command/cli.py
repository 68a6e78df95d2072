"""The `kapre-ref` command."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kapre_ref import __version__
from kapre_ref._threads import get_num_threads
from kapre_ref.command import recordings
from kapre_ref.command.collection import run_collection
from kapre_ref.command.config import add_config_options, read_list, with_config
from kapre_ref.command.decoders import MissingExtraError, load_extra
from kapre_ref.command.dry_run import dry_run
from kapre_ref.command.front_ends import asked_for, list_front_ends, show
from kapre_ref.command.options import UsageError, add_kapre_options, refuse_out
from kapre_ref.command.parsing import Parser
from kapre_ref.command.search import Found, PassedOver
from kapre_ref.command.statistics import run_statistics
from kapre_ref.command.terminal import (
    Interrupted,
    OutputError,
    interrupts,
    say,
    short_warnings,
    tell_of_compiling,
)
from kapre_ref.job._formats import DTYPES, FORMATS
from kapre_ref.job._plan import JOB
from kapre_ref.job._remote import find, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

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
  There, x/y/song.wav of an input folder x becomes y/song.wav.npy. parquet and tar files are named
  part-000000 and so on. _index.jsonl has a line for each recording, failed ones too.
  An output appears when it is complete, never before. Run the same command again to go on where a
  run was stopped: recordings that are done are passed over unless they changed. Other options or
  recordings in the same folder are refused, see --extend and --overwrite.

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
  0 all is done, 1 some recordings failed (they are named at the end) or the disk is full, 2 the
  command line is wrong and nothing was done, 130 interrupted.
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
    except OutputError as error:  # For example, the disk of `> log` is full.
        _close_output()
        with suppress(OutputError, BrokenPipeError):
            say(f"kapre-ref: error: the output cannot be written: {error}", sys.stderr)
        return 1
    except BrokenPipeError:  # The reader has gone, as in `kapre-ref check | head -1`.
        _close_output()
        return 1


def _close_output() -> None:
    """Drop what is still to be written; otherwise Python would raise the error again at exit."""
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
    _add_statistics_command(commands)
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


def _add_statistics_command(commands: Any) -> None:
    statistics = commands.add_parser(
        "statistics",
        help="mean and deviation of each band over many results",
        description="Write the mean and the deviation of each band over all frames of results "
        "(files of any format, or folders of them) for --normalise. Statistics of parts, given as "
        "RESULT, give those of the whole to the bit.",
        allow_abbrev=False,
    )
    statistics.add_argument("results", nargs="+", metavar="RESULT", help="result or folder")
    statistics.add_argument("--out", metavar="FILE", required=True, help="an .npz to write")
    text = "the axes of .npy files without a plan are bands, frames; all others say what they have"
    statistics.add_argument("--bands-first", action="store_true", help=text)
    statistics.set_defaults(run=lambda a: run_statistics(a.results, a.out, a.bands_first))


def _at_least_1(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _add_features_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="sound file or folder")
    files = parser.add_argument_group("files")
    add = files.add_argument
    add("--out", metavar="PATH", help="output file or folder, see below; required unless --show")
    text = "npy (default), npz: a file for each recording; parquet, tar: files of many recordings"
    add("--format", choices=FORMATS, help=text)
    add("--dtype", choices=DTYPES, help="of the features (default: float32)")
    add("--plot", action="store_true", help="draw a picture (.png) beside each output")
    add("--extend", action="store_true", help="add recordings that are new in RECORDING")
    add("--retry-failed", action="store_true", help="do again what failed in an earlier run")
    add("--overwrite", action="store_true", help="forget earlier runs and do everything")
    add("--quiet", action="store_true", help="print problems only")
    add("--json", action="store_true", help="print a JSON object a line for each recording")
    text = "also the recordings that FILE lists, one a line; - is standard input"
    add("--files-from", metavar="FILE", help=text)
    text = "say what there is to do, and write nothing; --out is not needed"
    add("--dry-run", action="store_true", help=text)
    work = parser.add_argument_group("work")
    add = work.add_argument
    text = "processes that share the work (default: as many as there are CPUs for this one)"
    add("--workers", type=_at_least_1, metavar="N", help=text)
    text = "let Ray do the work, on the cluster at this address or on this machine"
    add("--ray", nargs="?", const="", metavar="ADDRESS", help=text)
    add("--plan", action="store_true", help="list the recordings in --out and compute nothing")
    text = "do this part of what --plan listed and nothing else, for jobs of a cluster"
    add("--shard", type=int, metavar="I", help=text)
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
    """Compute and write the features of all recordings, or go on with what was planned."""
    if arguments.files_from is not None:
        arguments.recordings += read_list(arguments.files_from)
    goes_on = not arguments.recordings and arguments.out and not arguments.show
    goes_on = goes_on and open_store(arguments.out).size(JOB) is not None
    missing = ["RECORDING"] * (not arguments.recordings and not goes_on)
    missing += ["--out"] * (arguments.out is None and not arguments.dry_run)
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
        found, failures = find(arguments.recordings, passed_over)
        here = [each for each in found if isinstance(each, Found)]
        if (arguments.show or arguments.dry_run) and len(here) < len(found):
            raise UsageError("--show and --dry-run must have recordings of this machine, got URLs")
        if arguments.show:
            show(asked, here)
            return 0
        if arguments.dry_run:
            how = (arguments.mono, asked.sample_rate)
            return dry_run(here, failures, passed_over, *how)
        for name, wanted in (("soxr", asked.sample_rate), ("PIL", arguments.plot)):
            if wanted:
                load_extra(name)
        return run_collection(arguments, asked, found, failures, passed_over)


def run_check(arguments: argparse.Namespace) -> int:
    """Verify this installation."""
    from kapre_ref.command.self_check import run_self_check

    if arguments.seed is not None and arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, got {arguments.seed}")
    path: str | None = arguments.json
    if path and not os.path.isdir(os.path.dirname(path) or os.curdir):
        raise UsageError(f"--json must name a file in a folder that exists, got {path}")
    return run_self_check(path, arguments.seed)
