"""Lines that the command prints, its progress bar, and the signals that stop it."""

from __future__ import annotations

import mmap
import signal
import sys
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from kapre_ref._first_use import Watch
from kapre_ref.command.decoders import load_extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

MINUTE = 60.0  # s
_STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP.


class Progress:
    """The progress of the work: a bar on a terminal, otherwise a line a minute on stderr."""

    def __init__(self, n_recordings: int, quiet: bool) -> None:
        self._n_recordings, self._n_done, self._seconds = n_recordings, 0, 0.0
        self._is_shown = n_recordings > 1 and not quiet
        self._bar: Any = None
        self._started = self._told = time.monotonic()

    def __enter__(self) -> Progress:
        if self._is_shown and sys.stderr.isatty():
            tqdm = load_extra("tqdm").tqdm
            self._bar = tqdm(total=self._n_recordings, unit="recording", file=sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def add(self, n_recordings: int, seconds: float) -> None:
        """Count recordings that are done, and the seconds of sound in them."""
        self._n_done += n_recordings
        self._seconds += seconds
        now = time.monotonic()
        speed = self._seconds / 3600 / max(now - self._started, 1e-3)
        if self._bar is not None:
            self._bar.set_postfix_str(f"{speed:.2g} h of sound/s", refresh=False)
            self._bar.update(n_recordings)
        elif self._is_shown and now - self._told >= MINUTE:
            self._told = now
            say(
                f"kapre-ref: {self._n_done} of {self._n_recordings} recordings, "
                f"{self._n_done / (now - self._started):.3g} recordings/s, "
                f"{speed:.2g} h of sound/s",
                sys.stderr,
            )

    def say(self, line: str, stream: IO[str] | None = None) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.clear()
        say(line, stream)


@contextmanager
def short_warnings() -> Iterator[None]:
    """Print each warning once, in one line, without the line of code that raised it."""
    said = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in said:
            said.add(str(message))
            say(f"kapre-ref: warning: {message}", sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def tell_of_compiling() -> None:
    """Print once, in all processes together, that kernels are compiled, or cannot be kept."""
    said = mmap.mmap(-1, 2)  # a byte for each message, which forked workers share

    def once(index: int, text: str) -> None:
        if not said[index]:
            said[index] = 1
            with suppress(OutputError, BrokenPipeError):
                say(f"kapre-ref: note: {text}", sys.stderr)

    def not_kept(folders: Sequence[object]) -> None:
        once(
            1,
            "the compiled kernels cannot be kept, so that every start will take as long: "
            f"{' and '.join(map(str, folders))} cannot be written; set NUMBA_CACHE_DIR to a folder "
            "that can",
        )

    Watch.compiling = lambda: once(0, "compiling kernels for this processor, once; some seconds")
    Watch.not_kept = not_kept


def say(text: str, stream: IO[str] | None = None) -> None:
    """Print a line; characters that the stream cannot show are escaped."""
    stream = stream or sys.stdout
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror or str(error)) from error


class OutputError(Exception):
    """Standard output or standard error cannot be written to."""


class Interrupted(BaseException):
    """A signal asked the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Signal handlers that raise `Interrupted`, so that half-written files are removed."""

    def __init__(self) -> None:
        self._earlier: dict[int, Any] = {}
        self._last: tuple[int, float] | None = None  # signal, time
        self._hook = sys.unraisablehook

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for each in (getattr(signal, name) for name in _STOPPING if hasattr(signal, name)):
            handler = signal.getsignal(each)
            if handler not in (
                signal.SIG_IGN,
                None,
            ):  # It is ignored in the background, for example.
                self._earlier[each] = handler
                signal.signal(each, self._interrupt)
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable

    def __exit__(self, *_: object) -> None:
        if sys.unraisablehook == self._unraisable:
            sys.unraisablehook = self._hook
        for each, handler in self._earlier.items():
            signal.signal(each, handler)
        self._earlier.clear()
        self._last = None

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        # A second signal within a second must not interrupt the cleaning up.
        if self._last is None or now - self._last[1] > 1:
            self._last = (number, now)
            raise Interrupted(number)

    def _unraisable(self, what: sys.UnraisableHookArgs) -> None:
        """Report an error that Python drops, unless it follows an interruption.

        `check` raises the interruption; objects that it left half made may fail in `__del__`.
        """
        if self._last is None:
            self._hook(what)

    def check(self) -> None:
        """Raise an interruption that got lost, as in a `__del__` or a callback of C."""
        if self._last is not None:
            raise Interrupted(self._last[0])


interrupts = Interrupts()
