"""Tables of a transform: radices, twiddle factors, and where everything stands in memory."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.core import config

from kapre_ref.kernels.cpu.butterflies import PI
from kapre_ref.kernels.cpu.output import STRIP_TILES
from kapre_ref.kernels.cpu.splitting import FUSED
from kapre_ref.kernels.cpu.vector import n_lanes, vector_bytes

# Beyond, a block's scratch memory would exceed 16 MB.
MAX_N_FFT = 32768


class FftPlan(NamedTuple):
    """What a kernel must know of a transform: lengths, places in scratch memory, and tables.

    Lengths are in numbers unless they end in `_bytes`, places in bytes, tables are addresses.
    """

    n_freq: int
    n_sets: int  # frames in a lane: 2, as real and imaginary parts, if n_fft is odd
    n_rows: int  # complex rows of the transform: n_fft, or half of it if it is even
    radices: int  # four bits a pass, the first lowest
    hop_length: int
    piece_length: int  # samples of a piece of the signal
    n_pieces: int
    n_tiles: int  # vectors of samples read of each piece
    n_used: int  # samples of a frame that count
    tail: int  # where the last sample stands if its neighbour is outside, else -1
    sample_row_bytes: int
    pair_bytes: int  # from where a real part stands to its imaginary part
    at_samples: int
    at_rows: int
    at_values: int
    at_bands: int
    at_strip: int
    at_stage: int
    at_peak: int
    last_radix: int  # of the pass that splits what it gives; 1 if no pass does
    group_stride: int  # n_rows over the last radix
    middle: int  # where the middle group stands, which mirrors itself as the first one does, or -1
    n_pairs: int
    n_unfused: int  # pairs of rows that no pass splits, which come first
    offsets: int
    window: int
    twiddles: int
    groups: int
    group_twiddles: int
    pairs: int
    split_twiddles: int
    n_bands: int
    bands: int
    band_weights: int


class Tables(NamedTuple):
    """A plan, the scratch memory it needs in bytes, and the arrays that its addresses are of."""

    plan: FftPlan
    scratch_bytes: int
    arrays: tuple


def factorize(n):
    """Return the radices of a transform of n rows in the order of the passes; None if it has none.

    This order was the fastest, or within 3 % of it, of all orders of sizes from 64 to 8192.
    """
    counts = {}
    for radix in (2, 7, 3, 5):
        counts[radix] = 0
        while n % radix == 0:
            counts[radix] += 1
            n //= radix
    twos = counts.pop(2)
    # As many eights as leave no single two.
    fours = min(-twos % 3, twos // 2)
    eights, lonely = divmod(twos - 2 * fours, 3)
    order = [8] * eights + [4] * fours + [2] * lonely
    for radix, count in counts.items():
        order += [radix] * count
    return tuple(order) if n == 1 and order else None


@lru_cache(maxsize=128)
def is_served(n_fft):
    """Tell whether the vector transform serves a size; SciPy serves the others.

    Without a compiler (NUMBA_DISABLE_JIT=1) SciPy serves all: there are no vectors to emit.
    """
    n_rows = n_fft if n_fft % 2 else n_fft // 2
    if config.DISABLE_JIT or 2 * n_rows > MAX_N_FFT:
        return False
    return factorize(n_rows) is not None


def unit_roots(numerators, denominator, dtype):
    """Return exp(-2 pi i a / b) as pairs of numbers, computed in long double and rounded once."""
    angles = -2 * PI * (numerators % denominator).astype(np.longdouble) / denominator
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(dtype)


def packed(radices):
    """Return the radices in one integer, four bits each, the first lowest."""
    return sum(radix << 4 * i for i, radix in enumerate(radices))


def places(sizes):
    """Return where regions of some sizes start in scratch memory, and its size.

    The regions start at different places modulo 4096 bytes, so that what is read in one and written
    in another does not compete for the same few places of the L1 cache.
    """
    sizes = [-(-size // 4096) * 4096 + 5 * 64 for size in sizes]
    return [sum(sizes[:i]) for i in range(len(sizes))], sum(sizes)


def pass_twiddles(n, radices, dtype):
    """Return the twiddle factors of all passes in the order in which they are used."""
    tables = []
    for radix in radices:
        block = n // radix
        i, q = np.ogrid[:block, 1:radix]
        tables.append(unit_roots(i * q, n, dtype).ravel())
        n = block
    return np.concatenate(tables)


def row_of_frequency(n, radices):
    """Return the row where each frequency ends up: its mixed-radix digits, reversed.

    The blocks of the first pass stand one row further apart than they are long: were they a power
    of two apart, their rows would compete for the same few places of the L1 cache.
    """
    frequency = np.arange(n)
    block = n // radices[0]
    rows = frequency % radices[0] * (block + 1)
    frequency = frequency // radices[0]
    for radix in radices[1:]:
        block //= radix
        rows += frequency % radix * block
        frequency //= radix
    return rows


def _mirrors(n_fft, n_rows, radices, dtype):
    """Return what says which rows make a bin and its mirror image, and the tables of it.

    These are `last_radix` to `n_unfused` of a plan, and `groups` to `split_twiddles`.
    """
    n_sets, row_bytes = 1 + n_fft % 2, 2 * vector_bytes()
    last = 1
    if n_sets == 1 and len(radices) > 1 and radices[-1] in FUSED:
        last = radices[-1]
    stride = n_rows // last
    groups, group_k = _groups(n_rows, radices, last, row_bytes)
    pairs, k, n_unfused = _pairs(n_rows, radices, n_sets, stride, row_bytes)
    if last == 1:
        n_unfused = len(pairs)
    middle = -1
    if stride % 2 == 0:
        middle = int(row_of_frequency(n_rows, radices)[stride // 2]) * row_bytes
    group_bins = group_k[:, None] + stride * np.arange(last)
    tables = [
        groups,
        unit_roots(group_bins, n_fft, dtype),
        pairs,
        unit_roots(k, n_fft, dtype),
    ]
    return (last, stride, middle, len(pairs), n_unfused), tables


def _groups(n, radices, last, row_bytes):
    """List pairs of groups of rows that the last pass takes, in the order in which blocks end.

    Blocks j and R - j of the first pass hold the groups that mirror each other. Groups that mirror
    themselves are left out.
    """
    stride, first = n // last, radices[0]
    rows = row_of_frequency(n, radices)
    ks = []
    for j in range(first // 2 + 1):
        k = np.arange(j, stride, first)
        if 2 * j % first == 0:  # mirrored within the block
            k = k[(k > 0) & (2 * k < stride)]
        ks.append(k)
    k = np.concatenate(ks)
    places = rows[k] * row_bytes, rows[(stride - k) % n] * row_bytes
    return np.stack([*places, k, stride - k], axis=1).astype(np.int32), k


def _pairs(n, radices, n_sets, group_stride, row_bytes):
    """List Z[k] and Z[n - k], first those in groups that mirror themselves."""
    rows = row_of_frequency(n, radices)
    k = np.arange(n // 2 + 1)
    is_self_mirrored = 2 * k % group_stride == 0
    k = np.concatenate([k[is_self_mirrored], k[~is_self_mirrored]])
    # Of two frames: bin k of the one, and of the other one after all bins of the first.
    targets = (k, n - k) if n_sets == 1 else (k, k + n // 2 + 1)
    table = np.stack([rows[k] * row_bytes, rows[(n - k) % n] * row_bytes, *targets], axis=1)
    return table.astype(np.int32), k, np.count_nonzero(is_self_mirrored)


def _sparse_bands(filterbank, dtype):
    """Return each band's first bin and their number, and the weights of all bands in one array."""
    weights = filterbank.T.astype(dtype)
    table, parts = np.zeros((len(weights), 2), np.int32), []
    for band, row in zip(table, weights, strict=True):
        bins = np.flatnonzero(row)
        # An empty band takes one bin times 0, so that NaN gets into it as into the others.
        first, last = (bins[0], bins[-1]) if len(bins) else (0, 0)
        band[:] = first, last + 1 - first
        parts.append(row[first : last + 1])
    return table, np.concatenate(parts)


@lru_cache(maxsize=128)
def tables_of(plan, dtype):
    """Return the tables of a SpectrumPlan for one floating-point dtype."""
    lanes, item = n_lanes(dtype), dtype.itemsize
    n_sets = 1 + plan.n_fft % 2
    n_rows = plan.n_fft * n_sets // 2
    radices = factorize(n_rows)
    window = np.zeros(plan.n_fft, dtype)
    n_used = min(plan.win_length, plan.n_fft)
    window[:n_used] = plan.window[:n_used] / 2  # the half of the split into even and odd

    # The rows of pieces, and after them a pair of zeros and the last sample with a zero.
    piece_length = min(plan.hop_length, n_used)
    in_group = 16 // item
    n_shifts = (n_used - 1) // piece_length
    n_pieces = -(-(lanes * n_sets + n_shifts) // in_group) * in_group
    n_tiles = -(-(piece_length + 1) // lanes)
    sample_row_bytes = n_pieces * item
    n_sample_rows = n_tiles * lanes

    first = np.arange(0, plan.n_fft, 3 - n_sets)
    offsets = first % piece_length * sample_row_bytes + first // piece_length * item
    offsets[first >= n_used] = n_sample_rows * sample_row_bytes
    tail = -1
    if n_sets == 1 and n_used % 2:
        tail = int(offsets[n_used // 2])
        offsets[n_used // 2] = (n_sample_rows + 2) * sample_row_bytes
    order = np.arange(n_rows).reshape(radices[0], -1).T.ravel()  # as the first pass uses them

    weights = window.reshape(-1, 2) if n_sets == 1 else np.stack([window, window], axis=1)
    mirrors, mirror_tables = _mirrors(plan.n_fft, n_rows, radices, dtype)
    arrays = [
        offsets[order].astype(np.int32),
        np.ascontiguousarray(weights[order]),
        pass_twiddles(n_rows, radices, dtype),
        *mirror_tables,
    ]
    n_bands = 0
    if plan.filterbank is not None:
        n_bands = plan.filterbank.shape[1]
        arrays += _sparse_bands(plan.filterbank, dtype)

    overlap = plan.hop_length < n_used
    n_staged = n_pieces * (piece_length if overlap else n_tiles * lanes) + n_tiles * lanes
    sizes = [
        (n_sample_rows + 4) * sample_row_bytes + vector_bytes(),
        (n_rows + radices[0]) * 2 * vector_bytes(),
        (2 * plan.n_freq * n_sets + lanes) * vector_bytes(),
        (n_bands + lanes) * vector_bytes(),
        (STRIP_TILES * lanes + 1) * vector_bytes(),
        n_staged * item,
        vector_bytes(),
    ]
    starts, n_bytes = places(sizes)
    addresses = [array.ctypes.data for array in arrays] + [0, 0]
    numbers = FftPlan(
        plan.n_freq,
        n_sets,
        n_rows,
        packed(radices),
        plan.hop_length,
        piece_length,
        n_pieces,
        n_tiles,
        n_used,
        tail,
        sample_row_bytes,
        sample_row_bytes if n_sets == 1 else vector_bytes(),
        *starts,
        *mirrors,
        *addresses[:7],
        n_bands,
        *addresses[7:9],
    )
    return Tables(numbers, n_bytes, tuple(arrays))
