"""The emitter that computes: it carries emitted functions out on NumPy arrays, one number a lane.

With it, a function of this wing runs without a compiler: in a debugger, line by line, with `print`.
It is the oracle of the emitted code, and it runs in place of that code with NUMBA_DISABLE_JIT=1.
An integer is a Python `int`, a vector of numbers is an array of their dtype, and a vector of bits
is an array of signed integers.
"""

import ctypes

import numpy as np

from kapre_ref.kernels.cpu.emit.language import Emitter, Value

_OPERATIONS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "sqrt": np.sqrt,
    "fabs": np.abs,
    "copysign": np.copysign,
}
_RELATIONS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    "==": np.equal,
    "!=": np.not_equal,
}
_INTEGER_OPERATIONS = {
    "add": int.__add__,
    "sub": int.__sub__,
    "mul": int.__mul__,
    "udiv": int.__floordiv__,
}


class LaneEmitter(Emitter):
    """Carries out each instruction when it is called, in one floating-point dtype."""

    def __init__(self, dtype, width):
        self.dtype = np.dtype(dtype)
        self.bytes = width
        self.itemsize = self.dtype.itemsize
        self.lanes = width // self.itemsize
        self._held = []  # keeps the memory that `room` handed out

    # Arithmetic.

    def value(self, x, like):
        """Return `x` as a value, a Python number as a constant of the type of `like`."""
        if isinstance(x, Value):
            return x
        if isinstance(like.raw, int):
            return Value(self, int(x))
        return Value(self, np.full_like(like.raw, x))

    def operate(self, name, a, b):
        """Add, subtract, multiply or divide."""
        b = self.value(b, a)
        operations = _INTEGER_OPERATIONS if isinstance(a.raw, int) else _OPERATIONS
        with np.errstate(all="ignore"):  # compiled code gives no warnings either
            return Value(self, operations[name](a.raw, b.raw))

    def negate(self, x):
        """Change the sign of floating-point numbers."""
        return Value(self, -x.raw)

    def constant(self, x):
        """Return a vector of one floating-point constant."""
        return Value(self, np.full(self.lanes, x, self.dtype))

    def integer(self, x):
        """Return a constant integer."""
        return Value(self, int(x))

    def call(self, name, *arguments):
        """Apply a function to vectors, such as sqrt."""
        if name == "fmuladd":
            a, b, c = arguments
            return a * b + c
        with np.errstate(all="ignore"):
            return Value(self, _OPERATIONS[name](*(x.raw for x in arguments)))

    def estimate_inverse_sqrt(self, x):
        """Return 1 / sqrt(x) to 14 bits; 0 gives inf, and inf gives 0."""
        with np.errstate(all="ignore"):
            mantissa, exponent = np.frexp(1 / np.sqrt(x.raw))
            return Value(self, np.ldexp(np.rint(mantissa * 2**14), exponent - 14))

    def compare(self, relation, a, b):
        """Compare two vectors; no relation holds with NaN, except '!='."""
        return Value(self, _RELATIONS[relation](a.raw, self.value(b, a).raw))

    def either(self, a, b):
        """Return where one of two comparisons holds."""
        return Value(self, a.raw | b.raw)

    def select(self, condition, a, b):
        """Choose lanes from `a` where the condition holds, else from `b`."""
        return Value(self, np.where(condition.raw, a.raw, b.raw))

    def larger_bits(self, a, b):
        """Return the larger of floating-point numbers that are not negative; NaN is the largest."""
        return self.select(Value(self, self.bits(a).raw > self.bits(b).raw), a, b)

    def any(self, condition):
        """Return the integer 1 if a condition holds in any lane, else 0."""
        return Value(self, int(condition.raw.any()))

    def minimum(self, a, b):
        """Return the smaller of two integers."""
        return Value(self, min(a.raw, self.value(b, a).raw))

    def trailing_zeros(self, x):
        """Return how many of an integer's lowest bits are 0; the result for 0 is undefined."""
        return Value(self, (x.raw & -x.raw).bit_length() - 1)

    # A vector of integers holds the bits of a vector of numbers, and is equally wide.

    def bits(self, x):
        """Return the bit patterns of numbers, as integers."""
        return Value(self, x.raw.view(f"i{self.itemsize}"))

    def from_bits(self, x):
        """Return the numbers of bit patterns."""
        return Value(self, x.raw.view(self.dtype))

    def mask(self, x, pattern):
        """Keep the bits of integers that `pattern` has."""
        return Value(self, x.raw & self.value(pattern, x).raw)

    def shift_right(self, x, n_bits):
        """Divide integers by 2 ** n_bits, rounding down."""
        return Value(self, x.raw >> n_bits)

    def to_real(self, x):
        """Convert integers to floating-point numbers, or one integer to all lanes."""
        return Value(self, np.broadcast_to(x.raw, self.lanes).astype(self.dtype))

    # Memory. An address is an integer, in bytes.

    def load(self, address):
        """Load a vector."""
        return self.load_part(address, self.lanes)

    def load_part(self, address, n):
        """Load a vector of `n` numbers."""
        return Value(self, self._view(address, n, self.dtype).copy())

    def load_number(self, address):
        """Load one floating-point number: a vector of one lane."""
        return self.load_part(address, 1)

    def load_index(self, address):
        """Load an int32 from a table, as a wider integer."""
        return Value(self, int(self._view(address, 1, np.int32)[0]))

    def load_first(self, address, count):
        """Load the first `count` lanes of a vector; the other lanes are 0 and read no memory."""
        vector = self.constant(0)
        n = min(count.raw, self.lanes)
        if n > 0:
            vector.raw[:n] = self._view(address, n, self.dtype)
        return vector

    def store(self, x, address):
        """Store a vector, of any length, or a number."""
        self._view(address, x.raw.size, self.dtype)[...] = x.raw

    def store_first(self, x, address, count):
        """Store the first `count` lanes of a vector, all of them if it has fewer."""
        n = min(count.raw, self.lanes)
        if n > 0:
            self._view(address, n, self.dtype)[...] = x.raw[:n]

    def store_even(self, x, address):
        """Store lanes 0, 2, 4 ... of a vector; the numbers in memory between them stay."""
        self._view(address, self.lanes - 1, self.dtype)[::2] = x.raw[::2]

    def stream(self, x, address):
        """Store a vector at a multiple of its size."""
        assert address.raw % self.bytes == 0, "only whole vectors are streamed"
        self.store(x, address)

    def drain(self):
        """Do nothing: every store here is visible to all threads at once."""

    def prefetch(self, address):
        """Do nothing: there is no cache to fill."""

    def hidden(self, x):
        """Return the integer: no compiler is there to see it."""
        return x

    def _view(self, address, n, dtype):
        """Return memory as an array, which does not keep that memory alive."""
        n_bytes = n * np.dtype(dtype).itemsize
        return np.frombuffer((ctypes.c_char * n_bytes).from_address(address.raw), dtype)

    # Lanes.

    def spread(self, number):
        """Copy one number to all lanes."""
        return Value(self, np.full(self.lanes, number.raw[0]))

    def shuffle(self, a, b, lanes):
        """Return a vector of the lanes that `lanes` lists; the lanes of `b` count on after `a`."""
        return Value(self, np.concatenate([a.raw, b.raw])[list(lanes)])

    def first_lane(self, x):
        """Return the number in lane 0: a vector of one lane."""
        return Value(self, x.raw[:1].copy())

    def n_lanes_of(self, x):
        """Return how many numbers a vector holds, which may be fewer than `lanes`."""
        return x.raw.size

    # Control.

    def loop(self, count, unroll=False):
        """Repeat the body of a Python `for`; the loop variable counts the rounds.

        `unroll` says nothing here, see `LlvmEmitter`.
        """
        for i in range(self.value(count, self.integer(0)).raw):
            yield Value(self, i)

    def variable(self, x):
        """Return a place for a value that a loop changes."""
        return LaneVariable(x)

    def room(self, n):
        """Return the address of memory for `n` vectors, which lives as long as the emitter."""
        self._held.append(np.empty((n, self.lanes), self.dtype))
        return Value(self, self._held[-1].ctypes.data)


class LaneVariable:
    """A value that a loop changes."""

    def __init__(self, x):
        self._x = x

    def get(self):
        """Return the current value."""
        return self._x

    def set(self, x):
        """Replace the value."""
        self._x = x
