"""torch on the CPU, on tensors that share the memory of the NumPy arrays."""

import numpy as np
import torch

from benchmarks.libraries.plain import centred, filterbank_of, window_of
from benchmarks.peers import Contender


def _bins_last(x):
    return np.moveaxis(x.numpy(), -1, -2)


def _prepared(work):
    torch.set_num_threads(work.n_threads)
    x, options = centred(work)
    dtype = work.inputs[0].real.dtype
    return torch.from_numpy(x), {
        **options,
        "window": torch.from_numpy(window_of(work.parameters, dtype)),
    }


def _stft(work):
    x, options = _prepared(work)
    return Contender(lambda: torch.stft(x, **options, return_complex=True), _bins_last)


def _stft_magnitude(work):
    spectra = _stft(work).call
    return Contender(lambda: spectra().abs(), _bins_last)


def _melspectrogram(work):
    magnitude = _stft_magnitude(work).call
    weights = filterbank_of(work.parameters, work.inputs[0].dtype)
    weights = torch.from_numpy(np.ascontiguousarray(weights.T))

    def call():
        mel = weights @ magnitude()
        if not work.parameters.get("return_decibel"):
            return mel
        decibel = 10 * torch.log10(mel.clamp(min=1e-5))
        return torch.maximum(decibel, decibel.amax((1, 2), keepdim=True) - 80)

    return Contender(call, _bins_last)


def _inverse_stft(work):
    spectra, options = _prepared(work)
    spectra = torch.moveaxis(spectra, -1, -2).contiguous()
    # torch refuses windows that do not overlap enough at the ends of the signal, and Hann windows
    # do not. So frames are centred, as is usual with torch, and half a transform is cut off at both
    # ends.
    options["center"] = True
    half = options["n_fft"] // 2

    def to_ours(x):
        return np.pad(x.numpy(), [(0, 0), (half, half)])

    return Contender(lambda: torch.istft(spectra, **options), to_ours, margin=options["n_fft"])


def _centred_inverse(work):
    spectra, options = _prepared(work)
    spectra = torch.moveaxis(spectra, -1, -2).contiguous()
    options["center"] = True
    return Contender(lambda: torch.istft(spectra, **options), lambda x: x.numpy())


CONTENDERS = {
    ("torch", "stft"): _stft,
    ("torch", "stft_magnitude"): _stft_magnitude,
    ("torch", "melspectrogram"): _melspectrogram,
    ("torch", "inverse_stft"): _inverse_stft,
    ("torch", "centred_inverse"): _centred_inverse,
}
