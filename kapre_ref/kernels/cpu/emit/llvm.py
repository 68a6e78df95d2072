"""The emitter that writes LLVM's intermediate representation, which becomes machine code.

LLVM's own vectoriser leaves loops over lanes with run-time strides scalar, which is 8 to 17 times
slower. So the inner loops are emitted as instructions on vectors as wide as a register. Each lane
computes for a frame of its own; numbers change lanes only in the transpositions at both ends.
"""

from llvmlite import ir

from kapre_ref.kernels.cpu.emit.language import Emitter, Value

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_POINTER = ir.PointerType()
# a * b + c may become one instruction, and signs of zero may differ; NaN and inf mean the same.
_FLAGS = ("contract", "nsz")


class LlvmEmitter(Emitter):
    """Emits the body of one function for one floating-point type."""

    def __init__(self, builder, real, width):
        self.builder = builder
        self.real = real
        self.bytes = width
        self.itemsize = 4 if isinstance(real, ir.FloatType) else 8
        self.lanes = width // self.itemsize
        self.vector = ir.VectorType(real, self.lanes)

    # Arithmetic.

    def value(self, x, like):
        """Return `x` as a value, a Python number as a constant of the type of `like`."""
        if isinstance(x, Value):
            return x
        kind = like.raw.type
        if isinstance(kind, ir.VectorType):
            return Value(self, ir.Constant(kind, [x] * kind.count))
        return Value(self, ir.Constant(kind, x))

    def operate(self, name, a, b):
        """Emit an addition, subtraction, multiplication or division."""
        b = self.value(b, a)
        kind = getattr(a.raw.type, "element", a.raw.type)
        if isinstance(kind, ir.IntType):
            return Value(self, getattr(self.builder, name)(a.raw, b.raw))
        return Value(self, getattr(self.builder, "f" + name)(a.raw, b.raw, flags=_FLAGS))

    def negate(self, x):
        """Change the sign of floating-point numbers."""
        return Value(self, self.builder.fneg(x.raw, flags=_FLAGS))

    def constant(self, x):
        """Return a vector of one floating-point constant."""
        return Value(self, ir.Constant(self.vector, [float(x)] * self.lanes))

    def integer(self, x):
        """Return a constant integer."""
        return Value(self, ir.Constant(_I64, x))

    def call(self, name, *arguments):
        """Call an LLVM intrinsic on vectors, such as sqrt."""
        full_name = f"llvm.{name}.v{self.lanes}f{8 * self.itemsize}"
        arguments = [x.raw for x in arguments]
        return Value(self, self._call(full_name, self.vector, arguments))

    def estimate_inverse_sqrt(self, x):
        """Return 1 / sqrt(x) to 14 bits; 0 gives inf, and inf gives 0."""
        mask = ir.Constant(ir.IntType(self.lanes), -1)
        name = f"llvm.x86.avx512.rsqrt14.p{'s' if self.itemsize == 4 else 'd'}.512"
        return Value(self, self._call(name, self.vector, [x.raw, x.raw, mask]))

    def compare(self, relation, a, b):
        """Compare two vectors; no relation holds with NaN, except '!='."""
        b = self.value(b, a)
        compare = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        return Value(self, compare(relation, a.raw, b.raw))

    def either(self, a, b):
        """Return where one of two comparisons holds."""
        return Value(self, self.builder.or_(a.raw, b.raw))

    def select(self, condition, a, b):
        """Choose lanes from `a` where the condition holds, else from `b`."""
        return Value(self, self.builder.select(condition.raw, a.raw, b.raw))

    def larger_bits(self, a, b):
        """Return the larger of floating-point numbers that are not negative; NaN is the largest."""
        bits_a, bits_b = self.bits(a).raw, self.bits(b).raw
        is_larger = Value(self, self.builder.icmp_unsigned(">", bits_a, bits_b))
        return self.select(is_larger, a, b)

    def any(self, condition):
        """Return the integer 1 if a condition holds in any lane, else 0."""
        bits = self.builder.bitcast(condition.raw, ir.IntType(self.lanes))
        holds = self.builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))
        return Value(self, self.builder.zext(holds, _I64))

    def minimum(self, a, b):
        """Return the smaller of two integers."""
        b = self.value(b, a)
        return self.select(Value(self, self.builder.icmp_signed("<", a.raw, b.raw)), a, b)

    def trailing_zeros(self, x):
        """Return how many of an integer's lowest bits are 0; the result for 0 is undefined."""
        return Value(self, self.builder.cttz(x.raw, ir.Constant(ir.IntType(1), 1)))

    # A vector of integers holds the bits of a vector of numbers, and is equally wide.

    def bits(self, x):
        """Return the bit patterns of numbers, as integers."""
        bit_vector = ir.VectorType(ir.IntType(8 * self.itemsize), self.lanes)
        return Value(self, self.builder.bitcast(x.raw, bit_vector))

    def from_bits(self, x):
        """Return the numbers of bit patterns."""
        return Value(self, self.builder.bitcast(x.raw, self.vector))

    def mask(self, x, pattern):
        """Keep the bits of integers that `pattern` has."""
        return Value(self, self.builder.and_(x.raw, self.value(pattern, x).raw))

    def shift_right(self, x, n_bits):
        """Divide integers by 2 ** n_bits, rounding down."""
        return Value(self, self.builder.ashr(x.raw, self.value(n_bits, x).raw))

    def to_real(self, x):
        """Convert integers to floating-point numbers, or one integer to all lanes."""
        integers = self._spread(x.raw) if isinstance(x.raw.type, ir.IntType) else x.raw
        return Value(self, self.builder.sitofp(integers, self.vector))

    # Memory. An address is an integer, in bytes. It need only be a multiple of the number's size.

    def load(self, address):
        """Load a vector."""
        return self._load(address, self.vector)

    def load_part(self, address, n):
        """Load a vector of `n` numbers."""
        return self._load(address, ir.VectorType(self.real, n))

    def load_number(self, address):
        """Load one floating-point number."""
        return self._load(address, self.real)

    def load_index(self, address):
        """Load an int32 from a table, as a wider integer."""
        return Value(self, self.builder.sext(self._load(address, _I32, 4).raw, _I64))

    def load_first(self, address, count):
        """Load the first `count` lanes of a vector; the other lanes are 0 and read no memory."""
        name = f"llvm.masked.load.v{self.lanes}f{8 * self.itemsize}.p0"
        align, others = ir.Constant(_I32, self.itemsize), self.constant(0).raw
        arguments = [self._pointer(address), align, self._first(count), others]
        return Value(self, self._call(name, self.vector, arguments))

    def store(self, x, address):
        """Store a vector, of any length, or a number."""
        self.builder.store(x.raw, self._pointer(address), align=self.itemsize)

    def store_first(self, x, address, count):
        """Store the first `count` lanes of a vector, all of them if it has fewer."""
        self._store_masked(x, address, self._first(count))

    def store_even(self, x, address):
        """Store lanes 0, 2, 4 ... of a vector; the numbers in memory between them stay."""
        mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self._store_masked(x, address, ir.Constant(mask_type, [1, 0] * (self.lanes // 2)))

    def stream(self, x, address):
        """Store a vector past the caches, at a multiple of its size; call `drain` afterwards."""
        store = self.builder.store(x.raw, self._pointer(address), align=self.bytes)
        store.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(_I32, 1)]))

    def drain(self):
        """Make streamed stores visible to other threads."""
        self.builder.fence("seq_cst")

    def prefetch(self, address):
        """Ask for a cache line, to read it or to write to it; the address need not be valid.

        The line is fetched for reading into the L2 cache, even if it will be written to: prefetches
        for writing go to L1, where they drive out lines in use. With those, spectrograms take a
        sixth longer.
        """
        options = [ir.Constant(_I32, x) for x in (0, 2, 1)]  # for reading, into L2, data
        self._call("llvm.prefetch.p0", ir.VoidType(), [self._pointer(address), *options])

    def _pointer(self, address):
        return self.builder.inttoptr(address.raw, _POINTER)

    def _load(self, address, kind, align=None):
        pointer = self._pointer(address)
        return Value(self, self.builder.load(pointer, align=align or self.itemsize, typ=kind))

    def _store_masked(self, x, address, mask):
        name = f"llvm.masked.store.v{self.lanes}f{8 * self.itemsize}.p0"
        align = ir.Constant(_I32, self.itemsize)
        self._call(name, ir.VoidType(), [x.raw, self._pointer(address), align, mask])

    def _first(self, count):
        lane = ir.Constant(ir.VectorType(_I32, self.lanes), list(range(self.lanes)))
        clipped = self.builder.trunc(self.minimum(count, self.lanes).raw, _I32)
        return self.builder.icmp_signed("<", lane, self._spread(clipped))

    def hidden(self, x):
        """Return the integer; the compiler cannot know it, so it computes nothing from it ahead."""
        assembly = ir.InlineAsm(ir.FunctionType(_I64, [_I64]), "", "=r,0", side_effect=True)
        return Value(self, self.builder.call(assembly, [x.raw]))

    # Lanes.

    def spread(self, number):
        """Copy one number to all lanes."""
        return Value(self, self._spread(number.raw))

    def shuffle(self, a, b, lanes):
        """Return a vector of the lanes that `lanes` lists; the lanes of `b` count on after `a`."""
        mask = ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes))
        return Value(self, self.builder.shuffle_vector(a.raw, b.raw, mask))

    def first_lane(self, x):
        """Return the number in lane 0."""
        return Value(self, self.builder.extract_element(x.raw, ir.Constant(_I32, 0)))

    def n_lanes_of(self, x):
        """Return how many numbers a vector holds, which may be fewer than `lanes`."""
        return x.raw.type.count

    def _spread(self, number):
        empty = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(empty, number, ir.Constant(_I32, 0))
        zeros = ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, empty, zeros)

    # Control.

    def loop(self, count, unroll=False):
        """Repeat the body of a Python `for` at run time; the loop variable counts the rounds.

        A body that works on vectors has enough to do in each round. The compiler is told not to
        write several rounds down one after the other, which would make half as much code again;
        `unroll` lets it, for a body of a few instructions.
        """
        builder = self.builder
        stop = self.value(count, self.integer(0)).raw
        before = builder.basic_block
        head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(_I64)
        index.add_incoming(ir.Constant(_I64, 0), before)
        builder.cbranch(builder.icmp_signed("<", index, stop), body, end)
        builder.position_at_end(body)
        yield Value(self, index)
        following = builder.add(index, ir.Constant(_I64, 1), flags=["nsw"])
        index.add_incoming(following, builder.basic_block)
        again = builder.branch(head)
        if not unroll:
            again.set_metadata("llvm.loop", self._rolled())
        builder.position_at_end(end)

    def _rolled(self):
        """Return the metadata of a loop that is not unrolled; by LLVM's rule it names itself."""
        module = self.builder.module
        loop = ir.MDValue(module, [], name=str(len(module.metadata)))
        rule = ir.MetaDataString(module, "llvm.loop.unroll.disable")
        loop.operands = (loop, module.add_metadata([rule]))
        return loop

    def variable(self, x):
        """Return a place for a value that a loop changes; LLVM turns it into a register."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(x.raw.type)
        self.builder.store(x.raw, place)
        return LlvmVariable(self, place, x.raw.type)

    def room(self, n):
        """Return the address of memory for `n` vectors, which lasts until the function ends."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(ir.ArrayType(self.vector, n))
        return Value(self, self.builder.ptrtoint(place, _I64))

    def _call(self, name, result_type, arguments):
        """Call a function of LLVM, and declare it in the module if no earlier call did."""
        function = self.builder.module.globals.get(name)
        if function is None:
            function_type = ir.FunctionType(result_type, [x.type for x in arguments])
            function = ir.Function(self.builder.module, function_type, name)
        return self.builder.call(function, arguments)


class LlvmVariable:
    """A value that a loop changes."""

    def __init__(self, emitter, place, kind):
        self._emitter, self._place, self._kind = emitter, place, kind

    def get(self):
        """Return the current value."""
        emitter = self._emitter
        return Value(emitter, emitter.builder.load(self._place, typ=self._kind))

    def set(self, x):
        """Replace the value."""
        self._emitter.builder.store(x.raw, self._place)


def written(module, name, emit, n_integers, real, width):
    """Return the LLVM function that `emit(emitter, *integers)` writes, once for each name."""
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(_I64, [_I64] * n_integers), name)
    function.linkage = "internal"
    function.attributes.add("noinline")  # its machine code exists once, however many calls it has
    function.attributes.add("nounwind")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emitter = LlvmEmitter(builder, real, width)
    result = emit(emitter, *[Value(emitter, argument) for argument in function.args])
    builder.ret((result or emitter.integer(0)).raw)
    return function
