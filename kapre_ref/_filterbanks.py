"""Mel and log-frequency filterbanks, and their application to a spectrogram."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import in_library_of, native, real_dtype, result_array, silent
from kapre_ref._band_weights import (
    BandWeights,
    coarse_dtype,
    filterbank_of,
    log_bands,
    mel_bands,
    norms_reference,
)
from kapre_ref._checks import (
    check_at_least,
    check_at_most,
    check_flag,
    check_floating,
    check_floating_dtype,
    check_integer,
    check_ndim,
    check_number,
    check_positive,
    check_same_place,
    warn_caller,
)
from kapre_ref._data_format import check_data_format, in_layout, layout_shape, spectrogram_view
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._mel_scale import mel_edges_reference
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from kapre_ref._types import DataFormat, Float, MelNorm

C1_HZ = 32.70319566  # the note C1 in equal temperament, A4 = 440 Hz, as Kapre writes it


def filterbank_mel(
    sample_rate: float,
    n_freq: int,
    n_mels: int = 128,
    f_min: float = 0.0,
    f_max: float | None = None,
    htk: bool = False,
    norm: MelNorm = "slaney",
    *,
    dtype: DTypeLike = np.float32,
    like: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a mel filterbank: overlapping triangles, equally spaced on the mel scale.

    Parameters
    ----------
    sample_rate : float, Hz
        Sample rate of the signal.
    n_freq : int
        Number of bins of a spectrum, 2 or more. They are taken to lie from 0 Hz to half the sample
        rate, as those of an even ``n_fft = 2 (n_freq - 1)`` do; an odd `n_fft` cannot be told.
    n_mels : int
        Number of bands.
    f_min, f_max : float, Hz
        Lower edge of the first band and upper edge of the last; None means half the sample rate.
    htk : bool
        Use the mel scale of HTK instead of Slaney's.
    norm : 'slaney', None or float
        'slaney' divides each triangle by half its width in Hz, so that all have the same area; None
        leaves peaks of 1; a number divides each band by its norm of that order: 1 sum, 2 Euclidean,
        inf maximum, 0 count of non-zeros.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (n_freq, n_mels), dtype `dtype`
        Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a number is out of range, or ``0 <= f_min < f_max <= sample_rate / 2`` does not hold.

    Warns
    -----
    UserWarning
        If a band is so narrow that no bin lies in it, so that its column is zero.

    Notes
    -----
    Slaney's scale is linear up to 1000 Hz (15 mels), then logarithmic, 27 mels for a factor of 6.4;
    HTK's is ``2595 log10(1 + f / 700)``. Matches `kapre.backend.filterbank_mel` of Kapre 0.4.1,
    which is `librosa.filters.mel` transposed.

    References
    ----------
    M. Slaney, Auditory Toolbox version 2, Interval Research technical report 1998-010, mfcc.m.
    S. Young et al., The HTK Book, version 3.4, section 5.4.

    Examples
    --------
    >>> filterbank_mel(8000, n_freq=5, n_mels=2, norm=None).round(3)
    array([[0.   , 0.   ],
           [0.783, 0.217],
           [0.   , 0.904],
           [0.   , 0.452],
           [0.   , 0.   ]], dtype=float32)
    """
    sample_rate = check_positive("sample_rate", sample_rate)
    n_freq = check_integer("n_freq", n_freq, 2)
    n_mels = check_integer("n_mels", n_mels, 1)
    f_min, f_max = check_band_edges(sample_rate, f_min, f_max)
    parameters = (sample_rate, n_freq, n_mels, f_min, f_max, check_flag("htk", htk))
    check_edges(*parameters[2:])
    dtype = check_floating_dtype("dtype", dtype)
    checked_norm = check_norm("norm", norm)
    warn_of_empty_bands(count_empty_bands(*parameters), n_mels, n_freq)
    return in_library_of(filterbank_of(bands_of_mels(*parameters, checked_norm, dtype)), like)


@silent
def bands_of_mels(
    sample_rate: float,
    n_freq: int,
    n_mels: int,
    f_min: float,
    f_max: float,
    htk: bool,
    norm: str | float | None,
    dtype: np.dtype[Any],
) -> BandWeights:
    """Return the bands of a mel filterbank whose parameters were checked."""
    edges = mel_edges_reference(n_mels, f_min, f_max, htk)
    return mel_bands(edges, frequencies_reference(sample_rate, n_freq), norm, dtype)


@silent
def filterbank_mel_reference(
    sample_rate: float,
    n_freq: int,
    n_mels: int = 128,
    f_min: float = 0.0,
    f_max: float | None = None,
    htk: bool = False,
    norm: MelNorm = "slaney",
    *,
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Return a mel filterbank; triangles are drawn over Hz, and rounded before they are scaled."""
    dtype = np.dtype(dtype)
    edges = mel_edges_reference(n_mels, f_min, sample_rate / 2 if f_max is None else f_max, htk)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]  # (n_mels, 1)
    frequency = frequencies_reference(sample_rate, n_freq)
    rising = (frequency - left) / (centre - left)
    falling = (right - frequency) / (right - centre)
    weights = np.maximum(0, np.minimum(rising, falling))  # (n_mels, n_freq)
    coarse = coarse_dtype(dtype)
    weights = weights.astype(coarse).astype(np.float64)
    if norm == "slaney":
        weights = weights * (2 / (right - left))
    elif norm is not None:
        weights = weights / norms_reference(weights, float(norm), coarse)
    return weights.T.astype(dtype, order="C")


@silent
def frequencies_reference(sample_rate: float, n_freq: int) -> NDArray[np.float64]:
    """Return the frequencies of bins from 0 Hz to half the sample rate, rounded as in librosa."""
    frequencies = np.fft.rfftfreq(2 * (n_freq - 1), 1 / sample_rate).astype(np.float64)
    return frequencies


def filterbank_log(
    sample_rate: float,
    n_freq: int,
    n_bins: int = 84,
    bins_per_octave: int = 12,
    f_min: float | None = None,
    spread: float = 0.125,
    *,
    dtype: DTypeLike = np.float32,
    like: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a log-frequency filterbank: log-normal bands, equally spaced in octaves.

    Parameters
    ----------
    sample_rate : float, Hz
        Sample rate of the signal.
    n_freq : int
        Number of bins of a spectrum, 2 or more, from 0 Hz to half the sample rate.
    n_bins : int
        Number of bands.
    bins_per_octave : int
        BandWeights to the octave.
    f_min : float, Hz, optional
        Centre of the first band; None means the note C1, 32.70319566 Hz.
    spread : float
        Width of a band, as a fraction of the distance between two bands.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (n_freq, n_bins), dtype `dtype`
        Each band sums to 1; a band much narrower than the spacing of the bins may be zero
        throughout. Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a number is out of range.
    RuntimeError
        If the top, one band above the last centre, lies above half the sample rate (rounded down
        to whole Hz, as in Kapre, which raises this kind of error too).

    Notes
    -----
    ``exp(-log2(f / c)^2 / (2 sigma^2) - log2 sigma - log2 f)`` divided by its sum over `f`, with
    the centre `c` and ``sigma = spread / bins_per_octave``; 0 at 0 Hz. The textbook's log-normal
    density has ``- log f`` in place of ``- log2 f``: a mix of bases, kept from
    `kapre.backend.filterbank_log` of Kapre 0.4.1, that weighs by ``f ** -1.443`` instead of 1 / f.

    References
    ----------
    librosa 0.4, `librosa.filters.logfrequency`.

    Examples
    --------
    >>> filterbank_log(8000, n_freq=5, n_bins=2, bins_per_octave=1, f_min=1000.0).round(3)
    array([[0., 0.],
           [1., 0.],
           [0., 1.],
           [0., 0.],
           [0., 0.]], dtype=float32)
    """
    sample_rate = check_positive("sample_rate", sample_rate)
    n_freq = check_integer("n_freq", n_freq, 2)
    n_bins = check_integer("n_bins", n_bins, 1)
    bins_per_octave = check_integer("bins_per_octave", bins_per_octave, 1)
    f_min = C1_HZ if f_min is None else check_positive("f_min", f_min)
    spread = check_spread(spread)
    check_top(sample_rate, n_bins, bins_per_octave, f_min)
    parameters = (sample_rate, n_freq, n_bins, bins_per_octave, f_min, spread)
    dtype = check_floating_dtype("dtype", dtype)
    return in_library_of(filterbank_of(bands_of_logs(*parameters, dtype)), like)


@silent
def bands_of_logs(
    sample_rate: float,
    n_freq: int,
    n_bins: int,
    bins_per_octave: int,
    f_min: float,
    spread: float,
    dtype: np.dtype[Any],
) -> BandWeights:
    """Return the bands of a log-frequency filterbank whose parameters were checked."""
    centres = log_centres_reference(n_bins, bins_per_octave, f_min)
    frequency = frequencies_reference(sample_rate, n_freq)
    return log_bands(centres, frequency, spread / bins_per_octave, dtype)


@silent
def filterbank_log_reference(
    sample_rate: float,
    n_freq: int,
    n_bins: int = 84,
    bins_per_octave: int = 12,
    f_min: float | None = None,
    spread: float = 0.125,
    *,
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Return a log-frequency filterbank; the textbook has log f where log2 f stands here."""
    lowest = C1_HZ if f_min is None else f_min
    log_centre = log_centres_reference(n_bins, bins_per_octave, lowest)[:, None]  # (n_bins, 1)
    log_frequency = np.log2(frequencies_reference(sample_rate, n_freq)[1:])  # bin 0 weighs nothing
    sigma = spread / bins_per_octave
    exponent = -0.5 * ((log_frequency - log_centre) / sigma) ** 2 - np.log2(sigma) - log_frequency
    bands = np.exp(exponent)  # (n_bins, n_freq - 1)
    weights = np.pad(bands / norms_reference(bands, 1.0, bands.dtype), [(0, 0), (1, 0)])
    rounded: NDArray[Any] = weights.T.astype(dtype, order="C")
    return rounded


@silent
def log_centres_reference(n_bins: int, bins_per_octave: int, f_min: float) -> NDArray[np.float64]:
    """Return the centres of the bands, in octaves above 1 Hz."""
    centres: NDArray[np.float64] = np.log2(f_min) + np.arange(n_bins) / bins_per_octave
    return centres


def apply_filterbank(
    x: NDArray[Float],
    filterbank: NDArray[np.floating[Any]],
    data_format: DataFormat = "default",
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Weigh and sum the frequency bins of a spectrogram into bands.

    Parameters
    ----------
    x : array, (n_frames, n_freq), (batch, n_frames, n_freq) or with channels
        A spectrogram of float16, float32 or float64. With channels: (batch, n_frames, n_freq,
        channel) if `data_format` is 'channels_last', (batch, channel, n_frames, n_freq) if it is
        'channels_first'.
    filterbank : array, (n_freq, n_bands), floating
        In the library of `x`; see `filterbank_mel`, `filterbank_log` and their argument `like`.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, overlapping neither `x`
        nor `filterbank`.

    Returns
    -------
    array, dtype of `x`
        `x` with `n_bands` in the place of `n_freq`.

    Raises
    ------
    TypeError
        If an array is not a floating array, or the two are of different libraries.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    ``y[t, b] = sum_k x[t, k] filterbank[k, b]``. Matches the layer `kapre.ApplyFilterbank` of
    Kapre 0.4.1.

    Examples
    --------
    >>> apply_filterbank(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0], [0.5], [0.0]]))
    array([[2.]])
    """
    if of_another_library(x):
        return by_views(apply_filterbank, locals())
    check_floating("x", x)
    check_floating("filterbank", filterbank)
    check_same_place("x", x, "filterbank", filterbank)
    check_data_format("data_format", data_format)
    check_ndim("filterbank", filterbank, (2,), "(n_freq, n_bands)")
    spectra = spectrogram_view("x", native(x), data_format)
    n_freq, n_bands = filterbank.shape
    if spectra.shape[3] != n_freq:
        raise ValueError(
            f"filterbank must have as many rows as x has frequency bins, {spectra.shape[3]}, got "
            f"shape {tuple(filterbank.shape)}"
        )
    shape = layout_shape((*spectra.shape[:3], n_bands), x.ndim - 2, data_format)
    out = result_array(x, shape, x.dtype, out, filterbank)
    bands = spectrogram_view("out", out, data_format)
    kernels_for(x).apply_filterbank(spectra, native(filterbank), bands)
    return out


@silent
def apply_filterbank_reference(
    x: NDArray[Float], filterbank: NDArray[np.floating[Any]], data_format: DataFormat = "default"
) -> NDArray[Float]:
    """Weigh and sum the frequency bins of a spectrogram; nothing differs from the textbook."""
    spectra = spectrogram_view("x", x, data_format).astype(np.float64)
    bands = spectra @ filterbank.astype(np.float64)  # (batch, channel, n_frames, n_bands)
    return in_layout(bands, x.ndim - 2, data_format).astype(real_dtype(x.dtype))


def check_band_edges(
    sample_rate: float, f_min: float, f_max: float | None, prefix: str = ""
) -> tuple[float, float]:
    """Check the edges of a mel filterbank; messages put `prefix` before the parameters' names."""
    nyquist = sample_rate / 2
    lowest = check_number(prefix + "f_min", f_min)
    highest = nyquist if f_max is None else check_number(prefix + "f_max", f_max)
    check_at_least(prefix + "f_min", lowest, 0, "0")
    check_at_most(prefix + "f_max", highest, nyquist, f"sample_rate / 2 = {nyquist:g}")
    # A millionth of the sample rate keeps the edges of the bands apart in float64.
    if highest - lowest < 1e-6 * sample_rate:
        raise ValueError(f"{prefix}f_min must be less than {prefix}f_max={highest:g}, got {f_min}")
    return lowest, highest


def check_edges(
    n_mels: int, f_min: float, f_max: float, htk: bool, prefix: str = "", name: str = "n_mels"
) -> None:
    """Check that float64 tells the edges of neighbouring bands apart."""
    edges = mel_edges_reference(n_mels, f_min, f_max, htk)
    if np.diff(edges).min() < np.finfo(np.float64).tiny:
        raise ValueError(
            f"{name} must be so small that edges of bands from {prefix}f_min={f_min:g} to "
            f"{prefix}f_max={f_max:g} differ in float64, got {n_mels}"
        )


def check_norm(name: str, norm: str | float | None) -> str | float | None:
    """Check the kind of normalization of a mel filterbank."""
    rule = f"{name} must be 'slaney', None or a number of 0 or more (inf and -inf too)"
    if norm is None or (isinstance(norm, str) and norm == "slaney"):
        return norm
    if isinstance(norm, str):
        raise ValueError(f"{rule}, got {norm!r}")
    if isinstance(norm, Real) and math.isinf(norm):
        return float(norm)
    number = check_number(name, norm)
    if number < 0:
        raise ValueError(f"{rule}, got {norm}")
    return number


def check_top(
    sample_rate: float,
    n_bins: int,
    bins_per_octave: int,
    f_min: float,
    prefix: str = "",
    name: str = "n_bins",
    error: type[Exception] = RuntimeError,
) -> None:
    """Check that a log-frequency filterbank ends below half the sample rate, in whole Hz."""
    octaves = n_bins / bins_per_octave
    limit = sample_rate // 2
    if math.log2(f_min) + octaves > 1023 or f_min * 2**octaves > limit:
        top = f"{f_min * 2**octaves:.2f}" if octaves < 900 else "more"
        raise error(
            f"{prefix}{name} must be so small that the filterbank ends at most at sample_rate // 2 "
            f"= {limit:g} Hz, got {prefix}{name}={n_bins}, which ends at {top} Hz; reduce "
            f"{prefix}{name} or {prefix}f_min, or increase {prefix}bins_per_octave or sample_rate"
        )


def check_spread(spread: float, prefix: str = "") -> float:
    """Check the width of log-frequency bands; outside of its range, weights under- or overflow."""
    number = check_positive(prefix + "spread", spread)
    if not 1e-6 <= number <= 1e6:
        raise ValueError(f"{prefix}spread must be from 1e-06 to 1e+06, got {spread}")
    return number


@silent
def count_empty_bands(
    sample_rate: float, n_freq: int, n_mels: int, f_min: float, f_max: float, htk: bool
) -> int:
    """Count the mel bands that no bin of a spectrum lies in."""
    edges = mel_edges_reference(n_mels, f_min, f_max, htk)
    frequency = frequencies_reference(sample_rate, n_freq)
    first = np.searchsorted(frequency, edges[:-2], "right")
    stop = np.searchsorted(frequency, edges[2:], "left")
    return int(np.count_nonzero(stop <= first))


def warn_of_empty_bands(n_empty: int, n_mels: int, n_freq: int) -> None:
    """Warn the caller if there are bands that no bin of a spectrum lies in."""
    if n_empty:
        warn_caller(
            f"{n_empty} of {n_mels} mel bands are empty: n_mels is too large, or f_max - f_min "
            f"too small, for n_freq={n_freq}"
        )
