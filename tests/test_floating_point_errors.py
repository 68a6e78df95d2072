"""What a caller asked NumPy to do about overflow and the like never reaches into an operation."""

import inspect
import warnings

import numpy as np
import pytest
from operation import FIRST

import kapre_ref as kr
from kapre_ref._kept import release_memory

FLOATS = ("float16", "float32", "float64")
KINDS = ("mixture", "largest", "smallest", "infinite", "NaN", "zeros")
STFT = {"n_fft": 16, "hop_length": 4}
PRIME = {"n_fft": 74, "pad_begin": True, "pad_end": True, "window_name": "vorbis_window"}
DECIBEL = {"return_decibel": True, "db_amin": 5e-324, "db_ref_value": 1.7e308}
SIGNAL, SPECTRUM, COMPLEX = (2, 2, 300), (2, 2, 9, 17), (2, 2, 5, 9)

# operation: shape of its array, and the options of each call
OPERATIONS = {
    "apply_filterbank": (SPECTRUM, [{}]),
    "channel_swap": (SPECTRUM, [{}]),
    "concatenate_frequency_map": (SPECTRUM, [{}]),
    "delta": (SPECTRUM, [{}, {"mode": "constant", "win_length": 101}]),
    "energy": (SIGNAL, [{"frame_length": 20, "hop_length": 30, "pad_end": True}]),
    "frame": (SIGNAL, [{"frame_length": 20, "hop_length": 15, "pad_end": True}]),
    "inverse_stft": (COMPLEX, [STFT, {"n_fft": 17, "forward_window_name": "vorbis_window"}]),
    "log_frequency_spectrogram": (SIGNAL, [STFT, PRIME | DECIBEL, STFT | {"log_spread": 1e-6}]),
    "logmel_to_mfcc": (SPECTRUM, [{"n_mfccs": 5}]),
    "magnitude": (COMPLEX, [{}]),
    "magnitude_to_decibel": (
        SPECTRUM,
        [{}, {"amin": 5e-324, "dynamic_range": 1.7e308}, {"ref_value": 1.7e308, "amin": 1e300}],
    ),
    "melspectrogram": (SIGNAL, [STFT, PRIME | DECIBEL, STFT | {"mel_norm": 3.0}]),
    "mu_law_decoding": (SPECTRUM, [{"quantization_channels": n} for n in (2, 65536)]),
    "mu_law_encoding": (SPECTRUM, [{"quantization_channels": n} for n in (2, 65536)]),
    "phase": (COMPLEX, [{}]),
    "spec_augment": (SPECTRUM, [{"freq_mask_param": 3, "time_mask_param": 2}]),
    "stft": (SIGNAL, [STFT, PRIME, STFT | {"window_name": "kaiser_bessel_derived_window"}]),
    "stft_mag_phase": (SIGNAL, [STFT, STFT | DECIBEL, PRIME]),
    "stft_magnitude": (SIGNAL, [STFT, STFT | DECIBEL, PRIME | DECIBEL]),
}
CONSTRUCTORS = {
    "filterbank_log": [
        {"sample_rate": 22050, "n_freq": 1025},
        {"sample_rate": 1e300, "n_freq": 3},
        {"sample_rate": 22050, "n_freq": 33, "f_min": 5e-324, "n_bins": 9, "spread": 1e-6},
        {"sample_rate": 22050, "n_freq": 33, "spread": 1e6},
    ],
    "filterbank_mel": [
        *({"sample_rate": 22050, "n_freq": 1025, "norm": norm} for norm in ("slaney", 0.01, 600)),
        {"sample_rate": 1e-300, "n_freq": 9, "n_mels": 4, "norm": 2.0},
        {"sample_rate": 1.7e308, "n_freq": 9, "n_mels": 4, "htk": True},
    ],
    "hamming_window": [{"window_length": n} for n in range(4)],
    "hann_window": [{"window_length": n} for n in (0, 1, 2, 3, 4096)],
    "kaiser_bessel_derived_window": [
        {"window_length": n, "beta": beta} for n in (0, 1, 2, 400) for beta in (0, 12.0, 700)
    ],
    "kaiser_window": [
        {"window_length": n, "beta": beta} for n in (1, 2, 400) for beta in (-700, 0, 5e-324, 700)
    ],
    "vorbis_window": [{"window_length": n} for n in (0, 1, 2, 4096)],
}
OTHERS = {  # which compute nothing
    "get_num_threads", "get_window_fn", "set_num_threads", "validate_data_format_str",
}  # fmt: skip


def example(rng, shape, dtype, kind):
    """Return an array of numbers at the edges of a dtype."""
    limits = np.finfo(dtype)
    edges = {
        "largest": [limits.max, -limits.max],
        "smallest": [limits.smallest_subnormal, -limits.smallest_normal],
        "infinite": [np.inf, -np.inf],
        "NaN": [np.nan],
        "zeros": [0.0, -0.0],
    }
    edges["mixture"] = [number for numbers in edges.values() for number in numbers] + [1, -0.1]
    return rng.choice(np.array(edges[kind], dtype), shape)


def arguments(name, dtype, kind):
    """Return the positional arguments of an operation, and the options that each call needs."""
    rng = np.random.default_rng(5)
    shape, _ = OPERATIONS[name]
    x = example(rng, shape, dtype, kind)
    if shape is COMPLEX:
        x = x.astype(np.result_type(dtype, np.complex64))
        x.imag = example(rng, shape, dtype, kind)
    more = (example(rng, (17, 3), dtype, kind),) if name == "apply_filterbank" else ()
    options = {}
    parameters = inspect.signature(getattr(kr, name)).parameters
    for parameter in ("data_format", "input_data_format", "output_data_format"):
        if parameter in parameters:
            options[parameter] = FIRST
    return (x, *more), options, "rng" in parameters


def strictly(function, *args, **kwargs):
    """Call a function with nothing kept from before, where each complaint is an error."""
    release_memory()
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*mel bands are empty")
        return function(*args, **kwargs)


def leniently(function, *args, **kwargs):
    """Call a function with nothing kept from before, where nothing complains."""
    release_memory()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def assert_same(function, *args, generator=False, **kwargs):
    """Require the same result, to the bit, whatever the caller's settings are."""
    got, expected = (
        call(function, *args, **kwargs, **({"rng": np.random.default_rng(1)} if generator else {}))
        for call in (strictly, leniently)
    )
    np.testing.assert_array_equal(got, expected)


class TestNothingIsRaised:
    """Overflow, underflow, division by zero: the numbers that they give are the result."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("suffix", ["", "_reference"])
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_operations(self, name, suffix, dtype, kind):
        args, options, generator = arguments(name, dtype, kind)
        for more in OPERATIONS[name][1]:
            function = getattr(kr, name + suffix)
            assert_same(function, *args, generator=generator, **options, **more)

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("suffix", ["", "_reference"])
    @pytest.mark.parametrize("name", CONSTRUCTORS)
    def test_constructors(self, name, suffix, dtype):
        for options in CONSTRUCTORS[name]:
            assert_same(getattr(kr, name + suffix), dtype=dtype, **options)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_reconstruction(self, dtype):
        x = example(np.random.default_rng(3), (300,), dtype, "mixture")
        forward, inverse = strictly(kr.perfectly_reconstructing_stft_istft, 16)
        assert_same(forward, x)
        assert_same(inverse, leniently(forward, x))

    def test_every_function_is_here(self):
        functions = {name for name in kr.__all__ if callable(getattr(kr, name))}
        operations = {name.removesuffix("_reference") for name in functions}
        covered = {*OPERATIONS, *CONSTRUCTORS, "perfectly_reconstructing_stft_istft"}
        assert operations - covered == OTHERS
