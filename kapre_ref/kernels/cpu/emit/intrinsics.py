"""Functions of this wing made callable from kernels: as machine code, or on NumPy lanes.

Such a function takes addresses and counts as integers, so that one compilation serves arrays of any
layout, writeable or not. The type of its first argument says in which precision it works.
"""

import inspect
from functools import lru_cache, partial

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kapre_ref.kernels.cpu.emit.lanes import LaneEmitter
from kapre_ref.kernels.cpu.emit.llvm import written
from kapre_ref.kernels.cpu.numba_private import cpu_features, is_compiler_off

MAX_VECTOR_BYTES = 64
_I64 = ir.IntType(64)


@lru_cache(maxsize=1)
def vector_bytes():
    """Return the width of a vector register of the CPU that numba compiles for.

    It follows from the CPU's features alone, which are part of what compiled code is kept under.
    """
    features = cpu_features()
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


@lru_cache(maxsize=8)
def n_lanes(dtype):
    """Return how many numbers of a dtype a vector holds."""
    return vector_bytes() // np.dtype(dtype).itemsize


def vector_function(emit):
    """Make f(unit, *integers), for use in kernels, of `emit(emitter, *integers)`.

    It returns the integer that `emit` returns, 0 if that returns nothing. The type of `unit`, a
    floating-point scalar, is the type that it works in. Each function is emitted once into a
    kernel's module and called from wherever the kernel uses it. `f.on_lanes` runs it without a
    compiler; without one, that is f itself.
    """
    if is_compiler_off():
        return _on_lanes(emit, 0)
    names = list(inspect.signature(emit).parameters)[1:]

    def generate(context, builder, signature, arguments):
        real = context.get_value_type(signature.args[0])
        name = f"kapre_ref.{emit.__name__}"
        function = written(builder.module, name, emit, len(names), real, vector_bytes())
        return builder.call(function, arguments[1:])

    return _intrinsic(emit, names, generate, 0)


def vector_functions(keys):
    """Make f(unit, key, *integers) of `emit(emitter, key, *integers)`, as `vector_function` does.

    The function is emitted for each of the `keys`, radices for example; which of them is called is
    decided when the kernel runs, by one jump.
    """

    def decorate(emit):
        if is_compiler_off():
            return _on_lanes(emit, 1)
        names = list(inspect.signature(emit).parameters)[1:]

        def generate(context, builder, signature, arguments):
            real = context.get_value_type(signature.args[0])
            with builder.goto_entry_block():
                place = builder.alloca(_I64)
            otherwise = builder.append_basic_block()
            done = builder.append_basic_block()
            switch = builder.switch(arguments[1], otherwise)
            for key in keys:
                block = builder.append_basic_block()
                switch.add_case(ir.Constant(_I64, key), block)
                builder.position_at_end(block)
                emit_key = partial(_emit_key, emit, key)
                name = f"kapre_ref.{emit.__name__}_{key}"
                n_integers = len(names) - 1
                function = written(builder.module, name, emit_key, n_integers, real, vector_bytes())
                builder.store(builder.call(function, arguments[2:]), place)
                builder.branch(done)
            builder.position_at_end(otherwise)
            builder.unreachable()
            builder.position_at_end(done)
            return builder.load(place, typ=_I64)

        return _intrinsic(emit, names, generate, 1)

    return decorate


def _emit_key(emit, key, emitter, *integers):
    return emit(emitter, key, *integers)


def _on_lanes(emit, n_keys):
    """Return f(unit, *arguments) that carries a function out on NumPy arrays."""

    def on_lanes(unit, *arguments, emitter=None):
        if emitter is None:
            emitter = LaneEmitter(unit.dtype, vector_bytes())
        keys = arguments[:n_keys]
        integers = [emitter.integer(x) for x in arguments[n_keys:]]
        result = emit(emitter, *keys, *integers)
        return 0 if result is None else result.raw

    on_lanes.on_lanes, on_lanes.emit = on_lanes, emit
    return on_lanes


def _intrinsic(emit, names, generate, n_keys):
    def declare(typing_context, unit, *arguments):
        return types.int64(unit, *[types.int64] * len(names)), generate

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("typing_context", "unit", *names)]
    declare.__signature__ = inspect.Signature(parameters)
    declare.__name__ = emit.__name__
    function = intrinsic(declare)
    function.on_lanes, function.emit = _on_lanes(emit, n_keys), emit
    return function
