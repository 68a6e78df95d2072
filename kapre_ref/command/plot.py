"""The picture of a recording's features."""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from kapre_ref._decibel import magnitude_to_decibel
from kapre_ref.command.canvas import Canvas
from kapre_ref.command.feature_files import frequencies_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.command.recording_features import RecordingFeatures

    Image = NDArray[np.float32]  # (n_columns, n_values)

WIDTH, LEFT, RIGHT = 820, 74, 100  # pixels of the time axis, and of what stands beside it
TOP, BETWEEN, BOTTOM = 34, 24, 44  # pixels above, between and below the panels of channels
ONE_HEIGHT, EACH_HEIGHT = 320, 180  # pixels of a single panel, and of each of several
MAX_PANELS = 8  # channels shown
_BAR = 14  # pixels of the width of the colour bar
_UNITS = {"ln": "ln", "log10": "log10", "10log10": "dB"}
# Powers and magnitudes that are not Kapre's become decibels by librosa's usual defaults.
_POWER_DECIBEL = {"ref_value": 1.0, "amin": 1e-10, "dynamic_range": 80.0}


class TimeAxis(NamedTuple):
    """The time that each pixel shows; both ends of the axis are edges of pixels."""

    first: float  # s, half a hop before the centre of the first frame
    last: float  # s, half a hop behind the centre of the last frame
    n_frames: int

    @property
    def start(self) -> float:
        """The time at the left end, 0 if no frame lies before."""
        return min(0.0, self.first)

    def pixel(self, time: float) -> float:
        """Return the distance of a time from the left end, in pixels."""
        return (time - self.start) / (self.last - self.start) * WIDTH

    def frames(self) -> tuple[int, NDArray[np.intp]]:
        """Return the first pixel that shows a frame, and the frame of each pixel from there on."""
        centres = np.arange(WIDTH) + 0.5
        times = self.start + centres / WIDTH * (self.last - self.start)
        hop = (self.last - self.first) / self.n_frames
        frames = np.floor((times - self.first) / hop).astype(np.intp)
        begin = int(np.searchsorted(frames, 0))
        return begin, np.minimum(frames[begin:], self.n_frames - 1)

    def ticks(self) -> NDArray[np.float64]:
        """Return the round times that have labels."""
        return round_numbers(self.start, self.last, 12)


def round_numbers(first: float, last: float, n_most: int) -> NDArray[np.float64]:
    """Return at most `n_most` numbers whose distance is 1, 2 or 5 times a power of ten."""
    span = last - first
    if not span > 0:
        return np.array([first])
    power = 10.0 ** math.floor(math.log10(span))
    step = next(s * power for s in (0.1, 0.2, 0.5, 1, 2, 5) if span / (s * power) <= n_most)
    numbers = np.arange(math.ceil(first / step - 1e-9), math.floor(last / step + 1e-9) + 1)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return np.asarray(np.round(numbers * step, digits)) + 0.0  # + 0.0 turns -0 into 0.


def time_axis(features: RecordingFeatures) -> TimeAxis:
    """Return the time axis of features, on which each frame is a hop wide around its centre."""
    half_hop = features.front_end.hop_length / features.front_end.sample_rate / 2
    first, last = features.front_end.times(features.n_frames)[[0, -1]]
    return TimeAxis(float(first) - half_hop, float(last) + half_hop, features.n_frames)


def draw_features(
    file: IO[bytes],
    features: RecordingFeatures,
    title: str,
    decibel: dict[str, float] | None = None,
) -> None:
    """Draw the features over time, one panel for each channel, as a PNG.

    Kapre's magnitudes become decibels by the options `decibel`, all others by the usual ones.
    """
    n_panels = min(features.n_channels, MAX_PANELS)
    panel_height = ONE_HEIGHT if n_panels == 1 else EACH_HEIGHT
    height = TOP + n_panels * (panel_height + BETWEEN) - BETWEEN + BOTTOM
    canvas = Canvas(LEFT + WIDTH + RIGHT, height, features.has_coefficients)
    axis = time_axis(features)
    images = [pooled(features, channel, decibel) for channel in range(n_panels)]
    lowest, highest = _range(images, features.has_coefficients)
    for channel, image in enumerate(images):
        top = TOP + channel * (panel_height + BETWEEN)
        begin, shown = _shown(image, axis, panel_height, features.has_coefficients)
        canvas.values(LEFT + begin, top, shown, lowest, highest)
        _frame(canvas, LEFT, top, WIDTH, panel_height)
        _label_rows(canvas, features, top, panel_height, image.shape[1])
        _label_times(canvas, axis, top + panel_height, is_last=channel == n_panels - 1)
        if features.n_channels > 1:
            name = f"channel {channel + 1} of {features.n_channels}"
            canvas.text(LEFT + WIDTH, top - 4, name, 11, (1, 1))
    label = "value" if features.has_coefficients else _unit(features.front_end)
    _colour_bar(canvas, panel_height, (lowest, highest), label)
    printable = title.encode(
        "utf-8", "backslashreplace"
    ).decode()  # Names of files may hold any bytes.
    canvas.text(LEFT, 12, " ".join(printable.split()), 14, (0, 0.5))
    canvas.save(file)


def _shown(image: Image, axis: TimeAxis, height: int, is_mean: bool) -> tuple[int, Image]:
    """Return the first column of pixels and their values, (height, width), upper rows first."""
    begin, frames = axis.frames()
    columns = image[frames // _n_together(axis.n_frames)].T  # (n_values, width)
    n_values = len(columns)
    if n_values > height and not is_mean:  # Else a loud row could lie between two pixels.
        edges = np.arange(height) * n_values // height
        return begin, np.maximum.reduceat(columns, edges, axis=0)[::-1]
    rows = ((np.arange(height) + 0.5) * n_values / height).astype(np.intp)
    return begin, columns[rows[::-1]]


def _frame(canvas: Canvas, left: int, top: int, width: int, height: int) -> None:
    """Draw lines around pixels, without covering any of them."""
    for y in (top - 1, top + height):
        canvas.line(left - 1, y, width + 2, 1)
    for x in (left - 1, left + width):
        canvas.line(x, top - 1, 1, height + 2)


def _label_times(canvas: Canvas, axis: TimeAxis, bottom: int, is_last: bool) -> None:
    for time in axis.ticks():
        x = LEFT + min(WIDTH - 1, int(axis.pixel(time)))
        canvas.line(x, bottom + 1, 1, 4)
        if is_last:
            canvas.text(x + 0.5, bottom + 8, f"{time:g}", anchor=(0.5, 0))
    if is_last:
        canvas.text(LEFT + WIDTH / 2, bottom + 26, "time (s)", anchor=(0.5, 0))


def _colour_bar(canvas: Canvas, height: int, limits: tuple[float, float], label: str) -> None:
    """Draw the colours beside the first panel, with the values that they stand for."""
    left, (lowest, highest) = LEFT + WIDTH + 16, limits
    steps = (np.arange(height, 0, -1) - 0.5) / height
    values = np.float32(lowest) + steps.astype(np.float32) * np.float32(highest - lowest)
    canvas.values(left, TOP, np.repeat(values[:, None], _BAR, axis=1), lowest, highest)
    _frame(canvas, left, TOP, _BAR, height)
    for value in round_numbers(lowest, highest, 8):
        y = TOP + (highest - value) / ((highest - lowest) or 1.0) * height
        canvas.line(left + _BAR + 1, min(TOP + height - 1, int(y)), 4, 1)
        canvas.text(left + _BAR + 8, y, f"{value:g}", anchor=(0, 0.5))
    canvas.text(LEFT + WIDTH + RIGHT - 4, TOP + height / 2, label, anchor=(1, 0.5), upright=True)


def _range(images: Sequence[Image], are_coefficients: bool) -> tuple[float, float]:
    """Return the values that get the first and the last colour."""
    if are_coefficients:
        # Coefficient 0, the level, is so large that all others would have the same colour.
        others = [image[:, 1:] if image.shape[1] > 1 else image for image in images]
        _, highest = _finite_range([np.abs(image) for image in others])
        return -highest, highest
    return _finite_range(images)


def _finite_range(images: Sequence[Image]) -> tuple[float, float]:
    """Return the least and the largest finite value; without a floor, logarithms have others."""
    finite = [image[np.isfinite(image)] for image in images]
    values = [extreme for image in finite if image.size for extreme in (image.min(), image.max())]
    return (float(min(values)), float(max(values))) if values else (0.0, 1.0)


def _unit(front_end: FrontEnd) -> str:
    # The picture shows decibels of values without a logarithm.
    unit = _UNITS.get(front_end.log, "dB")
    power = front_end.power
    if unit == "dB" and power != 2:  # As in Kapre, with power 1 it is half of the usual decibels.
        unit = "10 log10 of the magnitude" + (f" to the power {power:g}" if power != 1 else "")
    if front_end.normalisation is not None:
        return f"{unit}, normalised"
    return unit if front_end.gain == 1 else f"{unit}, scaled"


def pooled(
    features: RecordingFeatures, channel: int, decibel: dict[str, float] | None = None
) -> Image:
    """Return a channel as (n_columns, n_values), each column the maximum of frames side by side.

    Magnitudes and powers become decibels. A column of cepstral coefficients is the mean, since
    their maximum means nothing.
    """
    n_together = _n_together(features.n_frames)
    pool = np.add if features.has_coefficients else np.maximum
    columns = []
    # Each chunk holds a whole number of columns.
    n_at_once = n_together * max(1, features.n_frames_at_once // n_together)
    for chunk in features.chunks(channel, n_at_once):
        starts = np.arange(0, len(chunk), n_together)
        column = pool.reduceat(chunk, starts, axis=0)
        if features.has_coefficients:
            column /= np.diff(np.append(starts, len(chunk)))[:, None].astype(np.float32)
        columns.append(column)
    image: Image = np.concatenate(columns)
    if features.front_end.log != "none":
        return image
    if decibel is None:
        image = image ** (2 / features.front_end.power)
        decibel = _POWER_DECIBEL
    names = ("ref_value", "amin", "dynamic_range")
    image = magnitude_to_decibel(image[None], *(decibel[name] for name in names))[0]
    return image


def _n_together(n_frames: int) -> int:
    """Return how many frames share a column of the image, which has at most WIDTH columns."""
    return math.ceil(n_frames / WIDTH)


def _label_rows(
    canvas: Canvas, features: RecordingFeatures, top: int, height: int, n_rows: int
) -> None:
    """Label coefficients with their numbers, and bands with their frequencies if these rise."""
    title, labels = row_labels(features)
    for row, text in labels:
        y = top + height - (row + 0.5) * height / n_rows
        canvas.line(LEFT - 5, min(top + height - 1, max(top, int(y))), 4, 1)
        canvas.text(LEFT - 8, y, text, anchor=(1, 0.5))
    canvas.text(4, top + height / 2, title, anchor=(0, 0.5), upright=True)


def row_labels(features: RecordingFeatures) -> tuple[str, list[tuple[float, str]]]:
    """Return the title of the axis, and (row, label) pairs; a label may lie between two rows."""
    frequencies = None if features.has_coefficients else frequencies_of(features.front_end)
    if frequencies is None or np.any(np.diff(frequencies) <= 0):
        step = max(1, features.n_values // 8)
        numbers = range(0, features.n_values, step)
        what = "band" if frequencies is not None else "coefficient"
        return what, [(float(number), str(number)) for number in numbers]
    hertz = tick_frequencies(frequencies, features.front_end.bands is None)
    rows = np.interp(hertz, frequencies, np.arange(len(frequencies)))
    labels = [(float(row), f"{one:g}") for row, one in zip(rows, hertz, strict=True)]
    return "frequency (Hz)", labels


def tick_frequencies(frequencies: NDArray[np.float64], linear: bool) -> NDArray[np.float64]:
    """Choose 5 to 10 round frequencies for labels, at some distance from each other."""
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
    chosen, gap = [len(inside) - 1], len(frequencies) / 14  # A label needs `gap` rows.
    for index in range(len(inside) - 2, -1, -1):
        if rows[chosen[-1]] - rows[index] >= gap:
            chosen.append(index)
    return inside[chosen[::-1]]
