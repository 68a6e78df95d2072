"""Features of a batch whose items are of unequal lengths, filled up to the longest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._checks import check_integer
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views, on_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


def check_lengths(lengths: Any, x: NDArray[Any]) -> list[int]:
    """Require a number of samples for each item of a batch."""
    if x.ndim < 2:
        raise ValueError(f"x must have shape (batch, ..., time) with lengths, got {x.shape}")
    lengths = on_host("lengths", lengths)
    try:
        numbers = list(lengths)
    except TypeError:
        raise TypeError(
            f"lengths must be a sequence of integers, got {type(lengths).__name__}"
        ) from None
    if len(numbers) != len(x):
        raise ValueError(
            f"lengths must have a number for each item of x, {len(x)} of them, got {len(numbers)}"
        )
    return [
        check_integer(f"lengths[{i}]", number, 0, x.shape[-1]) for i, number in enumerate(numbers)
    ]


def fill_by_lengths(
    signals: NDArray[Any], front_end: FrontEnd, lengths: Sequence[int], out: NDArray[Any]
) -> None:
    """Write the features of each item as if it were alone, and zeros behind them.

    signals (batch, channel, time); out (batch, channel, n_frames, n_values), bands first or not.
    What lies behind the length of an item is not read.
    """
    if not out.size:
        return
    kernels, n_channels = kernels_for(signals), signals.shape[1]
    for item, n_samples in enumerate(lengths):
        n_frames = front_end.count_frames(n_samples)
        if n_channels == 1 and front_end.time_first:  # all frames of an item are neighbours
            target = out[item : item + 1, :, :n_frames]
            kernels.features(signals[item : item + 1, :, :n_samples], front_end, target)
            out[item, :, n_frames:] = 0
            continue
        frame_shape = (n_frames, front_end.n_values)
        shape = frame_shape if front_end.time_first else frame_shape[::-1]
        values = kernels.empty((1, n_channels, *shape), out.dtype, signals)
        target = values if front_end.time_first else values.swapaxes(2, 3)
        kernels.features(signals[item : item + 1, :, :n_samples], front_end, target)
        if front_end.time_first:  # frames follow each other, as samples do
            whole = out[item].reshape(n_channels, -1)
            kernels.fix_length(values.reshape(n_channels, -1), values[0, 0].size, 0.0, whole)
        else:
            kernels.fix_length(values[0], n_frames, 0.0, out[item])


def lengths_reference(front_end: FrontEnd, x: NDArray[Any], lengths: Sequence[int]) -> NDArray[Any]:
    """Compute each item alone, and fill it up with zeros."""
    if of_another_library(x):
        return by_views(lengths_reference, locals(), on_host)
    if not len(x):
        return front_end.reference(x)
    n_frames = front_end.count_frames(x.shape[-1])
    axis = -2 if front_end.time_first else -1
    items = []
    for item, n_samples in zip(x, on_host("lengths", lengths), strict=True):
        y = front_end.reference(item[None, ..., :n_samples])[0]
        widths = [(0, 0)] * y.ndim
        widths[axis] = (0, n_frames - y.shape[axis])
        items.append(np.pad(y, widths))
    return np.stack(items)
