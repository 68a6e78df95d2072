"""What is made of a block's transform while it is in cache, one frame a lane."""

import math

from kapre_ref.kernels.cpu.butterflies import Complex
from kapre_ref.kernels.cpu.logarithm import COEFFICIENTS_32
from kapre_ref.kernels.cpu.passes import load_row, store_row
from kapre_ref.kernels.cpu.vector import vector_function


def _split_pairs(emitter, rows, pairs, twiddles, n_pairs, ahead, writer, two_frames=False):
    """Recover a real signal's spectrum from the transform Z of its even + i odd samples.

    X[k] = E + w^k O and X[M - k] = conj(E - w^k O), with E = (Z[k] + conj Z[M - k]) / 2 and
    O = (Z[k] - conj Z[M - k]) / 2i; the window carries the factor 1/2. Each pair in the table says
    where Z[k] and Z[M - k] stand, which reverses the digits on the way, and k and M - k.

    If n_fft is odd, Z is the transform of one frame + i times another one, and these are E and O.

    Meanwhile `ahead`, where the result will be written, comes into cache, as much as a pair gives.
    """
    write_pair, n_numbers = writer
    result_bytes = 2 * n_numbers * emitter.bytes  # of a pair
    with emitter.loop(n_pairs) as i:
        for line in range(0, result_bytes, 64):
            emitter.prefetch(ahead + i * result_bytes + line, for_writing=True)
        at_a, at_b, k_a, k_b = (emitter.load_index(pairs + i * 16 + 4 * c) for c in range(4))
        a, b = load_row(emitter, rows + at_a), load_row(emitter, rows + at_b)
        even = Complex(a.re + b.re, a.im - b.im)
        odd = Complex(a.im + b.im, b.re - a.re)
        if two_frames:
            write_pair(k_a, even, k_b, odd)
        else:
            factor = twiddles + i * (2 * emitter.itemsize)
            w = Complex(emitter.broadcast(factor), emitter.broadcast(factor + emitter.itemsize))
            # One product and sum an instruction, with no rounding of w * odd between.
            x_a = Complex(
                even.re + odd.re * w.re - odd.im * w.im, even.im + odd.re * w.im + odd.im * w.re
            )
            x_b = Complex(
                even.re - odd.re * w.re + odd.im * w.im, odd.re * w.im + odd.im * w.re - even.im
            )
            write_pair(k_a, x_a, k_b, x_b)


def _magnitude_writer(emitter, target, largest):
    """Use the plain formula, and keep each lane's largest square for `_extreme`."""

    def write_pair(k_a, a, k_b, b):
        square_a, square_b = a.re * a.re + a.im * a.im, b.re * b.re + b.im * b.im
        largest.set(emitter.larger(emitter.larger(square_a, square_b), largest.get()))
        emitter.store(emitter.call("sqrt", square_a), target + k_a * emitter.bytes)
        emitter.store(_second_sqrt(emitter, square_b), target + k_b * emitter.bytes)

    return write_pair, 1


def _extreme(emitter, squares):
    """Return 1 if a lane's largest square shows that the plain formula was not good enough, else 0.

    Squares that overflow are seen by themselves. Those that underflow count if they belong to a
    frame so faint that they are not far below its peak; a silent frame is taken for one.
    """
    low, high = (1e-24, 1e38) if emitter.itemsize == 4 else (1e-275, 1e307)
    return emitter.any(
        emitter.either(emitter.compare("<", squares, low), emitter.compare(">", squares, high))
    )


def _scaled_magnitude_writer(emitter, target):
    """Divide by a power of two near the magnitude first: squares neither over- nor underflow."""
    sign_less, exponent, least, most = (
        (0x7FFFFFFF, 0x7F800000, 2.0**-126, 2.0**127)
        if emitter.itemsize == 4
        else (0x7FFFFFFFFFFFFFFF, 0x7FF0000000000000, 2.0**-1022, 2.0**1023)
    )

    def magnitude(z):
        re, im = (emitter.from_bits(emitter.mask(emitter.bits(x), sign_less)) for x in z)
        size = emitter.larger(emitter.larger(re, im), emitter.constant(least))
        size = emitter.select(emitter.compare(">", size, most), emitter.constant(most), size)
        power = emitter.from_bits(emitter.mask(emitter.bits(size), exponent))
        re, im = re / power, im / power
        return emitter.call("sqrt", re * re + im * im) * power

    def write_pair(k_a, a, k_b, b):
        emitter.store(magnitude(a), target + k_a * emitter.bytes)
        emitter.store(magnitude(b), target + k_b * emitter.bytes)

    return write_pair, 1


def _second_sqrt(emitter, x):
    """Take a square root of float64 with multiplications, if there is an estimate to start from.

    The one unit for square roots takes longer than all else of a pair together: it is given every
    other one. Newton's steps end less than one unit in the last place off.
    """
    if emitter.itemsize == 4 or not emitter.has_estimate:
        return emitter.call("sqrt", x)
    inverse = emitter.estimate_inverse_sqrt(x)  # to 14 bits
    root, half = x * inverse, inverse * 0.5
    error = emitter.multiply_add(-root, half, emitter.constant(0.5))
    root, half = root + root * error, half + half * error  # to 27 bits
    root = root + half * emitter.multiply_add(-root, root, x)
    # 0, inf and NaN are their own roots; the steps would turn them into NaN.
    ordinary = emitter.both(emitter.compare(">", x, 0.0), emitter.compare("<", x, math.inf))
    return emitter.select(ordinary, root, x)


def _row_writer(emitter, target):
    def write_pair(k_a, a, k_b, b):
        store_row(emitter, a, target + k_a * (2 * emitter.bytes))
        store_row(emitter, b, target + k_b * (2 * emitter.bytes))

    return write_pair, 2


@vector_function
def split_to_magnitudes(emitter, rows, pairs, twiddles, n_pairs, target, ahead, peak):
    """Write the magnitudes of all bins, a vector each; raise `peak` to the largest squares."""
    largest = emitter.variable(emitter.load(peak))
    writer = _magnitude_writer(emitter, target, largest)
    _split_pairs(emitter, rows, pairs, twiddles, n_pairs, ahead, writer)
    emitter.store(largest.get(), peak)


@vector_function
def split_again_if_extreme(emitter, rows, pairs, twiddles, n_pairs, target, peak):
    """Write all magnitudes once more, scaled, if the plain formula was not good enough."""
    writer = _scaled_magnitude_writer(emitter, target)
    n_again = n_pairs * _extreme(emitter, emitter.load(peak))
    _split_pairs(emitter, rows, pairs, twiddles, n_again, target, writer)


@vector_function
def split_to_spectrum(emitter, rows, pairs, twiddles, n_pairs, target, ahead):
    """Write all bins, a row each."""
    writer = _row_writer(emitter, target)
    _split_pairs(emitter, rows, pairs, twiddles, n_pairs, ahead, writer)


@vector_function
def separate_magnitudes(emitter, rows, pairs, n_pairs, target, ahead, peak):
    """Write the magnitudes of two frames that were transformed as one; raise `peak`."""
    largest = emitter.variable(emitter.load(peak))
    writer = _magnitude_writer(emitter, target, largest)
    _split_pairs(emitter, rows, pairs, None, n_pairs, ahead, writer, two_frames=True)
    emitter.store(largest.get(), peak)


@vector_function
def separate_again_if_extreme(emitter, rows, pairs, n_pairs, target, peak):
    """Write all magnitudes once more, scaled, if the plain formula was not good enough."""
    writer = _scaled_magnitude_writer(emitter, target)
    n_again = n_pairs * _extreme(emitter, emitter.load(peak))
    _split_pairs(emitter, rows, pairs, None, n_again, target, writer, two_frames=True)


@vector_function
def separate_spectra(emitter, rows, pairs, n_pairs, target, ahead):
    """Write the bins of two frames that were transformed as one."""
    writer = _row_writer(emitter, target)
    _split_pairs(emitter, rows, pairs, None, n_pairs, ahead, writer, two_frames=True)


@vector_function
def sum_bands(emitter, magnitudes, bands, weights, n_bands, target):
    """Write the weighted sum of each band's bins, a vector each; the table holds their range.

    The weights of all bands lie one after the other.
    """
    weight = emitter.variable(weights)
    with emitter.loop(n_bands) as band:
        first = emitter.load_index(bands + band * 8)
        count = emitter.load_index(bands + band * 8 + 4)
        # Two sums, so that an addition need not wait for the one before.
        sums = [emitter.variable(emitter.constant(0)) for _ in range(2)]
        bins = magnitudes + first * emitter.bytes
        with emitter.loop(count // 2) as i:
            for half, total in enumerate(sums):
                index = i * 2 + half
                factor = emitter.broadcast(weight.get() + index * emitter.itemsize)
                total.set(total.get() + emitter.load(bins + index * emitter.bytes) * factor)
        with emitter.loop(count - count // 2 * 2):
            factor = emitter.broadcast(weight.get() + (count - 1) * emitter.itemsize)
            sums[0].set(sums[0].get() + emitter.load(bins + (count - 1) * emitter.bytes) * factor)
        weight.set(weight.get() + count * emitter.itemsize)
        emitter.store(sums[0].get() + sums[1].get(), target + band * emitter.bytes)


@vector_function
def decibels(emitter, rows, n_rows, scale, peaks):
    """Turn vectors into decibels in place, and write each lane's largest; NaN counts as that.

    `scale` holds the smallest magnitude, which may round to 0, what to add to 10 log10 of a
    magnitude, and what the smallest one gives.
    """
    smallest, offset, least = (emitter.broadcast(scale + i * emitter.itemsize) for i in range(3))
    peak = emitter.variable(emitter.constant(-math.inf))
    with emitter.loop(n_rows) as i:
        x = emitter.load(rows + i * emitter.bytes)
        # Comparisons fail with NaN, which stays as it is.
        decibel = ten_log10(emitter, x, offset)
        decibel = emitter.select(emitter.compare("<=", x, smallest), least, decibel)
        emitter.store(decibel, rows + i * emitter.bytes)
        old = peak.get()
        is_peak = emitter.compare(">", decibel, old)
        is_peak = emitter.either(is_peak, emitter.compare("!=", decibel, decibel))
        peak.set(emitter.select(is_peak, decibel, old))
    emitter.store(peak.get(), peaks)


def ten_log10(emitter, x, offset):
    """Return 10 log10 of positive numbers, plus `offset`; inf and NaN stay."""
    # Subnormal numbers have no exponent of their own: they are scaled to normal ones.
    tiny, scaling = (2.0**-126, 24) if emitter.itemsize == 4 else (2.0**-1022, 53)
    subnormal = emitter.compare("<", x, tiny)
    normal = emitter.select(subnormal, x * 2.0**scaling, x)
    exponent, log = _exponent_and_log(emitter, normal)
    shift = emitter.select(subnormal, emitter.constant(-scaling), emitter.constant(0))
    exponent = exponent + shift
    decibel = exponent * (10 * math.log10(2)) + (log * (10 / math.log(10)) + offset)
    return emitter.select(emitter.compare("<", x, math.inf), decibel, x)


def _exponent_and_log(emitter, x):
    """Return the exponent, and the logarithm of a mantissa from sqrt(1/2) to sqrt(2)."""
    bits = 23 if emitter.itemsize == 4 else 52
    # The bit pattern of sqrt(1/2); subtracted, it moves the step of the exponent there.
    pattern = 0x3F3504F3 if emitter.itemsize == 4 else 0x3FE6A09E667F3BCD
    shifted = emitter.bits(x) - pattern
    exponent = emitter.to_real(emitter.shift_right(shifted, bits))
    mantissa = emitter.from_bits(emitter.mask(shifted, (1 << bits) - 1) + pattern)
    f = mantissa - 1.0
    if emitter.itemsize == 4:
        # log(1 + f) = f + f^2 (f P(f) - 1/2), with the coefficients of the scalar logarithm.
        first, *others = map(float, reversed(COEFFICIENTS_32))
        p = emitter.constant(first)
        for c in others:
            p = p * f + c
        return exponent, f + f * f * (p * f - 0.5)
    # log(1 + f) = 2 atanh(s), s = f / (2 + f) within 0.172: eleven terms of its series.
    s = f / (f + 2.0)
    square = s * s
    p = emitter.constant(2 / 21)
    for n in range(19, 1, -2):
        p = p * square + 2 / n
    return exponent, s * 2.0 + s * square * p
