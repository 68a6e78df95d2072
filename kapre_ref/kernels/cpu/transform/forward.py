"""The kernel of all spectra: blocks of frames gathered, transformed and reduced in cache."""

from typing import NamedTuple

from kapre_ref.kernels.cpu.bands import sum_bands_in_lanes
from kapre_ref.kernels.cpu.emit.bands import any_is_long
from kapre_ref.kernels.cpu.emit.bins import (
    is_extreme,
    last_pass_to_magnitudes,
    last_pass_to_spectrum,
    start_peaks,
)
from kapre_ref.kernels.cpu.emit.copies import (
    copy_numbers,
    fill_zeros,
    join_channel,
    part_channel,
)
from kapre_ref.kernels.cpu.emit.epilogues import (
    decibels,
    to_polar,
    to_scaled_magnitudes,
)
from kapre_ref.kernels.cpu.emit.gather import transpose_pieces
from kapre_ref.kernels.cpu.emit.output import STRIP_TILES, copy_rows, turn_strip
from kapre_ref.kernels.cpu.emit.passes import first_pass, inner_pass
from kapre_ref.kernels.cpu.runtime.jit import address_kernel, inlined

MAGNITUDES, SPECTRUM, BANDS, POLAR = range(4)


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


@address_kernel
def write_spectra(unit, lanes, item, plan, job, scratch, first_block, last_block):
    """Serve some of the blocks, each of as many frames of one channel as a vector has lanes."""
    vector = lanes * item
    values, rows, bands = scratch + plan.at_values, scratch + plan.at_rows, scratch + plan.at_bands
    blocks_of_channel = -(-job.n_frames // lanes)
    silence = scratch + plan.at_samples + plan.n_tiles * lanes * plan.sample_row_bytes
    fill_zeros(unit, silence, plan.n_pieces)  # what `offsets` points to outside the frames
    are_long = any_is_long(unit, plan.bands, plan.n_bands)
    # One channel after the other, but all of one time where they lie side by side in the result.
    side_by_side = job.out_strides[1] < job.out_strides[2]
    for index in range(first_block, last_block):
        if side_by_side:
            number, channel = index // job.n_channels, index % job.n_channels
            batch, block = number // blocks_of_channel, number % blocks_of_channel
        else:
            number, block = index // blocks_of_channel, index % blocks_of_channel
            batch, channel = number // job.n_channels, number % job.n_channels
        first_frame = block * lanes
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
        step = lanes * plan.hop_length * job.signal_strides[2] // plan.n_fft
        finished, n_values = rows, plan.n_freq
        if job.result == SPECTRUM:
            finished = values
        n_frames = min(lanes, job.n_frames - first_frame)
        start_peaks(unit, scratch + plan.at_peak, n_frames)
        transform(unit, lanes, item, plan, job.result, scratch, next_samples, step, target)
        if job.result == POLAR:
            turn_to_polar(unit, lanes, item, plan, scratch)
        elif job.result == BANDS:
            sum_bands_in_lanes(
                unit, are_long, rows, plan.bands, plan.band_weights, plan.n_bands, bands
            )
            finished, n_values = bands, plan.n_bands
        if job.scale:
            of_channel = (batch * job.n_channels + channel) * blocks_of_channel
            decibels(unit, finished, n_values, job.scale, job.peaks + (of_channel + block) * vector)
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
                target + i * job.n_channels * job.out_strides[1],
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
def transform(unit, lanes, item, plan, result, scratch, next_samples, step, ahead):
    """Make spectra in `values`, or magnitudes in `rows`, of a block of frames.

    One part of the rows after the other goes through all passes but the last while it is in the L1
    cache.

    What is needed next comes into cache meanwhile: the samples of the next block of frames, one
    cache line every `step` bytes, and `ahead`, where the result will be written.
    """
    samples, rows = scratch + plan.at_samples, scratch + plan.at_rows
    values, peak = scratch + plan.at_values, scratch + plan.at_peak
    radix, last_radix = plan.radices & 31, plan.last_radix
    n = plan.n_fft // last_radix
    are_magnitudes = result in (MAGNITUDES, BANDS)
    are_plain = are_magnitudes
    while True:
        twiddles = plan.twiddles
        for j in range(last_radix):
            part, first = rows + j * n * lanes * item, j * n
            first_pass(
                unit,
                radix,
                samples,
                plan.offsets + first * 4,
                plan.window + first * item,
                part,
                n // radix,
                next_samples + first * step,
                step,
            )
            twiddles = inner_passes(unit, plan.radices >> 5, item, part, radix, n, plan.twiddles)
        if not are_plain:
            last_pass_to_spectrum(unit, last_radix, rows, n, twiddles, values, ahead)
            if are_magnitudes:
                plain = scratch + plan.at_plain
                to_scaled_magnitudes(unit, values, plan.n_freq, peak, plain, rows)
            return
        last_pass_to_magnitudes(unit, last_radix, rows, n, twiddles, rows, ahead, peak)
        if not is_extreme(unit, peak):
            return
        # Once more, since magnitudes were written over what they were made of.
        copy_numbers(unit, rows, item, scratch + plan.at_plain, item, plan.n_freq * lanes)
        are_plain = False


@inlined
def inner_passes(unit, radices, item, rows, n, n_rows, twiddles):
    """Merge transforms of `n` rows in place until there is one of `n_rows`."""
    while n < n_rows:
        radix = radices & 31
        inner_pass(unit, radix, rows, n_rows // (n * radix), n, twiddles)
        twiddles += (n - 1) // 2 * (radix // 2) * 2 * item
        n *= radix
        radices >>= 5
    return twiddles


@inlined
def turn_to_polar(unit, lanes, item, plan, scratch):
    """Turn spectra into magnitudes and phases, written over the rows that they were made of."""
    spectra, magnitudes = scratch + plan.at_values, scratch + plan.at_rows
    peak = scratch + plan.at_peak
    phases = magnitudes + plan.n_freq * lanes * item
    to_polar(unit, spectra, plan.n_freq, magnitudes, phases, peak)
    if is_extreme(unit, peak):
        to_scaled_magnitudes(unit, spectra, plan.n_freq, peak, magnitudes, magnitudes)


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
