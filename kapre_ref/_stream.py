"""Features of sound that is still arriving, to the bit those of the whole signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._checks import (
    check_floating_dtype,
    check_integer,
    check_same_place,
    check_signal,
)
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import as_tensor, view_of
from kapre_ref._sections import Section, Signal

if TYPE_CHECKING:
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
        front_end.check_dtype(self.dtype)
        self._signal: Signal | None = Signal(front_end)
        self._like: Any = None  # an empty tensor of the last chunk's library, if it was a tensor

    def push(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Take the next samples, and return the frames that are complete.

        Parameters
        ----------
        chunk : array, (time,), or (n_channels, time), of the stream's dtype
            Any number of samples, 0 too. They are copied, so the caller may use their memory again.

        Returns
        -------
        array, in the library of the chunks
            (n_frames, n_values), or with channels before; bands first if the front end has them so.

        Raises
        ------
        TypeError
            If `chunk` is not an array of that dtype, or of another library than the one before.
        ValueError
            If its shape does not fit, or the stream is finished.
        """
        signal = self._open_signal("push")
        given = chunk
        if of_another_library(chunk):
            chunk = view_of("chunk", chunk)
        check_signal("chunk", chunk)
        self._check_chunk(chunk)
        if signal.room is not None and type(chunk) is not type(signal.room):
            check_same_place("chunk", chunk, "the chunk before it", signal.room)
        self._like = None if given is chunk else as_tensor(np.empty(0, self.dtype), given)
        signal.append(chunk if chunk.ndim == 2 else chunk[None])
        if signal.n_done == signal.n_ready:
            return self._as_given(self._no_frames(signal))
        return self._as_given(self._frames_of(signal.ready_section(signal.n_ready)))

    def finish(self) -> NDArray[Any]:
        """End the signal, and return the frames that its end completes.

        Returns
        -------
        array
            As `push`, of the library of the last chunk.

        Raises
        ------
        ValueError
            If the stream is finished already.
        """
        signal = self._open_signal("finish")
        self._signal = None
        n_in_all = self.front_end.count_frames(signal.n_samples)
        if signal.n_done >= n_in_all:
            return self._as_given(self._no_frames(signal))
        return self._as_given(self._frames_of(signal.last_section(n_in_all)))

    def _open_signal(self, method: str) -> Signal:
        if self._signal is None:
            raise ValueError(f"{method} must not follow finish, which ended the signal")
        return self._signal

    def _as_given(self, frames: NDArray[Any]) -> NDArray[Any]:
        return frames if self._like is None else as_tensor(frames, self._like)

    def _check_chunk(self, chunk: NDArray[Any]) -> None:
        """Require the dtype and the shape of the stream's chunks."""
        if chunk.dtype != self.dtype:
            raise TypeError(
                f"chunk must have the stream's dtype, {self.dtype}, got {chunk.dtype}; convert it, "
                f"or make the stream with dtype={str(chunk.dtype)!r}"
            )
        n_channels, shape = self.n_channels, chunk.shape
        if len(shape) != 1 if n_channels is None else len(shape) != 2 or shape[0] != n_channels:
            wanted = "(time,)" if n_channels is None else f"({n_channels}, time)"
            raise ValueError(f"chunk must have shape {wanted}, got {shape}")

    def _frames_of(self, section: Section) -> NDArray[Any]:
        """Compute the frames of a section, and return those that count."""
        f, signals = section.front_end, section.signal
        n_channels, n_samples = signals.shape
        n_frames, start, stop = f.count_frames(n_samples), section.frames.start, section.frames.stop
        kernels, time_first = kernels_for(signals), f.time_first
        shape = (n_frames, f.n_values) if time_first else (f.n_values, n_frames)
        values: NDArray[Any] = kernels.empty((1, n_channels, *shape), self.dtype, signals)
        kernels.features(signals[None], f, values if time_first else values.swapaxes(2, 3))
        result: NDArray[Any] = values[0] if self.n_channels is not None else values[0, 0]
        if stop - start == n_frames:
            return result
        result = result[..., start:stop, :] if time_first else result[..., start:stop]
        return result.copy()

    def _no_frames(self, signal: Signal) -> NDArray[Any]:
        """Return a result of no frames, in the library of the chunks."""
        f = self.front_end
        leading = () if self.n_channels is None else (self.n_channels,)
        shape = (*leading, 0, f.n_values) if f.time_first else (*leading, f.n_values, 0)
        like = np.empty(0) if signal.room is None else signal.room
        return kernels_for(like).empty(shape, self.dtype, like)


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
