"""Which bins make a band, and how much each weighs: the filterbank of a front end as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import silent
from kapre_ref._band_weights import BandWeights, bands_of, mel_bands
from kapre_ref._checks import (
    check_at_least,
    check_choice,
    check_integer,
    check_number,
    check_positive,
)
from kapre_ref._filterbanks import (
    C1_HZ,
    bands_of_logs,
    check_band_edges,
    check_edges,
    check_norm,
    check_spread,
    check_top,
    count_empty_bands,
    filterbank_log_reference,
)
from kapre_ref._mel_scale import hz_to_mel_reference, mel_edges_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import LinearIn, MelNorm, MelScale


@dataclass(frozen=True)
class Bands:
    """A mel filterbank: overlapping triangles whose edges are equally spaced in mels.

    Parameters
    ----------
    n : int
        Number of bands.
    f_min, f_max : float, Hz
        Lower edge of the first band and upper edge of the last; an `f_max` of None means half the
        sample rate.
    scale : 'htk' or 'slaney'
        The mel scale: HTK's ``2595 log10(1 + f / 700)``, or Slaney's, which is linear up to 1000 Hz
        and logarithmic above. Kaldi, torchaudio and tf.signal use HTK's, librosa and Whisper
        Slaney's.
    linear_in : 'hz', 'mel' or 'left'
        Where the sides of the triangles are straight: over Hz (librosa, torchaudio), over mels
        (Kaldi, tf.signal, Keras), or over Hz with the right side as wide as the left one
        (SpeechBrain).
    norm : None, 'slaney' or float
        None leaves peaks of 1; 'slaney' divides each triangle by half its width in Hz; a number
        divides each band by its norm of that order, as librosa does, where the sides are straight
        over Hz.
    made_for : float, Hz, optional
        The sample rate that the filterbank takes the signal for, if that is another than its own:
        StyleTTS 2 feeds sound of 24 kHz to a filterbank for 16 kHz.

    Raises
    ------
    TypeError, ValueError
        If a number is of the wrong kind or out of range, or a word is not one of these.

    Examples
    --------
    >>> Bands(80, 20, 8000, "htk", linear_in="mel")  # Kaldi's
    Bands(n=80, f_min=20.0, f_max=8000.0, scale='htk', linear_in='mel', norm=None,
    made_for=None)
    """

    n: int
    f_min: float = 0.0
    f_max: float | None = None
    scale: MelScale = "htk"
    linear_in: LinearIn = "hz"
    norm: MelNorm = None
    made_for: float | None = None

    def __post_init__(self) -> None:
        """Check each field by itself."""
        _set(self, "n", check_integer("n", self.n, 1))
        _set(self, "f_min", check_number("f_min", self.f_min))
        if self.made_for is not None:
            _set(self, "made_for", check_positive("made_for", self.made_for))
        check_at_least("f_min", self.f_min, 0, "0")
        if self.f_max is not None:
            _set(self, "f_max", check_number("f_max", self.f_max))
        check_choice("scale", self.scale, ("htk", "slaney"))
        check_choice("linear_in", self.linear_in, ("hz", "mel", "left"))
        _set(self, "norm", check_norm("norm", self.norm))
        if self.linear_in != "hz" and isinstance(self.norm, float):
            raise ValueError(
                f"norm must be None or 'slaney' with linear_in={self.linear_in!r}, got {self.norm}"
            )

    def check(self, sample_rate: float, n_fft: int) -> None:
        """Check that the bands fit into a spectrum."""
        _, f_max = check_band_edges(
            self.made_for or sample_rate, self.f_min, self.f_max, prefix="bands."
        )
        check_edges(self.n, self.f_min, f_max, self.scale == "htk", "bands.", name="bands.n")

    def edges(self, sample_rate: float) -> NDArray[np.float64]:
        """Return where triangles begin, peak and end, in the filterbank's Hz: (n + 2,)."""
        rate = self.made_for or sample_rate
        f_max = rate / 2 if self.f_max is None else self.f_max
        return mel_edges_reference(self.n, self.f_min, f_max, self.scale == "htk")

    def centres(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the peak of each triangle, in Hz: (n,)."""
        scale = sample_rate / (self.made_for or sample_rate)
        return self.edges(sample_rate)[1:-1] * scale

    def bins(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the frequency that each bin is taken for, in Hz: (n_freq,)."""
        return np.asarray(np.fft.rfftfreq(n_fft, 1 / (self.made_for or sample_rate)), np.float64)

    def n_empty(self, sample_rate: float, n_fft: int) -> int:
        """Count the bands that no bin of a spectrum lies in."""
        rate = self.made_for or sample_rate
        f_max = rate / 2 if self.f_max is None else self.f_max
        edges = (self.n, self.f_min, f_max, self.scale == "htk")
        return count_empty_bands(rate, n_fft // 2 + 1, *edges)

    @silent
    def weights(self, sample_rate: float, n_fft: int, dtype: np.dtype[Any]) -> BandWeights:
        """Return the weights of each band, computed in float64 and rounded to a dtype."""
        if self.linear_in == "hz":
            frequency = self.bins(sample_rate, n_fft)
            return mel_bands(self.edges(sample_rate), frequency, self.norm, dtype)
        return bands_of(self.matrix_reference(sample_rate, n_fft).astype(dtype))

    @silent
    def matrix_reference(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the filterbank by its formula: (n_freq, n)."""
        hz = self.edges(sample_rate)
        frequency = self.bins(sample_rate, n_fft)[:, None]
        at, edge = frequency, hz
        if self.linear_in == "mel":
            at, edge = (hz_to_mel_reference(f, self.scale == "htk") for f in (frequency, hz))
        left, centre, right = edge[:-2], edge[1:-1], edge[2:]
        if self.linear_in == "left":
            right = 2 * centre - left
        rising, falling = (at - left) / (centre - left), (right - at) / (right - centre)
        weights = np.maximum(0, np.minimum(rising, falling))
        if self.norm == "slaney":
            weights = weights * (2 / (hz[2:] - hz[:-2]))
        elif self.norm is not None:
            weights = weights / np.linalg.norm(weights, float(self.norm), axis=0)
        return np.asarray(weights)


@dataclass(frozen=True)
class LogBands:
    """Kapre's log-frequency filterbank: log-normal bands, equally spaced in octaves.

    Parameters
    ----------
    n : int
        Number of bands.
    f_min : float, Hz
        Centre of the first band; the default is the note C1.
    bins_per_octave : int
        Number of bands to the octave.
    spread : float
        Width of a band, as a fraction of the distance between two bands.

    Raises
    ------
    TypeError, ValueError
        If a number is of the wrong kind or out of range.

    Notes
    -----
    `filterbank_log` has the formula. Bins are taken to lie as those of an even `n_fft` do.

    Examples
    --------
    >>> LogBands(84).n
    84
    """

    n: int = 84
    f_min: float = C1_HZ
    bins_per_octave: int = 12
    spread: float = 0.125

    def __post_init__(self) -> None:
        """Check each field by itself."""
        _set(self, "n", check_integer("n", self.n, 1))
        _set(self, "f_min", check_positive("f_min", self.f_min))
        _set(self, "bins_per_octave", check_integer("bins_per_octave", self.bins_per_octave, 1))
        _set(self, "spread", check_spread(self.spread))

    def check(self, sample_rate: float, n_fft: int) -> None:
        """Check that the bands end below half the sample rate."""
        if n_fft < 2:
            raise ValueError(f"n_fft must be at least 2 with LogBands, got {n_fft}")
        octaves, error = self.bins_per_octave, ValueError
        check_top(sample_rate, self.n, octaves, self.f_min, "bands.", name="n", error=error)

    def centres(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the centre of each band, in Hz: (n,)."""
        return np.asarray(self.f_min * 2.0 ** (np.arange(self.n) / self.bins_per_octave))

    def weights(self, sample_rate: float, n_fft: int, dtype: np.dtype[Any]) -> BandWeights:
        """Return the weights of each band, computed in float64 and rounded to a dtype."""
        return bands_of_logs(sample_rate, n_fft // 2 + 1, *self._parameters, dtype)

    def matrix_reference(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the filterbank by its formula: (n_freq, n)."""
        n_freq = n_fft // 2 + 1
        return filterbank_log_reference(sample_rate, n_freq, *self._parameters, dtype=np.float64)

    @property
    def _parameters(self) -> tuple[int, int, float, float]:
        return self.n, self.bins_per_octave, self.f_min, self.spread


@dataclass(frozen=True)
class MatrixBands:
    """Any filterbank, weight by weight; `FrontEnd` makes it of a matrix that it is given.

    Parameters
    ----------
    matrix : array or nested sequence of floats, (n_freq, n)
        The weight of each bin in each band.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not one of finite numbers, or has no bands.
    """

    matrix: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Check the matrix, and keep it as what cannot change."""
        try:
            array = np.asarray(self.matrix)
        except ValueError:
            raise TypeError("bands must be a matrix, got rows of different lengths") from None
        if array.dtype.kind not in "iuf":  # of complex numbers, half would be lost
            raise TypeError(f"bands must be a matrix of numbers, got {array.dtype}")
        array = array.astype(np.float64)
        if array.ndim != 2 or not array.size:
            raise ValueError(f"bands must have shape (n_freq, n), got shape {array.shape}")
        if not np.isfinite(array).all() or np.abs(array).max() > np.finfo(np.float32).max:
            raise ValueError("bands must be finite numbers of float32's range, got others")
        _set(self, "matrix", tuple(map(tuple, array.tolist())))

    @property
    def n(self) -> int:
        """Number of bands."""
        return len(self.matrix[0])

    @property
    def has_negative(self) -> bool:
        """Whether a weight is negative, so that a band may be."""
        return min(map(min, self.matrix)) < 0

    def check(self, sample_rate: float, n_fft: int) -> None:
        """Check that there is a row for each bin of a spectrum."""
        n_freq = n_fft // 2 + 1
        if len(self.matrix) != n_freq:
            raise ValueError(
                f"bands must have n_fft // 2 + 1 = {n_freq} rows, one for each bin, got "
                f"{len(self.matrix)}"
            )

    def centres(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the frequency of each band's largest weight, in Hz: (n,)."""
        frequency = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
        return np.asarray(frequency[np.abs(np.array(self.matrix)).argmax(axis=0)])

    def weights(self, sample_rate: float, n_fft: int, dtype: np.dtype[Any]) -> BandWeights:
        """Return the weights of each band, rounded to a dtype."""
        return bands_of(np.array(self.matrix).astype(dtype))

    def matrix_reference(self, sample_rate: float, n_fft: int) -> NDArray[np.float64]:
        """Return the matrix: (n_freq, n)."""
        return np.array(self.matrix)


def _set(value: object, field: str, checked: object) -> None:
    object.__setattr__(value, field, checked)  # the way into a frozen dataclass
