"""Where the features of each recording go, and writing them so that no file is ever half there."""

from __future__ import annotations

import json
import os
import secrets
import zipfile
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kapre_ref._checks import check_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref.command.recording_features import RecordingFeatures
    from kapre_ref.command.search import Found

FORMATS = ("npy", "npz")


def place_outputs(found: Sequence[Found], folder: str, format_name: str) -> list[str]:
    """Return the output of each recording, in `folder`, no two alike.

    An output lies where the recording lies below its input folder and bears its name, with
    another suffix. Recordings that would meet there keep their own suffix too; if they still
    meet, as files of one name from two inputs do, they keep their path below the folder that they
    all share.
    """
    check_choice("format", format_name, FORMATS)
    stems = [os.path.splitext(recording.relative)[0] for recording in found]
    _replace_alike(stems, [recording.relative for recording in found])
    paths = [os.path.abspath(recording.path) for recording in found]
    _replace_alike(stems, paths, _below_common_folder)
    outputs = [os.path.join(folder, f"{stem}.{format_name}") for stem in stems]
    for output, count in Counter(map(_key, outputs)).items():
        if count > 1:
            alike = [r.path for r, o in zip(found, outputs, strict=True) if _key(o) == output]
            raise ValueError(
                f"the outputs of {' and '.join(alike)} would both be {output}; give them in "
                f"separate runs, with another --out"
            )
    return outputs


def _replace_alike(
    names: list[str],
    others: list[str],
    change: Callable[[list[str]], list[str]] = lambda alike: alike,
) -> None:
    """Put the changed `others` in the place of all names that another name equals."""
    positions: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        positions.setdefault(_key(name), []).append(index)
    for alike in positions.values():
        if len(alike) > 1:
            changed = change([others[index] for index in alike])
            for index, name in zip(alike, changed, strict=True):
                names[index] = name


def _below_common_folder(paths: list[str]) -> list[str]:
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, common) for path in paths]


def _key(path: str) -> str:
    return os.path.normcase(os.path.normpath(path))


def picture_of(output: str) -> str:
    """Return the path of the picture beside an output."""
    return os.path.splitext(output)[0] + ".png"


@contextmanager
def atomic_file(path: str) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when it is complete, and is removed otherwise."""
    # A name of its own: the longest name allowed for a file has no room for anything added.
    name = f".kapre_ref-{secrets.token_hex(8)}.part"
    temporary = os.path.join(os.path.dirname(path), name)
    try:
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_npy(file: BinaryIO, features: RecordingFeatures) -> None:
    """Write the features alone, as `numpy.load` reads them."""
    _write_features(file, features)


def write_npz(
    file: BinaryIO, features: RecordingFeatures, parameters: dict[str, Any], front_end: str
) -> None:
    """Write the features with what their axes mean and how they were made."""
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
            _write_features(member, features)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def frequencies_of(front_end: FrontEnd) -> NDArray[np.float64]:
    """Return the frequency of each bin, or the centre of each band, Hz."""
    if front_end.bands is None:  # rounded once more than a product with the distance of two bins
        return (
            np.arange(front_end.n_freq, dtype=np.float64) * front_end.sample_rate / front_end.n_fft
        )
    return front_end.frequencies()


def _write_features(file: IO[bytes], features: RecordingFeatures) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(np.float32))
    header = {"descr": descr, "fortran_order": False, "shape": features.shape}
    np.lib.format.write_array_header_1_0(file, header)
    for channel in range(features.n_channels):
        for stretch in features.stretches(channel):
            file.write(np.ascontiguousarray(stretch).data)
