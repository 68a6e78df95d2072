"""The frequency channel: a copy and a broadcast row."""

import numpy as np

from kapre_ref.kernels.cpu.runtime.strided import assign


def concatenate_frequency_map(spectra, out):
    """Copy all channels but the last, and write the map into that."""
    assign(out[:, :-1], spectra)
    frequencies = np.linspace(0, 1, spectra.shape[3]).astype(out.dtype)
    assign(out[:, -1], np.broadcast_to(frequencies, out[:, -1].shape))
