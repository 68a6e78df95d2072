"""Fail if an operation has become half as fast over its reference as recorded, or less exact.

Both are ratios taken in one process, and the limits are generous: another processor or a busy
machine pass, a kernel that fell back to NumPy or lost a digit does not.
"""

import argparse
import sys

from report import read_records
from reporting import machines
from reporting.measure import gate

_SECONDS = 0.15  # of measuring, for an operation
_MIN_SPEED_UP = 0.5  # of what is recorded
_MAX_ERROR = 2.0  # of what is recorded; other processors add in another order
_FLOOR = 1e-15  # two computations in float64 differ by that
_EPILOG = """\
The record is that of this kind of processor in records/, else of one with vectors as wide. The gate
writes nothing. Exit status: 0 if all is well, 1 if an operation is worse; each such operation is
named, with what is recorded and what was found."""


def complaints(recorded, measured):
    """List what is worse than recorded, in words."""
    found = []
    for name, before in recorded.items():
        now = measured.get(name)
        if now is None:
            found.append(f"{name} is recorded and no longer measured")
            continue
        if now["speed_up"] < _MIN_SPEED_UP * before["speed_up"]:
            found.append(
                f"{name} is {now['speed_up']:g} times as fast as its reference, recorded "
                f"{before['speed_up']:g}"
            )
        if now["relative_l2"] > _MAX_ERROR * before["relative_l2"] + _FLOOR:
            found.append(
                f"{name} has a relative L2 error of {now['relative_l2']:g}, recorded "
                f"{before['relative_l2']:g}"
            )
    return found


def main(arguments=None):
    """Measure and compare with the record of this kind of machine, or the most like it."""
    argparse.ArgumentParser(description=__doc__, epilog=_EPILOG).parse_args(arguments)
    recorded = machines.matching(read_records(), machines.about())["gate"]
    found = complaints(recorded, gate({"seconds": _SECONDS}))
    if any("fast" in complaint for complaint in found):
        # Once more, longer: a neighbour may have had the processor.
        found = complaints(recorded, gate({"seconds": 10 * _SECONDS}))
    print("\n".join(found) or f"{len(recorded)} operations as fast and as exact as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
