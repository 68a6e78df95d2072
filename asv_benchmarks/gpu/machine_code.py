"""Instructions of a kernel that a warp issues, read from its machine code for sm_90."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from typing import NamedTuple

from harness.cuda_on_cpu import nvrtc

OPTIONS = ("-std=c++17", "--prec-sqrt=false", "-ftz=true")  # our options, and the one CuPy adds
CLASSES = {  # by the first part of an opcode; an opcode that is not named here works on integers
    "FP32": "FADD FMUL FFMA FSETP FSEL FMNMX FSET FCHK FSWZADD",
    "FP64": "DADD DMUL DFMA DSETP DMNMX",
    "special": "MUFU F2I I2F F2F FRND",
    "shared": "LDS STS ATOMS",
    "global": "LDG STG RED ATOMG ATOM LD ST",
    "shuffle": "SHFL VOTE REDUX",
    "control": "BRA EXIT BSSY BSYNC CALL RET WARPSYNC BAR NOP DEPBAR YIELD BREAK LEPC",
}
CLASS_OF = {name: kind for kind, names in CLASSES.items() for name in names.split()}
KINDS = (*CLASSES, "integer")

_LABEL = re.compile(r"^(\.L_x_\d+):")
_INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:(@!?U?P\w+)\s+)?([A-Z0-9_.]+)([^;]*);")


class Block(NamedTuple):
    """Instructions that always run one after the other, and the blocks that may follow."""

    mix: Counter
    followers: list[int]


def disassembler() -> str:
    """Return the path of nvdisasm, from its wheel or from a toolkit."""
    try:
        for file in importlib.metadata.files("nvidia-cuda-nvdisasm") or ():
            if file.name == "nvdisasm":
                return str(file.locate())
    except importlib.metadata.PackageNotFoundError:
        pass
    found = shutil.which("nvdisasm")
    if not found:
        raise FileNotFoundError("needs nvdisasm: the wheel nvidia-cuda-nvdisasm")
    return found


def disassemble(code: str, name: str) -> str:
    """Return the machine code of one kernel as text."""
    binary, symbols = nvrtc.machine_code("sm_90", code, [name], OPTIONS)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        text = subprocess.run(
            [disassembler(), "-c", file.name], check=True, capture_output=True, text=True
        ).stdout
    start = text.index(f".text.{symbols[name]}:\n")
    return text[start : text.find("//-----", start)]


def blocks_of(text: str) -> list[Block]:
    """Split machine code where it branches or is branched to."""
    blocks, labels, jumps, current = [], {}, [], None

    def begin():
        nonlocal current
        current = Block(Counter(), [])
        blocks.append(current)
        jumps.append(None)

    begin()
    for line in text.splitlines():
        label = _LABEL.match(line)
        if label:
            if current.mix:
                current.followers.append(len(blocks))
                begin()
            labels[label[1]] = len(blocks) - 1
        found = _INSTRUCTION.match(line)
        if not found:
            continue
        predicate, opcode, operands = found.groups()
        stem = opcode.split(".")[0]
        current.mix[CLASS_OF.get(stem, "integer")] += 1
        if stem in ("BRA", "EXIT", "RET", "BREAK"):
            target = re.search(r"`\((\.L_x_\d+)\)", operands)
            jumps[-1] = target and target[1]
            if predicate or ("," in operands and target):  # the branch may not be taken
                current.followers.append(len(blocks))
            begin()
    for block, jump in zip(blocks, jumps, strict=True):
        if jump in labels:
            block.followers.append(labels[jump])
        block.followers[:] = [i for i in block.followers if i < len(blocks)]
    return blocks


def loops_of(blocks: list[Block]) -> list[set[int]]:
    """Return the blocks of each loop, in the order of their first blocks."""
    everything = set(range(len(blocks)))
    before: dict[int, list[int]] = {i: [] for i in everything}
    for i, block in enumerate(blocks):
        for follower in block.followers:
            before[follower].append(i)
    dominators = {i: everything if i else {0} for i in everything}
    changed = True
    while changed:
        changed = False
        for i in sorted(everything - {0}):
            known = [dominators[j] for j in before[i]]
            found = {i} | (set.intersection(*known) if known else set())
            changed |= found != dominators[i]
            dominators[i] = found
    loops: dict[int, set[int]] = {}
    for i, block in enumerate(blocks):
        for head in block.followers:
            if (head in dominators[i] and head != i) or (head == i and len(blocks[i].mix) > 1):
                body, todo = loops.setdefault(head, {head}), [i]
                while todo:
                    j = todo.pop()
                    if j not in body:
                        body.add(j)
                        todo += before[j]
    return [loops[head] for head in sorted(loops)]


def mix_of(text: str, turns: list[float]) -> dict[str, float]:
    """Return how many instructions of each kind a warp issues.

    `turns` says how often the body of each loop runs in all, in the order of the machine code. Code
    outside of all loops runs once.
    """
    blocks = blocks_of(text)
    loops = loops_of(blocks)
    if len(loops) != len(turns):
        sizes = [sum(sum(blocks[i].mix.values()) for i in loop) for loop in loops]
        raise ValueError(f"{len(turns)} loops are expected, of {sizes} instructions are found")
    total = Counter()
    for i, block in enumerate(blocks):
        inner = min(
            (pair for pair in zip(loops, turns, strict=True) if i in pair[0]),
            key=lambda pair: len(pair[0]),
            default=(None, 1),
        )
        for kind, n in block.mix.items():
            total[kind] += n * inner[1]
    return {kind: total[kind] for kind in KINDS}
