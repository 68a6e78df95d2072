"""The end of a transform: bins of real signals split from packed frames, and their magnitudes."""

from kapre_ref.kernels.cpu.butterflies import Complex, dft
from kapre_ref.kernels.cpu.passes import load_row, store_row
from kapre_ref.kernels.cpu.vector import vector_function, vector_functions

MAGNITUDES, SCALED_MAGNITUDES, SPECTRUM = range(3)
# The radices of last passes. Two butterflies of 7 or 8 at a time need too many registers.
FUSED = (5, 4, 3, 2)


def _split_pair(emitter, a, b, factor, k_a, k_b, write_pair):
    """Recover a real signal's bins k and M - k from Z[k] and Z[M - k] of its even + i odd samples.

    X[k] = E + w^k O and X[M - k] = conj(E - w^k O), with E = (Z[k] + conj Z[M - k]) / 2 and
    O = (Z[k] - conj Z[M - k]) / 2i; the window carries the factor 1/2.

    If n_fft is odd, there is no factor: Z is the transform of one frame + i times another one, and
    these are E and O.
    """
    even = Complex(a.re + b.re, a.im - b.im)
    odd = Complex(a.im + b.im, b.re - a.re)
    if factor is None:
        write_pair(k_a, even, k_b, odd)
        return
    w = Complex(emitter.broadcast(factor), emitter.broadcast(factor + emitter.itemsize))
    # Products go into sums unrounded: LLVM would share each between both bins, and add it twice.
    x_a = even.plus_product(odd, w)
    # conj(E) - conj(w) conj(O): bins of real values have an imaginary part of 0, not of -0.
    minus_odd, conjugate = Complex(-odd.re, odd.im), Complex(w.re, -w.im)
    x_b = Complex(even.re, -even.im).plus_product(minus_odd, conjugate)
    write_pair(k_a, x_a, k_b, x_b)


def _split_pairs(emitter, bins, rows, pairs, twiddles, n_pairs, target, peak):
    """Split finished rows. A pair in the table says where Z[k] and Z[M - k] stand, and k and M - k.

    That reverses the digits on the way. `twiddles` are None if there are two frames in a row.
    """
    largest = emitter.variable(emitter.load(peak))
    if bins == MAGNITUDES:
        write_pair = _magnitude_writer(emitter, target, largest)
    elif bins == SCALED_MAGNITUDES:
        write_pair = _scaled_magnitude_writer(emitter, target)
    else:
        write_pair = _row_writer(emitter, target)
    with emitter.loop(n_pairs) as i:
        at_a, at_b, k_a, k_b = (emitter.load_index(pairs + i * 16 + 4 * c) for c in range(4))
        a, b = load_row(emitter, rows + at_a), load_row(emitter, rows + at_b)
        factor = None if twiddles is None else twiddles + i * (2 * emitter.itemsize)
        _split_pair(emitter, a, b, factor, k_a, k_b, write_pair)
    emitter.store(largest.get(), peak)


def _last_pass_and_split(
    emitter, radix, rows, groups, twiddles, n_groups, stride, ahead, n_numbers, write_pair
):
    """Do the last pass and split what it gives, without storing it between.

    The last butterfly takes `radix` neighbouring rows to the frequencies k + q M / radix. Those of
    M / radix - k are their mirror images, in reverse: so two butterflies make `radix` pairs. The
    table says where the rows of both start, k, and M / radix - k; `stride` is M / radix.

    Meanwhile `ahead`, where the result will be written, comes into cache.
    """
    result_bytes = 2 * radix * n_numbers * emitter.bytes  # of a group
    with emitter.loop(n_groups) as i:
        for line in range(0, result_bytes, 64):
            emitter.prefetch(ahead + i * result_bytes + line, for_writing=True)
        at_a, at_b, k_a, k_b = (emitter.load_index(groups + i * 16 + 4 * c) for c in range(4))
        a, b = (
            dft([load_row(emitter, rows + at + q * (2 * emitter.bytes)) for q in range(radix)])
            for at in (at_a, at_b)
        )
        for q in range(radix):
            mirrored = radix - 1 - q
            factor = twiddles + (i * radix + q) * (2 * emitter.itemsize)
            places = k_a + stride * q, k_b + stride * mirrored
            _split_pair(emitter, a[q], b[mirrored], factor, *places, write_pair)


def square(z):
    """Return |z|^2 by the plain formula, which is good unless `is_extreme`."""
    return z.re * z.re + z.im * z.im


def scaled_magnitude(emitter, z):
    """Return |z|; divided by a power of two near it, its square neither over- nor underflows."""
    sign_less, exponent, least, most = (
        (0x7FFFFFFF, 0x7F800000, 2.0**-126, 2.0**127)
        if emitter.itemsize == 4
        else (0x7FFFFFFFFFFFFFFF, 0x7FF0000000000000, 2.0**-1022, 2.0**1023)
    )
    re, im = (emitter.from_bits(emitter.mask(emitter.bits(x), sign_less)) for x in z)
    size = emitter.larger(emitter.larger(re, im), emitter.constant(least))
    size = emitter.select(emitter.compare(">", size, most), emitter.constant(most), size)
    power = emitter.from_bits(emitter.mask(emitter.bits(size), exponent))
    return emitter.call("sqrt", square(Complex(re / power, im / power))) * power


def _magnitude_writer(emitter, target, largest):
    """Use the plain formula, and keep each lane's largest square for `is_extreme`."""

    def write_pair(k_a, a, k_b, b):
        square_a, square_b = square(a), square(b)
        largest.set(emitter.larger(emitter.larger(square_a, square_b), largest.get()))
        emitter.store(emitter.call("sqrt", square_a), target + k_a * emitter.bytes)
        emitter.store(_second_sqrt(emitter, square_b), target + k_b * emitter.bytes)

    return write_pair


def _scaled_magnitude_writer(emitter, target):
    def write_pair(k_a, a, k_b, b):
        emitter.store(scaled_magnitude(emitter, a), target + k_a * emitter.bytes)
        emitter.store(scaled_magnitude(emitter, b), target + k_b * emitter.bytes)

    return write_pair


def _second_sqrt(emitter, x):
    """Take a square root with multiplications, if there is an estimate to start from.

    The one unit for square roots takes longer than all else of a pair together: it is given every
    other one. Newton's steps end less than one unit in the last place off.
    """
    if emitter.itemsize == 4 or not emitter.has_estimate:
        return emitter.call("sqrt", x)
    # The root of 0 is 0 times something finite; what is not finite is done again, see `is_extreme`.
    inverse = emitter.estimate_inverse_sqrt(emitter.larger(x, emitter.constant(2.0**-1022)))
    root, half = x * inverse, inverse * 0.5  # to 14 bits
    error = emitter.multiply_add(-root, half, emitter.constant(0.5))
    root, half = root + root * error, half + half * error  # to 27 bits
    return root + half * emitter.multiply_add(-root, root, x)


def _row_writer(emitter, target):
    def write_pair(k_a, a, k_b, b):
        store_row(emitter, a, target + k_a * (2 * emitter.bytes))
        store_row(emitter, b, target + k_b * (2 * emitter.bytes))

    return write_pair


@vector_function
def is_extreme(emitter, peak):
    """Return 1 if the largest squares show that the plain formula was not good enough, else 0.

    Squares that overflow are seen by themselves. Those that underflow count if they belong to a
    frame so faint that they are not far below its peak; a silent frame is taken for one.
    """
    squares = emitter.load(peak)
    low, high = (1e-24, 1e38) if emitter.itemsize == 4 else (1e-275, 1e307)
    return emitter.any(
        emitter.either(emitter.compare("<", squares, low), emitter.compare(">", squares, high))
    )


@vector_functions(FUSED)
def last_pass_to_magnitudes(
    emitter, radix, rows, groups, twiddles, n_groups, stride, target, ahead, peak
):
    """Write the magnitudes of the bins of some groups, a vector each; raise `peak`."""
    largest = emitter.variable(emitter.load(peak))
    writer = _magnitude_writer(emitter, target, largest)
    table = groups, twiddles, n_groups, stride
    _last_pass_and_split(emitter, radix, rows, *table, ahead, 1, writer)
    emitter.store(largest.get(), peak)


@vector_functions(FUSED)
def last_pass_to_spectrum(emitter, radix, rows, groups, twiddles, n_groups, stride, target, ahead):
    """Write the bins of some groups, a row each."""
    table = groups, twiddles, n_groups, stride
    _last_pass_and_split(emitter, radix, rows, *table, ahead, 2, _row_writer(emitter, target))


@vector_functions((MAGNITUDES, SCALED_MAGNITUDES, SPECTRUM))
def split(emitter, bins, rows, pairs, twiddles, n_pairs, target, peak):
    """Write some bins of finished rows; plain magnitudes raise `peak` to the largest squares."""
    _split_pairs(emitter, bins, rows, pairs, twiddles, n_pairs, target, peak)


@vector_functions((MAGNITUDES, SCALED_MAGNITUDES, SPECTRUM))
def separate(emitter, bins, rows, pairs, n_pairs, target, peak):
    """Write some bins of two frames that were transformed as one."""
    _split_pairs(emitter, bins, rows, pairs, None, n_pairs, target, peak)
