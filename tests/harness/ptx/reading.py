"""Reads PTX text: the parameters, shared arrays and registers of a kernel, and its instructions."""

import re
from typing import NamedTuple

from harness.ptx.values import PtxError, dtype_of

_SHARED = re.compile(r"\.shared (?:\.align (\d+) )?\.(\w+) (\w+)(?:\[(\d+)\])?;")
_GIVEN = re.compile(r"\.extern \.shared \.align (\d+) \.b8 (\w+)\[\];")  # as much as a launch gives
_PARAMETER = re.compile(r"\.param\s+(?:\.align \d+ )?\.(\w+)\s+(\w+)(?:\[(\d+)\])?")
_REGISTERS = re.compile(r"\.reg \.(\w+)\s+%(\w+?)(?:<\d+>)?;")
_INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?(\S+)\s*(.*)$")
_OPERAND = re.compile(r"\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*")


class Guard(NamedTuple):
    """The threads that take an instruction: those whose predicate is set, or is not set."""

    register: str
    negated: bool


class Instruction(NamedTuple):
    """`@%p1 add.ftz.f32 %f3, %f1, %f2;` in parts."""

    text: str
    guard: Guard | None
    opcode: str  # 'add'
    modifiers: tuple  # ('ftz',)
    dtypes: tuple  # (float32,)
    operands: tuple  # ('%f3', '%f1', '%f2')


class Source(NamedTuple):
    """A kernel, read."""

    parameters: dict  # name: bytes
    shared: dict  # name: offset
    shared_bytes: int
    registers: dict  # prefix of the name: dtype
    instructions: list
    labels: dict  # name: index of an instruction
    max_threads: int


def read(text, entry):
    """Return a kernel of a module's text by its symbol."""
    begin = text.index(f".entry {entry}(")
    head, body = text[begin:].split("{", 1)
    body = _until_closed(body)
    parameters = {
        name: dtype_of(kind).itemsize * int(count or 1)
        for kind, name, count in _PARAMETER.findall(head)
    }
    # Arrays of the module stand before its first kernel.
    shared, shared_bytes = _layout(text[: text.index(".entry")] + body)
    registers = {prefix: dtype_of(kind) for kind, prefix in _REGISTERS.findall(body)}
    instructions, labels = _instructions(body)
    threads = re.search(r"\.maxntid (\d+)", head)
    max_threads = int(threads[1]) if threads else 1024
    return Source(parameters, shared, shared_bytes, registers, instructions, labels, max_threads)


def _until_closed(text):
    depth = 1
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth:
            return text[:place]
    raise PtxError("a kernel without an end")


def _layout(text):
    offsets, end = {}, 0
    for align, kind, name, count in _SHARED.findall(text):
        itemsize = dtype_of(kind).itemsize
        align = int(align or itemsize)
        offsets[name] = -(-end // align) * align
        end = offsets[name] + itemsize * int(count or 1)
    for align, name in _GIVEN.findall(text):
        offsets[name] = end = -(-end // int(align)) * int(align)
    return offsets, end


def _instructions(body):
    instructions, labels = [], {}
    for line in body.splitlines():
        line = line.split("//")[0].strip()
        label = re.match(r"(\$[\w$]+):\s*(.*)", line)
        if label:
            labels[label[1]] = len(instructions)
            line = label[2]
        if line.startswith((".reg", ".shared", ".pragma", ".loc")):
            continue
        # A group of instructions with registers of its own stands in braces.
        statements = line.removeprefix("{").split(";")
        for statement in statements:
            if statement.strip(" \t{}") and not statement.strip().startswith(".reg"):
                instructions.append(_instruction(statement.strip()))
    return instructions, labels


def _instruction(text):
    negated, predicate, name, rest = _INSTRUCTION.match(text).groups()
    opcode, *parts = name.split(".")
    dtypes = tuple(dtype_of(part) for part in parts if dtype_of(part))
    modifiers = tuple(part for part in parts if not dtype_of(part))
    operands = tuple(operand.strip() for operand in _OPERAND.findall(rest))
    guard = Guard(predicate, bool(negated)) if predicate else None
    return Instruction(text, guard, opcode, modifiers, dtypes, operands)
