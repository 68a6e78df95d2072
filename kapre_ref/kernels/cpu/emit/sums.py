"""Sums of numbers that lie side by side, of any length, whose rounding errors do not add up."""

from kapre_ref.kernels.cpu.emit.intrinsics import vector_functions

TERMS, SQUARES = 1, 2  # the power of the numbers that are summed
# A group has 8 vectors of partial sums, and each lane of a vector adds 16 numbers.
_SUMS, _ROUNDS = 8, 16
_MOST_LEVELS = 48


class SumsInPairs:
    """A total of parts of equal size, which come one after the other, as one vector or several.

    Parts are added in pairs, the sums of pairs in pairs, and so on, so that rounding errors do not
    add up. Sums that have no partner yet lie on a stack: after 6 parts, the sums of 4 and of 2.
    """

    def __init__(self, emitter, n_vectors=1):
        self._emitter = emitter
        self._offsets = [i * emitter.bytes for i in range(n_vectors)]
        self._size = n_vectors * emitter.bytes
        self._stack = emitter.room(_MOST_LEVELS * n_vectors)
        self._top = emitter.variable(self._stack)

    def clear(self):
        """Forget all parts."""
        self._top.set(self._stack)

    def add(self, number, vectors):
        """Add part `number`, counted from 0, which is given as vectors."""
        totals = [self._emitter.variable(x) for x in vectors]
        # The topmost sums, of 1, 2, 4 ... parts, each meet an equal sum.
        n_equal = self._emitter.trailing_zeros(number + 1)
        for _ in self._emitter.loop(n_equal):
            self._pop(totals)
        for total, offset in zip(totals, self._offsets, strict=True):
            self._emitter.store(total.get(), self._top.get() + offset)
        self._top.set(self._top.get() + self._size)

    def total(self, vectors):
        """Return the sum of all parts and of the last `vectors`, which may be a smaller part."""
        totals = [self._emitter.variable(x) for x in vectors]
        for _ in self._emitter.loop((self._top.get() - self._stack) // self._size):
            self._pop(totals)
        return [total.get() for total in totals]

    def _pop(self, totals):
        self._top.set(self._top.get() - self._size)
        for total, offset in zip(totals, self._offsets, strict=True):
            total.set(self._emitter.load(self._top.get() + offset) + total.get())


@vector_functions((TERMS, SQUARES))
def sum_pairwise(emitter, power, source, n, target):
    """Write the sum of `n` numbers, or of their squares.

    Groups of numbers are summed side by side in all lanes of a few vectors, and the sums of groups
    are added in pairs, as vectors. The order of all additions follows from `n` alone.
    """
    n_vectors = n // emitter.lanes
    n_rounds = n_vectors // _SUMS
    groups = SumsInPairs(emitter)
    for i in emitter.loop((n_rounds + (_ROUNDS - 1)) // _ROUNDS):
        first = i * _ROUNDS
        place = source + first * (_SUMS * emitter.bytes)
        n_here = emitter.minimum(n_rounds - first, _ROUNDS)
        groups.add(i, [_sum_group(emitter, power, place, n_here)])

    rest = emitter.variable(emitter.constant(0))
    n_done = n_rounds * _SUMS
    for i in emitter.loop(n_vectors - n_done):
        x = emitter.load(source + (n_done + i) * emitter.bytes)
        rest.set(_add(emitter, power, x, rest.get()))
    count = n - n_vectors * emitter.lanes
    for _ in emitter.loop(emitter.minimum(count, 1)):
        x = emitter.load_first(source + n_vectors * emitter.bytes, count)
        rest.set(_add(emitter, power, x, rest.get()))
    (total,) = groups.total([rest.get()])
    emitter.store(emitter.sum_of_lanes(total), target)


def _sum_group(emitter, power, place, n_rounds):
    sums = [emitter.variable(emitter.constant(0)) for _ in range(_SUMS)]
    for i in emitter.loop(n_rounds):
        for j, total in enumerate(sums):
            x = emitter.load(place + (i * _SUMS + j) * emitter.bytes)
            total.set(_add(emitter, power, x, total.get()))
    totals = [total.get() for total in sums]
    while len(totals) > 1:
        totals = [a + b for a, b in zip(totals[::2], totals[1::2], strict=True)]
    return totals[0]


def _add(emitter, power, x, total):
    return emitter.multiply_add(x, x, total) if power == SQUARES else total + x
