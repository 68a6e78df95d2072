"""Features and samples in the shape that a model takes."""

from benchmarks.common import Operation, spectrogram


class StackFrames(Operation):
    """Puts seven frames side by side, every six frames, as FunASR does."""

    operation = "stack_frames"
    parameters = {"n": 7, "step": 6, "edge": "repeat"}  # noqa: RUF012

    def inputs(self, dtype, size):
        """Take a mel spectrogram."""
        return (spectrogram(dtype, size, 80),)


class Patches(Operation):
    """Cuts patches that overlap by half, as those of YAMNet do."""

    operation = "patches"
    parameters = {"length": 32, "hop": 16}  # noqa: RUF012

    def inputs(self, dtype, size):
        """Take a mel spectrogram."""
        return (spectrogram(dtype, size, 64),)


class FixLength(Operation):
    """Fills signals up with whole repeats and zeros, as CLAP does."""

    operation = "fix_length"
    parameters = {"size": 1 << 20, "mode": "repeatpad"}  # noqa: RUF012
