"""Cepstral coefficients."""

from benchmarks.common import SAMPLE_RATE, STFT, Operation, spectrogram


class LogmelToMfcc(Operation):
    """Computes 20 coefficients from 128 bands."""

    operation = "logmel_to_mfcc"
    parameters = {"n_mfccs": 20}  # noqa: RUF012
    peers = ("NumPy, SciPy",)

    def inputs(self, dtype, size):
        """Take a log-mel spectrogram."""
        return (spectrogram(dtype, size, 128),)


class Mfcc(Operation):
    """Computes 20 coefficients from 128 bands of a signal."""

    operation = "mfcc"
    parameters = {**STFT, "sample_rate": SAMPLE_RATE, "n_mfccs": 20}  # noqa: RUF012
    measures_memory = True
