"""Functions of this wing made callable from kernels: as machine code, or on NumPy lanes.

Such a function takes addresses and counts as integers, so that one compilation serves arrays of any
layout, writeable or not. The type of its first argument says in which precision it works. Integers
that belong together come as a group: where a parameter's annotation is a NamedTuple class, the
kernel passes a tuple of that class, and the emitted function gets a tuple of values.
"""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

from kapre_ref.kernels.cpu.emit.lanes import LaneEmitter
from kapre_ref.kernels.cpu.emit.llvm import written
from kapre_ref.kernels.cpu.numba_private import cpu_features, is_compiler_off

MAX_VECTOR_BYTES = 64
_I64 = ir.IntType(64)


@lru_cache(maxsize=1)
def vector_bytes() -> int:
    """Return the width of a vector register of the CPU that numba compiles for.

    The width follows from the CPU's features alone, and the key of the cache on disk has these
    features. So cached code never has vectors of another width.
    """
    features = cpu_features()
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


@lru_cache(maxsize=8)
def n_lanes(dtype: np.dtype[Any]) -> int:
    """Return how many numbers of a dtype a vector holds."""
    return vector_bytes() // np.dtype(dtype).itemsize


def _constant(compute):
    """Turn `compute(dtype)` into f(unit) for kernels, whose result the compiler knows."""

    def on_lanes(unit):
        return compute(unit.dtype)

    if is_compiler_off():
        return on_lanes

    def declare(typing_context, unit):
        def generate(context, builder, signature, arguments):
            return ir.Constant(_I64, compute(as_dtype(unit)))

        return types.int64(unit), generate

    declare.__name__ = compute.__name__
    function = intrinsic(declare)
    function.on_lanes = on_lanes
    return function


@_constant
def lanes_of(dtype):
    """Return how many numbers of the type of `unit` a vector holds."""
    return n_lanes(dtype)


@_constant
def itemsize_of(dtype):
    """Return how many bytes a number of the type of `unit` takes."""
    return dtype.itemsize


def vector_function(emit):
    """Turn `emit(emitter, *integers)` into f(unit, *integers) for kernels.

    f returns the integer that `emit` returns, or 0 if `emit` returns nothing. It works in the type
    of `unit`, a floating-point scalar. Each function is emitted once into a kernel's module, and
    called wherever the kernel uses it. `f.on_lanes` runs it without a compiler. With the compiler
    switched off, f itself does.
    """
    if is_compiler_off():
        return _on_lanes(emit, 0)
    kinds = _kinds_of(emit, 1)
    emit_flat = partial(_emit_flat, emit, (), kinds)

    def generate(context, builder, signature, arguments):
        real = context.get_value_type(signature.args[0])
        integers = _flat(context, builder, signature.args[1:], arguments[1:])
        name = f"kapre_ref.{emit.__name__}"
        n = len(integers)
        function = written(builder.module, name, emit_flat, n, real, vector_bytes())
        return builder.call(function, integers)

    return _intrinsic(emit, 0, generate)


def vector_functions(keys):
    """Turn `emit(emitter, key, *integers)` into f(unit, key, *integers) for kernels.

    The function is emitted once for each of the `keys`, which are radices for example. When the
    kernel runs, one jump decides which version it calls. All else is as in `vector_function`.
    """

    def decorate(emit):
        if is_compiler_off():
            return _on_lanes(emit, 1)
        kinds = _kinds_of(emit, 2)

        def generate(context, builder, signature, arguments):
            real = context.get_value_type(signature.args[0])
            integers = _flat(context, builder, signature.args[2:], arguments[2:])
            with builder.goto_entry_block():
                place = builder.alloca(_I64)
            otherwise = builder.append_basic_block()
            done = builder.append_basic_block()
            switch = builder.switch(arguments[1], otherwise)
            for key in keys:
                block = builder.append_basic_block()
                switch.add_case(ir.Constant(_I64, key), block)
                builder.position_at_end(block)
                emit_flat = partial(_emit_flat, emit, (key,), kinds)
                name = f"kapre_ref.{emit.__name__}_{key}"
                n = len(integers)
                function = written(builder.module, name, emit_flat, n, real, vector_bytes())
                builder.store(builder.call(function, integers), place)
                builder.branch(done)
            builder.position_at_end(otherwise)
            builder.unreachable()
            builder.position_at_end(done)
            return builder.load(place, typ=_I64)

        return _intrinsic(emit, 1, generate)

    return decorate


def _kinds_of(emit, n_before):
    """Return the kind of each parameter after the first `n_before`: a group's class, or int."""
    parameters = [*inspect.signature(emit).parameters.values()][n_before:]
    kinds = [parameter.annotation for parameter in parameters]
    return [int if kind is inspect.Parameter.empty else kind for kind in kinds]


def _flat(context, builder, kinds, values):
    """Return an intrinsic's arguments as integers: a group's members follow each other."""
    integers = []
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, types.BaseTuple):
            for i, member in enumerate(kind):
                one = builder.extract_value(value, i)
                integers.append(context.cast(builder, one, member, types.int64))
        else:
            integers.append(value)
    return integers


def _emit_flat(emit, keys, kinds, emitter, *integers):
    """Call `emit` with the integers that `_flat` returned, put into groups again."""
    rest = iter(integers)
    arguments = [
        next(rest) if kind is int else kind(*islice(rest, len(kind._fields))) for kind in kinds
    ]
    return emit(emitter, *keys, *arguments)


def _on_lanes(emit, n_keys):
    """Return f(unit, *arguments), which carries a function out on NumPy arrays."""

    def on_lanes(unit, *arguments, emitter=None):
        if emitter is None:
            emitter = LaneEmitter(unit.dtype, vector_bytes())
        values = [
            type(x)(*map(emitter.integer, x)) if isinstance(x, tuple) else emitter.integer(x)
            for x in arguments[n_keys:]
        ]
        result = emit(emitter, *arguments[:n_keys], *values)
        return 0 if result is None else result.raw

    on_lanes.on_lanes, on_lanes.emit = on_lanes, emit
    return on_lanes


def _intrinsic(emit, n_keys, generate):
    names = [*inspect.signature(emit).parameters][1:]
    kinds = [int] * n_keys + _kinds_of(emit, 1 + n_keys)

    def declare(typing_context, unit, *arguments):
        for name, kind, given in zip(names, kinds, arguments, strict=True):
            if kind is not int and getattr(given, "instance_class", None) is not kind:
                raise TypeError(f"{emit.__name__}: {name} is a {kind.__name__}, got {given}")
        expected = [
            types.int64 if kind is int else given
            for kind, given in zip(kinds, arguments, strict=True)
        ]
        return types.int64(unit, *expected), generate

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("typing_context", "unit", *names)]
    declare.__signature__ = inspect.Signature(parameters)
    declare.__name__ = emit.__name__
    function = intrinsic(declare)
    function.on_lanes, function.emit = _on_lanes(emit, n_keys), emit
    return function
