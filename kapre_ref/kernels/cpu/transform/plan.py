"""Tables of a transform: radices, twiddle factors, and where everything stands in memory."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._kept import Recent, kept
from kapre_ref.kernels.cpu.emit.bands import BandTable
from kapre_ref.kernels.cpu.emit.gather import FrameSteps
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.output import STRIP_TILES
from kapre_ref.kernels.cpu.emit.records import record_array
from kapre_ref.kernels.cpu.runtime.jit import Addresses
from kapre_ref.kernels.cpu.transform.convolution import (
    convolution_length,
    convolution_of,
    picks_of_group,
)
from kapre_ref.kernels.cpu.transform.radices import (
    Pass,
    factorize,
    odd_of,
    passes_of,
    samples_of_rows,
)
from kapre_ref.kernels.cpu.transform.scales import Scale, scale_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd


def _scipy_is_asked_for() -> bool:
    choice = os.environ.get("KAPRE_REF_FFT") or "own"
    if choice not in ("own", "scipy"):
        raise ValueError(f"KAPRE_REF_FFT must be 'own' or 'scipy', got {choice!r}")
    return choice == "scipy"


_SCIPY_SERVES_ALL = _scipy_is_asked_for()
_STEP_SECONDS = 4e-11  # for each sample of a frame and halving of the transform
# Beyond, a block's scratch memory would exceed 32 MB.
MAX_N_FFT = 65536


class Regions(NamedTuple):
    """A number for each region of scratch memory: its size, its offset or its address."""

    samples: int  # rows of pieces of the signal, and a row of zeros
    prepared: int  # rows of samples of frames from which the mean was taken, and a row of zeros
    rows: int
    values: int
    bands: int
    strip: int
    stage: int
    before: int  # samples that stand before those of the stage
    peak: int
    plain: int  # magnitudes, while those of some frames are made once more
    turned: int  # rows of the second transform of a convolution
    sums: int  # what butterflies of odd radices add up


class Pieces(NamedTuple):
    """How the signal is cut into pieces, see `emit.gather`, and what a block of frames takes."""

    length: int  # samples of a piece that count
    n: int
    n_tiles: int  # vectors of samples read of each
    row_bytes: int  # of a sample of all pieces


# What is made of a spectrum: magnitudes, powers, or roots of powers to which a number was added.
PLAIN, POWERS, ROOTS = range(3)


class FftPlan(NamedTuple):
    """What a kernel must know of a transform; tables are addresses."""

    n_fft: int
    n_freq: int
    passes: int  # the address of a `Pass` for each pass but the last
    last: Pass
    convolution: int  # the address of a `Convolution`, whose prime is 0 if the first pass is none
    hop_length: int
    pieces: Pieces
    frame_steps: FrameSteps
    regions: Regions
    offsets: int
    window: int
    n_picks: int  # how many of the offsets one part takes, or one convolution
    sizes: int  # PLAIN, POWERS or ROOTS
    power: int  # the address of 1 or 2: of what the last pass writes
    power_offset: int
    bands: BandTable


class Tables(NamedTuple):
    """What calls of one front end have in common, and the owners of all addresses in it."""

    plan: int  # the address of an `FftPlan`, see `emit.records`
    odd: int | None  # 1 if some radix is not a common one
    scratch_bytes: int
    scale: Scale
    has_limit: bool  # whether the peaks of frames are needed
    factor: int  # the address of that of the signal's pre-emphasis; 0 for none
    frame_seconds: float  # about how long a frame takes
    addresses: Addresses
    calls: Recent  # by the layout of arrays


@lru_cache(maxsize=128)
def is_served(n_fft: int) -> bool:
    """Tell whether the vector transform serves a size; SciPy serves the others.

    With KAPRE_REF_FFT=scipy, SciPy serves all: to compare, and for those who distrust ours.
    """
    return not _SCIPY_SERVES_ALL and n_fft <= MAX_N_FFT


def offsets_of(sizes: Iterable[int]) -> tuple[list[int], int]:
    """Return where regions of some sizes start in scratch memory, and its size.

    The regions start at different places modulo 4096 bytes, so that what is read in one and written
    in another does not compete for the same few places of the L1 cache.
    """
    sizes = [-(-size // 4096) * 4096 + 5 * 64 for size in sizes]
    return [sum(sizes[:i]) for i in range(len(sizes))], sum(sizes)


def rows_beside(radices: tuple[int, ...]) -> tuple[int, int, int]:
    """Return how many rows a convolution needs for its two transforms, and odd radices for sums."""
    n = convolution_length(radices)
    each = [*radices[n > 0 :], *(factorize(n) if n else ())]
    return n, n and max(n, radices[0]) + 1, 2 * max(each)


@kept
def tables_of(front_end: FrontEnd, dtype: np.dtype[Any]) -> Tables:
    """Return the tables of a front end for one floating-point dtype."""
    radices = factorize(front_end.n_fft)
    pieces = _pieces_of(front_end, dtype)
    regions, scratch_bytes = scratch_layout(front_end, pieces, dtype)
    addresses = Addresses()
    frame_steps = _frame_steps(front_end, dtype, addresses)
    samples = _picks(radices)
    window, convolved = np.zeros(front_end.n_fft + 1, dtype), convolution_length(radices)
    window[: front_end.frame_length] = front_end.make_window() * front_end.input_scale
    if frame_steps.n:
        offsets = np.minimum(samples, front_end.frame_length) * vector_bytes()
    else:
        offsets = _offsets_in_pieces(samples, front_end, pieces, dtype)
    sizes = POWERS if front_end.power == 2 else ROOTS if front_end.power_offset else PLAIN
    *passes, last = passes_of(radices, dtype, addresses, convolved > 0)
    numbers = FftPlan(
        n_fft=front_end.n_fft,
        n_freq=front_end.n_freq,
        passes=addresses.of(record_array(tuple(passes))),
        last=last,
        convolution=convolution_of(radices, dtype, addresses),
        hop_length=front_end.hop_length,
        pieces=pieces,
        frame_steps=frame_steps,
        regions=regions,
        offsets=addresses.of(offsets.astype(np.int32)),
        window=addresses.of(window[samples]),
        n_picks=1 + convolved if convolved else front_end.n_fft // radices[-1],
        sizes=sizes,
        power=addresses.of(np.array([2 if sizes != PLAIN else 1], dtype)),
        power_offset=addresses.of(np.array([front_end.power_offset], dtype)),
        bands=band_table(front_end, dtype, addresses),
    )
    scale = scale_of(front_end, dtype, addresses)
    signal_factor = front_end.signal_factor
    return Tables(
        plan=addresses.of(record_array(numbers)),
        odd=odd_of(radices),
        scratch_bytes=scratch_bytes,
        scale=scale,
        factor=addresses.of(np.array([signal_factor], dtype)) if signal_factor else 0,
        has_limit=scale.logarithm != 0 and front_end.dynamic_range is not None,
        frame_seconds=_STEP_SECONDS * front_end.n_fft * math.log2(front_end.n_fft),
        addresses=addresses,
        calls=Recent(),
    )


def _picks(radices: tuple[int, ...]) -> NDArray[np.intp]:
    """Return which samples the first pass takes, in its order; n_fft stands for a zero."""
    samples = samples_of_rows(radices)
    if not convolution_length(radices):
        return samples
    n = len(samples)
    silent = np.full((n // radices[0], 1), n)
    of_groups = np.hstack([samples.reshape(-1, radices[0]), silent])
    return of_groups[:, picks_of_group(radices, radices[0])].ravel()


def _pieces_of(front_end: FrontEnd, dtype: np.dtype[Any]) -> Pieces:
    lanes, in_group = n_lanes(dtype), 16 // dtype.itemsize
    length = min(front_end.hop_length, front_end.frame_length)
    n_shifts = (front_end.frame_length - 1) // length
    n = -(-(lanes + n_shifts) // in_group) * in_group
    return Pieces(length=length, n=n, n_tiles=-(-length // lanes), row_bytes=n * dtype.itemsize)


def _prepares_frames(front_end: FrontEnd) -> bool:
    return front_end.remove_mean or front_end.frame_factor != 0


def _frame_steps(front_end: FrontEnd, dtype: np.dtype[Any], addresses: Addresses) -> FrameSteps:
    """Return what is done to each frame before the window, if anything is."""
    if not _prepares_frames(front_end):
        return FrameSteps(n=0, n_averaged=0, numbers=0)
    n = front_end.frame_length
    numbers = addresses.of(np.array([front_end.frame_factor, n], dtype))
    return FrameSteps(n=n, n_averaged=n if front_end.remove_mean else 0, numbers=numbers)


def _offsets_in_pieces(
    samples: NDArray[np.intp], front_end: FrontEnd, pieces: Pieces, dtype: np.dtype[Any]
) -> NDArray[np.intp]:
    """Return where the row of each sample of a frame begins.

    Samples beyond the window are read from the row of zeros, which lies behind all pieces.
    """
    offsets = samples % pieces.length * pieces.row_bytes
    offsets += samples // pieces.length * dtype.itemsize
    offsets[samples >= front_end.frame_length] = pieces.n_tiles * n_lanes(dtype) * pieces.row_bytes
    return offsets


def scratch_layout(
    front_end: FrontEnd, pieces: Pieces, dtype: np.dtype[Any]
) -> tuple[Regions, int]:
    """Return where the regions of scratch memory start, and the bytes of all."""
    lanes, vector, itemsize = n_lanes(dtype), vector_bytes(), dtype.itemsize
    n_read = pieces.n_tiles * lanes  # of each piece
    overlap = front_end.hop_length < front_end.frame_length
    n_staged = pieces.n * (pieces.length if overlap else n_read) + n_read
    prepares = _prepares_frames(front_end)
    n_freq, n_bands = front_end.n_freq, front_end.n_bands
    n_convolved, n_turned, n_sums = rows_beside(factorize(front_end.n_fft))
    sizes = Regions(
        samples=(n_read + 1) * pieces.row_bytes + vector,
        prepared=(front_end.frame_length + 1) * vector if prepares else 0,
        rows=2 * n_freq * vector,  # magnitudes and phases take more than n_fft
        values=max(2 * n_freq + 2 * lanes, n_convolved) * vector,
        bands=((n_bands if front_end.bands is not None else 0) + lanes) * vector,
        strip=(STRIP_TILES * lanes + 1) * vector,
        stage=n_staged * itemsize,
        before=n_staged * itemsize if front_end.signal_factor else 0,
        peak=vector,
        plain=n_freq * vector,
        turned=n_turned * vector,
        sums=n_sums * vector,
    )
    offsets, n_bytes = offsets_of(sizes)
    return Regions(*offsets), n_bytes


def band_table(front_end: FrontEnd, dtype: np.dtype[Any], addresses: Addresses) -> BandTable:
    """Return the bands of a front end, if it has any, as `emit.bands` takes them."""
    if front_end.bands is None:
        return BandTable(n=0, ranges=0, weights=0)
    bands = front_end.band_weights(dtype)
    # An empty band takes one bin times 0, so that NaN gets into it as into the others.
    is_empty = bands.counts == 0
    ranges = np.stack([bands.firsts, bands.counts + is_empty], axis=1).astype(np.int32)
    ends = np.cumsum(bands.counts)
    weights = np.insert(bands.weights, ends[is_empty], 0)
    return BandTable(
        n=len(bands.counts), ranges=addresses.of(ranges), weights=addresses.of(weights)
    )
