"""Normalisation of each band of a spectrogram over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from kapre_ref._checks import check_at_least, check_choice, check_flag, check_integer, check_number

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalisation:
    """How the values of each band are normalised over the frames of a signal.

    Parameters
    ----------
    divide : bool
        Divide by the standard deviation; else only the mean is taken off (WeSpeaker).
    ddof : int
        What is subtracted from the number of frames in the variance, which leaves at least 1: 1 in
        NeMo and SeamlessM4T, 0 in speech_to_text.
    eps : float
        Added before the division, so that a constant band does not divide by 0: 1e-5 in NeMo.
    eps_in : 'deviation' or 'variance'
        What `eps` is added to: the deviation (NeMo), or the variance below the root (SeamlessM4T).
    drop_last : bool
        Leave the last frame out of the mean and the deviation, and make it 0 (NeMo).

    Raises
    ------
    TypeError, ValueError
        If a field is of the wrong kind or out of range.
    """

    divide: bool = True
    ddof: int = 0
    eps: float = 0.0
    eps_in: Literal["deviation", "variance"] = "deviation"
    drop_last: bool = False

    def __post_init__(self) -> None:
        """Check each field."""
        checked = {
            "divide": check_flag("divide", self.divide),
            "ddof": check_integer("ddof", self.ddof, 0),
            "eps": check_number("eps", self.eps),
            "drop_last": check_flag("drop_last", self.drop_last),
        }
        check_at_least("eps", self.eps, 0, "0")
        check_choice("eps_in", self.eps_in, ("deviation", "variance"))
        for name, value in checked.items():
            object.__setattr__(self, name, value)


def normalised_reference(y: NDArray[np.float64], how: Normalisation) -> NDArray[np.float64]:
    """Take the mean over time off each band, and divide it by its deviation."""
    counted = y[..., :-1, :] if how.drop_last else y
    n_frames = counted.shape[-2]
    if not n_frames:
        return np.zeros_like(y)
    z = y - counted.mean(axis=-2, keepdims=True)
    z = z - z[..., :n_frames, :].mean(axis=-2, keepdims=True)  # what the mean lost when rounded
    if how.divide:
        squares = (z[..., :n_frames, :] ** 2).sum(axis=-2, keepdims=True)
        variance = squares / max(n_frames - how.ddof, 1)  # 0 of one frame, as in NeMo
        root_of = variance + how.eps if how.eps_in == "variance" else variance
        z = z / (np.sqrt(root_of) + (how.eps if how.eps_in == "deviation" else 0))
    if how.drop_last:
        z[..., -1:, :] = 0
    return np.asarray(z)
