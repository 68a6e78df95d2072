"""Sections of a signal, each with the front end that gives it the frames of the whole signal."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kapre_ref._dispatch import kernels_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


_FEW = 1 << 16  # samples, for which twice the room takes little memory


class Section(NamedTuple):
    """Some samples of a signal, and which of their frames count."""

    front_end: FrontEnd
    signal: NDArray[Any]  # (channel, time)
    frames: slice
    is_whole: bool = False  # whether it is the whole signal


def sections(
    chunks: Iterable[NDArray[Any]], front_end: FrontEnd, n_numbers: int, n_frames: int
) -> Iterator[Section]:
    """Cut a signal so that the frames of all sections are those of the whole signal, in order.

    `chunks` are (channel, time). Sections have about `n_frames` frames at most, and about
    `n_numbers` samples of all channels, or those of a chunk. Nothing is padded or emphasised here:
    the first section has the front end's start, the last one its end, and those between have
    neither. Of 18 samples, frames of 4, `hop_length` 2 and 3 samples of padding on both sides:

        numbers of samples     . . . 0 1 2 3 4 5 6 7 8 9 a b c d e f g h . . .
        first                  |_________________|                              frames 0 to 3
        between                              |_______|                          frames 4 to 4
        last                                   |_____________________________|  frames 4 to 10

    The last section begins with a frame that an earlier section had, which does not count.

    A signal of one chunk is not copied: a chunk must stay as it is until the next but one.
    """
    chunks = iter(chunks)
    begun = [*islice(chunks, 2)]
    if len(begun) == 1 and 0 < (n_whole := front_end.n_frames(begun[0].shape[1])) <= n_frames:
        yield Section(front_end, begun[0], slice(0, n_whole), is_whole=True)
        return
    signal = Signal(front_end)
    for chunk in chain(begun, chunks):
        signal.append(chunk)
        if signal.n_held * len(chunk) >= n_numbers or signal.n_ready - signal.n_done >= n_frames:
            while signal.n_done < signal.n_ready:
                yield signal.ready_section(n_frames)
    n_in_all = front_end.n_frames(signal.n_samples)
    while signal.n_done < min(signal.n_ready, n_in_all - n_frames):
        yield signal.ready_section(n_frames)
    if n_in_all > signal.n_done:
        yield signal.last_section(n_in_all)


class Signal:
    """The samples that are still needed of a signal, and how many frames are done.

    Samples are written once to a room, and never over others: if it is full, those that are still
    needed go to another one. So sections stay as they are.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        self._cuts = _cuts_of(front_end)
        self.room: NDArray[Any] | None = None  # (channel, time), once there are samples
        self._room_start = 0  # the number of its first sample
        self._first = 0  # the number of the first sample that is still needed
        self.n_samples = self.n_ready = self.n_done = 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave out of a pickle what is no longer needed, or not written yet."""
        state = self.__dict__.copy()
        if self.room is not None:
            state["room"] = self._held(self._first, self.n_samples).copy()
            state["_room_start"] = self._first
        return state

    @property
    def n_held(self) -> int:
        """The number of samples that are still needed."""
        return self.n_samples - self._first

    def append(self, chunk: NDArray[Any]) -> None:
        """Add a copy of samples, and count the frames that no later sample can change."""
        room, end = self.room, self.n_samples + chunk.shape[1]
        if room is None or end - self._room_start > room.shape[1]:
            room = self._next_room(chunk)
        room[:, self.n_samples - self._room_start : end - self._room_start] = chunk
        self.n_samples = end
        self.n_ready = self._cuts.n_ready(end)

    def ready_section(self, n_frames: int) -> Section:
        """Return a section of some frames that are ready, and forget the samples before them."""
        cuts, first = self._cuts, self.n_done
        last = min(self.n_ready, first + n_frames)
        section = self._section((cuts.first, cuts.between), first, cuts.stop(last), last)
        self.n_done = last
        kept = cuts.first_kept(last, self.n_samples)
        if kept >= cuts.n_first:
            self._first = cuts.start(kept)
        return section

    def last_section(self, n_in_all: int) -> Section:
        """Return the section that ends with the signal."""
        cuts = self._cuts
        kept = cuts.first_kept(self.n_done, self.n_samples)
        section = self._section((cuts.whole, cuts.last), kept, self.n_samples, n_in_all)
        return section._replace(is_whole=not self.n_done)

    def _section(
        self, front_ends: tuple[FrontEnd, FrontEnd], first: int, stop: int, last: int
    ) -> Section:
        """Return a section from the frame `first` on, or from the start of the signal."""
        begin, n_skipped = 0, self.n_done
        is_inside = first >= self._cuts.n_first
        if is_inside:
            begin, n_skipped = self._cuts.start(first), self.n_done - first
        frames = slice(n_skipped, n_skipped + last - self.n_done)
        return Section(front_ends[is_inside], self._held(begin, stop), frames)

    def _held(self, start: int, stop: int) -> NDArray[Any]:
        """Return the samples from one number to another."""
        assert self.room is not None, "no frame is ready without samples"
        return self.room[:, start - self._room_start : stop - self._room_start]

    def _next_room(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Make room for a chunk, and after it for as much again if that is little.

        Little rooms are of few sizes, so that kernels see the same layout again and again.
        """
        n = self.n_held + chunk.shape[1]
        if n * len(chunk) <= _FEW:
            n = 2 << n.bit_length()
        room = kernels_for(chunk).empty((len(chunk), n), chunk.dtype, chunk)
        if self.room is not None:
            room[:, : self.n_held] = self._held(self._first, self.n_samples)
        self.room, self._room_start = room, self._first
        return room


class _Cuts:
    """Where a signal may be cut for a front end; samples count from the first one that is given.

    The last frame that is done is kept for the last section. So that begins among samples that are
    there, however far away the next frame is.
    """

    def __init__(self, front_end: FrontEnd) -> None:
        f = self.whole = front_end
        self._frame_length, self._hop_length = f.frame_length, f.hop_length
        n_padded = max(0, f.pad_left)
        first_sample = max(0, -f.pad_left) + f.drops_first
        self._origin = first_sample - n_padded  # the number of the first sample of frame 0
        is_emphasised = f.signal_factor != 0
        # A section inside the signal has the sample before its first one, which pre-emphasis needs.
        self._n_before = int(is_emphasised)
        inside = f.replace(preemphasis_first="drop") if is_emphasised else f
        self.first = _replaced(f, pad_right=0)
        self.between = _replaced(inside, pad_left=0, pad_right=0)
        self.last = _replaced(inside, pad_left=0)
        # The first frame that begins behind the first sample; sections before it begin there.
        self.n_first = n_padded // f.hop_length + 1
        extends = f.pad_mode != "zeros"
        # Samples that the start extends, those that the end extends, and those it cuts off.
        self._n_start = first_sample + n_padded + 1 if extends else 0
        self._n_end = max(0, f.pad_right + 1) + self._n_before if extends else 0
        self._n_cut = max(0, -f.pad_right)

    def n_ready(self, n_samples: int) -> int:
        """Count the frames that may be computed when so many samples are there, and more follow."""
        n_samples -= self._n_cut
        is_enough = n_samples >= 0 and n_samples >= self._n_start
        return self.first.count_frames(n_samples) if is_enough else 0

    def first_kept(self, n_done: int, n_samples: int) -> int:
        """Return the frame that a last section would begin with if the signal ended now."""
        latest = n_samples - self._n_end - self._n_cut - self._origin
        return min(n_done - 1, latest // self._hop_length) if self._n_end else n_done - 1

    def start(self, frame: int) -> int:
        """Return the first sample of a section that begins with a frame."""
        return self._origin + frame * self._hop_length - self._n_before

    def stop(self, n_frames: int) -> int:
        """Return the sample at which a section ends whose frames end with so many."""
        stop = self._origin + (n_frames - 1) * self._hop_length + self._frame_length
        return max(stop, self._n_start)


def _replaced(front_end: FrontEnd, **changes: int) -> FrontEnd:
    """Return a front end itself if nothing changes, which is found sooner than an equal one."""
    changed = front_end.replace(**changes)
    return front_end if changed == front_end else changed


@lru_cache(maxsize=16)
def _cuts_of(front_end: FrontEnd) -> _Cuts:
    return _Cuts(front_end)
