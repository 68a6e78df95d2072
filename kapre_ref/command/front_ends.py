"""The front end that the command line asks for, by name, file or options; the list of names."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

import numpy as np

import kapre_ref
from kapre_ref._front_end import FrontEnd
from kapre_ref.command.asked import Asked, made_by, portable
from kapre_ref.command.options import (
    TITLES,
    UsageError,
    kapre_feature,
    kapre_options_given,
)
from kapre_ref.command.recordings import Recording
from kapre_ref.command.results import SUFFIXES
from kapre_ref.command.statistics import normalised, scale_of
from kapre_ref.command.terminal import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kapre_ref._recipes import Recipe
    from kapre_ref.command.search import Found


def asked_for(arguments: argparse.Namespace) -> Asked:
    """Return the front end that is asked for; refuse options that contradict each other."""
    name, path = arguments.front_end, arguments.front_end_file
    if name is None and path is None:
        feature = kapre_feature(arguments)
        own = {"feature": feature.kind, "mono": arguments.mono} | feature.own_parameters()
        return Asked(
            TITLES[feature.kind],
            feature,
            arguments.sample_rate,
            own,
            feature.n_mfccs,
            is_kapre=True,
            decibel=feature.decibel_options(),
        )
    if name is not None and path is not None:
        raise UsageError(f"--front-end-file must not be given with --front-end {name}, got {path}")
    option = f"--front-end {name}" if path is None else f"--front-end-file {path}"
    for flag in kapre_options_given(arguments):
        raise UsageError(f"{flag} must not be given with {option}, which fixes all such options")
    front_end = named(name) if path is None else read_front_end(path)
    if arguments.normalise:
        front_end = normalised(front_end, scale_of(arguments.normalise))
    rate = front_end.sample_rate
    if arguments.sample_rate not in (None, rate):
        raise UsageError(
            f"--sample-rate must be {rate:g} with {option}, whose bands are made for that rate, "
            f"got {arguments.sample_rate}"
        )
    made_by = {"front_end": name} if path is None else {"front_end_file": path}
    return Asked(
        f"front end {name if path is None else os.path.basename(path)}",
        front_end,
        int(rate) if rate.is_integer() else rate,
        made_by | {"mono": arguments.mono, "normalise": bool(arguments.normalise)},
        notes=_notes(name) if path is None else (),
    )


def named(name: str) -> FrontEnd:
    """Return the front end of a name; the error for an unknown name lists similar ones."""
    try:
        front_end = kapre_ref.front_end(name)
        front_end.check_dtype(np.dtype(np.float32))
    except ValueError as error:
        text = (
            str(error)
            .removeprefix("name ")
            .replace("kapre_ref.recipes()", "`kapre-ref front-ends`")
        )
        raise UsageError(f"--front-end {text}") from error
    return front_end


def read_front_end(path: str) -> FrontEnd:
    """Read a front end from a file that --show or `FrontEnd.to_json` wrote, or from a result."""
    try:
        if os.path.isdir(path) or path.endswith(SUFFIXES):  # a result of the command
            text = made_by(path).front_end
            if text is None:
                raise KeyError(path)
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        front_end = FrontEnd.from_json(text)
        front_end.check_dtype(np.dtype(np.float32))  # Recordings are computed in float32.
    except OSError as error:
        raise UsageError(f"--front-end-file: {path}: {error.strerror or error}") from error
    except KeyError as error:
        raise UsageError(f"--front-end-file: {path}: it holds no front end") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--front-end-file: {path} must be JSON: {error}") from error
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        message = re.sub(r"^text must", "the file must", str(error))
        raise UsageError(f"--front-end-file: {path}: {message}") from error
    return front_end


def _notes(name: str) -> tuple[str, ...]:
    (recipe,) = (each for each in kapre_ref.recipes() if each.name == name)
    steps = (("before", recipe.before), ("after", recipe.after))
    return tuple(f"{recipe.tool} does more {when}: {what}" for when, what in steps if what)


def show(asked: Asked, found: Sequence[Found]) -> None:
    """Print the front end as JSON for --front-end-file, with a line for each field."""
    fields = json.loads(portable(asked.front_end_at(_rate_to_show(asked, found))).to_json())
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
    for line in ("{", *(f"{line}," for line in lines[:-1]), lines[-1], "}"):
        say(line)
    if asked.n_mfccs:
        say(
            f"kapre-ref: note: this gives decibels; of them --feature mfcc makes {asked.n_mfccs} "
            f"coefficients by logmel_to_mfcc, which no front end does",
            sys.stderr,
        )


def _rate_to_show(asked: Asked, found: Sequence[Found]) -> float:
    if asked.sample_rate is not None:
        return asked.sample_rate
    rates = []
    for each in found:
        try:
            with Recording(each.path) as recording:
                rates.append(recording.sample_rate)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"{each.path}: {reason}") from error
    if len(set(rates)) != 1:
        got = " and ".join(f"{rate:g}" for rate in sorted(set(rates))[:2])
        raise UsageError(
            "--sample-rate must be given with --show, unless there are recordings of one rate, got "
            + (f"recordings of {got} Hz" if rates else "none")
        )
    return rates[0]


def list_front_ends(word: str | None) -> int:
    """Print the named front ends, or those in which a word occurs; return the exit status."""
    listed = [recipe for recipe in kapre_ref.recipes() if _has(recipe, word)]
    if not listed:
        raise UsageError(f"WORD must occur in the name, tool or source of a front end, got {word}")
    width = max(len(recipe.name) for recipe in listed)
    say(f"{'name':{width}}  {'Hz':>6} {'frame':>6} {'hop':>5} {'values':>6}  tool")
    for recipe in listed:
        f = recipe.front_end
        sizes = f"{f.sample_rate:6g} {f.win_length:6} {f.hop_length:5} {f.n_values:6}"
        say(f"{recipe.name:{width}}  {sizes}  {recipe.tool} {recipe.version}")
        for title in ("source", "before", "after"):
            if getattr(recipe, title):
                say(f"    {title}: {getattr(recipe, title)}")
    say("")
    say("frame and hop in samples; source: which part of the tool gives the same values;")
    say("before, after: what the tool does besides, to the samples and to the features")
    return 0


def _has(recipe: Recipe, word: str | None) -> bool:
    fields = (recipe.name, recipe.tool, recipe.version, recipe.source)
    return word is None or any(word.lower() in field.lower() for field in fields)
