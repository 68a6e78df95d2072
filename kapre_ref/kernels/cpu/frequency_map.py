"""The frequency channel: a copy and a broadcast row."""

import numpy as np


def concatenate_frequency_map(spectra, out):
    """Copy all channels but the last, and write the map into that."""
    out[:, :-1] = spectra
    out[:, -1] = np.linspace(0, 1, spectra.shape[3]).astype(out.dtype)
