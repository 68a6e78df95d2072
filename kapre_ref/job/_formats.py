"""Shards in the formats of other tools: Parquet, and tar as WebDataset reads it."""

from __future__ import annotations

import json
import os
import tarfile
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kapre_ref.command.decoders import load_extra
from kapre_ref.command.feature_files import npy_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from kapre_ref.job import Job
    from kapre_ref.job._recording import Features, Row
    from kapre_ref.job._store import Folder

FORMATS = ("npy", "npz", "parquet", "tar")
DTYPES = ("float32", "float16")
_GROUP_ROWS = 16  # A row group has so many recordings, or fewer if they are long.
_GROUP_BYTES = 32 << 20  # A row group ends when it has so many bytes.
_ENDS = {"parquet": b"PAR1", "tar": b"\0" * 1024}  # the last bytes of a file that is whole


def load_pyarrow() -> ModuleType:
    """Import pyarrow with its writer of Parquet files."""
    pyarrow = load_extra("pyarrow", "shards")
    load_extra("pyarrow.parquet", "shards")
    return pyarrow


def is_whole(store: Folder, name: str, format_name: str, n_bytes: int) -> bool:
    """Tell whether a result has its size and the end mark of its format."""
    if store.size(name) != n_bytes:
        return False
    mark = _ENDS.get(format_name, b"")
    return not mark or store.read(name, n_bytes - len(mark), n_bytes) == mark


class ParquetShard:
    """A Parquet file with a row for each recording; its row groups are written as they fill.

    Features are a list of frames, and a frame is a list of its values. All frames of the first
    channel come before those of the second; `shape` is (channel, n_frames, n_values).
    """

    def __init__(self, file: BinaryIO, job: Job) -> None:
        self._arrow = arrow = load_pyarrow()
        value = arrow.float16() if job.dtype == "float16" else arrow.float32()
        self._schema = arrow.schema(
            [
                ("key", arrow.string()),
                ("features", arrow.list_(arrow.list_(value))),
                ("shape", arrow.list_(arrow.int64())),
                ("sample_rate", arrow.float64()),
                ("seconds", arrow.float64()),
                ("warning", arrow.string()),
                ("error", arrow.string()),
            ]
        )
        # Statistics are left out, since they may differ between equal results.
        self._writer = arrow.parquet.ParquetWriter(
            file, self._schema, compression="zstd", use_dictionary=False, write_statistics=False
        )
        self._waiting: list[tuple[Row, Features | None]] = []
        self._n_bytes = 0

    def add(self, row: Row, features: Features | None) -> None:
        """Add a recording; the recordings of a row group are written together."""
        self._waiting.append((row, features))
        self._n_bytes += 0 if features is None else features.nbytes
        if len(self._waiting) == _GROUP_ROWS or self._n_bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        arrow, waiting = self._arrow, self._waiting
        columns = [
            arrow.array([_text(row["key"]) for row, _ in waiting], arrow.string()),
            self._nested([features for _, features in waiting]),
        ]
        for field in list(self._schema)[2:]:
            columns.append(arrow.array([_text(row[field.name]) for row, _ in waiting], field.type))
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema))
        self._waiting, self._n_bytes = [], 0

    def _nested(self, arrays: list[Features | None]) -> Any:
        arrow = self._arrow
        matrices = [
            np.empty((0, 0), np.float32) if each is None else each.reshape(-1, each.shape[-1])
            for each in arrays
        ]  # (frame, value) each
        value = self._schema.field("features").type.value_type.value_type
        values = [arrow.array(each.ravel(), value) for each in matrices]
        lengths = [np.full(len(each), each.shape[1]) for each in matrices]
        inner = arrow.ListArray.from_arrays(
            arrow.array(_offsets(np.concatenate(lengths)), arrow.int32()),
            arrow.concat_arrays(values),
        )
        outer = arrow.array(_offsets(np.array([len(each) for each in matrices])), arrow.int32())
        is_null = arrow.array([each is None for each in arrays])
        return arrow.ListArray.from_arrays(outer, inner, mask=is_null)

    def __enter__(self) -> ParquetShard:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write the last row group and the end of the file, unless there was an error."""
        try:
            if kind is None and self._waiting:
                self._flush()
            if kind is None:
                self._writer.close()
        finally:
            self._writer.is_open = False  # Else its `__del__` would write to a closed file.


def _offsets(lengths: Any) -> Any:
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)


def _text(value: Any) -> Any:
    """Return a text that UTF-8 can encode: the name of a file may hold any bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


class _Buffers:
    """Several buffers that are read as one file; nothing is copied before it is read."""

    def __init__(self, buffers: Sequence[bytes | memoryview]) -> None:
        self._buffers = [memoryview(buffer) for buffer in buffers]

    def read(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        some = b""
        while len(some) < n_bytes and self._buffers:
            missing = n_bytes - len(some)
            some += self._buffers[0][:missing]
            self._buffers[0] = self._buffers[0][missing:]
            if not self._buffers[0]:
                del self._buffers[0]
        return some


class TarShard:
    """A tar file with two members for each recording that has features: `.npy` and `.json`.

    WebDataset takes all that follows the first point of a name for the kind of the member. So the
    points of a recording's own name become %2E, and its per cent signs %25.
    """

    def __init__(self, file: BinaryIO, job: Job) -> None:
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `__exit__`
            fileobj=file, mode="w", format=tarfile.PAX_FORMAT, errors="backslashreplace"
        )

    def __enter__(self) -> TarShard:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write the end of the file, unless there was an error."""
        if kind is None:
            self._tar.close()

    def add(self, row: Row, features: Features | None) -> None:
        """Add a recording, unless it has no features; the index has the reason."""
        if features is None:
            return
        folder, name = os.path.split(row["key"])
        name = os.path.join(folder, name.replace("%", "%25").replace(".", "%2E"))
        about = {field: row[field] for field in ("key", "shape", "sample_rate", "seconds")}
        about["warning"] = row["warning"]
        header = npy_header(features.shape, features.dtype)
        self._add(f"{name}.npy", header, np.ascontiguousarray(features).data.cast("B"))
        self._add(f"{name}.json", json.dumps(about).encode())

    def _add(self, name: str, *buffers: bytes | memoryview) -> None:
        member = tarfile.TarInfo(name)
        member.size = sum(len(buffer) for buffer in buffers)
        # `addfile` needs no method of a file but `read`.
        self._tar.addfile(member, _Buffers(buffers))  # type: ignore[arg-type]


SHARD_WRITERS: dict[str, Any] = {"parquet": ParquetShard, "tar": TarShard}
