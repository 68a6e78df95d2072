"""Fail if an operation has half of its recorded speed-up over the reference, or is less exact.

Both are ratios measured in one process, and the limits are generous: another processor or a busy
machine passes, and a kernel that fell back to NumPy or lost a digit does not.
"""

import argparse
import sys

from report import read_records
from reporting import machines
from reporting.measure import gate

_SECONDS = 0.15  # how long an operation is measured
_MIN_SPEED_UP = 0.5  # times the recorded speed-up
_MAX_ERROR = 2.0  # times the recorded error; other processors add in another order
_FLOOR = 1e-15  # two computations in float64 differ by as much
_EPILOG = """\
The record is that of this kind of processor in records/, else of one with vectors as wide. The gate
writes nothing. Exit status: 0 if all is well, 1 if an operation is worse; each such operation is
named, with what is recorded and what was found."""


def complaints(recorded, measured):
    """List in words what is worse than recorded."""
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
    """Measure, and compare with the record of this kind of machine or of the most similar one."""
    argparse.ArgumentParser(description=__doc__, epilog=_EPILOG).parse_args(arguments)
    recorded = machines.matching(read_records(), machines.about())["gate"]
    found = complaints(recorded, gate({"seconds": _SECONDS}))
    if any("fast" in complaint for complaint in found):
        # It is measured once more, and longer, since another program may have had the processor.
        found = complaints(recorded, gate({"seconds": 10 * _SECONDS}))
    print("\n".join(found) or f"{len(recorded)} operations as fast and as exact as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
