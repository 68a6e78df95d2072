"""Decibels of a magnitude."""

from benchmarks.common import Operation, spectrogram


class MagnitudeToDecibel(Operation):
    """Converts a spectrogram of 1025 bins."""

    operation = "magnitude_to_decibel"
    peers = ("NumPy, SciPy", "librosa", "Kapre")

    def inputs(self, dtype, size):
        """Take a spectrogram."""
        return (spectrogram(dtype, size, 1025),)
