"""The inverse: blocks of spectra transformed back side by side, and overlapping frames added up.

The transform back is the one forward with real and imaginary parts exchanged before and after.
Frames are added in their order, so a sample's bits do not depend on where a thread's share begins.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.butterflies import Complex
from kapre_ref.kernels.cpu.fft_plan import (
    factorize,
    packed,
    pass_twiddles,
    places,
    row_of_frequency,
    unit_roots,
)
from kapre_ref.kernels.cpu.gather import copy_numbers, fill_zeros, transpose_pieces
from kapre_ref.kernels.cpu.jit import kernel
from kapre_ref.kernels.cpu.output import STRIP_TILES, copy_rows, turn_strip
from kapre_ref.kernels.cpu.passes import load_row, store_row
from kapre_ref.kernels.cpu.pool import run_slices
from kapre_ref.kernels.cpu.scratch import scratch_address
from kapre_ref.kernels.cpu.transform import inner_pass, inner_passes
from kapre_ref.kernels.cpu.vector import n_lanes, vector_bytes, vector_function

_STEP_SECONDS = 6e-11  # for each sample of a frame and halving of the transform


class InversePlan(NamedTuple):
    """What the kernel must know of a transform; as in `fft_plan.FftPlan`."""

    n_freq: int
    n_rows: int
    radices: int
    twiddles: int
    pairs: int
    merge_twiddles: int
    order: int
    at_values: int
    at_rows: int
    at_frames: int
    at_stage: int
    at_total: int


class InverseJob(NamedTuple):
    """One call: where arrays lie, strides in bytes."""

    spectra: int
    spectra_strides: tuple  # of batch, channel, frame and frequency
    out: int
    out_strides: tuple  # of batch, channel and time
    n_channels: int
    n_frames: int
    hop_length: int
    window: int
    n_used: int  # samples of a frame that count


@vector_function
def merge_pairs(emitter, values, pairs, twiddles, n_pairs, rows):
    """Make of a real signal's spectrum X that of its even + i odd samples, Z, parts exchanged.

    Z[k] = E + i O and Z[M - k] = conj(E) + i conj(O), with E = X[k] + conj X[M - k] and
    O = w^-k (X[k] - conj X[M - k]); the window carries the factor 1/2.
    """
    with emitter.loop(n_pairs) as i:
        k_a, k_b, at_a, at_b = (emitter.load_index(pairs + i * 16 + 4 * c) for c in range(4))
        a = load_row(emitter, values + k_a * (2 * emitter.bytes))
        b = load_row(emitter, values + k_b * (2 * emitter.bytes))
        factor = twiddles + i * (2 * emitter.itemsize)
        w = Complex(emitter.broadcast(factor), emitter.broadcast(factor + emitter.itemsize))
        even = Complex(a.re + b.re, a.im - b.im)
        odd = Complex(a.re - b.re, a.im + b.im)
        # odd times the conjugate of w, in sums that take a product in one instruction.
        z_a = Complex(
            even.re - odd.im * w.re + odd.re * w.im, even.im + odd.re * w.re + odd.im * w.im
        )
        z_b = Complex(
            even.re + odd.im * w.re - odd.re * w.im, odd.re * w.re + odd.im * w.im - even.im
        )
        store_row(emitter, Complex(z_a.im, z_a.re), rows + at_a)
        store_row(emitter, Complex(z_b.im, z_b.re), rows + at_b)


@vector_function
def window_rows(emitter, rows, order, window, n_rows, values):
    """Write the samples in their order, a vector each, times the window."""
    with emitter.loop(n_rows) as i:
        row = load_row(emitter, rows + emitter.load_index(order + i * 4))
        weights = window + i * (2 * emitter.itemsize)
        place = values + i * (2 * emitter.bytes)
        emitter.store(row.im * emitter.broadcast(weights), place)
        second = row.re * emitter.broadcast(weights + emitter.itemsize)
        emitter.store(second, place + emitter.bytes)


@vector_function
def clear_vector(emitter, target):
    """Write a vector of zeros."""
    emitter.store(emitter.constant(0), target)


@vector_function
def add_frame(emitter, total, hop_bytes, frame, n):
    """Move a sum of frames by a hop and add the next frame, of n samples; zeros come after them."""
    n_vectors = n // emitter.lanes
    with emitter.loop(n_vectors) as i:
        at = i * emitter.bytes
        emitter.store(emitter.load(total + hop_bytes + at) + emitter.load(frame + at), total + at)
    at = n_vectors * emitter.bytes
    last = emitter.load(total + hop_bytes + at) + emitter.load(frame + at)
    emitter.store_first(last, total + at, n - n_vectors * emitter.lanes)


@kernel
def write_signals(unit, lanes, item, plan, job, scratch, first_block, last_block):
    """Serve the samples from the first frame of some blocks on to that of the next ones."""
    vector = lanes * item
    values, rows = scratch + plan.at_values, scratch + plan.at_rows
    frames, stage = scratch + plan.at_frames, scratch + plan.at_stage
    total = scratch + plan.at_total
    n_numbers = 2 * plan.n_freq
    n_tiles = n_numbers // lanes
    rest = n_numbers - n_tiles * lanes
    stage_row = (n_tiles + 1) * vector
    radix = plan.radices & 15
    block_rows = plan.n_rows // radix
    block_stride = (block_rows + 1) * 2 * vector
    n_frame_tiles = -(-job.n_used // lanes)
    frame_row = (n_frame_tiles + 1) * vector
    shift = min(job.hop_length, job.n_used)
    n_overlaps = -(-job.n_used // job.hop_length) - 1
    blocks_of_channel = -(-job.n_frames // lanes)
    is_contiguous = job.spectra_strides[3] == 2 * item
    block = first_block
    while block < last_block:
        number = block // blocks_of_channel
        batch = number // job.n_channels
        channel = number - batch * job.n_channels
        source = job.spectra + batch * job.spectra_strides[0] + channel * job.spectra_strides[1]
        target = job.out + batch * job.out_strides[0] + channel * job.out_strides[1]
        first_frame = (block - number * blocks_of_channel) * lanes
        stop = min(last_block, (number + 1) * blocks_of_channel)
        stop_frame = min((stop - number * blocks_of_channel) * lanes, job.n_frames)
        block = stop
        # Frames before the first one reach into its samples; their own are another share's.
        frame = max(first_frame - n_overlaps, 0)
        fill_zeros(unit, total, 2 * job.n_used + 2 * lanes)
        while frame < stop_frame:
            n_frames = min(lanes, stop_frame - frame)
            spectra = source + frame * job.spectra_strides[2]
            stride = job.spectra_strides[2]
            n_straight = n_tiles
            if not is_contiguous or n_frames < lanes:
                n_straight = 0
            # What is not copied straight: all of strided or of few frames, else the last numbers.
            for i in range(n_frames):
                for part in range(2):
                    copy_numbers(
                        unit,
                        spectra
                        + i * stride
                        + n_straight * lanes // 2 * job.spectra_strides[3]
                        + part * item,
                        job.spectra_strides[3],
                        stage + i * stage_row + part * item,
                        2 * item,
                        plan.n_freq - n_straight * lanes // 2,
                    )
            if n_straight:
                transpose_pieces(unit, spectra, stride, lanes, n_straight, values, vector)
            transpose_pieces(
                unit,
                stage,
                stage_row,
                lanes,
                n_tiles - n_straight + (rest > 0),
                values + n_straight * lanes * vector,
                vector,
            )
            # The imaginary parts of the first and last bin do not count.
            clear_vector(unit, values + vector)
            clear_vector(unit, values + (n_numbers - 1) * vector)
            n_pairs = plan.n_rows // 2 + 1
            merge_pairs(unit, values, plan.pairs, plan.merge_twiddles, n_pairs, rows)

            inner_pass(unit, radix, rows, 1, block_rows, block_stride, plan.twiddles)
            twiddles = plan.twiddles + block_rows * (radix - 1) * 2 * item
            for j in range(radix):
                inner_passes(
                    unit,
                    plan.radices >> 4,
                    item,
                    rows + j * block_stride,
                    block_rows,
                    2 * vector,
                    twiddles,
                )

            window_rows(unit, rows, plan.order, job.window, -(-job.n_used // 2), values)
            done = 0
            while done < n_frame_tiles:
                count = min(STRIP_TILES, n_frame_tiles - done)
                turn_strip(
                    unit, values + done * lanes * vector, count, frames + done * vector, frame_row
                )
                done += count

            for i in range(n_frames):
                add_frame(unit, total, shift * item, frames + i * frame_row, job.n_used)
                if frame + i >= first_frame:
                    n = shift
                    if frame + i == job.n_frames - 1:
                        n = job.n_used
                    place = target + (frame + i) * job.hop_length * job.out_strides[2]
                    if job.out_strides[2] == item:
                        copy_rows(unit, total, 0, 1, n, place, 0)
                    else:
                        copy_numbers(unit, total, item, place, job.out_strides[2], n)
            frame += n_frames


@lru_cache(maxsize=128)
def _tables_of(n_fft, dtype):
    """Return the plan of an inverse, the scratch memory it needs, and the arrays of its tables."""
    lanes, vector = n_lanes(dtype), vector_bytes()
    n_rows, n_freq = n_fft // 2, n_fft // 2 + 1
    radices = factorize(n_rows)
    block = n_rows // radices[0]
    k = np.arange(n_rows // 2 + 1)
    mirrored = n_rows - k
    row_bytes = 2 * vector
    at = [n % n_rows + n % n_rows // block for n in (k, mirrored)]  # blocks a row further apart
    arrays = [
        pass_twiddles(n_rows, radices, dtype),
        np.stack([k, mirrored, *(row_bytes * row for row in at)], axis=1).astype(np.int32),
        unit_roots(k, n_fft, dtype),
        (row_bytes * row_of_frequency(n_rows, radices)).astype(np.int32),
    ]
    n_numbers = (2 * n_freq // lanes + 2) * lanes
    starts, n_bytes = places(
        [
            n_numbers * vector,
            (n_rows + radices[0]) * row_bytes,
            (n_fft + 2 * lanes) * vector,
            n_numbers * vector,
            (2 * n_fft + 4 * lanes) * dtype.itemsize,
        ]
    )
    addresses = [array.ctypes.data for array in arrays]
    plan = InversePlan(n_freq, n_rows, packed(radices), *addresses, *starts)
    return plan, n_bytes, arrays


def fill_signals(spectra, n_fft, hop_length, window, out):
    """Transform complex spectra back and add their frames up in `out`."""
    n_used = min(len(window), n_fft)
    if hop_length > n_used or len(window) > n_fft:
        out[...] = 0  # no frame reaches some samples
    if not spectra.size:
        out[...] = 0
        return
    dtype = out.dtype
    lanes, item = n_lanes(dtype), dtype.itemsize
    plan, n_bytes, _ = _tables_of(n_fft, dtype)
    weights = np.zeros(n_fft + 1, dtype)
    weights[:n_used] = window[:n_used] / n_fft
    batch, n_channels, n_frames, _ = spectra.shape
    job = InverseJob(
        spectra.ctypes.data,
        spectra.strides,
        out.ctypes.data,
        out.strides,
        n_channels,
        n_frames,
        hop_length,
        weights.ctypes.data,
        n_used,
    )
    unit = dtype.type(1)

    def run(start, stop):
        scratch = scratch_address(n_bytes)
        write_signals(unit, lanes, item, plan, job, scratch, start, stop)

    n_blocks = batch * n_channels * -(-n_frames // lanes)
    run_slices(run, n_blocks, n_blocks * lanes * _STEP_SECONDS * n_fft * np.log2(n_fft))
