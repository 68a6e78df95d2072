"""What a package of kernels offers, as `kapre_ref.kernels.cpu` and `kapre_ref.kernels.gpu` do.

Nothing here runs. A type checker compares both packages with `Kernels` where `_dispatch` returns
them. A third backend is a module with these functions and a branch in `_dispatch.kernels_for`.

**Who checks.** The public function has checked every argument: kinds, values, shapes, that `out`
may be written, that all arrays are of one library and on one device. Arrays of other libraries are
seen as NumPy's or CuPy's before, by `_other_libraries.by_views`. A kernel checks nothing.
One exception: the GPU kernels refuse an array that is not aligned to its elements, with ValueError,
since such an access would end all work of the process on that GPU. The CPU kernels take it.

**Inputs** have this machine's byte order and otherwise any layout: transposed, reversed, broadcast,
read-only, not contiguous. A kernel never writes to them. Any length may be 0.

**Results.** A kernel fills all of `out`, its last argument, and returns None. `out` is either
C-contiguous in the order of axes given here, or a view of a C-contiguous array whose channels are
last: its axis 1 is then the one with the smallest strides. `fix_length` and `standardize` get a
view of a C-contiguous array whose last axis has changed places with any other.

**Aliases.** `out` shares no memory with an input. Only `magnitude_to_decibel` allows that `out` is
`x` itself. Two inputs may share memory.

**Who rounds.** The kernel: it computes in the working precision, float32 for float16 and else the
dtype of its input, and rounds to the dtype of `out` once, at the end. Scalars come as Python
numbers; the kernel rounds them to the working precision. Nothing warns of overflow or of NaN.

**Same bits.** An item's result does not depend on the batch or on the number of threads. On a GPU
it may depend on the batch where cuBLAS or cuFFT computes it, because they choose by shape in which
order they add: in `apply_filterbank`, `logmel_to_mfcc` and `inverse_stft`, in cepstra, and in
spectrograms that no kernel of ours serves.

**When it is done.** A CPU kernel has ended on all threads when it returns, or raises. A GPU kernel
is then under way in the current stream of the device of its first array.

**What may be kept.** `front_end`, `scale` and `cosines` are hashable, so a backend may keep tables
that it makes of them, with `kapre_ref._kept.kept`. Arrays may change between calls, so nothing that
is made of an array may be kept.

Shapes are written with these words: batch, channel, time (samples), n_frames, frame_length
(samples), n_freq (bins, `n_fft // 2 + 1`), n_bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kapre_ref._decibel import DecibelScale
    from kapre_ref._front_end import FrontEnd
    from kapre_ref._mfcc import Cosines
    from kapre_ref._synthesis import Synthesis

# An array of the backend's own library. A type checker knows NumPy's arrays alone.
Array: TypeAlias = "NDArray[Any]"
Real: TypeAlias = "NDArray[np.floating[Any]]"  # float16, float32 or float64
Complex: TypeAlias = "NDArray[np.complexfloating[Any, Any]]"  # complex64 or complex128


class Kernels(Protocol):
    """The functions of a backend, in the order of their names."""

    def apply_filterbank(self, spectra: Real, filterbank: Real, out: Real) -> None:
        """Write ``spectra @ filterbank``, summed in the working precision of `out`.

        spectra (batch, channel, n_frames, n_freq); filterbank (n_freq, n_bands), of any floating
        dtype, which the kernel converts; out (batch, channel, n_frames, n_bands), dtype of spectra.
        Where n_freq is 0, `out` becomes 0. NaN and infinity count even times a weight of 0.
        """

    def asarray(self, constant: Array, like: Array) -> Array:
        """Return a NumPy array in the library of `like`, on its device.

        constant: NumPy, any shape and dtype. The CPU returns it as it is, not a copy.
        """

    def channel_swap(
        self, x: Array, order: NDArray[np.integer[Any]], axis: int, out: Array
    ) -> None:
        """Copy channel ``order[i]`` of `x` to channel `i` of `out`.

        x of 3 or 4 axes in the caller's layout, any dtype, since only bits are moved; order
        (channel,), a NumPy array on every backend; axis: the axis of the channels; out like x,
        C-contiguous.
        """

    def concatenate_frequency_map(self, spectra: Real, out: Real) -> None:
        """Copy all channels, and fill the last one of `out` with 0 at the lowest bin to 1.

        spectra (batch, channel, n_frames, n_freq); out (batch, channel + 1, n_frames, n_freq), same
        dtype. The map is computed in float64 and rounded once.
        """

    def decibel_to_magnitude(self, x: Real, ref_value: float, decade: float, out: Real) -> None:
        """Write ``ref_value * 10 ** (x / decade)``, rounded once to the working precision.

        x of any shape; out of its shape and dtype, C-contiguous.
        """

    def delta(self, spectra: Real, win_length: int, mode: str, out: Real) -> None:
        """Write the slope of each bin along time, summed and divided in the working precision.

        spectra and out (batch, channel, n_frames, n_freq), same dtype; win_length: odd, 3 or more;
        mode: 'symmetric', 'reflect' or 'constant', in lower case, with frames enough to mirror.
        """

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any], like: Array) -> Array:
        """Return a C-contiguous array, not initialised, in the library of `like`, on its device.

        dtype: of this machine's byte order. The CPU may return a view of memory that belonged to an
        earlier result, whose last view is gone.
        """

    def energy(
        self,
        signals: Real,
        frame_length: int,
        hop_length: int,
        pad_value: float,
        scale: float,
        out: Real,
    ) -> None:
        """Write ``scale * sum(frame ** 2)``, squared and summed in the working precision.

        signals (batch, channel, time); out (batch, channel, n_frames), same dtype. Frames may lie
        apart (hop_length > frame_length). Samples past the end have the value `pad_value`.
        """

    def features(self, signals: Real, front_end: FrontEnd, out: Real) -> None:
        """Write what a front end makes of signals.

        signals (batch, channel, time); out (batch, channel, n_frames, n_values), same dtype, or a
        view of such an array with the last two axes swapped. An item is ``signals[i]``. Samples,
        spectra, sums and logarithms are in the working precision. Where a dynamic range ends it
        all, the peak, the range times the gain and their difference are of the dtype of `out`: the
        limit holds there to the bit. NaN poisons what a peak is of.
        """

    def fix_length(self, x: Real, n_copied: int, value: float, out: Real) -> None:
        """Copy `x` along its last axis, over and over if need be, and write `value` behind it.

        x (..., time); out (..., size), same dtype. The first `n_copied` samples of `out` are
        copies; they are at most `size`, and 0 if there is nothing to copy. Bits are moved, nothing
        is rounded but `value`.
        """

    def frame(self, signals: Real, hop_length: int, pad_value: float, out: Real) -> None:
        """Copy every frame; bits are moved, nothing is rounded but `pad_value`.

        signals (batch, channel, time); out (batch, channel, n_frames, frame_length), same dtype.
        Samples past the end have the value `pad_value`.
        """

    def inverse_stft(self, spectra: Complex, synthesis: Synthesis, out: Real) -> None:
        """Transform frames back, multiply them by the window, and add them up where they overlap.

        spectra (batch, channel, n_frames, n_freq), complex64 or complex128; out (batch, channel,
        time), float32 or float64, as precise as spectra. It begins with the sample of number
        `synthesis.n_skipped`. Samples that no frame reaches become 0. Sums at both ends are
        multiplied by their gains in float64.

        On the CPU, imaginary parts of bin 0 and of bin n_fft / 2 do not count; what cuFFT makes of
        them is undefined.
        """

    def logmel_to_mfcc(self, log_mels: Real, cosines: Cosines, out: Real) -> None:
        """Write ``log_mels @ cosines.matrix()``, summed in the working precision of `out`.

        log_mels (batch, channel, n_frames, n_mels), dtype of out, or float32 for an `out` of
        float16; out (batch, channel, n_frames, n_mfccs).
        """

    def magnitude(self, x: Real | Complex, out: Real) -> None:
        """Write absolute values; no square on the way to them overflows or vanishes.

        x of any shape; out of that shape, C-contiguous, of the dtype of x or its parts. An infinite
        part gives infinity, even beside NaN.
        """

    def magnitude_to_decibel(self, x: Real, scale: DecibelScale, out: Real) -> None:
        """Write ``decade log10(max(x, amin) / max(ref_value, amin))``, limited from below.

        x (batch, ...), 2 axes or more; out of its shape and dtype, C-contiguous; it may be `x`.
        An item is ``x[i]``. Its limit is its peak less the dynamic range, both and their
        difference in the dtype of `out`: the limit holds there to the bit. NaN poisons its item.
        `scale.dynamic_range` is finite. With `scale.to_peak`, each item's peak stands for
        `ref_value` and becomes 0; an item with an infinite peak becomes NaN. The GPU counts
        subnormal float32 magnitudes as 0.
        """

    def mu_law_decoding(
        self, signal_mu: Array, quantization_channels: int, out: NDArray[np.float32]
    ) -> None:
        """Write the samples of codes, computed in float64 and rounded once.

        signal_mu of any shape, integer or floating, also fractional and outside the codes; out of
        that shape, float32, C-contiguous.
        """

    def mu_law_encoding(
        self, signal: Real, quantization_channels: int, out: NDArray[np.int32]
    ) -> None:
        """Write codes, computed in the working precision and cut off toward zero.

        signal of any shape; out of that shape, int32, C-contiguous. NaN, infinity and overflow
        give -2147483648.
        """

    def phase(self, x: Real | Complex, out: Real) -> None:
        """Write angles from -pi to pi, computed in the working precision; signs of zeros count.

        x of any shape; out of that shape, C-contiguous, of the dtype of x or of its parts.
        """

    def spec_augment(
        self,
        spectra: Real,
        times: NDArray[np.bool_],
        frequencies: NDArray[np.bool_],
        mask_value: float,
        out: Real,
    ) -> None:
        """Copy, with `mask_value` wherever one of the two masks is True; bits are moved.

        spectra and out (batch, channel, n_frames, n_freq), same dtype; times (batch, n_frames) and
        frequencies (batch, n_freq), NumPy arrays on every backend.
        """

    def stack_frames(self, x: Real, step: int, n_before: int, repeats: bool, out: Real) -> None:
        """Copy stacks of frames: stack `i` begins with frame ``i * step - n_before``, bit by bit.

        x (..., n_frames, n_values); out (..., n_stacks, n, n_values), same dtype, C-contiguous. If
        it `repeats`, the nearest frame stands for each that is not there; else 0 does. Each stack
        has a frame that is there. Patches are such stacks, too.
        """

    def standardize(self, x: Real, eps: float, out: Real) -> None:
        """Write ``(x - mean) / sqrt(variance + eps)`` of the last axis, computed in float64.

        x and out (..., time), same dtype. What rounding leaves of the mean is subtracted as well.
        """

    def stft(self, signals: Real, front_end: FrontEnd, out: Complex) -> None:
        """Write the spectra of windowed frames.

        signals (batch, channel, time); out (batch, channel, n_frames, n_freq), complex128 for
        float64, else complex64. What the front end makes of spectra does not count.
        """

    def stft_mag_phase(self, signals: Real, front_end: FrontEnd, out: Real) -> None:
        """Write magnitudes, in decibels if there is a logarithm, and phases behind them.

        signals (batch, channel, time); out (batch, 2 channel, n_frames, n_freq), same dtype:
        magnitudes in the first half of the channels, phases in the second, which no logarithm
        concerns. The front end is one of Kapre's: magnitudes, no bands, one gain and offset.
        """
