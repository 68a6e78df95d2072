"""Operands as functions: a source gives the values of threads, a target takes them.

`active` says which threads: an array of their numbers, or a slice of all of them. A source returns
an array of a value for each, or one scalar for all.
"""

import re

import numpy as np

from harness.ptx.values import (
    FLOATS,
    PARAMETER_BYTES,
    PARAMETERS,
    SHARED,
    SIGNED,
    UNSIGNED,
    PtxError,
    bits_of,
)

_SPECIAL = re.compile(r"%(tid|ctaid|ntid|nctaid)\.([xyz])")
_ADDRESS = re.compile(r"\[([%\w$.]+)(?:\s*\+\s*(-?\w+))?\]")


class Operands:
    """Reads the operands of a kernel, whose registers and shared arrays it knows."""

    def __init__(self, source):
        self._registers = source.registers
        places = {name: SHARED + offset for name, offset in source.shared.items()}
        for k, name in enumerate(source.parameters):
            places[name] = PARAMETERS + k * PARAMETER_BYTES
        self._places = places

    def source(self, text, dtype):
        """Return a function (machine, active) of an operand's values in a type."""
        negated = text.startswith("!")
        if negated:
            inner = self.source(text[1:], dtype)
            return lambda machine, active: ~inner(machine, active)
        special = _SPECIAL.fullmatch(text)
        if special:
            name = special[1] + special[2]
            return lambda machine, active: machine.special[name][active].astype(dtype)
        if text.startswith("%"):
            return self._register(text, dtype)
        value = self._constant(text, dtype)
        return lambda machine, active: value

    def target(self, text, dtype):
        """Return a function (machine, active, values) that keeps values of a type."""
        if text == "_":
            return lambda machine, active, values: None
        kept = self._dtype_of(text)
        convert = _widening(dtype, kept, text)

        def put(machine, active, values):
            machine.registers.write(text, active, convert(values))

        return put

    def address(self, text):
        """Return a function (machine, active) of the 64-bit addresses that `[%rd1+8]` gives."""
        match = _ADDRESS.fullmatch(text)
        if not match:
            raise PtxError(f"no address: {text}")
        base, offset = match[1], int(match[2] or "0", 0)
        if base in self._places:
            place = self._places[base] + offset
            return lambda machine, active: np.full(machine.count(active), place, np.int64)
        name = self._dtype_of(base) and base
        return lambda machine, active: machine.registers[name][active].astype(np.int64) + offset

    def _dtype_of(self, register):
        match = re.fullmatch(r"%([a-z_]+)\d*", register)
        if not match or match[1] not in self._registers:
            raise PtxError(f"unknown register {register}")
        return self._registers[match[1]]

    def _register(self, name, dtype):
        kept = self._dtype_of(name)
        if kept == dtype:
            return lambda machine, active: machine.registers[name][active]
        if "b" in (kept.kind, dtype.kind) or kept.itemsize < dtype.itemsize:
            raise PtxError(f"{name} holds {kept}, not {dtype}")
        if kept.itemsize == dtype.itemsize:
            return lambda machine, active: machine.registers[name][active].view(dtype)
        lower = bits_of(dtype)  # a wider register gives its lower bits
        return lambda machine, active: machine.registers[name][active].astype(lower).view(dtype)

    def _constant(self, text, dtype):
        """Return a scalar of the bits of a literal, or of the address that a name stands for."""
        if text[:2] in ("0f", "0d"):
            bits = np.array(int(text[2:], 16), UNSIGNED[32 if text[1] == "f" else 64])
        elif text in self._places:
            bits = np.array(self._places[text], bits_of(dtype))
        else:
            try:
                number = int(text.removesuffix("U"), 0)
            except ValueError:
                raise PtxError(f"unknown operand {text}") from None
            if dtype.kind == "b":
                return np.bool_(number)
            bits = np.array(number % (1 << 8 * dtype.itemsize), bits_of(dtype))
        if bits.itemsize != dtype.itemsize:
            raise PtxError(f"{text} is no {dtype}")
        return bits.view(dtype)[()]


def _widening(dtype, kept, name):
    """Return a function from values to the bits of a register, which may be longer."""
    if dtype == kept:
        return lambda values: values
    if "b" in (kept.kind, dtype.kind) or kept.itemsize < dtype.itemsize:
        raise PtxError(f"{name} holds {kept}, not {dtype}")
    if kept.itemsize == dtype.itemsize:
        return lambda values: values.view(kept)
    if dtype.kind == "f" or kept in map(np.dtype, FLOATS.values()):
        raise PtxError(f"{name} holds {kept}, not {dtype}")
    wide = (SIGNED if dtype.kind == "i" else UNSIGNED)[8 * kept.itemsize]
    return lambda values: values.astype(wide).view(kept)
