"""Products of frames with a matrix: columns in lanes, so that every result is a sum of its own.

The terms of a sum are added in an order that their number alone decides, by the same instructions
in every lane: so a frame's bits depend neither on the frames beside it nor on how many there are.
BLAS promises neither, and its threads spin while they wait, which delays what else runs.

No long sum is one chain of additions, whose rounding errors would add up:

    chains of 16 terms     x0 w0 + x1 w1 + ... + x15 w15
    panels of 8 chains     in registers, one after the other
    all panels             in pairs, pairs of pairs, and so on
"""

import numpy as np
from numba.core import config

from kapre_ref.kernels.cpu.jit import as_input, kernel
from kapre_ref.kernels.cpu.pool import run_slices
from kapre_ref.kernels.cpu.strided import contiguous
from kapre_ref.kernels.cpu.vector import n_lanes, vector_functions

_TERM_SECONDS = 2e-11
_CHAIN, _PANEL = 16, 128  # terms; the weights of a panel for two vectors of columns stay in L1
_FRAMES = 48  # whose sums over panels are kept at a time
_FEW = 32  # frames, with which each weight is used so seldom that packing takes longer
# Frames at once beside one vector of columns, and beside two: as many sums as hide the latency of
# an addition, and no more than 16 registers hold.
_GROUPS = {1: 8, 2: 6}


def product(weights, dtype, n_frames=None):
    """Return a function that multiplies contiguous frames by a matrix of float32 or float64.

    For few frames, if it is known that they are, most of the matrix stays where it lies.
    """
    n_terms, n_columns = weights.shape
    if config.DISABLE_JIT:
        return lambda frames, out: multiply_plainly(frames, weights.T, out)
    lanes, unit = n_lanes(dtype), dtype.type(1)
    weights = contiguous(weights, dtype)
    n_unpacked = 0
    if n_frames is not None and n_frames <= _FEW:
        n_unpacked = n_columns // (2 * lanes) * (2 * lanes)
    packed = np.empty(n_terms * -(-(n_columns - n_unpacked) // lanes) * lanes, dtype)
    _pack_columns(weights, lanes, n_unpacked, packed)
    packed.flags.writeable = False
    if not n_unpacked:
        weights = as_input(np.empty((0, n_columns), dtype))  # a view would keep the matrix alive

    def multiply(frames, out):
        frames, out = frames.reshape(-1, n_terms), out.reshape(-1, n_columns)

        def run(start, stop):
            some = frames[start:stop], out[start:stop]
            _multiply(unit, lanes, weights, n_unpacked, packed, *some)

        run_slices(run, len(out), product_seconds(frames.size, n_columns), _GROUPS[2])

    return multiply


def product_seconds(n_numbers, n_columns):
    """Guess how long one thread takes for frames of so many numbers in all."""
    return n_numbers * n_columns * _TERM_SECONDS


def multiply_plainly(frames, columns, out):
    """Multiply frames by columns without a compiler; `columns` may be an iterator."""
    with np.errstate(all="ignore"):  # as kernels do, which warn of nothing
        for column, weights in enumerate(columns):
            # NumPy sums the rows of this product one by one, in pairs of pairs of terms.
            out[..., column] = np.sum(frames * weights.astype(frames.dtype), axis=-1)


@kernel
def _pack_columns(weights, lanes, n_unpacked, packed):
    """Write pairs of vectors of columns one after the other, filled up with zeros."""
    n_terms, n_columns = weights.shape
    for first in range(n_unpacked, n_columns, 2 * lanes):
        n = min(2 * lanes, n_columns - first)
        width = lanes if n <= lanes else 2 * lanes
        for k in range(n_terms):
            place = (first - n_unpacked) * n_terms + k * width
            for j in range(n):
                packed[place + j] = weights[k, first + j]
            packed[place + n : place + width] = 0


@kernel
def _multiply(unit, lanes, weights, n_unpacked, packed, frames, out):
    n_terms, n_columns = frames.shape[1], out.shape[1]
    n_panels = max(1, -(-n_terms // _PANEL))
    n_levels = 0
    while n_panels > 1 and 1 << n_levels < 2 * n_panels:
        n_levels += 1
    sums = np.empty((n_levels, min(_FRAMES, out.shape[0]), n_columns), out.dtype)
    for first in range(0, out.shape[0], _FRAMES):
        some, results = frames[first : first + _FRAMES], out[first : first + _FRAMES]
        if n_panels == 1:
            _multiply_panel(unit, lanes, weights, n_unpacked, packed, some, 0, results)
            continue
        # After an even number of panels the last two sums are of as many panels each.
        depth = 0
        for panel in range(n_panels):
            term = panel * _PANEL
            _multiply_panel(unit, lanes, weights, n_unpacked, packed, some, term, sums[depth])
            n_done = panel + 1
            while n_done % 2 == 0:
                _add(sums[depth - 1], sums[depth])
                depth -= 1
                n_done //= 2
            depth += 1
        for level in range(depth - 1, 0, -1):
            _add(sums[level - 1], sums[level])
        for i in range(results.shape[0]):
            for j in range(n_columns):
                results[i, j] = sums[0, i, j]


@kernel
def _add(total, part):
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            total[i, j] += part[i, j]


@kernel
def _multiply_panel(unit, lanes, weights, n_unpacked, packed, frames, first_term, out):
    n_terms, n_columns = frames.shape[1], out.shape[1]
    item = out.itemsize
    count = min(_PANEL, n_terms - first_term)
    for column in range(0, n_columns, 2 * lanes):
        n_vectors = 1 if n_columns - column <= lanes else 2
        if column < n_unpacked:
            place = weights.ctypes.data + (first_term * n_columns + column) * item
            term_bytes = n_columns * item
        else:
            term_bytes = n_vectors * lanes * item
            place = (column - n_unpacked) * n_terms * item + first_term * term_bytes
            place += packed.ctypes.data
        multiply_panel(
            unit,
            n_vectors,
            frames.ctypes.data + first_term * item,
            n_terms * item,
            frames.shape[0],
            place,
            term_bytes,
            count,
            out.ctypes.data + column * item,
            n_columns * item,
            n_columns - column,
        )


@vector_functions(_GROUPS)
def multiply_panel(
    emitter,
    n_vectors,
    frames,
    frame_bytes,
    n_frames,
    weights,
    term_bytes,
    n_terms,
    target,
    target_bytes,
    n_columns,
):
    """Write the products of frames with one or two vectors of columns."""
    at_once = _GROUPS[n_vectors]

    def zeros():
        return [
            [emitter.variable(emitter.constant(0)) for _ in range(n_vectors)]
            for _ in range(at_once)
        ]

    with emitter.loop((n_frames + (at_once - 1)) // at_once) as group:
        # What is missing in the last group is its last frame once more.
        numbers = [emitter.minimum(group * at_once + j, n_frames - 1) for j in range(at_once)]
        rows = [frames + number * frame_bytes for number in numbers]
        totals = zeros()
        with emitter.loop((n_terms + (_CHAIN - 1)) // _CHAIN) as chain:
            sums = zeros()
            with emitter.loop(emitter.minimum(n_terms - chain * _CHAIN, _CHAIN)) as i:
                term = chain * _CHAIN + i
                place = weights + term * term_bytes
                factors = [emitter.load(place + k * emitter.bytes) for k in range(n_vectors)]
                for row, row_sums in zip(rows, sums, strict=True):
                    x = emitter.broadcast(row + term * emitter.itemsize)
                    for factor, total in zip(factors, row_sums, strict=True):
                        total.set(emitter.multiply_add(x, factor, total.get()))
            for row_totals, row_sums in zip(totals, sums, strict=True):
                for total, part in zip(row_totals, row_sums, strict=True):
                    total.set(total.get() + part.get())
        for number, row_totals in zip(numbers, totals, strict=True):
            for k, total in enumerate(row_totals):
                place = target + number * target_bytes + k * emitter.bytes
                emitter.store_first(total.get(), place, n_columns - k * emitter.lanes)
