"""NumPy's settings for overflow and the like, as a caller made them, do not affect an operation."""

import inspect
import re
import warnings

import numpy as np
import pytest
from harness import fake_cupy
from operation import FIRST

import kapre_ref as kr
from kapre_ref import release_memory

FLOATS = ("float16", "float32", "float64")
KINDS = ("mixture", "largest", "smallest", "infinite", "NaN", "zeros")
STFT = {"n_fft": 16, "hop_length": 4}
PRIME = {"n_fft": 74, "pad_begin": True, "pad_end": True, "window_name": "vorbis_window"}
DECIBEL = {"return_decibel": True, "db_amin": 5e-324, "db_ref_value": 3e38}
SIGNAL, SPECTRUM, COMPLEX = (2, 2, 300), (2, 2, 9, 17), (2, 2, 5, 9)

# operation: shape of its array, and the options of each call
OPERATIONS = {
    "amplitude_to_db": (COMPLEX, [{}, {"ref": "peak", "top_db": None}, {"amin": 5e-324}]),
    "apply_filterbank": (SPECTRUM, [{}]),
    "channel_swap": (SPECTRUM, [{}]),
    "concatenate_frequency_map": (SPECTRUM, [{}]),
    "db_to_amplitude": (SPECTRUM, [{}, {"ref": 3e38}]),
    "db_to_power": (SPECTRUM, [{}, {"ref": 1e-30}]),
    "delta": (SPECTRUM, [{}, {"mode": "constant", "win_length": 101}]),
    "energy": (SIGNAL, [{"frame_length": 20, "hop_length": 30, "pad_end": True}]),
    "fix_length": (SIGNAL, [{"size": n, "mode": "repeatpad", "value": 1.0} for n in (9, 700)]),
    "frame": (SIGNAL, [{"frame_length": 20, "hop_length": 15, "pad_end": True}]),
    "inverse_stft": (COMPLEX, [STFT, {"n_fft": 17, "forward_window_name": "vorbis_window"}]),
    "log_frequency_spectrogram": (SIGNAL, [STFT, PRIME | DECIBEL, STFT | {"log_spread": 1e-6}]),
    "logmel_to_mfcc": (SPECTRUM, [{"n_mfccs": 5}]),
    "magnitude": (COMPLEX, [{}]),
    "magnitude_to_decibel": (
        SPECTRUM,
        [{}, {"amin": 5e-324, "dynamic_range": 1.7e308}, {"ref_value": 3e38, "amin": 1e38}],
    ),
    "melspectrogram": (SIGNAL, [STFT, PRIME | DECIBEL, STFT | {"mel_norm": 3.0}]),
    "mfcc": (SIGNAL, [STFT, PRIME | {"db_amin": 5e-324, "n_mels": 40}]),
    "mu_law_decoding": (SPECTRUM, [{"quantization_channels": n} for n in (2, 65536)]),
    "mu_law_encoding": (SPECTRUM, [{"quantization_channels": n} for n in (2, 65536)]),
    "patches": (SPECTRUM, [{"length": 4, "hop": 2}]),
    "phase": (COMPLEX, [{}]),
    "power_to_db": (SPECTRUM, [{}, {"ref": "peak", "peak_over": "item"}, {"amin": 5e-324}]),
    "spec_augment": (SPECTRUM, [{"freq_mask_param": 3, "time_mask_param": 2}]),
    "stack_frames": (SPECTRUM, [{"n": 3, "edge": edge} for edge in ("repeat", "zeros", "drop")]),
    "standardize": (SIGNAL, [{}, {"eps": 5e-324}, {"eps": 1.7e308, "axis": 1}]),
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
OTHERS = {  # These compute nothing.
    "front_end", "get_keep_bytes", "get_num_threads", "get_window_fn", "hz_to_mel", "mel_to_hz",
    "recipes", "release_memory", "set_keep_bytes", "set_num_threads", "validate_data_format_str",
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
    """Call a function with empty caches, where each floating-point warning is an error."""
    release_memory()
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*mel bands are empty")
        return function(*args, **kwargs)


def leniently(function, *args, **kwargs):
    """Call a function with empty caches, where floating-point errors are ignored."""
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

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_gpu(self, name):
        with fake_cupy.installed() as cupy:
            args, options, generator = arguments(name, "float32", "mixture")
            args = [cupy.asarray(x) for x in args]
            for more in OPERATIONS[name][1]:
                rng = {"rng": np.random.default_rng(1)} if generator else {}
                strictly(getattr(kr, name), *args, **options, **more, **rng)

    def test_every_function_is_here(self):
        functions = {name for name in kr.__all__ if inspect.isfunction(getattr(kr, name))}
        operations = {name.removesuffix("_reference") for name in functions}
        covered = {*OPERATIONS, *CONSTRUCTORS, "perfectly_reconstructing_stft_istft"}
        assert operations - covered == OTHERS


# operation: shape of its array, what else it needs, and the number
NUMBERS = [
    ("energy", SIGNAL, {"frame_length": 9, "hop_length": 5}, "sample_rate"),
    ("energy", SIGNAL, {"frame_length": 9, "hop_length": 5}, "ref_duration"),
    ("energy", SIGNAL, {"frame_length": 9, "hop_length": 7, "pad_end": True}, "pad_value"),
    ("frame", SIGNAL, {"frame_length": 9, "hop_length": 7, "pad_end": True}, "pad_value"),
    ("fix_length", SIGNAL, {"size": 400}, "value"),
    ("spec_augment", SPECTRUM, {"freq_mask_param": 3, "time_mask_param": 2}, "mask_value"),
    ("standardize", SIGNAL, {}, "eps"),
    ("power_to_db", SPECTRUM, {}, "ref"),
    ("power_to_db", SPECTRUM, {"ref": "peak"}, "amin"),
    ("amplitude_to_db", SPECTRUM, {}, "top_db"),
    ("db_to_power", SPECTRUM, {}, "ref"),
    ("logmel_to_mfcc", SPECTRUM, {"n_mfccs": 5}, "lifter"),
    ("magnitude_to_decibel", SPECTRUM, {}, "ref_value"),
    ("magnitude_to_decibel", SPECTRUM, {}, "amin"),
    ("magnitude_to_decibel", SPECTRUM, {}, "dynamic_range"),
    *(
        ("stft_magnitude", SIGNAL, {"n_fft": n_fft, "return_decibel": True}, number)
        for number in ("db_amin", "db_ref_value", "db_dynamic_range")
        for n_fft in (16, 74)
    ),
    *(
        ("melspectrogram", SIGNAL, {"n_fft": 16, "n_mels": 3, "mel_htk": htk}, number)
        for number in ("sample_rate", "mel_f_min", "mel_f_max", "mel_norm")
        for htk in (False, True)
    ),
    *(
        ("log_frequency_spectrogram", SIGNAL, {"n_fft": 16, "log_n_bins": 3}, number)
        for number in ("sample_rate", "log_f_min", "log_spread")
    ),
]
SIZES = [5e-324, 1e-310, 1e-45, 1e-30, 65504.0, 7e4, 3.4e38, 3.5e38, 1e200, 1.7e308, np.inf]


class TestNumbersAtTheEdges:
    """A number works, or a ValueError has its name and range; no error comes from inside."""

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize(("name", "shape", "options", "number"), NUMBERS)
    def test_works_or_is_refused(self, name, shape, options, number, dtype):
        x = np.random.default_rng(2).uniform(-1, 1, shape).astype(dtype)
        options = options | {
            parameter: FIRST
            for parameter in ("data_format", "input_data_format", "output_data_format")
            if parameter in inspect.signature(getattr(kr, name)).parameters
        }
        n_refused = 0
        for value in [*SIZES, *(-size for size in SIZES)]:
            options = options | {number: value}
            if name == "spec_augment":
                options["rng"] = np.random.default_rng(1)
            try:
                got = strictly(getattr(kr, name), x, **options)
            except (ValueError, RuntimeError) as error:
                if isinstance(error, Warning) or not re.match(r"\w+ must ", str(error)):
                    raise
                n_refused += 1
                continue
            oracle = getattr(kr, f"{name}_reference")
            if name == "spec_augment":
                options["rng"] = np.random.default_rng(1)
            expected = strictly(oracle, x, **options)
            assert np.array_equal(np.isfinite(got), np.isfinite(expected))
        assert n_refused

    @pytest.mark.parametrize(("dtype", "largest"), [("float16", 65504.0), ("float32", 3.4e38)])
    @pytest.mark.parametrize("sign", [-1, 1])
    def test_range_is_named(self, dtype, largest, sign):
        x = np.zeros(7, dtype)
        assert kr.frame(x, 4, 4, True, sign * largest)[-1, -1] == np.array(sign * largest, dtype)
        message = f"pad_value must be in the range of {dtype}, from -.* to .*, got .*"
        with pytest.raises(ValueError, match=message):
            kr.frame(x, 4, 4, True, sign * largest * 1.01)

    def test_decibels_are_in_the_range_they_are_computed_in(self):
        x = np.ones(3, np.float16)
        assert kr.magnitude_to_decibel(x, ref_value=1e5)[0] == -50
        with pytest.raises(ValueError, match="db_amin must be in the range of float32"):
            kr.stft_magnitude(x, 2, return_decibel=True, db_amin=1e39)
