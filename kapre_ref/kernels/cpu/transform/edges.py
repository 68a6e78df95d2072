"""Samples of a signal as a front end takes it: with what stands outside its ends.

The first sample that counts has number 0. Samples of other numbers are zeros, or mirror images: to
`reflect` is to fold at the edge sample, to `mirror` to fold beside it, so that it comes twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.copies import copy_numbers, fill_zeros, join_channel
from kapre_ref.kernels.cpu.emit.gather import emphasise
from kapre_ref.kernels.cpu.emit.intrinsics import item_of, lanes_of
from kapre_ref.kernels.cpu.runtime.jit import inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

ZEROS, REFLECT, MIRROR = range(3)
EDGES = {"zeros": ZEROS, "reflect": REFLECT, "mirror": MIRROR}


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
    inside = start >= 0 and stop <= n
    number = np.arange(start, stop)
    if ends.edge == ZEROS or inside or n == 0:
        exists = (number >= 0) & (number < n)
        number = np.where(exists, number, 0)
    else:
        exists = np.ones(len(number), bool)
        gap = ends.edge == REFLECT
        number = number % max(1, 2 * (n - gap))
        number = np.where(number < n, number, 2 * n - 1 - gap - number)
    if not exists.any():
        return np.zeros(len(number), dtype)
    counted = signal[ends.first :]
    samples = np.where(exists, counted[number], 0).astype(dtype)
    if ends.factor:
        there = exists & (ends.has_previous | (number > 0))
        before = np.where(there, signal[np.maximum(ends.first + number - 1, 0)], 0).astype(dtype)
        samples -= dtype.type(ends.factor) * before
    return samples


class Source(NamedTuple):
    """A channel of a signal as a kernel reads it; the stride is in bytes, from sample to sample."""

    signal: int  # the address of the first sample
    stride: int
    n_samples: int
    edge: int
    factor: int  # the address of that of pre-emphasis; 0 for none
    has_previous: int


class Run(NamedTuple):
    """Samples that follow each other in the signal, upwards (`step` 1) or downwards (-1)."""

    number: int  # of the first
    step: int
    n: int


@kernel
def stage(unit, source, first, n, target, before):
    """Copy samples from number `first` on, emphasised if they are to be; `before` is room."""
    item = item_of(unit)
    samples, previous = source.signal + first * item, source.signal + (first - 1) * item
    is_inside = source.stride == item and first >= 1 and first + n <= source.n_samples
    if not (source.factor and is_inside):
        samples, previous = target, before
        # In a loop, numba compiles the copying once.
        for n_before in range(2 if source.factor else 1):
            place = before if n_before else target
            copy_samples(unit, source, first, n, place, n_before)
    if source.factor:
        emphasise(unit, samples, previous, source.factor, target, n)


@inlined
def copy_samples(unit, source, first, n, target, n_before):
    """Copy samples from number `first` on, or those `n_before` samples before them (0 or 1)."""
    item, length = item_of(unit), source.n_samples
    gap = 1 if source.edge == REFLECT else 0
    period = max(1, 2 * (length - gap))
    done = 0
    while done < n:
        number = first + done
        step, run = 1, length - number
        if number < 0 or number >= length:
            if source.edge == ZEROS or length == 0:
                run = min(-number if number < 0 else n, n - done)
                fill_zeros(unit, target + done * item, run)
                done += run
                continue
            number = number % period
            run = length - number
            if number >= length:
                number = 2 * length - 1 - gap - number
                step, run = -1, number + 1 - gap
        run = min(run, n - done)
        copy_samples_of(unit, source, Run(number, step, run), target + done * item, n_before)
        done += run


@inlined
def copy_samples_of(unit, source, run, target, n_before):
    """Copy a run of samples, or of those `n_before` before each of them."""
    lanes, item, stride = lanes_of(unit), item_of(unit), source.stride
    number, n = run.number, run.n
    if n_before and not source.has_previous:  # there is nothing before number 0
        if run.step > 0 and number == 0:
            fill_zeros(unit, target, 1)
            number, target, n = number + 1, target + item, n - 1
        elif run.step < 0 and number - n + 1 == 0:
            n -= 1
            fill_zeros(unit, target + n * item, 1)
    place, done = source.signal + (number - n_before) * stride, 0
    if stride == 2 * item and run.step > 0 and n > 0:
        done = (n - 1) // lanes * lanes
        join_channel(unit, place, target, done // lanes)
    place += done * run.step * stride
    copy_numbers(unit, place, run.step * stride, target + done * item, item, n - done)
