"""Results of other tools, recorded for the recipes, and what stands around each front end."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

import kapre_ref as kr

FOLDER = Path(__file__).parent / "data" / "recipes"
LINEAR = {"log": "none", "floor": 0, "dynamic_range": None, "gain": 1, "offset": 0}
LINEAR |= {"normalisation": None, "n_cepstra": 0, "lifter": 0}
# A band is loud from this share of a frame's strongest band on, by power.
LOUD = {2: 1e-6, 1: 1e-3}


@cache
def _arrays(file):
    with np.load(FOLDER / f"{file}.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


class Case(NamedTuple):
    """The values or the error that a tool gave for a signal."""

    recipe: str
    signal: str
    raises: str | None = None
    finite: bool = True
    tool_error: float | None = None
    tool_error_float64: float | None = None
    tolerance: float | None = None
    tolerance_loud: float | None = None
    loud_share: float | None = None

    def __str__(self):
        return f"{self.recipe}-{self.signal}"

    @property
    def front_end(self):
        """Return ours."""
        return kr.front_end(self.recipe)

    @property
    def samples(self):
        """Return the signal, in float32."""
        return _arrays("signals")[self.signal].copy()

    @property
    def output(self):
        """Return the features that the tool gave."""
        return _arrays("outputs")[f"{self.recipe}/{self.signal}"]

    def features(self, run, dtype):
        """Return ours for the signal in a dtype; `run` takes a front end and samples."""
        return around(self.front_end, OUTSIDE[self.recipe], self.samples.astype(dtype), run)

    def is_loud(self):
        """Tell which values are of bands within 60 dB of the strongest of their frame."""
        front_end = self.front_end.replace(**LINEAR)
        outside = {k: v for k, v in OUTSIDE[self.recipe].items() if k not in _OF_VALUES}
        bands = around(front_end, outside, self.samples.astype(np.float64), reference)
        axis = -1 if front_end.time_first else -2
        loud = bands >= LOUD[front_end.power] * bands.max(axis=axis, keepdims=True)
        n_filled = self.output.shape[-2] - loud.shape[-2]  # frames that the tool appends
        margins = [(0, 0)] * (loud.ndim - 2) + [(0, n_filled), (0, 0)]
        return np.pad(loud, margins, constant_values=True)

    def allowance(self):
        """Return how far float32 may be off where a band is faint, beside the tolerance.

        A float32 transform is exact to an eps of the frame's strongest bin at best: that much of
        amplitude is much of a band 60 dB below it. What is not one value a band has no allowance.
        """
        front_end, outside = self.front_end, OUTSIDE[self.recipe]
        is_plain = front_end.normalisation is None and not front_end.n_cepstra
        if front_end.log == "none" or not is_plain or set(outside) - _NOT_BANDS:
            return np.zeros(self.output.shape)
        powers = front_end.replace(bands=None, power=2, power_offset=0, **LINEAR, time_first=True)
        x = self.samples.astype(np.float64)
        x = _with_zeros(x, _n_zeros(outside, x.shape[-1]))
        strongest = np.sqrt(powers.reference(x).max(axis=-1, keepdims=True))
        weights = front_end.bands.matrix_reference(front_end.sample_rate, front_end.n_fft)
        bands = front_end.replace(**LINEAR, time_first=True).reference(x)
        amplitude = np.finfo(np.float32).eps * strongest
        if front_end.power == 1:
            change = amplitude * weights.sum(axis=0)
        else:
            change = 2 * amplitude * np.sqrt(bands * weights.sum(axis=0))
        logarithm = {"ln": np.log, "log10": np.log10, "10log10": lambda y: 10 * np.log10(y)}
        floored = np.maximum(bands, front_end.floor)
        if front_end.floor_by == "add":
            floored = bands + front_end.floor
        take = logarithm[front_end.log]
        allowed = front_end.gain * (take(floored + change) - take(floored))
        return allowed if front_end.time_first else allowed.swapaxes(-1, -2)


def reference(front_end, x):
    """Run the oracle."""
    return front_end.reference(x)


# These steps change samples or whole frames, so each value still belongs to a band.
_NOT_BANDS = {"zero_last", "mask_tail", "to_multiple"}
_OF_VALUES = ("minus_peak", "zero_last", "mask_tail", "fill_rows", "fill_before_affine")


def around(front_end, outside, x, run):
    """Do what a tool does to samples and features besides, in the terms of cases.json."""
    n_samples = x.shape[-1]
    x = _with_zeros(x, _n_zeros(outside, n_samples))
    if "pad_end_to_whole" in outside:
        mode = {"reflect": "reflect", "mirror": "symmetric"}[front_end.pad_mode]
        x = np.pad(x, (front_end.pad_left, front_end.pad_right), mode)
        x = _with_zeros(x, -(x.shape[-1] - front_end.n_fft) % front_end.hop_length)
        front_end = front_end.replace(pad_left=0, pad_right=0)
    y = run(front_end, x)
    if "minus_peak" in outside:
        axes = (-2, -1) if outside["minus_peak"] == "channel" else None
        y = y - y.max(axis=axes, keepdims=True)
    if "c0_times" in outside:
        y[..., 0] *= outside["c0_times"]
    if "zero_last" in outside:
        y[..., -1] = 0
    if "mask_tail" in outside:  # frames that need a sample more than there are
        ends = (
            np.arange(len(y)) * front_end.hop_length + front_end.frame_length - front_end.pad_left
        )
        y[ends >= n_samples] = 0
    if "lfr" in outside:
        y = _side_by_side(y, *outside["lfr"])
    if "stack" in outside:
        n = outside["stack"]
        fill = np.full((-len(y) % n, y.shape[1]), outside.get("stack_fill", 0), y.dtype)
        y = np.concatenate([y, fill]) if "stack_fill" in outside else y[: len(y) // n * n]
        y = y.reshape(-1, n * y.shape[1])
    if "patches" in outside:
        length, hop = outside["patches"]
        y = np.stack([y[i : i + length] for i in range(0, len(y) - length + 1, hop)])
    if "fill_rows" in outside:
        value = outside["fill_before_affine"] * front_end.gain + front_end.offset
        y = np.concatenate([y, np.full((outside["fill_rows"], y.shape[1]), value, y.dtype)])
    if "crop" in outside:
        y = y[:, : n_samples // front_end.hop_length + outside["crop"]]
    return y


def _n_zeros(outside, n_samples):
    if "to_multiple" in outside:
        return -n_samples % outside["to_multiple"]
    if "to_samples" in outside:
        return outside["to_samples"] - n_samples
    if "to_patches" in outside:
        first, hop = outside["to_patches"]
        return max(first - n_samples, -(n_samples - first) % hop)
    return outside.get("append", 0)


def _with_zeros(x, n):
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n)])


def _side_by_side(y, n, step):
    """Put n frames side by side every `step`, the first and the last one repeated."""
    index = step * np.arange(-(-len(y) // step))[:, None] + np.arange(n) - (n - 1) // 2
    return y[np.clip(index, 0, len(y) - 1)].reshape(len(index), -1)


def scale_of(front_end, expected):
    """Return what float64 errors are measured by: linear values by their peak, logarithms by 1."""
    peak = np.abs(expected).max(initial=0)
    return peak if front_end.log == "none" else max(1.0, peak)


_ENTRIES = json.loads((FOLDER / "cases.json").read_text())
OUTSIDE = {name: entry["outside_front_end"] for name, entry in _ENTRIES.items()}
CASES = tuple(
    Case(name, signal, **values)
    for name, entry in _ENTRIES.items()
    for signal, values in entry["cases"].items()
)
# Not compared by numbers: what a tool refuses, what overflows in it, and what has no values.
COMPARED = tuple(case for case in CASES if case.tolerance is not None)
