"""A kernel read from PTX, as a list of steps; and its launch."""

from typing import NamedTuple

import numpy as np

from harness.ptx.arithmetic import ARITHMETIC
from harness.ptx.machine import Machine
from harness.ptx.meeting import MEETING
from harness.ptx.memory import MEMORY
from harness.ptx.operands import Operands
from harness.ptx.reading import Guard, read
from harness.ptx.values import PtxError

_BLOCKS_AT_A_TIME = 64


class Step(NamedTuple):
    """One instruction: its text, which threads it affects, and what it does."""

    text: str
    guard: Guard | None
    kind: str  # 'plain', 'branch', 'end' or 'meeting'
    do: object  # a function of (machine, threads), or the target of a branch


class Kernel:
    """A kernel: its parameters, and a step for each of its instructions."""

    def __init__(self, text, entry):
        self.source = read(text, entry)
        operands = Operands(self.source)
        self.steps = [self._step(one, operands) for one in self.source.instructions]

    def _step(self, instruction, operands):
        text, guard, opcode, modifiers = instruction[:4]
        if opcode == "bra":
            return Step(text, guard, "branch", self.source.labels[instruction.operands[0]])
        if opcode in ("ret", "exit"):
            return Step(text, guard, "end", None)
        kind = "meeting" if opcode in MEETING else "plain"
        rule = (ARITHMETIC | MEMORY | MEETING).get(opcode)
        computes_in_half = opcode != "cvt" and np.dtype(np.float16) in instruction.dtypes
        if rule is None or computes_in_half or set(modifiers) - set(rule.modifiers.split()):
            raise PtxError(f"unknown instruction: {text}")
        if guard and kind == "meeting":
            raise PtxError(f"a meeting that some threads may pass by: {text}")
        try:
            return Step(text, guard, kind, rule.make(instruction, operands))
        except (ValueError, IndexError, KeyError) as error:
            raise PtxError(f"unknown instruction: {text}") from error

    def launch(self, grid, block, arguments, memory, n_given=0):
        """Run on the bytes of each argument and stretches of memory (begin, end).

        A block has `n_given` bytes of shared memory behind its own.
        """
        grid, block = ((*sizes, 1, 1)[:3] for sizes in (grid, block))
        parameters = self.source.parameters
        if len(arguments) != len(parameters):
            raise PtxError(f"{len(arguments)} arguments for {len(parameters)} parameters")
        for (name, size), value in zip(parameters.items(), arguments, strict=True):
            if size != len(value):
                raise PtxError(f"{name}: {len(value)} bytes for a parameter of {size}")
        if np.prod(block) > self.source.max_threads:
            raise PtxError(
                f"{np.prod(block)} threads of a block, {self.source.max_threads} at most"
            )
        named = dict(zip(parameters, arguments, strict=True))
        n_blocks = int(np.prod(grid))
        for first in range(0, n_blocks, _BLOCKS_AT_A_TIME):
            blocks = range(first, min(n_blocks, first + _BLOCKS_AT_A_TIME))
            Machine(self, grid, block, blocks, named, memory, n_given).run()
