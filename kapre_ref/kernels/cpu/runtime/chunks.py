"""Elementwise kernels on arrays of any dtype and strides: straight through, or chunk by chunk."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.kernels.cpu.runtime.jit import as_input
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_array
from kapre_ref.kernels.cpu.runtime.strided import assign, contiguous, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# What is made contiguous at a time: little enough for a usual L2 cache, and so much that the time
# which Python takes for each chunk does not matter.
_CHUNK_BYTES = 1 << 19
# A multiple of what the compiler takes in one round of a loop, so that the numbers which go through
# the loop's scalar remainder, and with it every bit, do not depend on how the work is sliced.
_GRANULE = 1 << 10
_FRAMES = 16  # a multiple of the frames that kernels take at once
_COPY_SECONDS = 5e-10  # the time to make a number contiguous, or to scatter it


def for_chunks(
    function: Callable[..., None],
    inputs: list[NDArray[Any]],
    out: NDArray[Any] | None,
    dtypes: list[np.dtype[Any]],
    seconds_per_number: float,
) -> None:
    """Call `function(*inputs, out)` for runs of arrays of one shape, in their `dtypes`.

    The runs are one-dimensional and contiguous, those of inputs read-only. If all arrays are
    contiguous already, nothing is copied. If not, chunks are copied, and they are the same however
    the work is sliced. `out` may be one of the inputs, or None for a reduction, whose order must
    not matter.
    """
    arrays = [*inputs] if out is None else [*inputs, out]
    n_numbers = arrays[0].size
    if not n_numbers:
        return
    if not all(map(is_plain, arrays, dtypes)) and arrays[0].ndim:
        # Axes in the order of the result's memory make views of channels_last arrays contiguous.
        strides = arrays[-1].strides
        axes = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
        arrays = [x.transpose(axes) for x in arrays]

    def run(start: int, stop: int) -> None:
        runs = [x[start:stop] for x in flat]
        function(*map(as_input, runs[: len(inputs)]), *runs[len(inputs) :])

    inputs_in_order = arrays[: len(inputs)]

    def run_chunks(start: int, stop: int) -> None:
        for number in range(start, stop):
            index = index_of(number)
            given = [
                contiguous(x[index], dtype, f"chunk of input {i}").reshape(-1)
                for i, (x, dtype) in enumerate(zip(inputs_in_order, dtypes, strict=False))
            ]
            if out is None:
                function(*given)
                continue
            result = arrays[-1][index]
            straight = is_plain(result, dtypes[-1])
            computed = result if straight else scratch_array("chunk", result.shape, dtypes[-1])
            function(*given, computed.reshape(-1))
            if not straight:
                assign(result, computed)

    if all(map(is_plain, arrays, dtypes)):
        flat = [x.reshape(-1) for x in arrays]
        run_slices(run, n_numbers, n_numbers * seconds_per_number, _GRANULE)
    else:
        n_chunks, index_of = _chunks_of(arrays[0].shape, _CHUNK_BYTES // dtypes[0].itemsize)
        run_slices(run_chunks, n_chunks, n_numbers * (seconds_per_number + _COPY_SECONDS))


def _chunks_of(shape: tuple[int, ...], size: int) -> tuple[int, Callable[[int], Any]]:
    """Return how many chunks to cut an array into, and a function that indexes a chunk by number.

    A chunk is a part of one axis, with all axes after it, at one index of the axes before it.
    """
    axis, n_inner = len(shape), 1
    while axis and n_inner * shape[axis - 1] <= size:
        axis -= 1
        n_inner *= shape[axis]
    if not axis:
        return 1, lambda number: ...
    axis -= 1
    step = size // n_inner
    n_steps = -(-shape[axis] // step)
    outer = shape[:axis]

    def index_of(number: int) -> tuple[Any, ...]:
        number, i = divmod(number, n_steps)
        return *np.unravel_index(number, outer), slice(i * step, (i + 1) * step)

    return n_steps * math.prod(outer), index_of


def for_items(
    function: Callable[[NDArray[Any], NDArray[Any]], None],
    x: NDArray[Any],
    out: NDArray[Any],
    dtype: np.dtype[Any],
) -> None:
    """Call `function(x, out)` for arrays that are contiguous and of one dtype.

    If the given arrays are so already, the whole batch takes one call. If not, each item is copied
    and takes a call of its own.
    """
    if is_plain(x, dtype) and is_plain(out, dtype):
        function(as_input(x), out)
        return
    for item, result in zip(x, out, strict=True):
        source = contiguous(item, dtype)[None]
        straight = is_plain(result, dtype)
        computed = result if straight else np.empty(result.shape, dtype)
        function(source, computed[None])
        if not straight:
            assign(result, computed)


def for_frames(
    function: Callable[[NDArray[Any], NDArray[Any]], None],
    x: NDArray[Any],
    out: NDArray[Any],
    dtype: np.dtype[Any],
    seconds: float,
) -> None:
    """Call `function(x, out)` for contiguous arrays of one dtype, whose frames are independent.

    If the given arrays are so already, there is one call for all. If not, chunks of frames are
    copied, on several threads unless `seconds`, the time that one thread takes for all, is 0.
    """
    if is_plain(x, dtype) and is_plain(out, dtype):
        function(as_input(x), out)
        return
    batch, n_channels, n_frames, width = x.shape
    step = max(_FRAMES, _CHUNK_BYTES // (width * dtype.itemsize) // _FRAMES * _FRAMES)
    chunks_of_channel = -(-n_frames // step)

    def run(start: int, stop: int) -> None:
        for number in range(start, stop):
            channel, position = divmod(number, chunks_of_channel)
            index = *divmod(channel, n_channels), slice(position * step, (position + 1) * step)
            source, result = contiguous(x[index], dtype, "chunk of frames"), out[index]
            straight = is_plain(result, dtype)
            computed = result if straight else scratch_array("results", result.shape, dtype)
            function(source, computed)
            if not straight:
                assign(result, computed)

    run_slices(run, batch * n_channels * chunks_of_channel, seconds)
