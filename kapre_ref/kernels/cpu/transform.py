"""The kernel of all spectra: blocks of frames gathered, transformed and reduced in cache."""

from typing import NamedTuple

from kapre_ref.kernels.cpu import passes
from kapre_ref.kernels.cpu.epilogues import (
    decibels,
    separate_again_if_extreme,
    separate_magnitudes,
    separate_spectra,
    split_again_if_extreme,
    split_to_magnitudes,
    split_to_spectrum,
    sum_bands,
)
from kapre_ref.kernels.cpu.gather import (
    copy_numbers,
    copy_vector,
    fill_zeros,
    transpose_pieces,
)
from kapre_ref.kernels.cpu.jit import inlined, kernel
from kapre_ref.kernels.cpu.output import STRIP_TILES, copy_rows, turn_strip

MAGNITUDES, SPECTRUM, BANDS = range(3)


class Job(NamedTuple):
    """One call: what is made of the spectra, and where arrays lie; strides in bytes."""

    result: int
    signal: int
    signal_strides: tuple  # of batch, channel and time
    n_samples: int
    n_padded: int
    out: int
    out_strides: tuple  # of batch, channel, frame and frequency
    n_channels: int
    n_frames: int
    scale: int  # of decibels, see `epilogues.decibels`; 0 for none
    peaks: int  # of each block's frames


@kernel
def write_spectra(unit, lanes, item, plan, job, scratch, first_block, last_block):
    """Serve some of the blocks, each of as many frames of one channel as a vector has lanes."""
    vector = lanes * item
    samples, rows = scratch + plan.at_samples, scratch + plan.at_rows
    values, bands = scratch + plan.at_values, scratch + plan.at_bands
    strip, stage = scratch + plan.at_strip, scratch + plan.at_stage
    peak = scratch + plan.at_peak
    fill_zeros(
        unit, samples + plan.n_tiles * lanes * plan.sample_row_bytes, 4 * plan.n_pieces
    )  # what `offsets` points to outside the frames
    radix = plan.radices & 15
    block_rows = plan.n_rows // radix
    block_stride = (block_rows + 1) * 2 * vector
    n_numbers = 1
    if job.result == SPECTRUM:
        n_numbers = 2
    frames_of_block = lanes * plan.n_sets
    blocks_of_channel = -(-job.n_frames // frames_of_block)
    for block in range(first_block, last_block):
        number = block // blocks_of_channel
        first_frame = (block - number * blocks_of_channel) * frames_of_block
        batch = number // job.n_channels
        channel = number - batch * job.n_channels
        signal = job.signal + batch * job.signal_strides[0] + channel * job.signal_strides[1]
        target = (
            job.out
            + batch * job.out_strides[0]
            + channel * job.out_strides[1]
            + first_frame * job.out_strides[2]
        )
        gather(unit, lanes, item, plan, job, signal, first_frame, samples, stage)

        # Transform: one pass over everything, then the blocks that it leaves, two by two.
        twiddles = plan.twiddles
        first_pass(
            unit,
            radix,
            samples,
            plan.pair_bytes,
            plan.offsets,
            plan.window,
            rows,
            block_stride,
            block_rows,
            twiddles,
        )
        twiddles += block_rows * (radix - 1) * 2 * item
        pairs, split_twiddles, ahead = plan.pairs, plan.split_twiddles, target
        fill_zeros(unit, peak, lanes)
        for j in range(radix // 2 + 1):
            mirrored = (radix - j) % radix
            inner_passes(
                unit,
                plan.radices >> 4,
                item,
                rows + j * block_stride,
                block_rows,
                2 * vector,
                twiddles,
            )
            if mirrored != j:
                inner_passes(
                    unit,
                    plan.radices >> 4,
                    item,
                    rows + mirrored * block_stride,
                    block_rows,
                    2 * vector,
                    twiddles,
                )
            n_pairs = block_rows
            if j == 0:
                n_pairs = block_rows // 2 + 1
            elif mirrored == j:
                n_pairs = (block_rows + 1) // 2
            if plan.n_sets == 2:
                if job.result == SPECTRUM:
                    separate_spectra(unit, rows, pairs, n_pairs, values, ahead)
                else:
                    separate_magnitudes(unit, rows, pairs, n_pairs, values, ahead, peak)
            elif job.result == SPECTRUM:
                split_to_spectrum(unit, rows, pairs, split_twiddles, n_pairs, values, ahead)
            else:
                split_to_magnitudes(unit, rows, pairs, split_twiddles, n_pairs, values, ahead, peak)
            pairs += n_pairs * 16
            split_twiddles += n_pairs * 2 * item
            if job.result != BANDS:
                ahead += n_pairs * 2 * n_numbers * vector

        n_pairs = (pairs - plan.pairs) // 16
        if job.result != SPECTRUM and plan.n_sets == 2:
            separate_again_if_extreme(unit, rows, plan.pairs, n_pairs, values, peak)
        elif job.result != SPECTRUM:
            split_again_if_extreme(
                unit, rows, plan.pairs, plan.split_twiddles, n_pairs, values, peak
            )

        # Reduce and write.
        for part in range(plan.n_sets):
            finished, n_values = values + part * plan.n_freq * n_numbers * vector, plan.n_freq
            if job.result == BANDS:
                sum_bands(unit, finished, plan.bands, plan.band_weights, plan.n_bands, bands)
                finished, n_values = bands, plan.n_bands
            if job.scale:
                peaks = job.peaks + (block * plan.n_sets + part) * vector
                decibels(unit, finished, n_values, job.scale, peaks)
            write_rows(
                unit,
                lanes,
                item,
                finished,
                n_values,
                n_numbers,
                strip,
                min(lanes, job.n_frames - first_frame - part * lanes),
                target + part * lanes * job.out_strides[2],
                job.out_strides[2],
                job.out_strides[3],
            )


@inlined
def gather(unit, lanes, item, plan, job, signal, first_frame, samples, stage):
    """Transpose the samples of a block, from where they are if all are there and neighbours."""
    sample_stride = job.signal_strides[2]
    first = first_frame * plan.hop_length - job.n_padded
    span = (plan.n_pieces - 1) * plan.hop_length + plan.n_tiles * lanes
    source, stride = signal + first * sample_stride, plan.hop_length * sample_stride
    if sample_stride != item or first < 0 or first + span > job.n_samples:
        # Pieces that follow each other are copied at once, others one by one.
        length, n_copies, source = span, 1, stage
        stride = plan.hop_length * item
        if plan.piece_length < plan.hop_length:
            length, n_copies = plan.n_tiles * lanes, plan.n_pieces
            stride = length * item
        for i in range(n_copies):
            start = first + i * plan.hop_length
            stage_samples(
                unit,
                item,
                signal,
                sample_stride,
                job.n_samples,
                start,
                length,
                stage + i * stride,
            )
    row_bytes = plan.sample_row_bytes
    transpose_pieces(unit, source, stride, plan.n_pieces, plan.n_tiles, samples, row_bytes)
    if plan.tail >= 0:
        # The last sample of a window of odd length, with a zero for its neighbour.
        n_rows = plan.n_tiles * lanes
        copy_vector(unit, samples + plan.tail, samples + (n_rows + 2) * row_bytes)


@inlined
def stage_samples(unit, item, signal, stride, n_samples, first, n, target):
    """Copy samples from `first` on, zeros where there are none."""
    n_before = min(max(-first, 0), n)
    stop = max(min(n_samples - first, n), n_before)
    fill_zeros(unit, target, n_before)
    copy_numbers(
        unit,
        signal + (first + n_before) * stride,
        stride,
        target + n_before * item,
        item,
        stop - n_before,
    )
    fill_zeros(unit, target + stop * item, n - stop)


@inlined
def first_pass(
    unit, radix, samples, row_bytes, offsets, window, rows, block_stride, block_rows, twiddles
):
    """Choose the butterfly of the first pass."""
    args = (samples, row_bytes, offsets, window, rows, block_stride, block_rows, twiddles)
    if radix == 8:
        passes.first_pass_8(unit, *args)
    elif radix == 7:
        passes.first_pass_7(unit, *args)
    elif radix == 5:
        passes.first_pass_5(unit, *args)
    elif radix == 4:
        passes.first_pass_4(unit, *args)
    elif radix == 3:
        passes.first_pass_3(unit, *args)
    else:
        passes.first_pass_2(unit, *args)


@inlined
def inner_passes(unit, radices, item, rows, n, row_bytes, twiddles):
    """Transform n rows in place, with the radices that are left."""
    n_blocks = 1
    while radices:
        radix = radices & 15
        n //= radix
        if n == 1:
            last_pass(unit, radix, rows, n_blocks)
        else:
            inner_pass(unit, radix, rows, n_blocks, n, n * row_bytes, twiddles)
        twiddles += n * (radix - 1) * 2 * item
        n_blocks *= radix
        radices >>= 4


@inlined
def inner_pass(unit, radix, rows, n_blocks, n, stride, twiddles):
    """Choose the butterfly of one pass."""
    args = (rows, n_blocks, n, stride, twiddles)
    if radix == 8:
        passes.inner_pass_8(unit, *args)
    elif radix == 7:
        passes.inner_pass_7(unit, *args)
    elif radix == 5:
        passes.inner_pass_5(unit, *args)
    elif radix == 4:
        passes.inner_pass_4(unit, *args)
    elif radix == 3:
        passes.inner_pass_3(unit, *args)
    else:
        passes.inner_pass_2(unit, *args)


@inlined
def last_pass(unit, radix, rows, n_blocks):
    """Choose the butterfly of the last pass."""
    if radix == 8:
        passes.last_pass_8(unit, rows, n_blocks)
    elif radix == 7:
        passes.last_pass_7(unit, rows, n_blocks)
    elif radix == 5:
        passes.last_pass_5(unit, rows, n_blocks)
    elif radix == 4:
        passes.last_pass_4(unit, rows, n_blocks)
    elif radix == 3:
        passes.last_pass_3(unit, rows, n_blocks)
    else:
        passes.last_pass_2(unit, rows, n_blocks)


@inlined
def write_rows(
    unit, lanes, item, values, n_values, n_numbers, strip, n_frames, target, stride, value_stride
):
    """Turn `n_values` vectors, or pairs of vectors, into rows of one frame each."""
    vector = lanes * item
    strip_row = STRIP_TILES * vector
    n, done = n_values * n_numbers, 0
    while done < n:
        count = min(STRIP_TILES * lanes, n - done)
        source, place = values + done * vector, target + done * item
        is_contiguous = value_stride == n_numbers * item
        if is_contiguous and n_frames == lanes and count >= lanes:
            count -= count % lanes
            turn_strip(unit, source, count // lanes, place, stride)
        else:
            turn_strip(unit, source, -(-count // lanes), strip, strip_row)
            if is_contiguous:
                copy_rows(unit, strip, strip_row, n_frames, count, place, stride)
            else:
                place = target + done // n_numbers * value_stride
                for frame in range(n_frames):
                    for part in range(n_numbers):
                        copy_numbers(
                            unit,
                            strip + frame * strip_row + part * item,
                            n_numbers * item,
                            place + frame * stride + part * item,
                            value_stride,
                            count // n_numbers,
                        )
        done += count
