"""Filterbanks, made and applied."""

import kapre_ref
from benchmarks.common import SAMPLE_RATE, Operation, spectrogram


class ApplyFilterbank(Operation):
    """Sums 1025 bins to 128 mel bands."""

    operation = "apply_filterbank"
    peers = ("NumPy, SciPy",)

    def inputs(self, dtype, size):
        """Take a spectrogram and a filterbank of its dtype."""
        filterbank = kapre_ref.filterbank_mel(SAMPLE_RATE, 1025, 128, dtype=dtype)
        return spectrogram(dtype, size, 1025), filterbank


class Filterbanks:
    """Makes filterbanks, which need not be fast, since a program makes them once."""

    params = (257, 1025)
    param_names = ("n_freq",)
    version = 1

    def time_filterbank_mel(self, n_freq):
        """Make 40 mel bands."""
        kapre_ref.filterbank_mel(SAMPLE_RATE, n_freq, 40)

    def time_filterbank_log(self, n_freq):
        """Make 84 bins, 12 to the octave."""
        kapre_ref.filterbank_log(SAMPLE_RATE, n_freq)
