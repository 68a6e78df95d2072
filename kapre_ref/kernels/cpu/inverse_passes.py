"""The steps of the inverse that the transform forward does not have: its first and its last one."""

from kapre_ref.kernels.cpu.butterflies import Complex, dft
from kapre_ref.kernels.cpu.passes import RADICES, load_row, store_twiddled
from kapre_ref.kernels.cpu.vector import vector_function, vector_functions


@vector_functions(RADICES)
def merging_pass(emitter, radix, values, merge_twiddles, rows, n, stride, twiddles, ahead):
    """Make of a real signal's spectrum X that of its even + i odd samples, Z; transform it.

    Z[k] = E + i O and Z[M - k] = conj(E) + i conj(O), with E = X[k] + conj X[M - k] and
    O = w^-k (X[k] - conj X[M - k]); the window carries the factor 1/2. Parts are exchanged.

    The butterflies at i and n - i take the same pairs of bins. The one at n, paired with 0,
    means nothing: it goes to the row between two blocks.

    Meanwhile `ahead`, the next block's spectra, comes into cache: memory has time to deliver it
    while this block is computed.
    """
    row_bytes = 2 * emitter.bytes
    factor_bytes = 2 * (radix - 1) * emitter.itemsize
    with emitter.loop(n // 2 + 1) as i:
        at_i, at_mirrored = [], []
        for j in range(radix):
            part = ahead + (i * radix + j) * (4 * emitter.bytes)  # as much as is read here
            for line in range(0, 4 * emitter.bytes, 64):
                emitter.prefetch(part + line, for_writing=False)
            a = load_row(emitter, values + (n * j + i) * row_bytes)
            b = load_row(emitter, values + (n * (radix - j) - i) * row_bytes)
            factor = merge_twiddles + (i * radix + j) * (2 * emitter.itemsize)
            w = Complex(emitter.broadcast(factor), emitter.broadcast(factor + emitter.itemsize))
            even = Complex(a.re + b.re, a.im - b.im)
            odd = Complex(a.re - b.re, a.im + b.im)
            # odd times the conjugate of w, in sums that take a product in one instruction.
            z_a = Complex(
                even.re - odd.im * w.re + odd.re * w.im,
                even.im + odd.re * w.re + odd.im * w.im,
            )
            z_b = Complex(
                even.re + odd.im * w.re - odd.re * w.im,
                odd.re * w.re + odd.im * w.im - even.im,
            )
            at_i.append(Complex(z_a.im, z_a.re))
            at_mirrored.insert(0, Complex(z_b.im, z_b.re))
        for place, z in ((i, at_i), (n - i, at_mirrored)):
            factors = twiddles + place * factor_bytes
            store_twiddled(emitter, dft(z), rows + place * row_bytes, stride, factors)


@vector_function
def clear_vector(emitter, target):
    """Write a vector of zeros."""
    emitter.store(emitter.constant(0), target)


@vector_function
def add_overlapping(emitter, rows, order, window, hop, n_terms, n, pieces, plane_bytes, ahead):
    """Add up what a block's frames have in common: a piece is the `hop` samples from a frame on.

    Sample m of piece p is the sum of the samples q hop + m of frames p - q. So sample m of all
    pieces is a sum of `n_terms` vectors, windowed, each moved by q lanes; lanes moved out at the
    end belong to later blocks. Moving the sum lane by lane while q falls to 0 takes one shuffle
    for each end, and adds the frames in their order.

    `pieces` are planes of `n` vectors: in the first the pieces of this block will be, finished. The
    others hold what blocks so far gave to the pieces of this block, the next one, and so on, and
    are moved up by one. `order` says where the vector of each sample of a frame stands.
    Meanwhile `ahead`, where the pieces will be written, comes into cache.
    """
    zero = emitter.constant(0)
    n_planes = (n_terms + (emitter.lanes - 1)) // emitter.lanes
    with emitter.loop(n) as m:
        place = pieces + m * emitter.bytes
        emitter.prefetch(ahead + m * emitter.bytes, for_writing=True)
        over = emitter.variable(zero)
        # As many terms at a time as there are lanes reach the next plane, and no further.
        with emitter.loop(n_planes) as plane:
            first = plane * emitter.lanes
            count = emitter.minimum(n_terms - first, emitter.lanes)
            low, high = emitter.variable(zero), emitter.variable(zero)
            with emitter.loop(count) as i:
                sample = (first + count - i - 1) * hop + m
                term = _windowed(emitter, rows, order, window, sample)
                high.set(_moved(emitter, low.get(), high.get()))
                low.set(_moved(emitter, zero, low.get()) + term)
            at = place + plane * plane_bytes
            earlier = emitter.load(at + plane_bytes)
            emitter.store(earlier + over.get() + low.get(), at)
            over.set(high.get())
        emitter.store(over.get(), place + n_planes * plane_bytes)


@vector_function
def add_four_overlapping(emitter, rows, order, window, hop, n, pieces, plane_bytes, ahead, spectra):
    """Do the same for four terms, the usual number: without loops over them, nor sums of zeros.

    The next block's `spectra` come into cache too: for what the first pass asked of it, memory was
    too busy in part.
    """
    zero = emitter.constant(0)
    with emitter.loop(n) as m:
        place = pieces + m * emitter.bytes
        emitter.prefetch(ahead + m * emitter.bytes, for_writing=True)
        for q in range(4):
            emitter.prefetch(spectra + (m * 4 + q) * emitter.bytes, for_writing=False)
        low, high = _windowed(emitter, rows, order, window, hop * 3 + m), zero
        for q in (2, 1, 0):
            high = _moved(emitter, low, high)
            term = _windowed(emitter, rows, order, window, hop * q + m)
            low = _moved(emitter, zero, low) + term
        emitter.store(emitter.load(place + plane_bytes) + low, place)
        emitter.store(high, place + plane_bytes)


def _windowed(emitter, rows, order, window, sample):
    row = emitter.load(rows + emitter.load_index(order + sample * 4))
    return row * emitter.broadcast(window + sample * emitter.itemsize)


def _moved(emitter, before, x):
    """Move a vector by a lane; the last lane of the one before comes first."""
    return emitter.shuffle(before, x, range(emitter.lanes - 1, 2 * emitter.lanes - 1))
