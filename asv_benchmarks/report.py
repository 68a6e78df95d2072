"""Measure kapre_ref and its peers, record it, and remake the tables and the pictures.

Each kind of machine has a record of its own in records/, named by processor and width of vectors.
The tables show all records side by side. All tables stand in the README beside this file; the
README at the root may show some of them too.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
FRONT = HERE.parent / "README.md"  # it may show some of the tables


def main(arguments=None):
    """Run the command; 1 if something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--from-records", action="store_true", help="do not measure: show what is recorded"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="another Python, with NumPy, SciPy and numba, for peers that this one lacks "
        "(TensorFlow and Kapre, say); may be repeated",
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that all works: print tables, record nothing"
    )
    parser.add_argument(
        "--missing",
        action="store_true",
        help="measure only what the record of this machine lacks, and add it there",
    )
    parser.add_argument(
        "--busy",
        action="store_true",
        help="count the processor's time for this work, since other programs run beside it",
    )
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        from reporting.jobs import work

        work(*options.job)
        return 0
    failures = [] if options.from_records else measure(options)
    if not options.quick:
        show()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def measure(options):
    """Measure and keep the record, or print it if it is a quick look; return what failed."""
    from reporting.machines import about, file_name
    from reporting.record import Recorder
    from reporting.tables import all_tables

    recorder = Recorder(options.python, options.quick, options.busy)
    if options.missing:
        path = HERE / "records" / file_name(about())
        record = recorder.completed(json.loads(path.read_text()))
    else:
        record = recorder.record()
    if options.quick:
        print(all_tables([record]))
    else:
        path = HERE / "records" / file_name(record["about"])
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
    return recorder.failures


def read_records():
    """Return all records, the widest vectors first; the tables call their machines A, B ..."""
    records = [json.loads(path.read_text()) for path in sorted((HERE / "records").glob("*.json"))]
    return sorted(records, key=lambda record: -record["about"]["kernel_vector_bytes"])


def show():
    """Write the tables and the pictures again from the records."""
    from reporting.pictures import draw
    from reporting.tables import names_in, with_tables

    records = read_records()
    README.write_text(with_tables(README.read_text(), records))
    front = FRONT.read_text()
    FRONT.write_text(with_tables(front, records, names_in(front)))
    draw(records, HERE)


if __name__ == "__main__":
    sys.exit(main())
