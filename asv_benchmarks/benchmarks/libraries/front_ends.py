"""The front ends of other tools, called as their own models call them, one name a recipe.

Samples are scaled to 16 bits before the clock runs where a tool leaves that to its caller.
"""

from functools import partial

import numpy as np

from benchmarks.peers import Contender

_FROM_16_BITS = 32768


def _samples(work):
    (x,) = work.inputs
    if x.dtype != np.float32:
        raise NotImplementedError("these front ends compute in float32")
    return x


def _tensor(work):
    import torch

    torch.set_num_threads(work.n_threads)
    return torch.from_numpy(_samples(work))


def _values_first(y):
    return np.moveaxis(np.asarray(y), -1, -2)


def _openai_whisper(work):
    from whisper.audio import log_mel_spectrogram

    return Contender(partial(log_mel_spectrogram, _tensor(work), n_mels=128))


def _transformers_torch(work):
    x = _tensor(work)
    if work.parameters["name"] == "whisper-128":
        from transformers import WhisperFeatureExtractor

        whisper = WhisperFeatureExtractor(feature_size=128)
        return Contender(partial(whisper._torch_extract_fbank_features, x.numpy()))
    from transformers import ParakeetFeatureExtractor

    parakeet = ParakeetFeatureExtractor(feature_size=128)
    options = {"sampling_rate": 16000, "return_tensors": "pt"}
    return Contender(lambda: parakeet(x, **options)["input_features"], _values_first)


def _transformers_numpy(work):
    x = _samples(work)
    if work.parameters["name"] == "whisper-128":
        from transformers import WhisperFeatureExtractor

        whisper = WhisperFeatureExtractor(feature_size=128)
        return Contender(lambda: whisper._np_extract_fbank_features(x, "cpu"))
    from transformers import SeamlessM4TFeatureExtractor

    seamless = SeamlessM4TFeatureExtractor()  # which normalises this afterwards
    return Contender(lambda: np.stack([seamless._extract_fbank_features(one) for one in x]))


def _torchaudio(work):
    from torchaudio.compliance.kaldi import fbank

    signals = list((_tensor(work) * _FROM_16_BITS)[:, None])
    return Contender(lambda: [fbank(one, num_mel_bins=80) for one in signals], np.stack)


def _kaldi_native_fbank(work):
    import kaldi_native_fbank as knf

    x = _samples(work)
    if work.parameters["name"] == "nemo-128":
        return _kaldi_native_nemo(knf, x)
    options = _kaldi_options(knf)
    x = x * np.float32(_FROM_16_BITS)

    def features(signal):
        extractor = _fed(knf.OnlineFbank(options), signal)
        return np.stack([extractor.get_frame(i) for i in range(extractor.num_frames_ready)])

    return Contender(lambda: [features(signal) for signal in x], np.stack)


def _kaldi_options(knf):
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    return options


def _kaldi_native_stream(work):
    import kaldi_native_fbank as knf

    chunk = _samples(work) * np.float32(_FROM_16_BITS)
    extractor, n_done = knf.OnlineFbank(_kaldi_options(knf)), 0

    def push():
        nonlocal n_done
        extractor.accept_waveform(16000, chunk)
        first, n_done = n_done, extractor.num_frames_ready
        frames = [extractor.get_frame(i) for i in range(first, n_done)]
        result = np.stack(frames) if frames else np.empty((0, 80), np.float32)
        extractor.pop(n_done - first)  # or it would keep all frames
        return result

    return Contender(push)


def _kaldi_native_nemo(knf, x):
    options = knf.NemoFbankOptions(num_mel_bins=128)

    def features(signal):
        extractor = _fed(knf.OnlineNemoFbank(options), signal)
        y, _ = extractor.get_frames(0, extractor.num_frames_ready, True)
        y -= y.mean(axis=0)
        y /= y.std(axis=0, ddof=1) + np.float32(1e-5)
        return y

    def to_ours(y):  # NeMo appends a frame of zeros
        return np.pad(_values_first(np.stack(y)), [(0, 0), (0, 0), (0, 1)])

    return Contender(lambda: [features(signal) for signal in x], to_ours)


def _fed(extractor, signal):
    extractor.accept_waveform(16000, signal)
    extractor.input_finished()
    return extractor


CONTENDERS = {
    ("openai-whisper", "front_end"): _openai_whisper,
    ("transformers, torch", "front_end"): _transformers_torch,
    ("transformers, NumPy", "front_end"): _transformers_numpy,
    ("torchaudio", "front_end"): _torchaudio,
    ("kaldi-native-fbank", "front_end"): _kaldi_native_fbank,
    ("kaldi-native-fbank", "stream"): _kaldi_native_stream,
}
