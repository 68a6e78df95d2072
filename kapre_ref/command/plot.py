"""The picture of a recording's features."""

from __future__ import annotations

import math
import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from kapre_ref._decibel import magnitude_to_decibel
from kapre_ref.command.recordings import load_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref.command.recordings import Feature, RecordingFeatures

MAX_COLUMNS = 1600  # about the pixels of the picture's width
MAX_PANELS = 8  # channels shown
_NAMES = {
    "mel": "mel spectrogram",
    "stft": "magnitude spectrogram",
    "log-frequency": "log-frequency spectrogram",
    "mfcc": "mel-frequency cepstral coefficients",
}


def draw_features(file: IO[bytes], features: RecordingFeatures, title: str) -> None:
    """Draw the features over time, one panel for each channel, as a PNG."""
    feature = features.feature
    n_panels = min(features.n_channels, MAX_PANELS)
    # Without pyplot: neither the backend nor the figures of a calling program are touched.
    figure = load_extra("matplotlib.figure").Figure(
        figsize=(10, 1.4 + 2.8 * n_panels), dpi=100, layout="constrained"
    )
    load_extra("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    panels = figure.subplots(n_panels, 1, sharex=True, squeeze=False)[:, 0]
    images = [pooled(features, channel) for channel in range(n_panels)]
    if feature.kind == "mfcc":
        # Coefficient 0, the level, is so much larger than all others that nothing else would show.
        others = [np.abs(image[:, 1:] if feature.n_bands > 1 else image) for image in images]
        highest = max(float(image.max()) for image in others)
        limits, colours, unit, extend = (-highest, highest), "RdBu_r", "value", "both"
    else:
        lowest = min(float(image.min()) for image in images)
        highest = max(float(image.max()) for image in images)
        limits, colours, unit, extend = (lowest, highest), "magma", "dB", "neither"
    half_hop = feature.plan.hop_length / features.sample_rate / 2
    first, last = feature.times(features.n_frames, features.sample_rate)[[0, -1]]
    for channel, (axes, image) in enumerate(zip(panels, images, strict=True)):
        drawn = axes.imshow(
            image.T,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
            cmap=colours,
            vmin=limits[0],
            vmax=limits[1],
            extent=(first - half_hop, last + half_hop, -0.5, image.shape[1] - 0.5),
        )
        _label_rows(axes, feature, features.sample_rate)
        if features.n_channels > 1:
            axes.set_title(f"channel {channel + 1} of {features.n_channels}", fontsize=9)
    panels[-1].set_xlabel("time (s)")
    figure.colorbar(drawn, ax=list(panels), label=unit, extend=extend, pad=0.01)
    shown = title.encode("utf-8", "backslashreplace").decode()  # file names may hold anything
    shown = f"{' '.join(shown.split())}: {_NAMES[feature.kind]}"
    figure.suptitle(shown, fontsize=11, parse_math=False)  # a dollar sign begins no formula
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # in a file name
        figure.savefig(file, format="png")


def pooled(features: RecordingFeatures, channel: int) -> NDArray[np.float32]:
    """Return a channel as (n_columns, n_bands), each column the maximum of frames side by side.

    Magnitudes become decibels. Of cepstral coefficients, which have no louder and softer, each
    column is the mean.
    """
    feature, n_together = features.feature, math.ceil(features.n_frames / MAX_COLUMNS)
    pool = np.add if feature.kind == "mfcc" else np.maximum
    columns = []
    # Blocks hold a whole number of columns.
    n_at_once = n_together * max(1, features.n_frames_at_once // n_together)
    for block in features.blocks(channel, n_at_once):
        starts = np.arange(0, len(block), n_together)
        column = pool.reduceat(block, starts, axis=0)
        if feature.kind == "mfcc":
            column /= np.diff(np.append(starts, len(block)))[:, None].astype(np.float32)
        columns.append(column)
    image: NDArray[np.float32] = np.concatenate(columns)
    if feature.decibel:
        return image
    options = feature.parameters
    decibel = {name: options[f"db_{name}"] for name in ("ref_value", "amin", "dynamic_range")}
    image = magnitude_to_decibel(image[None], **decibel)[0]
    return image


def _label_rows(axes: Any, feature: Feature, sample_rate: float) -> None:
    if feature.kind == "mfcc":
        axes.set_ylabel("coefficient")
        axes.yaxis.get_major_locator().set_params(integer=True)
        return
    frequencies = feature.frequencies(sample_rate)
    hertz = tick_frequencies(frequencies, feature.kind == "stft")
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
