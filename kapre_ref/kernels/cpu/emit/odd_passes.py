"""Passes of any odd radix R, in loops: a table has the cosines and sines that others have in code.

Straight-line code of a large butterfly needs more registers than there are. With h = (R - 1) / 2:

    even[k] = x[0] + sum_m (x[m] + x[R - m]) cos(2 pi k m / R)    for k and m from 1 to h
    odd[k]  =        sum_m (x[m] - x[R - m]) sin(2 pi k m / R)

    X[k] = even[k] - i odd[k]        X[R - k] = even[k] + i odd[k]

Sums and differences wait in memory. Sums of a few values of k stay in registers (`n_outputs`), each
for two transforms side by side, which share the factors: two butterflies of the first pass, whose
samples are real, or the real and the imaginary parts of one butterfly of a later pass.

Rows hold what they hold in `passes` and `inverse_passes`.
"""

import platform
from typing import Any, NamedTuple

from kapre_ref.kernels.cpu.emit.butterflies import Complex
from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.language import Strided, Value
from kapre_ref.kernels.cpu.emit.passes import Parts, Samples, sample_at

_CHAIN = 8  # terms that are added one after the other


def n_outputs(width: int) -> int:
    """Return how many values of k are summed at a time in vectors of `width` bytes.

    Each takes four registers, for two transforms a chain of terms and the sum of chains. There are
    32 registers with AVX-512 and on ARM, and 16 else. Without fused multiply-adds, which come with
    vectors of 32 bytes, products take registers too.
    """
    if width == 64 or platform.machine() in ("aarch64", "arm64"):
        return 5
    return 3 if width == 32 else 2


class OddRadix(NamedTuple):
    """A radix, which is 1 or at least 11, and two addresses.

    The factors are those of one group of outputs after the other: cosines for each m, as many as a
    group has outputs, and then sines. The last group ends with the last output, so it may begin
    within the group before. There is room for `n` vectors of two transforms.
    """

    n: Value
    factors: Value
    room: Value


@vector_function
def first_odd_pass(emitter, radix: OddRadix, samples: Samples, target, n, ahead: Strided):
    """Transform `n` times R windowed samples, and prefetch, as `passes.first_pass` does."""

    def transform(first, n_sides):
        starts = [(first + side) * radix.n for side in range(n_sides)]

        def terms(m):
            both = []
            for start in starts:
                x = []
                for index in (start + m, start + (radix.n - m)):
                    emitter.prefetch(ahead.place(index))
                    x.append(sample_at(emitter, samples, index))
                (a, weight_a), (b, weight_b) = x
                a = a * weight_a
                both.append([emitter.multiply_add(c, weight_b, a) for c in (b, -b)])
            return zip(*both, strict=True)

        def use(k, evens, odds):
            for start, even, odd in zip(starts, evens, odds, strict=True):
                emitter.store(even, target + (start + k) * emitter.bytes)
                emitter.store(-odd, target + (start + (radix.n - k)) * emitter.bytes)

        firsts = [x * weight for x, weight in (sample_at(emitter, samples, s) for s in starts)]
        totals = _odd_dft(emitter, radix, firsts, terms, use)
        for start, total in zip(starts, totals, strict=True):
            emitter.store(total, target + start * emitter.bytes)

    _in_pairs(emitter, n, transform)


@vector_function
def inner_odd_pass(emitter, radix: OddRadix, parts: Parts, n_merges):
    """Merge R transforms into one, `n_merges` times, as `passes.inner_pass` does."""
    for i in emitter.loop(n_merges):
        merge = _merge_of(emitter, radix, parts, i)
        _merge_first(emitter, radix, merge)
        for j in emitter.loop((parts.n - 1) // 2):
            _merge_bins(emitter, radix, merge, parts.twiddles, j)
        for middle in middle_of(emitter, parts.n):
            _merge_middle(emitter, radix, merge, middle)


def _merge_first(emitter, radix, merge):
    """Merge the first bins of all parts, which are real."""
    n = merge.n

    def terms(m):
        a, b = merge.load(n * m), merge.load(n * (radix.n - m))
        return [a + b], [a - b]

    def use(k, even, odd):
        merge.store_bin(Complex(even[0], -odd[0]), n * k)

    first = emitter.integer(0)
    (total,) = _odd_dft(emitter, radix, [merge.load(first)], terms, use)
    merge.store(total, first)


def _merge_bins(emitter, radix, merge, twiddles, i):
    """Merge bins i + 1 of all parts."""
    n, k = merge.n, i + 1

    def terms(m):
        a, b = (merge.load_of_part(n * j, k) for j in (m, radix.n - m))
        w = _load_factor(emitter, twiddles, i * (radix.n // 2) + (m - 1))
        a, b = a * w, b * w.conjugate()
        return a + b, a - b

    def use(q, even, odd):
        turned, even = Complex(*odd).over_i(), Complex(*even)
        merge.store_bin(even + turned, n * q + k)
        merge.store_bin((even - turned).conjugate(), n * q - k)

    first = merge.load_of_part(emitter.integer(0), k)
    merge.store_bin(Complex(*_odd_dft(emitter, radix, first, terms, use)), k)


def _merge_middle(emitter, radix, merge, middle):
    """Merge the middle bins of all parts, which are real."""
    n, half = merge.n, radix.n // 2
    sign = emitter.variable(emitter.constant(1))

    def terms(m):
        # See `butterflies.dft_half_a_bin_up`: every other sample changes its sign.
        sign.set(-sign.get())
        a, b = merge.load(n * m + middle), merge.load(n * (radix.n - m) + middle)
        return [(a + b) * sign.get()], [(a - b) * sign.get()]

    def use(k, even, odd):
        merge.store_bin(Complex(even[0], odd[0]), n * (half - k) + middle)

    (total,) = _odd_dft(emitter, radix, [merge.load(middle)], terms, use)
    merge.store(total, n * half + middle)


@vector_function
def undo_first_odd_pass(emitter, radix: OddRadix, rows, n, ahead):
    """Turn `n` transforms of R rows into samples, as `inverse_passes.undo_first_pass` does."""

    def transform(first, n_sides):
        starts = [rows + (first + side) * radix.n * emitter.bytes for side in range(n_sides)]
        leads = [ahead + (start - rows) for start in starts]

        def terms(m):
            places = [m * emitter.bytes, (radix.n - m) * emitter.bytes]
            for lead in leads:
                for place in places:
                    emitter.prefetch(lead + place)
            return ([emitter.load(start + place) for start in starts] for place in places)

        def use(i, evens, odds):
            for start, even, odd in zip(starts, evens, odds, strict=True):
                emitter.store(even - odd, start + i * emitter.bytes)
                emitter.store(even + odd, start + (radix.n - i) * emitter.bytes)

        totals = _odd_dft(emitter, radix, [emitter.load(s) for s in starts], terms, use)
        for start, total in zip(starts, totals, strict=True):
            emitter.store(total, start)

    _in_pairs(emitter, n, transform)


@vector_function
def undo_inner_odd_pass(emitter, radix: OddRadix, parts: Parts, n_merges):
    """Split each of `n_merges` transforms into R, as `inverse_passes.undo_inner_pass` does."""
    for i in emitter.loop(n_merges):
        merge = _merge_of(emitter, radix, parts, i)
        _split_first(emitter, radix, merge)
        for j in emitter.loop((parts.n - 1) // 2):
            _split_bins(emitter, radix, merge, parts.twiddles, j)
        for middle in middle_of(emitter, parts.n):
            _split_middle(emitter, radix, merge, middle)


def _split_first(emitter, radix, merge):
    """Undo `_merge_first`."""
    n = merge.n

    def terms(q):
        return ([x] for x in merge.load_bin(n * q))

    def use(j, even, odd):
        merge.store(even[0] - odd[0], n * j)
        merge.store(even[0] + odd[0], n * (radix.n - j))

    first = emitter.integer(0)
    (total,) = _odd_dft(emitter, radix, [merge.load(first)], terms, use)
    merge.store(total, first)


def _split_bins(emitter, radix, merge, twiddles, i):
    """Undo `_merge_bins`."""
    n, k = merge.n, i + 1

    def terms(q):
        a, b = merge.load_bin(n * q + k), merge.load_bin(n * q - k).conjugate()
        return a + b, a - b

    def use(j, even, odd):
        # The inverse turns by opposite angles: the transform's part R - j is part j.
        turned, even = Complex(*odd).over_i(), Complex(*even)
        w = _load_factor(emitter, twiddles, i * (radix.n // 2) + (j - 1))
        merge.store_of_part((even - turned) * w.conjugate(), n * j, k)
        merge.store_of_part((even + turned) * w, n * (radix.n - j), k)

    totals = _odd_dft(emitter, radix, merge.load_bin(k), terms, use)
    merge.store_of_part(Complex(*totals), emitter.integer(0), k)


def _split_middle(emitter, radix, merge, middle):
    """Undo `_merge_middle`."""
    n, half = merge.n, radix.n // 2

    def terms(q):
        z = merge.load_bin(n * (half - q) + middle)
        return [z.re], [-z.im]

    def use(j, even, odd):
        merge.store(even[0] - odd[0], n * j + middle)
        merge.store(even[0] + odd[0], n * (radix.n - j) + middle)

    first = merge.load(n * half + middle)
    (total,) = _odd_dft(emitter, radix, [first], terms, use)
    merge.store(total, middle)
    for i in emitter.loop((half + 1) // 2):  # every other sample changes its sign
        for j in (i * 2 + 1, radix.n - (i * 2 + 1)):
            place = n * j + middle
            merge.store(-merge.load(place), place)


class _Merge(NamedTuple):
    """A transform of `size` rows, or the parts of `n` rows each that it is made of."""

    emitter: Any
    rows: Value
    n: Value
    size: Value

    def load(self, number):
        """Load a row."""
        return self.emitter.load(self.rows + number * self.emitter.bytes)

    def store(self, x, number):
        """Store a row."""
        self.emitter.store(x, self.rows + number * self.emitter.bytes)

    def load_bin(self, number):
        """Load a bin of the transform."""
        return Complex(self.load(number), self.load(self.size - number))

    def store_bin(self, z, number):
        """Store a bin of the transform."""
        self.store(z.re, number)
        self.store(z.im, self.size - number)

    def load_of_part(self, first, k):
        """Load bin k of the part that begins with row `first`."""
        return Complex(self.load(first + k), self.load(first + (self.n - k)))

    def store_of_part(self, z, first, k):
        """Store bin k of the part that begins with row `first`."""
        self.store(z.re, first + k)
        self.store(z.im, first + (self.n - k))


def _merge_of(emitter, radix, parts, i):
    size = parts.n * radix.n
    return _Merge(emitter, parts.rows + i * size * emitter.bytes, parts.n, size)


def middle_of(emitter, n):
    """Loop once over the number of the middle one of `n` rows, if their number is even."""
    middle = n // 2
    for _ in emitter.loop(middle * 2 - n + 1):
        yield middle


def _in_pairs(emitter, n, transform):
    """Call `transform(first, n_sides)` for `n` butterflies, two at a time, and for the last one."""
    n_pairs = n // 2
    for pair in emitter.loop(n_pairs):
        transform(pair * 2, 2)
    for _ in emitter.loop(n - n_pairs * 2):
        transform(n - 1, 1)


def _load_factor(emitter, twiddles, number):
    place = twiddles + number * (2 * emitter.itemsize)
    return Complex(emitter.broadcast(place), emitter.broadcast(place + emitter.itemsize))


def _odd_dft(emitter, radix, firsts, terms, use):
    """Compute even[k] and odd[k] of one transform or two, see above; return the sums of all x.

    `firsts` are x[0] of each transform. `terms(m)` returns x[m] + x[R - m] of each, and then their
    differences. `use(k, evens, odds)` is called when all terms are in `room`, for some k twice.
    """
    half, n_sides = radix.n // 2, len(firsts)
    row_bytes = n_sides * emitter.bytes
    totals = _Chains(emitter, firsts)
    for side, x in enumerate(firsts):
        emitter.store(x, radix.room + side * emitter.bytes)
    sums = radix.room + row_bytes
    differences = sums + half * row_bytes
    for i in totals.terms(half):
        for first, vectors in zip((sums, differences), terms(i + 1), strict=True):
            for side, x in enumerate(vectors):
                emitter.store(x, first + i * row_bytes + side * emitter.bytes)
                if first is sums:
                    totals.add(side, x)

    n_at_once = n_outputs(emitter.bytes)
    table_bytes = half * (n_at_once * emitter.itemsize)
    for group in emitter.loop((half + (n_at_once - 1)) // n_at_once):
        first = emitter.minimum(group * n_at_once, half - n_at_once)
        cosines = radix.factors + group * table_bytes * 2
        starts = [emitter.load(radix.room + side * emitter.bytes) for side in range(n_sides)]
        evens = _products(emitter, half, sums, cosines, starts)
        zeros = [emitter.constant(0)] * n_sides
        odds = _products(emitter, half, differences, cosines + table_bytes, zeros)
        for i in range(n_at_once):
            use(first + (i + 1), evens[i], odds[i])
    return totals.get()


def _products(emitter, half, rows, factors, starts):
    """Return sums of rows times factors, and of starts: of each output a list of each side's."""
    n_sides, outputs = len(starts), range(n_outputs(emitter.bytes))
    sums = _Chains(emitter, [start for _ in outputs for start in starts])
    for i in sums.terms(half):
        row, factor = i * n_sides, factors + i * (len(outputs) * emitter.itemsize)
        x = [emitter.load(rows + (row + side) * emitter.bytes) for side in range(n_sides)]
        weights = [emitter.broadcast(factor + j * emitter.itemsize) for j in outputs]
        for j, weight in enumerate(weights):
            for side in range(n_sides):
                sums.add_product(j * n_sides + side, x[side], weight)
    values = sums.get()
    return [values[j * n_sides :][:n_sides] for j in outputs]


class _Chains:
    """Sums whose terms are added one after the other to a chain, and chains to one another."""

    def __init__(self, emitter, starts):
        self._emitter = emitter
        self._chains = [emitter.variable(x) for x in starts]
        self._sums = [emitter.variable(emitter.constant(0)) for _ in starts]

    def terms(self, n):
        """Loop over the numbers of `n` terms; every few of them, new chains begin."""
        emitter = self._emitter
        for chain in emitter.loop((n + (_CHAIN - 1)) // _CHAIN):
            first = chain * _CHAIN
            for i in emitter.loop(emitter.minimum(n - first, _CHAIN)):
                yield first + i
            for total, part in zip(self._sums, self._chains, strict=True):
                total.set(total.get() + part.get())
                part.set(emitter.constant(0))

    def add(self, number, x):
        """Add a term to the sum of a number."""
        chain = self._chains[number]
        chain.set(chain.get() + x)

    def add_product(self, number, x, factor):
        """Add a product to the sum of a number."""
        chain = self._chains[number]
        chain.set(self._emitter.multiply_add(x, factor, chain.get()))

    def get(self):
        """Return the sums."""
        return [
            total.get() + chain.get() for total, chain in zip(self._sums, self._chains, strict=True)
        ]
