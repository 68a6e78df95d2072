"""Features and samples in the shape that a model takes."""

from benchmarks.common import Operation, spectrogram


class StackFrames(Operation):
    """As FunASR does: seven frames every six."""

    operation = "stack_frames"
    parameters = {"n": 7, "step": 6, "edge": "repeat"}  # noqa: RUF012

    def inputs(self, dtype, size):
        """Take a mel spectrogram."""
        return (spectrogram(dtype, size, 80),)


class Patches(Operation):
    """Half of each patch overlaps with the next one, as YAMNet's does."""

    operation = "patches"
    parameters = {"length": 32, "hop": 16}  # noqa: RUF012

    def inputs(self, dtype, size):
        """Take a mel spectrogram."""
        return (spectrogram(dtype, size, 64),)


class FixLength(Operation):
    """Whole repeats and zeros, as CLAP fills recordings up."""

    operation = "fix_length"
    parameters = {"size": 1 << 20, "mode": "repeatpad"}  # noqa: RUF012
