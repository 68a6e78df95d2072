"""The parts of README.md that tests execute: its examples, and its table of equal calls."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def text():
    return README.read_text(encoding="utf-8")


def blocks(language):
    """Return the code blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(), re.DOTALL | re.MULTILINE)


def equivalences():
    """Return (call of another library, ours, stated difference) for each row that names both."""
    section = text().split("\n## Coming from ")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)`.* \| (\S+?)( dB)? \|$", section, re.MULTILINE)
    return [(theirs, ours, float(size), bool(decibel)) for theirs, ours, size, decibel in rows]
