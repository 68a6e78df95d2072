"""Generated input: arrays of any layout, arrangement and kind of values, and parameters.

KAPRE_REF_PROPERTY_EXAMPLES sets the number of random examples of each test; without it, few and
always the same ones run.
"""

import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from operation import FIRST, LAST, as_caller

import kapre_ref as kr
from kapre_ref import Bands, FrontEnd, LogBands, Normalisation

_N_EXAMPLES = os.environ.get("KAPRE_REF_PROPERTY_EXAMPLES")
PROFILE = settings(
    max_examples=int(_N_EXAMPLES or 30),
    derandomize=_N_EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

DTYPES = st.sampled_from(["float16", "float32", "float64"])
FORMATS = st.sampled_from([FIRST, LAST, "default"])
SEEDS = st.integers(0, 2**32 - 1)
WINDOWS = (
    "hann_window", "hamming_window", "kaiser_window", "vorbis_window",
    "kaiser_bessel_derived_window",
)  # fmt: skip


def values(rng, shape, kind):
    """Return numbers in float64, of one of the kinds that occur in signals and spectra."""
    noise = rng.uniform(-1, 1, shape)
    if kind == "silence":
        return np.zeros(shape)
    if kind == "impulses":
        return noise * (rng.random(shape) < 0.05)
    if kind == "constant":
        return np.full(shape, rng.uniform(-1, 1))
    if kind == "fading":
        return noise * 10.0 ** -np.linspace(0, 6, shape[-1] if shape else 1)
    return noise


KINDS = st.sampled_from(["noise", "impulses", "constant", "silence", "fading"])


def arranged(x, arrangement):
    """Return the same values in another arrangement of memory."""
    if arrangement == "strided":
        larger = np.full([2 * n for n in x.shape], np.nan, x.dtype)
        inside = (slice(None, None, 2),) * x.ndim
        larger[inside] = x
        return larger[..., *inside]
    if arrangement == "reversed":
        backwards = (slice(None, None, -1),) * x.ndim
        return x[..., *backwards].copy()[..., *backwards]
    if arrangement == "transposed":
        return x.T.copy().T
    if arrangement == "big-endian":
        return x.astype(x.dtype.newbyteorder(">"))
    if arrangement == "broadcast" and x.ndim > 1 and x.shape[0]:
        return np.broadcast_to(x[:1], x.shape)
    if arrangement == "unaligned":
        room = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
        room[...] = x
        return room
    x = x.copy()
    x.flags.writeable = False
    return x


ARRANGEMENTS = st.sampled_from(
    ["plain", "strided", "reversed", "transposed", "big-endian", "broadcast", "unaligned"]
)


@st.composite
def arrays(draw, item_shape, dtypes=DTYPES, leading=None, scale=1.0, positive=False):
    """Draw (x, data_format): an array whose items have a shape, in one of the four layouts."""
    data_format = draw(FORMATS)
    n_leading = draw(st.integers(0, 2)) if leading is None else leading
    batch, channel = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(SEEDS))
    x = values(rng, (batch or int(n_leading == 0), channel, *item_shape), draw(KINDS))
    x = x * scale * 10 ** draw(st.floats(-3, 0))
    x = as_caller(np.abs(x) if positive else x, n_leading, data_format)
    return arranged(x.astype(draw(dtypes)), draw(ARRANGEMENTS)), data_format


@st.composite
def stft_parameters(draw, largest=300):
    n_fft = draw(st.integers(1, largest) | st.sampled_from([2, 8, 64, 128, 256]))
    win_length = draw(st.none() | st.integers(1, 2 * n_fft))
    length = win_length or n_fft
    pad_begin = draw(st.booleans())
    hop_length = draw(st.none() | st.integers(1, n_fft if pad_begin else 2 * length))
    if hop_length is None and pad_begin and length // 4 > n_fft:
        hop_length = n_fft
    return {
        "n_fft": n_fft,
        "win_length": win_length,
        "hop_length": hop_length,
        "window_name": draw(st.sampled_from((None, *WINDOWS[: 4 + (length % 2 == 0)]))),
        "pad_begin": pad_begin,
        "pad_end": draw(st.booleans()),
    }


def filled_in(parameters):
    """Return the parameters of an STFT with what None stands for."""
    win_length = parameters["win_length"] or parameters["n_fft"]
    hop_length = parameters["hop_length"] or max(1, win_length // 4)
    return parameters | {"win_length": win_length, "hop_length": hop_length}


DECIBELS = st.fixed_dictionaries(
    {
        "ref_value": st.floats(1e-4, 1e3),
        "amin": st.floats(1e-7, 1),
        "dynamic_range": st.floats(1, 150),
    }
)
N_SAMPLES = st.integers(0, 1500)


@st.composite
def bands(draw, n_freq):
    """Draw a spectrogram in one call: (name, its parameters, its filterbank in float64)."""
    name = draw(st.sampled_from(["stft_magnitude", "melspectrogram", "log_frequency_spectrogram"]))
    if name == "stft_magnitude":
        return name, {}, None
    sample_rate = draw(st.sampled_from([8000, 16000, 22050, 44100.0]))
    if name == "melspectrogram":
        f_min = draw(st.floats(0, sample_rate / 5))
        parameters = {
            "n_mels": draw(st.integers(1, 40)),
            "mel_f_min": f_min,
            "mel_f_max": draw(st.none() | st.floats(f_min + 100, sample_rate / 2)),
            "mel_htk": draw(st.booleans()),
            "mel_norm": draw(st.sampled_from(["slaney", None, 1, 2.0, np.inf])),
        }
        arguments = (sample_rate, n_freq, *parameters.values())
        filterbank = kr.filterbank_mel_reference(*arguments, dtype=np.float64)
    else:
        parameters = {
            "log_n_bins": draw(st.integers(1, 40)),
            "log_bins_per_octave": draw(st.integers(6, 30)),
            "log_f_min": draw(st.floats(20, 40)),
            "log_spread": draw(st.floats(0.05, 1)),
        }
        arguments = {key.removeprefix("log_"): value for key, value in parameters.items()}
        filterbank = kr.filterbank_log_reference(sample_rate, n_freq, **arguments, dtype=np.float64)
    return name, {"sample_rate": sample_rate} | parameters, filterbank


NAMED_WINDOWS = (
    "hann", "hamming", "blackman", "ones", "hann_symmetric", "hamming_symmetric", "povey",
)  # fmt: skip


def windows_of_numbers(length):
    """Draw numbers that are no window of a name."""
    return SEEDS.map(lambda seed: tuple(np.random.default_rng(seed).uniform(0.2, 1, length)))


@st.composite
def front_ends(draw, linear=False):
    """Draw a front end of small sizes, whose values are linear in powers if asked."""
    n_fft = draw(st.integers(1, 80) | st.sampled_from([16, 64]))
    win_length = draw(st.integers(1, n_fft))
    n_freq = n_fft // 2 + 1
    power = draw(st.sampled_from([1, 2] if linear else [1, 2, 1.5]))
    kinds = ["none", "matrix"] + ["mel", "log"] * (n_fft >= 8)
    kind = draw(st.sampled_from(kinds))
    n = draw(st.integers(1, 6))
    bands = {
        "none": None,
        "mel": Bands(
            n,
            draw(st.floats(0, 1000)),
            draw(st.floats(2000, 4000) | st.none()),
            draw(st.sampled_from(["htk", "slaney"])),
            draw(st.sampled_from(["hz", "mel", "left"])),
            draw(st.sampled_from([None, "slaney"])),
        ),
        "log": LogBands(n, 100, 12, draw(st.floats(0.05, 1))),
        "matrix": np.random.default_rng(draw(SEEDS)).uniform(0, 1, (n_freq, n)),
    }[kind]
    n_bands = n_freq if bands is None else n
    fields = {
        "sample_rate": 8000,
        "n_fft": n_fft,
        "win_length": win_length,
        "hop_length": draw(st.integers(1, 100)),
        "window": draw(st.sampled_from(NAMED_WINDOWS) | windows_of_numbers(win_length)),
        "center_window": draw(st.booleans()),
        "pad_left": draw(st.integers(-10, 100)),
        "pad_right": draw(st.integers(-10, 100)),
        "pad_mode": draw(st.sampled_from(["zeros", "reflect", "mirror", "edge", "odd"])),
        "input_scale": draw(st.sampled_from([1, 32768])),
        "remove_mean": draw(st.booleans()),
        "preemphasis": draw(st.sampled_from([0, 0.97])),
        "preemphasis_first": draw(st.sampled_from(["signal", "drop", "frame"])),
        "power": power,
        "bands": bands,
        "time_first": draw(st.booleans()),
    }
    if power != 2:
        fields["power_offset"] = draw(st.sampled_from([0, 1e-3]))
    if not linear:
        fields |= {
            "log": draw(st.sampled_from(["ln", "log10", "10log10"])),
            "floor": draw(st.floats(1e-6, 1)),
            "floor_by": draw(st.sampled_from(["max", "add"])),
            "dynamic_range": draw(st.none() | st.floats(1, 80)),
            "range_over": draw(st.sampled_from(["channel", "item", "call"])),
            "gain": draw(st.floats(-2, 2)),
            "offset": draw(st.floats(-2, 2)),
        }
        if draw(st.booleans()):
            fields["normalisation"] = Normalisation(eps=1, drop_last=draw(st.booleans()))
        if bands is not None:
            fields["n_cepstra"] = draw(st.integers(0, n_bands))
            fields["lifter"] = draw(st.sampled_from([0, 22])) * bool(fields["n_cepstra"])
    return FrontEnd(**fields)
