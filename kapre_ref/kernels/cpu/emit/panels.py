"""Products of frames with one or two vectors of columns."""

from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.intrinsics import vector_functions
from kapre_ref.kernels.cpu.emit.language import Strided, Value

_CHAIN = 16  # terms that are added one after the other


# How many frames are multiplied at once by one vector of columns, and by two. Their sums are many
# enough to hide the latency of an addition, and few enough for 16 registers.
GROUPS = {1: 8, 2: 6}


class Shape(NamedTuple):
    """How many frames, terms and columns a product of matrices has."""

    n_frames: Value
    n_terms: Value
    n_columns: Value


@vector_functions(GROUPS)
def multiply_panel(
    emitter, n_vectors, frames: Strided, weights: Strided, target: Strided, shape: Shape
):
    """Write the products of frames with one or two vectors of columns.

    An element of `weights` holds what one term counts in each of these columns.
    """
    at_once = GROUPS[n_vectors]

    def zeros():
        return [
            [emitter.variable(emitter.constant(0)) for _ in range(n_vectors)]
            for _ in range(at_once)
        ]

    for group in emitter.loop((shape.n_frames + (at_once - 1)) // at_once):
        # The last group repeats its last frame until it is full; the copies write the same result.
        numbers = [emitter.minimum(group * at_once + j, shape.n_frames - 1) for j in range(at_once)]
        places = [frames.place(number) for number in numbers]
        totals = zeros()
        for chain in emitter.loop((shape.n_terms + (_CHAIN - 1)) // _CHAIN):
            sums = zeros()
            for i in emitter.loop(emitter.minimum(shape.n_terms - chain * _CHAIN, _CHAIN)):
                term = chain * _CHAIN + i
                place = weights.place(term)
                factors = [emitter.load(place + k * emitter.bytes) for k in range(n_vectors)]
                for frame, frame_sums in zip(places, sums, strict=True):
                    x = emitter.broadcast(frame + term * emitter.itemsize)
                    for factor, total in zip(factors, frame_sums, strict=True):
                        total.set(emitter.multiply_add(x, factor, total.get()))
            for frame_totals, frame_sums in zip(totals, sums, strict=True):
                for total, part in zip(frame_totals, frame_sums, strict=True):
                    total.set(total.get() + part.get())
        for number, frame_totals in zip(numbers, totals, strict=True):
            for k, total in enumerate(frame_totals):
                place = target.place(number) + k * emitter.bytes
                emitter.store_first(total.get(), place, shape.n_columns - k * emitter.lanes)
