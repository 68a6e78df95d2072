"""The short-time Fourier transform and back."""

import kapre_ref
from benchmarks.common import SIZES, STFT, Operation, noise


def spectra(dtype, size):
    """Return the spectra of a signal."""
    return kapre_ref.stft(noise(SIZES[size], "float32"), **STFT).astype(dtype)


class Stft(Operation):
    """2048 samples a frame."""

    operation = "stft"
    parameters = STFT
    peers = ("NumPy, SciPy", "SciPy FFT", "ducc0 FFT", "librosa", "torch", "Kapre")
    measures_memory = True


class InverseStft(Operation):
    """2048 samples a frame."""

    operation = "inverse_stft"
    parameters = STFT
    dtypes = ("complex64", "complex128")
    peers = ("NumPy, SciPy", "librosa", "torch", "tf.signal")
    measures_memory = True

    def inputs(self, dtype, size):
        """Take the spectra of a signal."""
        return (spectra(dtype, size),)


class CentredInverse(Operation):
    """2048 samples a frame; ends are divided by the overlap there, and padding is cut off."""

    operation = "centred_inverse"
    parameters = STFT
    dtypes = InverseStft.dtypes
    peers = ("librosa", "torch")
    measures_memory = True
    inputs = InverseStft.inputs


class Magnitude(Operation):
    """Transforms spectra of 1025 bins back."""

    operation = "magnitude"
    dtypes = InverseStft.dtypes

    def inputs(self, dtype, size):
        """Take the spectra of a signal."""
        return (spectra(dtype, size),)


class Phase(Operation):
    """Transforms spectra of 1025 bins back."""

    operation = "phase"
    dtypes = InverseStft.dtypes

    def inputs(self, dtype, size):
        """Take the spectra of a signal."""
        return (spectra(dtype, size),)
