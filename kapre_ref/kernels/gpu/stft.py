"""Fourier transforms of windowed frames, and back, through cuFFT."""

import cupy

from kapre_ref.kernels.gpu.framing import framed
from kapre_ref.kernels.gpu.memory import on_device, on_device_as, working_dtype


def spectra_of(signals, plan, n_frames):
    """Return the spectra, (batch, channel, n_frames, n_freq), in the working precision."""
    dtype = working_dtype(signals.dtype)
    # Kapre multiplies by the whole window, then crops to n_fft: the same as a cropped window.
    window = on_device_as(plan, "window", dtype, signals.device.id)[: plan.n_fft]
    frames = framed(signals, plan.n_padded, n_frames, window.size, plan.hop_length)
    return cupy.fft.rfft(frames.astype(dtype, copy=False) * window, plan.n_fft)


@on_device
def stft(signals, plan, out):
    """Write the spectra to their place."""
    if out.size:
        out[...] = spectra_of(signals, plan, out.shape[2])


@on_device
def inverse_stft(spectra, n_fft, hop_length, window, out):
    """Transform back and add up one hop of all frames at a time, so that no two writes collide."""
    out[...] = 0
    if not spectra.size:
        return
    window = cupy.asarray(window[:n_fft].astype(out.dtype))
    frames = cupy.fft.irfft(spectra, n_fft)[..., : window.size] * window
    n_frames = frames.shape[2]
    for start in range(0, window.size, hop_length):
        part = frames[..., start : start + hop_length]
        target = _stretches(out, start, n_frames, part.shape[3], hop_length)
        target += part


def _stretches(out, start, n_frames, length, hop_length):
    """View the samples that one stretch of every frame is added to; they do not overlap."""
    strides = (*out.strides[:2], hop_length * out.strides[2], out.strides[2])
    shape = (*out.shape[:2], n_frames, length)
    return cupy.lib.stride_tricks.as_strided(out[:, :, start:], shape, strides)


@on_device
def magnitude(x, out):
    """Take the absolute value, in the working precision."""
    out[...] = cupy.abs(x.astype(working_dtype(x.dtype), copy=False))


@on_device
def phase(x, out):
    """Take the angle, in the working precision."""
    x = x.astype(working_dtype(x.dtype), copy=False)
    out[...] = cupy.arctan2(x.imag, x.real)
