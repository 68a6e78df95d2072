"""Finds kernels and structures in CUDA sources, and plants bugs in them."""

from __future__ import annotations

import re
from typing import NamedTuple

_KERNEL = re.compile(
    r"__global__\s+void\s+(?:__launch_bounds__\((?:[^()]|\([^()]*\))*\)\s*)?(\w+)\("
)


def kernels(code: str) -> list[str]:
    """Return the names of all kernels."""
    return _KERNEL.findall(code)


def policies(code: str, constant: str) -> list[str]:
    """Return the names of the structures that define a constant to be true or false."""
    defines = re.compile(rf"static constexpr bool {constant} = (?:true|false);")
    names = re.findall(r"^struct (\w+) \{", code, re.MULTILINE)
    return [name for name in names if defines.search(code, *span(code, name))]


def span(code: str, name: str) -> tuple[int, int]:
    """Return where the body of a kernel or of a structure begins and ends; (0, 0) if nowhere."""
    found = [match for match in _KERNEL.finditer(code) if match[1] == name]
    structure = re.compile(rf"struct {name}\b[^;{{]*(?={{)")
    for match in (*found, *structure.finditer(code)):
        begin = at = code.index("{", match.end())
        depth = 0
        while True:
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
            if not depth:
                return begin, at
    return 0, 0


class Bug(NamedTuple):
    """An edit of the one place of a source that has the text."""

    operation: str  # a name in OPERATIONS of planted.py
    text: str
    other: str
    message: str  # a pattern of the checker's message; empty if the values must be wrong
    within: str = ""  # a kernel or structure, if the text alone occurs in several places

    def __str__(self) -> str:
        return " ".join(f"{self.operation}: {self.within} {self.text.strip()[:40]}".split())

    def places(self, code: str) -> list[int]:
        """Return the places of the text, in `within` or in all of the code."""
        begin, end = span(code, self.within) if self.within else (0, len(code))
        found = re.finditer(re.escape(self.text), code[begin:end])
        return [begin + match.start() for match in found]

    def plant(self, code: str) -> str:
        """Return the code with the bug."""
        (place,) = self.places(code)
        return code[:place] + self.other + code[place + len(self.text) :]
