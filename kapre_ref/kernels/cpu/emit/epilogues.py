"""What is made of a block's bins while they are in cache, one frame a lane."""

import math
from typing import NamedTuple

from kapre_ref.kernels.cpu.emit.bins import are_extreme, scaled_magnitude, square
from kapre_ref.kernels.cpu.emit.butterflies import Complex
from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.emit.polynomials import (
    ARC_TANGENT_32,
    ARC_TANGENT_64,
    LOGARITHM_32,
    LOGARITHM_64,
)


@vector_function
def to_polar(emitter, rows, n_rows, magnitudes, phases, peak):
    """Write magnitudes and phases of rows, a vector each; raise `peak` to the largest squares."""
    largest = emitter.variable(emitter.load(peak))
    for i in emitter.loop(n_rows):
        z = _load_bin(emitter, rows, i)
        size = square(z)
        largest.set(emitter.larger(size, largest.get()))
        emitter.store(emitter.call("sqrt", size), magnitudes + i * emitter.bytes)
        emitter.store(_angle(emitter, z), phases + i * emitter.bytes)
    emitter.store(largest.get(), peak)


@vector_function
def to_scaled_magnitudes(emitter, rows, n_rows, peak, plain, magnitudes):
    """Write magnitudes of rows, as good where squares are out of range; in place as well.

    Frames whose squares are in range keep their `plain` magnitudes: so these have the same bits
    whatever the other frames of the block are.
    """
    extreme = are_extreme(emitter, emitter.load(peak))
    for i in emitter.loop(n_rows):
        place = i * emitter.bytes
        size = scaled_magnitude(emitter, _load_bin(emitter, rows, i))
        size = emitter.select(extreme, size, emitter.load(plain + place))
        emitter.store(size, magnitudes + place)


def _load_bin(emitter, rows, i):
    place = rows + i * (2 * emitter.bytes)
    return Complex(emitter.load(place), emitter.load(place + emitter.bytes))


def _angle(emitter, z):
    """Return the phase, by the formulas of the scalar code, see `polar`."""
    one = emitter.constant(1)
    x, y = emitter.call("fabs", z.re), emitter.call("fabs", z.im)
    steep = emitter.compare(">", y, x)
    short, long = emitter.select(steep, x, y), emitter.select(steep, y, x)
    t = emitter.select(emitter.compare("==", short, long), one, short / long)
    t = emitter.select(emitter.compare("==", short + long, 0.0), emitter.constant(0), t)
    far = emitter.compare(">", t, math.tan(math.pi / 8))
    w = emitter.select(far, (t - 1.0) / (t + 1.0), t)
    coefficients = ARC_TANGENT_32 if emitter.itemsize == 4 else ARC_TANGENT_64
    square_w = w * w
    angle = w + w * square_w * _polynomial(emitter, coefficients, square_w)
    angle = emitter.select(far, angle + math.pi / 4, angle)
    angle = emitter.select(steep, -angle + math.pi / 2, angle)
    is_left = emitter.compare("<", emitter.call("copysign", one, z.re), 0.0)
    angle = emitter.select(is_left, -angle + math.pi, angle)
    return emitter.call("copysign", angle, z.im)


class Logarithm(NamedTuple):
    """Numbers of a logarithm, one after the other in memory, see `logarithms`.

    A logarithm to any base, times a gain, plus an offset, is ``octave n + (neper r + offset)`` of a
    number ``2 ** n exp(r)``.
    """

    smallest: float  # what is less counts as this; it may round to 0
    addend: float  # what is added to a number before
    least: float  # the result of the smallest number
    octave: float
    neper: float
    offset: float


@vector_function
def logarithms(emitter, rows, n_rows, numbers, peaks):
    """Turn vectors into logarithms in place, and write each lane's largest; NaN counts as that.

    `numbers` is the address of those of a `Logarithm`.
    """
    table = Logarithm(
        *(emitter.broadcast(numbers + i * emitter.itemsize) for i in range(len(Logarithm._fields)))
    )
    # Only if the smallest one is subnormal can others be.
    tiny = 2.0**-126 if emitter.itemsize == 4 else 2.0**-1022
    may_be_subnormal = emitter.any(emitter.compare("<", table.smallest, tiny))
    largest = emitter.variable(table.smallest)
    # Of two numbers next to each other, the smaller one may have the larger logarithm.
    highest = emitter.variable(emitter.constant(-math.inf))

    def turn(n, logarithm):
        for i in emitter.loop(n):
            place = rows + i * emitter.bytes
            x = emitter.larger(table.smallest, emitter.load(place) + table.addend)  # x if it is NaN
            is_least = emitter.compare("<=", x, table.smallest)
            result = emitter.select(is_least, table.least, logarithm(x))
            emitter.store(result, place)
            largest.set(emitter.larger_bits(x, largest.get()))
            highest.set(emitter.larger(result, highest.get()))

    def of_normal(x):
        return _logarithm(emitter, x, table)

    def of_subnormal(x):
        # They have no exponent of their own: they are scaled to normal ones.
        scaling = 24 if emitter.itemsize == 4 else 53
        scaled = _logarithm(emitter, x * 2.0**scaling, table, -scaling)
        return emitter.select(emitter.compare("<", x, tiny), scaled, of_normal(x))

    n_careful = n_rows * may_be_subnormal
    turn(n_rows - n_careful, of_normal)
    turn(n_careful, of_subnormal)
    is_nan = emitter.compare("!=", largest.get(), largest.get())
    emitter.store(emitter.select(is_nan, largest.get(), highest.get()), peaks)


def _logarithm(emitter, x, table, shift=0):
    """Return the logarithm of positive normal numbers times 2 ** shift; inf and NaN stay."""
    exponent, log = _exponent_and_log(emitter, x)
    if shift:
        exponent = exponent + shift
    result = exponent * table.octave + (log * table.neper + table.offset)
    return emitter.select(emitter.compare("<", x, math.inf), result, x)


@vector_function
def scale_rows(emitter, rows, n_rows, pairs):
    """Multiply each row by a gain and add an offset, in place; `pairs` holds both for each row."""
    for i in emitter.loop(n_rows):
        place = rows + i * emitter.bytes
        gain = emitter.broadcast(pairs + i * (2 * emitter.itemsize))
        offset = emitter.broadcast(pairs + i * (2 * emitter.itemsize) + emitter.itemsize)
        emitter.store(emitter.multiply_add(emitter.load(place), gain, offset), place)


def _exponent_and_log(emitter, x):
    """Return the exponent, and the logarithm of a mantissa from sqrt(1/2) to sqrt(2).

    With the polynomials of the scalar logarithm, see there.
    """
    bits = 23 if emitter.itemsize == 4 else 52
    # The bit pattern of sqrt(1/2); subtracted, it moves the step of the exponent there.
    pattern = 0x3F3504F3 if emitter.itemsize == 4 else 0x3FE6A09E667F3BCD
    shifted = emitter.bits(x) - pattern
    exponent = emitter.to_real(emitter.shift_right(shifted, bits))
    mantissa = emitter.from_bits(emitter.mask(shifted, (1 << bits) - 1) + pattern)
    f = mantissa - 1.0
    if emitter.itemsize == 4:
        p = _polynomial(emitter, LOGARITHM_32, f)
        return exponent, f + f * f * (p * f - 0.5)
    s = f / (f + 2.0)
    square = s * s
    p = _polynomial(emitter, LOGARITHM_64, square)
    return exponent, f - s * (f - square * p)


def _polynomial(emitter, coefficients, x):
    """Return c0 + c1 x + c2 x^2 + ..."""
    *others, last = map(float, coefficients)
    p = emitter.constant(last)
    for c in reversed(others):
        p = p * x + c
    return p
