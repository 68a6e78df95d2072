"""Features of sound that is still arriving, to the bit those of the whole signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._checks import check_floating_dtype, check_integer, check_signal
from kapre_ref._pieces import Piece, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import DTypeLike, NDArray

    from kapre_ref._front_end import FrontEnd


class Stream:
    """Features of a signal that comes chunk by chunk; `FrontEnd.stream` makes it.

    `push` returns the frames that are complete, `finish` the others. All of them, one after the
    other, are what the front end gives for the whole signal, to the bit, however it is cut. A
    stream keeps the samples that frames to come need, and can be pickled at any time.
    """

    def __init__(self, front_end: FrontEnd, n_channels: int | None, dtype: DTypeLike) -> None:
        self.front_end = front_end
        self.n_channels = None if n_channels is None else check_integer("n_channels", n_channels, 1)
        self.dtype = check_floating_dtype("dtype", dtype)
        _refuse_what_needs_all(front_end)
        self._signal: Signal | None = Signal(front_end)

    def push(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return the frames that are complete.

        Parameters
        ----------
        chunk : NumPy array, (time,), or (n_channels, time), of the stream's dtype
            Any number of samples, 0 too.

        Returns
        -------
        array
            (n_frames, n_values), or with channels before; bands first if the front end has them so.

        Raises
        ------
        TypeError
            If `chunk` is not a NumPy array of that dtype.
        ValueError
            If its shape does not fit, or the stream is finished.
        """
        signal = self._open_signal("push")
        check_signal("chunk", chunk)
        if chunk.dtype != self.dtype or type(chunk) not in (np.ndarray, np.memmap):
            raise TypeError(
                f"chunk must be a NumPy array of the stream's dtype, {self.dtype}, got "
                f"{chunk.dtype} of {type(chunk).__module__}"
            )
        expected = () if self.n_channels is None else (self.n_channels,)
        if chunk.ndim != len(expected) + 1 or chunk.shape[:-1] != expected:
            wanted = "(time,)" if self.n_channels is None else f"({self.n_channels}, time)"
            raise ValueError(f"chunk must have shape {wanted}, got {chunk.shape}")
        # The caller may use its memory for the next samples.
        signal.append(np.array(chunk, self.dtype, ndmin=2, order="C"))
        return self._frames_of(signal.ready_pieces(signal.n_ready))

    def finish(self) -> NDArray[Any]:
        """End the signal, and return the frames that its end completes.

        Returns
        -------
        array
            As `push`.

        Raises
        ------
        ValueError
            If the stream is finished already.
        """
        signal = self._open_signal("finish")
        self._signal = None
        n_in_all = self.front_end.count_frames(signal.n_samples)
        return self._frames_of([signal.last_piece(n_in_all)] if n_in_all > signal.n_done else [])

    def _open_signal(self, method: str) -> Signal:
        if self._signal is None:
            raise ValueError(f"{method} must not follow finish, which ended the signal")
        return self._signal

    def _frames_of(self, pieces: Iterable[Piece]) -> NDArray[Any]:
        f = self.front_end
        axis = 1 if f.time_first else 2
        shape = (0, f.n_values) if f.time_first else (f.n_values, 0)
        parts = [np.empty((self.n_channels or 1, *shape), self.dtype)]
        for piece in pieces:
            values = piece.front_end(piece.signal[None])[0]
            parts.append(values[(slice(None),) * axis + (piece.frames,)])
        frames = np.concatenate(parts, axis=axis) if len(parts) != 2 else parts[1].copy()
        return frames[0] if self.n_channels is None else frames


def _refuse_what_needs_all(front_end: FrontEnd) -> None:
    """Refuse what only the end of a signal tells."""
    if front_end.dynamic_range is not None:
        raise ValueError(
            f"dynamic_range must be None in a stream, which knows no peak before its end, got "
            f"{front_end.dynamic_range}; take a front end with a floor that is as high"
        )
    if front_end.normalisation is not None:
        raise ValueError(
            f"normalisation must be None in a stream, which knows no mean before its end, got "
            f"{front_end.normalisation}; give the mean and the deviation of each band as an offset "
            f"and a gain"
        )
