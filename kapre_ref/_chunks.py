"""Large arrays cut into chunks, so that Python can answer signals between two of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 1 << 25  # bytes: some milliseconds of copying


def chunks_of(shape: tuple[int, ...], itemsize: int) -> Iterator[tuple[slice, ...]]:
    """Yield indices that cover an array of this shape, each for a chunk of at most 32 MiB."""
    if math.prod(shape) * itemsize <= _MOST:
        yield tuple(slice(n) for n in shape)
        return
    axis = shape.index(max(shape))
    middle = shape[axis] // 2
    for start, n in ((0, middle), (middle, shape[axis] - middle)):
        for chunk in chunks_of((*shape[:axis], n, *shape[axis + 1 :]), itemsize):
            moved = slice(start + (chunk[axis].start or 0), start + chunk[axis].stop)
            yield (*chunk[:axis], moved, *chunk[axis + 1 :])
