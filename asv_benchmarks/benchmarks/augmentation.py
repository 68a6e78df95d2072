"""Random masks and channel order."""

import numpy as np

from benchmarks.common import SIZES, Operation, noise, spectrogram


class SpecAugment(Operation):
    """Covers a mel spectrogram with two masks of each kind."""

    operation = "spec_augment"

    def inputs(self, dtype, size):
        """Take a mel spectrogram."""
        return (spectrogram(dtype, size, 128),)

    def options(self):
        """Pass a generator."""
        return {
            "freq_mask_param": 16,
            "time_mask_param": 20,
            "n_freq_masks": 2,
            "n_time_masks": 2,
            "rng": np.random.default_rng(5),
        }


class ChannelSwap(Operation):
    """Swaps the two channels of stereo signals."""

    operation = "channel_swap"

    def inputs(self, dtype, size):
        """Take a signal of two channels."""
        return (noise((*SIZES[size], 2), dtype),)

    def options(self):
        """Pass a generator."""
        return {"rng": np.random.default_rng(5)}
