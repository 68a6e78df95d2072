"""The parts of README.md that tests execute: its examples, and its table of equal calls."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def text():
    return README.read_text(encoding="utf-8")


def blocks(language):
    """Return the code blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(), re.DOTALL | re.MULTILINE)


def _equal_calls():
    """Return the section that sets calls of other libraries beside ours."""
    return text().split("\n## Coming from ")[1].split("\n## ")[0]


def equal_front_ends():
    """Return the code that makes the front ends of that section."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", _equal_calls(), re.DOTALL | re.MULTILINE)
    return code


def equivalences():
    """Return (call of another library, ours, stated difference) for each row that names both."""
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| (\S+?)( dB)? \|$", _equal_calls(), re.MULTILINE)
    return [(theirs, ours, float(size), bool(decibel)) for theirs, ours, size, decibel in rows]
