"""Decibels of magnitudes and powers, and back."""

from benchmarks.common import Operation, noise, spectrogram


class MagnitudeToDecibel(Operation):
    """Converts a spectrogram of 1025 bins."""

    operation = "magnitude_to_decibel"
    peers = ("NumPy, SciPy", "librosa", "Kapre")

    def inputs(self, dtype, size):
        """Take a spectrogram."""
        return (spectrogram(dtype, size, 1025),)


class PowerToDb(Operation):
    """Converts a spectrogram of 1025 bins, relative to its peak."""

    operation = "power_to_db"
    parameters = {"ref": "peak"}  # noqa: RUF012
    peers = ("librosa",)
    inputs = MagnitudeToDecibel.inputs


class AmplitudeToDb(Operation):
    """Converts a spectrogram of 1025 bins."""

    operation = "amplitude_to_db"
    peers = ("librosa",)
    inputs = MagnitudeToDecibel.inputs


class DbToPower(Operation):
    """Converts a spectrogram of 1025 bins back."""

    operation = "db_to_power"
    peers = ("librosa",)

    def inputs(self, dtype, size):
        """Take decibels from -40 to 40."""
        shape = spectrogram(dtype, size, 1025).shape
        return ((40 * noise(shape)).astype(dtype),)


class DbToAmplitude(Operation):
    """Converts a spectrogram of 1025 bins back."""

    operation = "db_to_amplitude"
    peers = ("librosa",)
    inputs = DbToPower.inputs
