"""The inverse: blocks of spectra transformed back side by side, and overlapping frames added up.

Overlapping frames are added before they are turned into rows: there is so much less to turn. Blocks
are the same wherever a thread's share begins, and so are the order of all sums and their bits.
"""

from typing import NamedTuple

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.emit.copies import copy_numbers, fill_zeros
from kapre_ref.kernels.cpu.emit.gather import transpose_pieces
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.inverse_passes import (
    add_four_overlapping,
    add_many_overlapping,
    add_overlapping,
    undo_first_pass,
    undo_inner_pass,
    undo_last_pass,
)
from kapre_ref.kernels.cpu.emit.output import STRIP_TILES
from kapre_ref.kernels.cpu.runtime.jit import Addresses, address_kernel, inlined
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_address
from kapre_ref.kernels.cpu.transform.forward import write_rows
from kapre_ref.kernels.cpu.transform.plan import (
    factorize,
    packed,
    pass_twiddles,
    places,
    samples_of_rows,
)

_MANY = 16  # planes of terms, whose rounding errors are summed too if there are more
_STEP_SECONDS = 6e-11  # for each sample of a frame and halving of the transform


class InversePlan(NamedTuple):
    """What the kernel must know of a transform; as in `fft_plan.FftPlan`."""

    n_fft: int
    n_freq: int
    radices: int  # the last pass forward is the first one back
    twiddles: int
    order: int  # in which row, in bytes, each sample comes out
    at_values: int
    at_rows: int
    at_stage: int
    at_pieces: int
    at_strip: int
    lost: int  # bytes from the pieces to what their sums lose; see `add_many_overlapping`


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


@address_kernel
def write_signals(unit, lanes, item, plan, job, scratch, first_block, last_block):
    """Serve the pieces of the signals from the first frame of some blocks to that of the next."""
    vector = lanes * item
    values, rows = scratch + plan.at_values, scratch + plan.at_rows
    stage, strip = scratch + plan.at_stage, scratch + plan.at_strip
    pieces = scratch + plan.at_pieces
    piece_length = min(job.hop_length, job.n_used)
    n_overlaps = -(-job.n_used // job.hop_length) - 1
    last_length = job.n_used - n_overlaps * piece_length
    plane = piece_length * vector
    piece_stride = job.hop_length * job.out_strides[2]
    blocks_of_channel = -(-job.n_frames // lanes)
    block = first_block
    while block < last_block:
        number = block // blocks_of_channel
        batch = number // job.n_channels
        channel = number - batch * job.n_channels
        source = job.spectra + batch * job.spectra_strides[0] + channel * job.spectra_strides[1]
        target = job.out + batch * job.out_strides[0] + channel * job.out_strides[1]
        start = block - number * blocks_of_channel
        block = min(last_block, (number + 1) * blocks_of_channel)
        stop = block - number * blocks_of_channel
        n_pieces = job.n_frames + n_overlaps
        if stop == blocks_of_channel:
            stop = -(-n_pieces // lanes)  # the last frames may reach into a block without any
        # Blocks before the first one reach into its pieces; their own are another share's.
        first = max(start - -(-n_overlaps // lanes), 0)
        n_planes = 1 + -(-(n_overlaps + 1) // lanes)
        fill_zeros(unit, pieces, n_planes * piece_length * lanes)
        if n_overlaps >= _MANY * lanes:
            fill_zeros(unit, pieces + plan.lost, n_planes * piece_length * lanes)
        for i in range(first, stop):
            n_frames = min(max(job.n_frames - i * lanes, 0), lanes)
            if n_frames:
                spectra = source + i * lanes * job.spectra_strides[2]
                gather_spectra(unit, lanes, item, plan, job, spectra, n_frames, values, stage)
                ahead = spectra + lanes * job.spectra_strides[2]
                transform_back(unit, item, plan, values, vector, rows, ahead)
            else:
                fill_zeros(unit, rows, plan.n_fft * lanes)

            place = target + i * lanes * piece_stride
            # The earliest frame of a piece ends within it: the samples after that have a term less.
            for part in range(2):
                at = part * last_length
                add_pieces(
                    unit,
                    lanes,
                    rows,
                    plan.order + at * 4,
                    job.window + at * item,
                    piece_length,
                    n_overlaps + 1 - part,
                    last_length + part * (piece_length - 2 * last_length),
                    pieces + at * vector,
                    plane,
                    plan.lost,
                    place + at * vector,
                )

            # All pieces are of one length, but for the last one of a channel.
            n_whole = min(lanes, n_pieces - 1 - i * lanes)
            n_parts = 0
            if i >= start:
                n_parts = 1 + (n_whole < lanes)
            for part in range(n_parts):
                at, n, length = 0, n_whole, piece_length
                if part == 1:
                    at, n, length = n_whole, 1, last_length
                write_rows(
                    unit,
                    lanes,
                    item,
                    pieces + at * item,
                    length,
                    1,
                    strip,
                    n,
                    place + at * piece_stride,
                    piece_stride,
                    job.out_strides[2],
                )


@inlined
def add_pieces(unit, lanes, rows, order, window, hop, n_terms, n, pieces, plane, lost, ahead):
    """Choose how to add up: as many terms as there are lanes reach the next plane at most."""
    if n_terms == 4 and lanes >= 4:
        add_four_overlapping(unit, rows, order, window, hop, n, pieces, plane, ahead)
    elif n_terms > _MANY * lanes:
        add_many_overlapping(unit, rows, order, window, hop, n_terms, n, pieces, plane, lost, ahead)
    else:
        add_overlapping(unit, rows, order, window, hop, n_terms, n, pieces, plane, ahead)


@inlined
def gather_spectra(unit, lanes, item, plan, job, spectra, n_frames, values, stage):
    """Transpose a block's spectra, from where they are if they are contiguous and all there."""
    vector = lanes * item
    n_numbers = 2 * plan.n_freq
    n_tiles = n_numbers // lanes
    stage_row = (n_tiles + 1) * vector
    stride, value_stride = job.spectra_strides[2], job.spectra_strides[3]
    n_straight = n_tiles
    if value_stride != 2 * item or n_frames < lanes:
        n_straight = 0
    # What is not copied straight: all of strided or of few frames, else the last numbers.
    first_value = n_straight * lanes // 2
    n_left = plan.n_freq - first_value
    for i in range(n_frames):
        for part in range(2):
            copy_numbers(
                unit,
                spectra + i * stride + first_value * value_stride + part * item,
                value_stride,
                stage + i * stage_row + part * item,
                2 * item,
                n_left,
            )
    # Lanes without a frame are zeros: their sums reach the last pieces.
    for i in range(n_frames, lanes):
        fill_zeros(unit, stage + i * stage_row, n_numbers)
    if n_straight:
        transpose_pieces(unit, spectra, stride, lanes, n_straight, values, vector)
    done = n_straight * lanes * vector
    n_staged = -(-2 * n_left // lanes)
    transpose_pieces(unit, stage, stage_row, lanes, n_staged, values + done, vector)


@inlined
def transform_back(unit, item, plan, values, vector, rows, ahead):
    """Transform spectra to samples: one pass over all rows, then one part of them after the other.

    The imaginary parts of the first bin, and of the one that is its own mirror image, do not count.
    """
    radix = plan.radices & 31
    n_part = plan.n_fft // radix
    undo_last_pass(unit, radix, values, rows, n_part, plan.twiddles)
    first_twiddles = plan.twiddles + (n_part - 1) // 2 * (radix // 2) * 2 * item
    for j in range(radix):
        part, n = rows + j * n_part * vector, n_part
        radices, twiddles = plan.radices >> 5, first_twiddles
        while n > radices & 31:
            inner_radix = radices & 31
            n //= inner_radix
            undo_inner_pass(unit, inner_radix, part, n_part // (n * inner_radix), n, twiddles)
            twiddles += (n - 1) // 2 * (inner_radix // 2) * 2 * item
            radices >>= 5
        undo_first_pass(unit, n, part, n_part // n, ahead + j * n_part * vector)


@kept
def _tables_of(n_fft, dtype):
    """Return the plan of an inverse, the scratch memory it needs, and its addresses' owners."""
    lanes, vector = n_lanes(dtype), vector_bytes()
    n_freq = n_fft // 2 + 1
    radices = factorize(n_fft)
    arrays = [
        np.concatenate(pass_twiddles(radices, dtype)[::-1]),
        (np.argsort(samples_of_rows(radices)) * vector).astype(np.int32),
    ]
    n_numbers = (2 * n_freq // lanes + 2) * lanes
    starts, n_bytes = places(
        [
            n_numbers * vector,
            n_fft * vector,
            n_numbers * vector,
            # Two planes are of at most n_fft vectors, all others together of n_fft / lanes.
            (2 * n_fft + n_fft // lanes + lanes) * vector,
            (STRIP_TILES * lanes + 1) * vector,
            2 * n_fft // lanes * vector,  # for planes of a sixteenth of a frame at most
        ]
    )
    *starts, lost = starts
    addresses = Addresses()
    tables = [addresses.of(array) for array in arrays]
    lost -= starts[3]
    plan = InversePlan(n_fft, n_freq, packed(radices[::-1]), *tables, *starts, lost)
    return plan, n_bytes, addresses


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
    plan, n_bytes, of_tables = _tables_of(n_fft, dtype)
    addresses = Addresses(of_tables)
    weights = np.zeros(n_fft + 1, dtype)
    weights[:n_used] = window[:n_used] * (2 / n_fft)  # see `inverse_passes`
    batch, n_channels, n_frames, _ = spectra.shape
    job = InverseJob(
        spectra=addresses.of(spectra),
        spectra_strides=spectra.strides,
        out=addresses.of(out),
        out_strides=out.strides,
        n_channels=n_channels,
        n_frames=n_frames,
        hop_length=hop_length,
        window=addresses.of(weights),
        n_used=n_used,
    )
    unit = dtype.type(1)

    def run(start, stop):
        scratch = scratch_address(n_bytes)
        write_signals(addresses, unit, lanes, item, plan, job, scratch, start, stop)

    n_blocks = batch * n_channels * -(-n_frames // lanes)
    run_slices(run, n_blocks, n_blocks * lanes * _STEP_SECONDS * n_fft * np.log2(n_fft))
