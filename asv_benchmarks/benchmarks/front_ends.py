"""Three front ends of other tools, beside the tools themselves."""

from benchmarks.common import Operation

_SIZES = {"small": (1, 16000), "large": (8, 30 * 16000)}  # (batch, time), at 16 kHz


class Whisper128(Operation):
    """Computes what Whisper large takes: 128 bands on 400 points, in log10."""

    operation = "front_end"
    parameters = {"name": "whisper-128"}  # noqa: RUF012
    sizes = _SIZES
    peers = ("openai-whisper", "transformers, torch", "transformers, NumPy", "librosa")
    measures_memory = True


class KaldiFbank80(Operation):
    """Computes Kaldi's 80 bands of frames that are emphasised and have a mean of 0, in ln."""

    operation = "front_end"
    parameters = {"name": "kaldi-fbank-80"}  # noqa: RUF012
    sizes = _SIZES
    peers = ("kaldi-native-fbank", "torchaudio", "transformers, NumPy")
    measures_memory = True


class Nemo128(Operation):
    """Computes what Parakeet takes: 128 bands, each normalised over time."""

    operation = "front_end"
    parameters = {"name": "nemo-128"}  # noqa: RUF012
    sizes = _SIZES
    peers = ("kaldi-native-fbank", "transformers, torch")
    measures_memory = True
