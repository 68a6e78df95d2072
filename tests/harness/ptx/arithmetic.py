"""Instructions that compute: sums, products, comparisons, shifts, conversions.

The tables, here and in `memory` and `meeting`, have a `Rule` for each opcode.
"""

import operator
from typing import NamedTuple

import numpy as np

from harness.ptx.values import SIGNED, UNSIGNED, PtxError, bits_of, flush


class Rule(NamedTuple):
    """The modifiers that an opcode may have, and a function that turns instructions into steps."""

    modifiers: str
    make: object  # It takes (instruction, operands), and returns a function of (machine, active).


def of_values(function):
    """Make a rule from a function of values, which all have the instruction's last type."""

    def make(instruction, operands):
        dtype = instruction.dtypes[-1]
        return _step(instruction, operands, function, [dtype] * len(instruction.operands))

    return make


def _step(instruction, operands, function, dtypes):
    """Return a step that writes a function of the other operands' values to the first operand."""
    put = operands.target(instruction.operands[0], dtypes[0])
    pairs = zip(instruction.operands[1:], dtypes[1:], strict=True)
    sources = [operands.source(text, dtype) for text, dtype in pairs]
    if "ftz" in instruction.modifiers:

        def step(machine, active):
            values = (source(machine, active) for source in sources)
            got = function(*(flush(v) if v.dtype == np.float32 else v for v in values))
            put(machine, active, flush(got) if got.dtype == np.float32 else got)

    else:

        def step(machine, active):
            got = function(*(source(machine, active) for source in sources))
            put(machine, active, got)

    return step


# Both kinds of numbers.


def _by_kind(of_floats, of_integers):
    """Make a rule from two functions, one for floats and one for integers."""

    def make(instruction, operands):
        function = of_floats if instruction.dtypes[-1].kind == "f" else of_integers
        return of_values(function)(instruction, operands)

    return make


def _add(instruction, operands):
    towards_zero = "rz" in instruction.modifiers
    return of_values(_add_towards_zero if towards_zero else operator.add)(instruction, operands)


def _add_towards_zero(x, y):
    if x.dtype != np.float32:
        raise PtxError("rounding towards zero in float64")
    exact = x.astype(np.float64) + y.astype(np.float64)
    nearest = exact.astype(np.float32)
    too_large = np.abs(nearest.astype(np.float64)) > np.abs(exact)
    return np.where(too_large, np.nextafter(nearest, np.float32(0)), nearest)


def _multiply(instruction, operands):
    modifiers, dtype = instruction.modifiers, instruction.dtypes[-1]
    if not {"wide", "hi"} & set(modifiers):
        return of_values(operator.mul)(instruction, operands)
    if dtype.itemsize > 4:
        raise PtxError(f"products of more than 64 bits: {instruction.text}")
    wide = np.dtype((SIGNED if dtype.kind == "i" else UNSIGNED)[16 * dtype.itemsize])
    if "wide" in modifiers:
        return _step(
            instruction,
            operands,
            lambda x, y: x.astype(wide) * y.astype(wide),
            [wide, dtype, dtype],
        )
    shift = wide.type(8 * dtype.itemsize)
    return of_values(lambda x, y: ((x.astype(wide) * y.astype(wide)) >> shift).astype(dtype))(
        instruction, operands
    )


def _multiply_add(x, y, z):
    """Round once less than a product and a sum: the product of float32 is exact in float64."""
    if x.dtype.kind != "f":
        return x * y + z
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    return (x.astype(wide) * y.astype(wide) + z.astype(wide)).astype(x.dtype)


def _quotient(x, y):
    """Round an integer quotient towards zero."""
    return (x - np.fmod(x, y)) // y


# Bits.


def _shift_left(x, n):
    inside = n < 8 * x.dtype.itemsize
    return np.where(inside, x << np.where(inside, n, 0).astype(x.dtype), x.dtype.type(0))


def _shift_right(x, n):
    n_bits = 8 * x.dtype.itemsize
    shifted = x >> np.minimum(n, n_bits - 1).astype(x.dtype)
    return shifted if x.dtype.kind == "i" else np.where(n < n_bits, shifted, x.dtype.type(0))


def _shift(function):
    def make(instruction, operands):
        dtype = instruction.dtypes[-1]
        return _step(instruction, operands, function, [dtype, dtype, np.dtype(np.uint32)])

    return make


def _insert_bits(instruction, operands):
    dtype, short = instruction.dtypes[-1], np.dtype(np.uint32)
    one = dtype.type(1)

    def insert(x, into, place, length):
        place, length = place.astype(dtype), length.astype(dtype)
        mask = ((one << length) - one) << place
        return (into & ~mask) | ((x << place) & mask)

    return _step(instruction, operands, insert, [dtype, dtype, dtype, short, short])


def _leading_zeros(instruction, operands):
    dtype, short = instruction.dtypes[-1], np.dtype(np.uint32)
    n_bits = 8 * dtype.itemsize

    def count(x):
        lengths = [n_bits - int(value).bit_length() for value in np.atleast_1d(x)]
        return np.array(lengths, np.uint32)

    return _step(instruction, operands, count, [short, bits_of(dtype)])


# Choices.

_COMPARE = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_UNSIGNED_NAMES = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
_JOIN = {"and": operator.and_, "or": operator.or_, "xor": operator.xor}


def _comparison(name):
    """Return a function of two arrays; `ltu` and so on are true beside NaN, `lt` is false."""
    if name in ("num", "nan"):
        return lambda x, y: (np.isnan(x) | np.isnan(y)) == (name == "nan")
    if name == "ne":
        return lambda x, y: (x != y) & (x == x) & (y == y)
    if name in _COMPARE:
        return _COMPARE[name]
    if name in _UNSIGNED_NAMES:
        return _COMPARE[_UNSIGNED_NAMES[name]]
    compare = _COMPARE[name.removesuffix("u")]
    return lambda x, y: compare(x, y) | (x != x) | (y != y)


def _set_predicate(instruction, operands):
    name, *others = (m for m in instruction.modifiers if m != "ftz")
    dtype, predicate = instruction.dtypes[-1], np.dtype(np.bool_)
    compare = _comparison(name)
    if not others:
        return _step(instruction, operands, compare, [predicate, dtype, dtype])
    join = _JOIN[others[0]]
    return _step(
        instruction,
        operands,
        lambda x, y, other: join(compare(x, y), other),
        [predicate, dtype, dtype, predicate],
    )


def _select(instruction, operands):
    dtype = instruction.dtypes[-1]
    return _step(
        instruction,
        operands,
        lambda x, y, first: np.where(first, x, y),
        [dtype, dtype, dtype, np.dtype(np.bool_)],
    )


# Conversions.


def _convert(instruction, operands):
    to, of = instruction.dtypes
    rounded = np.trunc if "rzi" in instruction.modifiers else np.rint
    if of.kind == "f" and to.kind in "iu":
        function = _to_integer(to, rounded)
    elif {"rzi", "rni"} & set(instruction.modifiers):
        function = rounded  # It rounds to a whole number, which is still a float.
    else:
        function = operator.methodcaller("astype", to)
    return _step(instruction, operands, function, [to, of])


def _to_integer(to, rounded):
    """Return a conversion that saturates, and makes 0 of NaN."""
    info = np.iinfo(to)

    def convert(x):
        whole = rounded(x).astype(np.longdouble)  # It holds every integer of 64 bits.
        return np.where(np.isnan(whole), 0, np.clip(whole, info.min, info.max)).astype(to)

    return convert


_FLOAT = "ftz rn"
ARITHMETIC = {
    "add": Rule(_FLOAT + " rz", _add),
    "sub": Rule(_FLOAT, of_values(operator.sub)),
    "mul": Rule(_FLOAT + " lo hi wide", _multiply),
    "mad": Rule("lo", of_values(_multiply_add)),
    "fma": Rule(_FLOAT, of_values(_multiply_add)),
    "div": Rule(_FLOAT + " full approx", _by_kind(operator.truediv, _quotient)),
    "rem": Rule("", of_values(np.fmod)),
    "min": Rule("ftz", _by_kind(np.fmin, np.minimum)),
    "max": Rule("ftz", _by_kind(np.fmax, np.maximum)),
    "neg": Rule("ftz", of_values(operator.neg)),
    "abs": Rule("ftz", of_values(np.abs)),
    "copysign": Rule("", of_values(lambda sign, x: np.copysign(x, sign))),
    "sqrt": Rule(_FLOAT + " approx", of_values(np.sqrt)),
    "rcp": Rule(_FLOAT + " approx", of_values(lambda x: x.dtype.type(1) / x)),
    "and": Rule("", of_values(operator.and_)),
    "or": Rule("", of_values(operator.or_)),
    "xor": Rule("", of_values(operator.xor)),
    "not": Rule("", of_values(operator.invert)),
    "shl": Rule("", _shift(_shift_left)),
    "shr": Rule("", _shift(_shift_right)),
    "bfi": Rule("", _insert_bits),
    "clz": Rule("", _leading_zeros),
    "setp": Rule(
        "ftz and or xor num nan lo ls hi hs eq ne lt le gt ge equ neu ltu leu gtu geu",
        _set_predicate,
    ),
    "selp": Rule("", _select),
    "cvt": Rule("ftz rn rzi rni", _convert),
}
