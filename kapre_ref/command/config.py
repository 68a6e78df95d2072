"""Options from a file of TOML, or from an earlier result."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from typing import TYPE_CHECKING, Any

from kapre_ref import __version__
from kapre_ref.command import results
from kapre_ref.command.asked import made_by
from kapre_ref.command.parsing import UsageError
from kapre_ref.command.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kapre_ref.command.parsing import Parser

_NOT_IN_FILES = ("--config", "--config-from", "--help", "--show")


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a file of options."""
    group = parser.add_argument_group("options from a file, before those of the command line")
    text = (
        'TOML with the names of these options: n-mels = 80, mono = true, front-end = "whisper-80"'
    )
    group.add_argument("--config", metavar="FILE", help=text)
    text = "what this command wrote, a file or the folder: the same features, at the same rate"
    group.add_argument("--config-from", metavar="RESULT", help=text)


def with_config(parser: Parser, argv: Sequence[str]) -> list[str]:
    """Return a command line with the options of its files written out before its own."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_config_options(finder)
    try:
        named, _ = finder.parse_known_args(argv)
    except SystemExit:  # The parser itself will say what is wrong.
        return list(argv)
    written: list[str] = []
    if named.config_from is not None:
        written += _of_result(named.config_from)
    if named.config is not None:
        written += _of_toml(parser, named.config)
    return written + list(argv)


def _of_toml(parser: Parser, path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"--config: {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config: {path} must be TOML: {error}") from error
    written = []
    for key, value in table.items():
        flag = "--" + key.replace("_", "-")
        action = parser.option(flag)
        if action is None or flag in _NOT_IN_FILES:
            close = parser.closest(flag)
            advice = f"; did you mean {close[2:]}?" if close and close != flag else ""
            raise UsageError(f"--config: {path} must have names of options, got {key}{advice}")
        written += _written(path, key, flag, value, takes_value=action.nargs != 0)
    return written


def _written(path: str, key: str, flag: str, value: Any, takes_value: bool) -> list[str]:
    """Return an option as it stands on a command line."""
    if not takes_value and isinstance(value, bool):
        off = [f"--no-{flag[2:]}"] if flag == "--decibel" else []
        return [flag] if value else off
    if takes_value and isinstance(value, str | int | float) and not isinstance(value, bool):
        return [f"{flag}={value}"]
    wanted = "a number or a text" if takes_value else "true or false"
    raise UsageError(
        f"--config: {path}: {key} must be {wanted}, got {json.dumps(value, default=str)}"
    )


def _of_result(path: str) -> list[str]:
    """Return the options that make the same features as a result has."""
    try:
        parameters, rate, _ = made_by(path)
    except OSError as error:
        raise UsageError(f"--config-from: {path}: {error.strerror or error}") from error
    except (AttributeError, *results.WRONG) as error:
        raise UsageError(
            f"--config-from must name what `kapre-ref features` wrote, an .npz, or the folder of "
            f"results or a file in it, got {path}"
        ) from error
    version = parameters.pop("kapre_ref", None)
    if version != __version__:
        text = f"{path} was made with kapre_ref {version}, and this is {__version__}"
        say(f"kapre-ref: warning: {text}: values may differ", sys.stderr)
    written = ["--mono"] if parameters.pop("mono", False) else []
    if "feature" not in parameters or parameters.get("normalise"):
        return [*written, f"--front-end-file={path}"]
    written += [] if rate is None else [f"--sample-rate={rate}"]
    if parameters["feature"] == "mfcc":  # Its coefficients are always made of decibels.
        del parameters["decibel"]
    for name, value in parameters.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            off = [f"--no-{flag[2:]}"] if name == "decibel" else []
            written += [flag] if value else off
        elif value is not None:
            written.append(f"{flag}={value}")
        elif name == "mel_norm":
            written.append(f"{flag}=none")
    return written


def read_list(path: str) -> list[str]:
    """Read paths, one a line, or with NUL between them, from a file or "-", standard input."""
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f"--files-from: {path}: {error.strerror or error}") from error
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [line.decode(sys.getfilesystemencoding(), "surrogateescape") for line in lines if line]
