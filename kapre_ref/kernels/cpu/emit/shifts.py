"""Numbers of columns or of one run summed, shifted and divided, where they lie.

A column is a band, and goes down the frames: its numbers are as many bytes apart as a frame takes.
A vector holds as many columns as it has lanes; `count` of them are there.
"""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_function, vector_functions
from kapre_ref.kernels.cpu.emit.language import Value
from kapre_ref.kernels.cpu.emit.sums import SQUARES, TERMS, SumsInPairs

_CHAIN = 64  # numbers that are added one after the other, in two sums


class Columns(NamedTuple):
    """Where a vector of columns lies."""

    at: Value  # the address of the first number of the first one
    frame_bytes: Value
    n_frames: Value
    count: Value


@vector_functions((TERMS, SQUARES))
def sum_columns(emitter, power, columns: Columns, target):
    """Write the sum of each column, or of the squares of its numbers, a vector."""
    parts = SumsInPairs(emitter)
    parts.clear()
    for i in emitter.loop((columns.n_frames + (_CHAIN - 1)) // _CHAIN):
        first = i * _CHAIN
        n = emitter.minimum(columns.n_frames - first, _CHAIN)
        sums = [emitter.variable(emitter.constant(0)) for _ in range(2)]

        def add(total, frame):
            x = emitter.load_first(columns.at + columns.frame_bytes * frame, columns.count)
            added = emitter.multiply_add(x, x, total.get()) if power == SQUARES else total.get() + x
            total.set(added)

        for j in emitter.loop(n // 2):
            for half, total in enumerate(sums):
                add(total, first + j * 2 + half)
        for _ in emitter.loop(n - n // 2 * 2):
            add(sums[0], first + n - 1)
        parts.add(i, [sums[0].get() + sums[1].get()])
    (total,) = parts.total([emitter.constant(0)])
    emitter.store(total, target)


@vector_function
def shift_columns(emitter, columns: Columns, shifts):
    """Subtract a number from each column, in place."""
    shift = emitter.load(shifts)
    for frame in emitter.loop(columns.n_frames):
        place = columns.at + columns.frame_bytes * frame
        x = emitter.load_first(place, columns.count)
        emitter.store_first(x - shift, place, columns.count)


@vector_function
def divide_columns(emitter, columns: Columns, divisors):
    """Divide each column by a number, in place."""
    divisor = emitter.load(divisors)
    for frame in emitter.loop(columns.n_frames):
        place = columns.at + columns.frame_bytes * frame
        x = emitter.load_first(place, columns.count)
        emitter.store_first(x / divisor, place, columns.count)


@vector_function
def shift_run(emitter, run, n, shift):
    """Subtract a number from `n` numbers that follow each other, in place."""
    subtracted = emitter.broadcast(shift)
    for i in emitter.loop(n // emitter.lanes):
        place = run + i * emitter.bytes
        emitter.store(emitter.load(place) - subtracted, place)
    n_done = n // emitter.lanes * emitter.lanes
    place = run + n_done * emitter.itemsize
    rest = emitter.load_first(place, n - n_done) - subtracted
    emitter.store_first(rest, place, n - n_done)


@vector_function
def divide_run(emitter, run, n, divisor):
    """Divide `n` numbers that follow each other by a number, in place."""
    divided_by = emitter.broadcast(divisor)
    for i in emitter.loop(n // emitter.lanes):
        place = run + i * emitter.bytes
        emitter.store(emitter.load(place) / divided_by, place)
    n_done = n // emitter.lanes * emitter.lanes
    place = run + n_done * emitter.itemsize
    rest = emitter.load_first(place, n - n_done) / divided_by
    emitter.store_first(rest, place, n - n_done)
