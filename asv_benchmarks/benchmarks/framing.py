"""Frames of a signal, and their energies."""

from benchmarks.common import Operation


class Frame(Operation):
    """Cuts frames of 2048 samples, 512 apart."""

    operation = "frame"
    parameters = {"frame_length": 2048, "hop_length": 512}  # noqa: RUF012
    peers = ("NumPy, SciPy", "writing the result", "librosa", "Kapre")
    measures_memory = True


class Energy(Operation):
    """Measures frames of 2048 samples, 512 apart."""

    operation = "energy"
    parameters = Frame.parameters
    peers = ("NumPy, SciPy", "Kapre")
    measures_memory = True
