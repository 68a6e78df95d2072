"""What the command would do: it lists each recording with its length, and their totals."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from kapre_ref.command.recordings import Mixture, Recording
from kapre_ref.command.terminal import interrupts, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kapre_ref.command.search import Found, PassedOver


def dry_run(
    found: Sequence[Found],
    failures: Sequence[tuple[str, str]],
    passed_over: PassedOver,
    mono: bool,
    sample_rate: float | None,
) -> int:
    """Print what the header of each recording says; return 1 if any cannot be opened, else 0."""
    failed, mixture, seconds, n_bytes = list(failures), Mixture(), 0.0, 0
    for path, _ in found:
        if not os.path.isfile(path):
            say(f"{path}: a pipe or device, which is read when its features are computed")
            continue
        try:
            with Recording(path, mono, sample_rate) as recording:
                mixture.add(recording.sample_rate, recording.n_channels)
                length = recording.announced_seconds
                rate, n_channels = recording.stored_rate, recording.n_channels
        except (OSError, ValueError) as error:
            failed.append((path, getattr(error, "strerror", None) or str(error)))
            continue
        seconds += length or 0.0
        n_bytes += os.path.getsize(path)
        shown = "of unknown length" if length is None else f"{length:.2f} s"
        channels = "1 channel" if n_channels == 1 else f"{n_channels} channels"
        say(f"{path}: {shown} at {rate:g} Hz, {channels}")
        interrupts.check()
    for path, why in failed:
        say(f"kapre-ref: failed: {path}: {why}", sys.stderr)
    for text in (*mixture.warnings(), str(passed_over)):
        if text:
            say(f"kapre-ref: warning: {text}", sys.stderr)
    say(
        f"{len(found)} recordings, {seconds / 3600:.2f} h, {n_bytes / 1e6:.1f} MB, "
        f"{len(failed)} failed; nothing was written"
    )
    return 1 if failed else 0
