"""The tables, made from the records and put between the markers of a page."""

import re

from benchmarks.peers import REUSED
from reporting import machines
from reporting.cases import ONE_SECOND, ONE_THREAD, TUNED
from reporting.machines import LETTERS

_NONE = "-"
_FRESH_COLUMNS = {
    "NumPy, SciPy": "NumPy, SciPy",
    "NumPy, SciPy, blocked": "the same in blocks",
    "librosa": "librosa",
    "torch": "torch",
    "tf.signal": "tf.signal",
    "Kapre": "Kapre",
}
_REUSED_COLUMNS = {
    "NumPy, SciPy" + REUSED: "NumPy, SciPy",
    "NumPy, SciPy, blocked" + REUSED: "the same in blocks",
    "librosa" + REUSED: "librosa",
    "torch" + TUNED: "torch, tuned",
}
_MOVES = {"a copy": "copying the input", "writing the result": "writing the result"}
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


def with_tables(page, records, names=None):
    """Return a page with its marked parts replaced. It must have all parts, or those in `names`."""
    for name in _PARTS if names is None else names:
        if name not in _ALL:
            raise ValueError(f"there is no table '{name}'")
        pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = "\n" + _ALL[name](records).strip() + "\n\n"
        page, count = pattern.subn(lambda found: found[1] + text + found[2], page)  # noqa: B023
        if count != 1:
            raise ValueError(f"the page must have one part '<!-- measured: {name} -->'")
    return page


def names_in(page):
    """Return the names of the parts that a page has."""
    return re.findall(r"<!-- measured: (.*?) -->", page)


def all_tables(records):
    """Return all parts, one after the other."""
    return "\n".join(make(records) for make in _PARTS.values())


def _about(records):
    lines = []
    for letter, record in zip(LETTERS, records, strict=False):
        about = record["about"]
        versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
        lines.append(
            f"- **{letter}**: {machines.description(about)}; {about['n_processors']} processors, "
            f"{about['system']}, Python {about['python']}; measured {about['date']} at commit "
            f"{about['commit']}{', a quick look and noisy,' * about['is_quick']} with {versions}."
            + "".join(map(_added, about.get("added", ())))
        )
    return "\n".join(lines) + "\n"


def _added(entry):
    """Say what was measured later than the rest of a record, and how busy the machine was then."""
    parts = [f" Added {entry['date']} at commit {entry['commit']}"]
    if entry["load"] is not None:
        parts.append(f"while programs wanted {entry['load']:g} processors")
    if entry["is_busy"]:
        parts.append("by processor time")
    if entry["versions"]:
        versions = ", ".join(f"{name} {number}" for name, number in entry["versions"].items())
        parts.append(f"with {versions}")
    return f"{', '.join(parts)}: {'; '.join(entry['what'])}."


def _features(records):
    columns = _present(records, "features", _FRESH_COLUMNS)
    head = ["8 x 30 s, float32, 1 thread", "machine", "kapre_ref, ms"]
    head += [*columns.values(), "kapre_ref, recycled, ms"]
    return _table(
        head,
        [
            [
                row["title"],
                letter,
                _milliseconds(row["ours"]["fresh"]["min"]),
                *(_ratio(row, name) for name in columns),
                _milliseconds(row["ours"]["recycled"]["min"]),
            ]
            for letter, row in _side_by_side(records, "features")
        ],
    )


def _reused(records):
    columns = _present(records, "features", _REUSED_COLUMNS)
    head = ["8 x 30 s, float32, 1 thread", "machine", "kapre_ref, ms", *columns.values()]
    rows = []
    for letter, row in _side_by_side(records, "features"):
        ratios = [_ratio(row, name) for name in columns]
        if set(ratios) != {_NONE}:
            ours = _milliseconds(row["ours"]["out"]["min"])
            rows.append([row["title"], letter, ours, *ratios])
    return _table(head, rows)


def _transforms(records):
    columns = _present(records, "transforms", _TRANSFORM_COLUMNS)
    head = ["`stft_magnitude`, 8 x 30 s", "threads", "machine", "kapre_ref, ms", *columns.values()]
    rows = []
    for letter, row in _side_by_side(records, "transforms"):
        ratios = [_ratio(row, name) for name in columns]
        ours = _milliseconds(row["ours"]["out"]["min"])
        rows.append([row["title"], str(row["n_threads"]), letter, ours, *ratios])
    return _table(head, rows)


def _recipes(records):
    """Return a row for us and for each peer: fresh memory, memory used before, and one second."""
    head = ["recipe", "machine", "by", "8 x 30 s, ms", "times ours", "memory reused, ms"]
    head += ["times ours", "one second, ms", "times ours", "error, float32"]
    seconds = {
        (row["title"], letter): row
        for letter, row in _side_by_side(records, "recipes")
        if row["title"].endswith(ONE_SECOND)
    }
    lines = []
    for letter, row in _side_by_side(records, "recipes"):
        second = seconds.get((row["title"] + ONE_SECOND, letter))
        if second:
            record = records[LETTERS.index(letter)]
            errors = {e["by"]: e for e in record["accuracy"] if _is_of_recipe(e, row["title"])}
            for by in ("kapre_ref", *(n for n in row["peers"] if not n.endswith(TUNED))):
                cells = [*_time(row, by), *_time(row, by, TUNED), *_time(second, by)]
                error = errors.get(by)
                found = _errors((error["max_error"], error["relative_l2"])) if error else _NONE
                lines.append([f"`{row['title']}`", letter, by, *cells, found])
    return _table(head, lines)


def _is_of_recipe(entry, name):
    return entry.get("recipe") == name and entry["dtype"] == "float32"


def _time(row, by, suffix=""):
    """Return milliseconds and the multiple of ours, for us or a peer with a suffix to its name."""
    if by == "kapre_ref":
        return [_milliseconds(row["ours"]["out" if suffix else "fresh"]["min"]), "1"]
    if by + suffix not in row["peers"]:
        return [_NONE, _NONE]
    return [_milliseconds(row["peers"][by + suffix]["min"]), _ratio(row, by + suffix)]


def _memory_bound(records):
    head = ["work", "compared with", "machine"]
    head += ["fresh, its ms", "kapre_ref / it", "reused, its ms", "kapre_ref / it"]
    rows = []
    for letter, row in _side_by_side(records, "features"):
        for label, what in _MOVES.items():
            if label in row["peers"]:
                cells = _share(row, label) + _share(row, label + REUSED)
                rows.append([row["title"], what, letter, *cells])
    return _table(head, rows)


def _share(row, label):
    peer = row["peers"][label]
    share = peer["ours_then"]["min"] / peer["min"]
    return [_milliseconds(peer["min"]), f"{share:.2f}"]


def _accuracy(records):
    entries = [
        {**entry, "dtype": _DOUBLES.get(entry["dtype"], entry["dtype"])}
        for record in records
        for entry in record["accuracy"]
    ]
    of_peers = {entry["by"] for entry in entries if entry["by"] != "kapre_ref"}
    peers = [name for name in _ACCURACY_PEERS if of_peers & {name, *_ALSO.get(name, ())}]
    head = ["operation", *_ACCURACY_DTYPES, *(f"{label}, float32" for label in peers)]
    rows = {}
    for entry in entries:
        title = f"`{entry['operation']}`" + ", decibels" * entry["is_decibel"]
        title += f", {entry['recipe']}" if "recipe" in entry else ""
        row = rows.setdefault(title, {})
        errors = entry["max_error"], entry["relative_l2"]
        if entry["by"] == "kapre_ref":
            column = entry["dtype"]
        else:
            column = _column_of(entry["by"], peers) if entry["dtype"] == "float32" else None
        # If there are several machines, the largest figure counts.
        row[column] = tuple(map(max, row.get(column, (0, 0)), errors))
    columns = (*_ACCURACY_DTYPES, *peers)
    lines = [
        [title, *(_errors(row[column]) if column in row else _NONE for column in columns)]
        for title, row in sorted(rows.items())
    ]
    return _table(head, lines)


def _memory(records):
    durations = sorted({entry["seconds"] for record in records for entry in record["memory"]})
    head = ["one signal at 22.05 kHz, 1 thread", "by", *(f"{seconds} s" for seconds in durations)]
    rows = {}
    for record in records:
        for entry in record["memory"]:
            cells = rows.setdefault((entry["title"], entry["by"]), {})
            # If there are several machines, the largest figure counts.
            found = max(cells.get(entry["seconds"], 0), entry["beyond_result"])
            cells[entry["seconds"]] = found
    return _table(
        head,
        [[*key, *(_megabytes(cells[n]) for n in durations)] for key, cells in rows.items()],
    )


def _startup(records):
    letters = LETTERS[: len(records)]
    head = ["seconds of a fresh process", *letters]
    names = dict.fromkeys(name for record in records for name in record["startup"])
    rows = []
    for name in names:
        found = [record["startup"].get(name) for record in records]
        rows.append([name, *(f"{times['min']:.2f}" if times else _NONE for times in found)])
    return _table(head, rows)


_SUMMARY_TITLES = {
    "`stft_magnitude`, 2048/512": "`stft_magnitude`, 2048/512",
    "log-mel 128, 2048/512": "log-mel of 128 bands, 2048/512",
    "log-mel 80, 512/160, one second": "log-mel of 80 bands, 512/160, one second alone",
    "`inverse_stft`, 2048/512": "`inverse_stft`, 2048/512",
    "`magnitude_to_decibel`": "`magnitude_to_decibel` of 10.6 million magnitudes",
    "`mu_law_encoding`": "`mu_law_encoding` of 10 million samples",
}
_SUMMARY_PEERS = {**_FRESH_COLUMNS, "NumPy, SciPy, blocked": "NumPy, SciPy in blocks"}


def _summary(records):
    """Return the few rows that the front page shows, of the machine with the widest vectors."""
    rows = []
    for _, row in _side_by_side(records[:1], "features"):
        if row["title"] in _SUMMARY_TITLES:
            ours = (_milliseconds(row["ours"][way]["min"]) for way in ("fresh", "out"))
            rows.append([_SUMMARY_TITLES[row["title"]], *ours, *_fastest_and_librosa(row)])
    head = ["8 x 30 s, float32, 1 thread", "fresh result, ms", "reused result, ms"]
    head += ["fastest peer takes, times as long", "librosa takes"]
    return f"{machines.description(records[0]['about'])}:\n\n" + _table(head, rows)


def _fastest_and_librosa(row):
    """Return how many times as long the fastest peer takes, with its name, and librosa."""
    found = {}
    for name, head in _SUMMARY_PEERS.items():
        labels = [label for label in (name, *_ALSO.get(name, ())) if label in row["peers"]]
        if labels:
            found[head] = min(row["peers"][label]["ratio"] for label in labels)
    fastest = min(found, key=found.get, default=None)
    if fastest is None:
        return [_NONE, _NONE]
    librosa = f"{found['librosa']:.1f}" if "librosa" in found else _NONE
    return [f"{found[fastest]:.1f} ({fastest})", librosa]


_PARTS = {
    "about": _about,
    "features": _features,
    "reused": _reused,
    "recipes": _recipes,
    "transforms": _transforms,
    "memory-bound": _memory_bound,
    "accuracy": _accuracy,
    "memory": _memory,
    "startup": _startup,
}
_ALL = {**_PARTS, "summary": _summary}  # which only the front page shows


def _side_by_side(records, table):
    """List the rows of a table with the letters of their machines, sorted by the work."""
    found = {}
    for letter, record in zip(LETTERS, records, strict=False):
        for row in record["speed"]:
            if row["table"] == table and "ours" in row:
                found.setdefault((row["title"], row["n_threads"]), []).append((letter, row))
    return [pair for pairs in found.values() for pair in pairs]


def _present(records, table, columns):
    """Return the heads of the columns that have a peer in any row."""
    found = {label for _, row in _side_by_side(records, table) for label in row["peers"]}
    return {name: head for name, head in columns.items() if found & {name, *_ALSO.get(name, ())}}


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


def _errors(values):
    return " / ".join(map(_error, values))


def _error(value):
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-")


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
