"""Names of what arguments may be, so that a type checker finds a wrong word or a wrong dtype."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

DataFormat: TypeAlias = Literal["channels_first", "channels_last", "default"]
DeltaMode: TypeAlias = Literal["symmetric", "reflect", "constant"]
LengthMode: TypeAlias = Literal["constant", "repeat", "repeatpad"]
MelNorm: TypeAlias = Literal["slaney"] | float | None
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

Float = TypeVar("Float", bound="np.floating[Any]")  # the dtype of an operation and its result
Scalar = TypeVar("Scalar", bound=np.generic)
