"""Results that the command wrote: their features, and the plan of the folder around them."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Features = NDArray[Any]

SUFFIXES = (".npy", ".npz", ".parquet", ".tar")
# A file that is no result raises one of these.
WRONG = (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, tarfile.TarError)


@lru_cache(maxsize=16)
def plan_around(path: str) -> tuple[str, dict[str, Any] | None]:
    """Return the nearest folder around a path that has a plan, and the record of that plan."""
    from kapre_ref.job._plan import JOB
    from kapre_ref.job._remote import open_store

    while path:
        store = open_store(path)
        if store.size(JOB) is not None:
            return path, json.loads(store.read(JOB))
        path, before = os.path.dirname(path), path
        if path == before:
            break
    return "", None


def features_in(path: str, bands_first: bool) -> Iterator[Features]:
    """Yield (..., n_frames, n_bands) of each recording in a file.

    The order of the axes comes from an .npz or from the plan around the file. For all other files,
    `bands_first` tells it.
    """
    readers = {".parquet": _of_parquet, ".tar": _of_tar, ".npz": _of_npz}
    suffix = os.path.splitext(path)[1].lower()
    _, record = plan_around(os.path.dirname(os.path.abspath(path)))
    if record is not None:
        front_end = record["asked"]["feature"].get("front_end", {})
        bands_first = not front_end.get("time_first", True)
    for values, has_bands_first in readers.get(suffix, _of_npy)(path):
        if values.ndim not in (2, 3):
            raise ValueError(f"it must have two axes, or three with channels, got {values.ndim}")
        is_turned = bands_first if has_bands_first is None else has_bands_first
        yield values.swapaxes(-1, -2) if is_turned else values


def _of_npy(path: str) -> Iterator[tuple[Features, bool | None]]:
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError(f"it must be a result, which ends in {', '.join(SUFFIXES)}")
    yield np.load(path), None


def _of_npz(path: str) -> Iterator[tuple[Features, bool | None]]:
    with np.load(path) as made:
        has_bands_first = None
        if "front_end" in made:
            has_bands_first = not json.loads(str(made["front_end"])).get("time_first", True)
        yield made["features"], has_bands_first


def _of_parquet(path: str) -> Iterator[tuple[Features, None]]:
    from kapre_ref.job._formats import load_pyarrow

    file = load_pyarrow().parquet.ParquetFile(path)
    for batch in file.iter_batches(1, columns=["features", "shape"]):
        (features,), (shape,) = batch.columns
        if features.is_valid:
            yield np.reshape(features.values.flatten(), shape.as_py()), None


def _of_tar(path: str) -> Iterator[tuple[Features, None]]:
    with tarfile.open(path, "r:") as members:
        for member in members:
            file = members.extractfile(member) if member.name.endswith(".npy") else None
            if file is not None:
                yield np.load(io.BytesIO(file.read())), None
