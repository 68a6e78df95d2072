"""Samples of a signal as a front end takes it: with what stands outside its ends.

The first sample that counts has number 0. Samples of other numbers are zeros, the sample at the
edge, or mirror images: to `reflect` is to fold at the edge sample, to `mirror` to fold beside it,
so that it comes twice. An `odd` image is twice the sample at the edge less the reflected sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.copies import (
    copy_numbers,
    fill_zeros,
    fold_oddly,
    join_channel,
    n_to_next_fold,
)
from kapre_ref.kernels.cpu.emit.gather import emphasise
from kapre_ref.kernels.cpu.emit.intrinsics import itemsize_of, lanes_of
from kapre_ref.kernels.cpu.runtime.jit import inlined, inner_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

ZEROS, REFLECT, MIRROR, EDGE, ODD = range(5)
EDGES = {"zeros": ZEROS, "reflect": REFLECT, "mirror": MIRROR, "edge": EDGE, "odd": ODD}


class Ends(NamedTuple):
    """Which samples of a signal count, and what they become before they are framed."""

    first: int  # of the signal
    n_samples: int
    n_padded: int  # before the first
    edge: int
    factor: float  # of pre-emphasis
    has_previous: bool  # whether the sample before the first is there, to be emphasised with


def ends_of(front_end: FrontEnd, n_samples: int) -> Ends:
    """Return which samples of a signal count to a front end."""
    first = max(0, -front_end.pad_left) + front_end.drops_first
    stop = n_samples + min(0, front_end.pad_right)
    return Ends(
        first=first,
        n_samples=max(0, stop - first),
        n_padded=max(0, front_end.pad_left),
        edge=EDGES[front_end.pad_mode],
        factor=front_end.signal_factor,
        has_previous=first > 0,
    )


@np.errstate(all="ignore")  # compiled code gives no warnings either
def samples_between(
    signal: NDArray[Any], ends: Ends, start: int, stop: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the samples from number `start` to `stop`, emphasised, in a dtype.

    This is for the paths that are not in a hurry; `gather` does the same in compiled code.
    """
    n = ends.n_samples
    number = np.arange(start, stop)
    exists = np.full(len(number), n > 0)
    inside = np.clip(number, 0, n - 1)
    if ends.edge == ZEROS:
        exists &= inside == number
    elif ends.edge != EDGE and n:
        gap = ends.edge != MIRROR
        folded = number % max(1, 2 * (n - gap))
        inside = np.where(folded < n, folded, 2 * n - 1 - gap - folded)
    if not exists.any():
        return np.zeros(len(number), dtype)

    def emphasised(inside: NDArray[Any]) -> NDArray[Any]:
        samples = signal[ends.first + inside].astype(dtype)
        if ends.factor:
            there = ends.has_previous | (inside > 0)
            before = signal[np.maximum(ends.first + inside - 1, 0)].astype(dtype)
            samples -= dtype.type(ends.factor) * np.where(there, before, 0)
        return np.asarray(samples)

    samples = emphasised(np.where(exists, inside, 0))
    if ends.edge == ODD:
        n_folds = _count_folds(number, n)
        first, last = emphasised(np.array([0, n - 1]))
        near, far = np.where(number < 0, first, last), np.where(number < 0, last, first)
        is_odd = n_folds % 2
        edges = (2 * is_odd).astype(dtype) * near
        edges += np.where(n_folds > 1, (n_folds - is_odd).astype(dtype) * (near - far), 0)
        samples = np.where(n_folds > 0, edges + np.where(is_odd, -samples, samples), samples)
    return np.where(exists, samples, dtype.type(0))


def _count_folds(number: NDArray[Any], n: int) -> NDArray[Any]:
    """Return how many times a signal of `n` samples is folded between its edge and a number."""
    span = max(1, n - 1)
    beyond = np.maximum(0, np.where(number < 0, -number, number - (n - 1)))
    return np.asarray(-(-beyond // span))


class Run(NamedTuple):
    """Samples that follow each other in the signal, upwards (`step` 1) or downwards (-1)."""

    number: int  # of the first
    step: int
    n: int


@inlined
def stage(unit, source, first, n, target, before):
    """Copy samples from number `first` on, emphasised if they are to be; `before` is room."""
    itemsize = itemsize_of(unit)
    samples, previous = source.signal + first * itemsize, source.signal + (first - 1) * itemsize
    is_inside = source.stride == itemsize and first >= 1 and first + n <= source.n_samples
    if not (source.factor and is_inside):
        samples, previous = target, before
        # In a loop, numba compiles the copying once.
        for n_before in range(2 if source.factor else 1):
            place = before if n_before else target
            copy_samples(unit, source, first, n, place, n_before)
    if source.factor:
        emphasise(unit, samples, previous, source.factor, target, n)


@inner_kernel
def copy_samples(unit, source, first, n, target, n_before):
    """Copy samples from number `first` on, or those `n_before` samples before them (0 or 1)."""
    itemsize, length = itemsize_of(unit), source.n_samples
    gap = 0 if source.edge == MIRROR else 1
    period = max(1, 2 * (length - gap))
    done = 0
    while done < n:
        number = first + done
        step, run = 1, length - number
        is_outside = number < 0 or number >= length
        if is_outside:
            if source.edge == ZEROS or length == 0:
                run = min(-number if number < 0 else n, n - done)
                fill_zeros(unit, target + done * itemsize, run)
                done += run
                continue
            if source.edge == EDGE:
                step, run = 0, -number if number < 0 else n
                number = 0 if number < 0 else length - 1
            else:
                number = number % period
                run = length - number
                if number >= length:
                    number = 2 * length - 1 - gap - number
                    step, run = -1, number + 1 - gap
        run = min(run, n - done)
        if is_outside and source.edge == ODD:
            run = min(run, n_to_next_fold(unit, length, first + done))
        copy_samples_of(unit, source, Run(number, step, run), target + done * itemsize, n_before)
        if is_outside and source.edge == ODD:
            place = target + done * itemsize
            fold_oddly(unit, place, run, source, first + done, n_before)
        done += run


@inlined
def copy_samples_of(unit, source, run, target, n_before):
    """Copy a run of samples, or of those `n_before` before each of them."""
    lanes, itemsize, stride = lanes_of(unit), itemsize_of(unit), source.stride
    number, n = run.number, run.n
    if n_before and not source.has_previous:  # there is nothing before number 0
        if run.step > 0 and number == 0:
            fill_zeros(unit, target, 1)
            number, target, n = number + 1, target + itemsize, n - 1
        elif run.step == 0 and number == 0:
            fill_zeros(unit, target, n)
            n = 0
        elif run.step < 0 and number - n + 1 == 0:
            n -= 1
            fill_zeros(unit, target + n * itemsize, 1)
    place, done = source.signal + (number - n_before) * stride, 0
    if stride == 2 * itemsize and run.step > 0 and n > 0:
        done = (n - 1) // lanes * lanes
        join_channel(unit, place, target, done // lanes)
    place += done * run.step * stride
    copy_numbers(unit, place, run.step * stride, target + done * itemsize, itemsize, n - done)
