"""Bands of a signal in one call."""

from benchmarks.common import SAMPLE_RATE, STFT, Operation


class Melspectrogram(Operation):
    """Computes 128 mel bands."""

    operation = "melspectrogram"
    parameters = {**STFT, "sample_rate": SAMPLE_RATE, "n_mels": 128}  # noqa: RUF012
    peers = ("NumPy, SciPy, blocked", "librosa", "torch", "Kapre")
    measures_memory = True


class LogMelspectrogram(Operation):
    """Computes 128 mel bands in decibels."""

    operation = "melspectrogram"
    parameters = {**Melspectrogram.parameters, "return_decibel": True}  # noqa: RUF012
    peers = Melspectrogram.peers
    measures_memory = True


class LogFrequencySpectrogram(Operation):
    """Computes 84 bins, 12 to the octave, in decibels."""

    operation = "log_frequency_spectrogram"
    parameters = {**STFT, "sample_rate": SAMPLE_RATE, "return_decibel": True}  # noqa: RUF012
    measures_memory = True
