"""Sums of numbers that lie side by side, of any length, whose rounding errors do not add up."""

from kapre_ref.kernels.cpu.vector import vector_functions

TERMS, SQUARES = 1, 2  # what is summed
_SUMS, _ROUNDS = 8, 16  # vectors of partial sums, and numbers that each lane of them adds up
_MOST_LEVELS = 48


@vector_functions((TERMS, SQUARES))
def sum_pairwise(emitter, power, source, n, target):
    """Write the sum of `n` numbers, or of their squares.

    Blocks of numbers are summed side by side, in all lanes of a few vectors; the sums of blocks are
    added in pairs, pairs of pairs and so on, as vectors. Those that have no partner yet lie on a
    stack: after 6 blocks, the sums of 4 and of 2. The order of all additions follows from `n`.
    """
    n_vectors = n // emitter.lanes
    n_rounds = n_vectors // _SUMS
    stack = emitter.room(_MOST_LEVELS)
    top = emitter.variable(stack)
    with emitter.loop((n_rounds + (_ROUNDS - 1)) // _ROUNDS) as i:
        first = i * _ROUNDS
        place = source + first * (_SUMS * emitter.bytes)
        n_here = emitter.minimum(n_rounds - first, _ROUNDS)
        total = emitter.variable(_sum_block(emitter, power, place, n_here))
        with emitter.loop(emitter.trailing_zeros(i + 1)):  # sums of as many blocks
            top.set(top.get() - emitter.bytes)
            total.set(emitter.load(top.get()) + total.get())
        emitter.store(total.get(), top.get())
        top.set(top.get() + emitter.bytes)

    total = emitter.variable(emitter.constant(0))
    n_done = n_rounds * _SUMS
    rest = source + n_done * emitter.bytes
    with emitter.loop(n_vectors - n_done) as i:
        x = emitter.load(rest + i * emitter.bytes)
        total.set(_add(emitter, power, x, total.get()))
    count = n - n_vectors * emitter.lanes
    with emitter.loop(emitter.minimum(count, 1)):
        x = emitter.load_first(source + n_vectors * emitter.bytes, count)
        total.set(_add(emitter, power, x, total.get()))
    with emitter.loop((top.get() - stack) // emitter.bytes):
        top.set(top.get() - emitter.bytes)
        total.set(emitter.load(top.get()) + total.get())
    emitter.store(emitter.sum_of_lanes(total.get()), target)


def _sum_block(emitter, power, place, n_rounds):
    sums = [emitter.variable(emitter.constant(0)) for _ in range(_SUMS)]
    with emitter.loop(n_rounds) as i:
        for j, total in enumerate(sums):
            x = emitter.load(place + (i * _SUMS + j) * emitter.bytes)
            total.set(_add(emitter, power, x, total.get()))
    totals = [total.get() for total in sums]
    while len(totals) > 1:
        totals = [a + b for a, b in zip(totals[::2], totals[1::2], strict=True)]
    return totals[0]


def _add(emitter, power, x, total):
    return emitter.multiply_add(x, x, total) if power == SQUARES else total + x
