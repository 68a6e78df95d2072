"""Windows of the short-time Fourier transform, as tf.signal defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._arrays import in_library_of, silent
from kapre_ref._checks import (
    check_at_least,
    check_at_most,
    check_flag,
    check_floating_dtype,
    check_integer,
    check_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    from kapre_ref._types import WindowName


class LongWindow(NamedTuple):
    """A window that is longer than the transform, of which the first samples count."""

    name: str
    length: int


_MAX_BETA = 700  # I0 of larger numbers overflows


def hann_window(
    window_length: int,
    periodic: bool = True,
    dtype: DTypeLike = np.float32,
    *,
    like: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a Hann window, 0.5 - 0.5 cos.

    Parameters
    ----------
    window_length : int
        Number of samples, 0 or more.
    periodic : bool
        Divide the cosine's turn by `window_length` (for spectral analysis) instead of by
        `window_length - 1` (for filter design). As in tf.signal, only even lengths heed it: a
        window of odd length is always symmetric.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (window_length,), dtype `dtype`
        Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `window_length` is not an integer of 0 or more.

    Notes
    -----
    ``w[k] = 0.5 - 0.5 cos(2 pi k / n)`` with ``n = window_length`` for a periodic window of even
    length, else ``window_length - 1``. Matches `tf.signal.hann_window`, the window of Kapre 0.4.1.

    References
    ----------
    A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, eq. 7.60b.

    Examples
    --------
    >>> hann_window(4)
    array([0. , 0.5, 1. , 0.5], dtype=float32)
    """
    length = check_integer("window_length", window_length, 0)
    periodic = check_flag("periodic", periodic)
    dtype = check_floating_dtype("dtype", dtype)
    return in_library_of(hann_window_reference(length, periodic, dtype), like)


@silent
def hann_window_reference(
    window_length: int, periodic: bool = True, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return a Hann window; unlike in the textbook, `periodic` is ignored for odd lengths."""
    return _raised_cosine(window_length, periodic, 0.5).astype(dtype)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    dtype: DTypeLike = np.float32,
    *,
    like: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a Hamming window, 0.54 - 0.46 cos.

    Parameters
    ----------
    window_length : int
        Number of samples, 0 or more.
    periodic : bool
        Divide the cosine's turn by `window_length` (for spectral analysis) instead of by
        `window_length - 1` (for filter design). As in tf.signal, only even lengths heed it: a
        window of odd length is always symmetric.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (window_length,), dtype `dtype`
        Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `window_length` is not an integer of 0 or more.

    Notes
    -----
    ``w[k] = 0.54 - 0.46 cos(2 pi k / n)`` with ``n = window_length`` for a periodic window of even
    length, else ``window_length - 1``. Matches `tf.signal.hamming_window`, the window of Kapre
    0.4.1.

    References
    ----------
    A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, eq. 7.60c.

    Examples
    --------
    >>> hamming_window(4)
    array([0.08, 0.54, 1.  , 0.54], dtype=float32)
    """
    length = check_integer("window_length", window_length, 0)
    periodic = check_flag("periodic", periodic)
    dtype = check_floating_dtype("dtype", dtype)
    return in_library_of(hamming_window_reference(length, periodic, dtype), like)


@silent
def hamming_window_reference(
    window_length: int, periodic: bool = True, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return a Hamming window; unlike in the textbook, `periodic` is ignored for odd lengths."""
    return _raised_cosine(window_length, periodic, 0.54).astype(dtype)


def _raised_cosine(
    window_length: int, periodic: bool, offset: float, precision: type[np.floating] = np.float64
) -> NDArray[Any]:
    if window_length == 1:
        return np.ones(1)
    turn = window_length if periodic and window_length % 2 == 0 else window_length - 1
    angle = precision(2 * np.pi) * np.arange(window_length, dtype=precision) / precision(turn)
    window: NDArray[Any] = precision(offset) - precision(1 - offset) * np.cos(angle)
    return window


def kaiser_window(
    window_length: int,
    beta: float = 12.0,
    dtype: DTypeLike = np.float32,
    *,
    like: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a Kaiser window, always symmetric.

    Parameters
    ----------
    window_length : int
        Number of samples, 1 or more.
    beta : float
        Shape: 0 is a rectangle, larger values trade a wider main lobe for lower side lobes.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (window_length,), dtype `dtype`
        Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `window_length` is less than 1, which tf.signal refuses here too, or `beta` is
        not from -700 to 700.

    Notes
    -----
    ``w[k] = I0(beta sqrt(1 - r^2)) / I0(beta)``, ``r = 2 k / (window_length - 1) - 1``, with the
    modified Bessel function I0. Matches `tf.signal.kaiser_window`, the window of Kapre 0.4.1.

    References
    ----------
    J. F. Kaiser, R. W. Schafer, "On the use of the I0-sinh window for spectrum analysis", IEEE
    Trans. ASSP 28(1), 1980, eq. 1.

    Examples
    --------
    >>> kaiser_window(3, beta=2.0).round(4)
    array([0.4387, 1.    , 0.4387], dtype=float32)
    """
    length = check_integer("window_length", window_length, 1)
    beta = _check_beta(beta)
    dtype = check_floating_dtype("dtype", dtype)
    return in_library_of(kaiser_window_reference(length, beta, dtype), like)


@silent
def kaiser_window_reference(
    window_length: int, beta: float = 12.0, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return a Kaiser window; nothing differs from the textbook."""
    if window_length == 1:
        return np.ones(1, dtype)
    position = 2 * np.arange(window_length) / (window_length - 1) - 1  # from -1 to 1
    return (np.i0(beta * np.sqrt(1 - position**2)) / np.i0(beta)).astype(dtype)


def _check_beta(beta: float) -> float:
    number = check_number("beta", beta)
    check_at_least("beta", number, -_MAX_BETA, f"-{_MAX_BETA}")
    check_at_most("beta", number, _MAX_BETA, f"{_MAX_BETA}")
    return number


def kaiser_bessel_derived_window(
    window_length: int,
    beta: float = 12.0,
    dtype: DTypeLike = np.float32,
    *,
    like: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return a Kaiser-Bessel derived window, whose squares at half its length apart sum to one.

    Parameters
    ----------
    window_length : int
        Number of samples, 0 or more. As in tf.signal, an odd length gives one sample fewer.
    beta : float
        Shape of the Kaiser window that it is derived from.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (window_length // 2 * 2,), dtype `dtype`
        Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `window_length` is not an integer of 0 or more, or `beta` not from -700 to 700.

    Notes
    -----
    Its first half is ``w[k] = sqrt(sum(v[:k + 1]) / sum(v))``, `v` a Kaiser window of
    ``window_length // 2 + 1`` samples; the second half mirrors it. Matches
    `tf.signal.kaiser_bessel_derived_window`, the window of Kapre 0.4.1.

    References
    ----------
    M. Bosi, R. E. Goldberg, Introduction to Digital Audio Coding and Standards, 2003, p. 110.

    Examples
    --------
    >>> kaiser_bessel_derived_window(4, beta=2.0).round(4)
    array([0.4834, 0.8754, 0.8754, 0.4834], dtype=float32)
    """
    length = check_integer("window_length", window_length, 0)
    beta = _check_beta(beta)
    dtype = check_floating_dtype("dtype", dtype)
    return in_library_of(kaiser_bessel_derived_window_reference(length, beta, dtype), like)


@silent
def kaiser_bessel_derived_window_reference(
    window_length: int, beta: float = 12.0, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return a Kaiser-Bessel derived window; an odd length gives one sample fewer."""
    kaiser = kaiser_window_reference(window_length // 2 + 1, beta, np.float64)
    half = np.sqrt(np.cumsum(kaiser[:-1]) / np.sum(kaiser))
    return np.concatenate([half, half[::-1]]).astype(dtype)


def vorbis_window(
    window_length: int, dtype: DTypeLike = np.float32, *, like: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return the window of the Vorbis codec, whose squares at half its length apart sum to one.

    Parameters
    ----------
    window_length : int
        Number of samples, 0 or more.
    dtype : dtype
        float16, float32 or float64.
    like : array, optional
        An array whose library and device the result joins: of CuPy, torch, JAX and so on.

    Returns
    -------
    array, shape (window_length,), dtype `dtype`
        Computed in float64 and rounded once.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If `window_length` is not an integer of 0 or more.

    Notes
    -----
    ``w[k] = sin(pi/2 sin(pi (k + 1/2) / window_length)^2)``. Matches `tf.signal.vorbis_window`,
    the window of Kapre 0.4.1.

    References
    ----------
    Xiph.Org Foundation, Vorbis I specification, section 4.3.1.

    Examples
    --------
    >>> vorbis_window(4).round(4)
    array([0.228 , 0.9737, 0.9737, 0.228 ], dtype=float32)
    """
    length = check_integer("window_length", window_length, 0)
    dtype = check_floating_dtype("dtype", dtype)
    return in_library_of(vorbis_window_reference(length, dtype), like)


@silent
def vorbis_window_reference(window_length: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return a Vorbis window; odd lengths work by the same formula."""
    return _vorbis(window_length).astype(dtype)


def _vorbis(window_length: int, precision: type[np.floating] = np.float64) -> NDArray[Any]:
    step = precision(np.pi) / precision(max(1, window_length))
    angle = step * (np.arange(window_length, dtype=precision) + precision(0.5))
    window: NDArray[Any] = np.sin(precision(np.pi / 2) * np.sin(angle) ** 2)
    return window


_WINDOWS: dict[str, tuple[Callable[..., NDArray[Any]], Callable[..., NDArray[Any]]]] = {
    "hamming_window": (hamming_window, hamming_window_reference),
    "hann_window": (hann_window, hann_window_reference),
    "kaiser_bessel_derived_window": (
        kaiser_bessel_derived_window,
        kaiser_bessel_derived_window_reference,
    ),
    "kaiser_window": (kaiser_window, kaiser_window_reference),
    "vorbis_window": (vorbis_window, vorbis_window_reference),
}
KAPRES_WINDOWS = tuple(_WINDOWS)


def get_window_fn(window_name: WindowName | None = None) -> Callable[..., NDArray[Any]]:
    """Return the window function of a name.

    Parameters
    ----------
    window_name : str, optional
        'hamming_window', 'hann_window', 'kaiser_bessel_derived_window', 'kaiser_window' or
        'vorbis_window', or one of these without '_window'. None means 'hann_window'.

    Returns
    -------
    function
        The function of that name in this module; call it with `window_length`.

    Raises
    ------
    NotImplementedError
        For any other string; the kind of error is Kapre's.
    TypeError
        If `window_name` is neither a string nor None.

    Notes
    -----
    Matches `kapre.backend.get_window_fn` of Kapre 0.4.1.

    Examples
    --------
    >>> get_window_fn('vorbis_window')(2)
    array([0.70710677, 0.70710677], dtype=float32)
    """
    return _WINDOWS[check_window_name("window_name", window_name)][0]


def check_window_name(name: str, window_name: Any) -> str:
    """Require the name of a window or None, and return Kapre's name of that window."""
    if window_name is None:
        return "hann_window"
    if not isinstance(window_name, str):
        raise TypeError(
            f"{name} must be a string or None, got {type(window_name).__name__}: {window_name!r}"
        )
    full_name = _full_name(window_name) if window_name else ""
    if full_name not in _WINDOWS:
        short = ", ".join(known.removesuffix("_window") for known in _WINDOWS)
        raise NotImplementedError(
            f"{name} must be one of {', '.join(_WINDOWS)}, or of {short}, got {window_name!r}"
        )
    return full_name


def _full_name(window_name: str | None) -> str:
    """Return Kapre's name of a window, also for a short name such as 'hann'."""
    name = window_name or "hann_window"
    return f"{name}_window" if f"{name}_window" in _WINDOWS else name


@silent
def coarse_window_reference(window_name: str | None, window_length: int) -> NDArray[np.float64]:
    """Return a window in float64, but Hann and Vorbis as Kapre's float32 arithmetic gives them.

    Near their ends these two are almost 0, computed as a difference from 1 and as a sine near pi,
    and in float32 their third or fourth digit is wrong. The other windows keep their digits.
    """
    window_name = _full_name(window_name)
    if window_name == "hann_window":
        return _raised_cosine(window_length, True, 0.5, np.float32).astype(np.float64)
    if window_name == "vorbis_window":
        return _vorbis(window_length, np.float32).astype(np.float64)
    return get_window_fn_reference(window_name)(window_length, dtype=np.float64)


def get_window_fn_reference(window_name: str | None = None) -> Callable[..., NDArray[Any]]:
    """Return the oracle of a window; None means 'hann_window'."""
    return _WINDOWS[_full_name(window_name)][1]
