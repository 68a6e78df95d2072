"""The numbers by which a kernel takes logarithms; gain and offset are among them if they can be."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kapre_ref._kept import kept

if TYPE_CHECKING:
    import numpy as np

    from kapre_ref._decibel import DecibelScale
    from kapre_ref._front_end import FrontEnd

_FACTORS = {"ln": 1.0, "log10": 1.0, "10log10": 10.0}
_ROUNDED = 1e-5  # how far rounding moves a logarithm, relative to the terms of its sum


class Scale(NamedTuple):
    """What scaled_log() in logarithm.cuh takes."""

    takes_log: bool = False
    added: float = 0.0  # is added to a value before its logarithm
    floor: float = 0.0  # a value that is not above it becomes `least`
    decimal: bool = False  # whether the logarithm is the decimal one
    factor: float = 1.0  # multiplies the logarithm, or the value if none is taken
    shift: float = 0.0
    least: float = 0.0
    settled: float = 0.0  # no result lies below it, however it was rounded

    def members(self, dtype: np.dtype[np.generic]) -> dict[str, float]:
        """Return the members of `Task` for a kernel of a working precision.

        In float32 all logarithms are natural, since one factor less is one rounding less. In
        float64 decimal ones stay decimal, so that those of powers of ten are whole numbers.
        """
        told = self._asdict()
        if dtype.itemsize == 4 and self.decimal:
            told |= {"factor": self.factor / math.log(10), "decimal": False}
        return told


@kept
def scale_of(front_end: FrontEnd) -> Scale:
    """Return the numbers for a front end: without gain and offset, if they are applied later."""
    f = front_end
    gain, offset = 1.0, 0.0
    if not (has_lines(f) or f.has_late_scale):
        assert isinstance(f.gain, float), "a line has all other gains"
        assert isinstance(f.offset, float), "a line has all other offsets"
        gain, offset = f.gain, f.offset
    if f.log == "none":
        return Scale(factor=gain, shift=offset)
    added = f.floor if f.floor_by == "add" else 0.0
    return _scale(f.log, f.floor, added, gain, offset)


@lru_cache(maxsize=64)
def decibel_scale(scale: DecibelScale) -> Scale:
    """Return the numbers for decibels, which are no lower than those of `amin`."""
    offset = -scale.decade * math.log10(max(scale.amin, scale.ref_value))
    return _scale("10log10", scale.amin, 0.0, scale.decade / 10, offset)


def has_lines(front_end: FrontEnd) -> bool:
    """Tell whether each band has a gain or an offset of its own, which the kernel applies."""
    f = front_end
    return (isinstance(f.gain, tuple) or isinstance(f.offset, tuple)) and not f.has_late_scale


def limit_of(front_end: FrontEnd) -> float:
    """Return how far below the peak values may lie, in their units when the limit is set."""
    f = front_end
    assert f.dynamic_range is not None, "asked for where there is a range"
    gain = 1.0 if f.has_late_scale else f.gain
    assert isinstance(gain, float), "a late scale has all other gains"
    return f.dynamic_range * gain


def _scale(log: str, floor: float, added: float, gain: float, offset: float) -> Scale:
    logarithm = math.log if log == "ln" else math.log10
    factor = gain * _FACTORS[log]
    of_floor = factor * (logarithm(floor) if floor else -math.inf)
    least = of_floor + offset
    settled = least - _ROUNDED * (abs(of_floor) + abs(offset)) if floor else -math.inf
    return Scale(True, added, floor, log != "ln", factor, offset, least, settled)
