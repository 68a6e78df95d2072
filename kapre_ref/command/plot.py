"""The picture of a recording's features."""

from __future__ import annotations

import math
import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from kapre_ref._decibel import magnitude_to_decibel
from kapre_ref.command.decoders import load_extra
from kapre_ref.command.feature_files import frequencies_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.command.recording_features import RecordingFeatures

    Image = NDArray[np.float32]  # (n_columns, n_values)

MAX_COLUMNS = 1600  # about the pixels of the picture's width
MAX_PANELS = 8  # channels shown
_UNITS = {"ln": "ln", "log10": "log10", "10log10": "dB"}
# Decibels of powers and magnitudes that are not Kapre's, for which librosa's defaults are usual.
_POWER_DECIBEL = {"ref_value": 1.0, "amin": 1e-10, "dynamic_range": 80.0}


def draw_features(
    file: IO[bytes],
    features: RecordingFeatures,
    title: str,
    decibel: dict[str, float] | None = None,
) -> None:
    """Draw the features over time, one panel for each channel, as a PNG.

    Kapre's magnitudes become its `decibel`, other magnitudes and powers the usual ones.
    """
    n_panels = min(features.n_channels, MAX_PANELS)
    # Without pyplot: neither the backend nor the figures of a calling program are touched.
    figure = load_extra("matplotlib.figure").Figure(
        figsize=(10, 1.4 + 2.8 * n_panels), dpi=100, layout="constrained"
    )
    load_extra("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    panels = figure.subplots(n_panels, 1, sharex=True, squeeze=False)[:, 0]
    images = [pooled(features, channel, decibel) for channel in range(n_panels)]
    lowest, highest, colours, extend = _colours(images, features.has_coefficients)
    half_hop = features.front_end.hop_length / features.front_end.sample_rate / 2
    first, last = features.front_end.times(features.n_frames)[[0, -1]]
    for channel, (axes, image) in enumerate(zip(panels, images, strict=True)):
        drawn = axes.imshow(
            image.T,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
            cmap=colours,
            vmin=lowest,
            vmax=highest,
            extent=(first - half_hop, last + half_hop, -0.5, image.shape[1] - 0.5),
        )
        _label_rows(axes, features)
        if features.n_channels > 1:
            axes.set_title(f"channel {channel + 1} of {features.n_channels}", fontsize=9)
    panels[-1].set_xlabel("time (s)")
    label = "value" if features.has_coefficients else _unit(features.front_end)
    figure.colorbar(drawn, ax=list(panels), label=label, extend=extend, pad=0.01)
    shown = title.encode("utf-8", "backslashreplace").decode()  # file names may hold anything
    shown = " ".join(shown.split())
    figure.suptitle(shown, fontsize=11, parse_math=False)  # a dollar sign begins no formula
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # in a file name
        figure.savefig(file, format="png")


def _colours(images: Sequence[Image], are_coefficients: bool) -> tuple[float, float, str, str]:
    """Return the lowest and highest value to tell apart, the colours, and where there are more."""
    if are_coefficients:
        # Coefficient 0, the level, is so much larger than all others that nothing else would show.
        others = [image[:, 1:] if image.shape[1] > 1 else image for image in images]
        _, highest = _finite_range([np.abs(image) for image in others])
        return -highest, highest, "RdBu_r", "both"
    return *_finite_range(images), "magma", "neither"


def _finite_range(images: Sequence[Image]) -> tuple[float, float]:
    """Return the least and the largest finite value; a logarithm without a floor has others."""
    finite = [image[np.isfinite(image)] for image in images]
    values = [extreme for image in finite if image.size for extreme in (image.min(), image.max())]
    return (float(min(values)), float(max(values))) if values else (0.0, 1.0)


def _unit(front_end: FrontEnd) -> str:
    unit = _UNITS.get(front_end.log, "dB")  # what has no logarithm gets one in the picture
    if front_end.normalisation is not None:
        return f"{unit}, normalised"
    return unit if front_end.gain == 1 else f"{unit}, scaled"


def pooled(
    features: RecordingFeatures, channel: int, decibel: dict[str, float] | None = None
) -> Image:
    """Return a channel as (n_columns, n_values), each column the maximum of frames side by side.

    Magnitudes and powers become decibels. Of cepstral coefficients, which have no louder and
    softer, each column is the mean.
    """
    n_together = math.ceil(features.n_frames / MAX_COLUMNS)
    pool = np.add if features.has_coefficients else np.maximum
    columns = []
    # Blocks hold a whole number of columns.
    n_at_once = n_together * max(1, features.n_frames_at_once // n_together)
    for block in features.blocks(channel, n_at_once):
        starts = np.arange(0, len(block), n_together)
        column = pool.reduceat(block, starts, axis=0)
        if features.has_coefficients:
            column /= np.diff(np.append(starts, len(block)))[:, None].astype(np.float32)
        columns.append(column)
    image: Image = np.concatenate(columns)
    if features.front_end.log != "none":
        return image
    if decibel is None:
        image = image if features.front_end.power == 2 else image**2
        decibel = _POWER_DECIBEL
    names = ("ref_value", "amin", "dynamic_range")
    image = magnitude_to_decibel(image[None], *(decibel[name] for name in names))[0]
    return image


def _label_rows(axes: Any, features: RecordingFeatures) -> None:
    """Label coefficients by their numbers, and bands by their frequencies if these rise."""
    frequencies = None if features.has_coefficients else frequencies_of(features.front_end)
    if frequencies is None or np.any(np.diff(frequencies) <= 0):
        axes.set_ylabel("band" if frequencies is not None else "coefficient")
        axes.yaxis.get_major_locator().set_params(integer=True)
        return
    hertz = tick_frequencies(frequencies, features.front_end.bands is None)
    axes.set_yticks(np.interp(hertz, frequencies, np.arange(len(frequencies))))
    axes.set_yticklabels([f"{frequency:g}" for frequency in hertz])
    axes.set_ylabel("frequency (Hz)")


def tick_frequencies(frequencies: NDArray[np.float64], linear: bool) -> NDArray[np.float64]:
    """Choose round frequencies for the labels of rows: 5 to 10, none close to another."""
    lowest, highest = float(frequencies[0]), float(frequencies[-1])
    if linear:
        power = 10.0 ** math.floor(math.log10(highest))
        step = next(s * power for s in (0.1, 0.2, 0.5, 1, 2) if highest / (s * power) <= 8)
        return np.arange(0, highest + step / 1e6, step)
    decades = 10.0 ** np.arange(-2, 7)
    candidates = np.sort(np.concatenate([decades, 2 * decades, 5 * decades]))
    inside = candidates[(candidates >= lowest) & (candidates <= highest)]
    if len(inside) < 2:
        return np.array([lowest, highest])
    rows = np.interp(inside, frequencies, np.arange(len(frequencies)))
    chosen, gap = [len(inside) - 1], len(frequencies) / 14  # rows that a label needs
    for index in range(len(inside) - 2, -1, -1):
        if rows[chosen[-1]] - rows[index] >= gap:
            chosen.append(index)
    return inside[chosen[::-1]]
