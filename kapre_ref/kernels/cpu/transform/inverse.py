"""The inverse: blocks of spectra transformed back side by side, and overlapping frames added up.

Overlapping frames are added before lanes are turned into runs: there is so much less to turn.
Blocks are the same wherever a thread's share begins, and so are the order of all sums and their
bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._kept import kept
from kapre_ref.kernels.cpu.emit.copies import copy_numbers, fill_zeros
from kapre_ref.kernels.cpu.emit.gather import part_pair_columns, transpose_pieces
from kapre_ref.kernels.cpu.emit.intrinsics import itemsize_of, lanes_of, n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.inverse_passes import (
    Overlap,
    Planes,
    add_four_overlapping,
    add_many_overlapping,
    add_overlapping,
    common_undo_last_pass,
    undo_last_pass,
)
from kapre_ref.kernels.cpu.emit.output import STRIP_TILES
from kapre_ref.kernels.cpu.emit.passes import Parts, Samples
from kapre_ref.kernels.cpu.emit.records import reader_of, record_array
from kapre_ref.kernels.cpu.runtime.jit import Addresses, address_kernel, inlined
from kapre_ref.kernels.cpu.runtime.pool import run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_address
from kapre_ref.kernels.cpu.transform.convolution import (
    convolution_length,
    inverse_convolution_of,
    read_inverse_convolution,
    undo_convolution,
)
from kapre_ref.kernels.cpu.transform.forward import Target, Values, write_frames
from kapre_ref.kernels.cpu.transform.passes import undo_inner_passes, undo_rows, undo_rows_oddly
from kapre_ref.kernels.cpu.transform.plan import offsets_of, rows_beside
from kapre_ref.kernels.cpu.transform.radices import (
    Pass,
    factorize,
    odd_of,
    passes_of,
    samples_of_rows,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._synthesis import Synthesis

_MANY = 16  # planes of terms, whose rounding errors are summed too if there are more
_STEP_SECONDS = 6e-11  # for each sample of a frame and halving of the transform


class InverseRegions(NamedTuple):
    """A number for each region of scratch memory: its size, its offset or its address."""

    values: int
    rows: int
    stage: int
    pieces: int
    strip: int
    lost: int  # what the sums of pieces lose; see `add_many_overlapping`
    turned: int  # rows of the second transform of a convolution
    sums: int  # what butterflies of odd radices add up


class InversePlan(NamedTuple):
    """What the kernel must know of a transform; tables are addresses."""

    n_fft: int
    n_freq: int
    first: Pass  # forward, so it is undone last
    passes: int  # the address of a `Pass` for each pass between, in reverse order
    last: Pass
    convolution: int  # the address of an `InverseConvolution`; its prime is 0 if there is none
    order: int  # in which row, in bytes, each sample comes out
    regions: InverseRegions


class InverseJob(NamedTuple):
    """One call: where arrays lie, strides in bytes, and the pieces of each channel."""

    spectra: int
    spectra_strides: tuple[int, int, int, int]  # of batch, channel, frame and frequency
    out: int
    out_strides: tuple[int, int, int]  # of batch, channel and time
    n_channels: int
    n_frames: int
    hop_length: int
    window: int
    n_overlaps: int  # frames that reach into another one
    n_pieces: int
    piece_length: int  # samples
    last_length: int  # of the last piece of a frame
    n_skipped: int  # samples before the first one of `out`
    n_samples: int  # of `out`, and those
    first_whole: int  # the first piece of which no sample is skipped
    stop_whole: int  # the first one after it that is shorter or reaches beyond the end


class Channel(NamedTuple):
    """The addresses of a channel's first frame and of its first sample."""

    spectra: int
    signal: int


_read_plan, _read_job = reader_of(InversePlan), reader_of(InverseJob)


@address_kernel
def write_signals(unit, odd, plan_address, job_address, scratch, first_block, last_block):
    """Serve the pieces of the signals from the first frame of some blocks to that of the next.

    `odd` is as in `forward.write_spectra`.
    """
    plan, job = _read_plan(plan_address), _read_job(job_address)
    room, lanes = addresses_in(scratch, plan.regions), lanes_of(unit)
    blocks_of_channel = -(-job.n_frames // lanes)
    block = first_block
    while block < last_block:
        number = block // blocks_of_channel
        start = block - number * blocks_of_channel
        block = min(last_block, (number + 1) * blocks_of_channel)
        stop = block - number * blocks_of_channel
        if stop == blocks_of_channel:  # the last frames may reach into a block without any
            stop = -(-job.n_pieces // lanes)
        channel = channel_of(job, number)
        clear_planes(unit, job, room)
        # Blocks before the first one reach into its pieces; their own are another share's.
        for i in range(max(start - -(-job.n_overlaps // lanes), 0), stop):
            n_frames = min(max(job.n_frames - i * lanes, 0), lanes)
            spectra = channel.spectra + i * lanes * job.spectra_strides[2]
            ahead = spectra + lanes * job.spectra_strides[2]
            if n_frames:
                gather_spectra(unit, plan, job, spectra, n_frames, room)
                if odd is None:
                    transform_back(unit, plan, room, ahead)
                else:
                    transform_back_oddly(unit, plan, room, ahead)
            else:
                fill_zeros(unit, room.rows, plan.n_fft * lanes)
            first_sample = i * lanes * job.hop_length - job.n_skipped
            target = channel.signal + first_sample * job.out_strides[2]
            add_frames(unit, plan, job, room, target)
            if i >= start:
                write_pieces(unit, job, room, target, i * lanes)


@inlined
def addresses_in(scratch, offsets):
    """Return the addresses of the regions of scratch memory."""
    return InverseRegions(
        values=scratch + offsets.values,
        rows=scratch + offsets.rows,
        stage=scratch + offsets.stage,
        pieces=scratch + offsets.pieces,
        strip=scratch + offsets.strip,
        lost=scratch + offsets.lost,
        turned=scratch + offsets.turned,
        sums=scratch + offsets.sums,
    )


@inlined
def channel_of(job, number):
    """Find a channel, counted through the whole batch."""
    batch = number // job.n_channels
    channel = number - batch * job.n_channels
    return Channel(
        spectra=job.spectra + batch * job.spectra_strides[0] + channel * job.spectra_strides[1],
        signal=job.out + batch * job.out_strides[0] + channel * job.out_strides[1],
    )


@inlined
def clear_planes(unit, job, room):
    """Begin the sums of pieces anew."""
    lanes = lanes_of(unit)
    n_planes = 1 + -(-(job.n_overlaps + 1) // lanes)
    n = n_planes * job.piece_length * lanes
    fill_zeros(unit, room.pieces, n)
    if job.n_overlaps >= _MANY * lanes:
        fill_zeros(unit, room.lost, n)


@inlined
def gather_spectra(unit, plan, job, spectra, n_frames, room):
    """Transpose a block's spectra, from where they are if they are contiguous and all there."""
    lanes, itemsize = lanes_of(unit), itemsize_of(unit)
    vector, n_numbers = lanes * itemsize, 2 * plan.n_freq
    n_tiles = n_numbers // lanes
    frame_bytes = (n_tiles + 1) * vector
    stride, value_stride = job.spectra_strides[2], job.spectra_strides[3]
    # Frames are neighbours, not their values.
    if stride == 2 * itemsize and value_stride != 2 * itemsize:
        part_pair_columns(unit, spectra, value_stride, plan.n_freq, n_frames, room.values)
        return
    n_straight = n_tiles
    if value_stride != 2 * itemsize or n_frames < lanes:
        n_straight = 0
    # What is not copied straight: all of strided or of few frames, else the last numbers.
    first_value = n_straight * lanes // 2
    n_left = plan.n_freq - first_value
    for i in range(n_frames):
        for part in range(2):
            source = spectra + i * stride + first_value * value_stride + part * itemsize
            place = room.stage + i * frame_bytes + part * itemsize
            copy_numbers(unit, source, value_stride, place, 2 * itemsize, n_left)
    # Lanes without a frame are zeros: their sums reach the last pieces.
    for i in range(n_frames, lanes):
        fill_zeros(unit, room.stage + i * frame_bytes, n_numbers)
    if n_straight:
        transpose_pieces(unit, spectra, stride, lanes, n_straight, room.values, vector)
    rest = room.values + n_straight * lanes * vector
    n_staged = -(-2 * n_left // lanes)
    transpose_pieces(unit, room.stage, frame_bytes, lanes, n_staged, rest, vector)


@inlined
def transform_back(unit, plan, room, ahead):
    """Transform spectra to samples: one pass over all rows, then one part of them after the other.

    The imaginary parts of the first bin, and of the one that is its own mirror image, do not count.
    Meanwhile `ahead`, the next block's spectra, comes into cache.
    """
    vector, n = lanes_of(unit) * itemsize_of(unit), plan.n_fft // plan.last.radix
    parts = Parts(room.rows, n, plan.last.twiddles)
    common_undo_last_pass(unit, plan.last.radix, room.values, parts)
    for first in range(0, plan.n_fft, n):
        place = first * vector
        undo_rows(unit, plan.passes, plan.first, room.rows + place, n, ahead + place)


@inlined
def transform_back_oddly(unit, plan, room, ahead):
    """Do what `transform_back` does, with any radices."""
    vector, n = lanes_of(unit) * itemsize_of(unit), plan.n_fft // plan.last.radix
    parts = Parts(room.rows, n, plan.last.twiddles)
    undo_last_pass(unit, plan.last.radix, room.values, parts)
    convolution = read_inverse_convolution(plan.convolution)
    for first in range(0, plan.n_fft, n):
        part, place = room.rows + first * vector, ahead + first * vector
        if convolution.prime:
            undo_inner_passes(unit, plan.passes, part, n, convolution.prime, room.sums)
        else:
            undo_rows_oddly(unit, plan.passes, plan.first, part, n, place, room.sums)
    n_convolved = plan.n_fft if convolution.prime else 0
    for first in range(0, n_convolved, max(1, convolution.prime)):
        part, place = room.rows + first * vector, ahead + first * vector
        undo_convolution(unit, convolution, part, place, room)


@inlined
def add_frames(unit, plan, job, room, target):
    """Add up a block's frames; meanwhile `target`, where their pieces go, comes into cache."""
    itemsize, vector = itemsize_of(unit), lanes_of(unit) * itemsize_of(unit)
    # The earliest frame of a piece ends within it: the samples after that have a term less.
    for part in range(2):
        at, n = 0, job.last_length
        if part == 1:
            at, n = job.last_length, job.piece_length - job.last_length
        samples = Samples(room.rows, plan.order + at * 4, job.window + at * itemsize)
        overlap = Overlap(job.piece_length, job.n_overlaps + 1 - part, n)
        lost = room.lost - room.pieces
        planes = Planes(room.pieces + at * vector, job.piece_length * vector, lost)
        add_pieces(unit, samples, overlap, planes, target + at * vector)


@inlined
def add_pieces(unit, samples, overlap, planes, ahead):
    """Choose how to add up: as many terms as there are lanes reach the next plane at most."""
    lanes = lanes_of(unit)
    if overlap.n_terms == 4 and lanes >= 4:
        add_four_overlapping(unit, samples, overlap, planes, ahead)
    elif overlap.n_terms > _MANY * lanes:
        add_many_overlapping(unit, samples, overlap, planes, ahead)
    else:
        add_overlapping(unit, samples, overlap, planes, ahead)


@inlined
def write_pieces(unit, job, room, target, first_piece):
    """Write the finished pieces of a block; the first and the last ones of a channel may be cut."""
    lanes, itemsize = lanes_of(unit), itemsize_of(unit)
    sample_stride = job.out_strides[2]
    stride = job.hop_length * sample_stride
    n_here, lane = min(lanes, job.n_pieces - first_piece), 0
    while lane < n_here:
        piece = first_piece + lane
        begin, length, n = 0, job.piece_length, 1
        if job.first_whole <= piece < job.stop_whole:
            n = min(n_here, job.stop_whole - first_piece) - lane
        else:
            start = piece * job.hop_length
            length = job.last_length if piece == job.n_pieces - 1 else length
            begin = max(job.n_skipped - start, 0)
            length = min(length, job.n_samples - start) - begin
        if length > 0:
            values = Values(room.pieces + begin * lanes * itemsize + lane * itemsize, length, 1)
            at = target + lane * stride + begin * sample_stride
            write_frames(unit, values, room.strip, n, Target(at, stride, sample_stride))
        lane += n


@kept
def _tables_of(n_fft: int, dtype: np.dtype[Any]) -> tuple[int, int | None, int, Addresses]:
    """Return the address of an inverse's plan, `odd`, the bytes of scratch memory, and all owners.

    `odd` is as in `Tables`.
    """
    lanes, vector = n_lanes(dtype), vector_bytes()
    n_freq = n_fft // 2 + 1
    radices = factorize(n_fft)
    n_convolved, n_turned, n_sums = rows_beside(radices)
    addresses = Addresses()
    order = np.argsort(samples_of_rows(radices)) * vector
    n_numbers = (2 * n_freq // lanes + 2) * lanes
    sizes = InverseRegions(
        values=max(n_numbers, n_convolved) * vector,
        rows=n_fft * vector,
        stage=n_numbers * vector,
        # Two planes are of at most n_fft vectors, all others together of n_fft / lanes.
        pieces=(2 * n_fft + n_fft // lanes + lanes) * vector,
        strip=(STRIP_TILES * lanes + 1) * vector,
        lost=2 * n_fft // lanes * vector,  # for planes of a sixteenth of a frame at most
        turned=n_turned * vector,
        sums=n_sums * vector,
    )
    offsets, n_bytes = offsets_of(sizes)
    convolved = convolution_length(radices) > 0
    first, *passes, last = passes_of(radices, dtype, addresses, convolved)
    plan = InversePlan(
        n_fft=n_fft,
        n_freq=n_freq,
        first=first,
        passes=addresses.of(record_array(tuple(passes[::-1]))),
        last=last,
        convolution=inverse_convolution_of(radices, dtype, addresses),
        order=addresses.of(order.astype(np.int32)),
        regions=InverseRegions(*offsets),
    )
    return addresses.of(record_array(plan)), odd_of(radices), n_bytes, addresses


def fill_signals(spectra: NDArray[Any], synthesis: Synthesis, out: NDArray[Any]) -> None:
    """Transform complex spectra back and add their frames up in `out`."""
    n_fft, hop_length, window, n_skipped = synthesis[:4]
    batch, n_channels, n_frames, _ = spectra.shape
    n_used = min(len(window), n_fft)  # samples of a frame that count
    n_samples = n_skipped + out.shape[2]
    n_summed = (n_frames - 1) * hop_length + n_used
    if hop_length > n_used or not spectra.size:
        out[...] = 0  # no frame reaches some samples
    out[:, :, : max(0, -n_skipped)] = 0
    out[:, :, max(0, n_summed - n_skipped) :] = 0
    if not spectra.size or not out.size:
        return
    dtype = out.dtype
    lanes = n_lanes(dtype)
    plan, odd, n_bytes, of_tables = _tables_of(n_fft, dtype)
    addresses = Addresses(of_tables)
    weights = np.zeros(n_fft + 1, dtype)
    weights[:n_used] = window[:n_used] * (2 / n_fft)  # see `inverse_passes`
    piece_length = min(hop_length, n_used)
    n_overlaps = -(-n_used // hop_length) - 1
    n_pieces = n_frames + n_overlaps
    job = InverseJob(
        spectra=addresses.of(spectra),
        spectra_strides=spectra.strides,  # type: ignore[arg-type]  # of four axes
        out=addresses.of(out),
        out_strides=out.strides,  # type: ignore[arg-type]  # of three
        n_channels=n_channels,
        n_frames=n_frames,
        hop_length=hop_length,
        window=addresses.of(weights),
        n_overlaps=n_overlaps,
        n_pieces=n_pieces,
        piece_length=piece_length,
        last_length=n_used - n_overlaps * piece_length,
        n_skipped=n_skipped,
        n_samples=n_samples,
        first_whole=-(-n_skipped // hop_length),
        stop_whole=min(n_pieces - 1, (n_samples - piece_length) // hop_length + 1),
    )
    unit, job_address = dtype.type(1), addresses.of(record_array(job))

    def run(start: int, stop: int) -> None:
        scratch = scratch_address(n_bytes)
        write_signals(addresses, unit, odd, plan, job_address, scratch, start, stop)

    n_blocks = batch * n_channels * -(-n_frames // lanes)
    run_slices(run, n_blocks, n_blocks * lanes * _STEP_SECONDS * n_fft * np.log2(n_fft))
