"""A picture of colours, lines and texts, put together pixel by pixel."""

from __future__ import annotations

from functools import lru_cache
from typing import IO, TYPE_CHECKING

import numpy as np

from kapre_ref.command.decoders import load_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

N_COLOURS = 240  # The palette has so many colours for values, then greys from black to white.
_BLACK, _WHITE = N_COLOURS, 255
_NOTHING = N_COLOURS + 11  # NaN is drawn in a light grey.

# These colours have even steps of lightness. They come from magma in matplotlib (CC0).
_MAGMA = (
    *((0, 0, 4), (20, 14, 54), (59, 15, 112), (100, 26, 128), (140, 41, 129), (183, 55, 121)),
    *((222, 73, 104), (247, 112, 92), (254, 159, 109), (254, 207, 146), (252, 253, 191)),
)
_BLUE_WHITE_RED = ((20, 50, 120), (90, 150, 200), (247, 247, 247), (220, 120, 90), (130, 10, 40))


@lru_cache(maxsize=2)
def _palette(two_sided: bool) -> bytes:
    anchors = np.array(_BLUE_WHITE_RED if two_sided else _MAGMA, np.float64)
    places = np.linspace(0, len(anchors) - 1, N_COLOURS)
    bands = [np.interp(places, np.arange(len(anchors)), band) for band in anchors.T]
    greys = np.linspace(0, 255, 256 - N_COLOURS)[:, None].repeat(3, axis=1)
    colours = np.concatenate([np.stack(bands, axis=1), greys])
    return bytes(np.rint(colours).astype(np.uint8))


@lru_cache(maxsize=1024)
def _text(text: str, size: int, upright: bool) -> Pixels:
    """Return the darkness of a text, 0 to 15, (height, width)."""
    font = load_extra("PIL.ImageFont").load_default(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    image = load_extra("PIL.Image").new("L", (max(1, right - left + 1), max(1, bottom - top + 1)))
    load_extra("PIL.ImageDraw").Draw(image).text((-left, -top), text, fill=255, font=font)
    darkness: Pixels = np.asarray(image) // np.uint8(16)
    return np.ascontiguousarray(np.rot90(darkness)) if upright else darkness


class Canvas:
    """White paper of (height, width) pixels, counted from the upper left corner."""

    def __init__(self, width: int, height: int, two_sided: bool) -> None:
        self.pixels = np.full((height, width), _WHITE, np.uint8)
        self._two_sided = two_sided

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int = 12,
        anchor: Sequence[float] = (0.5, 0.5),
        upright: bool = False,
    ) -> None:
        """Write a text with its `anchor` at (x, y); (0, 0) is the upper left corner of the text."""
        mark = _text(text, size, upright)
        height, width = mark.shape
        left, top = round(x - anchor[0] * width), round(y - anchor[1] * height)
        left, top = max(0, left), max(0, top)
        paper = self.pixels[top : top + height, left : left + width]
        paper[:] = np.minimum(paper, _WHITE - mark[: paper.shape[0], : paper.shape[1]])

    def line(self, x: int, y: int, width: int, height: int) -> None:
        """Draw a black rectangle that begins at (x, y)."""
        self.pixels[y : y + height, x : x + width] = _BLACK

    def values(
        self, x: int, y: int, values: NDArray[np.float32], lowest: float, highest: float
    ) -> None:
        """Colour pixels by (height, width) values, the first row at the top."""
        step = (highest - lowest) / (N_COLOURS - 1) or 1.0
        with np.errstate(all="ignore"):
            colours = np.clip(np.rint((values - lowest) / step), 0, N_COLOURS - 1)
        colours = np.where(np.isnan(values), _NOTHING, np.nan_to_num(colours))
        height, width = values.shape
        self.pixels[y : y + height, x : x + width] = colours

    def save(self, file: IO[bytes]) -> None:
        """Write the picture as a PNG."""
        image = load_extra("PIL.Image").fromarray(self.pixels)
        image.putpalette(_palette(self._two_sided))
        image.save(file, "PNG", compress_level=2)
