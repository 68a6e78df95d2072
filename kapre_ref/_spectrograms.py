"""Magnitude spectrograms of a signal in one call, alone or with their phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import real_dtype, result_array, silent
from kapre_ref._checks import check_ndim, check_signal
from kapre_ref._data_format import (
    CH_FIRST_STR,
    check_data_format,
    in_layout,
    layout_shape,
    signal_view,
    spectrogram_view,
)
from kapre_ref._decibel import (
    DecibelScale,
    check_scale_in_range,
    rounded_decibels_reference,
)
from kapre_ref._dispatch import kernels_for
from kapre_ref._filterbanks import warn_of_empty_bands
from kapre_ref._kapre_front_end import check_signals, frames_of, stft_front_end, with_decibels
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views
from kapre_ref._polar import magnitude_reference, phase_reference
from kapre_ref._stft import stft_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref._types import DataFormat, Float, WindowName


def stft_magnitude(
    x: NDArray[Float],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    window_name: WindowName | None = None,
    pad_begin: bool = False,
    pad_end: bool = False,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Compute the magnitude spectrogram of a signal: `stft`, `magnitude`, `magnitude_to_decibel`.

    Parameters
    ----------
    x : array, (time,), (batch, time) or with channels, float16, float32 or float64
        With channels: (batch, time, channel) if `input_data_format` is 'channels_last', (batch,
        channel, time) if it is 'channels_first'.
    n_fft : int
        Number of points of the Fourier transform; any size works.
    win_length : int, samples, optional
        Length of the window and of a frame; None means `n_fft`. A shorter window stands at the
        start of the transform, zeros after it. A longer one is cut off at `n_fft`.
    hop_length : int, samples, optional
        Distance of the frames' starts; None means ``win_length // 4``, at least 1.
    window_name : str, optional
        A name that `get_window_fn` knows; None means 'hann_window'.
    pad_begin : bool
        Put ``n_fft - hop_length`` zeros before the signal.
    pad_end : bool
        Also keep each frame that starts inside the signal and runs past its end, filled with zeros.
    input_data_format, output_data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    return_decibel : bool
        Return decibels, each item relative to its own peak; a signal without a batch axis is one
        item.
    db_amin : float
        Magnitudes below it count as this.
    db_ref_value : float
        The magnitude at 0 dB, at least `db_amin`.
    db_dynamic_range : float, dB
        Nothing lies further below the peak of its item; ``inf`` means no limit.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, dtype of `x`
        (n_frames, n_freq), (batch, n_frames, n_freq), or with channels (batch, n_frames, n_freq,
        channel) or (batch, channel, n_frames, n_freq).

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a number is out of range or a shape does not fit.
    NotImplementedError
        If there is no window of that name.

    Warns
    -----
    UserWarning
        If `x` has samples but no frame, which is mostly a matter of its layout.

    Notes
    -----
    Matches `kapre.composed.get_stft_magnitude_layer` of Kapre 0.4.1.

    Examples
    --------
    >>> stft_magnitude(np.ones(8), n_fft=4, hop_length=4).round(3)
    array([[2., 1., 0.],
           [2., 1., 0.]])
    """
    if of_another_library(x):
        return by_views(stft_magnitude, locals())
    front_end = stft_front_end(n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    decibels = (return_decibel, db_amin, db_ref_value, db_dynamic_range)
    front_end, scale = with_decibels(front_end, *decibels)
    formats = (input_data_format, output_data_format)
    signals, result, out = spectrogram_arrays(x, front_end, scale, formats, out)
    kernels_for(x).features(signals, front_end, result)
    return out


@silent
def stft_magnitude_reference(
    x: NDArray[Float],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    window_name: WindowName | None = None,
    pad_begin: bool = False,
    pad_end: bool = False,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
) -> NDArray[Float]:
    """Chain the oracles of `stft`, `magnitude` and `magnitude_to_decibel`, in float64."""
    parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    result = magnitude_reference(spectra_reference(x, parameters, input_data_format))
    if return_decibel:
        scale = DecibelScale(db_ref_value, db_amin, db_dynamic_range)
        result = rounded_decibels_reference(result, scale, real_dtype(x.dtype))
    return in_layout(result, x.ndim - 1, output_data_format).astype(real_dtype(x.dtype))


def stft_mag_phase(
    x: NDArray[Float],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    window_name: WindowName | None = None,
    pad_begin: bool = False,
    pad_end: bool = False,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Compute magnitude and phase of a signal's STFT, one after the other on the channel axis.

    Parameters
    ----------
    x : array, (batch, time, channel) or (batch, channel, time), float16, float32 or float64
        A signal with a channel axis, as `input_data_format` says.
    n_fft : int
        Number of points of the Fourier transform; any size works.
    win_length : int, samples, optional
        Length of the window and of a frame; None means `n_fft`. A shorter window stands at the
        start of the transform, zeros after it. A longer one is cut off at `n_fft`.
    hop_length : int, samples, optional
        Distance of the frames' starts; None means ``win_length // 4``, at least 1.
    window_name : str, optional
        A name that `get_window_fn` knows; None means 'hann_window'.
    pad_begin : bool
        Put ``n_fft - hop_length`` zeros before the signal.
    pad_end : bool
        Also keep each frame that starts inside the signal and runs past its end, filled with zeros.
    input_data_format, output_data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    return_decibel : bool
        Return the magnitudes in decibels, each item relative to its own peak.
    db_amin : float
        Magnitudes below it count as this.
    db_ref_value : float
        The magnitude at 0 dB, at least `db_amin`.
    db_dynamic_range : float, dB
        Nothing lies further below the peak of its item; ``inf`` means no limit.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, dtype of `x`
        (batch, n_frames, n_freq, 2 channel) or (batch, 2 channel, n_frames, n_freq): the
        magnitudes of all channels, then their phases in radians.

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a number is out of range a shape does not fit, or `x` has no channel axis.
    NotImplementedError
        If there is no window of that name.

    Warns
    -----
    UserWarning
        If `x` has samples but no frame, which is mostly a matter of its layout.

    Notes
    -----
    Matches `kapre.composed.get_stft_mag_phase` of Kapre 0.4.1.

    Examples
    --------
    >>> stft_mag_phase(np.ones((1, 4, 1)), n_fft=4)[0, 0, :2].round(2)
    array([[2.  , 0.  ],
           [1.  , 3.14]])
    """
    if of_another_library(x):
        return by_views(stft_mag_phase, locals())
    front_end = stft_front_end(n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    decibels = (return_decibel, db_amin, db_ref_value, db_dynamic_range)
    front_end, scale = with_decibels(front_end, *decibels)
    formats = (input_data_format, output_data_format)
    check_signal("x", x)
    check_ndim("x", x, (3,), "(batch, time, channel) / (batch, channel, time)")
    signals, result, out = spectrogram_arrays(x, front_end, scale, formats, out, channel_factor=2)
    kernels_for(x).stft_mag_phase(signals, front_end, result)
    return out


@silent
def stft_mag_phase_reference(
    x: NDArray[Float],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    window_name: WindowName | None = None,
    pad_begin: bool = False,
    pad_end: bool = False,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
) -> NDArray[Float]:
    """Chain the oracles of the STFT, magnitude, phase and decibels, in float64."""
    parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    spectra = spectra_reference(x, parameters, input_data_format)
    result = magnitude_reference(spectra)
    if return_decibel:
        scale = DecibelScale(db_ref_value, db_amin, db_dynamic_range)
        result = rounded_decibels_reference(result, scale, real_dtype(x.dtype))
    result = np.concatenate([result, phase_reference(spectra)], axis=1)
    return in_layout(result, x.ndim - 1, output_data_format).astype(real_dtype(x.dtype))


def spectrogram_arrays(
    x: NDArray[Any],
    front_end: FrontEnd,
    scale: DecibelScale | None,
    formats: tuple[str, str],
    out: NDArray[Any] | None = None,
    channel_factor: int = 1,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Check the signal, and make room for the result unless there is.

    Return the signal and the result as a kernel takes them, and the result as the caller does.
    """
    input_data_format, output_data_format = formats
    check_data_format("output_data_format", output_data_format)
    signals = check_signals(x, input_data_format)
    if scale is not None:
        check_scale_in_range(scale, x.dtype, prefix="db_")
    batch, channel, _ = signals.shape
    n_bands = front_end.n_bands
    shape = layout_shape(
        (batch, channel * channel_factor, frames_of(x, signals, front_end), n_bands),
        x.ndim - 1,
        output_data_format,
    )
    out = result_array(x, shape, x.dtype, out)
    result = spectrogram_view("out", out, output_data_format)
    if out.size and front_end.n_empty_bands:
        warn_of_empty_bands(front_end.n_empty_bands, n_bands, front_end.n_freq)
    return signals, result, out


@silent
def spectra_reference(
    x: NDArray[Any],
    stft_parameters: tuple[int, int | None, int | None, WindowName | None, bool, bool],
    input_data_format: DataFormat,
) -> NDArray[np.complex128]:
    """Return the spectra of a signal as (batch, channel, n_frames, n_freq), in float64."""
    n_fft, win_length, hop_length, window_name, pad_begin, pad_end = stft_parameters
    signals = signal_view("x", x, input_data_format).astype(np.float64)
    return stft_reference(
        signals,
        n_fft,
        win_length,
        hop_length,
        window_name=window_name,
        pad_begin=pad_begin,
        pad_end=pad_end,
        input_data_format=CH_FIRST_STR,
        output_data_format=CH_FIRST_STR,
    )
