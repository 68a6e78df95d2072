"""Samples of a mean of 0 and a variance of 1."""

from benchmarks.common import Operation


class Standardize(Operation):
    """Standardizes signals, as wav2vec 2.0 takes them."""

    operation = "standardize"
