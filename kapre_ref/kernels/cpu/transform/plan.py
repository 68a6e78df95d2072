"""Tables of a transform: radices, twiddle factors, and where everything stands in memory."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._kept import Recent, kept
from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.cpu.emit.bands import BandTable
from kapre_ref.kernels.cpu.emit.gather import FrameSteps
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.output import STRIP_TILES
from kapre_ref.kernels.cpu.emit.records import record_array
from kapre_ref.kernels.cpu.runtime.jit import Addresses
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
# Beyond, a block's scratch memory would exceed 16 MB.
MAX_N_FFT = 32768


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
    radices: int  # five bits a pass, the first lowest
    last_radix: int
    hop_length: int
    pieces: Pieces
    frame_steps: FrameSteps
    regions: Regions
    offsets: int
    window: int
    twiddles: int
    sizes: int  # PLAIN, POWERS or ROOTS
    power: int  # the address of 1 or 2: of what the last pass writes
    power_offset: int
    bands: BandTable


class Tables(NamedTuple):
    """What calls of one front end have in common, and the owners of all addresses in it."""

    plan: int  # the address of an `FftPlan`, see `emit.records`
    scratch_bytes: int
    scale: Scale
    has_limit: bool  # whether the peaks of frames are needed
    factor: int  # the address of that of the signal's pre-emphasis; 0 for none
    frame_seconds: float  # about how long a frame takes
    addresses: Addresses
    calls: Recent  # by the layout of arrays


def factorize(n: int) -> tuple[int, ...] | None:
    """Return the radices of a transform of n rows in the order of the passes; None if it has none.

    There are two at least: the last one is 1 if the first one is n. The order was the fastest, or
    within 3 % of it, of all orders with as few passes, at sizes from 256 to 4096.
    """
    order = [radix for radix in (13, 11) if n % radix == 0][:1]  # the first pass alone has them
    n //= order[0] if order else 1
    counts: dict[int, int] = {}
    for radix in (2, 7, 5, 3):
        counts[radix] = 0
        while n % radix == 0:
            counts[radix] += 1
            n //= radix
    twos = counts.pop(2)
    if not order and twos >= 4 and twos != 5:
        order, twos = [16], twos - 4
    # As many eights as leave no single two.
    fours = min(-twos % 3, twos // 2)
    eights, lonely = divmod(twos - 2 * fours, 3)
    order += [8] * eights + [4] * fours + [2] * lonely
    for radix, count in counts.items():
        order += [radix] * count
    if n > 1 or not order:
        return None
    return tuple(order) if len(order) > 1 else (*order, 1)


@lru_cache(maxsize=128)
def is_served(n_fft: int) -> bool:
    """Tell whether the vector transform serves a size; SciPy serves the others.

    With KAPRE_REF_FFT=scipy, SciPy serves all: to compare, and for those who distrust ours.
    """
    return not _SCIPY_SERVES_ALL and n_fft <= MAX_N_FFT and factorize(n_fft) is not None


def unit_roots(numerators: NDArray[Any], denominator: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return exp(-2 pi i a / b) as pairs of numbers, good to float64 and rounded from there."""
    cosines, sines = cos_sin_of_turns(numerators, denominator)
    return np.stack([cosines, -sines], axis=-1).astype(dtype)


def packed(radices: tuple[int, ...]) -> int:
    """Return the radices in one integer, five bits each, the first lowest."""
    return sum(radix << 5 * i for i, radix in enumerate(radices))


def offsets_of(sizes: Iterable[int]) -> tuple[list[int], int]:
    """Return where regions of some sizes start in scratch memory, and its size.

    The regions start at different places modulo 4096 bytes, so that what is read in one and written
    in another does not compete for the same few places of the L1 cache.
    """
    sizes = [-(-size // 4096) * 4096 + 5 * 64 for size in sizes]
    return [sum(sizes[:i]) for i in range(len(sizes))], sum(sizes)


def pass_twiddles(radices: tuple[int, ...], dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    """Return an array of twiddle factors for each pass but the first, in the order of use."""
    n, tables = radices[0], []
    for radix in radices[1:]:
        k, j = np.ogrid[1 : (n + 1) // 2, 1 : radix // 2 + 1]
        tables.append(unit_roots(k * j, n * radix, dtype).ravel())
        n *= radix
    return tables


def samples_of_rows(radices: tuple[int, ...]) -> NDArray[np.intp]:
    """Return which sample of a frame the first pass takes into each row, in the order of the rows.

    The last pass merges the transforms of R parts, and so do those before it, see `passes`.
    """
    samples = np.zeros(1, int)
    for radix in radices:
        j = np.arange(radix)[:, None]
        samples = (samples * radix + np.where(2 * j > radix, j - radix, j)).ravel()
        samples %= len(samples)
    return samples


@kept
def tables_of(front_end: FrontEnd, dtype: np.dtype[Any]) -> Tables:
    """Return the tables of a front end for one floating-point dtype."""
    radices = factorize(front_end.n_fft)
    assert radices is not None, "`is_served` tells before"
    pieces = _pieces_of(front_end, dtype)
    regions, scratch_bytes = scratch_layout(front_end, pieces, dtype)
    addresses = Addresses()
    frame_steps = _frame_steps(front_end, dtype, addresses)
    samples = samples_of_rows(radices)
    window = np.zeros(front_end.n_fft, dtype)
    window[: front_end.frame_length] = front_end.make_window() * front_end.input_scale
    if frame_steps.n:
        offsets = np.minimum(samples, front_end.frame_length) * vector_bytes()
    else:
        offsets = _offsets_in_pieces(samples, front_end, pieces, dtype)
    sizes = POWERS if front_end.power == 2 else ROOTS if front_end.power_offset else PLAIN
    numbers = FftPlan(
        n_fft=front_end.n_fft,
        n_freq=front_end.n_freq,
        radices=packed(radices),
        last_radix=radices[-1],
        hop_length=front_end.hop_length,
        pieces=pieces,
        frame_steps=frame_steps,
        regions=regions,
        offsets=addresses.of(offsets.astype(np.int32)),
        window=addresses.of(window[samples]),
        twiddles=addresses.of(np.concatenate(pass_twiddles(radices, dtype))),
        sizes=sizes,
        power=addresses.of(np.array([2 if sizes != PLAIN else 1], dtype)),
        power_offset=addresses.of(np.array([front_end.power_offset], dtype)),
        bands=band_table(front_end, dtype, addresses),
    )
    scale = scale_of(front_end, dtype, addresses)
    signal_factor = front_end.signal_factor
    return Tables(
        plan=addresses.of(record_array(numbers)),
        scratch_bytes=scratch_bytes,
        scale=scale,
        factor=addresses.of(np.array([signal_factor], dtype)) if signal_factor else 0,
        has_limit=scale.logarithm != 0 and front_end.dynamic_range is not None,
        frame_seconds=_STEP_SECONDS * front_end.n_fft * math.log2(front_end.n_fft),
        addresses=addresses,
        calls=Recent(),
    )


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
    lanes, vector, item = n_lanes(dtype), vector_bytes(), dtype.itemsize
    n_read = pieces.n_tiles * lanes  # of each piece
    overlap = front_end.hop_length < front_end.frame_length
    n_staged = pieces.n * (pieces.length if overlap else n_read) + n_read
    prepares = _prepares_frames(front_end)
    n_freq, n_bands = front_end.n_freq, front_end.n_bands
    sizes = Regions(
        samples=(n_read + 1) * pieces.row_bytes + vector,
        prepared=(front_end.frame_length + 1) * vector if prepares else 0,
        rows=2 * n_freq * vector,  # magnitudes and phases take more than n_fft
        values=(2 * n_freq + 2 * lanes) * vector,
        bands=((n_bands if front_end.bands is not None else 0) + lanes) * vector,
        strip=(STRIP_TILES * lanes + 1) * vector,
        stage=n_staged * item,
        before=n_staged * item if front_end.signal_factor else 0,
        peak=vector,
        plain=n_freq * vector,
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
