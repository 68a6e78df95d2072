"""Bad calls of every public function: each message names the argument, the rule and the value."""

import inspect
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import kapre_ref as kr

X = np.ones(100, np.float32)  # (time,)
S = np.ones((9, 17), np.float32)  # (n_frames, n_freq)
C = np.ones((9, 17), np.complex64)
BATCH = np.ones((2, 50, 3), np.float32)  # (batch, time, channel)
RNG = np.random.default_rng(0)
OUT = np.zeros((97, 4), np.float32)  # what `frame(X, 4, 1)` needs
READ_ONLY = OUT.copy()
READ_ONLY.flags.writeable = False

FLOATS = "float16, float32 or float64"
FORMATS = "one of 'channels_first', 'channels_last' or 'default'"
SIGNALS = "(time,), (batch, time), or (batch, time, channel) / (batch, channel, time)"
SPECTRA = (
    "(n_frames, n_freq), (batch, n_frames, n_freq), or "
    "(batch, n_frames, n_freq, channel) / (batch, channel, n_frames, n_freq)"
)
WITH_CHANNELS = "(batch, time, channel) / (batch, channel, time)"
NAMES = "hamming_window, hann_window, kaiser_bessel_derived_window, kaiser_window, vorbis_window"
NORMS = "'slaney', None or a number of 0 or more (inf and -inf too)"
MOST = 2**31 - 1
KBD = "kaiser_bessel_derived_window"
CH_LAST = kr.CH_LAST_STR
DB = {"return_decibel": True}


def call(name, *args, **kwargs):
    return name, args, kwargs


# What is called; then the kind of error, and its message: '<argument> must <rule>, got <value>'.
KINDS = [  # TypeError
    # signals
    (call("frame", [1.0], 1, 1), "x must be a numpy.ndarray or a cupy.ndarray, got .*list"),
    (call("frame", X.astype("i2"), 4, 1), f"x must have dtype {FLOATS}, got int16"),
    (call("frame", X.astype("u1"), 4, 1), "got uint8; scale it .* (x - 128.0) / 128"),
    (call("energy", X.astype("i4")), f"x must have dtype {FLOATS}, got int32"),
    (call("energy", X.astype(complex)), f"x must have dtype {FLOATS}, got complex128"),
    (call("stft", X.astype("i2")), "got int16; scale it to [-1, 1] first, e.g. x / 32768"),
    (call("stft", C), f"x must have dtype {FLOATS}, got complex64"),
    (call("stft", X > 0), f"x must have dtype {FLOATS}, got bool"),
    (call("stft_magnitude", X.astype("i8")), f"x must have dtype {FLOATS}, got int64"),
    (call("melspectrogram", X.astype("u2")), f"x must have dtype {FLOATS}, got uint16"),
    (call("log_frequency_spectrogram", C[0]), f"x must have dtype {FLOATS}, got complex64"),
    (call("stft_mag_phase", BATCH.astype("i2")), f"x must have dtype {FLOATS}, got int16"),
    (call("mu_law_encoding", X.astype("i2"), 256), f"signal must have dtype {FLOATS}, got int16"),
    (call("mu_law_encoding", 0.5, 256), "signal must be a numpy.ndarray or .* got .*float"),
    # spectra and whatever else has a shape
    (call("inverse_stft", S, 32), "stfts must have dtype complex64 or complex128, got float32"),
    (call("magnitude", S.astype(int)), "x must have dtype .* or complex128, got int64"),
    (call("phase", S > 0), "x must have dtype .* or complex128, got bool"),
    (call("phase", 1j), "x must be a numpy.ndarray or a cupy.ndarray, got .*complex"),
    (call("apply_filterbank", C, S.T), f"x must have dtype {FLOATS}, got complex64"),
    (call("apply_filterbank", S, S.T.tolist()), "filterbank must be a .* got .*list"),
    (call("apply_filterbank", S, C.T), f"filterbank must have dtype {FLOATS}, got complex64"),
    (call("apply_filterbank", S, S.T > 0), f"filterbank must have dtype {FLOATS}, got bool"),
    (call("delta", S.astype(int)), "x must have dtype .*, got int64; .*x.astype('float32')"),
    (call("logmel_to_mfcc", C), f"log_melgrams must have dtype {FLOATS}, got complex64"),
    (call("logmel_to_mfcc", None), "log_melgrams must be a .* got .*NoneType"),
    (call("mfcc", C[0]), f"x must have dtype {FLOATS}, got complex64"),
    (call("mfcc", X, 16, n_mfccs="3"), "n_mfccs must be an integer, got '3'"),
    (call("mfcc", X, 16, db_amin=None), "db_amin must be a number, got None"),
    (call("set_keep_bytes", "2"), "n must be an integer, got '2'"),
    (call("concatenate_frequency_map", C), f"x must have dtype {FLOATS}, got complex64"),
    (call("spec_augment", C, 1, 1, rng=RNG), f"x must have dtype {FLOATS}, got complex64"),
    (call("channel_swap", "x", rng=RNG), "x must be a numpy.ndarray or .* got .*str"),
    (call("magnitude_to_decibel", C), f"x must have dtype {FLOATS}, got complex64"),
    (call("magnitude_to_decibel", S.astype(int)), f"x must have dtype {FLOATS}, got int64"),
    (call("magnitude_to_decibel", 1.0), "x must be a numpy.ndarray or .* got .*float"),
    (call("mu_law_decoding", X > 0, 256), "signal_mu must have dtype .* got bool"),
    (call("mu_law_decoding", C, 256), "signal_mu must have dtype .* got complex64"),
    (call("mu_law_decoding", [128], 256), "signal_mu must be a .* got .*list"),
    # integers
    (call("frame", X, True, 1), "frame_length must be an integer, got True"),
    (call("frame", X, np.True_, 1), "frame_length must be an integer, got bool: np.True_"),
    (call("frame", X, "4", 1), "frame_length must be an integer, got '4'"),
    (call("frame", X, 4, None), "hop_length must be an integer, got None"),
    (call("frame", X, np.array(4), 1), "frame_length must be an integer, got ndarray: array(4)"),
    (call("frame", X, 4, [1]), "hop_length must be an integer, got list: [1]"),
    (call("energy", X, frame_length=4j), "frame_length must be an integer, got complex: 4j"),
    (call("stft", X, "2048"), "n_fft must be an integer, got '2048'"),
    (call("stft", X, [16]), "n_fft must be an integer, got list: [16]"),
    (call("stft", X, 16, "16"), "win_length must be an integer, got '16'"),
    (call("stft", X, 16, hop_length=True), "hop_length must be an integer, got True"),
    (call("inverse_stft", C, None), "n_fft must be an integer, got None"),
    (call("delta", S, "5"), "win_length must be an integer, got '5'"),
    (call("logmel_to_mfcc", S, None), "n_mfccs must be an integer, got None"),
    (call("spec_augment", S, None, 1, rng=RNG), "freq_mask_param must be an integer, got None"),
    (call("spec_augment", S, 1, 1, "1", rng=RNG), "n_freq_masks must be an integer, got '1'"),
    (call("mu_law_encoding", X, "256"), "quantization_channels must be an integer, got '256'"),
    (call("mu_law_decoding", X, None), "quantization_channels must be an integer, got None"),
    (call("filterbank_mel", 8000, "17"), "n_freq must be an integer, got '17'"),
    (call("filterbank_mel", 8000, 17, None), "n_mels must be an integer, got None"),
    (call("filterbank_log", 8000, 17, True), "n_bins must be an integer, got True"),
    (call("filterbank_log", 8000, 17, 4, "1"), "bins_per_octave must be an integer, got '1'"),
    (call("hann_window", None), "window_length must be an integer, got None"),
    (call("hamming_window", "16"), "window_length must be an integer, got '16'"),
    (call("kaiser_window", [4]), "window_length must be an integer, got list: [4]"),
    (call("melspectrogram", X, 16, n_mels="4"), "n_mels must be an integer, got '4'"),
    (call("log_frequency_spectrogram", X, log_n_bins=""), "log_n_bins must be an integer, got ''"),
    (call("set_num_threads", "2"), "n must be an integer, got '2'"),
    (call("set_num_threads", True), "n must be an integer, got True"),
    # numbers
    (call("frame", X, 4, 1, True, None), "pad_value must be a number, got None"),
    (call("frame", X, 4, 1, True, 1j), "pad_value must be a number, got complex: 1j"),
    (call("energy", X, "8000"), "sample_rate must be a number, got '8000'"),
    (call("energy", X, ref_duration=None), "ref_duration must be a number, got None"),
    (call("energy", X, Decimal(8000)), "sample_rate must be a number, got Decimal: .*8000"),
    (call("magnitude_to_decibel", S, "1"), "ref_value must be a number, got '1'"),
    (call("magnitude_to_decibel", S, 1, None), "amin must be a number, got None"),
    (call("magnitude_to_decibel", S, 1, 1, True), "dynamic_range must be a number, got True"),
    (call("magnitude_to_decibel", S, X), "ref_value must be a number, got ndarray: array"),
    (call("spec_augment", S, 1, 1, 1, 1, "", rng=RNG), "mask_value must be a number, got ''"),
    (call("filterbank_mel", None, 17), "sample_rate must be a number, got None"),
    (call("filterbank_mel", 8000, 17, 4, None), "f_min must be a number, got None"),
    (call("filterbank_mel", 8000, 17, norm=True), "norm must be a number, got True"),
    (call("filterbank_mel", 8000, 17, norm=[1]), "norm must be a number, got list: [1]"),
    (call("filterbank_mel", 8000, 17, norm=S), "norm must be a number, got ndarray: array"),
    (call("filterbank_log", 8000, 17, 4, spread=""), "spread must be a number, got ''"),
    (call("kaiser_window", 4, "12"), "beta must be a number, got '12'"),
    (call(KBD, 4, None), "beta must be a number, got None"),
    (call("melspectrogram", X, sample_rate=None), "sample_rate must be a number, got None"),
    (call("melspectrogram", X, mel_f_max="1"), "mel_f_max must be a number, got '1'"),
    (call("melspectrogram", X, mel_norm={}), "mel_norm must be a number, got dict: {}"),
    (call("log_frequency_spectrogram", X, log_f_min=""), "log_f_min must be a number, got ''"),
    (call("stft_magnitude", X, **DB, db_amin=None), "db_amin must be a .*, got None"),
    # flags and words
    (call("frame", X, 4, 1, 1), "pad_end must be True or False, got 1"),
    (call("frame", X, 4, 1, "yes"), "pad_end must be True or False, got 'yes'"),
    (call("frame", X, 4, 1, data_format=None), "data_format must be a string, got None"),
    (call("energy", X, pad_end=None), "pad_end must be True or False, got None"),
    (call("stft", X, pad_begin=1), "pad_begin must be True or False, got 1"),
    (call("stft", X, pad_end="x"), "pad_end must be True or False, got 'x'"),
    (call("stft", X, window_name=3), "window_name must be a string or None, got int: 3"),
    (call("stft", X, window_name=[]), "window_name must be a string or None, got list: []"),
    (call("stft", X, input_data_format=3), "input_data_format must be a string, got 3"),
    (call("stft", X, output_data_format=b"default"), "output_data_format must be a string, got b"),
    (call("delta", S, 5, None), "mode must be a string, got None"),
    (call("filterbank_mel", 8000, 17, htk=1), "htk must be True or False, got 1"),
    (call("hann_window", 4, 1), "periodic must be True or False, got 1"),
    (call("hann_window", 4, True, int), f"dtype must be {FLOATS}, got int64"),
    (call("hamming_window", 4, True, "half precision"), f"dtype must be {FLOATS}, got 'half"),
    (call("vorbis_window", 4, None), f"dtype must be {FLOATS}, got None"),
    (call("filterbank_log", 8000, 17, 4, dtype="c8"), f"dtype must be {FLOATS}, got complex64"),
    (call("get_window_fn", 3), "window_name must be a string or None, got int: 3"),
    (call("validate_data_format_str", None), "data_format must be a string, got None"),
    (call("validate_data_format_str", b"default"), "data_format must be a string, got bytes: b'd"),
    (call("stft_magnitude", X, return_decibel=1), "return_decibel must be True or False, got 1"),
    (call("melspectrogram", X, mel_htk=None), "mel_htk must be True or False, got None"),
    (call("stft_mag_phase", BATCH, return_decibel=0), "return_decibel must be .*, got 0"),
    # generators and out
    (call("spec_augment", S, 1, 1, rng=0), "rng must be a .*Generator, got int"),
    (call("spec_augment", S, 1, 1, rng=None), "rng must be a .*Generator, got NoneType"),
    (call("channel_swap", BATCH, rng=np.random), "rng must be a .*Generator, got module"),
    (call("frame", X, 4, 1, out=OUT.tolist()), "out must be a numpy.ndarray or .* got .*list"),
    (call("frame", X, 4, 1, out=OUT.astype("f8")), "out must have dtype float32 .*, got float64"),
    (call("frame", X, 4, 1, out=OUT.astype(">f4")), "out must have dtype float32 .*, got >f4"),
    (call("stft", X, 16, out=np.zeros((22, 9))), "out must have dtype complex64 .*, got float64"),
    (call("mu_law_encoding", X, 256, out=X.copy()), "out must have dtype int32 .*, got float32"),
    (call("mu_law_decoding", X, 256, out=X + 0j), "out must have dtype float32 .*, got complex64"),
]  # fmt: skip

VALUES = [  # ValueError
    # shapes
    (call("frame", S[..., None, None], 4, 1), f"x must have shape {SIGNALS}, got shape (9, 17, 1"),
    (call("frame", X[0, ...], 4, 1), f"x must have shape {SIGNALS}, got shape ()"),
    (call("energy", S[None, None]), f"x must have shape {SIGNALS}, got shape (1, 1, 9, 17)"),
    (call("stft", S[None, None]), f"x must have shape {SIGNALS}, got shape (1, 1, 9, 17)"),
    (call("stft_mag_phase", X), f"x must have shape {WITH_CHANNELS}, got shape (100,)"),
    (call("stft_mag_phase", S), f"x must have shape {WITH_CHANNELS}, got shape (9, 17)"),
    (call("inverse_stft", C[0], 32), f"stfts must have shape {SPECTRA}, got shape (17,)"),
    (call("inverse_stft", C, 16), "stfts must have n_fft // 2 + 1 = 9 frequency bins .*, got 17"),
    (call("inverse_stft", C, 64), "stfts must have n_fft // 2 + 1 = 33 frequency bins .*, got 17"),
    (call("inverse_stft", C), "stfts must have n_fft // 2 + 1 = 1025 frequency bins .*, got 17"),
    (call("apply_filterbank", S, S), "filterbank must have as many .*17, got shape (9, 17)"),
    (call("apply_filterbank", S, X), "filterbank must have shape (n_freq, n_bands), .* (100,)"),
    (call("apply_filterbank", X, S), f"x must have shape {SPECTRA}, got shape (100,)"),
    (call("delta", X), f"x must have shape {SPECTRA}, got shape (100,)"),
    (call("logmel_to_mfcc", X), f"log_melgrams must have shape {SPECTRA}, got shape (100,)"),
    (call("concatenate_frequency_map", S), "x must have shape (batch, .*, got shape (9, 17)"),
    (call("spec_augment", X, 1, 1, rng=RNG), f"x must have shape {SPECTRA}, got shape (100,)"),
    (call("channel_swap", S, rng=RNG), f"x must have shape {WITH_CHANNELS} .* (9, 17)"),
    # too few frames
    (call("delta", S, 21), "x must have at least 10 frames for mode='symmetric' .*21, got 9"),
    (call("delta", S, 19, "reflect"), "x must have at least 10 frames .*'reflect' .*19, got 9"),
    # integers
    (call("frame", X, 0, 1), "frame_length must be an integer at least 1, got 0"),
    (call("frame", X, -4, 1), "frame_length must be an integer at least 1, got -4"),
    (call("frame", X, 2.5, 1), "frame_length must be an integer, got 2.5"),
    (call("frame", X, np.float32(4), 1), "frame_length must be an integer, got np.float32(4.0)"),
    (call("frame", X, Fraction(9, 2), 1), "frame_length must be an integer, got Fraction(9, 2)"),
    (call("frame", X, float("nan"), 1), "frame_length must be an integer, got nan"),
    (call("frame", X, 4, 0), "hop_length must be an integer at least 1, got 0"),
    (call("frame", X, 4, 5), "hop_length must be at most frame_length=4, got 5"),
    (call("frame", X, 10**30, 1), f"frame_length must be an integer at most {MOST}, got {10**30}"),
    (call("energy", X, frame_length=0), "frame_length must be an integer at least 1, got 0"),
    (call("energy", X, hop_length=-1), "hop_length must be an integer at least 1, got -1"),
    (call("energy", X, hop_length=2**31), f"hop_length must be .* at most {MOST}, got 2147"),
    (call("stft", X, 0), "n_fft must be an integer at least 1, got 0"),
    (call("stft", X, 512.0), "n_fft must be an integer, got 512.0"),
    (call("stft", X, 2**40), f"n_fft must be an integer at most {MOST}, got {2**40}"),
    (call("stft", X, 16, 0), "win_length must be an integer at least 1, got 0"),
    (call("stft", X, 16, 2**62), f"win_length must be an integer at most {MOST}, got {2**62}"),
    (call("stft", X, 16, 16, 0), "hop_length must be an integer at least 1, got 0"),
    (call("stft", X, 16, 16, 2**70), f"hop_length must be an integer at most {MOST}, got {2**70}"),
    (call("stft", X, 16, 16, 17, pad_begin=True), "hop_length must be at most n_fft=16 .*, got 17"),
    (call("stft", X, 16, 15, window_name=KBD), "win_length must be even .*, got 15; pass 14 or 16"),
    (call("inverse_stft", C, 32, 31, forward_window_name=KBD), "win_length must be even .*, got 3"),
    (call("inverse_stft", C, 32, -1), "win_length must be an integer at least 1, got -1"),
    (call("inverse_stft", C, 32, 32, 0), "hop_length must be an integer at least 1, got 0"),
    (call("stft_magnitude", X, -16), "n_fft must be an integer at least 1, got -16"),
    (call("stft_mag_phase", BATCH, 16, 0), "win_length must be an integer at least 1, got 0"),
    (call("melspectrogram", X, 1), "n_fft must be an integer at least 2, got 1"),
    (call("melspectrogram", X, n_mels=0), "n_mels must be an integer at least 1, got 0"),
    (call("log_frequency_spectrogram", X, 1), "n_fft must be an integer at least 2, got 1"),
    (call("log_frequency_spectrogram", X, log_n_bins=0), "log_n_bins must be .* least 1, got 0"),
    (call("log_frequency_spectrogram", X, log_bins_per_octave=0), "log_bins_per_octave .*, got 0"),
    (call("delta", S, 4), "win_length must be an odd number, got 4"),
    (call("delta", S, 1), "win_length must be an integer at least 3, got 1"),
    (call("delta", S, -5), "win_length must be an integer at least 3, got -5"),
    (call("delta", S, 5.0), "win_length must be an integer, got 5.0"),
    (call("logmel_to_mfcc", S, 0), "n_mfccs must be an integer at least 1, got 0"),
    (call("logmel_to_mfcc", S, -1), "n_mfccs must be an integer at least 1, got -1"),
    (call("logmel_to_mfcc", S, 18), "n_mfccs must be at most n_mels=17, .*, got 18"),
    (call("logmel_to_mfcc", S[:, :0], 1), "n_mfccs must be at most n_mels=0, .*, got 1"),
    (call("mfcc", X, 16, n_mfccs=0), "n_mfccs must be an integer at least 1, got 0"),
    (call("mfcc", X, 16, n_mels=3), "n_mfccs must be at most n_mels=3, .*, got 20"),
    (call("mfcc", X, 16, n_mels=0), "n_mels must be an integer at least 1, got 0"),
    (call("set_keep_bytes", -1), f"n must be an integer from 0 to {2**62}, got -1"),
    (call("spec_augment", S, 18, 1, rng=RNG), "freq_mask_param must be at most 17, .*, got 18"),
    (call("spec_augment", S, 1, 10, rng=RNG), "time_mask_param must be at most 9, .*, got 10"),
    (call("spec_augment", S, -1, 1, rng=RNG), "freq_mask_param must be an integer .*, got -1"),
    (call("spec_augment", S, 1, 1, -1, rng=RNG), "n_freq_masks must be an integer .* 0, got -1"),
    (call("spec_augment", S, 1, 1, 1, 1.5, rng=RNG), "n_time_masks must be an integer, got 1.5"),
    (call("mu_law_encoding", X, 1), "quantization_channels must be .* from 2 to 65536, got 1"),
    (call("mu_law_encoding", X, 65537), "quantization_channels must be .* to 65536, got 65537"),
    (call("mu_law_encoding", X, 2.5), "quantization_channels must be an integer, got 2.5"),
    (call("mu_law_decoding", X, 0), "quantization_channels must be .* from 2 to 65536, got 0"),
    (call("mu_law_decoding", X, 256.0), "quantization_channels must be an integer, got 256.0"),
    (call("filterbank_mel", 8000, 1), "n_freq must be an integer at least 2, got 1"),
    (call("filterbank_mel", 8000, 17, 0), "n_mels must be an integer at least 1, got 0"),
    (call("filterbank_mel", 8000, 17, 2.0), "n_mels must be an integer, got 2.0"),
    (call("filterbank_log", 8000, 0), "n_freq must be an integer at least 2, got 0"),
    (call("filterbank_log", 8000, 17, 0), "n_bins must be an integer at least 1, got 0"),
    (call("filterbank_log", 8000, 17, 4, 0), "bins_per_octave must be an integer .* 1, got 0"),
    (call("filterbank_log", 8000, 17, 4, 1.5), "bins_per_octave must be an integer, got 1.5"),
    (call("hann_window", -1), "window_length must be an integer at least 0, got -1"),
    (call("hamming_window", 4.5), "window_length must be an integer, got 4.5"),
    (call("kaiser_window", 0), "window_length must be an integer at least 1, got 0"),
    (call(KBD, -2), "window_length must be an integer at least 0, got -2"),
    (call("vorbis_window", 10**30), f"window_length must be an integer at most {MOST}, got 1000"),
    (call("perfectly_reconstructing_stft_istft", 0), "n_fft must be an integer at least 1, got 0"),
    (call("perfectly_reconstructing_stft_istft", 16, 17), "hop_length must be at most .*, got 17"),
    (call("perfectly_reconstructing_stft_istft", 16, 16), "hop_length must leave .*=16, got 16"),
    (call("set_num_threads", 0), "n must be an integer at least 1, got 0"),
    (call("set_num_threads", -2), "n must be an integer at least 1, got -2"),
    (call("set_num_threads", 1.5), "n must be an integer, got 1.5"),
    # numbers
    (call("frame", X, 4, 1, True, np.nan), "pad_value must be a finite number, got nan"),
    (call("energy", X, 0), "sample_rate must be positive, got 0"),
    (call("energy", X, -8000.0), "sample_rate must be positive, got -8000.0"),
    (call("energy", X, np.inf), "sample_rate must be a finite number, got inf"),
    (call("energy", X, 8000, 0.0), "ref_duration must be positive, got 0.0"),
    (call("energy", X, pad_end=True, pad_value=np.float32(np.inf)), "pad_value must .* got .*inf"),
    (call("magnitude_to_decibel", S, 0), "ref_value must be positive, got 0"),
    (call("magnitude_to_decibel", S, np.nan), "ref_value must be a finite number, got nan"),
    (call("magnitude_to_decibel", S, 10**400), "ref_value must be a finite number, got 1000"),
    (call("magnitude_to_decibel", S, 1, -1e-5), "amin must be positive, got -1e-05"),
    (call("magnitude_to_decibel", S, 1, 1, 0), "dynamic_range must be positive, got 0"),
    (call("magnitude_to_decibel", S, 1, 1, -np.inf), "dynamic_range must be .*, got -inf"),
    (call("stft_magnitude", X, **DB, db_amin=0), "db_amin must .*, got 0"),
    (call("stft_magnitude", X, **DB, db_ref_value=-1), "db_ref_value must .*, got -1"),
    (call("stft_mag_phase", BATCH, **DB, db_dynamic_range=np.nan), "db_dyn.* must .*, got nan"),
    (call("melspectrogram", X, **DB, db_dynamic_range=0), "db_dyn.* must .*, got 0"),
    (call("spec_augment", S, 1, 1, mask_value=np.nan, rng=RNG), "mask_value must be .*, got nan"),
    (call("filterbank_mel", 0, 17), "sample_rate must be positive, got 0"),
    (call("filterbank_mel", -np.inf, 17), "sample_rate must be a finite number, got -inf"),
    (call("filterbank_mel", 8000, 17, 4, -1), "f_min must be at least 0, got -1"),
    (call("filterbank_mel", 8000, 17, 4, 2000, 1000), "f_min must be less than .*=1000, got 2000"),
    (call("filterbank_mel", 8000, 17, 4, 1000, 1000), "f_min must be less than .*=1000, got 1000"),
    (call("filterbank_mel", 8000, 17, 4, 4000), "f_min must be less than f_max=4000, got 4000"),
    (call("filterbank_mel", 8000, 17, 4, 0, 4001), "f_max must be at most .* = 4000, got 4001"),
    (call("filterbank_mel", 8000, 17, 4, np.nan), "f_min must be a finite number, got nan"),
    (call("filterbank_mel", 8000, 17, 4, 0, np.inf), "f_max must be a finite number, got inf"),
    (call("filterbank_mel", 8000, 17, norm="foo"), f"norm must be {NORMS}, got 'foo'"),
    (call("filterbank_mel", 8000, 17, norm=-1), f"norm must be {NORMS}, got -1"),
    (call("filterbank_mel", 8000, 17, norm=np.nan), "norm must be a finite number, got nan"),
    (call("melspectrogram", X, sample_rate=-1), "sample_rate must be positive, got -1"),
    (call("melspectrogram", X, mel_f_min=-1), "mel_f_min must be at least 0, got -1"),
    (call("melspectrogram", X, mel_f_min=2e4), "mel_f_min must be less than .*=11025, got 2"),
    (call("melspectrogram", X, mel_f_max=2e4), "mel_f_max must be at most .* = 11025, got 20000"),
    (call("melspectrogram", X, mel_norm="Slaney"), f"mel_norm must be {NORMS}, got 'Slaney'"),
    (call("filterbank_log", np.nan, 17), "sample_rate must be a finite number, got nan"),
    (call("filterbank_log", 8000, 17, 4, 12, 0), "f_min must be positive, got 0"),
    (call("filterbank_log", 8000, 17, 4, 12, -32.7), "f_min must be positive, got -32.7"),
    (call("filterbank_log", 8000, 17, 4, spread=0), "spread must be positive, got 0"),
    (call("filterbank_log", 8000, 17, 4, spread=-0.1), "spread must be positive, got -0.1"),
    (call("filterbank_log", 8000, 17, 4, spread=1e9), "spread must be from 1e-06 to 1e+06, got 1"),
    (call("log_frequency_spectrogram", X, log_f_min=0), "log_f_min must be positive, got 0"),
    (call("log_frequency_spectrogram", X, log_spread=0), "log_spread must be positive, got 0"),
    (call("kaiser_window", 4, np.nan), "beta must be a finite number, got nan"),
    (call("kaiser_window", 4, 1e6), "beta must be at most 700, got 1000000.0"),
    (call(KBD, 4, -701), "beta must be at least -700, got -701"),
    # words
    (call("frame", X, 4, 1, data_format="last"), f"data_format must be {FORMATS}, got 'last'"),
    (call("energy", X, data_format=""), f"data_format must be {FORMATS}, got ''"),
    (call("stft", X, input_data_format="x"), f"input_data_format must be {FORMATS}, got 'x'"),
    (call("stft", X, output_data_format="x"), f"output_data_format must be {FORMATS}, got 'x'"),
    (call("inverse_stft", C, 32, input_data_format="x"), "input_data_format must be .*, got 'x'"),
    (call("inverse_stft", C, 32, output_data_format="x"), "output_data_format must .*, got 'x'"),
    (call("melspectrogram", X, output_data_format="x"), "output_data_format must .*, got 'x'"),
    (call("apply_filterbank", S, S.T, "x"), f"data_format must be {FORMATS}, got 'x'"),
    (call("delta", S, 5, "edge"), "mode must be .*symmetric', 'reflect' or .*, got 'edge'"),
    (call("delta", S, data_format="x"), f"data_format must be {FORMATS}, got 'x'"),
    (call("logmel_to_mfcc", S, 3, "x"), f"data_format must be {FORMATS}, got 'x'"),
    (call("concatenate_frequency_map", S, "x"), f"data_format must be {FORMATS}, got 'x'"),
    (call("spec_augment", S, 1, 1, data_format="x", rng=RNG), "data_format must be .*, got 'x'"),
    (call("channel_swap", BATCH, "x", rng=RNG), f"data_format must be {FORMATS}, got 'x'"),
    (call("validate_data_format_str", "Default"), f"data_format must be {FORMATS}, got 'Default'"),
    (call("perfectly_reconstructing_stft_istft", 16, 4, "x"), "waveform_data_format .*, got 'x'"),
    (call("perfectly_reconstructing_stft_istft", 16, 4, CH_LAST, "x"), "stft_.*format .* got 'x'"),
    # out
    (call("frame", X, 4, 1, out=OUT[1:]), "out must have shape (97, 4) .*, got shape (96, 4)"),
    (call("frame", X, 4, 1, out=OUT.T.copy().T), "out must be C-contiguous, got strides (4, 388)"),
    (call("frame", X, 4, 1, out=READ_ONLY), "out must be writeable, got a read-only array"),
    (call("magnitude_to_decibel", S, out=S), "out must not overlap the input, got an array that"),
    (call("mu_law_decoding", X, 256, out=X), "out must not overlap the input, got an array that"),
    (call("melspectrogram", X, 16, n_mels=4, out=S), "out must have shape (22, 4) .*, got .* (9"),
    (call("stft_magnitude", X, 16, out=X), "out must have shape (22, 9) .*, got shape (100,)"),
]  # fmt: skip

OTHERS = [
    (call("stft", X, window_name="han"), NotImplementedError, f"window_name .*{NAMES}.*, got 'han"),
    (call("stft_magnitude", X, window_name=""), NotImplementedError, f"window_.*{NAMES}.*, got ''"),
    (
        call("inverse_stft", C, 32, forward_window_name="boxcar"),
        NotImplementedError,
        f"window_name must be one of {NAMES}.*, got 'boxcar'",
    ),
    (call("get_window_fn", "Hann_window"), NotImplementedError, f"{NAMES}.*, got 'Hann_window'"),
    (call("spec_augment", S, 0, 1, rng=RNG), RuntimeError, "freq_mask_param must be .* 1, got 0"),
    (call("spec_augment", S, 1, 0, rng=RNG), RuntimeError, "time_mask_param must be .* 1, got 0"),
    (
        call("filterbank_log", 8000, 17),
        RuntimeError,
        "n_bins must be .* at most at sample_rate // 2 = 4000 Hz, got n_bins=84, .* 4186.01 Hz",
    ),
    (call("filterbank_log", 8000, 17, 10**9), RuntimeError, "got n_bins=1000000000, .* more Hz"),
    (call("filterbank_log", 8000, 17, 1, f_min=5e3), RuntimeError, "reduce n_bins or f_min"),
    (
        call("log_frequency_spectrogram", X, sample_rate=8000),
        RuntimeError,
        "log_n_bins must be .*, got log_n_bins=84, which ends at 4186.01 Hz; reduce log_n_bins",
    ),
]  # fmt: skip

ROWS = [
    *((bad, TypeError, message) for bad, message in KINDS),
    *((bad, ValueError, message) for bad, message in VALUES),
    *OTHERS,
]


def _pattern(message):
    """Take a message literally, but for '.*'."""
    return ".*".join(re.escape(part) for part in message.split(".*"))


def _id(index):
    (name, _, _), kind, message = ROWS[index]
    return f"{name}-{kind.__name__}-{message.split(' ')[0]}-{index}"


# A call of each function that takes `out`, so that an array which fits is known.
GOOD = {
    name: (args, kwargs)
    for name, args, kwargs in [
        call("apply_filterbank", S, S.T),
        call("channel_swap", BATCH, rng=RNG),
        call("concatenate_frequency_map", S[None, ..., None]),
        call("delta", S),
        call("energy", X, frame_length=8, hop_length=8),
        call("frame", X, 4, 1),
        call("inverse_stft", C, 32),
        call("log_frequency_spectrogram", X, 16, log_n_bins=3),
        call("logmel_to_mfcc", S, 3),
        call("magnitude", C),
        call("mfcc", X, 16, n_mels=4, n_mfccs=2),
        call("magnitude_to_decibel", S),
        call("melspectrogram", X, 16, n_mels=2),
        call("mu_law_decoding", X, 256),
        call("mu_law_encoding", X, 256),
        call("phase", C),
        call("spec_augment", S, 1, 1, rng=RNG),
        call("stft", X, 16),
        call("stft_mag_phase", BATCH, 16),
        call("stft_magnitude", X, 16),
    ]
}


def takes_out(index):
    name, _, kwargs = ROWS[index][0]
    return name in GOOD and "out" not in kwargs


class TestBadCalls:
    @pytest.mark.parametrize("index", range(len(ROWS)), ids=_id)
    def test_message_names_argument_rule_and_value(self, index):
        (name, args, kwargs), kind, message = ROWS[index]
        with pytest.raises(kind, match=_pattern(message)) as caught:
            getattr(kr, name)(*args, **kwargs)
        assert caught.type is kind
        assert re.match(r"\w+ must ", str(caught.value))

    def test_every_function_that_can_fail_is_here(self):
        called = {name for (name, _, _), _, _ in ROWS}
        functions = {name for name in kr.__all__ if callable(getattr(kr, name))}
        operations = {name for name in functions if not name.endswith("_reference")}
        # They take nothing; what two of them read from the environment is tested below.
        assert operations - called == {"get_num_threads", "get_keep_bytes", "release_memory"}

    def test_rows_are_distinct(self):
        assert len({repr(row) for row in ROWS}) == len(ROWS) >= 90

    @pytest.mark.parametrize("text", ["0", "-1", "2.5", "x", " ", "1e3", "٣x"])
    def test_environment(self, monkeypatch, text):
        monkeypatch.setenv("KAPRE_REF_NUM_THREADS", text)
        message = f"KAPRE_REF_NUM_THREADS must be an integer of at least 1, got {text!r}"
        with pytest.raises(ValueError, match=_pattern(message)):
            kr.get_num_threads()

    @pytest.mark.parametrize("index", [index for index in range(len(ROWS)) if takes_out(index)])
    def test_nothing_is_written_before_the_checks(self, index):
        (name, args, kwargs), kind, message = ROWS[index]
        fitting = getattr(kr, name)(*GOOD[name][0], **GOOD[name][1])
        out = np.full_like(fitting, 7)
        with pytest.raises(kind, match=_pattern(message)):
            getattr(kr, name)(*args, **kwargs, out=out)
        np.testing.assert_array_equal(out, 7)

    def test_every_operation_that_writes_is_there(self):
        signatures = {
            name: inspect.signature(getattr(kr, name))
            for name in kr.__all__
            if inspect.isfunction(getattr(kr, name))
        }
        writing = {name for name, one in signatures.items() if "out" in one.parameters}
        tried = {ROWS[index][0][0] for index in range(len(ROWS)) if takes_out(index)}
        assert writing == set(GOOD) == tried

    def test_missing_generator(self):
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'rng'"):
            kr.channel_swap(BATCH)

    def test_keyword_only_arguments(self):
        with pytest.raises(TypeError, match="takes from 3 to 6 positional arguments but 7"):
            kr.frame(X, 4, 1, False, 0, "default", OUT)

    @pytest.mark.parametrize(
        "name",
        [
            "stft",
            "inverse_stft",
            "stft_magnitude",
            "stft_mag_phase",
            "melspectrogram",
            "log_frequency_spectrogram",
            "mfcc",
        ],
    )
    def test_options_of_a_transform_have_names(self, name):
        for suffix in ("", "_reference"):
            with pytest.raises(TypeError, match="from 1 to 4 positional arguments but 5"):
                getattr(kr, name + suffix)(X, 16, 16, 4, "hann_window")


class TestUnusedNumbersAreNotJudged:
    """A configuration may hold anything where it says that nothing is made of it."""

    @pytest.mark.parametrize("value", [None, 0, -1, np.nan])
    @pytest.mark.parametrize("number", ["db_amin", "db_ref_value", "db_dynamic_range"])
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("stft_magnitude", {}),
            ("stft_mag_phase", {}),
            ("melspectrogram", {"n_mels": 2}),
            ("log_frequency_spectrogram", {}),
        ],
    )
    def test_decibels(self, name, options, number, value):
        got = getattr(kr, name)(BATCH, 16, **options, **{number: value})
        np.testing.assert_array_equal(got, getattr(kr, name)(BATCH, 16, **options))

    @pytest.mark.parametrize("value", [None, np.nan, np.inf, "x"])
    @pytest.mark.parametrize("name", ["frame", "energy"])
    def test_padding(self, name, value):
        options = {"frame_length": 4, "hop_length": 2}
        got = getattr(kr, name)(X, **options, pad_value=value)
        np.testing.assert_array_equal(got, getattr(kr, name)(X, **options))


class TestNumpyScalarsAreNumbers:
    """A parameter out of an array, a file or a configuration is as good as a literal."""

    @pytest.mark.parametrize("integer", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
    def test_integers(self, integer):
        got = kr.stft(X, integer(16), integer(12), integer(5))
        np.testing.assert_array_equal(got, kr.stft(X, 16, 12, 5))

    @pytest.mark.parametrize("real", [np.float16, np.float32, np.float64, np.int64, Fraction])
    def test_numbers(self, real):
        got = kr.magnitude_to_decibel(S, real(2), real(1), real(64))
        np.testing.assert_array_equal(got, kr.magnitude_to_decibel(S, 2.0, 1.0, 64.0))

    @pytest.mark.parametrize("real", [np.float32, np.float64, np.int32, Fraction])
    def test_frequencies(self, real):
        got = kr.filterbank_mel(real(8000), 17, 4, real(500), real(3000), norm=real(1))
        np.testing.assert_array_equal(got, kr.filterbank_mel(8000, 17, 4, 500, 3000, norm=1))

    def test_flags(self):
        got = kr.stft(X, 16, pad_begin=np.True_, pad_end=np.False_)
        np.testing.assert_array_equal(got, kr.stft(X, 16, pad_begin=True, pad_end=False))

    def test_strings(self):
        got = kr.stft(X, 16, window_name=np.str_("hamming_window"))
        np.testing.assert_array_equal(got, kr.stft(X, 16, window_name="hamming_window"))

    def test_a_good_call_does_not_excuse_a_bad_one(self):
        # What was checked is remembered; 16 and True equal 16.0 and 1, and are other parameters.
        kr.stft(X, 16, pad_begin=True)
        kr.melspectrogram(X, 16, n_mels=4, mel_htk=True)
        with pytest.raises(ValueError, match=r"n_fft must be an integer, got 16\.0"):
            kr.stft(X, 16.0, pad_begin=True)
        with pytest.raises(TypeError, match="pad_begin must be True or False, got 1"):
            kr.stft(X, 16, pad_begin=1)
        with pytest.raises(TypeError, match="mel_htk must be True or False, got 1"):
            kr.melspectrogram(X, 16, n_mels=4, mel_htk=1)
        with pytest.raises(ValueError, match=r"n_mels must be an integer, got 4\.0"):
            kr.melspectrogram(X, 16, n_mels=4.0, mel_htk=True)
