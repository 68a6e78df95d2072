"""Calls of a front end: its features, its spectra, and signals back from spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kapre_ref._arrays import complex_dtype, native, real_dtype, result_array, silent
from kapre_ref._checks import check_complex, check_integer, check_signal, warn_caller
from kapre_ref._dispatch import kernels_for
from kapre_ref._kept import kept
from kapre_ref._layout import layout_of
from kapre_ref._lengths import check_lengths, fill_by_lengths
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views
from kapre_ref._synthesis import (
    Synthesis,
    end_gains,
    is_reached,
    overlapped_squares,
    squares_of_frames,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


def features_of(
    front_end: FrontEnd,
    x: NDArray[Any],
    out: NDArray[Any] | None,
    lengths: Sequence[int] | NDArray[np.integer[Any]] | None,
) -> NDArray[Any]:
    """Compute the features of signals, see `FrontEnd.__call__`."""
    if of_another_library(x):
        return by_views(features_of, locals())
    f = front_end
    check_signal("x", x)
    layout = f.layouts.get((x.shape, x.dtype))
    if layout is None:
        _check_signals(f, x)
        layout = f.layouts[x.shape, x.dtype] = layout_of(f, x.shape)
    n_each = None if lengths is None else check_lengths(lengths, x)
    if not layout.n_frames and x.size:
        _warn_of_no_frames(f, x)
    out = result_array(x, layout.shape, x.dtype, out)
    signals, result = native(x).reshape(layout.of_signals), out.reshape(layout.of_result)
    if n_each is not None:
        fill_by_lengths(signals, f, n_each, result)
        return out
    kernels_for(x).features(signals, f, result if f.time_first else result.swapaxes(2, 3))
    return out


def spectra_of(front_end: FrontEnd, x: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
    """Compute the spectra of frames, see `FrontEnd.stft`."""
    if of_another_library(x):
        return by_views(spectra_of, locals())
    f = front_end
    _check_signals(f, x)
    n_frames = f.count_frames(x.shape[-1])
    if not n_frames and x.size:
        _warn_of_no_frames(f, x)
    shape = (*x.shape[:-1], *((n_frames, f.n_freq) if f.time_first else (f.n_freq, n_frames)))
    out = result_array(x, shape, complex_dtype(x.dtype), out)
    result = _three_axes(out, 2)
    target = result if f.time_first else result.swapaxes(2, 3)
    kernels_for(x).stft(_three_axes(native(x), 1), f, target)
    return out


def signals_of(
    front_end: FrontEnd, spectra: NDArray[Any], length: int | None, out: NDArray[Any] | None
) -> NDArray[Any]:
    """Turn spectra back into signals, see `FrontEnd.inverse_stft`."""
    if of_another_library(spectra):
        return by_views(signals_of, locals())
    f = front_end
    _check_invertible(f)
    check_complex("spectra", spectra)
    axes = "(..., n_frames, n_freq)" if f.time_first else "(..., n_freq, n_frames)"
    if spectra.ndim < 2:
        raise ValueError(f"spectra must have shape {axes}, got shape {spectra.shape}")
    n_frames, n_freq = spectra.shape[-2:] if f.time_first else spectra.shape[:-3:-1]
    if n_freq != f.n_freq:
        raise ValueError(
            f"spectra must have shape {axes} with n_freq = n_fft // 2 + 1 = {f.n_freq}, got shape "
            f"{spectra.shape}"
        )
    dtype = real_dtype(spectra.dtype)
    f.check_dtype(dtype)
    n_samples = _length_of(f, n_frames)
    if length is not None:
        n_samples = check_integer("length", length, 0)
    out = result_array(spectra, (*spectra.shape[:-2], n_samples), dtype, out)
    frames = _three_axes(native(spectra), 2)
    frames = frames if f.time_first else frames.swapaxes(2, 3)
    n_overlapping = -(-f.frame_length // f.hop_length)
    if _loses(f, n_frames, n_samples):
        warn_caller(
            "samples are lost, and 0 in the result, where each window of spectra is 0 or none "
            "reaches; take a front end with a smaller hop_length, or one that pads the signal"
        )
    synthesis = _synthesis(f, min(n_frames, n_overlapping))
    kernels_for(spectra).inverse_stft(frames, synthesis, _three_axes(out, 1))
    return out


@silent
def signals_reference(
    front_end: FrontEnd, spectra: NDArray[Any], length: int | None
) -> NDArray[Any]:
    """Add windowed frames up, divided by the squares of the windows that are there, in float64."""
    f = front_end
    in_order = spectra if f.time_first else spectra.swapaxes(-1, -2)
    window, n_frames = f.make_window(), in_order.shape[-2]
    frames = np.fft.irfft(in_order.astype(np.complex128), f.n_fft)[..., : f.frame_length] * window
    squares = squares_of_frames(window, f.hop_length, n_frames)
    total = np.zeros((*frames.shape[:-2], len(squares)))
    for index in range(n_frames):
        start = index * f.hop_length
        total[..., start : start + f.frame_length] += frames[..., index, :]
    there = is_reached(squares, window)
    total = np.divide(total, squares * f.input_scale, out=np.zeros_like(total), where=there)
    total = total[..., max(0, f.pad_left) :]
    n_samples = _length_of(f, n_frames) if length is None else length
    n_before = min(max(0, -f.pad_left), n_samples)
    total = total[..., : n_samples - n_before]
    widths = [(0, 0)] * (total.ndim - 1) + [(n_before, n_samples - n_before - total.shape[-1])]
    return np.pad(total, widths).astype(real_dtype(spectra.dtype))


def _check_signals(front_end: FrontEnd, x: NDArray[Any]) -> None:
    """Require signals of (..., time), in a dtype that has the numbers of the front end."""
    check_signal("x", x)
    if x.ndim < 1:
        raise ValueError("x must have shape (..., time), got shape ()")
    front_end.check_dtype(x.dtype)


def _warn_of_no_frames(front_end: FrontEnd, x: NDArray[Any]) -> None:
    name = "n_fft" if front_end.center_window else "win_length"
    warn_caller(
        f"x has no frame: its last axis, time, has {x.shape[-1]} samples, and a frame has "
        f"{name}={front_end.frame_length}; pass x as (..., time), or take a front end with more "
        f"padding or a smaller {name}"
    )


def _check_invertible(front_end: FrontEnd) -> None:
    """Refuse fields that lose what would be needed to get a signal back."""
    f = front_end
    if f.remove_mean:
        raise ValueError("remove_mean must be False for spectra that become signals, got True")
    if f.preemphasis:
        raise ValueError(
            f"preemphasis must be 0 for spectra that become signals, got {f.preemphasis}"
        )
    if not f.input_scale:
        raise ValueError("input_scale must not be 0 for spectra that become signals, got 0.0")


def _length_of(front_end: FrontEnd, n_frames: int) -> int:
    """Return how long a signal is whose frames end with its last sample or padding."""
    f = front_end
    n_summed = (n_frames - 1) * f.hop_length + f.frame_length if n_frames else 0
    return max(0, n_summed - f.pad_left - max(0, f.pad_right))


@kept
def _synthesis(front_end: FrontEnd, n_frames: int) -> Synthesis:
    """Return how as many frames as overlap become a signal, or how fewer do."""
    f = front_end
    window = f.make_window()
    total = np.resize(overlapped_squares(window, f.hop_length), len(window))
    weights = np.divide(
        window, total * f.input_scale, out=np.zeros_like(window), where=is_reached(total, window)
    )
    first, last = end_gains(window, f.hop_length, max(1, n_frames))
    for array in (weights, first, last):
        array.flags.writeable = False
    return Synthesis(f.n_fft, f.hop_length, weights, f.pad_left, first, last)


def _loses(front_end: FrontEnd, n_frames: int, n_samples: int) -> bool:
    """Tell whether a signal of so many samples lacks some that its frames were made of.

    What lies beyond them in a longer signal, the padding for one, is not lost.
    """
    f = front_end
    start = max(0, f.pad_left)
    stop = f.pad_left + min(n_samples, _length_of(f, n_frames))
    if not n_frames or stop <= start:
        return False
    # Of the frames at these samples all but a few at both ends are left out, for they are alike.
    first = max(0, (start - max(f.frame_length, f.hop_length)) // f.hop_length + 1)
    last = min(n_frames, -(-stop // f.hop_length))
    n_few = min(last - first, 3 * -(-f.frame_length // f.hop_length))
    n_before, n_left_out = first * f.hop_length, (last - n_few) * f.hop_length
    return _leaves_gaps(f, n_few, start - n_before, stop - n_left_out)


@kept
def _leaves_gaps(front_end: FrontEnd, n_frames: int, start: int, stop: int) -> bool:
    window = front_end.make_window()
    squares = squares_of_frames(window, front_end.hop_length, n_frames)
    return int(np.count_nonzero(is_reached(squares, window)[start:stop])) < stop - start


def _three_axes(x: NDArray[Any], n_own: int) -> NDArray[Any]:
    """View (..., own axes) as (first axis, all other leading axes, own axes)."""
    own = x.shape[x.ndim - n_own :]
    leading = x.shape[: x.ndim - n_own]
    first, others = (leading[0], leading[1:]) if leading else (1, ())
    return x.reshape(first, int(np.prod(others, dtype=int)), *own)
