"""The kernel of all spectra: blocks of frames gathered, transformed and reduced in cache."""

from typing import NamedTuple

from kapre_ref.kernels.cpu.epilogues import decibels, sum_bands, to_polar, to_scaled_magnitudes
from kapre_ref.kernels.cpu.gather import (
    copy_numbers,
    copy_vector,
    fill_zeros,
    join_channel,
    part_channel,
    transpose_pieces,
)
from kapre_ref.kernels.cpu.jit import inlined, kernel
from kapre_ref.kernels.cpu.output import STRIP_TILES, copy_rows, turn_strip
from kapre_ref.kernels.cpu.passes import first_pass, inner_pass, last_pass
from kapre_ref.kernels.cpu.splitting import (
    MAGNITUDES,
    SCALED_MAGNITUDES,
    SPECTRUM,
    is_extreme,
    last_pass_to_magnitudes,
    last_pass_to_spectrum,
    separate,
    split,
)

# Results besides magnitudes and spectra: sums of magnitudes, and magnitudes with phases.
BANDS, POLAR = SPECTRUM + 1, SPECTRUM + 2


class Job(NamedTuple):
    """One call: what is made of the spectra, and where arrays lie; strides in bytes."""

    result: int
    signal: int
    signal_strides: tuple  # of batch, channel and time
    n_samples: int
    n_padded: int
    out: int
    out_strides: tuple  # of batch, channel, frame and frequency
    n_channels: int  # of the signal; phases lie as many channels behind their magnitudes
    n_frames: int
    scale: int  # of decibels, see `epilogues.decibels`; 0 for none
    peaks: int  # of each block's frames


@kernel
def write_spectra(unit, lanes, item, plan, job, scratch, first_block, last_block):
    """Serve some of the blocks, each of as many frames of one channel as a vector has lanes."""
    vector = lanes * item
    values, rows, bands = scratch + plan.at_values, scratch + plan.at_rows, scratch + plan.at_bands
    bins, bin_bytes = MAGNITUDES, vector
    if job.result == SPECTRUM or job.result == POLAR:
        bins, bin_bytes = SPECTRUM, 2 * vector
    frames_of_block = lanes * plan.n_sets
    blocks_of_channel = -(-job.n_frames // frames_of_block)
    fill_zeros(
        unit,
        scratch + plan.at_samples + plan.n_tiles * lanes * plan.sample_row_bytes,
        4 * plan.n_pieces,
    )  # what `offsets` points to outside the frames
    # One channel after the other, but all of one time where they lie side by side in the result.
    side_by_side = job.out_strides[1] < job.out_strides[2]
    for index in range(first_block, last_block):
        if side_by_side:
            number, channel = index // job.n_channels, index % job.n_channels
            batch, block = number // blocks_of_channel, number % blocks_of_channel
        else:
            number, block = index // blocks_of_channel, index % blocks_of_channel
            batch, channel = number // job.n_channels, number % job.n_channels
        first_frame = block * frames_of_block
        signal = job.signal + batch * job.signal_strides[0] + channel * job.signal_strides[1]
        target = (
            job.out
            + batch * job.out_strides[0]
            + channel * job.out_strides[1]
            + first_frame * job.out_strides[2]
        )
        gather(unit, lanes, item, plan, job, signal, first_frame, scratch)
        n_gathered = (first_frame + plan.n_pieces - 1) * plan.hop_length + plan.n_tiles * lanes
        next_samples = signal + (n_gathered - job.n_padded) * job.signal_strides[2]
        ahead_bytes = bin_bytes * (job.result != BANDS)  # bands are few: they need not be fetched
        step = frames_of_block * plan.hop_length * job.signal_strides[2] // plan.n_rows
        transform(unit, lanes, item, plan, bins, scratch, next_samples, step, target, ahead_bytes)
        if job.result == POLAR:
            turn_to_polar(unit, lanes, item, plan, scratch)

        # Reduce and write the frames that share a lane, one set after the other.
        for part in range(plan.n_sets):
            finished, n_values = values + part * plan.n_freq * bin_bytes, plan.n_freq
            if job.result == BANDS:
                sum_bands(unit, finished, plan.bands, plan.band_weights, plan.n_bands, bands)
                finished, n_values = bands, plan.n_bands
            elif job.result == POLAR:
                finished = rows + part * plan.n_freq * bin_bytes
            if job.scale:
                of_channel = (batch * job.n_channels + channel) * blocks_of_channel
                peaks = job.peaks + ((of_channel + block) * plan.n_sets + part) * vector
                decibels(unit, finished, n_values, job.scale, peaks)
            frames = part * lanes
            n_frames = min(lanes, job.n_frames - first_frame - frames)
            place = target + frames * job.out_strides[2]
            n_written = 1 + (job.result == POLAR)
            for i in range(n_written):
                write_rows(
                    unit,
                    lanes,
                    item,
                    finished + i * n_values * vector,
                    n_values,
                    1 + (job.result == SPECTRUM),
                    scratch + plan.at_strip,
                    n_frames,
                    place + i * job.n_channels * job.out_strides[1],
                    job.out_strides[2],
                    job.out_strides[3],
                )


@inlined
def gather(unit, lanes, item, plan, job, signal, first_frame, scratch):
    """Transpose the samples of a block, from where they are if all are there and neighbours."""
    samples, stage = scratch + plan.at_samples, scratch + plan.at_stage
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
                lanes,
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
def stage_samples(unit, lanes, item, signal, stride, n_samples, first, n, target):
    """Copy samples from `first` on, zeros where there are none."""
    n_before = min(max(-first, 0), n)
    stop = max(min(n_samples - first, n), n_before)
    fill_zeros(unit, target, n_before)
    source, place, count = signal + (first + n_before) * stride, n_before * item, stop - n_before
    done = 0
    if stride == 2 * item and count > 0:
        done = (count - 1) // lanes * lanes
        join_channel(unit, source, target + place, done // lanes)
    place += done * item
    copy_numbers(unit, source + done * stride, stride, target + place, item, count - done)
    fill_zeros(unit, target + stop * item, n - stop)


@inlined
def transform(unit, lanes, item, plan, bins, scratch, next_samples, step, target, ahead_bytes):
    """Make magnitudes or spectra of a block: one pass over everything, then block by block of rows.

    What is needed next comes into cache meanwhile: the samples of the next block of frames, one
    cache line every `step` bytes, and `ahead_bytes` for each bin of where the result will be.
    """
    samples, rows = scratch + plan.at_samples, scratch + plan.at_rows
    values, peak = scratch + plan.at_values, scratch + plan.at_peak
    row_bytes = 2 * lanes * item
    radix, last_radix = plan.radices & 15, plan.last_radix
    block_rows = plan.n_rows // radix
    block_stride = (block_rows + 1) * row_bytes
    twiddles = plan.twiddles + block_rows * (radix - 1) * 2 * item
    n_unfused = plan.n_unfused
    fill_zeros(unit, peak, lanes)
    while True:
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
            plan.twiddles,
            next_samples,
            step,
        )
        groups, group_twiddles = plan.groups, plan.group_twiddles
        for j in range(radix // 2 + 1):
            mirrored = (radix - j) % radix
            for i in range(1 + (mirrored != j)):
                block = rows + (j + i * (mirrored - j)) * block_stride
                others = plan.radices >> 4
                inner_passes(unit, others, last_radix, item, block, block_rows, row_bytes, twiddles)
            if last_radix > 1:
                n_groups = block_rows // last_radix
                if j == 0:
                    n_groups = (n_groups - 1) // 2
                elif mirrored == j:
                    n_groups //= 2
                table = groups, group_twiddles, n_groups, plan.group_stride
                if bins == SPECTRUM:
                    last_pass_to_spectrum(unit, last_radix, rows, *table, values, target)
                else:
                    last_pass_to_magnitudes(unit, last_radix, rows, *table, values, target, peak)
                n_bins = n_groups * 2 * last_radix
                groups += n_groups * 16
                group_twiddles += n_bins * item
                target += n_bins * ahead_bytes
        if last_radix > 1:  # groups that are their own mirror images
            last_pass(unit, last_radix, rows, 1)
            if plan.middle >= 0:
                last_pass(unit, last_radix, rows + plan.middle, 1)
        if plan.n_sets == 2:
            separate(unit, bins, rows, plan.pairs, n_unfused, values, peak)
        else:
            split(unit, bins, rows, plan.pairs, plan.split_twiddles, n_unfused, values, peak)
        if bins != MAGNITUDES or not is_extreme(unit, peak):
            return
        # Once more with scaled magnitudes, which no last pass makes.
        bins, last_radix, n_unfused = SCALED_MAGNITUDES, 1, plan.n_pairs


@inlined
def inner_passes(unit, radices, n_left, item, rows, n, row_bytes, twiddles):
    """Transform n rows in place, up to groups of `n_left` rows: 1, or the last radix."""
    n_blocks = 1
    while n > n_left:
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
def turn_to_polar(unit, lanes, item, plan, scratch):
    """Turn spectra into magnitudes and phases, written over the rows that they were made of."""
    peak, size = scratch + plan.at_peak, plan.n_freq * 2 * lanes * item
    spectra, magnitudes = scratch + plan.at_values, scratch + plan.at_rows
    for part in range(plan.n_sets):
        at = part * size
        target = magnitudes + at
        to_polar(unit, spectra + at, plan.n_freq, target, target + size // 2, peak)
    n_again = plan.n_sets * is_extreme(unit, peak)
    for part in range(n_again):
        at = part * size
        to_scaled_magnitudes(unit, spectra + at, plan.n_freq, magnitudes + at)


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
                parted = 0
                if n_numbers == 1 and value_stride == 2 * item:
                    parted = count // lanes * lanes
                for frame in range(n_frames):
                    row, column = strip + frame * strip_row, place + frame * stride
                    part_channel(unit, row, column, parted // lanes)
                    for part in range(n_numbers):
                        copy_numbers(
                            unit,
                            row + (parted + part) * item,
                            n_numbers * item,
                            column + parted * value_stride + part * item,
                            value_stride,
                            count // n_numbers - parted,
                        )
        done += count
