"""Passes of the Fourier transform over rows: radix-R butterflies, decimation in frequency.

A row is one complex number of each of the frames in a block: a vector of real parts, then one of
imaginary parts. A pass splits a transform of N rows into R of N / R rows, which lie one after the
other: y_q[n] = w_N^(q n) sum_j w_R^(q j) x[n + j N / R] gives the values at q, q + R, q + 2 R ...
Twiddle factors w_N^(q n), q > 0, lie in the order in which they are used.
"""

from kapre_ref.kernels.cpu.butterflies import Complex, dft, dft_of_weighted
from kapre_ref.kernels.cpu.vector import vector_functions


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


RADICES = (8, 7, 5, 4, 3, 2)  # 16 needs more registers than there are


@vector_functions(RADICES)
def first_pass(
    emitter, radix, samples, row_bytes, offsets, window, target, stride, n, twiddles, ahead, step
):
    """Take pairs of neighbouring samples as complex numbers, windowed.

    `offsets` says where the pairs stand in `samples`, whose rows are `row_bytes` apart; it and
    `window` are in the order in which they are used.

    Meanwhile the samples of the next block come into cache, from `ahead` on, `step` bytes at a
    time: memory has time to deliver them while this block is computed.
    """
    with emitter.loop(n) as i:
        values, weights = [], []
        for j in range(radix):
            index = i * radix + j
            emitter.prefetch(ahead + index * step, for_writing=False)
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


@vector_functions(RADICES)
def inner_pass(emitter, radix, rows, n_blocks, n, stride, twiddles):
    """Transform blocks of `radix` times `n` rows in place, `stride` bytes apart."""
    with emitter.loop(n_blocks) as block:
        start = rows + block * (stride * radix)
        with emitter.loop(n) as i:
            row = start + i * (2 * emitter.bytes)
            values = dft([load_row(emitter, row + stride * j) for j in range(radix)])
            factors = twiddles + i * (2 * (radix - 1) * emitter.itemsize)
            store_twiddled(emitter, values, row, stride, factors)


@vector_functions(RADICES)
def last_pass(emitter, radix, rows, n_blocks):
    """Transform blocks of `radix` rows in place; their twiddle factors are all 1."""
    with emitter.loop(n_blocks) as block:
        start = rows + block * (2 * radix * emitter.bytes)
        places = [start + 2 * j * emitter.bytes for j in range(radix)]
        values = dft([load_row(emitter, place) for place in places])
        for value, place in zip(values, places, strict=True):
            store_row(emitter, value, place)
