"""A signal in pieces, each with the front end by which its frames are those of the whole signal."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


class Piece(NamedTuple):
    """Some samples of a signal, and which of their frames count."""

    front_end: FrontEnd
    signal: NDArray[np.float32]  # (channel, time)
    frames: slice


def pieces(
    blocks: Iterable[NDArray[np.float32]], front_end: FrontEnd, n_numbers: int, n_frames: int
) -> Iterator[Piece]:
    """Cut a signal so that the frames of all pieces are those of the whole signal, in order.

    `blocks` are (channel, time). Pieces have about `n_frames` frames at most, and about `n_numbers`
    samples of all channels, or those of a block. Nothing is padded or emphasised here: the first
    piece has the front end's start, the last one its end, and those between have neither. Of 18
    samples, with `win_length` 4, `hop_length` 2 and 3 samples of padding on both sides:

        numbers of samples     . . . 0 1 2 3 4 5 6 7 8 9 a b c d e f g h . . .
        first                  |_________________|                              frames 0 to 3
        between                            |_________|                          frames 3 to 4
        last                                   |_____________________________|  frames 4 to 10

    Of each piece after the first, the first frame is there for the second time and does not count.
    """
    signal = _Signal(_cuts_of(front_end))
    for block in blocks:
        signal.append(block)
        if signal.held.size >= n_numbers or signal.n_ready - signal.n_done >= n_frames:
            yield from signal.ready_pieces(n_frames, math.inf)
    n_in_all = front_end.n_frames(signal.n_samples)
    yield from signal.ready_pieces(n_frames, n_in_all - n_frames)
    if n_in_all > signal.n_done:
        yield signal.last_piece(n_in_all)


class _Signal:
    """The samples that are still needed of a signal, and how many frames are done."""

    def __init__(self, cuts: _Cuts) -> None:
        self._cuts = cuts
        self._start = 0  # the number of the first sample held
        self.held = np.zeros((0, 0), np.float32)  # (channel, time)
        self.n_samples = self.n_ready = self.n_done = 0

    def append(self, block: NDArray[np.float32]) -> None:
        """Add samples, and count the frames that no later sample can change."""
        is_first = not len(self.held)
        self.held = block if is_first else np.concatenate([self.held, block], axis=1)
        self.n_samples += block.shape[1]
        self.n_ready = self._cuts.n_ready(self.n_samples)

    def ready_pieces(self, n_frames: int, n_enough: float) -> Iterator[Piece]:
        """Yield pieces until `n_enough` frames are done, or all that are ready."""
        cuts = self._cuts
        while self.n_done < min(self.n_ready, n_enough):
            last = min(self.n_ready, max(self.n_done + n_frames, cuts.n_first))
            signal = self.held[:, : cuts.stop(last) - self._start]
            yield self._piece(cuts.between if self.n_done else cuts.first, signal, last)
            self.n_done = last
            start = cuts.start(last)
            self.held, self._start = self.held[:, start - self._start :], start

    def last_piece(self, n_in_all: int) -> Piece:
        """Return the piece that ends with the signal."""
        front_end = self._cuts.last if self.n_done else self._cuts.whole
        return self._piece(front_end, self.held, n_in_all)

    def _piece(self, front_end: FrontEnd, signal: NDArray[np.float32], last: int) -> Piece:
        n_skipped = int(self.n_done > 0)
        return Piece(front_end, signal, slice(n_skipped, last - self.n_done + n_skipped))


class _Cuts:
    """Where a signal may be cut for a front end; samples count from the first one that is given.

    A piece begins with the last frame of the piece before. So it begins among samples that are
    there, however far away the next frame is, and the last piece has all that its end reflects.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        f = self.whole = front_end
        self._win_length, self._hop_length = f.win_length, f.hop_length
        self._n_padded = max(0, f.pad_left)
        self._first_sample = max(0, -f.pad_left) + f.drops_first
        is_emphasised = f.preemphasis != 0 and f.preemphasis_first != "frame"
        # A piece inside the signal has the sample before its first one, which pre-emphasis needs.
        self._n_before = int(is_emphasised)
        inside = f.replace(preemphasis_first="drop") if is_emphasised else f
        self.first = f.replace(pad_right=0)
        self.between = inside.replace(pad_left=0, pad_right=0)
        self.last = inside.replace(pad_left=0)
        # The first piece has all frames that reach before the first sample, and two more, so that
        # the last of them begins behind it.
        self.n_first = self._n_padded // f.hop_length + 2
        reflects = f.pad_mode != "zeros"
        # Samples that the start reflects, with the one at which it does; and those that the end
        # reflects or cuts off, before which the last frame of the piece before has one more.
        self._n_start = self._first_sample + self._n_padded + 1 if reflects else 0
        self._n_end = max(-f.pad_right, f.pad_right if reflects else 0)

    def n_ready(self, n_samples: int) -> int:
        """Count the frames that may be computed when so many samples are there, and more follow."""
        n_samples -= self._n_end
        n_frames = self.first.n_frames(max(0, n_samples))
        return n_frames if n_samples >= self._n_start and n_frames >= self.n_first else 0

    def start(self, n_done: int) -> int:
        """Return the first sample of a piece that follows so many frames."""
        return self._first_of(n_done - 1) - self._n_before

    def stop(self, n_frames: int) -> int:
        """Return the sample at which a piece ends whose frames end with so many."""
        return max(self._first_of(n_frames - 1) + self._win_length, self._n_start)

    def _first_of(self, frame: int) -> int:
        return self._first_sample + frame * self._hop_length - self._n_padded


@lru_cache(maxsize=16)
def _cuts_of(front_end: FrontEnd) -> _Cuts:
    return _Cuts(front_end)
