"""The rules that the fields of a front end obey, each by itself and together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kapre_ref._bands import Bands, LogBands, MatrixBands
from kapre_ref._checks import (
    LEAST_RANGE,
    check_at_least,
    check_at_most,
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_positive,
)
from kapre_ref._normalisation import Normalisation
from kapre_ref._other_libraries import on_host
from kapre_ref._windows import KAPRES_WINDOWS, LongWindow

WINDOWS = (
    "hann", "hamming", "blackman", "ones", "hann_symmetric", "hamming_symmetric", "povey",
)  # fmt: skip
_CHOICES = {
    "pad_mode": ("zeros", "reflect", "mirror", "edge", "odd"),
    "preemphasis_first": ("signal", "drop", "frame"),
    "log": ("none", "ln", "log10", "10log10"),
    "floor_by": ("max", "add"),
    "range_over": ("channel", "item", "call"),
}
_ARRAYS = ("window", "bands", "gain", "offset")  # what an array may be given for
_PLAIN_NUMBERS = ("input_scale", "preemphasis", "power_offset", "floor", "lifter")
NUMBERS = (*_PLAIN_NUMBERS, "power", "dynamic_range", "gain", "offset")
_MOST = 2**31 - 1


def check_front_end(given: dict[str, Any]) -> dict[str, Any]:
    """Check all fields and return them in one form: numbers as int or float, arrays as tuples."""
    checked = dict(given)
    for name in _ARRAYS:
        checked[name] = given[name] = on_host(name, given[name])
    checked["sample_rate"] = check_positive("sample_rate", given["sample_rate"])
    _check_sizes(checked)
    for name, choices in _CHOICES.items():
        check_choice(name, checked[name], choices)
        checked[name] = str(checked[name])  # np.str_ is a string too, and shows another repr
    for name in ("center_window", "remove_mean", "time_first"):
        checked[name] = check_flag(name, checked[name])
    for name in _PLAIN_NUMBERS:
        checked[name] = check_number(name, checked[name])
    for name in ("power_offset", "floor", "lifter"):
        check_at_least(name, checked[name], 0, "0")
    checked["window"] = _window(checked["window"], checked["win_length"])
    checked["bands"] = _bands(checked)
    if checked["dynamic_range"] is not None:
        checked["dynamic_range"] = check_positive("dynamic_range", checked["dynamic_range"])
    n_bands = checked["n_fft"] // 2 + 1 if checked["bands"] is None else checked["bands"].n
    for name in ("gain", "offset"):
        checked[name] = _one_or_each(name, checked[name], n_bands)
    checked["n_cepstra"] = check_integer("n_cepstra", checked["n_cepstra"], 0, n_bands)
    _check_normalisation(checked["normalisation"])
    _check_together(checked)
    return checked


def is_wide(value: Any) -> bool:
    """Tell whether a number is so large that a dtype may not have it."""
    return isinstance(value, float) and abs(value) > LEAST_RANGE


def _check_sizes(checked: dict[str, Any]) -> None:
    n_fft = checked["n_fft"] = check_integer("n_fft", checked["n_fft"], 1)
    if checked["win_length"] is None:
        checked["win_length"] = n_fft
    win_length = checked["win_length"] = check_integer("win_length", checked["win_length"], 1)
    check_at_most("win_length", win_length, n_fft, f"n_fft={n_fft}")
    if checked["hop_length"] is None:
        checked["hop_length"] = max(1, win_length // 4)
    checked["hop_length"] = check_integer("hop_length", checked["hop_length"], 1)
    for name in ("pad_left", "pad_right"):
        checked[name] = check_integer(name, checked[name], -_MOST, _MOST)
    power = check_positive("power", checked["power"])
    checked["power"] = int(power) if power in (1, 2) else power


def _window(window: Any, win_length: int) -> str | LongWindow | tuple[float, ...]:
    if isinstance(window, LongWindow):
        return window
    if isinstance(window, str):
        if window in WINDOWS or window in KAPRES_WINDOWS:
            return str(window)
        raise ValueError(
            f"window must be one of {', '.join(map(repr, WINDOWS))}, a name of Kapre's such as "
            f"'kaiser_window', or {win_length} numbers, got {window!r}"
        )
    numbers = _numbers("window", window, f"a name or win_length={win_length} numbers")
    if len(numbers) != win_length:
        raise ValueError(f"window must have win_length={win_length} numbers, got {len(numbers)}")
    return numbers


def _numbers(name: str, value: Any, rule: str) -> tuple[float, ...]:
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be {rule}, got {type(value).__name__}")
    try:
        array = np.asarray(value)
    except ValueError:
        raise TypeError(f"{name} must be {rule}, got rows of different lengths") from None
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be {rule}, got {array.dtype} of shape {array.shape}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all() or np.abs(array).max(initial=0) > np.finfo(np.float32).max:
        raise ValueError(f"{name} must be finite numbers of float32's range, got others")
    return tuple(array.tolist())


def _one_or_each(name: str, value: Any, n_bands: int) -> float | tuple[float, ...]:
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str | bytes):
        return check_number(name, value)
    numbers = _numbers(name, value, f"a number or {n_bands} numbers, one a band")
    if len(numbers) != n_bands:
        raise ValueError(
            f"{name} must be a number or have one a band, {n_bands} of them, got {len(numbers)}"
        )
    return numbers


def _bands(checked: dict[str, Any]) -> Bands | LogBands | MatrixBands | None:
    given = checked["bands"]
    if given is None:
        return None
    bands: Bands | LogBands | MatrixBands
    if isinstance(given, Bands | LogBands | MatrixBands):
        bands = given
    elif isinstance(given, np.ndarray | Sequence) and not isinstance(given, str | bytes):
        bands = MatrixBands(given)  # type: ignore[arg-type]
    else:
        raise TypeError(
            f"bands must be Bands, LogBands, a matrix (n_freq, n) or None, got "
            f"{type(given).__name__}"
        )
    bands.check(checked["sample_rate"], checked["n_fft"])
    return bands


def _check_normalisation(normalisation: Any) -> None:
    if normalisation is not None and not isinstance(normalisation, Normalisation):
        raise TypeError(
            f"normalisation must be a Normalisation or None, got {type(normalisation).__name__}"
        )


def _check_together(checked: dict[str, Any]) -> None:
    """Refuse fields that contradict each other: one of them would have no effect, or no meaning."""

    def refuse(name: str, other: str) -> None:
        raise ValueError(f"{name} must not be given with {other}, got {checked[name]!r}")

    if checked["power"] == 2 and checked["power_offset"]:
        refuse("power_offset", "power=2, which takes no root")
    if checked["log"] == "none":
        if checked["floor"]:
            refuse("floor", "log='none'")
        if checked["dynamic_range"] is not None:
            refuse("dynamic_range", "log='none'")
    elif isinstance(checked["bands"], MatrixBands) and checked["bands"].has_negative:
        raise ValueError(
            f"bands must have no negative weights with log={checked['log']!r}, got some"
        )
    if checked["n_cepstra"] and checked["bands"] is None:
        refuse("n_cepstra", "bands=None")
    if checked["lifter"] and not checked["n_cepstra"]:
        refuse("lifter", "n_cepstra=0")
    name = checked["window"]
    if name == "kaiser_bessel_derived_window" and checked["win_length"] % 2:
        raise ValueError(
            f"win_length must be even with {name}, which has no odd lengths, got "
            f"{checked['win_length']}"
        )
