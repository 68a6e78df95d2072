"""One recording of a job: its row in the index, and its features or why there are none."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref.command.decoders import MissingExtraError
from kapre_ref.command.feature_files import features_array, write_npy, write_npz
from kapre_ref.command.recording_features import RecordingFeatures, TooShortError
from kapre_ref.command.recordings import Recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref.job import Job
    from kapre_ref.job._plan import Planned
    from kapre_ref.job._remote import Fetcher
    from kapre_ref.job._store import Output

    Row = dict[str, Any]
    Features = NDArray[np.float16 | np.float32]

_LONGEST = 255  # bytes that a file system allows for a name
_FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS"))


class OutputError(Exception):
    """Nothing more can be written to the output folder, whatever the recording."""


def output_name(key: str, suffix: str) -> str:
    """Return the name of a recording's result: its path below the input, and a suffix.

    If the file system does not allow a name so long, a hash of the name replaces its end.
    """
    folder, name = os.path.split(key)
    if len(os.fsencode(name)) + len(suffix) > _LONGEST:
        whole = os.fsencode(name)
        room = _LONGEST - len(suffix) - 17
        name = whole[:room].decode(errors="ignore") + "-" + hashlib.sha256(whole).hexdigest()[:16]
    return os.path.join(folder, name + suffix)


def empty_row(planned: Planned, error: str) -> Row:
    """Return the row of a recording that has no features."""
    return {
        "recording": planned.path,
        "key": planned.key,
        "output": None,
        "shape": None,
        "sample_rate": None,
        "seconds": 0.0,
        "warning": None,
        "error": error,
        "output_bytes": None,
        "bytes": planned.n_bytes,
        "mtime_ns": planned.mtime_ns,
    }


def compute(
    job: Job, planned: Planned, store: Output, output: str, tag: str, fetcher: Fetcher | None = None
) -> tuple[Row, Features | None]:
    """Compute the features of a recording; return its row, and the features unless it wrote them.

    If the format has a file for each recording, they are written to the file `output`. The fetcher
    brings remote recordings to this machine.
    """
    row = empty_row(planned, "")
    try:
        how = (job.mono, job.sample_rate, job.keep_partial)
        local = fetcher.local(planned.path) if fetcher else nullcontext(planned.path)
        with local as path, Recording(path, *how) as recording:
            front_end = job.asked.front_end_at(recording.sample_rate)
            with _features_of(job, recording, front_end, store.scratch) as features:
                row |= {
                    "output": output,
                    "shape": list(features.shape),
                    "sample_rate": features.sample_rate,
                    "seconds": features.seconds,
                    "warning": recording.missing,
                    "error": None,
                }
                values = _written(job, features, store, output, tag)
                if job.plot:
                    _draw(job, features, store, planned, output, tag)
    except MissingExtraError:  # All other recordings would fail in the same way.
        raise
    except Exception as error:
        # A recording may fail in any way without ending the job; a full disk does end it.
        if isinstance(error, OSError) and error.errno in _FULL:
            raise OutputError(f"{job.out}: {error.strerror}") from error
        return empty_row(planned, reason(error, planned.path)), None
    return row, values


def _features_of(
    job: Job, recording: Recording, front_end: Any, scratch: str | None
) -> RecordingFeatures:
    try:
        return RecordingFeatures(recording, front_end, job.asked.n_mfccs, scratch)
    except TooShortError as error:
        advice = "; --pad-end fills it with zeros" if job.asked.is_kapre else ""
        raise ValueError(f"{error}{advice}") from error


def _written(
    job: Job, features: RecordingFeatures, store: Output, output: str, tag: str
) -> Features | None:
    """Write the features to a file of their own, or return them if the format has no such file."""
    dtype = np.dtype(job.dtype)
    if job.format not in ("npy", "npz"):
        return features_array(features, dtype)
    with store.create(output, tag) as file:
        if job.format == "npy":
            write_npy(file, features, dtype)
        else:
            write_npz(file, features, *job.asked.made_by(features.front_end), dtype)
    return None


def _draw(
    job: Job, features: RecordingFeatures, store: Output, planned: Planned, output: str, tag: str
) -> None:
    from kapre_ref.command.plot import draw_features

    title = f"{os.path.basename(planned.path)}: {job.asked.title}"
    with store.create(picture_name(job, planned, output), tag) as file:
        draw_features(file, features, title, job.asked.decibel)


def picture_name(job: Job, planned: Planned, output: str) -> str:
    """Return where the picture of a recording lies."""
    if job.format in ("npy", "npz"):
        return os.path.splitext(output)[0] + ".png"
    return output_name(planned.key, ".png")


def reason(error: Exception, path: str) -> str:
    """Describe an error in one line, without the path, which the caller puts before it."""
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename not in (None, path) else ""
        return error.strerror + where
    # soundfile's message repeats the path; its cause does not.
    text = " ".join(str(getattr(error, "error_string", error)).split())
    if isinstance(error, ValueError | RuntimeError) and text:
        return text
    return f"{type(error).__name__}: {text}"
