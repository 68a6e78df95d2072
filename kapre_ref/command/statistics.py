"""`kapre-ref statistics`: the mean and the deviation of each band over a collection of results.

The sums over one result are float64. They are added exactly, as multiples of the smallest float. So
statistics of several parts of a collection, merged in any order, equal those of the whole.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.command import results
from kapre_ref.command.feature_files import atomic_file
from kapre_ref.command.parsing import UsageError
from kapre_ref.command.results import features_in
from kapre_ref.command.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

_SHIFT = 1074  # All float64 are whole multiples of 2**-1074, the smallest one.


class Statistics:
    """The exact sums of the values of each band, and of their squares."""

    def __init__(self) -> None:
        self.n_frames = 0
        self.sums: list[int] = []  # in units of 2**-1074
        self.squares: list[int] = []

    def add(self, values: NDArray[Any]) -> None:
        """Add (..., n_frames, n_bands); the frames of all channels count alike."""
        rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
        if not np.isfinite(rows).all():
            raise ValueError("there are values that are NaN or infinite")
        squares = (rows * rows).sum(axis=0)
        if not np.isfinite(squares).all():
            raise ValueError("squares of its values are beyond float64")
        self._add(len(rows), [_whole(x) for x in rows.sum(axis=0)], [_whole(x) for x in squares])

    def merge(self, other: Statistics) -> None:
        """Add all frames that other statistics have counted."""
        self._add(other.n_frames, other.sums, other.squares)

    def _add(self, n_frames: int, sums: Sequence[int], squares: Sequence[int]) -> None:
        if self.sums and len(self.sums) != len(sums):
            raise ValueError(f"there are {len(sums)} bands, and {len(self.sums)} in those before")
        self.n_frames += n_frames
        self.sums = [a + b for a, b in zip(self.sums or [0] * len(sums), sums, strict=True)]
        self.squares = [
            a + b for a, b in zip(self.squares or [0] * len(sums), squares, strict=True)
        ]

    def mean(self) -> NDArray[np.float64]:
        """Return the mean of each band, rounded once."""
        return np.array([float(Fraction(s, self.n_frames << _SHIFT)) for s in self.sums])

    def deviation(self) -> NDArray[np.float64]:
        """Return the standard deviation of each band over all frames (ddof 0)."""
        n = self.n_frames
        variances = (
            Fraction(q, n << _SHIFT) - Fraction(s, n << _SHIFT) ** 2
            for s, q in zip(self.sums, self.squares, strict=True)
        )
        return np.array([math.sqrt(max(Fraction(0), variance)) for variance in variances])

    def write(self, path: str) -> None:
        """Write the statistics as an .npz."""
        exact = {"sums": [hex(s) for s in self.sums], "squares": [hex(q) for q in self.squares]}
        with atomic_file(path) as file:
            np.savez(
                file,
                mean=self.mean(),
                deviation=self.deviation(),
                n_frames=np.array(self.n_frames),
                exact=np.array(json.dumps(exact)),
            )


def _whole(value: float) -> int:
    numerator, denominator = float(value).as_integer_ratio()
    return numerator << (_SHIFT + 1 - denominator.bit_length())


def read_statistics(path: str) -> Statistics | None:
    """Read what `Statistics.write` wrote; return None for any other file."""
    if not zipfile.is_zipfile(path):
        return None
    with np.load(path) as made:
        if "exact" not in made:
            return None
        exact = json.loads(str(made["exact"]))
        read = Statistics()
        read.n_frames = int(made["n_frames"])
    read.sums = [int(text, 16) for text in exact["sums"]]
    read.squares = [int(text, 16) for text in exact["squares"]]
    return read


def run_statistics(given: Iterable[str], out: str, bands_first: bool) -> int:
    """Write the statistics of results, and of statistics; return the exit status."""
    if os.path.splitext(out)[1].lower() != ".npz":
        raise UsageError(f"--out must end in .npz, got {out}")
    total, n_results = Statistics(), 0
    for path in _files(given, out):
        try:
            read = read_statistics(path)
            if read is not None:
                total.merge(read)
            for values in features_in(path, bands_first) if read is None else ():
                total.add(values)
        except (OSError, *results.WRONG) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"{path}: {reason}") from error
        n_results += 1
    if not total.n_frames:
        raise UsageError("RESULT must have frames, got none")
    try:
        total.write(out)
    except OSError as error:
        raise UsageError(f"--out: {out}: {error.strerror or error}") from error
    say(f"wrote {out}: {len(total.sums)} bands, {total.n_frames} frames of {n_results} files")
    return 0


def _files(given: Iterable[str], out: str) -> Iterator[str]:
    """Yield all files that are given, and the results in all folders."""
    for each in given:
        if not os.path.isdir(each):
            yield each
            continue
        for parent, folders, names in os.walk(each, followlinks=True):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(parent, name)
                is_result = name.endswith(results.SUFFIXES) and not name.startswith(".")
                if is_result and not (os.path.exists(out) and os.path.samefile(path, out)):
                    yield path


OF_CEPSTRA = (
    "a front end ends with them, so that no step after it could be written down; take mean and "
    "deviation of `kapre-ref statistics` off where they are used"
)
Scale = tuple[tuple[float, ...], tuple[float, ...]]


def scale_of(path: str) -> Scale:
    """Return the mean and the deviation of each band for --normalise, with 1 in place of 0."""
    try:
        read = read_statistics(path)
    except OSError as error:
        raise UsageError(f"--normalise: {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, zipfile.BadZipFile):
        read = None
    if read is None:
        raise UsageError(f"--normalise must name what `kapre-ref statistics` wrote, got {path}")
    deviation = read.deviation()
    deviation[deviation == 0] = 1
    return tuple(read.mean().tolist()), tuple(deviation.tolist())


def normalised(front_end: FrontEnd, scale: Scale) -> FrontEnd:
    """Return a front end that subtracts the mean and divides by the deviation of each band."""
    if front_end.normalisation is not None:
        raise UsageError("--normalise has no meaning with bands that are normalised over time")
    if front_end.n_cepstra:
        raise UsageError(f"--normalise must not be given with cepstra: {OF_CEPSTRA}")
    mean, deviation = (np.asarray(values) for values in scale)
    if len(mean) != front_end.n_bands:
        raise UsageError(
            f"--normalise must name statistics of {front_end.n_bands} bands, got {len(mean)}"
        )
    gain, offset = np.asarray(front_end.gain), np.asarray(front_end.offset)
    return front_end.replace(gain=gain / deviation, offset=(offset - mean) / deviation)
