"""The front ends of other tools as data: which values each tool has, and where they come from.

A family has a named base, and its other members say what differs. `before` and `after` are what the
tool does to samples and features besides. In these notes x is the signal, and y are the features.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kapre_ref._bands import Bands
from kapre_ref._front_end import FrontEnd
from kapre_ref._normalisation import Normalisation


class Recipe(NamedTuple):
    """The front end of another tool, and what the tool does around it."""

    name: str
    front_end: FrontEnd
    tool: str
    version: str
    source: str
    before: str = ""
    after: str = ""


def _slaney(n: int, f_max: float, f_min: float = 0) -> Bands:
    """Return librosa's default filterbank, which Whisper, NeMo and most vocoders have too."""
    return Bands(n, f_min, f_max, "slaney", norm="slaney")


def _kaldi_bands(n: int, f_min: float = 20, f_max: float = 8000) -> Bands:
    return Bands(n, f_min, f_max, "htk", linear_in="mel")


# Whisper: the last frame of torch.stft(center=True) is dropped, hence 40 in place of 200.
_WHISPER_80 = FrontEnd(
    sample_rate=16000, n_fft=400, hop_length=160,
    pad_left=200, pad_right=40, pad_mode="reflect",
    bands=_slaney(80, 8000),
    log="log10", floor=1e-10, dynamic_range=8, range_over="call",
    gain=1 / 4, offset=1,
    time_first=False,
)  # fmt: skip
_WHISPER_128 = _WHISPER_80.replace(bands=_slaney(128, 8000))

# librosa: its power_to_db has 80 dB of range, and its MFCCs are made of these decibels.
_LIBROSA = FrontEnd(
    sample_rate=22050, n_fft=2048, hop_length=512,
    pad_left=1024, pad_right=1024,
    bands=_slaney(128, 11025),
    time_first=False,
)  # fmt: skip
_DECIBELS: dict[str, Any] = {"log": "10log10", "floor": 1e-10}
_LIBROSA_DB = _LIBROSA.replace(**_DECIBELS, dynamic_range=80, range_over="call")
_LIBROSA_1_DB = _LIBROSA_DB.replace(range_over="channel")

_TORCHAUDIO = FrontEnd(
    sample_rate=16000, n_fft=400, hop_length=200,
    pad_left=200, pad_right=200, pad_mode="reflect",
    bands=Bands(128, 0, 8000, "htk"),
    time_first=False,
)  # fmt: skip

_KERAS = FrontEnd(
    sample_rate=16000, n_fft=2048, hop_length=512,
    pad_left=1024, pad_right=1024, pad_mode="reflect",
    bands=_kaldi_bands(128),
    **_DECIBELS, dynamic_range=80, range_over="call",
    time_first=False,
)  # fmt: skip

# Kaldi: only whole frames; the floor is the eps of float32.
_KALDI = FrontEnd(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, window="povey",
    input_scale=32768, remove_mean=True, preemphasis=0.97, preemphasis_first="frame",
    bands=_kaldi_bands(80),
    log="ln", floor=2.0**-23,
)  # fmt: skip
_ICEFALL = _KALDI.replace(  # snip_edges=False, high_freq=-400
    pad_left=120, pad_right=200, pad_mode="mirror", input_scale=1, bands=_kaldi_bands(80, 20, 7600)
)
_AST = _KALDI.replace(
    window="hann_symmetric", input_scale=1, bands=_kaldi_bands(128),
    gain=1 / (2 * 4.5689974), offset=4.2677393 / (2 * 4.5689974),
)  # fmt: skip

# NeMo: zeros at the edges since 2025; the last frame is only there to be 0.
_NEMO_128_NONE = FrontEnd(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, window="hann_symmetric",
    pad_left=200, pad_right=200,
    preemphasis=0.97,
    bands=_slaney(128, 8000),
    log="ln", floor=2.0**-24, floor_by="add",
    time_first=False,
)  # fmt: skip
_NEMO_128 = _NEMO_128_NONE.replace(normalisation=Normalisation(ddof=1, eps=1e-5, drop_last=True))
_NEMO_80 = _NEMO_128.replace(bands=_slaney(80, 8000))

# Google's AudioSet models: only whole frames, magnitudes, Kaldi's kind of triangles.
_VGGISH = FrontEnd(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160,
    power=1,
    bands=_kaldi_bands(64, 125, 7500),
    log="ln", floor=0.01, floor_by="add",
)  # fmt: skip
_YAMNET = _VGGISH.replace(floor=0.001)

# Tagging on 1024 points, with powers.
_CLAP = FrontEnd(
    sample_rate=48000, n_fft=1024, hop_length=480,
    pad_left=512, pad_right=512, pad_mode="reflect",
    bands=Bands(64, 50, 14000, "htk"),
    **_DECIBELS,
)  # fmt: skip

# Vocoders: magnitudes. The first ones centre frames as torch.stft does, those of HiFi-GAN's kind
# reflect (n_fft - hop_length) / 2 samples and add to the power below the root.
_TACOTRON_2 = FrontEnd(
    sample_rate=22050, n_fft=1024, hop_length=256,
    pad_left=512, pad_right=512, pad_mode="reflect",
    power=1,
    bands=_slaney(80, 8000),
    log="ln", floor=1e-5,
    time_first=False,
)  # fmt: skip
_VOCOS = _TACOTRON_2.replace(sample_rate=24000, bands=Bands(100, 0, 12000, "htk"), floor=1e-7)
_HIFI_GAN = _TACOTRON_2.replace(pad_left=384, pad_right=384, power_offset=1e-9)
_BIGVGAN_100 = _HIFI_GAN.replace(sample_rate=24000, bands=_slaney(100, 12000))

# torch.stft's window is in the middle of the transform. Powers do not show where it is, so
# win_length // 2 samples at the edges in place of n_fft // 2 give the same (PaSST, StyleTTS 2).
_PASST = FrontEnd(
    sample_rate=32000, n_fft=1024, win_length=800, hop_length=320, window="hann_symmetric",
    pad_left=400, pad_right=400, pad_mode="reflect",
    preemphasis=0.97, preemphasis_first="drop",
    bands=Bands(128, 0, 15500, "htk", linear_in="mel"),
    log="ln", floor=1e-5, floor_by="add",
    gain=1 / 5, offset=4.5 / 5,
    time_first=False,
)  # fmt: skip
_STYLETTS_2 = FrontEnd(
    sample_rate=24000, n_fft=2048, win_length=1200, hop_length=300,
    pad_left=600, pad_right=600, pad_mode="reflect",
    bands=Bands(80, 0, 8000, "htk", made_for=16000),
    log="ln", floor=1e-5, floor_by="add",
    gain=1 / 4, offset=1,
    time_first=False,
)  # fmt: skip

# Gemma 3n takes frames of 513 samples and leaves out the last one, hence pad_right=-1; so does
# Gemma 4 with frames of 321.
_GEMMA_3N = FrontEnd(
    sample_rate=16000, n_fft=1024, win_length=512, hop_length=160,
    pad_right=-1,
    preemphasis=0.97, preemphasis_first="frame",
    power=1,
    bands=Bands(128, 125, 7600, "htk"),
    log="ln", floor=1e-5,
)  # fmt: skip
_GEMMA_4 = FrontEnd(
    sample_rate=16000, n_fft=512, win_length=320, hop_length=160,
    pad_left=160, pad_right=-1,
    power=1,
    bands=Bands(128, 0, 8000, "htk"),
    log="ln", floor=0.001, floor_by="add",
)  # fmt: skip

# log10(1 + 10000 m) is log10(m + 1e-4) + 4.
_MUSICNN = FrontEnd(
    sample_rate=16000, n_fft=512, hop_length=256,
    pad_left=256, pad_right=256,
    bands=_slaney(96, 8000),
    log="log10", floor=1e-4, floor_by="add",
    offset=4,
)  # fmt: skip

_HF = ("transformers", "5.24.0")
_TORCHAUDIO_2 = ("torchaudio", "2.11.0")
_LIBROSA_0 = ("librosa", "0.11.0")
_LIBROSA_1 = ("librosa", "1.0.0")
_NEMO = ("nemo-toolkit", "3.0.0")
_YAMNET_AT = ("tensorflow/models, audioset/yamnet", "commit 33630ec96c17, tensorflow 2.20.0")
_BIGVGAN = ("NVIDIA/BigVGAN", "commit 7d2b454564a6")
_ESSENTIA = ("essentia", "2.1b6.dev1389")

_TO_30_S = "zeros appended to 30 s, or a cut: fix_length(x, 480000)"
_TO_10_S = "repeated to 10 s: fix_length(x, 480000, mode='repeatpad')"
_MINUS_PEAK = "minus the largest value"
_LAST_IS_0 = "only the first n // 160 frames of n samples count; the last one is 0"
_TO_128 = "zeros appended to a multiple of 128 samples"

# Formatted by hand: an entry is a few lines, so that a family can be seen at once.
# fmt: off
RECIPES = (
    # Whisper
    Recipe("whisper-80", _WHISPER_80, "openai-whisper", "20250625",
           "whisper.audio.log_mel_spectrogram(x, n_mels=80)", before=_TO_30_S),
    Recipe("whisper-128", _WHISPER_128, "openai-whisper", "20250625",
           "whisper.audio.log_mel_spectrogram(x, n_mels=128)", before=_TO_30_S),
    Recipe("whisper-hf-128", _WHISPER_128.replace(range_over="item"), *_HF,
           "WhisperFeatureExtractor(feature_size=128); also of Qwen2-Audio, Qwen3-ASR, Voxtral",
           before=_TO_30_S),
    Recipe("whisper-hf-80-numpy", _WHISPER_80.replace(range_over="item"), *_HF,
           "WhisperFeatureExtractor, without torch", before=_TO_30_S),
    Recipe("whisper-hf-80-30s", _WHISPER_80.replace(range_over="item"), *_HF,
           "WhisperFeatureExtractor()(x)", before=_TO_30_S),
    Recipe("faster-whisper-128", _WHISPER_128, "faster-whisper", "1.2.1",
           "FeatureExtractor(feature_size=128)(x)",
           before="160 zeros appended: fix_length(x, x.shape[-1] + 160)"),
    Recipe("s3tokenizer-128", _WHISPER_128, "s3tokenizer", "0.3.0",
           "s3tokenizer.utils.log_mel_spectrogram(x, 128); of CosyVoice 2 and 3, Chatterbox"),
    Recipe("voxtral-realtime",  # a constant of 1.5 in place of the peak
           _WHISPER_128.replace(floor=10**-6.5, dynamic_range=None, range_over="item"), *_HF,
           "VoxtralRealtimeFeatureExtractor"),
    Recipe("granite-speech",
           _WHISPER_80.replace(n_fft=512, pad_right=200, bands=Bands(80, 0, 8000, "htk"),
                               range_over="item", time_first=True), *_HF,
           "GraniteSpeechFeatureExtractor", after="pairs of frames: stack_frames(y, 2)"),

    # librosa: up to 0.9 it reflected at the edges, and up to 0.11 the peak was that of the call
    Recipe("librosa-0.9-melspectrogram", _LIBROSA.replace(pad_mode="reflect"), "librosa", "0.9",
           "librosa.feature.melspectrogram(y=x, sr=22050); recorded with 0.11, pad_mode='reflect'"),
    Recipe("librosa-0.11-melspectrogram", _LIBROSA, *_LIBROSA_0,
           "librosa.feature.melspectrogram(y=x, sr=22050)"),
    Recipe("librosa-0.11-logmel-db", _LIBROSA_DB, *_LIBROSA_0,
           "librosa.power_to_db(librosa.feature.melspectrogram(y=x, sr=22050), ref=np.max)",
           after=f"{_MINUS_PEAK} of the call (ref=np.max)"),
    Recipe("librosa-0.11-mfcc", _LIBROSA_DB.replace(n_cepstra=20), *_LIBROSA_0,
           "librosa.feature.mfcc(y=x, sr=22050)"),
    Recipe("librosa-1.0-melspectrogram", _LIBROSA, *_LIBROSA_1,
           "librosa.feature.melspectrogram(y=x, sr=22050)"),
    Recipe("librosa-1.0-logmel-db", _LIBROSA_1_DB, *_LIBROSA_1,
           "librosa.power_to_db(librosa.feature.melspectrogram(y=x, sr=22050), ref=np.max)",
           after=f"{_MINUS_PEAK} of each channel (ref=np.max)"),
    Recipe("librosa-1.0-mfcc", _LIBROSA_1_DB.replace(n_cepstra=20), *_LIBROSA_1,
           "librosa.feature.mfcc(y=x, sr=22050)"),
    Recipe("resemblyzer",
           _LIBROSA.replace(sample_rate=16000, n_fft=400, win_length=400, hop_length=160,
                            pad_left=200, pad_right=200, bands=_slaney(40, 8000), time_first=True),
           "resemblyzer", "its call, with librosa 0.11.0",
           "audio.wav_to_mel_spectrogram; GE2E speaker encoders"),
    Recipe("musicnn", _MUSICNN, "jordipons/musicnn", "commit 516acb2a0ff5, librosa 0.11.0",
           "extractor.py, which rounds bands to float16, and overflows for loud signals"),
    Recipe("essentia-musicnn",
           _MUSICNN.replace(window="hann_symmetric", pad_right=511), *_ESSENTIA,
           "TensorflowInputMusiCNN() on FrameGenerator(x, frameSize=512, hopSize=256)"),

    # torchaudio, Keras, tf.signal
    Recipe("torchaudio-melspectrogram", _TORCHAUDIO, *_TORCHAUDIO_2,
           "torchaudio.transforms.MelSpectrogram(16000)"),
    Recipe("torchaudio-mfcc",
           _TORCHAUDIO.replace(**_DECIBELS, dynamic_range=80, range_over="call", n_cepstra=40),
           *_TORCHAUDIO_2, "torchaudio.transforms.MFCC(16000)"),
    Recipe("keras-melspectrogram", _KERAS, "keras", "3.13.2",
           "keras.layers.MelSpectrogram()"),
    Recipe("tf-signal-mfcc",
           FrontEnd(sample_rate=16000, n_fft=1024, hop_length=256, power=1,
                    bands=_kaldi_bands(80, 80, 7600), log="ln", floor=1e-6, floor_by="add",
                    n_cepstra=13),
           "tensorflow", "2.20.0",
           "tf.signal.mfccs_from_log_mel_spectrograms, the example of its documentation",
           after="coefficient 0 times sqrt(2)"),
    Recipe("speechbrain-fbank-80",
           FrontEnd(sample_rate=16000, n_fft=400, hop_length=160, window="hamming",
                    pad_left=200, pad_right=200, bands=Bands(80, 0, 8000, "htk", linear_in="left"),
                    **_DECIBELS, dynamic_range=80),
           "speechbrain", "1.1.2", "speechbrain.lobes.features.Fbank(n_mels=80)",
           after="minus the mean of each band over time (InputNormalization)"),

    # Kaldi
    Recipe("kaldi-fbank-80", _KALDI, *_TORCHAUDIO_2,
           "torchaudio.compliance.kaldi.fbank(x * 32768, num_mel_bins=80); of WeNet and many more"),
    Recipe("kaldi-fbank-23", _KALDI.replace(bands=_kaldi_bands(23)), *_TORCHAUDIO_2,
           "torchaudio.compliance.kaldi.fbank(x * 32768)"),
    Recipe("kaldi-mfcc-13", _KALDI.replace(bands=_kaldi_bands(23), n_cepstra=13, lifter=22),
           *_TORCHAUDIO_2, "torchaudio.compliance.kaldi.mfcc(x * 32768), C0 kept"),
    Recipe("sherpa-onnx-fbank", _ICEFALL, "kaldi-native-fbank", "1.23.0",
           "OnlineFbank, num_bins 80, high_freq -400, snip_edges False; of sherpa-onnx, icefall"),
    Recipe("lhotse-fbank", _ICEFALL, "lhotse", "1.33.0", "lhotse.Fbank().extract(x, 16000)"),
    Recipe("wespeaker",
           _KALDI.replace(window="hamming_symmetric", normalisation=Normalisation(divide=False)),
           "wenet-e2e/wespeaker", "commit dfa741957e5c, torchaudio 2.11.0",
           "Speaker.compute_features; also of pyannote's embedding, CAM++, 3D-Speaker"),
    Recipe("funasr-paraformer", _KALDI.replace(window="hamming_symmetric"),
           "modelscope/FunASR", "commit 3c58cb56a565, torchaudio 2.11.0",
           "WavFrontend(lfr_m=7, lfr_n=6); also of SenseVoice",
           after="stack_frames(y, 7, 6, 'repeat'), then (y + shift) * scale of the file am.mvn"),
    Recipe("seamless-m4t",
           _KALDI.replace(normalisation=Normalisation(ddof=1, eps=1e-7, eps_in="variance")), *_HF,
           "SeamlessM4TFeatureExtractor",
           after="pairs of frames: stack_frames(y, 2, edge='zeros')"),
    Recipe("speech-to-text", _KALDI.replace(normalisation=Normalisation()), *_HF,
           "Speech2TextFeatureExtractor; a band that does not change gives nan"),
    Recipe("phi4-multimodal",
           _KALDI.replace(window="hamming_symmetric", remove_mean=False,
                          bands=_kaldi_bands(80, 0, 7690), floor=1), *_HF,
           "Phi4MultimodalFeatureExtractor"),
    Recipe("ast", _AST, *_HF, "ASTFeatureExtractor",
           after="1024 frames: fix_length(y, 1024, axis=-2, value=0.4670323625)"),
    Recipe("beats",
           _KALDI.replace(bands=_kaldi_bands(128), gain=1 / (2 * 6.55582),
                          offset=-15.41663 / (2 * 6.55582)),
           "microsoft/unilm, beats", "commit 768a3c873f59, torchaudio 2.11.0", "BEATs.preprocess"),
    Recipe("eat", _AST.replace(gain=1 / (2 * 4.569), offset=4.268 / (2 * 4.569)),
           "cwx-worst-one/EAT", "commit 06c1c34e2afd, torchaudio 2.11.0", "feature_extract.py"),
    Recipe("lasr",  # no mean and no pre-emphasis
           FrontEnd(sample_rate=16000, n_fft=512, win_length=400, hop_length=160,
                    window="hann_symmetric", bands=_kaldi_bands(128, 125, 7500),
                    log="ln", floor=1e-5), *_HF,
           "LasrFeatureExtractor"),

    # NeMo
    Recipe("nemo-80", _NEMO_80, *_NEMO,
           "FilterbankFeatures, normalize='per_feature', 80 bands; of Canary, TitaNet, Sortformer",
           after=_LAST_IS_0),
    Recipe("nemo-128", _NEMO_128, *_NEMO,
           "FilterbankFeatures, normalize='per_feature', 128 bands; of Parakeet, Canary",
           after=_LAST_IS_0),
    Recipe("nemo-128-none", _NEMO_128_NONE, *_NEMO,
           "FilterbankFeatures, normalize=None, 128 bands; of streaming models",
           after="the last frame set to 0"),
    Recipe("parakeet-hf", _NEMO_80.replace(time_first=True), *_HF,
           "ParakeetFeatureExtractor", after=_LAST_IS_0),

    # Google's AudioSet models
    Recipe("vggish", _VGGISH, "harritaylor/torchvggish", "commit f3f90969ce8f",
           "mel_features.log_mel_spectrogram, a copy of tensorflow/models",
           after="patches(y, 96, 96)"),
    Recipe("yamnet", _YAMNET, *_YAMNET_AT, "waveform_to_log_mel_spectrogram_patches(x, Params())"),
    Recipe("yamnet-tflite", _YAMNET, *_YAMNET_AT,
           "waveform_to_log_mel_spectrogram_patches, tflite_compatible=True"),
    Recipe("yamnet-patches", _YAMNET, *_YAMNET_AT,
           "pad_waveform, then waveform_to_log_mel_spectrogram_patches",
           before="zeros appended, to 15600 samples or a multiple of 7680 more",
           after="patches(y, 96, 48)"),
    Recipe("essentia-vggish",
           _VGGISH.replace(window="hann_symmetric", pad_left=200, pad_right=359), *_ESSENTIA,
           "TensorflowInputVGGish() on FrameGenerator(x, frameSize=400, hopSize=160)"),

    # Audio tagging and embeddings
    Recipe("clap-fusion", _CLAP, *_HF,
           "ClapFeatureExtractor, truncation 'fusion', frequency_min 50 of the checkpoints",
           before=_TO_10_S),
    Recipe("clap-unfused", _CLAP.replace(bands=_slaney(64, 14000, 50)), *_HF,
           "ClapFeatureExtractor, truncation 'rand_trunc', frequency_min 50 of the checkpoints",
           before=_TO_10_S),
    Recipe("clap-laion", _CLAP, "LAION-AI/CLAP", "commit 1fd4c37df5ff, torchaudio 2.11.0",
           "laion_clap.training.data.get_mel, HTSAT-tiny", before=_TO_10_S),
    Recipe("panns",
           _CLAP.replace(sample_rate=32000, hop_length=320, bands=_slaney(64, 14000, 50)),
           "qiuqiangkong/audioset_tagging_cnn", "commit d2f4b8c18eab, torchlibrosa 0.1.0",
           "Cnn14, its spectrogram_extractor and logmel_extractor"),
    Recipe("passt", _PASST, "kkoutini/PaSST", "commit 2a5c818afcc2, torchaudio 2.11.0",
           "AugmentMelSTFT; also of EfficientAT"),
    Recipe("m2d",
           FrontEnd(sample_rate=16000, n_fft=400, hop_length=160,
                    pad_left=200, pad_right=200, pad_mode="reflect", bands=_slaney(80, 8000, 50),
                    log="ln", floor=2.0**-23, floor_by="add", time_first=False),
           "nttcslab/m2d", "commit f0c4128d4e89, nnaudio 0.3.4",
           "nnAudio's MelSpectrogram(16000, 400, 400, 160, 80), then (y + eps).log()"),
    Recipe("beat-this",  # log1p(1000 m) is ln(m + 0.001) + ln 1000; divided by sqrt(n_fft)
           FrontEnd(sample_rate=22050, n_fft=1024, hop_length=441,
                    pad_left=512, pad_right=512, pad_mode="reflect", input_scale=1 / 32, power=1,
                    bands=Bands(128, 30, 11000, "slaney"), log="ln", floor=0.001, floor_by="add",
                    offset=math.log(1000)),
           "CPJKU/beat_this", "commit 9d787b9797ea, torchaudio 2.11.0", "LogMelSpect()"),
    Recipe("audiocraft-mel-loss",
           FrontEnd(sample_rate=24000, n_fft=1024, hop_length=256,
                    pad_left=384, pad_right=384, pad_mode="reflect", bands=Bands(64, 0, 12000),
                    log="log10", floor=1e-5, floor_by="add", time_first=False),
           "facebookresearch/audiocraft", "commit 896ec7c47f5e, torchaudio 2.11.0",
           "MelSpectrogramWrapper(n_fft=1024, hop_length=256, n_mels=64, sample_rate=24000)",
           before="if n is no multiple of 256: padded as by the front end, zeros to a whole frame"),

    # Speech synthesis
    Recipe("tacotron2", _TACOTRON_2, "NVIDIA/tacotron2", "commit 185cd24e046c",
           "TacotronSTFT().mel_spectrogram; also of WaveGlow, FastPitch"),
    Recipe("vocos-24k", _VOCOS, "gemelo-ai/vocos", "commit c859e3b7b534, torchaudio 2.11.0",
           "MelSpectrogramFeatures()"),
    Recipe("f5-tts", _VOCOS.replace(floor=1e-5), "f5-tts", "1.1.22",
           "get_vocos_mel_spectrogram"),
    Recipe("hifi-gan", _HIFI_GAN, "jik876/hifi-gan", "commit 4769534d4526",
           "meldataset.mel_spectrogram(x, 1024, 80, 22050, 256, 1024, 0, 8000)"),
    Recipe("bigvgan-v2-24k-100", _BIGVGAN_100, *_BIGVGAN,
           "meldataset.mel_spectrogram(x, 1024, 100, 24000, 256, 1024, 0, None)"),
    Recipe("bigvgan-v2-44k-128",
           _HIFI_GAN.replace(sample_rate=44100, n_fft=2048, win_length=2048, hop_length=512,
                             pad_left=768, pad_right=768, bands=_slaney(128, 22050)), *_BIGVGAN,
           "meldataset.mel_spectrogram(x, 2048, 128, 44100, 512, 2048, 0, None)"),
    Recipe("cosyvoice2",
           _HIFI_GAN.replace(sample_rate=24000, n_fft=1920, win_length=1920, hop_length=480,
                             pad_left=720, pad_right=720),
           "shivammehta25/Matcha-TTS", "commit 108906c603fa",
           "matcha.utils.audio.mel_spectrogram(x, 1920, 80, 24000, 480, 1920, 0, 8000)"),
    Recipe("univnet", _BIGVGAN_100.replace(time_first=True), *_HF,
           "UnivNetFeatureExtractor.mel_spectrogram"),
    Recipe("vits-linear", _HIFI_GAN.replace(power_offset=1e-6, bands=None, log="none", floor=0),
           "jaywalnut310/vits", "commit 2e561ba58618",
           "spectrogram_torch(x, 1024, 22050, 256, 1024); also of Piper, RVC, GPT-SoVITS"),
    Recipe("rmvpe",
           _TACOTRON_2.replace(sample_rate=16000, hop_length=160,
                               bands=Bands(128, 30, 8000, "htk", norm="slaney")),
           "RVC-Project/Retrieval-based-Voice-Conversion-WebUI",
           "commit 4338f12c3c28, librosa 0.11.0",
           "MelSpectrogram(False, 128, 16000, 1024, 160, None, 30, 8000)"),
    Recipe("speecht5",
           _TACOTRON_2.replace(sample_rate=16000, bands=_slaney(80, 7600, 80), log="log10",
                               floor=1e-10, time_first=True), *_HF,
           "SpeechT5FeatureExtractor()(audio_target=x)"),
    Recipe("clvp",
           _TACOTRON_2.replace(power=2, bands=Bands(80, 0, 8000, "htk", norm="slaney")), *_HF,
           "ClvpFeatureExtractor; of Tortoise",
           after="divided by the checkpoint's mel_norms: replace(gain=1 / mel_norms)"),
    Recipe("styletts2", _STYLETTS_2, "yl4579/StyleTTS2", "commit 5cedc71c333f, torchaudio 2.11.0",
           "preprocess(), whose filterbank is that of 16 kHz; of Kokoro's training"),

    # Speech in other models
    Recipe("gemma3n", _GEMMA_3N, *_HF, "Gemma3nAudioFeatureExtractor", before=_TO_128),
    Recipe("gemma4", _GEMMA_4, *_HF, "Gemma4AudioFeatureExtractor", before=_TO_128,
           after="frames that reach into these zeros set to 0"),
    Recipe("silero-vad-stft",
           FrontEnd(sample_rate=16000, n_fft=256, hop_length=128, pad_right=64, pad_mode="reflect",
                    power=1, time_first=False),
           "silero-vad", "6.2.3", "silero_vad.jit, its first layer",
           before="512 samples at a time, behind the 64 samples before them"),
)
# fmt: on
