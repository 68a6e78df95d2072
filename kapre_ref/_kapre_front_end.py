"""The front ends that Kapre's functions stand for: their parameters, checked, as one value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kapre_ref._arrays import checked_once, native
from kapre_ref._bands import Bands
from kapre_ref._checks import check_at_most, check_flag, check_integer, check_signal
from kapre_ref._data_format import check_data_format, signal_view
from kapre_ref._decibel import DecibelScale, check_decibel_scale
from kapre_ref._filterbanks import frequencies_reference
from kapre_ref._framing import warn_of_no_frames
from kapre_ref._front_end import FrontEnd
from kapre_ref._windows import LongWindow, check_window_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kapre_ref._types import WindowName


class KapreBands(Bands):
    """Mel bands as Kapre makes them: of the number of bins alone, which an odd `n_fft` is not in.

    It takes their frequencies for those of an even `n_fft`.
    """

    def bins(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the frequency that each bin is taken for, in Hz: (n_freq,)."""
        return frequencies_reference(sample_rate, n_fft // 2 + 1)


def check_stft_parameters(
    n_fft: int,
    win_length: int | None,
    hop_length: int | None,
    window_name: WindowName | None,
    pad_begin: bool,
    pad_end: bool,
    prefix: str = "",
) -> tuple[int, int, int, str, bool, bool]:
    """Check the parameters of an STFT and fill in what is None; `prefix` is of the window's."""
    n_fft = check_integer("n_fft", n_fft, 1)
    win_length = n_fft if win_length is None else check_integer("win_length", win_length, 1)
    if hop_length is None:
        hop_length = max(1, win_length // 4)
    hop_length = check_integer("hop_length", hop_length, 1)
    name = check_window_name(prefix + "window_name", window_name)
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
def stft_front_end(
    n_fft: int,
    win_length: int | None,
    hop_length: int | None,
    window_name: WindowName | None,
    pad_begin: bool,
    pad_end: bool,
) -> FrontEnd:
    """Return the front end of magnitudes, checked: 'hann' and None mean the same window."""
    parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    n_fft, win_length, hop_length, name, pad_begin, pad_end = check_stft_parameters(*parameters)
    # A frame that starts inside the signal counts if all but its first sample may be missing. A
    # window longer than the transform is cut off, but as many samples as it has must be there.
    n_used = min(win_length, n_fft)
    window: Any = name
    if win_length > n_fft:
        window = LongWindow(name, win_length)
    return FrontEnd(
        sample_rate=1.0,  # frequencies count in cycles a sample
        n_fft=n_fft,
        win_length=n_used,
        hop_length=hop_length,
        window=window,
        pad_left=n_fft - hop_length if pad_begin else 0,
        pad_right=n_used - 1 if pad_end else n_used - win_length,
        power=1,
    )


@checked_once
def with_decibels(
    front_end: FrontEnd,
    return_decibel: bool,
    db_amin: float,
    db_ref_value: float,
    db_dynamic_range: float,
) -> tuple[FrontEnd, DecibelScale | None]:
    """Return a front end whose results are Kapre's decibels, and their scale, if asked for."""
    if not check_flag("return_decibel", return_decibel):
        return front_end, None
    scale = check_decibel_scale("db_", db_ref_value, db_amin, db_dynamic_range)
    in_decibels = front_end.replace(
        log="10log10",
        floor=scale.amin,
        dynamic_range=scale.dynamic_range,
        offset=-10 * math.log10(max(scale.amin, scale.ref_value)),
    )
    return in_decibels, scale


def check_signals(x: NDArray[Any], input_data_format: str) -> NDArray[Any]:
    """Check a signal and view it as (batch, channel, time), in this machine's byte order."""
    check_signal("x", x)
    check_data_format("input_data_format", input_data_format)
    return signal_view("x", native(x), input_data_format)


def frames_of(x: NDArray[Any], signals: NDArray[Any], front_end: FrontEnd) -> int:
    """Count the frames of each of the signals that `x` was taken for; warn if there are none."""
    n_samples = signals.shape[2]
    n_frames = front_end.count_frames(n_samples)
    if not n_frames and x.size:
        # A window that was cut off left its length in what the frames must not reach.
        length = front_end.win_length - min(0, front_end.pad_right)
        warn_of_no_frames(x, n_samples, length, "win_length", "input_data_format")
    return n_frames
