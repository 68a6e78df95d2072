"""Shapes of signals and of their features, as callers and as kernels see them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd


class Layout(NamedTuple):
    """What the shape of signals makes of a front end's features."""

    n_frames: int
    shape: tuple[int, ...]  # of the result
    of_signals: tuple[int, int, int]  # (batch, channel, time)
    of_result: tuple[int, int, int, int]  # (batch, channel) and the own axes of a result


def layout_of(front_end: FrontEnd, shape: tuple[int, ...]) -> Layout:
    """Return the shapes for signals of (..., time)."""
    *leading, n_samples = shape
    n_frames = front_end.count_frames(n_samples)
    own = (n_frames, front_end.n_values)
    own = own if front_end.time_first else own[::-1]
    batch, n_channels = leading[0] if leading else 1, math.prod(leading[1:])
    return Layout(
        n_frames=n_frames,
        shape=(*leading, *own),
        of_signals=(batch, n_channels, n_samples),
        of_result=(batch, n_channels, *own),
    )
