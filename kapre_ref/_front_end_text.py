"""Front ends as text: what Python shows, and JSON, which says every field."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from kapre_ref._bands import Bands, LogBands, MatrixBands
from kapre_ref._front_end_reference import window_reference
from kapre_ref._normalisation import Normalisation

if TYPE_CHECKING:
    from kapre_ref._front_end import FrontEnd

T = TypeVar("T")


def repr_of(front_end: FrontEnd) -> str:
    """Name the fields that are not what they are by default."""
    named = []
    for field in dataclasses.fields(front_end):
        value = getattr(front_end, field.name)
        if not _is_default(front_end, field):
            shown = value.matrix if isinstance(value, MatrixBands) else value
            named.append(f"{field.name}={shown!r}")
    return f"FrontEnd({', '.join(named)})"


def json_of(front_end: FrontEnd) -> str:
    """Return all fields as JSON."""
    fields = {field.name: getattr(front_end, field.name) for field in dataclasses.fields(front_end)}
    if not isinstance(front_end.window, str):
        # Without the zeros beside a window that stands in the middle of the transform.
        fields["window"] = window_reference(front_end.window, front_end.win_length).tolist()
    for name in ("bands", "normalisation"):
        value = fields[name]
        if isinstance(value, MatrixBands):
            fields[name] = value.matrix
        elif value is not None:
            fields[name] = dataclasses.asdict(value)
    import json  # as most programs need none, it does not count in `import kapre_ref`

    return json.dumps(fields)


def from_json(kind: type[FrontEnd], text: str) -> FrontEnd:
    """Return the front end of a text that `json_of` wrote."""
    import json

    if not isinstance(text, str | bytes | bytearray):
        raise TypeError(f"text must be JSON, got {type(text).__name__}")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"text must be JSON: {error}") from None
    if not isinstance(fields, dict):
        raise TypeError(f"text must be a JSON object, got {type(fields).__name__}")
    bands, normalisation = fields.get("bands"), fields.get("normalisation")
    if isinstance(bands, dict):
        of_bands = LogBands if "bins_per_octave" in bands else Bands
        fields["bands"] = _from_dict(of_bands, "bands", bands)
    if isinstance(normalisation, dict):
        fields["normalisation"] = _from_dict(Normalisation, "normalisation", normalisation)
    return _from_dict(kind, "", fields)


def _from_dict(kind: type[T], name: str, values: dict[str, Any]) -> T:
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    unknown = [key for key in values if key not in known]
    if unknown:
        raise ValueError(
            f"{name or 'text'} must have no fields but {', '.join(known)}, got {unknown[0]!r}"
        )
    needed = [
        field.name
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if needed:
        there = ", ".join(values) or "nothing"
        raise TypeError(f"{name or 'text'} must have {' and '.join(needed)}, got {there}")
    return kind(**values)


def _is_default(front_end: FrontEnd, field: dataclasses.Field[Any]) -> bool:
    value = getattr(front_end, field.name)
    if field.name == "win_length":
        return bool(value == front_end.n_fft)
    if field.name == "hop_length":
        return bool(value == max(1, front_end.win_length // 4))
    return bool(value == field.default) and field.default is not dataclasses.MISSING
