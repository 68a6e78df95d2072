"""Tables of a transform: radices, twiddle factors, and where everything stands in memory."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.core import config

from kapre_ref.kernels.cpu.butterflies import PI
from kapre_ref.kernels.cpu.output import STRIP_TILES
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
    offsets: int
    window: int
    twiddles: int
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

    This order was the fastest, or near it, of all orders of sizes from 128 to 2048.
    """
    radices = []
    for radix in (7, 5, 3, 2):
        while n % radix == 0:
            radices.append(radix)
            n //= radix
    twos = radices.count(2)
    fours = {0: 0, 1: 2 if twos > 1 else 0, 2: 1}[twos % 3]
    powers = [2] * (twos == 1) + [4] * fours, [8] * ((twos - 2 * fours) // 3)
    others = {radix: [radix] * radices.count(radix) for radix in (3, 5, 7)}
    order = powers[0] + others[3] + powers[1] + others[5] + others[7]
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


def _pairs(n, radices, n_sets, row_bytes):
    """List Z[k] and Z[n - k] in the order in which blocks j and R - j of the first pass end."""
    rows = row_of_frequency(n, radices)
    first, block = radices[0], n // radices[0]
    ks = [first * np.arange(block // 2 + 1)]
    for j in range(1, first // 2 + 1):
        count = (block + 1) // 2 if 2 * j == first else block
        ks.append(j + first * np.arange(count))
    k = np.concatenate(ks)
    if n_sets == 2:  # bin k of the one frame, and of the other one after all bins of the first
        k = np.minimum(k, n - k)
        targets = k, k + n // 2 + 1
    else:
        targets = k, n - k
    table = np.stack([rows[k] * row_bytes, rows[(n - k) % n] * row_bytes, *targets], axis=1)
    return table.astype(np.int32), k


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
    pairs, k = _pairs(n_rows, radices, n_sets, 2 * vector_bytes())
    arrays = [
        offsets[order].astype(np.int32),
        np.ascontiguousarray(weights[order]),
        pass_twiddles(n_rows, radices, dtype),
        pairs,
        unit_roots(k, plan.n_fft, dtype),
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
        *addresses[:5],
        n_bands,
        *addresses[5:7],
    )
    return Tables(numbers, n_bytes, tuple(arrays))
