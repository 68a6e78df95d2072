"""An emitter of vector instructions: functions written with it become numba intrinsics.

LLVM's vectoriser leaves loops over lanes with run-time strides scalar, 8 to 17 times slower. So
the inner loops are emitted as instructions on vectors as wide as a register. All lanes do the same,
each for a frame of its own: nothing crosses lanes but the transposes at both ends.

Functions take addresses and counts as integers, so that one compilation serves arrays of any
layout, writeable or not. The type of their first argument says in which precision they work.
"""

import inspect
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
MAX_VECTOR_BYTES = 64
# a * b + c may become one instruction, and signs of zero may differ; NaN and inf mean the same.
_FLAGS = ("contract", "nsz")


@lru_cache(maxsize=1)
def vector_bytes():
    """Return the width of a vector register of the CPU that numba compiles for.

    It follows from the CPU's features alone, which are part of what compiled code is kept under.
    """
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


@lru_cache(maxsize=8)
def n_lanes(dtype):
    """Return how many numbers of a dtype a vector holds."""
    return vector_bytes() // np.dtype(dtype).itemsize


class Value(NamedTuple):
    """A vector, a number or an address in the code being emitted, with Python's operators."""

    emitter: "Emitter"
    llvm: ir.Value

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
        builder = self.emitter.builder
        return Value(self.emitter, builder.udiv(self.llvm, self.emitter.value(other, self).llvm))

    def __neg__(self):
        """Change the sign of a floating-point number."""
        return Value(self.emitter, self.emitter.builder.fneg(self.llvm, flags=_FLAGS))


class Emitter:
    """Emits the body of one function for one floating-point type."""

    def __init__(self, builder, real, width):
        self.builder = builder
        self.real = real
        self.bytes = width  # of a vector
        self.itemsize = 4 if isinstance(real, ir.FloatType) else 8
        self.lanes = width // self.itemsize
        self.vector = ir.VectorType(real, self.lanes)

    # Arithmetic.

    def value(self, x, like):
        """Return `x` as a value, a Python number as a constant of the type of `like`."""
        if isinstance(x, Value):
            return x
        kind = like.llvm.type
        if isinstance(kind, ir.VectorType):
            return Value(self, ir.Constant(kind, [x] * kind.count))
        return Value(self, ir.Constant(kind, x))

    def operate(self, name, a, b):
        """Emit an addition, subtraction, multiplication or division."""
        b = self.value(b, a)
        kind = getattr(a.llvm.type, "element", a.llvm.type)
        if isinstance(kind, ir.IntType):
            return Value(self, getattr(self.builder, name)(a.llvm, b.llvm))
        return Value(self, getattr(self.builder, "f" + name)(a.llvm, b.llvm, flags=_FLAGS))

    def constant(self, x):
        """Return a vector of one floating-point constant."""
        return Value(self, ir.Constant(self.vector, [float(x)] * self.lanes))

    def integer(self, x):
        """Return a constant integer."""
        return Value(self, ir.Constant(_I64, x))

    def call(self, name, *arguments):
        """Call an LLVM intrinsic on vectors, such as sqrt."""
        full_name = f"llvm.{name}.v{self.lanes}f{8 * self.itemsize}"
        function_type = ir.FunctionType(self.vector, [self.vector] * len(arguments))
        function = cgutils.get_or_insert_function(self.builder.module, function_type, full_name)
        return Value(self, self.builder.call(function, [x.llvm for x in arguments]))

    def multiply_add(self, a, b, c):
        """Return a * b + c, in one instruction if there is one, even if a * b is used again."""
        return self.call("fmuladd", a, self.value(b, a), c)

    @property
    def has_estimate(self):
        """Whether there is an estimate of inverse square roots: AVX-512 has one."""
        return self.bytes == 64

    def estimate_inverse_sqrt(self, x):
        """Return 1 / sqrt(x) to 14 bits, inf of 0 and 0 of inf."""
        mask = ir.Constant(ir.IntType(self.lanes), -1)
        function_type = ir.FunctionType(self.vector, [self.vector, self.vector, mask.type])
        name = f"llvm.x86.avx512.rsqrt14.p{'s' if self.itemsize == 4 else 'd'}.512"
        function = cgutils.get_or_insert_function(self.builder.module, function_type, name)
        return Value(self, self.builder.call(function, [x.llvm, x.llvm, mask]))

    def compare(self, relation, a, b):
        """Compare two vectors; no relation holds with NaN, except '!='."""
        b = self.value(b, a)
        compare = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        return Value(self, compare(relation, a.llvm, b.llvm))

    def either(self, a, b):
        """Return where one of two comparisons holds."""
        return Value(self, self.builder.or_(a.llvm, b.llvm))

    def select(self, condition, a, b):
        """Choose lanes from `a` where the condition holds, else from `b`."""
        return Value(self, self.builder.select(condition.llvm, a.llvm, b.llvm))

    def larger(self, a, b):
        """Return the larger of floating-point numbers, `b` if `a` is NaN; one instruction."""
        return self.select(self.compare(">", a, b), a, b)

    def larger_bits(self, a, b):
        """Return the larger of floating-point numbers that are not negative; NaN is the largest."""
        bits_a, bits_b = self.bits(a).llvm, self.bits(b).llvm
        is_larger = Value(self, self.builder.icmp_unsigned(">", bits_a, bits_b))
        return self.select(is_larger, a, b)

    def any(self, condition):
        """Return the integer 1 if a condition holds in any lane, else 0."""
        bits = self.builder.bitcast(condition.llvm, ir.IntType(self.lanes))
        holds = self.builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))
        return Value(self, self.builder.zext(holds, _I64))

    def minimum(self, a, b):
        """Return the smaller of two integers."""
        b = self.value(b, a)
        return self.select(Value(self, self.builder.icmp_signed("<", a.llvm, b.llvm)), a, b)

    def trailing_zeros(self, x):
        """Return how many of the lowest bits of an integer are 0; of 0 that is not defined."""
        return Value(self, self.builder.cttz(x.llvm, ir.Constant(ir.IntType(1), 1)))

    # Vectors of integers, as wide as the numbers whose bits they are.

    @property
    def _bit_vector(self):
        return ir.VectorType(ir.IntType(8 * self.itemsize), self.lanes)

    def bits(self, x):
        """Return the bit patterns of numbers, as integers."""
        return Value(self, self.builder.bitcast(x.llvm, self._bit_vector))

    def from_bits(self, x):
        """Return the numbers of bit patterns."""
        return Value(self, self.builder.bitcast(x.llvm, self.vector))

    def mask(self, x, pattern):
        """Keep the bits of integers that `pattern` has."""
        return Value(self, self.builder.and_(x.llvm, self.value(pattern, x).llvm))

    def shift_right(self, x, n_bits):
        """Divide integers by 2 ** n_bits, rounding down."""
        return Value(self, self.builder.ashr(x.llvm, self.value(n_bits, x).llvm))

    def to_real(self, x):
        """Convert integers to floating-point numbers."""
        return Value(self, self.builder.sitofp(x.llvm, self.vector))

    # Memory. Addresses are integers, in bytes; arrays need be aligned to their items only.

    def _pointer(self, address, kind):
        return self.builder.inttoptr(address.llvm, kind.as_pointer())

    def _load(self, address, kind, align):
        return Value(self, self.builder.load(self._pointer(address, kind), align=align))

    def load(self, address):
        """Load a vector."""
        return self._load(address, self.vector, self.itemsize)

    def load_part(self, address, n):
        """Load a vector of `n` numbers."""
        return self._load(address, ir.VectorType(self.real, n), self.itemsize)

    def store(self, x, address):
        """Store a vector, of any length, or a number."""
        pointer = self._pointer(address, x.llvm.type)
        self.builder.store(x.llvm, pointer, align=self.itemsize)

    def stream(self, x, address):
        """Store a vector past the caches, at a multiple of its size; see `drain`."""
        pointer = self._pointer(address, self.vector)
        store = self.builder.store(x.llvm, pointer, align=self.bytes)
        store.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(_I32, 1)]))

    def beyond_multiple(self, address):
        """Return how many bytes an address lies after a multiple of a vector's size."""
        return self.mask(address, self.bytes - 1)

    def drain(self):
        """Let other threads see what was streamed."""
        self.builder.fence("seq_cst")

    def load_number(self, address):
        """Load one floating-point number."""
        return self._load(address, self.real, self.itemsize)

    def load_index(self, address):
        """Load an int32 from a table, as a wider integer."""
        return Value(self, self.builder.sext(self._load(address, _I32, 4).llvm, _I64))

    def broadcast(self, address):
        """Load one number into all lanes."""
        return self.spread(self.load_number(address))

    def spread(self, number):
        """Copy one number to all lanes."""
        empty = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(empty, number.llvm, ir.Constant(_I32, 0))
        return self.shuffle(Value(self, first), Value(self, empty), [0] * self.lanes)

    def store_first(self, x, address, count):
        """Store the first `count` lanes of a vector, all of them if it has fewer."""
        self._store_masked(x, address, self._first(count))

    def load_first(self, address, count):
        """Load the first `count` lanes of a vector; the others are 0, and need not be memory."""
        mask, pointer = self._first(count), self._pointer(address, self.vector)
        others = self.constant(0).llvm
        load_type = ir.FunctionType(self.vector, [pointer.type, _I32, mask.type, self.vector])
        name = f"llvm.masked.load.v{self.lanes}f{8 * self.itemsize}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, load_type, name)
        arguments = [pointer, ir.Constant(_I32, self.itemsize), mask, others]
        return Value(self, self.builder.call(function, arguments))

    def _first(self, count):
        lane = ir.Constant(ir.VectorType(_I32, self.lanes), list(range(self.lanes)))
        clipped = self.builder.trunc(self.minimum(count, self.lanes).llvm, _I32)
        empty = ir.Constant(lane.type, ir.Undefined)
        first = self.builder.insert_element(empty, clipped, ir.Constant(_I32, 0))
        all_lanes = self.builder.shuffle_vector(
            first, empty, ir.Constant(lane.type, [0] * self.lanes)
        )
        return self.builder.icmp_signed("<", lane, all_lanes)

    def store_even(self, x, address):
        """Store lanes 0, 2, 4 ... of a vector, and leave alone what lies between."""
        mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self._store_masked(x, address, ir.Constant(mask_type, [1, 0] * (self.lanes // 2)))

    def _store_masked(self, x, address, mask):
        pointer = self._pointer(address, self.vector)
        store_type = ir.FunctionType(ir.VoidType(), [self.vector, pointer.type, _I32, mask.type])
        name = f"llvm.masked.store.v{self.lanes}f{8 * self.itemsize}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, store_type, name)
        self.builder.call(function, [x.llvm, pointer, ir.Constant(_I32, self.itemsize), mask])

    def prefetch(self, address):
        """Ask for a cache line, which need not exist, even if it will be written to.

        It goes to the L2 cache. Prefetches for writing go to L1, where they drive out what is in
        use: with them, spectrograms take a sixth longer.
        """
        pointer = self._pointer(address, ir.IntType(8))
        function_type = ir.FunctionType(ir.VoidType(), [pointer.type, _I32, _I32, _I32])
        name = "llvm.prefetch.p0"
        function = cgutils.get_or_insert_function(self.builder.module, function_type, name)
        options = [ir.Constant(_I32, x) for x in (0, 2, 1)]  # for reading, into L2, data
        self.builder.call(function, [pointer, *options])

    def shuffle(self, a, b, lanes):
        """Pick lanes of `a` (from 0) and `b` (after those of `a`), as many as wanted."""
        mask = ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes))
        return Value(self, self.builder.shuffle_vector(a.llvm, b.llvm, mask))

    def sum_of_lanes(self, x):
        """Return the sum of a vector's lanes, as a number: in halves, halves of these and so on."""
        n = self.lanes
        while n > 1:
            n //= 2
            x = self.shuffle(x, x, range(n)) + self.shuffle(x, x, range(n, 2 * n))
        return Value(self, self.builder.extract_element(x.llvm, ir.Constant(_I32, 0)))

    # Control.

    @contextmanager
    def loop(self, count):
        """Repeat what is emitted inside, with the number of the round."""
        with cgutils.for_range(self.builder, self.value(count, self.integer(0)).llvm) as loop:
            yield Value(self, loop.index)

    def room(self, n):
        """Return the address of memory for `n` vectors, which is there until the function ends."""
        place = cgutils.alloca_once(self.builder, ir.ArrayType(self.vector, n))
        return Value(self, self.builder.ptrtoint(place, _I64))

    def variable(self, x):
        """Return a place for a value that a loop changes; LLVM turns it into a register."""
        place = cgutils.alloca_once(self.builder, x.llvm.type)
        self.builder.store(x.llvm, place)
        return Variable(self, place)


class Variable(NamedTuple):
    """A value that a loop changes."""

    emitter: Emitter
    place: ir.Value

    def get(self):
        """Return the value it has now."""
        return Value(self.emitter, self.emitter.builder.load(self.place))

    def set(self, x):
        """Change it."""
        self.emitter.builder.store(x.llvm, self.place)


def vector_function(emit):
    """Make an intrinsic f(unit, *integers), for use in kernels, of `emit(emitter, *integers)`.

    It returns the integer that `emit` returns, 0 if that returns nothing. The type of `unit`, a
    floating-point scalar, is the type that it works in. Each function is emitted once into a
    kernel's module and called from wherever the kernel uses it.
    """
    names = list(inspect.signature(emit).parameters)[1:]

    def generate(context, builder, signature, arguments):
        real = context.get_value_type(signature.args[0])
        function = _emitted(builder.module, emit.__name__, emit, len(names), real)
        return builder.call(function, arguments[1:])

    return _intrinsic(emit.__name__, names, generate)


def vector_functions(keys):
    """Make an intrinsic f(unit, key, *integers) of `emit(emitter, key, *integers)`.

    The function is emitted for each of the `keys`, radices for example; which of them is called is
    decided when the kernel runs, by one jump.
    """

    def decorate(emit):
        names = list(inspect.signature(emit).parameters)[1:]

        def generate(context, builder, signature, arguments):
            real = context.get_value_type(signature.args[0])
            place = cgutils.alloca_once(builder, _I64)
            otherwise = builder.append_basic_block()
            done = builder.append_basic_block()
            switch = builder.switch(arguments[1], otherwise)
            for key in keys:
                block = builder.append_basic_block()
                switch.add_case(ir.Constant(_I64, key), block)
                builder.position_at_end(block)
                emit_key = partial(_emit_key, emit, key)
                name = f"{emit.__name__}_{key}"
                function = _emitted(builder.module, name, emit_key, len(names) - 1, real)
                builder.store(builder.call(function, arguments[2:]), place)
                builder.branch(done)
            builder.position_at_end(otherwise)
            builder.unreachable()
            builder.position_at_end(done)
            return builder.load(place)

        return _intrinsic(emit.__name__, names, generate)

    return decorate


def _emit_key(emit, key, emitter, *integers):
    return emit(emitter, key, *integers)


def _intrinsic(function_name, names, generate):
    def declare(typing_context, unit, *arguments):
        return types.int64(unit, *[types.int64] * len(names)), generate

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("typing_context", "unit", *names)]
    declare.__signature__ = inspect.Signature(parameters)
    declare.__name__ = function_name
    return intrinsic(declare)


def _emitted(module, name, emit, n_integers, real):
    name = f"kapre_ref.{name}"
    if name in module.globals:
        return module.globals[name]
    function_type = ir.FunctionType(_I64, [_I64] * n_integers)
    function = ir.Function(module, function_type, name)
    function.linkage = "internal"
    function.attributes.add("noinline")  # once in the machine code, however often it is called
    function.attributes.add("nounwind")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emitter = Emitter(builder, real, vector_bytes())
    result = emit(emitter, *[Value(emitter, argument) for argument in function.args])
    builder.ret((result or emitter.integer(0)).llvm)
    return function
