"""How a signal becomes spectra: the parameters of a transform, checked, and the plan they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import checked_once, native
from kapre_ref._checks import check_at_most, check_flag, check_integer, check_signal
from kapre_ref._data_format import check_data_format, signal_view
from kapre_ref._framing import count_frames, warn_of_no_frames
from kapre_ref._windows import get_window_fn, get_window_fn_reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kapre_ref._band_weights import Bands
    from kapre_ref._types import WindowName


@dataclass(frozen=True, eq=False)
class SpectrumPlan:
    """How a signal becomes spectra, and bands of them if there is a filterbank.

    There is one object for each set of parameters, equal only to itself, so kernels may keep what
    they derive from it (twiddle factors, bands, copies on a device) under it as a key. Windows and
    bands are made when they are asked for: a plan itself holds no arrays.
    """

    n_fft: int
    win_length: int
    hop_length: int
    n_padded: int  # zeros in front of the signal, samples
    pad_end: bool
    window_name: str
    n_bands: int | None = None
    make_bands: Callable[[np.dtype[Any]], Bands] | None = None  # rounded to a dtype
    count_empty_bands: Callable[[], int] | None = None

    def window(self) -> NDArray[np.float64]:
        """Return the window, (at most n_fft,): what is longer is cut off."""
        window = get_window_fn_reference(self.window_name)(self.win_length, dtype=np.float64)
        return window[: self.n_fft]

    @cached_property
    def n_empty_bands(self) -> int:
        """Number of bands that no bin lies in, counted where that is worth a warning."""
        return self.count_empty_bands() if self.count_empty_bands else 0

    @property
    def n_freq(self) -> int:
        """Number of bins of a spectrum, from 0 Hz to half the sample rate."""
        return self.n_fft // 2 + 1

    def n_frames(self, n_samples: int) -> int:
        """Count the frames of a signal."""
        return count_frames(
            self.n_padded + n_samples, self.win_length, self.hop_length, self.pad_end
        )


def check_stft_parameters(
    n_fft: int,
    win_length: int | None,
    hop_length: int | None,
    window_name: WindowName | None,
    pad_begin: bool,
    pad_end: bool,
) -> tuple[int, int, int, str, bool, bool]:
    """Check the parameters of an STFT and fill in what is None."""
    n_fft = check_integer("n_fft", n_fft, 1)
    win_length = n_fft if win_length is None else check_integer("win_length", win_length, 1)
    if hop_length is None:
        hop_length = max(1, win_length // 4)
    hop_length = check_integer("hop_length", hop_length, 1)
    name = get_window_fn(window_name).__name__
    if name == "kaiser_bessel_derived_window" and win_length % 2:
        raise ValueError(
            f"win_length must be even with {name}, which has no odd lengths, got "
            f"{win_length}; pass {win_length - 1} or {win_length + 1}"
        )
    pad_begin = check_flag("pad_begin", pad_begin)
    if pad_begin:
        check_at_most("hop_length", hop_length, n_fft, f"n_fft={n_fft} with pad_begin")
    return n_fft, win_length, hop_length, name, pad_begin, check_flag("pad_end", pad_end)


@checked_once
def stft_plan(
    n_fft: int,
    win_length: int | None,
    hop_length: int | None,
    window_name: WindowName | None,
    pad_begin: bool,
    pad_end: bool,
) -> SpectrumPlan:
    """Return the one plan of a set of parameters, checked: 'hann' and None mean the same window."""
    return _stft_plan(
        *check_stft_parameters(n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    )


@lru_cache(maxsize=128)
def _stft_plan(
    n_fft: int,
    win_length: int,
    hop_length: int,
    window_name: str,
    pad_begin: bool,
    pad_end: bool,
) -> SpectrumPlan:
    n_padded = n_fft - hop_length if pad_begin else 0
    return SpectrumPlan(n_fft, win_length, hop_length, n_padded, pad_end, window_name)


def check_signals(x: NDArray[Any], input_data_format: str) -> NDArray[Any]:
    """Check a signal and view it as (batch, channel, time), in this machine's byte order."""
    check_signal("x", x)
    check_data_format("input_data_format", input_data_format)
    return signal_view("x", native(x), input_data_format)


def frames_of(x: NDArray[Any], signals: NDArray[Any], plan: SpectrumPlan) -> int:
    """Count the frames of each of the signals that `x` was taken for; warn if there are none."""
    n_samples = signals.shape[2]
    n_frames = plan.n_frames(n_samples)
    if not n_frames and x.size:
        warn_of_no_frames(x, n_samples, plan.win_length, "win_length", "input_data_format")
    return n_frames
