"""The kernel of all spectra: blocks of frames gathered, transformed and reduced in cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kapre_ref.kernels.cpu.emit.bands import any_is_long
from kapre_ref.kernels.cpu.emit.bins import (
    common_last_pass_to_magnitudes,
    common_last_pass_to_spectrum,
    is_extreme,
    last_pass_to_magnitudes,
    last_pass_to_spectrum,
    start_peaks,
    take_roots,
)
from kapre_ref.kernels.cpu.emit.copies import (
    Source,
    copy_numbers,
    fill_zeros,
    part_channel,
)
from kapre_ref.kernels.cpu.emit.epilogues import (
    logarithms,
    scale_rows,
    to_polar,
    to_scaled_magnitudes,
)
from kapre_ref.kernels.cpu.emit.gather import (
    Pieces,
    prepare_frames,
    transpose_pieces,
)
from kapre_ref.kernels.cpu.emit.intrinsics import itemsize_of, lanes_of
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.emit.output import (
    STRIP_TILES,
    copy_frames,
    store_columns,
    store_pair_columns,
    turn_strip,
)
from kapre_ref.kernels.cpu.emit.passes import Parts, Samples
from kapre_ref.kernels.cpu.emit.records import reader_of
from kapre_ref.kernels.cpu.filterbanks import sum_bands_in_lanes
from kapre_ref.kernels.cpu.runtime.jit import address_kernel, inlined, inner_kernel
from kapre_ref.kernels.cpu.transform.convolution import convolve, read_convolution
from kapre_ref.kernels.cpu.transform.edges import stage
from kapre_ref.kernels.cpu.transform.passes import (
    PASS_BYTES,
    inner_passes,
    transform_rows,
    transform_rows_oddly,
)
from kapre_ref.kernels.cpu.transform.plan import PLAIN, ROOTS, FftPlan, Regions

FEATURES, SPECTRUM, POLAR = range(3)


class Job(NamedTuple):
    """What calls on arrays of one layout have in common; strides in bytes."""

    plan: int  # the address of an `FftPlan`
    result: int  # what is made of the spectra
    signal_strides: tuple[int, int, int]  # of batch, channel and time
    n_samples: int
    n_padded: int
    edge: int  # what stands outside the signal, see `edges`
    factor: int  # the address of that of the signal's pre-emphasis; 0 for none
    has_previous: int  # whether there is a sample before the first one
    out_strides: tuple[int, int, int, int]  # of batch, channel, frame and frequency
    n_channels: int  # of the signal; phases lie as many channels behind their magnitudes
    n_frames: int
    logarithm: int  # the address of the numbers of one, see `epilogues.Logarithm`; 0 for none
    pairs: int  # the address of a gain and an offset for each value; 0 for none


class Places(NamedTuple):
    """Addresses of a call: of its first sample, its first result, and its first block's peaks."""

    signal: int
    out: int
    peaks: int
    peak_bytes: int  # of each block; 0 if nobody asks for peaks, and all lie in one place


class Block(NamedTuple):
    """Where a block of frames lies; the first three are addresses."""

    signal: int  # the first sample of its channel
    target: int  # the first result of its first frame
    peaks: int
    first_frame: int
    n_frames: int


class Values(NamedTuple):
    """`n` values of each frame of a block, from an address on: a vector each, or a pair of them."""

    at: int
    n: int
    n_numbers: int  # of a value: 2 of a complex one


class Target(NamedTuple):
    """Where values go: the address of the first one, and bytes to the next frame and value."""

    at: int
    stride: int
    value_stride: int


_read_plan, _read_job = reader_of(FftPlan), reader_of(Job)


@address_kernel
def write_spectra(peaks, odd, job_address, signal, out, scratch, blocks):
    """Serve some of the blocks, each of as many frames of one channel as a vector has lanes.

    `blocks` are the number of the first one, and that of the one behind the last. A plan and a job
    lie in memory, see `emit.records`. `peaks` has room for a vector of each block, or is empty; its
    dtype is that of all numbers. `odd` is None if all radices are common ones: numba then compiles
    no others, and a kernel of its own for any other `odd`.
    """
    unit = peaks.dtype.type(1)
    job = _read_job(job_address)
    plan = _read_plan(job.plan)
    room = addresses_in(scratch, plan.regions)
    places = Places(signal, out, room.peak, 0)
    if peaks.size:
        peak_bytes = lanes_of(unit) * itemsize_of(unit)
        places = Places(signal, out, np.int64(peaks.ctypes.data), peak_bytes)
    n_rows = plan.pieces.n_tiles * lanes_of(unit)
    silence = room.samples + n_rows * plan.pieces.row_bytes
    fill_zeros(unit, silence, plan.pieces.n)  # what `offsets` points to outside the frames
    if plan.frame_steps.n:
        silence = room.prepared + plan.frame_steps.n * lanes_of(unit) * itemsize_of(unit)
        fill_zeros(unit, silence, lanes_of(unit))
    are_long = any_is_long(unit, plan.bands)
    first_block, last_block = blocks
    for index in range(first_block, last_block):
        block = block_of(unit, job, places, index)
        gather(unit, plan, job, block, room)
        start_peaks(unit, room.peak, block.n_frames)
        keeps_bins, is_done = job.result != FEATURES, False
        while not is_done:
            # Here numba drops the branch that is never taken; in an inlined function it would not.
            if odd is None:
                parts = transform_parts(unit, plan, job, block, room)
                do_last_pass(unit, plan, block, room, parts, keeps_bins)
            else:
                parts = transform_parts_oddly(unit, plan, job, block, room)
                do_last_pass_oddly(unit, plan, block, room, parts, keeps_bins)
            is_done = complete_magnitudes(unit, plan, job, room, keeps_bins)
            keeps_bins = True
        values = finish(unit, plan, job, block, room, are_long)
        write_block(unit, job, block, room, values)


@inlined
def addresses_in(scratch, offsets):
    """Return the addresses of the regions of scratch memory."""
    return Regions(
        samples=scratch + offsets.samples,
        prepared=scratch + offsets.prepared,
        rows=scratch + offsets.rows,
        values=scratch + offsets.values,
        bands=scratch + offsets.bands,
        strip=scratch + offsets.strip,
        stage=scratch + offsets.stage,
        before=scratch + offsets.before,
        peak=scratch + offsets.peak,
        plain=scratch + offsets.plain,
        turned=scratch + offsets.turned,
        sums=scratch + offsets.sums,
    )


@inlined
def block_of(unit, job, places, index):
    """Find a block of a number.

    Blocks of one channel follow each other, but all channels of one time do if they lie side by
    side in the result.
    """
    lanes = lanes_of(unit)
    blocks_of_channel = -(-job.n_frames // lanes)
    if job.out_strides[1] < job.out_strides[2]:
        number, channel = index // job.n_channels, index % job.n_channels
        batch, block = number // blocks_of_channel, number % blocks_of_channel
    else:
        number, block = index // blocks_of_channel, index % blocks_of_channel
        batch, channel = number // job.n_channels, number % job.n_channels
    first_frame = block * lanes
    of_channel = (batch * job.n_channels + channel) * blocks_of_channel
    target = places.out + batch * job.out_strides[0] + channel * job.out_strides[1]
    return Block(
        signal=places.signal + batch * job.signal_strides[0] + channel * job.signal_strides[1],
        target=target + first_frame * job.out_strides[2],
        peaks=places.peaks + (of_channel + block) * places.peak_bytes,
        first_frame=first_frame,
        n_frames=min(lanes, job.n_frames - first_frame),
    )


@inlined
def gather(unit, plan, job, block, room):
    """Transpose the samples of a block, from where they are if all are there and neighbours."""
    pieces, itemsize, sample_stride = plan.pieces, itemsize_of(unit), job.signal_strides[2]
    n_read = pieces.n_tiles * lanes_of(unit)
    first = block.first_frame * plan.hop_length - job.n_padded
    span = (pieces.n - 1) * plan.hop_length + n_read
    source, stride = block.signal + first * sample_stride, plan.hop_length * sample_stride
    is_inside = sample_stride == itemsize and first >= 0 and first + span <= job.n_samples
    if not is_inside or job.factor:
        # Pieces that follow each other are copied at once, others one by one.
        length, n_copies, source = span, 1, room.stage
        stride = plan.hop_length * itemsize
        if pieces.length < plan.hop_length:
            length, n_copies = n_read, pieces.n
            stride = length * itemsize
        signal = Source(
            signal=block.signal,
            stride=sample_stride,
            n_samples=job.n_samples,
            edge=job.edge,
            factor=job.factor,
            has_previous=job.has_previous,
        )
        for i in range(n_copies):
            start, target = first + i * plan.hop_length, room.stage + i * stride
            stage(unit, signal, start, length, target, room.before)
    transpose_pieces(unit, source, stride, pieces.n, pieces.n_tiles, room.samples, pieces.row_bytes)
    if plan.frame_steps.n:
        turned = Pieces(room.samples, pieces.row_bytes, pieces.length)
        prepare_frames(unit, turned, plan.frame_steps, room.prepared)


@inlined
def transform_parts(unit, plan, job, block, room):
    """Do all passes but the last: of one part after the other, while its rows are in the L1 cache.

    The samples of the next block come into cache meanwhile.
    """
    vector, itemsize = lanes_of(unit) * itemsize_of(unit), itemsize_of(unit)
    following = samples_after(unit, plan, job, block)
    n = plan.n_fft // plan.last.radix
    rows = room.prepared if plan.frame_steps.n else room.samples
    for first in range(0, plan.n_fft, n):
        samples = Samples(rows, plan.offsets + first * 4, plan.window + first * itemsize)
        ahead = Strided(following.at + first * following.stride, following.stride)
        part = room.rows + first * vector
        transform_rows(unit, plan.passes, samples, part, n, ahead)
    return Parts(room.rows, n, plan.last.twiddles)


@inlined
def transform_parts_oddly(unit, plan, job, block, room):
    """Do what `transform_parts` does, with any radices."""
    vector, itemsize = lanes_of(unit) * itemsize_of(unit), itemsize_of(unit)
    following = samples_after(unit, plan, job, block)
    n = plan.n_fft // plan.last.radix
    rows = room.prepared if plan.frame_steps.n else room.samples
    convolution = read_convolution(plan.convolution)
    n_at_once = convolution.prime if convolution.prime else n
    for first in range(0, plan.n_fft, n_at_once):
        pick = first // n_at_once * plan.n_picks
        samples = Samples(rows, plan.offsets + pick * 4, plan.window + pick * itemsize)
        ahead = Strided(following.at + first * following.stride, following.stride)
        part = room.rows + first * vector
        if convolution.prime:
            convolve(unit, convolution, samples, part, ahead, room)
        else:
            transform_rows_oddly(unit, plan.passes, samples, part, n, ahead, room.sums)
    if convolution.prime:
        for first in range(0, plan.n_fft, n):
            part = room.rows + first * vector
            inner_passes(unit, plan.passes + PASS_BYTES, part, convolution.prime, n, room.sums)
    return Parts(room.rows, n, plan.last.twiddles)


@inlined
def samples_after(unit, plan, job, block):
    """Return what is to be prefetched with each row: so much of the next block's samples."""
    pieces, lanes, sample_stride = plan.pieces, lanes_of(unit), job.signal_strides[2]
    n_gathered = (block.first_frame + pieces.n - 1) * plan.hop_length + pieces.n_tiles * lanes
    return Strided(
        block.signal + (n_gathered - job.n_padded) * sample_stride,
        lanes * plan.hop_length * sample_stride // plan.n_fft,
    )


@inlined
def do_last_pass(unit, plan, block, room, parts, keeps_bins):
    """Make spectra in `room.values`, or else magnitudes or powers in `room.rows`.

    Meanwhile what the last pass is given as well, where the result goes, comes into cache.
    """
    radix, ahead, target = plan.last.radix, block.target, room.rows
    if keeps_bins:
        common_last_pass_to_spectrum(unit, radix, parts, room.values, ahead)
    else:
        common_last_pass_to_magnitudes(unit, radix, parts, target, ahead, room.peak, plan.power)


@inlined
def do_last_pass_oddly(unit, plan, block, room, parts, keeps_bins):
    """Do what `do_last_pass` does, with any radix."""
    radix, ahead, target = plan.last.radix, block.target, room.rows
    if keeps_bins:
        last_pass_to_spectrum(unit, radix, parts, room.values, ahead)
    else:
        last_pass_to_magnitudes(unit, radix, parts, target, ahead, room.peak, plan.power)


@inlined
def complete_magnitudes(unit, plan, job, room, keeps_bins):
    """Do what the last pass left to do, if there are magnitudes; return if all is done.

    If not, the passes must be done once more, since magnitudes were written over their rows.
    """
    if keeps_bins:
        if job.result == FEATURES:
            to_scaled_magnitudes(unit, room.values, plan.n_freq, room.peak, room.plain, room.rows)
        return True
    if plan.sizes == ROOTS:
        take_roots(unit, room.rows, plan.n_freq, plan.power_offset)
    if plan.sizes != PLAIN or not is_extreme(unit, room.peak):
        return True
    itemsize, n = itemsize_of(unit), plan.n_freq * lanes_of(unit)
    copy_numbers(unit, room.rows, itemsize, room.plain, itemsize, n)
    return False


@inlined
def finish(unit, plan, job, block, room, are_long):
    """Turn a block's spectra or magnitudes into what is asked for; return where it is."""
    finished, n = room.rows, plan.n_freq
    if job.result == SPECTRUM:
        finished = room.values
    elif job.result == POLAR:
        turn_to_polar(unit, plan, room)
    elif plan.bands.n:
        sum_bands_in_lanes(unit, are_long, room.rows, plan.bands, room.bands)
        finished, n = room.bands, plan.bands.n
    if job.logarithm:
        logarithms(unit, finished, n, job.logarithm, block.peaks)
    if job.pairs:
        scale_rows(unit, finished, n, job.pairs)
    return Values(finished, n, 1 + (job.result == SPECTRUM))


@inlined
def turn_to_polar(unit, plan, room):
    """Turn spectra into magnitudes and phases, written over the rows that they were made of."""
    phases = room.rows + plan.n_freq * lanes_of(unit) * itemsize_of(unit)
    to_polar(unit, room.values, plan.n_freq, room.rows, phases, room.peak)
    if is_extreme(unit, room.peak):
        to_scaled_magnitudes(unit, room.values, plan.n_freq, room.peak, room.rows, room.rows)


@inner_kernel
def write_block(unit, job, block, room, values):
    """Write the values of a block, and phases if they follow, to their channels."""
    n_bytes = values.n * lanes_of(unit) * itemsize_of(unit)
    for i in range(1 + (job.result == POLAR)):
        part = Values(values.at + i * n_bytes, values.n, values.n_numbers)
        place = block.target + i * job.n_channels * job.out_strides[1]
        target = Target(place, job.out_strides[2], job.out_strides[3])
        write_frames(unit, part, room.strip, block.n_frames, target)


@inlined
def write_frames(unit, values, strip, n_frames, target):
    """Turn vectors of values into frames, a strip of tiles at a time."""
    lanes, itemsize = lanes_of(unit), itemsize_of(unit)
    strip_frame_bytes = STRIP_TILES * lanes * itemsize
    if target.stride == values.n_numbers * itemsize:
        if values.n_numbers == 1:
            store_columns(unit, values.at, values.n, n_frames, target.at, target.value_stride)
        else:
            store_pair_columns(unit, values.at, values.n, n_frames, target.at, target.value_stride)
        return
    is_contiguous = target.value_stride == values.n_numbers * itemsize
    n, done = values.n * values.n_numbers, 0
    is_whole = is_contiguous and n_frames == lanes and n >= lanes
    while done < n:
        if is_whole:  # the last tile may begin within the one before
            done = min(done, n - lanes)
        count = min(STRIP_TILES * lanes, n - done)
        source, place = values.at + done * lanes * itemsize, target.at + done * itemsize
        if is_whole:
            count -= count % lanes
            turn_strip(unit, source, count // lanes, place, target.stride)
        else:
            turn_strip(unit, source, -(-count // lanes), strip, strip_frame_bytes)
            if is_contiguous:
                copy_frames(unit, strip, strip_frame_bytes, n_frames, count, place, target.stride)
            else:
                place = target.at + done // values.n_numbers * target.value_stride
                some = Values(strip, count // values.n_numbers, values.n_numbers)
                scatter_frames(
                    unit, some, n_frames, Target(place, target.stride, target.value_stride)
                )
        done += count


@inlined
def scatter_frames(unit, values, n_frames, target):
    """Copy the values of each frame of a strip to places that are apart."""
    lanes, itemsize, stride = lanes_of(unit), itemsize_of(unit), target.value_stride
    n_parted = 0
    if values.n_numbers == 1 and stride == 2 * itemsize:  # one of two channels side by side
        n_parted = values.n // lanes * lanes
    n_left = values.n - n_parted
    for frame in range(n_frames):
        begin = values.at + frame * STRIP_TILES * lanes * itemsize
        column = target.at + frame * target.stride
        part_channel(unit, begin, column, n_parted // lanes)
        for part in range(values.n_numbers):
            source = begin + (n_parted + part) * itemsize
            place = column + n_parted * stride + part * itemsize
            copy_numbers(unit, source, values.n_numbers * itemsize, place, stride, n_left)
