"""A front end: one value that says how a signal becomes the features that a model is fed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import working_dtype
from kapre_ref._bands import Bands, LogBands, MatrixBands
from kapre_ref._checks import check_in_range, check_integer
from kapre_ref._front_end_calls import features_of, signals_of, signals_reference, spectra_of
from kapre_ref._front_end_checks import NUMBERS, check_front_end, is_wide
from kapre_ref._front_end_reference import (
    dct_matrix,
    features_reference,
    spectra_reference,
    window_reference,
)
from kapre_ref._front_end_text import from_json, json_of, repr_of
from kapre_ref._kept import Recent
from kapre_ref._lengths import lengths_reference
from kapre_ref._normalisation import Normalisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from kapre_ref._band_weights import BandWeights
    from kapre_ref._layout import Layout
    from kapre_ref._stream import Stream
    from kapre_ref._types import (
        EdgeMode,
        FirstSample,
        Float,
        FloorBy,
        FrontEndWindow,
        Logarithm,
        RangeOver,
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class FrontEnd:
    """How a signal becomes features; calling it computes them.

    The fields are in the order in which they are applied. Two front ends of equal fields are equal,
    and a front end can be a key of a dict. Where tools differ in a field, a figure says by how much
    the natural logarithm of a band of speech changes at most if the field is wrong.

    Parameters
    ----------
    sample_rate : float, Hz
        Sample rate of the signal, for the edges of bands. Nothing is resampled.
    n_fft : int
        Number of points of the Fourier transform; any size works.
    win_length : int, samples, optional
        Length of the window and, unless it is centred, of a frame: at most `n_fft`, its default.
    hop_length : int, samples, optional
        Distance of the frames' starts; None means ``win_length // 4``, at least 1.
    window : str or sequence of floats
        'hann', 'hamming' and 'blackman' are periodic, whatever their length, and 'ones' is no
        window; 'hann_symmetric', 'hamming_symmetric' and 'povey' (Hann symmetric to the power
        0.85) reach their first value again at the end, as NeMo's and Kaldi's do. A name that ends
        with '_window' is one of Kapre's, see `get_window_fn`. Or `win_length` numbers, such as
        ``scipy.signal.get_window(name, win_length)``. Periodic or symmetric: 0.1; Povey, Hann: 1.5.
    center_window : bool
        Whether a window shorter than `n_fft` stands in the middle of the transform and frames have
        `n_fft` samples (librosa, torch), or at its start, and frames have `win_length` (Kaldi,
        Kapre). Magnitudes and powers of a frame are the same, but not its phases, and not where
        frames begin or how many there are.
    pad_left, pad_right : int, samples
        How far the signal is extended before its start and after its end; a negative number cuts
        samples off. ``n_fft // 2`` on both sides is librosa's and torch's ``center=True``; 40 on
        the right in place of 200 is Whisper without its last frame; 120 and 200, with 'mirror', are
        Kaldi's ``snip_edges=False``.
    pad_mode : 'zeros', 'reflect', 'mirror', 'edge' or 'odd'
        With what: zeros (librosa since 0.10, NeMo), the signal reflected without its edge sample
        (torch, Whisper; 'even' in SciPy) or with it (Kaldi), the edge sample again and again
        ('constant' in SciPy), or twice that less the reflected one. The first three: 1 to 3 in the
        frames at the ends. A signal that is too short for it is reflected again and again.
    input_scale : float
        Factor of the samples: 32768 where a tool reads them as 16-bit integers (Kaldi's family):
        20.8.
    remove_mean : bool
        Subtract the mean of each frame (Kaldi): 5.5.
    preemphasis : float
        Subtract this times the sample before: 0.97 in Kaldi and NeMo; 0 for none.
    preemphasis_first : 'signal', 'drop' or 'frame'
        What is subtracted where: 'signal' emphasises the signal before it is padded and keeps its
        first sample (NeMo); 'drop' leaves that sample out (PaSST); 'frame' emphasises each frame,
        whose first sample stands for the one before it (Kaldi). The two ways: 0.4 with NeMo's
        window, 5 with a Hamming window.
    power : float
        Of the spectrum: 1 for magnitudes (vocoders, YAMNet), 2 for powers. Any other positive
        number works too, more slowly.
    power_offset : float
        Added to the square below the root of a magnitude: 1e-9 in HiFi-GAN. Left out: 0.02 on
        speech, 0.06 on quiet signals.
    bands : Bands, LogBands or array (n_freq, n), optional
        The filterbank; None keeps the bins. HTK's or Slaney's scale: 11; triangles straight in Hz
        or in mels: 0.03; SpeechBrain's sides: 0.3; Slaney's norm: 5.7.
    log : 'none', 'ln', 'log10' or '10log10'
        The logarithm.
    floor : float
        What keeps the logarithm finite: 1e-10 in Whisper and librosa, 2**-23 in Kaldi.
    floor_by : 'max' or 'add'
        Whether the floor is the least value (Whisper, Kaldi), or is added (NeMo, YAMNet): 0.7.
    dynamic_range : float, in units of the logarithm, optional
        Nothing lies further below the peak: 8 of 'log10' in Whisper, 80 of '10log10' in librosa.
    range_over : 'channel', 'item' or 'call'
        Of what the peak is taken: of each channel (librosa 1.0), of each item of the first axis
        with all its channels, or of all that a call is given (OpenAI's Whisper, librosa before
        1.0, Keras). There a quiet clip changes beside a loud one, by up to 57 dB.
    gain, offset : float or sequence of floats
        Applied to each value after that, ``gain * y + offset``; or one number a band.
    normalisation : Normalisation, optional
        Of each band over time.
    n_cepstra : int
        Number of cepstral coefficients, by the orthonormal DCT-II of the bands; 0 for none.
    lifter : float
        Kaldi's and HTK's liftering of cepstra, ``1 + lifter / 2 sin(pi i / lifter)``; 0 for none.
    time_first : bool
        Whether a result is (n_frames, n_values), or (n_values, n_frames).

    Raises
    ------
    TypeError, ValueError
        If a field is of the wrong kind or out of range, or if two fields contradict each other.

    Examples
    --------
    >>> mel = FrontEnd(sample_rate=16000, n_fft=400, hop_length=160, bands=Bands(40), log="ln",
    ...                floor=1e-10)
    >>> mel(np.ones((2, 16000), np.float32)).shape
    (2, 98, 40)
    >>> mel.replace(bands=None, floor=1e-5)
    FrontEnd(sample_rate=16000.0, n_fft=400, hop_length=160, log='ln', floor=1e-05)
    >>> FrontEnd.from_json(mel.to_json()) == mel
    True
    """

    sample_rate: float
    n_fft: int
    win_length: int = None  # type: ignore[assignment]  # filled in
    hop_length: int = None  # type: ignore[assignment]  # filled in
    window: FrontEndWindow | Sequence[float] | NDArray[Any] = "hann"
    center_window: bool = False
    pad_left: int = 0
    pad_right: int = 0
    pad_mode: EdgeMode = "zeros"
    input_scale: float = 1.0
    remove_mean: bool = False
    preemphasis: float = 0.0
    preemphasis_first: FirstSample = "signal"
    power: float = 2
    power_offset: float = 0.0
    bands: Bands | LogBands | MatrixBands | NDArray[Any] | None = None
    log: Logarithm = "none"
    floor: float = 0.0
    floor_by: FloorBy = "max"
    dynamic_range: float | None = None
    range_over: RangeOver = "item"
    gain: float | Sequence[float] | NDArray[Any] = 1.0
    offset: float | Sequence[float] | NDArray[Any] = 0.0
    normalisation: Normalisation | None = None
    n_cepstra: int = 0
    lifter: float = 0.0
    time_first: bool = True

    def __post_init__(self) -> None:
        """Check the fields once, and bring each to one form."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        checked = check_front_end(given)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_values", tuple(checked.values()))
        object.__setattr__(self, "_hash", hash(self._values))  # type: ignore[attr-defined]
        wide = [name for name in NUMBERS if is_wide(checked[name])]
        object.__setattr__(self, "_wide", wide)  # numbers that a dtype may not have

    def __eq__(self, other: object) -> bool:
        """Compare all fields: a front end is looked up in every call, and be it by a copy of it."""
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._values == other._values  # type: ignore[attr-defined, no-any-return]

    def __hash__(self) -> int:
        """Return what was computed once: a front end is looked up in every call."""
        return self._hash  # type: ignore[attr-defined, no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a front end be pickled by its fields: hashes of strings differ between processes."""
        return partial(FrontEnd, **self._fields()), ()

    def __repr__(self) -> str:
        """Name the fields that are not what they are by default."""
        return repr_of(self)

    def __call__(
        self,
        x: NDArray[Float],
        out: NDArray[Float] | None = None,
        *,
        lengths: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    ) -> NDArray[Float]:
        """Compute the features of signals.

        Parameters
        ----------
        x : array, (..., time), float16, float32 or float64
            One signal, or any number of leading axes of them; of 3 axes it is (batch, channel,
            time).
        out : array, optional
            Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.
        lengths : sequence of int, (batch,), samples, optional
            How many samples of each item count. Each becomes what it would be alone: edges are
            those of its own samples, statistics are of its own frames. Zeros follow them.

        Returns
        -------
        array, dtype of `x`
            (..., n_frames, n_values), or (..., n_values, n_frames) if not `time_first`. With
            `lengths`, ``n_frames(lengths[i])`` frames of item i count.

        Raises
        ------
        TypeError
            If `x` is not a floating array.
        ValueError
            If `x` has no axis, or `out` or `lengths` does not fit.

        Warns
        -----
        UserWarning
            If `x` has samples but no frame.
        """
        return features_of(self, x, out, lengths)

    def reference(self, x: NDArray[Float], lengths: Sequence[int] | None = None) -> NDArray[Float]:
        """Compute the features of (..., time), on the CPU, by the formulas alone: the oracle."""
        if lengths is not None:
            return lengths_reference(self, x, lengths)
        return features_reference(self, x)

    def stft(self, x: NDArray[Float], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Compute the spectra whose power a call computes; errors and warnings are its own.

        Parameters
        ----------
        x : array, (..., time), float16, float32 or float64
            One signal, or any number of leading axes of them.
        out : array, optional
            Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

        Returns
        -------
        array, complex128 for float64, else complex64
            (..., n_frames, n_freq), or (..., n_freq, n_frames) if not `time_first`.

        Examples
        --------
        >>> centred = FrontEnd(sample_rate=22050, n_fft=2048, pad_left=1024, pad_right=1024,
        ...                    center_window=True, time_first=False)  # librosa.stft(y)
        >>> centred.stft(np.ones(22050, np.float32)).shape
        (1025, 44)
        """
        return spectra_of(self, x, out)

    def stft_reference(self, x: NDArray[Float]) -> NDArray[Any]:
        """Compute spectra by the formulas alone, in float64: the oracle of `stft`."""
        return spectra_reference(self, x)

    def inverse_stft(
        self, spectra: NDArray[Any], length: int | None = None, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Turn spectra back into signals.

        Windowed frames are added up and divided by the sum of the squared windows that are there,
        at the ends too. So whatever a window reached comes back, and of spectra that are not those
        of any signal, the signal does whose spectra come nearest.

        Parameters
        ----------
        spectra : array, (..., n_frames, n_freq), complex64 or complex128
            Spectra as `stft` gives them: (..., n_freq, n_frames) if not `time_first`.
        length : int, samples, optional
            How many samples to return: zeros follow the frames, or what comes later is cut off.
            None means all that frames reach, without the padding at both ends.
        out : array, optional
            Where to put the result: C-contiguous, of its shape and dtype, apart from `spectra`.

        Returns
        -------
        array, (..., time), float32 for complex64, float64 for complex128
            The signals, in the unit of the input: `input_scale` is divided out. Samples that no
            window reaches are 0; a UserWarning tells if any of them were in the frames.

        Raises
        ------
        TypeError
            If `spectra` is not a complex NumPy or CuPy array, or `length` is no integer.
        ValueError
            If a shape or `length` does not fit, or the front end loses what it would need:
            `remove_mean`, a `preemphasis`, or an `input_scale` of 0.

        Examples
        --------
        >>> front_end = FrontEnd(sample_rate=8000, n_fft=64, hop_length=24, pad_left=32,
        ...                      pad_right=64, pad_mode="reflect")
        >>> x = np.sin(np.arange(1000.0))
        >>> bool(np.allclose(front_end.inverse_stft(front_end.stft(x), length=1000), x))
        True
        """
        return signals_of(self, spectra, length, out)

    def inverse_stft_reference(
        self, spectra: NDArray[Any], length: int | None = None
    ) -> NDArray[Any]:
        """Turn spectra back into signals in float64: the oracle of `inverse_stft`."""
        return signals_reference(self, spectra, length)

    def stream(self, n_channels: int | None = None, dtype: DTypeLike = np.float32) -> Stream:
        """Return a stream, which computes features of sound while it arrives.

        Parameters
        ----------
        n_channels : int, optional
            Number of channels of a chunk; None means chunks of (time,).
        dtype : dtype
            That of the chunks: float16, float32 or float64.

        Returns
        -------
        Stream
            Its `push(chunk)` returns the frames that are complete, its `finish()` the others: to
            the bit those of the whole signal.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind, or the front end needs the whole signal: a
            `dynamic_range`, whose peak is not known before the end, or a `normalisation`.

        Examples
        --------
        >>> stream = FrontEnd(sample_rate=16000, n_fft=400, hop_length=160).stream()
        >>> [stream.push(np.zeros(160, np.float32)).shape for _ in range(4)]
        [(0, 201), (0, 201), (1, 201), (1, 201)]
        """
        from kapre_ref._stream import Stream  # as with json

        return Stream(self, n_channels, dtype)

    def n_frames(self, n_samples: int) -> int:
        """Count the frames of a signal of so many samples."""
        return self.count_frames(check_integer("n_samples", n_samples, 0))

    def count_frames(self, n_samples: int) -> int:
        """Count the frames of a signal whose length needs no check."""
        n_cut, n_added = self._n_changed
        n_samples -= n_cut
        if n_samples <= 0:
            if self.pad_mode != "zeros":  # there is nothing to extend
                return 0
            n_samples = 0
        n_frames: int = 1 + (n_samples + n_added - self.frame_length) // self.hop_length
        return n_frames if n_frames > 0 else 0

    @cached_property
    def layouts(self) -> dict[tuple[tuple[int, ...], np.dtype[Any]], Layout]:
        """What recent signals have led to, by their shape and dtype."""
        return Recent()

    @cached_property
    def _n_changed(self) -> tuple[int, int]:
        """How many samples are cut off a signal, and how many then added."""
        ends = self.pad_left, self.pad_right
        n_cut = sum(-n for n in ends if n < 0) + self.drops_first
        return n_cut, sum(n for n in ends if n > 0)

    def times(self, n_frames: int) -> NDArray[np.float64]:
        """Return the centre of each frame, in seconds from the first sample: (n_frames,)."""
        starts = np.arange(check_integer("n_frames", n_frames, 0)) * self.hop_length - self.pad_left
        starts += self.drops_first
        return np.asarray((starts + self.frame_length / 2) / self.sample_rate, np.float64)

    def frequencies(self) -> NDArray[np.float64]:
        """Return the centre of each band or bin in Hz, (n_values,); ValueError for cepstra."""
        if self.n_cepstra:
            raise ValueError(
                f"n_cepstra must be 0 for values with frequencies, got {self.n_cepstra}"
            )
        if self.bands is None:
            bins = np.arange(self.n_freq) * (self.sample_rate / self.n_fft)
            return np.asarray(bins, np.float64)
        return self.bands.centres(self.sample_rate, self.n_fft)  # type: ignore[union-attr]

    @cached_property
    def signal_factor(self) -> float:
        """Factor of the pre-emphasis of the signal; 0 if it is not emphasised."""
        return self.preemphasis if self.preemphasis_first != "frame" else 0.0

    @cached_property
    def frame_factor(self) -> float:
        """Factor of the pre-emphasis of each frame; 0 if they are not emphasised."""
        return self.preemphasis if self.preemphasis_first == "frame" else 0.0

    @cached_property
    def has_one_gain(self) -> bool:
        """Whether they are numbers after which the same value is the peak: a gain above 0."""
        gain, offset = self.gain, self.offset
        return isinstance(gain, float) and isinstance(offset, float) and gain > 0

    @cached_property
    def has_late_scale(self) -> bool:
        """Whether gain and offset must wait until the peak of a dynamic range is known."""
        return self.dynamic_range is not None and not self.has_one_gain

    @property
    def drops_first(self) -> bool:
        """Whether pre-emphasis leaves out the first sample of a signal."""
        return self.preemphasis != 0 and self.preemphasis_first == "drop"

    @cached_property
    def frame_length(self) -> int:
        """Number of samples of a frame."""
        return self.n_fft if self.center_window else self.win_length

    @cached_property
    def n_freq(self) -> int:
        """Number of bins of a spectrum, from 0 Hz to half the sample rate."""
        return self.n_fft // 2 + 1

    @cached_property
    def n_empty_bands(self) -> int:
        """Number of mel bands that no bin lies in, so that they are 0."""
        bands = self.bands
        return bands.n_empty(self.sample_rate, self.n_fft) if isinstance(bands, Bands) else 0

    @cached_property
    def n_bands(self) -> int:
        """Number of bands, or of bins if there is no filterbank."""
        return self.n_freq if self.bands is None else self.bands.n  # type: ignore[union-attr]

    @property
    def n_values(self) -> int:
        """Number of values of a frame."""
        return self.n_cepstra or self.n_bands

    def replace(self, **changes: Any) -> FrontEnd:
        """Return a front end with some fields changed; TypeError if there is none of that name."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """Return all fields as JSON, which `from_json` reads back exactly."""
        return json_of(self)

    @classmethod
    def from_json(cls, text: str) -> FrontEnd:
        """Return the front end that `to_json` wrote.

        TypeError or ValueError if it is no JSON, or a field is unknown, missing or not allowed.
        """
        return from_json(cls, text)

    def check_dtype(self, dtype: np.dtype[Any]) -> None:
        """Require numbers that the dtype has in which signals of a dtype are computed."""
        for name in self._wide:  # type: ignore[attr-defined]
            check_in_range(name, getattr(self, name), working_dtype(dtype))

    def make_window(self) -> NDArray[np.float64]:
        """Return what frames are multiplied by, (frame_length,), without `input_scale`."""
        window = window_reference(self.window, self.win_length)
        n_more = self.frame_length - self.win_length
        return np.pad(window, (n_more // 2, n_more - n_more // 2)) if n_more else window

    def band_weights(self, dtype: np.dtype[Any]) -> BandWeights:
        """Return the weights of the bands, rounded to a dtype."""
        bands = self.bands
        assert isinstance(bands, Bands | LogBands | MatrixBands), "asked for where there are bands"
        return bands.weights(self.sample_rate, self.n_fft, dtype)

    def cepstral_matrix(self) -> NDArray[np.float64]:
        """Return what turns bands into cepstra, lifter included: (n_bands, n_cepstra)."""
        return dct_matrix(self.n_bands, self.n_cepstra, self.lifter)

    @cached_property
    def nbytes(self) -> int:
        """About how much memory the numbers take that the fields hold."""
        matrix = self.bands.matrix if isinstance(self.bands, MatrixBands) else ()
        rows = (*matrix, self.window, self.gain, self.offset)
        return sum(32 * len(row) for row in rows if isinstance(row, tuple))  # 32 for each float

    def _fields(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
