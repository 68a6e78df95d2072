"""A channel that tells the frequency."""

from benchmarks.common import Operation, spectrogram


class ConcatenateFrequencyMap(Operation):
    """Appends the channel to a mel spectrogram of one channel."""

    operation = "concatenate_frequency_map"

    def inputs(self, dtype, size):
        """Take a mel spectrogram with a channel."""
        return (spectrogram(dtype, size, 128)[..., None],)
