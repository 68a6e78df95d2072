"""Passes of the Fourier transform over rows: radix-R butterflies, decimation in frequency.

A row is one complex number of each of the frames in a block: a vector of real parts, then one of
imaginary parts. A pass splits a transform of N rows into R of N / R rows, which lie one after the
other: y_q[n] = w_N^(q n) sum_j w_R^(q j) x[n + j N / R] gives the values at q, q + R, q + 2 R ...
Twiddle factors w_N^(q n), q > 0, lie in the order in which they are used.
"""

from kapre_ref.kernels.cpu.butterflies import Complex, dft, dft_of_weighted
from kapre_ref.kernels.cpu.vector import vector_function


def load_row(emitter, address):
    """Load a row."""
    return Complex(emitter.load(address), emitter.load(address + emitter.bytes))


def store_row(emitter, row, address):
    """Store a row."""
    emitter.store(row.re, address)
    emitter.store(row.im, address + emitter.bytes)


def store_twiddled(emitter, values, target, row_stride, twiddles):
    """Store rows `row_stride` bytes apart, all but the first multiplied by their factors."""
    # Factors are loaded before anything is stored: LLVM cannot know that the stores spare them.
    factors = [
        Complex(
            emitter.broadcast(twiddles + 2 * q * emitter.itemsize),
            emitter.broadcast(twiddles + (2 * q + 1) * emitter.itemsize),
        )
        for q in range(len(values) - 1)
    ]
    store_row(emitter, values[0], target)
    for q, factor in enumerate(factors, start=1):
        store_row(emitter, values[q] * factor, target + row_stride * q)


def _first_pass(radix):
    def first_pass(emitter, samples, row_bytes, offsets, window, target, stride, n, twiddles):
        """Take pairs of neighbouring samples as complex numbers, windowed.

        `offsets` says where the pairs stand in `samples`, whose rows are `row_bytes` apart; it and
        `window` are in the order in which they are used.
        """
        with emitter.loop(n) as i:
            values, weights = [], []
            for j in range(radix):
                index = i * radix + j
                pair = samples + emitter.load_index(offsets + index * 4)
                values.append(Complex(emitter.load(pair), emitter.load(pair + row_bytes)))
                place = window + index * (2 * emitter.itemsize)
                both = emitter.broadcast(place), emitter.broadcast(place + emitter.itemsize)
                weights.append(Complex(*both))
            store_twiddled(
                emitter,
                dft_of_weighted(values, weights),
                target + i * (2 * emitter.bytes),
                stride,
                twiddles + i * (2 * (radix - 1) * emitter.itemsize),
            )

    first_pass.__name__ += f"_{radix}"
    return vector_function(first_pass)


def _inner_pass(radix):
    def inner_pass(emitter, rows, n_blocks, n, stride, twiddles):
        """Transform blocks of `radix` times `n` rows in place, `stride` bytes apart."""
        with emitter.loop(n_blocks) as block:
            start = rows + block * (stride * radix)
            with emitter.loop(n) as i:
                row = start + i * (2 * emitter.bytes)
                values = dft([load_row(emitter, row + stride * j) for j in range(radix)])
                factors = twiddles + i * (2 * (radix - 1) * emitter.itemsize)
                store_twiddled(emitter, values, row, stride, factors)

    inner_pass.__name__ += f"_{radix}"
    return vector_function(inner_pass)


def _last_pass(radix):
    def last_pass(emitter, rows, n_blocks):
        """Transform blocks of `radix` rows in place; their twiddle factors are all 1."""
        with emitter.loop(n_blocks) as block:
            start = rows + block * (2 * radix * emitter.bytes)
            places = [start + 2 * j * emitter.bytes for j in range(radix)]
            values = dft([load_row(emitter, place) for place in places])
            for value, place in zip(values, places, strict=True):
                store_row(emitter, value, place)

    last_pass.__name__ += f"_{radix}"
    return vector_function(last_pass)


RADICES = (8, 7, 5, 4, 3, 2)  # 16 needs more registers than there are
first_pass_8, first_pass_7, first_pass_5, first_pass_4, first_pass_3, first_pass_2 = map(
    _first_pass, RADICES
)
inner_pass_8, inner_pass_7, inner_pass_5, inner_pass_4, inner_pass_3, inner_pass_2 = map(
    _inner_pass, RADICES
)
last_pass_8, last_pass_7, last_pass_5, last_pass_4, last_pass_3, last_pass_2 = map(
    _last_pass, RADICES
)
