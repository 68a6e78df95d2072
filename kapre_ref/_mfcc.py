"""Mel-frequency cepstral coefficients of a signal or of its log-mel spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._arrays import native, real_dtype, result_array, silent
from kapre_ref._band_spectrograms import mel_front_end, melspectrogram_reference
from kapre_ref._checks import (
    check_at_least,
    check_choice,
    check_floating,
    check_integer,
    check_number,
)
from kapre_ref._data_format import check_data_format, in_layout, layout_shape, spectrogram_view
from kapre_ref._dispatch import kernels_for
from kapre_ref._kapre_front_end import check_signals, with_decibels
from kapre_ref._kept import kept
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views
from kapre_ref._spectrograms import spectrogram_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import DataFormat, DctNorm, Float, MelNorm, WindowName


def logmel_to_mfcc(
    log_melgrams: NDArray[Float],
    n_mfccs: int = 20,
    data_format: DataFormat = "default",
    *,
    dct_type: int = 2,
    norm: DctNorm = "htk",
    lifter: float = 0.0,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Compute mel-frequency cepstral coefficients from log-mel spectrograms.

    Parameters
    ----------
    log_melgrams : array, (n_frames, n_mels), (batch, n_frames, n_mels) or with channels
        Logarithms of mel spectrograms, float16, float32 or float64. With channels: (batch,
        n_frames, n_mels, channel) if `data_format` is 'channels_last', (batch, channel, n_frames,
        n_mels) if it is 'channels_first'.
    n_mfccs : int
        Number of coefficients, 1 to `n_mels`.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    dct_type : 1, 2 or 3
        Type of the discrete cosine transform; of type 1 there must be 2 bands or more.
    norm : 'htk', 'ortho' or None
        HTK's scale, which type 2 alone has; the orthonormal transform, as in librosa and Kaldi; or
        none, as of `scipy.fft.dct` without a norm.
    lifter : float
        Coefficient i, from 0 on, is multiplied by ``1 + lifter / 2 sin(pi (i + 1) / lifter)``, as
        in librosa; 0 for none.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping
        `log_melgrams`.

    Returns
    -------
    array, dtype of `log_melgrams`
        `log_melgrams` with `n_mfccs` in the place of `n_mels`.

    Raises
    ------
    TypeError
        If `log_melgrams` is not a floating array, or an argument is of the wrong
        kind.
    ValueError
        If `n_mfccs` is not from 1 to `n_mels`, an option has no such value, or a shape does not
        fit.

    Notes
    -----
    The discrete cosine transform of type II as in HTK, ``y[k] = sqrt(2 / n_mels) sum_m x[m]
    cos(pi k (m + 1/2) / n_mels)``. Matches the layer `kapre.LogmelToMFCC` of Kapre 0.4.1.
    librosa's orthonormal transform differs in coefficient 0 alone, which is sqrt(2) times as large
    here; ``norm="ortho"`` is librosa's.

    References
    ----------
    S. Young et al., The HTK Book, version 3.4, section 5.6, eq. 5.14.

    Examples
    --------
    >>> logmel_to_mfcc(np.ones((1, 8)), n_mfccs=2).round(3)
    array([[4., 0.]])
    """
    if of_another_library(log_melgrams):
        return by_views(logmel_to_mfcc, locals())
    check_floating("log_melgrams", log_melgrams)
    check_data_format("data_format", data_format)
    log_mels = spectrogram_view("log_melgrams", native(log_melgrams), data_format)
    n_mels = log_mels.shape[3]
    n_mfccs = _check_n_mfccs(n_mfccs, n_mels)
    cosines = Cosines(n_mels, n_mfccs, *_check_transform(dct_type, norm, lifter, n_mels))
    shape = layout_shape((*log_mels.shape[:3], n_mfccs), log_melgrams.ndim - 2, data_format)
    out = result_array(log_melgrams, shape, log_melgrams.dtype, out)
    mfccs = spectrogram_view("out", out, data_format)
    kernels_for(log_melgrams).logmel_to_mfcc(log_mels, cosines, mfccs)
    return out


@silent
def logmel_to_mfcc_reference(
    log_melgrams: NDArray[Float],
    n_mfccs: int = 20,
    data_format: DataFormat = "default",
    *,
    dct_type: int = 2,
    norm: DctNorm = "htk",
    lifter: float = 0.0,
) -> NDArray[Float]:
    """Compute cepstral coefficients; scaled as in HTK, so that coefficient 0 is not orthonormal."""
    log_mels = spectrogram_view("log_melgrams", log_melgrams, data_format).astype(np.float64)
    mfccs = log_mels @ cosines_reference(log_mels.shape[3], n_mfccs, dct_type, norm, lifter)
    in_caller_layout = in_layout(mfccs, log_melgrams.ndim - 2, data_format)
    return in_caller_layout.astype(real_dtype(log_melgrams.dtype))


def mfcc(
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
    n_mfccs: int = 20,
    n_mels: int = 128,
    mel_f_min: float = 0.0,
    mel_f_max: float | None = None,
    mel_htk: bool = False,
    mel_norm: MelNorm = "slaney",
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Compute mel-frequency cepstral coefficients of a signal: `melspectrogram`, `logmel_to_mfcc`.

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
    n_mfccs : int
        Number of coefficients, 1 to `n_mels`.
    n_mels : int
        Number of mel bands.
    mel_f_min, mel_f_max : float, Hz
        Lower edge of the first band and upper edge of the last; None means half the sample rate.
    mel_htk : bool
        Use the mel scale of HTK instead of Slaney's.
    mel_norm : 'slaney', None or float
        'slaney' divides each triangle by half its width in Hz, so that all have the same area; None
        leaves peaks of 1; a number divides each band by its norm of that order.
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
        (n_frames, n_mfccs), (batch, n_frames, n_mfccs), or with channels (batch, n_frames,
        n_mfccs, channel) or (batch, channel, n_frames, n_mfccs).

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
    The layers `kapre.composed.get_melspectrogram_layer`, in decibels, and `kapre.LogmelToMFCC` of
    Kapre 0.4.1, one after the other. `librosa.feature.mfcc` differs: its bands sum powers, its
    frames are centred by padding, the axes of its result are (n_mfccs, n_frames), its decibels
    are relative to 1 over all items, and its coefficient 0 is orthonormal, smaller by sqrt(2).

    Examples
    --------
    >>> x = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    >>> mfcc(x, sample_rate=22050, n_mfccs=13).shape
    (40, 13)
    """
    if of_another_library(x):
        return by_views(mfcc, locals())
    stft_parameters = (n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    mel_parameters = (sample_rate, n_mels, mel_f_min, mel_f_max, mel_htk, mel_norm)
    front_end = mel_front_end(*stft_parameters, *mel_parameters)
    decibels = (True, db_amin, db_ref_value, db_dynamic_range)
    front_end, scale = with_decibels(front_end, *decibels)
    n_mfccs = _check_n_mfccs(n_mfccs, n_mels)
    check_data_format("output_data_format", output_data_format)
    signals = check_signals(x, input_data_format)
    batch, channel, _ = signals.shape
    shape = (batch, channel, front_end.count_frames(signals.shape[2]), n_mfccs)
    out = result_array(x, layout_shape(shape, x.ndim - 1, output_data_format), x.dtype, out)
    # Decibels of float16 would be rounded to a sixteenth of one before they are summed.
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    formats = (input_data_format, output_data_format)
    wide_signals, log_mels, _ = spectrogram_arrays(wide, front_end, scale, formats)
    kernels_for(x).features(wide_signals, front_end, log_mels)
    mfccs = spectrogram_view("out", out, output_data_format)
    kernels_for(x).logmel_to_mfcc(log_mels, Cosines(log_mels.shape[3], n_mfccs), mfccs)
    return out


@silent
def mfcc_reference(
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
    n_mfccs: int = 20,
    n_mels: int = 128,
    mel_f_min: float = 0.0,
    mel_f_max: float | None = None,
    mel_htk: bool = False,
    mel_norm: MelNorm = "slaney",
    db_amin: float = 1e-5,
    db_ref_value: float = 1.0,
    db_dynamic_range: float = 80.0,
) -> NDArray[Float]:
    """Chain the oracles of the mel spectrogram in decibels and of its coefficients, in float64."""
    log_mels = melspectrogram_reference(
        x.astype(np.float64),
        n_fft,
        win_length,
        hop_length,
        window_name=window_name,
        pad_begin=pad_begin,
        pad_end=pad_end,
        input_data_format=input_data_format,
        output_data_format=output_data_format,
        sample_rate=sample_rate,
        n_mels=n_mels,
        mel_f_min=mel_f_min,
        mel_f_max=mel_f_max,
        mel_htk=mel_htk,
        mel_norm=mel_norm,
        return_decibel=True,
        db_amin=db_amin,
        db_ref_value=db_ref_value,
        db_dynamic_range=db_dynamic_range,
    )
    return logmel_to_mfcc_reference(log_mels, n_mfccs, output_data_format).astype(
        real_dtype(x.dtype)
    )


def _check_n_mfccs(n_mfccs: int, n_mels: int) -> int:
    n_mfccs = check_integer("n_mfccs", n_mfccs, 1)
    if n_mfccs > n_mels:
        raise ValueError(f"n_mfccs must be at most n_mels={n_mels}, the bands, got {n_mfccs}")
    return n_mfccs


def _check_transform(
    dct_type: Any, norm: Any, lifter: Any, n_mels: int
) -> tuple[int, str | None, float]:
    dct_type = check_integer("dct_type", dct_type, 1, 3)
    if norm is not None:
        check_choice("norm", norm, ("htk", "ortho"))
    if norm == "htk" and dct_type != 2:
        raise ValueError(f"dct_type must be 2 with norm='htk', got {dct_type}")
    if dct_type == 1 and n_mels < 2:
        raise ValueError(f"dct_type must be 2 or 3 for n_mels={n_mels}, got 1")
    lifter = check_number("lifter", lifter)
    check_at_least("lifter", lifter, 0, "0")
    return dct_type, norm, lifter


@silent
def cosines_reference(
    n_mels: int, n_mfccs: int, dct_type: int = 2, norm: str | None = "htk", lifter: float = 0.0
) -> NDArray[np.float64]:
    """Return the matrix of the transform, (n_mels, n_mfccs), lifter included."""
    m, k = np.arange(n_mels)[:, None], np.arange(n_mfccs)
    cosines: NDArray[np.float64]
    if norm == "htk":
        cosines = np.sqrt(2 / n_mels) * np.cos(np.pi * ((m + 0.5) * k / n_mels))
    else:
        n = n_mels - (dct_type == 1)
        turns = {1: m * k, 2: (m + 0.5) * k, 3: m * (k + 0.5)}[dct_type] / n
        cosines = 2 * np.cos(np.pi * turns)
        # Bands that are their own mirror images count once, and coefficients that are, too.
        own_bands, own_values = {1: ([0, -1], [0, n]), 2: ([], [0]), 3: ([0], [])}[dct_type]
        cosines[own_bands] /= 2
        if norm == "ortho":
            cosines[own_bands] *= np.sqrt(2)
            cosines[:, np.isin(k, own_values)] /= np.sqrt(2)
            cosines /= np.sqrt(2 * n)
    if lifter:
        cosines = cosines * (1 + lifter / 2 * np.sin(np.pi * (k + 1) / lifter))
    return cosines


class Cosines(NamedTuple):
    """The matrix of the transform by its parameters, so that kernels keep what they make of it."""

    n_mels: int
    n_mfccs: int
    dct_type: int = 2
    norm: str | None = "htk"
    lifter: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """Return it, (n_mels, n_mfccs), read-only."""
        return _cached_cosines(self)


@kept
def _cached_cosines(parameters: Cosines) -> NDArray[np.float64]:
    cosines = cosines_reference(*parameters)
    cosines.flags.writeable = False
    return cosines
