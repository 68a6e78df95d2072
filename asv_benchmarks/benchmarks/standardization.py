"""Samples of a mean of 0 and a variance of 1."""

from benchmarks.common import Operation


class Standardize(Operation):
    """A signal, as wav2vec 2.0 takes it."""

    operation = "standardize"
