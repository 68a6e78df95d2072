"""Types of arguments, so that a type checker finds a wrong word or a wrong dtype."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

DataFormat: TypeAlias = Literal["channels_first", "channels_last", "default"]
DeltaMode: TypeAlias = Literal["symmetric", "reflect", "constant"]
EdgeMode: TypeAlias = Literal["zeros", "reflect", "mirror", "edge", "odd"]
FirstSample: TypeAlias = Literal["signal", "drop", "frame"]
FloorBy: TypeAlias = Literal["max", "add"]
LengthMode: TypeAlias = Literal["constant", "repeat", "repeatpad"]
LinearIn: TypeAlias = Literal["hz", "mel", "left"]
Logarithm: TypeAlias = Literal["none", "ln", "log10", "10log10"]
DctNorm: TypeAlias = Literal["htk", "ortho"] | None
MelScale: TypeAlias = Literal["htk", "slaney"]
RangeOver: TypeAlias = Literal["channel", "item", "call"]
MelNorm: TypeAlias = Literal["slaney"] | float | None
PeakOver: TypeAlias = Literal["call", "item"]
StackEdge: TypeAlias = Literal["repeat", "zeros", "drop"]
WindowName: TypeAlias = Literal[
    "hamming_window",
    "hann_window",
    "kaiser_bessel_derived_window",
    "kaiser_window",
    "vorbis_window",
    "hamming",
    "hann",
    "kaiser_bessel_derived",
    "kaiser",
    "vorbis",
]
FrontEndWindow: TypeAlias = Literal[
    "hann",
    "hamming",
    "blackman",
    "ones",
    "hann_symmetric",
    "hamming_symmetric",
    "povey",
    "hamming_window",
    "hann_window",
    "kaiser_bessel_derived_window",
    "kaiser_window",
    "vorbis_window",
]

Float = TypeVar("Float", bound="np.floating[Any]")  # the dtype of an operation and its result
Scalar = TypeVar("Scalar", bound=np.generic)
