"""Kapre's own layers in a `tf.function`, and `tf.signal`, compiled by XLA where XLA can do so."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from benchmarks.libraries.plain import filterbank_of
from benchmarks.peers import Contender


def _without_channel(x):
    return np.asarray(x)[..., 0]


def _single_precision(x):
    if x.dtype.itemsize > 4 * (1 + np.iscomplexobj(x)):
        raise NotImplementedError("Kapre's layers compute in float32")
    return x


def _tensor(x, n_threads):
    # TensorFlow fixes the number of threads on its first use in a process.
    tf.config.threading.set_intra_op_parallelism_threads(n_threads)
    tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    return tf.constant(x)


def _magnitude(x, parameters):
    n_fft = parameters["n_fft"]
    win_length = parameters.get("win_length") or n_fft
    return tf.abs(tf.signal.stft(x, win_length, parameters["hop_length"], n_fft))


def _signal_stft_magnitude(work):
    x = _tensor(work.inputs[0], work.n_threads)
    compiled = tf.function(lambda x: _magnitude(x, work.parameters), jit_compile=True)
    return Contender(lambda: compiled(x))


def _signal_melspectrogram(work):
    x = _tensor(work.inputs[0], work.n_threads)
    weights = tf.constant(filterbank_of(work.parameters, work.inputs[0].dtype))

    def melspectrogram(x):
        mel = _magnitude(x, work.parameters) @ weights
        if not work.parameters.get("return_decibel"):
            return mel
        decibel = 10 / np.log(10).astype(mel.dtype.name) * tf.math.log(tf.maximum(mel, 1e-5))
        return tf.maximum(decibel, tf.reduce_max(decibel, (1, 2), keepdims=True) - 80)

    compiled = tf.function(melspectrogram, jit_compile=True)
    return Contender(lambda: compiled(x))


def _signal_inverse_stft(work):
    spectra = _tensor(work.inputs[0], work.n_threads)
    n_fft, hop_length = work.parameters["n_fft"], work.parameters["hop_length"]
    win_length = work.parameters.get("win_length") or n_fft
    window = tf.signal.inverse_stft_window_fn(hop_length)
    inverse = tf.function(
        lambda x: tf.signal.inverse_stft(x, win_length, hop_length, n_fft, window_fn=window)
    )
    return Contender(lambda: inverse(spectra))


def _layer_contender(work, make_layer, **options):
    """Run a layer of Kapre in a `tf.function`, on input with the channel axis that Kapre needs."""
    x = _tensor(_single_precision(work.inputs[0])[..., None], work.n_threads)
    layer = make_layer()
    compiled = tf.function(lambda x: layer(x), **options)
    return Contender(lambda: compiled(x), _without_channel)


def _kapre_stft_magnitude(work):
    from kapre.composed import get_stft_magnitude_layer

    return _layer_contender(work, lambda: get_stft_magnitude_layer(**work.parameters))


def _kapre_melspectrogram(work):
    from kapre.composed import get_melspectrogram_layer

    return _layer_contender(work, lambda: get_melspectrogram_layer(**work.parameters))


def _kapre_stft(work):
    from kapre import STFT

    return _layer_contender(work, lambda: STFT(**work.parameters))


def _kapre_inverse_stft(work):
    from kapre import InverseSTFT

    return _layer_contender(work, lambda: InverseSTFT(**work.parameters))


def _kapre_frame(work):
    from kapre import Frame

    return _layer_contender(work, lambda: Frame(**work.parameters))


def _kapre_energy(work):
    from kapre import Energy

    return _layer_contender(work, lambda: Energy(**work.parameters))


def _kapre_logmel_to_mfcc(work):
    from kapre import LogmelToMFCC

    return _layer_contender(work, lambda: LogmelToMFCC(**work.parameters))


def _kapre_delta(work):
    from kapre import Delta

    return _layer_contender(work, lambda: Delta(**work.parameters))


def _kapre_magnitude_to_decibel(work):
    from kapre.backend import magnitude_to_decibel

    return _function_contender(work, magnitude_to_decibel)


def _kapre_mu_law_encoding(work):
    from kapre.backend import mu_law_encoding

    channels = work.parameters["quantization_channels"]
    return _function_contender(work, lambda x: mu_law_encoding(x, channels))


def _kapre_mu_law_decoding(work):
    from kapre.backend import mu_law_decoding

    channels = work.parameters["quantization_channels"]
    return _function_contender(work, lambda x: mu_law_decoding(x, channels), jit_compile=True)


def _function_contender(work, function, **options):
    x = _tensor(_single_precision(work.inputs[0]), work.n_threads)
    compiled = tf.function(function, **options)
    return Contender(lambda: compiled(x))


CONTENDERS = {
    ("tf.signal, XLA", "stft_magnitude"): _signal_stft_magnitude,
    ("tf.signal, XLA", "melspectrogram"): _signal_melspectrogram,
    ("tf.signal", "inverse_stft"): _signal_inverse_stft,
    ("Kapre", "stft"): _kapre_stft,
    ("Kapre", "stft_magnitude"): _kapre_stft_magnitude,
    ("Kapre", "melspectrogram"): _kapre_melspectrogram,
    ("Kapre", "inverse_stft"): _kapre_inverse_stft,
    ("Kapre", "frame"): _kapre_frame,
    ("Kapre", "energy"): _kapre_energy,
    ("Kapre", "delta"): _kapre_delta,
    ("Kapre", "logmel_to_mfcc"): _kapre_logmel_to_mfcc,
    ("Kapre", "magnitude_to_decibel"): _kapre_magnitude_to_decibel,
    ("Kapre", "mu_law_encoding"): _kapre_mu_law_encoding,
    ("Kapre, XLA", "mu_law_decoding"): _kapre_mu_law_decoding,
}
