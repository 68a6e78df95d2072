"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from kapre_ref._arrays import complex_dtype, native, real_dtype, result_array, silent
from kapre_ref._checks import check_complex
from kapre_ref._data_format import (
    check_data_format,
    in_layout,
    layout_shape,
    signal_view,
    spectrogram_view,
)
from kapre_ref._dispatch import kernels_for
from kapre_ref._framing import frame_reference
from kapre_ref._kapre_front_end import (
    check_signals,
    check_stft_parameters,
    frames_of,
    stft_front_end,
)
from kapre_ref._kept import kept
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views
from kapre_ref._synthesis import Synthesis, inverse_window_reference, overlapped_squares
from kapre_ref._windows import (
    coarse_window_reference,
    get_window_fn_reference,
    hann_window_reference,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kapre_ref._types import DataFormat, WindowName


@overload
def stft(  # type: ignore[overload-overlap]
    x: NDArray[np.float16 | np.float32],
    n_fft: int = ...,
    win_length: int | None = ...,
    hop_length: int | None = ...,
    *,
    window_name: WindowName | None = ...,
    pad_begin: bool = ...,
    pad_end: bool = ...,
    input_data_format: DataFormat = ...,
    output_data_format: DataFormat = ...,
    out: NDArray[np.complex64] | None = ...,
) -> NDArray[np.complex64]: ...


@overload
def stft(
    x: NDArray[np.float64],
    n_fft: int = ...,
    win_length: int | None = ...,
    hop_length: int | None = ...,
    *,
    window_name: WindowName | None = ...,
    pad_begin: bool = ...,
    pad_end: bool = ...,
    input_data_format: DataFormat = ...,
    output_data_format: DataFormat = ...,
    out: NDArray[np.complex128] | None = ...,
) -> NDArray[np.complex128]: ...


def stft(
    x: NDArray[Any],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    window_name: WindowName | None = None,
    pad_begin: bool = False,
    pad_end: bool = False,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Compute the short-time Fourier transform of a signal.

    Parameters
    ----------
    x : array, (time,), (batch, time) or with channels, float16, float32 or float64
        With channels: (batch, time, channel) if `input_data_format` is 'channels_last', (batch,
        channel, time) if it is 'channels_first'.
    n_fft : int
        Number of points of the Fourier transform; any size works.
    win_length : int, samples, optional
        Length of the window and of a frame; None means `n_fft`. A shorter window stands at the
        start of the transform, zeros after it (librosa and torch centre it). The windowed frame of
        a longer one is cut off at `n_fft`.
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
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, complex128 for float64, else complex64
        (n_frames, n_freq), (batch, n_frames, n_freq), or with channels (batch, n_frames, n_freq,
        channel) or (batch, channel, n_frames, n_freq), with ``n_freq = n_fft // 2 + 1``. A signal
        shorter than a frame gives no frames unless `pad_end`.

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a length is not positive, `hop_length` exceeds `n_fft` with `pad_begin`, `win_length` is
        odd with the Kaiser-Bessel derived window, or a shape does not fit.
    NotImplementedError
        If there is no window of that name.

    Warns
    -----
    UserWarning
        If `x` has samples but no frame, which is mostly a matter of its layout.

    Notes
    -----
    ``X[t, k] = sum_n w[n] x[t hop_length + n] exp(-2 pi i k n / n_fft)``. Matches the layer
    `kapre.STFT` of Kapre 0.4.1; float64 stays float64, with no further argument.

    On the CPU, the fastest sizes are those whose prime factors are 2, 3, 5 and 7, and at most one
    11 or 13. Sizes above 65536 are computed by `scipy.fft`.

    References
    ----------
    J. B. Allen, L. R. Rabiner, "A unified approach to short-time Fourier analysis and synthesis",
    Proc. IEEE 65(11), 1977, eq. 1.

    Examples
    --------
    >>> stft(np.ones(8), n_fft=4, hop_length=2).round(3)
    array([[ 2.+0.j, -1.+0.j,  0.+0.j],
           [ 2.+0.j, -1.+0.j,  0.+0.j],
           [ 2.+0.j, -1.+0.j,  0.+0.j]])
    """
    if of_another_library(x):
        return by_views(stft, locals())
    front_end = stft_front_end(n_fft, win_length, hop_length, window_name, pad_begin, pad_end)
    check_data_format("output_data_format", output_data_format)
    signals = check_signals(x, input_data_format)  # (batch, channel, time)
    shape = (*signals.shape[:2], frames_of(x, signals, front_end), front_end.n_freq)
    shape = layout_shape(shape, x.ndim - 1, output_data_format)
    out = result_array(x, shape, complex_dtype(x.dtype), out)
    kernels_for(x).stft(signals, front_end, spectrogram_view("out", out, output_data_format))
    return out


@silent
def stft_reference(
    x: NDArray[Any],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    window_name: WindowName | None = None,
    pad_begin: bool = False,
    pad_end: bool = False,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
) -> NDArray[Any]:
    """Compute the short-time Fourier transform; a short window stands at the start of the frame."""
    win_length = win_length or n_fft
    hop_length = hop_length or max(1, win_length // 4)
    signals = signal_view("x", x, input_data_format).astype(np.float64)
    n_padded = n_fft - hop_length if pad_begin else 0
    signals = np.pad(signals, [(0, 0), (0, 0), (n_padded, 0)])
    frames = frame_reference(
        signals, win_length, hop_length, pad_end, data_format="channels_first"
    )  # (batch, channel, n_frames, win_length)
    window = get_window_fn_reference(window_name)(win_length, dtype=np.float64)
    spectra = np.fft.rfft(frames * window, n_fft)  # (batch, channel, n_frames, n_freq)
    return in_layout(spectra, x.ndim - 1, output_data_format).astype(complex_dtype(x.dtype))


@overload
def inverse_stft(  # type: ignore[overload-overlap]
    stfts: NDArray[np.complex64],
    n_fft: int = ...,
    win_length: int | None = ...,
    hop_length: int | None = ...,
    *,
    forward_window_name: WindowName | None = ...,
    input_data_format: DataFormat = ...,
    output_data_format: DataFormat = ...,
    out: NDArray[np.float32] | None = ...,
) -> NDArray[np.float32]: ...


@overload
def inverse_stft(
    stfts: NDArray[np.complex128],
    n_fft: int = ...,
    win_length: int | None = ...,
    hop_length: int | None = ...,
    *,
    forward_window_name: WindowName | None = ...,
    input_data_format: DataFormat = ...,
    output_data_format: DataFormat = ...,
    out: NDArray[np.float64] | None = ...,
) -> NDArray[np.float64]: ...


def inverse_stft(
    stfts: NDArray[Any],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    forward_window_name: WindowName | None = None,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Turn a short-time Fourier transform back into a signal, by weighted overlap-add.

    Parameters
    ----------
    stfts : array, (n_frames, n_freq), (batch, n_frames, n_freq) or with channels, complex
        complex64 or complex128, with ``n_freq = n_fft // 2 + 1``. With channels: (batch, n_frames,
        n_freq, channel) if `input_data_format` is 'channels_last', (batch, channel, n_frames,
        n_freq) if it is 'channels_first'.
    n_fft : int
        Number of points of the Fourier transform.
    win_length : int, samples, optional
        Length of the window and of a frame; None means `n_fft`.
    hop_length : int, samples, optional
        Distance of the frames' starts; None means ``win_length // 4``, at least 1.
    forward_window_name : str, optional
        The window that the forward transform used; None means 'hann_window'.
    input_data_format, output_data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `stfts`.

    Returns
    -------
    array, float32 for complex64, float64 for complex128
        (time,), (batch, time), or with channels (batch, time, channel) or (batch, channel, time),
        with ``time = max(0, (n_frames - 1) hop_length + win_length)``: without any frame there are
        still ``win_length - hop_length`` zeros, as in tf.signal.

    Raises
    ------
    TypeError
        If `stfts` is not a complex array, or an argument is of the wrong kind.
    ValueError
        If `stfts` does not have ``n_fft // 2 + 1`` bins (Kapre crops or pads them silently), a
        length is not positive, or `win_length` is odd with the Kaiser-Bessel derived window.
    NotImplementedError
        If there is no window of that name.

    Notes
    -----
    Each frame is multiplied by ``w[n] / sum_m w[n + m hop_length] ** 2`` and added at its place,
    so that `stft` is undone wherever frames overlap fully; see
    `perfectly_reconstructing_stft_istft` for padding that does so everywhere. Where the sum is
    zero, so is the result. Matches the layer `kapre.InverseSTFT` of Kapre 0.4.1, also in that a
    Hann or Vorbis window for complex64 is the one that float32 arithmetic gives: where frames
    hardly overlap, its small values are divided by, and their rounding shows.

    References
    ----------
    D. W. Griffin, J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE
    Trans. ASSP 32(2), 1984, eq. 6.

    Examples
    --------
    >>> x = np.sin(np.arange(64.0))
    >>> y = inverse_stft(stft(x, n_fft=16), n_fft=16)
    >>> bool(np.allclose(y[12:-12], x[12:-12]))
    True
    """
    if of_another_library(stfts):
        return by_views(inverse_stft, locals())
    parameters = (n_fft, win_length, hop_length, forward_window_name, False, False, "forward_")
    n_fft, win_length, hop_length, window_name, *_ = check_stft_parameters(*parameters)
    check_complex("stfts", stfts)
    check_data_format("input_data_format", input_data_format)
    check_data_format("output_data_format", output_data_format)
    spectra = spectrogram_view("stfts", native(stfts), input_data_format)
    batch, channel, n_frames, n_freq = spectra.shape
    if n_freq != n_fft // 2 + 1:
        raise ValueError(
            f"stfts must have n_fft // 2 + 1 = {n_fft // 2 + 1} frequency bins for n_fft={n_fft}, "
            f"got {n_freq}"
        )
    n_samples = max(0, (n_frames - 1) * hop_length + win_length)
    shape = layout_shape((batch, channel, n_samples), stfts.ndim - 2, output_data_format)
    out = result_array(stfts, shape, real_dtype(stfts.dtype), out)
    window = _inverse_window(window_name, win_length, hop_length, out.dtype)
    signals = signal_view("out", out, output_data_format)
    kernels_for(stfts).inverse_stft(spectra, Synthesis(n_fft, hop_length, window), signals)
    return out


@silent
def inverse_stft_reference(
    stfts: NDArray[Any],
    n_fft: int = 2048,
    win_length: int | None = None,
    hop_length: int | None = None,
    *,
    forward_window_name: WindowName | None = None,
    input_data_format: DataFormat = "default",
    output_data_format: DataFormat = "default",
) -> NDArray[Any]:
    """Turn a short-time Fourier transform back into a signal; complex64 takes a coarser window.

    Kapre's window is float32. Where frames overlap little, the inverse divides by the window's
    small values and magnifies their rounding. So a float32 result that equals Kapre's needs
    Kapre's window.
    """
    win_length = win_length or n_fft
    hop_length = hop_length or max(1, win_length // 4)
    spectra = spectrogram_view("stfts", stfts, input_data_format).astype(np.complex128)
    frames = np.fft.irfft(spectra, n_fft)[..., :win_length]  # (batch, channel, n_frames, ...)
    dtype = real_dtype(stfts.dtype)
    window = inverse_window_reference(
        forward_window_reference(forward_window_name, win_length, dtype), hop_length
    )
    frames = frames * window[:n_fft]
    n_samples = max(0, (frames.shape[2] - 1) * hop_length + win_length)
    signals = np.zeros((*frames.shape[:2], n_samples))
    for index in range(frames.shape[2]):
        start = index * hop_length
        signals[..., start : start + frames.shape[3]] += frames[:, :, index]
    return in_layout(signals, stfts.ndim - 2, output_data_format).astype(dtype)


@silent
def forward_window_reference(
    window_name: str | None, win_length: int, dtype: np.dtype[Any]
) -> NDArray[np.float64]:
    """Return the window that the inverse divides by: Kapre's own for float32 results."""
    if dtype == np.float32:
        return coarse_window_reference(window_name, win_length)
    return get_window_fn_reference(window_name)(win_length, dtype=np.float64)


@kept
def _inverse_window(
    window_name: str, win_length: int, hop_length: int, dtype: np.dtype[Any]
) -> NDArray[np.float64]:
    window = inverse_window_reference(
        forward_window_reference(window_name, win_length, dtype), hop_length
    )
    window.flags.writeable = False
    return window


def perfectly_reconstructing_stft_istft(
    n_fft: int = 2048,
    hop_length: int | None = None,
    waveform_data_format: DataFormat = "default",
    stft_data_format: DataFormat = "default",
) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], Callable[[NDArray[Any]], NDArray[Any]]]:
    """Return an STFT and its inverse, padded so that the pair gives the whole signal back.

    Parameters
    ----------
    n_fft : int
        Number of points of the Fourier transform and length of the Hann window, samples.
    hop_length : int, samples, optional
        Distance of the frames' starts, less than `n_fft`; None means ``n_fft // 4``.
    waveform_data_format, stft_data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.

    Returns
    -------
    forward, inverse : functions of one array
        `stft` and `inverse_stft` with these parameters. ``inverse(forward(x))`` is longer than
        `x`, which starts at sample ``n_fft - hop_length`` of it.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a length is not positive, a data format is unknown, or `hop_length` is so long that
        samples fall between the windows.

    Notes
    -----
    Matches `kapre.composed.get_perfectly_reconstructing_stft_istft` of Kapre 0.4.1.

    Examples
    --------
    >>> forward, inverse = perfectly_reconstructing_stft_istft(n_fft=16)
    >>> x = np.sin(np.arange(100.0))
    >>> bool(np.allclose(inverse(forward(x))[12:112], x))
    True
    """
    n_fft, _, hop_length, *_ = check_stft_parameters(n_fft, None, hop_length, None, True, True)
    if not np.all(overlapped_squares(hann_window_reference(n_fft, dtype=np.float64), hop_length)):
        raise ValueError(
            f"hop_length must leave no sample outside all windows of n_fft={n_fft}, got "
            f"{hop_length}"
        )
    check_data_format("waveform_data_format", waveform_data_format)
    check_data_format("stft_data_format", stft_data_format)
    forward = partial(
        stft,
        n_fft=n_fft,
        win_length=n_fft,
        hop_length=hop_length,
        window_name="hann_window",
        pad_begin=True,
        pad_end=True,
        input_data_format=waveform_data_format,
        output_data_format=stft_data_format,
    )
    inverse = partial(
        inverse_stft,
        n_fft=n_fft,
        win_length=n_fft,
        hop_length=hop_length,
        forward_window_name="hann_window",
        input_data_format=stft_data_format,
        output_data_format=waveform_data_format,
    )
    return forward, inverse
