"""Two pictures from the records, on a card of their own so that they read on any background."""

import hashlib
import json

from reporting.machines import LETTERS

_CARD, _INK, _FAINT = "#f6f7f9", "#1f2933", "#c4ccd4"
_OURS = "#c2410c"
_COLOURS = {
    "librosa": "#1d4e89",
    "torch": "#5b7553",
    "tf.signal, XLA": "#6b7280",
    "Kapre": "#7b5ea7",
    "NumPy, SciPy, blocked": "#0e7490",
}
_TITLES = 4  # how many features are shown: the first rows, transforms and mel spectrograms


def digest(records):
    """Return a mark of these records, which the pictures bear to show what they were made from."""
    return hashlib.sha256(json.dumps(records, sort_keys=True).encode()).hexdigest()


def draw(records, folder):
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
        for name, picture in (("speed", speed), ("growth", growth)):
            description = {"Description": digest(records), "Software": None}
            picture(records).savefig(folder / f"{name}.png", dpi=110, metadata=description)


def _figure(records, width, height, **options):
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    panels = figure.subplots(1, len(records), sharey=True, squeeze=False, **options)[0]
    for letter, axes in zip(LETTERS, panels, strict=False):
        axes.set_title(f"machine {letter}", fontsize=9)
    return figure, panels


def speed(records):
    """Draw how many times as long peers take, all into fresh memory, and return the figure."""
    from matplotlib.patches import Patch

    rows = [
        [row for row in record["speed"] if row["table"] == "features"][:_TITLES]
        for record in records
    ]
    labels = [label for label in _COLOURS if any(label in row["peers"] for r in rows for row in r)]
    figure, panels = _figure(records, 8, 1.1 + 0.24 * _TITLES * (len(labels) + 1))
    for axes, rows_of_one in zip(panels, rows, strict=True):
        _bars(axes, rows_of_one, labels)
    panels[0].invert_yaxis()
    figure.supxlabel("time, as a multiple of kapre_ref's (the line)", fontsize=10)
    handles = [Patch(color=_COLOURS[label], label=label) for label in labels]
    figure.legend(handles=handles, frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    return figure


def _bars(axes, rows, labels):
    thickness, longest = 0.85 / max(1, len(labels)), 1
    for index, label in enumerate(labels):
        for position, row in enumerate(rows):
            ratio = row["peers"].get(label, {}).get("ratio")
            if ratio is None:
                continue
            y = position + (index - (len(labels) - 1) / 2) * thickness
            axes.barh(y, ratio, 0.85 * thickness, color=_COLOURS[label], label=label)
            axes.text(ratio, y, f" {ratio:.1f}", va="center", fontsize=8)
            longest = max(longest, ratio)
    axes.axvline(1, color=_OURS, lw=1.5)
    axes.set_yticks(range(len(rows)), [row["title"].replace("`", "") for row in rows])
    axes.set_xlim(0, 1.15 * longest)


def growth(records):
    """Draw the time for one signal by its length, all into fresh memory, and return the figure."""
    figure, panels = _figure(records, 8, 4.2)
    for axes, record in zip(panels, records, strict=True):
        _curves(axes, record)
    panels[0].set_ylabel("ms to a log-mel of 80 bands")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, loc="outside upper center", ncols=3)
    figure.supxlabel("length of one signal at 16 kHz, seconds", fontsize=10)
    return figure


def _curves(axes, record):
    curves = {}
    for row in record["speed"]:
        if row["table"] == "growth" and "ours" in row:
            seconds = float(row["title"])
            plural = "s" * (row["n_threads"] > 1)
            ours = f"kapre_ref, {row['n_threads']} thread{plural}"
            curves.setdefault(ours, {})[seconds] = row["ours"]["fresh"]["min"]
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
