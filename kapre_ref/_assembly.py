"""Features and samples brought into the shape that a model takes: stacked, cut, filled up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kapre_ref._arrays import native, native_dtype, real_dtype, result_array, silent
from kapre_ref._checks import (
    check_choice,
    check_floating,
    check_in_range,
    check_integer,
    check_ndim,
    check_number,
)
from kapre_ref._dispatch import kernels_for
from kapre_ref._framing import count_frames
from kapre_ref._libraries import of_another_library
from kapre_ref._other_libraries import by_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._types import Float, LengthMode, StackEdge

EDGES = ("repeat", "zeros", "drop")
MODES = ("constant", "repeat", "repeatpad")
_SOME_AXES = range(1, 33)  # NumPy has at most 64, and a result may need one more than `x`
_FEATURES = "(..., n_frames, n_values)"


def stack_frames(
    x: NDArray[Float],
    n: int,
    step: int | None = None,
    edge: StackEdge = "drop",
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Put neighbouring frames side by side, so that a model sees fewer and wider ones.

    Parameters
    ----------
    x : array, (..., n_frames, n_values), float16, float32 or float64
        Features, with any leading axes.
    n : int, frames
        How many frames stand side by side.
    step : int or None, frames
        Distance from one stack's first frame to the next stack's; None means `n`, so that each
        frame is there once.
    edge : str
        What becomes of stacks for which frames are missing. 'drop' leaves them out, 'zeros' keeps
        each stack whose first frame there is and puts zeros behind the last frame. 'repeat' centres
        each stack on every `step`-th frame, and repeats the first and the last frame.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, (..., n_stacks, n * n_values), dtype of `x`
        ``n_stacks`` is ``ceil(n_frames / step)``, with 'drop' ``1 + (n_frames - n) // step`` or 0.

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If `x` has fewer than 2 dimensions, `n` or `step` is not positive, `edge` is unknown, or
        `out` does not fit.

    Notes
    -----
    Row `i` holds the frames ``i step + j - n_before`` for `j` from 0 to ``n - 1``, where `n_before`
    is ``(n - 1) // 2`` with 'repeat' and else 0. Values are copied bit by bit.

    FunASR (Paraformer, SenseVoice) stacks 7 frames every 6 with 'repeat', SeamlessM4T 2 every 2
    with 'zeros', Granite Speech 2 every 2 with 'drop'. w2v-bert 2.0 gives an odd last frame a
    partner of ones: `fix_length` appends it before.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> stack_frames(x, 2, edge="zeros")
    array([[1., 2.],
           [3., 0.]])
    >>> stack_frames(x, 3, 2, edge="repeat")
    array([[1., 1., 2.],
           [2., 3., 3.]])
    """
    if of_another_library(x):
        return by_views(stack_frames, locals())
    check_floating("x", x)
    check_ndim("x", x, _SOME_AXES[1:], _FEATURES)
    n = check_integer("n", n, 1)
    step = n if step is None else check_integer("step", step, 1)
    check_choice("edge", edge, EDGES)
    *leading, n_frames, n_values = x.shape
    n_stacks = count_frames(n_frames, n, step, edge != "drop")
    n_before = (n - 1) // 2 if edge == "repeat" else 0
    out = result_array(x, (*leading, n_stacks, n * n_values), x.dtype, out)
    stacks = out.reshape(*leading, n_stacks, n, n_values)
    kernels_for(x).stack_frames(native(x), step, n_before, edge == "repeat", stacks)
    return out


@silent
def stack_frames_reference(
    x: NDArray[Float], n: int, step: int | None = None, edge: StackEdge = "drop"
) -> NDArray[Float]:
    """Put neighbouring frames side by side; only with 'repeat' are the stacks centred."""
    *leading, n_frames, n_values = x.shape
    step = n if step is None else step
    n_stacks = count_frames(n_frames, n, step, edge != "drop")
    n_before = (n - 1) // 2 if edge == "repeat" else 0
    index = step * np.arange(n_stacks)[:, None] + np.arange(n) - n_before  # (n_stacks, n)
    stacks = np.take(x, np.clip(index, 0, n_frames - 1), axis=-2)  # (..., n_stacks, n, n_values)
    if edge == "zeros":
        stacks[..., index >= n_frames, :] = 0
    stacked = stacks.reshape(*leading, n_stacks, n * n_values)
    copied: NDArray[Float] = stacked.astype(real_dtype(x.dtype))
    return copied


def patches(
    x: NDArray[Float], length: int, hop: int, *, out: NDArray[Float] | None = None
) -> NDArray[Float]:
    """Cut features along time into patches of a length, each of which a model takes by itself.

    Parameters
    ----------
    x : array, (..., n_frames, n_values), float16, float32 or float64
        Features, with any leading axes.
    length : int, frames
        Length of a patch.
    hop : int, frames
        Distance of the patches' starts; they overlap if it is less than `length`.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, (..., n_patches, length, n_values), dtype of `x`
        Whole patches only: frames that are left at the end are in none. Fewer frames than `length`
        give no patches.

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If `x` has fewer than 2 dimensions, `length` or `hop` is not positive, or `out` does not
        fit.

    Notes
    -----
    Patch `i` holds the frames from ``i hop`` to ``i hop + length - 1``, copied bit by bit, and
    there are ``1 + (n_frames - length) // hop`` patches.

    VGGish takes patches of 96 frames every 96, YAMNet 96 every 48. YAMNet's samples, of which a
    patch needs 15600 and each further one 7680 more, are filled up with zeros before, so that no
    frame is left: `fix_length` to ``15600 + 7680 * ceil(max(0, n_samples - 15600) / 7680)``.

    Examples
    --------
    >>> patches(np.array([[1.0], [2.0], [3.0], [4.0]]), length=2, hop=1)[..., 0]
    array([[1., 2.],
           [2., 3.],
           [3., 4.]])
    """
    if of_another_library(x):
        return by_views(patches, locals())
    check_floating("x", x)
    check_ndim("x", x, _SOME_AXES[1:], _FEATURES)
    length = check_integer("length", length, 1)
    hop = check_integer("hop", hop, 1)
    *leading, n_frames, n_values = x.shape
    shape = (*leading, count_frames(n_frames, length, hop, False), length, n_values)
    out = result_array(x, shape, x.dtype, out)
    kernels_for(x).stack_frames(native(x), hop, 0, False, out)
    return out


@silent
def patches_reference(x: NDArray[Float], length: int, hop: int) -> NDArray[Float]:
    """Cut features along time into patches, whole ones only."""
    starts = hop * np.arange(count_frames(x.shape[-2], length, hop, False))
    index = starts[:, None] + np.arange(length)  # (n_patches, length)
    return np.take(x, index, axis=-2).astype(real_dtype(x.dtype))


def fix_length(
    x: NDArray[Float],
    size: int,
    axis: int = -1,
    mode: LengthMode = "constant",
    value: float = 0.0,
    *,
    out: NDArray[Float] | None = None,
) -> NDArray[Float]:
    """Bring an axis to a length: cut off what is too much, fill up what is missing.

    Parameters
    ----------
    x : array of 1 or more dimensions, float16, float32 or float64
        Samples or features.
    size : int
        The new length of `axis`.
    axis : int
        Which axis; negative ones count from the last.
    mode : str
        What an axis that is too short is filled up with: 'constant' with `value`, 'repeat' with
        `x` from its start, over and over. 'repeatpad' repeats `x` as often as it fits whole, and
        fills the rest with `value`.
    value : float
        What fills up; it does not count with 'repeat'.
    out : array, optional
        Where to put the result: C-contiguous, of its shape and dtype, not overlapping `x`.

    Returns
    -------
    array, shape of `x` but for `size` along `axis`, dtype of `x`

    Raises
    ------
    TypeError
        If `x` is not a floating array, or an argument is of the wrong kind.
    ValueError
        If `size` is negative, `x` has no such axis, `mode` is unknown, `value` is beyond the range
        of the dtype, there is nothing to repeat, or `out` does not fit.

    Notes
    -----
    Values are copied bit by bit. 'constant' is what `librosa.util.fix_length` does unless told
    otherwise.

    Whisper takes 480000 samples (30 s), filled up with zeros. AST takes 1024 frames, filled up
    with zeros before its features are scaled and shifted, so `value` is what becomes of a zero.
    CLAP takes 480000 samples (10 s): 'repeatpad' is its default, 'repeat' the other choice. It cuts
    a random piece out of longer recordings, here the first is kept.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> fix_length(x, 2)
    array([1., 2.])
    >>> fix_length(x, 8, mode="repeat")
    array([1., 2., 3., 1., 2., 3., 1., 2.])
    >>> fix_length(x, 8, mode="repeatpad")
    array([1., 2., 3., 1., 2., 3., 0., 0.])
    """
    if of_another_library(x):
        return by_views(fix_length, locals())
    check_floating("x", x)
    check_ndim("x", x, _SOME_AXES, "(..., time)")
    size = check_integer("size", size, 0)
    axis = check_integer("axis", axis, -x.ndim, x.ndim - 1)
    check_choice("mode", mode, MODES)
    value = 0.0 if mode == "repeat" else check_number("value", value)
    check_in_range("value", value, native_dtype(x.dtype))
    n_there = x.shape[axis]
    if mode != "constant" and not n_there:
        raise ValueError(f"x must have something to repeat along axis={axis}, got shape {x.shape}")
    n_copied = min(n_there, size)
    if n_copied < size and mode != "constant":
        n_copied = size if mode == "repeat" else size // n_there * n_there
    shape = list(x.shape)
    shape[axis] = size
    out = result_array(x, tuple(shape), x.dtype, out)
    # Two axes change places, and back: each copy is then of the last one.
    runs, results = native(x).swapaxes(axis, -1), out.swapaxes(axis, -1)
    kernels_for(x).fix_length(runs, n_copied, value, results)
    return out


@silent
def fix_length_reference(
    x: NDArray[Float],
    size: int,
    axis: int = -1,
    mode: LengthMode = "constant",
    value: float = 0.0,
) -> NDArray[Float]:
    """Bring an axis to a length; it is always the end that is cut off or filled up."""
    runs = np.moveaxis(x, axis, -1)
    if mode == "repeat":
        runs = np.tile(runs, -(-size // runs.shape[-1]))
    elif mode == "repeatpad":
        runs = np.tile(runs, max(1, size // runs.shape[-1]))
    runs = runs[..., :size]
    margins = [(0, 0)] * (x.ndim - 1) + [(0, size - runs.shape[-1])]
    filled = np.pad(runs, margins, constant_values=value)
    return np.moveaxis(filled, -1, axis).astype(real_dtype(x.dtype))
