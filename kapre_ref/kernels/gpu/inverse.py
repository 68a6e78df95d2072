"""The inverse STFT in one pass over the spectra, for the n_fft that passes.cuh serves."""

from functools import lru_cache

import numpy as np

from kapre_ref.kernels.gpu.fused import mixed_table, shape_name
from kapre_ref.kernels.gpu.launch import MAX_BLOCKS, kernel, make_task, most_shared, strides_of
from kapre_ref.kernels.gpu.memory import kept_on_device, resident
from kapre_ref.kernels.gpu.radices import radices_for

# Sums of so many frames lose no more than a few bits. overlap_add.cu keeps the error of more down.
_MAX_OVERLAP = 8
_FEW_HOPS, _MANY_HOPS = 16, 64  # the least and the most hops of a block
_MANY_BLOCKS = 4 * 2 * 132  # about four times as many as an H100 holds at a time


def can_fuse(synthesis, dtype, device_id):
    """Tell whether the kernel serves transforms of a size, and so many overlapping frames."""
    n_fft = synthesis.n_fft
    few = _overlap(min(n_fft, synthesis.window.size), synthesis.hop_length) <= _MAX_OVERLAP
    return few and _radices(n_fft, dtype, device_id) is not None


def inverse_stft(spectra, synthesis, out):
    """Write the samples that frames reach, without gains. Neither array is empty."""
    n_fft, window = synthesis.n_fft, synthesis.window[: synthesis.n_fft]
    arrays = (spectra.shape, spectra.strides), (out.shape, out.strides)
    device_id = out.device.id
    sizes = n_fft, synthesis.hop_length, window.size, synthesis.n_skipped
    radices = _radices(n_fft, out.dtype, device_id)
    name, grid, block, task = _launch(radices, sizes, out.dtype, *arrays)
    window = _window(window.tobytes(), n_fft, out.dtype, device_id)
    tables = _tables(n_fft, out.dtype, device_id)
    function = kernel("inverse", name, device_id, radices.n_given)
    arguments = spectra, window, tables, out, task
    function(grid, block, arguments, shared_mem=radices.n_given)


def _radices(n_fft, dtype, device_id):
    """Return the split of a transform that leaves room for `carry`, or None."""
    return radices_for(n_fft, dtype.itemsize, n_fft, most_shared(device_id))


def _overlap(length, hop_length):
    return -(-length // hop_length)


@lru_cache(maxsize=512)
def _launch(radices, sizes, dtype, given, asked):
    """Return the kernel's name, its grid and block, and the task that describes the arrays."""
    n_fft, hop_length, length, n_skipped = sizes
    (shape, strides), (out_shape, out_strides) = given, asked
    batch, n_channels, n_frames, _ = shape
    n_samples = out_shape[2]
    n_hops = -(-(n_skipped + n_samples) // hop_length)
    hops = batch * n_channels * n_hops // _MANY_BLOCKS
    hops = min(max(hops, _FEW_HOPS), _MANY_HOPS)
    # A block computes its frames, and earlier ones that reach into its first hop, in full rounds.
    before = _overlap(length, hop_length) - 1
    hops = -(-(hops + before) // radices.n_frames) * radices.n_frames - before
    blocks_of_channel = -(-n_hops // hops)
    n_blocks = batch * n_channels * blocks_of_channel
    assert n_blocks <= MAX_BLOCKS, "a terabyte at least"
    x_axes, out_axes = ("batch", "channel", "frame", "bin"), ("batch", "channel", "time")
    task = make_task(
        "inverse",
        **strides_of("x", x_axes, strides, 2 * dtype.itemsize),
        n_frames=n_frames,
        **strides_of("out", out_axes, out_strides, dtype.itemsize),
        n_samples=n_samples,
        n_skipped=n_skipped,
        n_channels=n_channels,
        hop_length=hop_length,
        length=length,
        overlap=_overlap(length, hop_length),
        hops=hops,
        blocks_of_channel=blocks_of_channel,
    )
    name = f"kapre::inverse_stft<{shape_name(n_fft, dtype, radices)}>"
    return name, (n_blocks,), (radices.n_threads,), task


@kept_on_device
def _window(float64_bytes, n_fft, dtype, device_id):
    """Return the window divided by n_fft.

    Of an even n_fft, odd samples come out of the kernel negative. Of an odd one, all come out twice
    as large.
    """
    window = np.frombuffer(float64_bytes) / n_fft
    if n_fft % 2:
        window /= 2
    else:
        window[1::2] *= -1
    return resident(window.astype(dtype))


@kept_on_device
def _tables(n_fft, dtype, device_id):
    return resident(mixed_table(n_fft, _radices(n_fft, dtype, device_id), dtype))
