"""What kernels are told of the values of a frame: their logarithm, gain and offset."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.epilogues import Logarithm

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd
    from kapre_ref.kernels.cpu.runtime.jit import Addresses

OCTAVES = {"ln": math.log(2), "log10": math.log10(2), "10log10": 10 * math.log10(2)}
NEPERS = {"ln": 1.0, "log10": 1 / math.log(10), "10log10": 10 / math.log(10)}


class Scale(NamedTuple):
    """Addresses of numbers, 0 where there are none."""

    logarithm: int  # of a `Logarithm`
    pairs: int  # of a gain and an offset for each value


def has_late_scale(front_end: FrontEnd) -> bool:
    """Tell whether gain and offset must wait until the dynamic range is known.

    With one positive gain, the range below the peak can as well be taken of what they make.
    """
    return front_end.dynamic_range is not None and not is_one_positive_gain(front_end)


def is_one_positive_gain(front_end: FrontEnd) -> bool:
    """Tell whether gain and offset are numbers, of which the gain is positive."""
    gain, offset = front_end.gain, front_end.offset
    return isinstance(gain, float) and isinstance(offset, float) and gain > 0


def scale_of(front_end: FrontEnd, dtype: np.dtype[Any], addresses: Addresses) -> Scale:
    """Return what the values of a front end become at once."""
    is_folded = front_end.log != "none" and is_one_positive_gain(front_end)
    logarithm = pairs = 0
    if front_end.log != "none":
        numbers = logarithm_of(front_end)
        logarithm = addresses.of(np.array(numbers, dtype))
    is_identity = front_end.gain == 1 and front_end.offset == 0
    if not (is_folded or is_identity or has_late_scale(front_end)):
        both = np.empty((front_end.n_bands, 2), dtype)
        both[:, 0], both[:, 1] = front_end.gain, front_end.offset
        pairs = addresses.of(both)
    return Scale(logarithm, pairs)


def logarithm_of(front_end: FrontEnd) -> Logarithm:
    """Return the numbers of a front end's logarithm, with gain and offset where they are part."""
    gain, offset = 1.0, 0.0
    if is_one_positive_gain(front_end):
        gain, offset = front_end.gain, front_end.offset  # type: ignore[assignment]
    kind, floor = front_end.log, front_end.floor
    least = -math.inf
    if floor:
        log = math.log(floor) if kind == "ln" else math.log10(floor)
        least = (10 * log if kind == "10log10" else log) * gain + offset
    return Logarithm(
        smallest=floor,
        addend=floor if front_end.floor_by == "add" else 0.0,
        least=least,
        octave=OCTAVES[kind] * gain,
        neper=NEPERS[kind] * gain,
        offset=offset,
    )
