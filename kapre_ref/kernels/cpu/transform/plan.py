"""Tables of a transform: radices, twiddle factors, and where everything stands in memory."""

import os
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kapre_ref._kept import kept
from kapre_ref._roots import cos_sin_of_turns
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.output import STRIP_TILES
from kapre_ref.kernels.cpu.runtime.jit import Addresses


def _scipy_is_asked_for():
    choice = os.environ.get("KAPRE_REF_FFT") or "own"
    if choice not in ("own", "scipy"):
        raise ValueError(f"KAPRE_REF_FFT must be 'own' or 'scipy', got {choice!r}")
    return choice == "scipy"


_SCIPY_SERVES_ALL = _scipy_is_asked_for()
# Beyond, a block's scratch memory would exceed 16 MB.
MAX_N_FFT = 32768


class FftPlan(NamedTuple):
    """What a kernel must know of a transform: lengths, places in scratch memory, and tables.

    Lengths are in numbers unless they end in `_bytes`, places in bytes, tables are addresses.
    """

    n_fft: int
    n_freq: int
    radices: int  # five bits a pass, the first lowest
    last_radix: int
    hop_length: int
    piece_length: int  # samples of a piece of the signal
    n_pieces: int
    n_tiles: int  # vectors of samples read of each piece
    sample_row_bytes: int
    at_samples: int
    at_rows: int
    at_values: int
    at_bands: int
    at_strip: int
    at_stage: int
    at_peak: int
    at_plain: int
    offsets: int
    window: int
    twiddles: int
    n_bands: int
    bands: int
    band_weights: int


class Tables(NamedTuple):
    """A plan, the scratch memory it needs in bytes, and the owners of its addresses."""

    plan: FftPlan
    scratch_bytes: int
    addresses: Addresses


def factorize(n):
    """Return the radices of a transform of n rows in the order of the passes; None if it has none.

    There are two at least: the last one is 1 if the first one is n. The order was the fastest, or
    within 3 % of it, of all orders with as few passes, at sizes from 256 to 4096.
    """
    order = [radix for radix in (13, 11) if n % radix == 0][:1]  # the first pass alone has them
    n //= order[0] if order else 1
    counts = {}
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
def is_served(n_fft):
    """Tell whether the vector transform serves a size; SciPy serves the others.

    With KAPRE_REF_FFT=scipy, SciPy serves all: to compare, and for those who distrust ours.
    """
    return not _SCIPY_SERVES_ALL and n_fft <= MAX_N_FFT and factorize(n_fft) is not None


def unit_roots(numerators, denominator, dtype):
    """Return exp(-2 pi i a / b) as pairs of numbers, good to float64 and rounded from there."""
    cosines, sines = cos_sin_of_turns(numerators, denominator)
    return np.stack([cosines, -sines], axis=-1).astype(dtype)


def packed(radices):
    """Return the radices in one integer, five bits each, the first lowest."""
    return sum(radix << 5 * i for i, radix in enumerate(radices))


def places(sizes):
    """Return where regions of some sizes start in scratch memory, and its size.

    The regions start at different places modulo 4096 bytes, so that what is read in one and written
    in another does not compete for the same few places of the L1 cache.
    """
    sizes = [-(-size // 4096) * 4096 + 5 * 64 for size in sizes]
    return [sum(sizes[:i]) for i in range(len(sizes))], sum(sizes)


def pass_twiddles(radices, dtype):
    """Return an array of twiddle factors for each pass but the first, in the order of use."""
    n, tables = radices[0], []
    for radix in radices[1:]:
        k, j = np.ogrid[1 : (n + 1) // 2, 1 : radix // 2 + 1]
        tables.append(unit_roots(k * j, n * radix, dtype).ravel())
        n *= radix
    return tables


def samples_of_rows(radices):
    """Return which sample of a frame the first pass takes into each row, in the order of the rows.

    The last pass merges the transforms of R parts, and so do those before it, see `passes`.
    """
    samples = np.zeros(1, int)
    for radix in radices:
        j = np.arange(radix)[:, None]
        samples = (samples * radix + np.where(2 * j > radix, j - radix, j)).ravel()
        samples %= len(samples)
    return samples


def _band_table(bands):
    """Return each band's first bin and their number, and the weights of all bands in one array."""
    # An empty band takes one bin times 0, so that NaN gets into it as into the others.
    is_empty = bands.counts == 0
    table = np.stack([bands.firsts, bands.counts + is_empty], axis=1).astype(np.int32)
    ends = np.cumsum(bands.counts)
    return table, np.insert(bands.weights, ends[is_empty], 0)


@kept
def tables_of(plan, dtype):
    """Return the tables of a SpectrumPlan for one floating-point dtype."""
    lanes, item = n_lanes(dtype), dtype.itemsize
    n_fft, n_freq = plan.n_fft, plan.n_fft // 2 + 1
    radices = factorize(n_fft)
    window = np.zeros(n_fft, dtype)
    n_used = min(plan.win_length, n_fft)
    window[:n_used] = plan.window()

    # The rows of pieces, and after them a row of zeros.
    piece_length = min(plan.hop_length, n_used)
    in_group = 16 // item
    n_shifts = (n_used - 1) // piece_length
    n_pieces = -(-(lanes + n_shifts) // in_group) * in_group
    n_tiles = -(-piece_length // lanes)
    sample_row_bytes = n_pieces * item
    n_sample_rows = n_tiles * lanes

    samples = samples_of_rows(radices)
    offsets = samples % piece_length * sample_row_bytes + samples // piece_length * item
    offsets[samples >= n_used] = n_sample_rows * sample_row_bytes
    arrays = [
        offsets.astype(np.int32),
        window[samples],
        np.concatenate(pass_twiddles(radices, dtype)),
    ]
    if plan.make_bands is not None:
        arrays += _band_table(plan.make_bands(dtype))
    n_bands = plan.n_bands or 0

    overlap = plan.hop_length < n_used
    n_staged = n_pieces * (piece_length if overlap else n_tiles * lanes) + n_tiles * lanes
    sizes = [
        (n_sample_rows + 1) * sample_row_bytes + vector_bytes(),
        2 * n_freq * vector_bytes(),  # magnitudes and phases take more than n_fft
        (2 * n_freq + 2 * lanes) * vector_bytes(),
        (n_bands + lanes) * vector_bytes(),
        (STRIP_TILES * lanes + 1) * vector_bytes(),
        n_staged * item,
        vector_bytes(),
        n_freq * vector_bytes(),  # magnitudes, while those of some frames are made once more
    ]
    starts, n_bytes = places(sizes)
    held = Addresses()
    addresses = [held.of(array) for array in arrays] + [0, 0]
    numbers = FftPlan(
        n_fft,
        n_freq,
        packed(radices),
        radices[-1],
        plan.hop_length,
        piece_length,
        n_pieces,
        n_tiles,
        sample_row_bytes,
        *starts,
        *addresses[:3],
        n_bands,
        *addresses[3:5],
    )
    return Tables(numbers, n_bytes, held)
