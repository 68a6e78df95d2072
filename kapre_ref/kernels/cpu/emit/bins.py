"""The last pass: bins of the spectrum, or their magnitudes, written as they are made."""

from kapre_ref.kernels.cpu.emit.butterflies import Complex
from kapre_ref.kernels.cpu.emit.intrinsics import vector_function, vector_functions
from kapre_ref.kernels.cpu.emit.passes import COMMON_RADICES, RADICES, Parts, merge

LAST_RADICES = (*RADICES, 1)  # 1 if the first pass has done all


@vector_functions(LAST_RADICES)
def last_pass_to_magnitudes(emitter, radix, parts: Parts, target, ahead, peak, power):
    """Write the magnitude of each bin, a vector, or its square if the number at `power` is 2.

    `peak` is raised to the largest squares. `target` may be the rows of the parts: the magnitudes
    of some bins take places that these had. Meanwhile `ahead`, where the result will be written,
    comes into cache.
    """
    largest = emitter.variable(emitter.load(peak))
    # The unit for square roots has time: it is cheaper to choose than to have code for both.
    are_powers = emitter.compare(">", emitter.broadcast(power), 1.0)

    def write(bins):
        for i, (number, z) in enumerate(bins):
            place = number * emitter.bytes
            emitter.prefetch(ahead + place)
            size = square(z)
            largest.set(emitter.larger(size, largest.get()))
            root = _second_sqrt(emitter, size) if i % 2 else emitter.call("sqrt", size)
            emitter.store(emitter.select(are_powers, size, root), target + place)

    merge(emitter, radix, parts, write)
    emitter.store(largest.get(), peak)


common_last_pass_to_magnitudes = vector_functions(COMMON_RADICES)(last_pass_to_magnitudes.emit)


@vector_functions(LAST_RADICES)
def last_pass_to_spectrum(emitter, radix, parts: Parts, target, ahead):
    """Write each bin: a vector of real parts, then one of imaginary parts."""

    def write(bins):
        for number, z in bins:
            place = number * (2 * emitter.bytes)
            re, im = z if isinstance(z, Complex) else (z, emitter.constant(0))
            for part in (0, emitter.bytes):
                emitter.prefetch(ahead + place + part)
            emitter.store(re, target + place)
            emitter.store(im, target + place + emitter.bytes)

    merge(emitter, radix, parts, write)


common_last_pass_to_spectrum = vector_functions(COMMON_RADICES)(last_pass_to_spectrum.emit)


def square(z):
    """Return |z|^2 by the plain formula, which is good unless `is_extreme`."""
    return z.re * z.re + z.im * z.im if isinstance(z, Complex) else z * z


def _second_sqrt(emitter, x):
    """Take a square root with multiplications, if there is an estimate to start from.

    The one unit for square roots takes longer than all else of two bins together: it is given every
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


@vector_function
def take_roots(emitter, rows, n_rows, offset):
    """Turn powers into magnitudes in place, with a number added below the root."""
    added = emitter.broadcast(offset)
    for i in emitter.loop(n_rows):
        place = rows + i * emitter.bytes
        emitter.store(emitter.call("sqrt", emitter.load(place) + added), place)


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


@vector_function
def start_peaks(emitter, peak, n_frames):
    """Prepare the largest squares of a block; lanes without a frame are never extreme."""
    emitter.store(emitter.constant(1), peak)
    emitter.store_first(emitter.constant(0), peak, n_frames)


@vector_function
def is_extreme(emitter, peak):
    """Return 1 if the plain formula was not good enough for a frame of the block, else 0."""
    return emitter.any(are_extreme(emitter, emitter.load(peak)))


def are_extreme(emitter, squares):
    """Tell of each frame if its largest square shows that the plain formula was not good enough.

    Squares that overflow are seen by themselves. Those that underflow count if they belong to a
    frame so faint that they are not far below its peak; a silent frame is taken for one.
    """
    low, high = (1e-24, 1e38) if emitter.itemsize == 4 else (1e-275, 1e307)
    return emitter.either(emitter.compare("<", squares, low), emitter.compare(">", squares, high))
