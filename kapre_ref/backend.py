"""Drop-in for `kapre.backend` of Kapre 0.4.1: the same names, on arrays instead of tensors.

What a trained model may depend on is as in Kapre, quirks included: decibels are 10 log10 even of a
magnitude, windows of odd length are symmetric, a short window stands at the start of the transform,
MFCC 0 is sqrt(2) times the orthonormal one. All else that differs from Kapre 0.4.1, here and in the
layers' functions of `kapre_ref`, differs on purpose, and is listed below.

Dtypes and layouts
    Kapre casts float64 signals to float32 unless told otherwise, and many of its layers fail for
    float16 or float64. Here the result has the dtype of the input.
    Kapre fails for integer signals with a message about tensors, but for `Frame`, which copies
    them. Here a TypeError says how to scale them.
    Kapre computes float16 in float16. Here it is computed in float32, windows in float64, and
    rounded once.
    Kapre counts float32 subnormals as zero. On the CPU, they count here.
    Kapre's layers need batch and channel axes. Here ``(time,)`` and ``(batch, time)`` work too; a
    signal without a batch axis is one item, in decibels too.
    Kapre's default data format is a setting of Keras. Here 'default' is 'channels_last'.
`magnitude_to_decibel`
    Kapre returns NaN for a `ref_value`, `amin` or `dynamic_range` that is NaN. Here that is a
    ValueError. They must be positive, and finite but for `dynamic_range`, where ``inf`` means no
    limit.
    In float16, Kapre's `amin` underflows, so that silence is -inf. Here it does not.
`filterbank_mel`
    Kapre returns NaN, negative or zero weights if `f_min` is negative or not below `f_max`, divides
    by zero if `n_freq` is 1, and returns empty bands if `f_max` is above half the sample rate. Here
    each is a ValueError.
`filterbank_log`
    Kapre returns zeros if `f_min` is 0, and divides by zero if `bins_per_octave` is 0. Here each is
    a ValueError.
    If the highest band is too high, both raise a RuntimeError. Kapre's message calls the sample
    rate the maximum frequency; the one here names the limit and the cures.
`mu_law_encoding`, `mu_law_decoding`
    Kapre returns -2147483648 or NaN for 1 channel or fewer, and takes 2.5 channels. Here the number
    of channels must be an integer from 2 to 65536.
    Kapre fails to encode float64. Here it is encoded in float64.
    What NaN becomes as a code depends on the processor in Kapre. Here it is always -2147483648.
`stft`, `inverse_stft`
    Kapre fails inside TensorFlow if `pad_begin` is set and `hop_length` exceeds `n_fft`, and for
    the Kaiser-Bessel derived window of odd length. Here each is a ValueError that names the cure.
    Kapre fails for a window of fewer than 4 samples without a `hop_length`, which is then 0. Here
    it is 1.
    Kapre's `InverseSTFT` crops or pads bins that do not fit `n_fft`. Here that is a ValueError.
`phase`
    Kapre's ``approx_atan_accuracy`` is off by pi / 2 on the imaginary axis. Here there is no such
    approximation.
`apply_filterbank`, `delta`, `logmel_to_mfcc`
    Kapre's `ApplyFilterbank` takes 'mel' or 'log' and options. Here the filterbank is an argument.
    Kapre's `Delta` fails for several channels. Here it works for any number.
    Kapre cuts `n_mfccs` to `n_mels`, and takes 0 and -1. Here it must be from 1 to `n_mels`.
`spec_augment`, `channel_swap`
    Kapre's `SpecAugment` works for one channel. Here all channels of an item are covered alike.
    Kapre draws from global state, and only in training. Here each call draws from its `rng`.
"""

from kapre_ref._data_format import (
    CH_DEFAULT_STR,
    CH_FIRST_STR,
    CH_LAST_STR,
    validate_data_format_str,
)
from kapre_ref._decibel import magnitude_to_decibel
from kapre_ref._filterbanks import filterbank_log, filterbank_mel
from kapre_ref._mu_law import mu_law_decoding, mu_law_encoding
from kapre_ref._windows import get_window_fn

_CH_FIRST_STR = CH_FIRST_STR
_CH_LAST_STR = CH_LAST_STR
_CH_DEFAULT_STR = CH_DEFAULT_STR

__all__ = [
    "CH_DEFAULT_STR",
    "CH_FIRST_STR",
    "CH_LAST_STR",
    "filterbank_log",
    "filterbank_mel",
    "get_window_fn",
    "magnitude_to_decibel",
    "mu_law_decoding",
    "mu_law_encoding",
    "validate_data_format_str",
]
