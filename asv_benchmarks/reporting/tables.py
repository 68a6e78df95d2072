"""The README's tables, made from a record and put between its markers."""

import re

from reporting.cases import ONE_THREAD, TUNED

_NONE = "-"
# Columns of the first table; what stands in parentheses is explained below it.
_FEATURE_COLUMNS = {
    "NumPy, SciPy": "NumPy, SciPy",
    "NumPy, SciPy, blocked": "the same in blocks",
    "librosa": "librosa",
    "torch": "torch",
    "torch" + TUNED: "torch, tuned",
    "tf.signal": "tf.signal",
    "Kapre": "Kapre",
}
_TRANSFORM_COLUMNS = {
    "ducc0 FFT": "ducc0",
    "SciPy FFT": "SciPy",
    "pyFFTW FFT": "pyFFTW",
    "MKL FFT": "MKL",
    ONE_THREAD: "our 1 thread",
}
_ACCURACY_DTYPES = ("float16", "float32", "float64")
# By the precision of the parts; codes decode to float32.
_DOUBLES = {"complex64": "float32", "complex128": "float64", "int32": "float32"}
_ACCURACY_PEERS = ("NumPy, SciPy", "librosa", "torch", "ducc0 FFT", "tf.signal", "Kapre")
_ALSO = {"tf.signal": ("tf.signal, XLA",), "Kapre": ("Kapre, XLA",)}


def with_tables(readme, record):
    """Return a README with each marked part replaced."""
    for name, make in _PARTS.items():
        pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = "\n" + make(record).strip() + "\n\n"
        readme, count = pattern.subn(lambda found: found[1] + text + found[2], readme)  # noqa: B023
        if count != 1:
            raise ValueError(f"the README must have one part '<!-- measured: {name} -->'")
    return readme


def all_tables(record):
    """Return all parts, one after the other."""
    return "\n".join(make(record) for make in _PARTS.values())


def _about(record):
    about = record["about"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return (
        f"Measured {about['date']} at commit {about['commit']} on {about['processor']}, "
        f"{about['n_processors']} processors, {about['system']}, Python {about['python']}; "
        f"{versions}."
    )


def _features(record):
    columns = _present(record, "features", _FEATURE_COLUMNS)
    head = [
        "8 x 30 s, float32, 1 thread",
        "kapre_ref, ms",
        *(_FEATURE_COLUMNS[name] for name in columns),
    ]
    rows = []
    for row in _rows(record, "features"):
        ratios = [_ratio(row, name) for name in columns]
        rows.append([row["title"], _milliseconds(row["ours"]["min"]), *ratios])
    return _table(head, rows)


def _transforms(record):
    columns = _present(record, "transforms", _TRANSFORM_COLUMNS)
    names = [_TRANSFORM_COLUMNS[name] for name in columns]
    head = ["`stft_magnitude`, 8 x 30 s", "threads", "kapre_ref, ms", *names]
    rows = []
    for row in _rows(record, "transforms"):
        ratios = [_ratio(row, name) for name in columns]
        ours = _milliseconds(row["ours"]["min"])
        rows.append([row["title"], str(row["n_threads"]), ours, *ratios])
    return _table(head, rows)


def _memory_bound(record):
    head = ["work", "compared with", "its ms", "kapre_ref / it"]
    rows = []
    for row in _rows(record, "features"):
        for label in ("a copy", "writing the result"):
            if label in row["peers"]:
                peer = row["peers"][label]
                share = f"{peer['ours_then']['min'] / peer['min']:.2f}"
                what = "copying the input" if label == "a copy" else label
                rows.append([row["title"], what, _milliseconds(peer["min"]), share])
    return _table(head, rows)


def _accuracy(record):
    entries = [
        {**entry, "dtype": _DOUBLES.get(entry["dtype"], entry["dtype"])}
        for entry in record["accuracy"]
    ]
    of_peers = [entry for entry in entries if entry["by"] != "kapre_ref"]
    peers = _present_in(of_peers, _ACCURACY_PEERS)
    head = ["operation", *_ACCURACY_DTYPES, *(f"{label}, float32" for label in peers)]
    rows = {}
    for entry in entries:
        title = f"`{entry['operation']}`" + ", decibels" * entry["is_decibel"]
        row = rows.setdefault(title, {})
        figures = f"{_error(entry['max_error'])} / {_error(entry['relative_l2'])}"
        if entry["by"] == "kapre_ref":
            row[entry["dtype"]] = figures
        elif entry["dtype"] == "float32" and (label := _column_of(entry["by"], peers)):
            row[label] = figures
    lines = [
        [title, *(row.get(column, _NONE) for column in (*_ACCURACY_DTYPES, *peers))]
        for title, row in sorted(rows.items())
    ]
    return _table(head, lines)


def _memory(record):
    durations = sorted({entry["seconds"] for entry in record["memory"]})
    head = ["one signal at 22.05 kHz, 1 thread", "by", *(f"{seconds} s" for seconds in durations)]
    rows = {}
    for entry in record["memory"]:
        cells = rows.setdefault((entry["title"], entry["by"]), {})
        cells[entry["seconds"]] = _megabytes(entry["beyond_result"])
    return _table(head, [[*key, *map(cells.get, durations)] for key, cells in rows.items()])


def _startup(record):
    head = ["a fresh process", "seconds"]
    rows = [[name, f"{times['min']:.2f}"] for name, times in record["startup"].items()]
    return _table(head, rows)


_PARTS = {
    "about": _about,
    "features": _features,
    "transforms": _transforms,
    "memory-bound": _memory_bound,
    "accuracy": _accuracy,
    "memory": _memory,
    "startup": _startup,
}


def _rows(record, table):
    return [row for row in record["speed"] if row["table"] == table and "ours" in row]


def _present(record, table, columns):
    found = {label for row in _rows(record, table) for label in row["peers"]}
    return [name for name in columns if found & {name, *_ALSO.get(name, ())}]


def _present_in(entries, labels):
    found = {entry["by"] for entry in entries}
    return [name for name in labels if found & {name, *_ALSO.get(name, ())}]


def _column_of(label, columns):
    return next((name for name in columns if label in (name, *_ALSO.get(name, ()))), None)


def _ratio(row, column):
    for label in (column, *_ALSO.get(column, ())):
        if label in row["peers"]:
            ratio = row["peers"][label]["ratio"]
            return f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"
    return _NONE


def _milliseconds(seconds):
    milliseconds = 1e3 * seconds
    return f"{milliseconds:.3f}" if milliseconds < 1 else f"{milliseconds:.1f}"


def _megabytes(n_bytes):
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else "< 0.1 MB"


def _error(value):
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-")


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
