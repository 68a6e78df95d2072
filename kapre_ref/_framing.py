"""Overlapping frames of a signal, and the energy of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import native, native_dtype, real_dtype, result_array, silent, working_dtype
from kapre_ref._checks import (
    check_flag,
    check_in_range,
    check_integer,
    check_number,
    check_positive,
    check_signal,
    warn_caller,
)
from kapre_ref._data_format import (
    CH_FIRST_STR,
    check_data_format,
    in_layout,
    layout_shape,
    signal_view,
    spectrogram_view,
)
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import DataFormat, Float


def count_frames(n_samples: int, frame_length: int, hop_length: int, pad_end: bool) -> int:
    """Count the frames of a signal.

    Without padding, a frame counts if it lies wholly inside the signal. With padding, it counts if
    it *starts* inside, as in tf.signal, even if an earlier frame covers the last sample.
    """
    if pad_end:
        return -(-n_samples // hop_length)
    return max(0, 1 + (n_samples - frame_length) // hop_length)


def warn_of_no_frames(
    x: NDArray[Any], n_samples: int, frame_length: int, length_name: str, format_name: str
) -> None:
    """Warn the caller that a signal has no frame: how its shape was read, and what to pass instead.

    Often the array is (time, channel), as read from a file, which looks like a batch of very short
    signals.
    """
    if x.ndim == 1:
        taken, other, cure = "(time,)", 0, ""
    elif x.ndim == 2:
        taken, other = "(batch, time)", x.shape[0]
        cure = f"x[None] with {format_name}='channels_last' if x is (time, channel)"
    elif n_samples == x.shape[1]:
        taken, other = "(batch, time, channel)", x.shape[2]
        cure = f"{format_name}='channels_first' if x is (batch, channel, time)"
    else:
        taken, other = "(batch, channel, time)", x.shape[1]
        cure = f"{format_name}='channels_last' if x is (batch, time, channel)"
    cures = [cure] if other >= frame_length else []
    cures += ["pad_end=True to fill up the last frames with zeros", f"a smaller {length_name}"]
    *most, last = cures
    warn_caller(
        f"x has no frame: its shape {tuple(x.shape)} was taken for {taken}, so a signal has "
        f"{n_samples} samples, and a frame has {length_name}={frame_length}; pass "
        f"{', '.join(most)} or {last}"
    )


def frame(
    x: NDArray[Float],
    frame_length: int,
    hop_length: int,
    pad_end: bool = False,
    pad_value: float = 0,
    data_format: DataFormat = "default",
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Cut a signal into overlapping frames.

    Parameters
    ----------
    x : array, (time,), (batch, time) or with channels, float16, float32 or float64
        With channels: (batch, time, channel) if `data_format` is 'channels_last', (batch, channel,
        time) if it is 'channels_first'.
    frame_length : int, samples
        Length of a frame.
    hop_length : int, samples
        Distance of the frames' starts, at most `frame_length`.
    pad_end : bool
        Also keep each frame that starts inside the signal and runs past its end; there are then
        ``ceil(time / hop_length)`` frames.
    pad_value : float
        Value of the samples past the end; it counts only with `pad_end`.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, dtype of `x`
        (n_frames, frame_length), (batch, n_frames, frame_length), or with channels (batch,
        n_frames, frame_length, channel) or (batch, channel, n_frames, frame_length). A signal
        shorter than a frame gives no frames unless `pad_end`.

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a length is not positive, `hop_length` exceeds `frame_length`, `pad_value` is beyond the
        range of the dtype, or a shape does not fit.

    Warns
    -----
    UserWarning
        If `x` has samples but no frame, which is mostly a matter of its layout.

    Notes
    -----
    Matches the layer `kapre.Frame` of Kapre 0.4.1, which is `tf.signal.frame`.

    Examples
    --------
    >>> frame(np.arange(5.0), frame_length=3, hop_length=2)
    array([[0., 1., 2.],
           [2., 3., 4.]])
    >>> frame(np.arange(5.0), frame_length=3, hop_length=2, pad_end=True)[-1]
    array([4., 0., 0.])
    """
    if of_another_library(x):
        return by_views(frame, locals())
    check_signal("x", x)
    frame_length = check_integer("frame_length", frame_length, 1)
    hop_length = check_integer("hop_length", hop_length, 1)
    if hop_length > frame_length:
        raise ValueError(
            f"hop_length must be at most frame_length={frame_length}, got {hop_length}; to leave "
            f"samples out, cut frames of {hop_length} samples and keep the first {frame_length}"
        )
    pad_end = check_flag("pad_end", pad_end)
    pad_value = _check_pad_value(pad_value, x.dtype) if pad_end else 0.0
    check_data_format("data_format", data_format)
    signals = signal_view("x", native(x), data_format)  # (batch, channel, time)
    n_frames = count_frames(signals.shape[2], frame_length, hop_length, pad_end)
    if not n_frames and x.size:
        warn_of_no_frames(x, signals.shape[2], frame_length, "frame_length", "data_format")
    shape = (*signals.shape[:2], n_frames, frame_length)
    out = result_array(x, layout_shape(shape, x.ndim - 1, data_format), x.dtype, out)
    frames = spectrogram_view("out", out, data_format)
    kernels_for(x).frame(signals, hop_length, pad_value, frames)
    return out


def _check_pad_value(pad_value: float, dtype: np.dtype[Any]) -> float:
    pad_value = check_number("pad_value", pad_value)
    check_in_range("pad_value", pad_value, native_dtype(dtype))
    return pad_value


@silent
def frame_reference(
    x: NDArray[Float],
    frame_length: int,
    hop_length: int,
    pad_end: bool = False,
    pad_value: float = 0,
    data_format: DataFormat = "default",
) -> NDArray[Float]:
    """Cut a signal into frames; with padding, one frame for each start inside the signal."""
    signals = signal_view("x", x, data_format)
    n_frames = count_frames(signals.shape[2], frame_length, hop_length, pad_end)
    starts = hop_length * np.arange(n_frames)
    index = starts[:, None] + np.arange(frame_length)  # (n_frames, frame_length)
    missing = max(0, index.max(initial=-1) + 1 - signals.shape[2])
    padded = np.pad(signals, [(0, 0), (0, 0), (0, missing)], constant_values=pad_value)
    frames = np.take(padded, index, axis=2)  # (batch, channel, n_frames, frame_length)
    return in_layout(frames, x.ndim - 1, data_format).astype(real_dtype(x.dtype))


def energy(
    x: NDArray[Float],
    sample_rate: float = 22050,
    ref_duration: float = 0.1,
    frame_length: int = 2205,
    hop_length: int = 1102,
    pad_end: bool = False,
    pad_value: float = 0,
    data_format: DataFormat = "default",
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Measure the energy of each frame, scaled to a reference duration.

    Parameters
    ----------
    x : array, (time,), (batch, time) or with channels, float16, float32 or float64
        With channels: (batch, time, channel) if `data_format` is 'channels_last', (batch, channel,
        time) if it is 'channels_first'.
    sample_rate : float, Hz
        Sample rate of `x`.
    ref_duration : float, s
        Energies are scaled to a frame of this duration.
    frame_length, hop_length : int, samples
        Length and distance of the frames; `hop_length` may exceed `frame_length`.
    pad_end : bool
        Also keep each frame that starts inside the signal and runs past its end.
    pad_value : float
        Value of the samples past the end; it counts only with `pad_end`.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, dtype of `x`
        (n_frames,), (batch, n_frames), or with channels (batch, n_frames, channel) or (batch,
        channel, n_frames).

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a length, the sample rate or the duration is not positive, or `pad_value` or the scale
        of the energies is beyond the range of the dtype.

    Warns
    -----
    UserWarning
        If `x` has samples but no frame, which is mostly a matter of its layout.

    Notes
    -----
    ``sum(frame ** 2) ref_duration / (frame_length / sample_rate)``. Matches the layer
    `kapre.Energy` of Kapre 0.4.1.

    Examples
    --------
    >>> energy(np.ones(16), sample_rate=1000, frame_length=16, hop_length=16)
    array([100.])
    """
    if of_another_library(x):
        return by_views(energy, locals())
    check_signal("x", x)
    sample_rate = check_positive("sample_rate", sample_rate)
    ref_duration = check_positive("ref_duration", ref_duration)
    frame_length = check_integer("frame_length", frame_length, 1)
    hop_length = check_integer("hop_length", hop_length, 1)
    scale = ref_duration / (frame_length / sample_rate)
    if scale > float(np.finfo(working_dtype(x.dtype)).max):
        raise ValueError(
            f"ref_duration must be so short that ref_duration * sample_rate / frame_length is in "
            f"the range of {working_dtype(x.dtype)}, got {ref_duration} and {scale:g}"
        )
    pad_end = check_flag("pad_end", pad_end)
    pad_value = _check_pad_value(pad_value, x.dtype) if pad_end else 0.0
    check_data_format("data_format", data_format)
    signals = signal_view("x", native(x), data_format)  # (batch, channel, time)
    n_frames = count_frames(signals.shape[2], frame_length, hop_length, pad_end)
    if not n_frames and x.size:
        warn_of_no_frames(x, signals.shape[2], frame_length, "frame_length", "data_format")
    shape = layout_shape((*signals.shape[:2], n_frames), x.ndim - 1, data_format)
    out = result_array(x, shape, x.dtype, out)
    energies = signal_view("out", out, data_format)
    kernels_for(x).energy(signals, frame_length, hop_length, pad_value, scale, energies)
    return out


@silent
def energy_reference(
    x: NDArray[Float],
    sample_rate: float = 22050,
    ref_duration: float = 0.1,
    frame_length: int = 2205,
    hop_length: int = 1102,
    pad_end: bool = False,
    pad_value: float = 0,
    data_format: DataFormat = "default",
) -> NDArray[Float]:
    """Measure the energy of each frame, scaled to a reference duration, unlike in the textbook."""
    signals = signal_view("x", x, data_format).astype(np.float64)
    frames = frame_reference(
        signals, frame_length, hop_length, pad_end, pad_value, CH_FIRST_STR
    )  # (batch, channel, n_frames, frame_length)
    energies = np.sum(frames**2, axis=-1) * ref_duration / (frame_length / sample_rate)
    return in_layout(energies, x.ndim - 1, data_format).astype(real_dtype(x.dtype))
