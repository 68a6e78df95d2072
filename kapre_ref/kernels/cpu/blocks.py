"""Elementwise kernels on arrays of any dtype and strides: straight through, or block by block."""

import numpy as np

from kapre_ref.kernels.cpu.jit import as_input
from kapre_ref.kernels.cpu.pool import run_slices

_BLOCK = 1 << 14  # items gathered at a time: few enough for the L2 cache
# A multiple of what the compiler takes in one round of a loop, so that the items which go through
# the loop's scalar remainder, and with it every bit, do not depend on how the work is sliced.
_GRANULE = 1 << 10
_ITERATION = ["external_loop", "buffered", "ranged"]


def for_blocks(function, inputs, out, dtypes, seconds_per_item):
    """Call `function(*inputs, out)` for stretches of arrays of one shape, in their `dtypes`.

    The stretches are one-dimensional and contiguous, inputs read-only. Where the arrays already
    are so, nothing is copied; else blocks are, through NumPy, which also converts the dtypes.
    `out` may be one of the inputs, or None for a reduction, whose order must not matter.
    """
    arrays = [*inputs] if out is None else [*inputs, out]
    if not arrays[0].ndim:  # NumPy 2.0 gathers arrays of no dimensions from the wrong place
        arrays = [x[None] for x in arrays]
    n_items = arrays[0].size
    if not all(map(is_plain, arrays, dtypes)):
        # In the order of the result's memory: views of a channels_last array are contiguous then.
        strides = arrays[-1].strides
        axes = sorted(range(len(strides)), key=lambda axis: -strides[axis])
        arrays = [x.transpose(axes) for x in arrays]

    def run(start, stop):
        stretches = [x[start:stop] for x in flat]
        function(*map(as_input, stretches[: len(inputs)]), *stretches[len(inputs) :])

    def run_gathered(start, stop):
        flags = [["readonly", "contig", "aligned"] for _ in inputs]
        flags += [["writeonly", "contig", "aligned"] for _ in arrays[len(inputs) :]]
        with np.nditer(
            arrays, _ITERATION, flags, dtypes, casting="unsafe", buffersize=_BLOCK
        ) as blocks:
            blocks.iterrange = start, stop
            for block in blocks:
                stretches = block if len(arrays) > 1 else [block]
                function(*map(as_input, stretches[: len(inputs)]), *stretches[len(inputs) :])

    if all(map(is_plain, arrays, dtypes)):
        flat = [x.reshape(-1) for x in arrays]
        run_slices(run, n_items, n_items * seconds_per_item, _GRANULE)
    else:
        run_slices(run_gathered, n_items, n_items * seconds_per_item, _GRANULE)


def is_plain(x, dtype):
    """Tell whether an array is contiguous, aligned and of that dtype."""
    return x.dtype == dtype and x.flags.c_contiguous and x.flags.aligned


def for_items(function, x, out, dtype):
    """Call `function(x, out)` for arrays that are contiguous and of one dtype.

    If the given ones are, that is one call for the whole batch; else one for each item's copy.
    """
    if is_plain(x, dtype) and is_plain(out, dtype):
        function(as_input(x), out)
        return
    for item, result in zip(x, out, strict=True):
        source = as_input(np.require(item, dtype, "CA")[None])
        straight = is_plain(result, dtype)
        computed = result if straight else np.empty(result.shape, dtype)
        function(source, computed[None])
        if not straight:
            result[...] = computed
