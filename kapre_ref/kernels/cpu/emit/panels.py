"""Products of frames with one or two vectors of columns."""

from kapre_ref.kernels.cpu.emit.intrinsics import vector_functions

_CHAIN = 16  # terms that are added one after the other


# Frames at once beside one vector of columns, and beside two: as many sums as hide the latency of
# an addition, and no more than 16 registers hold.
GROUPS = {1: 8, 2: 6}


@vector_functions(GROUPS)
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
    at_once = GROUPS[n_vectors]

    def zeros():
        return [
            [emitter.variable(emitter.constant(0)) for _ in range(n_vectors)]
            for _ in range(at_once)
        ]

    for group in emitter.loop((n_frames + (at_once - 1)) // at_once):
        # What is missing in the last group is its last frame once more.
        numbers = [emitter.minimum(group * at_once + j, n_frames - 1) for j in range(at_once)]
        rows = [frames + number * frame_bytes for number in numbers]
        totals = zeros()
        for chain in emitter.loop((n_terms + (_CHAIN - 1)) // _CHAIN):
            sums = zeros()
            for i in emitter.loop(emitter.minimum(n_terms - chain * _CHAIN, _CHAIN)):
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
