"""How the features of a recording are written, so that no file is ever incomplete."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import zipfile
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.command.recording_features import RecordingFeatures

    Dtype = np.dtype[Any]

_FLOAT32 = np.dtype(np.float32)


def picture_of(output: str) -> str:
    """Return the path of the picture beside an output."""
    return os.path.splitext(output)[0] + ".png"


@contextmanager
def atomic_file(path: str, unfinished: str = "") -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when it is complete, and is removed otherwise.

    Until then it has the name `unfinished`, or one beside `path` by which the next call finds what
    a dead process left.
    """
    own, is_beside = "", not unfinished
    if is_beside:
        folder, name = os.path.split(path)
        # A hash stands for the name, since a name of the greatest length allows no addition.
        own = f".kapre_ref-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}-"
        unfinished = os.path.join(folder, f"{own}{secrets.token_hex(8)}.part")
    try:
        with _created(unfinished) as file:
            yield file
        _move(unfinished, path)
        if is_beside:
            for other in os.listdir(folder or os.curdir):
                if other.startswith(own) and other.endswith(".part"):
                    os.unlink(os.path.join(folder, other))
    except BaseException as error:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(unfinished)
        if isinstance(error, OSError) and error.filename == unfinished:
            error.filename = path  # The reader of the message knows this name.
        raise


def _created(path: str) -> BinaryIO:
    """Create a file, and its folder if that is missing; to ask first would cost time each time."""
    for _ in range(2):  # Another run that ends may remove the folder a second time.
        with suppress(FileNotFoundError):
            return open(path, "xb")
        os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
    return open(path, "xb")


def _move(unfinished: str, path: str) -> None:
    try:
        os.replace(unfinished, path)
    except FileNotFoundError:
        # Another run that made the same file meanwhile has cleared its unfinished files away.
        if os.path.isfile(path) and not os.path.isfile(unfinished):
            return
        os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
        os.replace(unfinished, path)


def write_npy(file: BinaryIO, features: RecordingFeatures, dtype: Dtype = _FLOAT32) -> None:
    """Write the features as an .npy."""
    _write_features(file, features, dtype)


def write_npz(
    file: BinaryIO,
    features: RecordingFeatures,
    parameters: dict[str, Any],
    front_end: str,
    dtype: Dtype = _FLOAT32,
) -> None:
    """Write an .npz with the features, the meaning of their axes, and how they were made."""
    arrays: dict[str, Any] = {
        "times": features.front_end.times(features.n_frames),
        "sample_rate": np.array(features.sample_rate),
        "parameters": np.array(json.dumps(parameters)),
        "front_end": np.array(front_end),
    }
    if features.has_coefficients:
        arrays["coefficients"] = np.arange(features.n_values)
    else:
        arrays["frequencies"] = frequencies_of(features.front_end)
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("features.npy", "w", force_zip64=True) as member:
            _write_features(member, features, dtype)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def frequencies_of(front_end: FrontEnd) -> NDArray[np.float64]:
    """Return the frequency of each bin, or the centre of each band, Hz."""
    if front_end.bands is None:  # A product with the distance of two bins would round less often.
        return (
            np.arange(front_end.n_freq, dtype=np.float64) * front_end.sample_rate / front_end.n_fft
        )
    return front_end.frequencies()


def features_array(features: RecordingFeatures, dtype: Dtype) -> NDArray[Any]:
    """Return the features as one array."""
    result = np.empty(features.shape, dtype)
    flat = result.ravel()
    position = 0
    for chunk in _chunks_as_stored(features, dtype):
        flat[position : position + chunk.size] = chunk.ravel()
        position += chunk.size
    return result


def _write_features(file: IO[bytes], features: RecordingFeatures, dtype: Dtype) -> None:
    file.write(npy_header(features.shape, dtype))
    for chunk in _chunks_as_stored(features, dtype):
        file.write(np.ascontiguousarray(chunk).data)


@lru_cache(maxsize=16)
def npy_header(shape: tuple[int, ...], dtype: Dtype) -> bytes:
    """Return the header of an .npy in C order."""
    header = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def _chunks_as_stored(features: RecordingFeatures, dtype: Dtype) -> Iterator[NDArray[Any]]:
    """Yield the numbers of all channels in the order of the result, in its dtype.

    Numbers beyond the range of the dtype raise ValueError.
    """
    for channel in range(features.n_channels):
        for chunk in features.chunks_as_stored(channel):
            if chunk.dtype == dtype:
                yield chunk
                continue
            with np.errstate(over="ignore"):
                numbers = chunk.astype(dtype)
            if np.any(np.isinf(numbers) & np.isfinite(chunk)):
                raise ValueError(
                    f"dtype must have room for the features: {dtype} ends at "
                    f"{np.finfo(dtype).max:g}, and there are values up to {np.abs(chunk).max():g}"
                )
            yield numbers
