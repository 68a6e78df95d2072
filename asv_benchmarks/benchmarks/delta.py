"""Slopes along time."""

from benchmarks.common import Operation, spectrogram


class Delta(Operation):
    """Fits slopes to 9 frames of 128 bands."""

    operation = "delta"
    parameters = {"win_length": 9}  # noqa: RUF012
    peers = ("NumPy, SciPy",)

    def inputs(self, dtype, size):
        """Take a mel spectrogram."""
        return (spectrogram(dtype, size, 128),)
