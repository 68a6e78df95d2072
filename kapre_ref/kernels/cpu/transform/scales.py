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


def scale_of(front_end: FrontEnd, dtype: np.dtype[Any], addresses: Addresses) -> Scale:
    """Return what the values of a front end become at once."""
    is_folded = front_end.log != "none" and front_end.has_one_gain
    logarithm = pairs = 0
    if front_end.log != "none":
        numbers = logarithm_of(front_end)
        logarithm = addresses.of(np.array(numbers, dtype))
    is_identity = front_end.gain == 1 and front_end.offset == 0
    if not (is_folded or is_identity or front_end.has_late_scale):
        both = np.empty((front_end.n_bands, 2), dtype)
        both[:, 0], both[:, 1] = front_end.gain, front_end.offset
        pairs = addresses.of(both)
    return Scale(logarithm, pairs)


def logarithm_of(front_end: FrontEnd) -> Logarithm:
    """Return the numbers of a front end's logarithm, with gain and offset where they are part."""
    gain, offset = 1.0, 0.0
    if front_end.has_one_gain:
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
