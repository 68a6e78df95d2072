"""Mel and log-frequency spectrograms of a signal in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import checked_once, real_dtype, silent
from kapre_ref._bands import Bands, LogBands
from kapre_ref._checks import check_flag, check_integer, check_positive
from kapre_ref._data_format import CH_FIRST_STR, in_layout
from kapre_ref._decibel import DecibelScale, rounded_decibels_reference
from kapre_ref._dispatch import kernels_for
from kapre_ref._filterbanks import (
    C1_HZ,
    apply_filterbank_reference,
    check_band_edges,
    check_edges,
    check_norm,
    check_spread,
    check_top,
    filterbank_log_reference,
    filterbank_mel_reference,
)
from kapre_ref._kapre_front_end import KapreBands, stft_front_end, with_decibels
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views
from kapre_ref._polar import magnitude_reference
from kapre_ref._spectrograms import spectra_reference, spectrogram_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd
    from kapre_ref._types import DataFormat, Float, MelNorm, WindowName


def melspectrogram(
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
    sample_rate: float = 22050,
    n_mels: int = 128,
    mel_f_min: float = 0.0,
    mel_f_max: float | None = None,
    mel_htk: bool = False,
    mel_norm: MelNorm = "slaney",
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Compute the mel spectrogram of a signal: `stft_magnitude` through `filterbank_mel`.

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
    sample_rate : float, Hz
        Sample rate of `x`.
    n_mels : int
        Number of mel bands.
    mel_f_min, mel_f_max : float, Hz
        Lower edge of the first band and upper edge of the last; None means half the sample rate.
    mel_htk : bool
        Use the mel scale of HTK instead of Slaney's.
    mel_norm : 'slaney', None or float
        'slaney' divides each triangle by half its width in Hz, so that all have the same area; None
        leaves peaks of 1; a number divides each band by its norm of that order.
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
        (n_frames, n_mels), (batch, n_frames, n_mels), or with channels (batch, n_frames, n_mels,
        channel) or (batch, channel, n_frames, n_mels).

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
        If bands are so narrow that no bin lies in them, or `x` has samples but no frame, which is
        mostly a matter of its layout.

    Notes
    -----
    The bands sum magnitudes, not powers. Matches `kapre.composed.get_melspectrogram_layer` of
    Kapre 0.4.1.

    Examples
    --------
    >>> x = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    >>> melspectrogram(x, n_mels=40, return_decibel=True).shape
    (40, 40)
    """
    if of_another_library(x):
        return by_views(melspectrogram, locals())
    stft_parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    mel_parameters = (sample_rate, n_mels, mel_f_min, mel_f_max, mel_htk, mel_norm)
    front_end = mel_front_end(*stft_parameters, *mel_parameters)
    decibels = (return_decibel, db_amin, db_ref_value, db_dynamic_range)
    front_end, scale = with_decibels(front_end, *decibels)
    formats = (input_data_format, output_data_format)
    signals, result, out = spectrogram_arrays(x, front_end, scale, formats, out)
    kernels_for(x).features(signals, front_end, result)
    return out


@silent
def melspectrogram_reference(
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
    sample_rate: float = 22050,
    n_mels: int = 128,
    mel_f_min: float = 0.0,
    mel_f_max: float | None = None,
    mel_htk: bool = False,
    mel_norm: MelNorm = "slaney",
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
) -> NDArray[Float]:
    """Chain the oracles of the STFT, magnitude, mel filterbank and decibels, in float64."""
    parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    magnitudes = magnitude_reference(spectra_reference(x, parameters, input_data_format))
    mel_parameters = (n_mels, mel_f_min, mel_f_max, mel_htk, mel_norm)
    filterbank = filterbank_mel_reference(
        sample_rate, n_fft // 2 + 1, *mel_parameters, dtype=np.float64
    )
    result = apply_filterbank_reference(magnitudes, filterbank, CH_FIRST_STR)
    if return_decibel:
        scale = DecibelScale(db_ref_value, db_amin, db_dynamic_range)
        result = rounded_decibels_reference(result, scale, real_dtype(x.dtype))
    return in_layout(result, x.ndim - 1, output_data_format).astype(real_dtype(x.dtype))


def log_frequency_spectrogram(
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
    sample_rate: float = 22050,
    log_n_bins: int = 84,
    log_f_min: float | None = None,
    log_bins_per_octave: int = 12,
    log_spread: float = 0.125,
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Compute the log-frequency spectrogram of a signal: `stft_magnitude`, `filterbank_log`.

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
    sample_rate : float, Hz
        Sample rate of `x`.
    log_n_bins : int
        Number of bands.
    log_f_min : float, Hz, optional
        Centre of the first band; None means the note C1, 32.70319566 Hz.
    log_bins_per_octave : int
        Bands to the octave.
    log_spread : float
        Width of a band, as a fraction of the distance between two bands.
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
        (n_frames, n_bins), (batch, n_frames, n_bins), or with channels (batch, n_frames, n_bins,
        channel) or (batch, channel, n_frames, n_bins).

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a number is out of range or a shape does not fit.
    NotImplementedError
        If there is no window of that name.
    RuntimeError
        If the last band ends above half the sample rate.

    Warns
    -----
    UserWarning
        If `x` has samples but no frame, which is mostly a matter of its layout.

    Notes
    -----
    Matches `kapre.composed.get_log_frequency_spectrogram_layer` of Kapre 0.4.1.

    Examples
    --------
    >>> x = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    >>> log_frequency_spectrogram(x)[0].argmax() == 12 * 3 + 9  # A4: three octaves and 9 above C1
    np.True_
    """
    if of_another_library(x):
        return by_views(log_frequency_spectrogram, locals())
    stft_parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    log_parameters = (sample_rate, log_n_bins, log_f_min, log_bins_per_octave, log_spread)
    front_end = log_front_end(*stft_parameters, *log_parameters)
    decibels = (return_decibel, db_amin, db_ref_value, db_dynamic_range)
    front_end, scale = with_decibels(front_end, *decibels)
    formats = (input_data_format, output_data_format)
    signals, result, out = spectrogram_arrays(x, front_end, scale, formats, out)
    kernels_for(x).features(signals, front_end, result)
    return out


@silent
def log_frequency_spectrogram_reference(
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
    sample_rate: float = 22050,
    log_n_bins: int = 84,
    log_f_min: float | None = None,
    log_bins_per_octave: int = 12,
    log_spread: float = 0.125,
    return_decibel: bool = False,
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
) -> NDArray[Float]:
    """Chain the oracles of the STFT, magnitude, log filterbank and decibels, in float64."""
    parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    magnitudes = magnitude_reference(spectra_reference(x, parameters, input_data_format))
    log_parameters = (log_n_bins, log_bins_per_octave, log_f_min, log_spread)
    filterbank = filterbank_log_reference(
        sample_rate, n_fft // 2 + 1, *log_parameters, dtype=np.float64
    )
    result = apply_filterbank_reference(magnitudes, filterbank, CH_FIRST_STR)
    if return_decibel:
        scale = DecibelScale(db_ref_value, db_amin, db_dynamic_range)
        result = rounded_decibels_reference(result, scale, real_dtype(x.dtype))
    return in_layout(result, x.ndim - 1, output_data_format).astype(real_dtype(x.dtype))


@checked_once
def mel_front_end(
    n_fft: int,
    win_length: int | None,
    hop_length: int | None,
    window_name: WindowName | None,
    pad_begin: bool,
    pad_end: bool,
    sample_rate: float,
    n_mels: int,
    f_min: float,
    f_max: float | None,
    htk: bool,
    norm: MelNorm,
) -> FrontEnd:
    """Return the front end of a mel spectrogram's parameters, checked."""
    front_end = stft_front_end(n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    check_integer("n_fft", n_fft, 2)
    sample_rate = check_positive("sample_rate", sample_rate)
    n_mels = check_integer("n_mels", n_mels, 1)
    f_min, f_max = check_band_edges(sample_rate, f_min, f_max, prefix="mel_")
    htk = check_flag("mel_htk", htk)
    check_norm("mel_norm", norm)
    check_edges(n_mels, f_min, f_max, htk, prefix="mel_")
    kind = KapreBands if n_fft % 2 else Bands
    bands = kind(n_mels, f_min, f_max, "htk" if htk else "slaney", norm=norm)
    return front_end.replace(sample_rate=sample_rate, bands=bands)


@checked_once
def log_front_end(
    n_fft: int,
    win_length: int | None,
    hop_length: int | None,
    window_name: WindowName | None,
    pad_begin: bool,
    pad_end: bool,
    sample_rate: float,
    n_bins: int,
    f_min: float | None,
    bins_per_octave: int,
    spread: float,
) -> FrontEnd:
    """Return the front end of a log-frequency spectrogram's parameters, checked."""
    front_end = stft_front_end(n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    check_integer("n_fft", n_fft, 2)
    sample_rate = check_positive("sample_rate", sample_rate)
    n_bins = check_integer("log_n_bins", n_bins, 1)
    f_min = C1_HZ if f_min is None else check_positive("log_f_min", f_min)
    bins_per_octave = check_integer("log_bins_per_octave", bins_per_octave, 1)
    spread = check_spread(spread, prefix="log_")
    check_top(sample_rate, n_bins, bins_per_octave, f_min, prefix="log_")
    bands = LogBands(n_bins, f_min, bins_per_octave, spread)
    return front_end.replace(sample_rate=sample_rate, bands=bands)
