"""Large arrays cut into parts, so that Python can answer signals between two parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 1 << 25  # bytes: some milliseconds of copying


def parts_of(shape: tuple[int, ...], itemsize: int) -> Iterator[tuple[slice, ...]]:
    """Yield indices that cover an array of this shape, each for a part of at most 32 MiB."""
    if math.prod(shape) * itemsize <= _MOST:
        yield tuple(slice(n) for n in shape)
        return
    axis = shape.index(max(shape))
    middle = shape[axis] // 2
    for start, n in ((0, middle), (middle, shape[axis] - middle)):
        for part in parts_of((*shape[:axis], n, *shape[axis + 1 :]), itemsize):
            moved = slice(start + (part[axis].start or 0), start + part[axis].stop)
            yield (*part[:axis], moved, *part[axis + 1 :])
