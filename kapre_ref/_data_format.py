"""Where the channel axis of a signal or a spectrogram is, and views that put it in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kapre_ref._checks import check_choice, check_ndim

if TYPE_CHECKING:
    from numpy.typing import NDArray

CH_FIRST_STR: Final = "channels_first"
CH_LAST_STR: Final = "channels_last"
CH_DEFAULT_STR: Final = "default"

_SIGNAL_SHAPES = "(time,), (batch, time), or (batch, time, channel) / (batch, channel, time)"
_SPECTROGRAM_SHAPES = (
    "(n_frames, n_freq), (batch, n_frames, n_freq), or "
    "(batch, n_frames, n_freq, channel) / (batch, channel, n_frames, n_freq)"
)


def validate_data_format_str(data_format: str) -> None:
    """Check that a data format is one of the three words that Kapre knows.

    Parameters
    ----------
    data_format : str
        'channels_first', 'channels_last', or 'default', which means 'channels_last' (the default
        of Keras).

    Raises
    ------
    TypeError
        If `data_format` is not a string.
    ValueError
        If it is any other string; upper and lower case differ.

    Notes
    -----
    Matches `kapre.backend.validate_data_format_str` of Kapre 0.4.1.

    Examples
    --------
    >>> validate_data_format_str('channels_last')
    >>> validate_data_format_str('Channels_Last')
    Traceback (most recent call last):
    ...
    ValueError: data_format must be one of 'channels_first', 'channels_last' or 'default', got \
'Channels_Last'
    """
    check_data_format("data_format", data_format)


def check_data_format(name: str, data_format: str) -> None:
    """Check a data format; `name` is the argument that the message mentions."""
    check_choice(name, data_format, (CH_FIRST_STR, CH_LAST_STR, CH_DEFAULT_STR))


def signal_view(name: str, x: NDArray[Any], data_format: str) -> NDArray[Any]:
    """View a signal of any of the four layouts as (batch, channel, time)."""
    check_ndim(name, x, (1, 2, 3), _SIGNAL_SHAPES)
    if x.ndim == 3:
        return x if data_format == CH_FIRST_STR else x.transpose(0, 2, 1)
    return x[:, None, :] if x.ndim == 2 else x[None, None, :]


def spectrogram_view(name: str, x: NDArray[Any], data_format: str) -> NDArray[Any]:
    """View a spectrogram of any of the four layouts as (batch, channel, n_frames, n_freq)."""
    check_ndim(name, x, (2, 3, 4), _SPECTROGRAM_SHAPES)
    if x.ndim == 4:
        return x if data_format == CH_FIRST_STR else x.transpose(0, 3, 1, 2)
    return x[:, None] if x.ndim == 3 else x[None, None]


def layout_shape(shape: tuple[int, ...], n_leading: int, data_format: str) -> tuple[int, ...]:
    """Turn (batch, channel, ...) into the shape of a result in the caller's layout.

    `n_leading` counts the caller's axes among batch and channel: 0, 1 (batch only) or 2.
    """
    batch, channel, *rest = shape
    if n_leading < 2:
        return (batch, *rest)[1 - n_leading :]
    return (batch, channel, *rest) if data_format == CH_FIRST_STR else (batch, *rest, channel)


def in_layout(result: NDArray[Any], n_leading: int, data_format: str) -> NDArray[Any]:
    """Rearrange a result (batch, channel, ...) of an oracle into the caller's layout."""
    if n_leading < 2:
        return result[:, 0] if n_leading else result[0, 0]
    return result if data_format == CH_FIRST_STR else np.moveaxis(result, 1, -1)
