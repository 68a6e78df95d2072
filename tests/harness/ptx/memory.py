"""Instructions that move bits: between registers, and from and to memory."""

import numpy as np

from harness.ptx.arithmetic import Rule, of_values
from harness.ptx.values import PARAMETER_BYTES, PARAMETERS, UNSIGNED, PtxError

_SPACES = ("param", "shared", "global")


def _parts(text):
    """Return the registers of `{%f1, %f2}`, or the only one."""
    return [part.strip() for part in text.strip("{}").split(",")]


def _space(instruction):
    for space in _SPACES:
        if space in instruction.modifiers:
            return space
    raise PtxError(f"unknown kind of memory: {instruction.text}")


def _check_width(instruction, n_parts):
    """Require as many registers as `.v4`, or its absence, tells."""
    told = [int(m[1]) for m in instruction.modifiers if m in ("v2", "v4")] or [1]
    if told != [n_parts]:
        raise PtxError(f"{n_parts} registers: {instruction.text}")


def _load(instruction, operands):
    if "param" in instruction.modifiers:
        return _load_parameter(instruction, operands)
    (dtype,), space = instruction.dtypes, _space(instruction)
    address = operands.address(instruction.operands[1])
    puts = [operands.target(part, dtype) for part in _parts(instruction.operands[0])]
    _check_width(instruction, len(puts))
    size = dtype.itemsize * len(puts)

    def load(machine, active):
        got = machine.load(address(machine, active), size, space, active)
        values = got.view(dtype)  # (thread, register)
        for i, put in enumerate(puts):
            put(machine, active, values[:, i].copy())

    return load


def _load_parameter(instruction, operands):
    (dtype,) = instruction.dtypes
    puts = [operands.target(part, dtype) for part in _parts(instruction.operands[0])]
    _check_width(instruction, len(puts))
    address = operands.address(instruction.operands[1])
    size = dtype.itemsize * len(puts)

    def load(machine, active):
        arguments, places = list(machine.arguments.values()), address(machine, active)
        values = np.empty((places.size, len(puts)), dtype)
        for place in np.unique(places):  # one, or a few, since parameters are the same for all
            number, offset = divmod(int(place) - PARAMETERS, PARAMETER_BYTES)
            if offset % size:
                raise PtxError(f"misaligned: {instruction.text}")
            if not 0 <= number < len(arguments) or offset + size > len(arguments[number]):
                raise PtxError(f"no parameter is there: {instruction.text}")
            values[places == place] = np.frombuffer(arguments[number], dtype, len(puts), offset)
        for i, put in enumerate(puts):
            put(machine, active, values[:, i].copy())

    return load


def _store(instruction, operands):
    (dtype,), space = instruction.dtypes, _space(instruction)
    address = operands.address(instruction.operands[0])
    sources = [operands.source(part, dtype) for part in _parts(instruction.operands[1])]
    _check_width(instruction, len(sources))

    def store(machine, active):
        values = np.empty((machine.count(active), len(sources)), dtype)
        for i, source in enumerate(sources):
            values[:, i] = source(machine, active)
        machine.store(address(machine, active), values.view(np.uint8), space, active)

    return store


_ATOMIC = {
    "max": np.maximum,
    "exch": lambda before, value: value,
    "inc": lambda before, value: np.where(before >= value, 0, before + 1).astype(before.dtype),
}


def _atomic(instruction, operands):
    """Change words of memory, one thread after another; what was there goes to the result."""
    names = set(instruction.modifiers) & _ATOMIC.keys()
    if len(names) != 1:
        raise PtxError(f"unknown instruction: {instruction.text}")
    change = _ATOMIC[names.pop()]
    (dtype,), space = instruction.dtypes, _space(instruction)
    *result, place, value = instruction.operands
    address, source = operands.address(place), operands.source(value, dtype)
    put = operands.target(result[0], dtype) if result else None

    def atomic(machine, active):
        places = address(machine, active)
        values = np.broadcast_to(source(machine, active), places.shape)
        before = np.empty(places.shape, dtype)
        for i, thread in enumerate(machine.threads(active)):
            at, who = places[i : i + 1], np.array([thread])
            before[i] = machine.load(at, dtype.itemsize, space, who).view(dtype)[0, 0]
            after = change(before[i : i + 1], values[i : i + 1])
            machine.store(at, after.view(np.uint8)[None], space, who)
        if put:
            put(machine, active, before)

    return atomic


def _fence(instruction, operands):
    """Do nothing: all accesses are seen at once, in the order of the instructions."""
    return lambda machine, active: None


def _move(instruction, operands):
    """Copy a register; or take one of 64 bits apart, or put one together: `{%r1, %r2}`."""
    to, of = instruction.operands
    (dtype,) = instruction.dtypes
    if to.startswith("{"):
        parts = _parts(to)
        part = _part(dtype, parts)
        puts, source = [operands.target(text, part) for text in parts], operands.source(of, dtype)

        def split(machine, active):
            values = np.ascontiguousarray(source(machine, active)).reshape(-1, 1).view(part)
            for i, put in enumerate(puts):
                put(machine, active, values[:, i].copy())

        return split
    if of.startswith("{"):
        parts = _parts(of)
        part = _part(dtype, parts)
        put, sources = operands.target(to, dtype), [operands.source(text, part) for text in parts]

        def join(machine, active):
            values = np.empty((machine.count(active), len(sources)), part)
            for i, source in enumerate(sources):
                values[:, i] = source(machine, active)
            put(machine, active, values.view(dtype)[:, 0])

        return join
    return of_values(lambda x: x)(instruction, operands)


def _part(dtype, parts):
    return np.dtype(UNSIGNED[8 * dtype.itemsize // len(parts)])


# How a value may be cached makes no difference to it.
_CACHED = "nc cg ca cs L1::no_allocate"
MEMORY = {
    "ld": Rule(f"global shared param v2 v4 {_CACHED}", _load),
    "st": Rule(f"global shared v2 v4 {_CACHED}", _store),
    "atom": Rule("global shared max exch inc", _atomic),
    "red": Rule("global shared max", _atomic),
    "membar": Rule("gl", _fence),
    "cvta": Rule("to global", of_values(lambda x: x)),
    "mov": Rule("", _move),
}
