"""Mu-law codes."""

import numpy as np

import kapre_ref
from benchmarks.common import SIZES, Operation, noise


class MuLawEncoding(Operation):
    """Encodes to 256 codes; the reference has the signal's own precision, which decides codes."""

    operation = "mu_law_encoding"
    parameters = {"quantization_channels": 256}  # noqa: RUF012
    peers = ("NumPy, SciPy", "a copy", "Kapre")

    def truth(self):
        """Return the codes that the reference makes of the same samples, in their own dtype."""
        return kapre_ref.mu_law_encoding_reference(*self._numpy_inputs, **self.parameters)


class MuLawDecoding(Operation):
    """Decodes 256 codes; the result is float32, whatever the dtype of the signal was."""

    operation = "mu_law_decoding"
    parameters = {"quantization_channels": 256}  # noqa: RUF012
    dtypes = ("int32",)
    peers = ("NumPy, SciPy", "a copy", "Kapre, XLA")

    def inputs(self, dtype, size):
        """Take codes."""
        return ((127.5 * (1 + noise(SIZES[size], np.float64))).astype(dtype),)
