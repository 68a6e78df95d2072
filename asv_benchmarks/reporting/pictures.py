"""Two pictures from a record, on a card of their own so that they read on any background."""

import hashlib
import json

from reporting.cases import TUNED

_CARD, _INK, _FAINT = "#f6f7f9", "#1f2933", "#c4ccd4"
_OURS = "#c2410c"
_COLOURS = {
    "librosa": "#1d4e89",
    "torch": "#5b7553",
    "torch" + TUNED: "#9bb392",
    "tf.signal, XLA": "#6b7280",
    "Kapre": "#7b5ea7",
    "NumPy, SciPy, blocked": "#0e7490",
}
_TITLES = 4  # of the features, the first rows: the transforms and the mel spectrograms


def digest(record):
    """Return what tells a record from any other; the pictures bear it."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def draw(record, folder):
    """Draw speed.png and growth.png."""
    import matplotlib as mpl

    mpl.use("agg")
    style = {
        "font.size": 10,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _FAINT,
        "axes.facecolor": _CARD,
        "figure.facecolor": _CARD,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        for name, picture in (("speed", _speed), ("growth", _growth)):
            figure = picture(record)
            description = {"Description": digest(record), "Software": None}
            figure.savefig(folder / f"{name}.png", dpi=110, metadata=description)


def _figure(width, height):
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    return figure, figure.add_subplot()


def _speed(record):
    rows = [row for row in record["speed"] if row["table"] == "features"][:_TITLES]
    labels = [label for label in _COLOURS if any(label in row["peers"] for row in rows)]
    figure, axes = _figure(8, 0.9 + 0.24 * len(rows) * (len(labels) + 1))
    thickness = 0.85 / max(1, len(labels))
    longest = 1
    for index, label in enumerate(labels):
        for position, row in enumerate(rows):
            ratio = row["peers"].get(label, {}).get("ratio")
            if ratio is None:
                continue
            y = position + (index - (len(labels) - 1) / 2) * thickness
            name = label if position == 0 else None
            axes.barh(y, ratio, 0.85 * thickness, color=_COLOURS[label], label=name)
            axes.text(ratio, y, f" {ratio:.1f}", va="center", fontsize=8)
            longest = max(longest, ratio)
    axes.axvline(1, color=_OURS, lw=1.5)
    axes.set_yticks(range(len(rows)), [row["title"].replace("`", "") for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08 * longest)
    axes.set_xlabel("time, as a multiple of kapre_ref's (the line): 1 thread, 8 x 30 s, float32")
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    return figure


def _growth(record):
    figure, axes = _figure(8, 4.2)
    curves = {}
    for row in record["speed"]:
        if row["table"] == "growth" and "ours" in row:
            seconds = float(row["title"])
            plural = "s" * (row["n_threads"] > 1)
            ours = f"kapre_ref, {row['n_threads']} thread{plural}"
            curves.setdefault(ours, {})[seconds] = row["ours"]["min"]
            for label, times in row["peers"].items():
                curves.setdefault(label, {})[seconds] = times["min"]
    for label, points in sorted(curves.items(), key=lambda item: "kapre_ref" not in item[0]):
        ours = label.startswith("kapre_ref")
        line = "--" if ours and "1 thread" not in label else "-"
        colour = _OURS if ours else _COLOURS[label]
        milliseconds = [1e3 * value for value in points.values()]
        name = label if ours else f"{label}, 1 thread"
        axes.plot(points.keys(), milliseconds, line, marker="o", ms=4, color=colour, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    lengths = sorted({seconds for points in curves.values() for seconds in points})
    axes.set_xticks(lengths, [f"{seconds:g}" for seconds in lengths])
    axes.grid(color=_FAINT, lw=0.5)
    axes.set_xlabel("length of one signal at 16 kHz, seconds")
    axes.set_ylabel("ms to a log-mel of 80 bands")
    axes.legend(frameon=False, fontsize=8)
    return figure
