"""The table of recipes: how far our features are from those that the tools themselves gave.

In asv_benchmarks/, `python -m reporting.recipes` measures the CPU kernels on the recorded cases of
tests/data/recipes, and writes the table into the README.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import kapre_ref as kr
from reporting import machines

_FOLDER = Path(__file__).resolve().parent.parent
sys.path.append(str(_FOLDER.parent / "tests"))

from recorded_recipes import COMPARED, reference, scale_of  # noqa: E402

README = _FOLDER / "README.md"
HEAD = [
    "recipe",
    "tool",
    "cases",
    "float32: worst error",
    "of its tolerance",
    "of tolerance or allowance",
    "loud bands, of their tolerance",
    "float64, from the oracle",
]
_PART = re.compile(r"(<!-- recipes -->\n).*?(<!-- end of recipes -->)", re.DOTALL)


class Row(NamedTuple):
    """The figures of a recipe, each of the case where it is worst."""

    recipe: str
    tool: str
    n_cases: int
    error: float  # where it is the largest share of the tolerance
    share: float
    allowed_share: float  # of the tolerance or of what float32 may be off in faint bands
    loud_share: float  # -1 if no case has such a tolerance
    double: float  # relative to the scale of the values


def call(front_end, x):
    """Run the operation."""
    return front_end(x)


def measure(run=call, cases=COMPARED):
    """Measure each recipe that has cases; `run` takes a front end and samples."""
    tools = {recipe.name: recipe.tool for recipe in kr.recipes()}
    rows = []
    for name, tool in tools.items():
        own = [case for case in cases if case.recipe == name]
        if own:
            rows.append(_row(name, tool, [_figures(case, run) for case in own]))
    return rows


def _row(name, tool, figures):
    share, error = max((share, error) for share, error, *_ in figures)
    others = (max(figure[index] for figure in figures) for index in (2, 3, 4))
    return Row(name, tool, len(figures), error, share, *others)


def _figures(case, run):
    single = np.abs(case.features(run, np.float32).astype(np.float64) - case.output)
    limits = np.broadcast_to(np.maximum(case.tolerance, case.allowance()), single.shape)
    allowed = max(map(_share, single.ravel(), limits.ravel()), default=0.0)
    loud = -1.0
    if case.tolerance_loud is not None:
        loud = _share(single[case.is_loud()].max(), case.tolerance_loud)
    expected = case.features(reference, np.float64)
    double = np.abs(case.features(run, np.float64) - expected).max()
    scale = scale_of(case.front_end, expected) or 1.0  # silence
    worst = float(single.max())
    return _share(worst, case.tolerance), worst, allowed, loud, float(double / scale)


def _share(error, tolerance):
    if not error:
        return 0.0
    return float(error / tolerance) if tolerance else np.inf


def table(rows):
    """Return the table of rows."""
    lines = [HEAD, ["---"] * len(HEAD), *map(_cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cells(row):
    loud = "-" if row.loud_share < 0 else f"{row.loud_share:.2f}"
    shares = [f"{row.share:.2f}", f"{row.allowed_share:.2f}", loud]
    numbers = [_error(row.error), *shares, _error(row.double)]
    return [f"`{row.recipe}`", row.tool, str(row.n_cases), *numbers]


def _error(value):
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-")


def rows_in(page):
    """Return the lines of a page's table of recipes as lists of cells, head and all."""
    found = _PART.search(page)
    if not found:
        raise ValueError("the page must have one part '<!-- recipes -->'")
    lines = [line for line in found[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [line for line in cells if set(line) != {"---"}]


def with_table(page, rows, machine):
    """Return a page with its table of recipes replaced."""
    text = f"\nMeasured on {machine}.\n\n{table(rows)}\n"
    page, count = _PART.subn(lambda found: found[1] + text + found[2], page)
    if count != 1:
        raise ValueError("the page must have one part '<!-- recipes -->'")
    return page


def is_bad(row):
    """Tell whether a recipe is further from its tool, or from the oracle, than it may be."""
    return max(row.allowed_share, row.loud_share) > 1 or row.double > 1e-9


def main():
    """Measure, and write the table; 1 if a tolerance and what is allowed beside it are exceeded."""
    rows = measure()
    README.write_text(with_table(README.read_text(), rows, machines.description(machines.about())))
    bad = [row.recipe for row in rows if is_bad(row)]
    for recipe in bad:
        print(f"{recipe} exceeds a tolerance", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
