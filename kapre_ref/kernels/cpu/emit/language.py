"""The language of the functions in this wing: values, and the instructions that every emitter has.

A function in this language takes an `emitter` and values, and calls the emitter's methods to say
what is to be done. `llvm.LlvmEmitter` writes the instructions down for the compiler;
`lanes.LaneEmitter` carries them out at once on NumPy arrays.
"""

from typing import Any, NamedTuple


class Value(NamedTuple):
    """A vector, a number or an address, with Python's operators; only its emitter knows `raw`."""

    emitter: "Emitter"
    raw: Any

    def __add__(self, other):
        """Add."""
        return self.emitter.operate("add", self, other)

    def __sub__(self, other):
        """Subtract."""
        return self.emitter.operate("sub", self, other)

    def __mul__(self, other):
        """Multiply."""
        return self.emitter.operate("mul", self, other)

    def __truediv__(self, other):
        """Divide floating-point numbers."""
        return self.emitter.operate("div", self, other)

    def __floordiv__(self, other):
        """Divide integers that are not negative."""
        return self.emitter.operate("udiv", self, other)

    def __neg__(self):
        """Change the sign of a floating-point number."""
        return self.emitter.negate(self)


class Strided(NamedTuple):
    """Elements at equal distances: the address of the first, and bytes from each to the next."""

    at: Value
    stride: Value

    def place(self, number):
        """Return the address of an element by its number, from 0 on, in emitted code."""
        return self.at + self.stride * number


class Emitter:
    """What both emitters share: instructions that are made of simpler instructions.

    A vector has `bytes` bytes and `lanes` numbers of `itemsize` bytes each. `value(x, like)` turns
    a Python number into a value of the type of `like`.
    """

    bytes: int
    itemsize: int
    lanes: int

    @property
    def has_estimate(self):
        """Whether the CPU can estimate inverse square roots: with AVX-512 it can."""
        return self.bytes == 64

    def multiply_add(self, a, b, c):
        """Return a * b + c, in one instruction if the CPU has it, even if a * b is used again."""
        return self.call("fmuladd", a, self.value(b, a), c)

    def larger(self, a, b):
        """Return the larger of floating-point numbers, or `b` if `a` is NaN: in one instruction."""
        return self.select(self.compare(">", a, b), a, b)

    def beyond_multiple(self, address):
        """Return how many bytes an address lies past the last multiple of a vector's size."""
        return self.mask(address, self.bytes - 1)

    def broadcast(self, address):
        """Load one number into all lanes."""
        return self.spread(self.load_number(address))

    def sum_of_lanes(self, x):
        """Return the sum of a vector's lanes as a number: halves are added until one is left."""
        n = self.lanes
        while n > 1:
            n //= 2
            x = self.shuffle(x, x, range(n)) + self.shuffle(x, x, range(n, 2 * n))
        return self.first_lane(x)
