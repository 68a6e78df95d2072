"""Magnitudes and phases of a signal in one call."""

from benchmarks.common import SIZES, STFT, Operation, noise


class StftMagnitude(Operation):
    """Transforms frames of 2048 samples to magnitudes."""

    operation = "stft_magnitude"
    parameters = STFT
    peers = (
        "NumPy, SciPy",
        "NumPy, SciPy, blocked",
        "SciPy FFT",
        "ducc0 FFT",
        "pyFFTW FFT",
        "MKL FFT",
        "librosa",
        "torch",
        "tf.signal, XLA",
        "Kapre",
    )
    measures_memory = True


class StftMagPhase(Operation):
    """Transforms frames of 2048 samples of one channel to magnitudes and phases."""

    operation = "stft_mag_phase"
    parameters = STFT
    measures_memory = True

    def inputs(self, dtype, size):
        """Take a signal with a channel."""
        return (noise((*SIZES[size], 1), dtype),)
