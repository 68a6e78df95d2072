"""Random changes of a batch for training: masks of time and frequency, swapped channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import native, native_dtype, real_dtype, result_array, silent
from kapre_ref._checks import (
    check_array,
    check_at_most,
    check_floating,
    check_in_range,
    check_integer,
    check_ndim,
    check_number,
)
from kapre_ref._data_format import CH_FIRST_STR, check_data_format, in_layout, spectrogram_view
from kapre_ref._dispatch import kernels_for
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import DataFormat, Float, Scalar

_CHANNEL_SHAPES = (
    "(batch, time, channel) / (batch, channel, time) or "
    "(batch, n_frames, n_freq, channel) / (batch, channel, n_frames, n_freq)"
)


def spec_augment(
    x: NDArray[Float],
    freq_mask_param: int,
    time_mask_param: int,
    n_freq_masks: int = 1,
    n_time_masks: int = 1,
    mask_value: float = 0.0,
    data_format: DataFormat = "default",
    *,
    rng: np.random.Generator,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Cover random bands of time and of frequency of each spectrogram of a batch.

    Parameters
    ----------
    x : array, (n_frames, n_freq), (batch, n_frames, n_freq) or with channels
        Spectrograms of float16, float32 or float64. With channels: (batch, n_frames, n_freq,
        channel) if `data_format` is 'channels_last', (batch, channel, n_frames, n_freq) if it is
        'channels_first'. All channels of an item are covered alike.
    freq_mask_param, time_mask_param : int, bins and frames
        Greatest width of a mask, 1 or more, and at most the bins and frames that `x` has.
    n_freq_masks, n_time_masks : int
        Masks for each item, 0 or more; they may overlap.
    mask_value : float
        The value of what is covered.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    rng : numpy.random.Generator
        The source of randomness: the same generator state gives the same masks, on CPU and GPU.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape and dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If a number is out of range.
    RuntimeError
        If a mask parameter is 0; the kind of error is Kapre's.

    Notes
    -----
    Widths are uniform from 1 to the parameter, and starts are uniform over the places where the
    mask fits. Matches the layer `kapre.SpecAugment` of Kapre 0.4.1 in distribution, and works for
    any number of channels. The paper draws widths from 0 on; Kapre's masks are never empty.

    References
    ----------
    D. S. Park et al., "SpecAugment: a simple data augmentation method for automatic speech
    recognition", Interspeech 2019.

    Examples
    --------
    >>> spec_augment(np.ones((3, 4)), 2, 1, rng=np.random.default_rng(0))
    array([[1., 0., 0., 1.],
           [1., 0., 0., 1.],
           [0., 0., 0., 0.]])
    """
    if of_another_library(x):
        return by_views(spec_augment, locals())
    check_floating("x", x)
    check_data_format("data_format", data_format)
    spectra = spectrogram_view("x", native(x), data_format)
    n_frames, n_freq = spectra.shape[2:]
    time_mask_param = _check_mask_param("time_mask_param", time_mask_param, n_frames)
    freq_mask_param = _check_mask_param("freq_mask_param", freq_mask_param, n_freq)
    n_time_masks = check_integer("n_time_masks", n_time_masks, 0)
    n_freq_masks = check_integer("n_freq_masks", n_freq_masks, 0)
    mask_value = check_number("mask_value", mask_value)
    check_in_range("mask_value", mask_value, native_dtype(x.dtype))
    _check_rng(rng)
    out = result_array(x, x.shape, x.dtype, out)
    times = masks_reference(len(spectra), n_frames, time_mask_param, n_time_masks, rng)
    frequencies = masks_reference(len(spectra), n_freq, freq_mask_param, n_freq_masks, rng)
    result = spectrogram_view("out", out, data_format)
    kernels_for(x).spec_augment(spectra, times, frequencies, mask_value, result)
    return out


@silent
def spec_augment_reference(
    x: NDArray[Float],
    freq_mask_param: int,
    time_mask_param: int,
    n_freq_masks: int = 1,
    n_time_masks: int = 1,
    mask_value: float = 0.0,
    data_format: DataFormat = "default",
    *,
    rng: np.random.Generator,
) -> NDArray[Float]:
    """Cover random bands of time and of frequency; unlike in the paper, no mask is empty."""
    spectra = spectrogram_view("x", x, data_format)
    batch, _, n_frames, n_freq = spectra.shape
    times = masks_reference(batch, n_frames, time_mask_param, n_time_masks, rng)
    frequencies = masks_reference(batch, n_freq, freq_mask_param, n_freq_masks, rng)
    covered = times[:, None, :, None] | frequencies[:, None, None, :]
    masked = np.where(covered, mask_value, spectra)
    return in_layout(masked, x.ndim - 2, data_format).astype(real_dtype(x.dtype))


@silent
def masks_reference(
    batch: int, length: int, mask_param: int, n_masks: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw the masks of one axis, (batch, length): True where any mask of the item covers it."""
    widths = rng.integers(1, mask_param, size=(batch, n_masks, 1), endpoint=True)
    starts = rng.integers(0, length - widths, endpoint=True)
    position = np.arange(length)
    covered = (position >= starts) & (position < starts + widths)  # (batch, n_masks, length)
    either: NDArray[np.bool_] = np.logical_or.reduce(covered, axis=1)
    return either


def channel_swap(
    x: NDArray[Scalar],
    data_format: DataFormat = "default",
    *,
    rng: np.random.Generator,
    out: NDArray[Scalar] | None = None,
) -> NDArray[Scalar]:
    """Put the channels of a batch into a random order, the same for all items.

    Parameters
    ----------
    x : array of 3 or 4 dimensions, any dtype
        Signals or spectrograms. The channel axis is the last if `data_format` is 'channels_last',
        the second if it is 'channels_first'.
    data_format : str
        'channels_first', 'channels_last' or 'default', which means 'channels_last'.
    rng : numpy.random.Generator
        The source of randomness.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape and dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not an array, or an argument is of the wrong kind.
    ValueError
        If `x` does not have 3 or 4 dimensions.

    Notes
    -----
    Matches the layer `kapre.ChannelSwap` of Kapre 0.4.1 in distribution.

    Examples
    --------
    >>> channel_swap(np.array([[[1, 2, 3]]]), rng=np.random.default_rng(0))
    array([[[3, 1, 2]]])
    """
    if of_another_library(x):
        return by_views(channel_swap, locals())
    check_array("x", x)
    check_data_format("data_format", data_format)
    check_ndim("x", x, (3, 4), _CHANNEL_SHAPES)
    _check_rng(rng)
    axis = 1 if data_format == CH_FIRST_STR else x.ndim - 1
    out = result_array(x, x.shape, x.dtype, out)
    order = rng.permutation(x.shape[axis])
    kernels_for(x).channel_swap(native(x), order, axis, out)
    return out


@silent
def channel_swap_reference(
    x: NDArray[Scalar], data_format: DataFormat = "default", *, rng: np.random.Generator
) -> NDArray[Scalar]:
    """Put the channels of a batch into a random order, the same for all items."""
    axis = 1 if data_format == CH_FIRST_STR else x.ndim - 1
    swapped = np.take(x, rng.permutation(x.shape[axis]), axis=axis)
    return swapped.astype(native_dtype(x.dtype))


def _check_mask_param(name: str, mask_param: int, length: int) -> int:
    mask_param = check_integer(name, mask_param, 0)
    if mask_param == 0:  # Kapre raises this kind of error
        raise RuntimeError(f"{name} must be an integer of at least 1, got 0")
    check_at_most(name, mask_param, length, f"{length}, the length of the axis it masks")
    return mask_param


def _check_rng(rng: np.random.Generator) -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator, got {type(rng).__name__}; pass "
            f"numpy.random.default_rng(seed)"
        )
