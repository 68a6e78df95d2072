"""What the command line asks for, as it is stored beside results and read back."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import kapre_ref
from kapre_ref._front_end import FrontEnd
from kapre_ref._kapre_front_end import KapreBands
from kapre_ref.command.options import KapreFeature
from kapre_ref.command.results import plan_around


@dataclass(frozen=True)
class Asked:
    """A front end as the command line asks for it.

    A feature of Kapre becomes a front end when the sample rate is known. Recordings are resampled
    to `sample_rate` unless that is None.
    """

    title: str
    feature: FrontEnd | KapreFeature
    sample_rate: float | None
    parameters: dict[str, Any]  # stored in an .npz as `parameters`
    n_mfccs: int = 0  # Kapre's coefficients, made of the front end's result; 0 for none
    is_kapre: bool = False  # whether Kapre's options made it, so that messages may name them
    decibel: dict[str, float] | None = None  # Kapre's options, for pictures of plain magnitudes
    notes: tuple[str, ...] = ()  # what the tool does in addition

    def front_end_at(self, sample_rate: float) -> FrontEnd:
        """Return the front end for samples of a rate; warn of bands that are empty."""
        feature = self.feature
        return feature if isinstance(feature, FrontEnd) else feature.front_end_at(sample_rate)

    def made_by(self, front_end: FrontEnd) -> tuple[dict[str, Any], str]:
        """Return the parameters that an .npz stores, and the front end as JSON."""
        own = self.parameters | {"kapre_ref": kapre_ref.__version__}
        return own, portable(front_end).to_json()

    def to_record(self) -> dict[str, Any]:
        """Return all fields as values of JSON; `from_record` reads them back."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if isinstance(self.feature, FrontEnd):
            fields["feature"] = {"front_end": json.loads(portable(self.feature).to_json())}
        else:
            fields["feature"] = self.feature._asdict()
        return fields

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Asked:
        """Return what `to_record` wrote down."""
        feature = record["feature"]
        value: FrontEnd | KapreFeature
        if "front_end" in feature:
            value = FrontEnd.from_json(json.dumps(feature["front_end"]))
        else:
            value = KapreFeature(**feature)
        return cls(**record | {"feature": value, "notes": tuple(record["notes"])})


def portable(front_end: FrontEnd) -> FrontEnd:
    """Return an equal front end that JSON can describe.

    JSON has no word for the bands that Kapre makes for an odd `n_fft`, so they become a matrix.
    """
    bands = front_end.bands
    if not isinstance(bands, KapreBands):
        return front_end
    matrix = bands.matrix_reference(front_end.sample_rate, front_end.n_fft)
    return front_end.replace(bands=matrix)


class Made(NamedTuple):
    """How a result was made."""

    parameters: dict[str, Any]  # all options, and `kapre_ref`, the version
    sample_rate: float | None  # Hz; None if recordings of several rates were left as they are
    front_end: str | None  # as JSON; None if the options make one for each sample rate


def made_by(path: str) -> Made:
    """Return how a result was made, from an .npz or from the plan of the folder around it.

    The folder itself stands for all of its results. If there is no such record, ValueError or
    KeyError is raised.
    """
    if not os.path.isdir(path) and zipfile.is_zipfile(path):
        with np.load(path) as made:
            parameters = json.loads(str(made["parameters"]))
            return Made(parameters, made["sample_rate"].item(), str(made["front_end"]))
    from kapre_ref.job._store import is_url, whole_path

    path = whole_path(path)
    if not is_url(path):
        os.stat(path)
    folder, record = plan_around(path)
    if record is None:
        raise ValueError("neither it nor a folder around it has a plan")
    asked = Asked.from_record(record["asked"])
    parameters = asked.parameters | {"kapre_ref": record["kapre_ref"]}
    rate = asked.sample_rate
    if rate is None:
        rates = _sample_rates(folder, record["shards"], path.removeprefix(folder).lstrip("/\\"))
        rate = next(iter(rates)) if len(rates) == 1 else None
    if rate is None and asked.is_kapre:
        return Made(parameters, None, None)
    return Made(parameters, rate, asked.made_by(asked.front_end_at(rate or 0))[1])


def _sample_rates(folder: str, n_shards: int, output: str) -> set[float]:
    """Return the sample rates of an output, or of all outputs if the name is ""."""
    from kapre_ref.job._index import finished_shards
    from kapre_ref.job._remote import open_store

    rates: set[float] = set()
    for finished in finished_shards(open_store(folder), n_shards):
        rows = [row for row in finished.rows() if row["output"]]
        rates |= {row["sample_rate"] for row in rows if output in ("", row["output"])}
        if rates and output:
            break
    if not rates:
        raise ValueError(f"{folder} has no such result")
    return rates
