"""Every recording of the real Kapre 0.4.1 against ours, and the table of deliberate differences."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closeness import (
    RECORDED,
    RECORDED_HALF,
    assert_close,
    assert_recorded,
    eps_of,
    peak_of,
)
from golden import ORACLE, Library, ask, entries, to_complex

import kapre_ref

# The errors that our functions raise where Kapre, or a library under it, raises another one.
KINDS = {
    "ValueError": ValueError,
    "TypeError": TypeError,
    "RuntimeError": RuntimeError,
    "NotImplementedError": NotImplementedError,
    "ZeroDivisionError": ValueError,
    "AttributeError": TypeError,  # raised for an object that is no tensor
    "ParameterError": ValueError,  # librosa's
    "InvalidArgumentError": (ValueError, TypeError),  # TensorFlow's
}


def kind_of(entry):
    """Tell which of the recording tolerances an entry falls under."""
    name = entry.op.rsplit(".", 1)[1]
    if name in ("get_window_fn", "filterbank_mel", "filterbank_log"):
        return "constructor"
    if name in ("Frame", "frame", "SpecAugment", "ChannelSwap"):
        return "exact"
    return "decibel" if "ecibel" in name else "spectrum"


def compare(library, entry, inputs=None):
    """Compare all outputs of an entry with the recorded ones."""
    results = ask(library, entry, inputs)
    assert len(results) == len(entry.outputs)
    for got, recorded in zip(results, entry.outputs, strict=True):
        if entry.op == "kapre.get_stft_mag_phase":
            compare_magnitude_and_phase(got, recorded, entry.init)
        elif entry.parameters.get("return_decibel"):
            compare_decibels_of_spectra(got, recorded)
        else:
            assert_recorded(got, recorded, kind_of(entry))


def compare_decibels_of_spectra(got, recorded):
    """Compare decibels, allowing for the rounding of Kapre's own float32 window and transform.

    They are off by up to an eps of the loudest bin of the item. Far below that bin the same error
    is many decibels, and the exact result is as far off the recording as ours.
    """
    assert got.dtype == recorded.dtype
    assert got.shape == recorded.shape
    peak = recorded.max(axis=tuple(range(1, got.ndim)), keepdims=True)
    below_peak = peak - recorded.astype(np.float64)
    noise = 10 / math.log(10) * eps_of(np.float32) * 10 ** (below_peak / 10)
    error = np.abs(got.astype(np.float64) - recorded)
    assert np.all(error <= RECORDED["decibel"] + noise)
    is_loud = below_peak < 25  # dB of 10 log10: 1/300 of the peak
    assert error[is_loud].max() <= RECORDED["decibel"]


def compare_magnitude_and_phase(got, recorded, parameters):
    axis = 1 if parameters.get("output_data_format") == "channels_first" else -1
    magnitude, phase = np.split(got, 2, axis)
    size, angle = np.split(recorded, 2, axis)
    if parameters.get("return_decibel"):
        compare_decibels_of_spectra(magnitude, size)
        size = 10 ** (size / 10)
    else:
        assert_recorded(magnitude, size, "spectrum")
    assert phase.dtype == angle.dtype
    # An error of 2e-6 of the peak, at a right angle to a bin, turns it by 2e-6 over its magnitude.
    turn = np.angle(np.exp(1j * (phase.astype(np.float64) - angle)))
    assert np.max(np.abs(turn) * size) <= RECORDED["spectrum"] * peak_of(size)


def formula_of_decibels(entry):
    """Return 10 log10 in float64, with nothing underflowing."""
    x = entry.inputs[0].astype(np.float64)
    scale = {"ref_value": 1.0, "amin": 1e-5, "dynamic_range": 80.0, **entry.parameters}
    decibel = 10 * np.log10(np.maximum(x, scale["amin"]))
    decibel -= 10 * np.log10(max(scale["amin"], scale["ref_value"]))
    item_axes = tuple(range(1, x.ndim)) or None
    return np.maximum(decibel, decibel.max(item_axes, keepdims=True) - scale["dynamic_range"])


def in_half(entry):
    return "float16" in (entry.kwargs.get("dtype"), *(x.dtype.name for x in entry.inputs))


def check_half_window(entry, public):
    (got,), (recorded,) = ask(public, entry), entry.outputs
    double = {**entry.parameters, "dtype": "float64"}
    name, length = double.pop("window_name"), double.pop("window_length")
    np.testing.assert_array_equal(got, kapre_ref.get_window_fn(name)(length, **double).astype("f2"))
    assert_close(got, recorded, RECORDED_HALF["constructor"])


def check_half_decibels(entry, public):
    (got,), (recorded,), (x,) = ask(public, entry), entry.outputs, entry.inputs
    assert got.dtype == recorded.dtype
    expected = formula_of_decibels(entry)
    assert_close(got, expected, eps_of(np.float16) * peak_of(expected))
    # Only where amin has not underflowed and ref_value has not overflowed.
    heard = (x >= max(entry.parameters.get("amin", 1e-5), 1e-7)) & np.isfinite(recorded)
    assert_close(got[heard], recorded[heard], RECORDED_HALF["decibel"])


def check_subnormal_amin(entry, public):
    (got,), (recorded,), (x,) = ask(public, entry), entry.outputs, entry.inputs
    assert_close(got, formula_of_decibels(entry), RECORDED["decibel"])
    normal = x >= np.finfo(x.dtype).tiny
    assert_close(got[normal], recorded[normal], RECORDED["decibel"])


def refuses(kind, match):
    """Return a check that the public function raises where Kapre answers."""

    def check(entry, public):
        with pytest.raises(kind, match=match):
            ask(public, entry, entry.inputs)

    return check


def check_keeps_dtype(entry, public):
    compare(public, entry)
    compare(ORACLE, entry)
    # If the input is not cast, the result has the input's own dtype and the same values.
    results, (x, *_) = ask(public, entry, entry.inputs), entry.inputs
    for got, recorded in zip(results, entry.outputs, strict=True):
        if recorded.dtype == np.int32:
            # The input's float32 rounding may carry a sample over the boundary of two codes.
            assert np.abs(got.astype(np.int64) - recorded).max() <= (x.dtype == np.float64)
        else:
            # NumPy has no complex number of two float16.
            assert got.real.dtype == (np.result_type(x, "f4") if got.dtype.kind == "c" else x.dtype)
            tolerance = max(RECORDED["spectrum"], eps_of(got.dtype))
            assert_close(got, recorded, tolerance * peak_of(recorded))


def check_works_in(entry, public):
    (x,) = entry.inputs
    (got,), (single,) = ask(public, entry, [x]), ask(public, entry, [x.astype(np.float32)])
    if single.dtype == np.int32:
        difference = got.astype(np.int64) - single
        assert np.abs(difference).max() <= (x.dtype == np.float64)
        assert np.mean(difference != 0) < 0.1
    else:
        expected = "complex64" if np.iscomplexobj(single) else x.dtype
        assert got.dtype == expected
        precision = max(eps_of(x.dtype), eps_of(np.float32))
        assert_close(got, single.astype(got.dtype), 4 * precision * peak_of(single))


def check_every_channel(entry, public):
    (x,) = entry.inputs
    axis = 1 if entry.init["data_format"] == "channels_first" else 3
    (got,) = ask(public, entry)
    alone = [ask(public, entry, [one])[0] for one in np.split(x, x.shape[axis], axis)]
    np.testing.assert_array_equal(got, np.concatenate(alone, axis))
    assert_close(got, ask(ORACLE, entry)[0], 2e-6 * peak_of(got))


def check_exact_phase(entry, public):
    (x,) = entry.inputs
    spectra = to_complex(x) if entry.op.endswith("Tflite") else x
    for library in (public, ORACLE):
        (got,) = ask(library, entry)
        assert got.dtype == spectra.real.dtype
        assert_close(got, np.angle(spectra), 2 * eps_of(got.dtype) * math.pi)
    for recorded in entry.outputs:
        # Kapre's approximation of atan(im / re) holds near the real axis, signed zeros apart.
        near = (np.abs(spectra.imag) < 0.1 * np.abs(spectra.real)) & (spectra.imag != 0)
        assert_close(got[near & np.isfinite(spectra)], recorded[near & np.isfinite(spectra)], 1e-4)


def check_frames_with_gaps(entry, public):
    refuses(ValueError, "hop_length must be at most frame_length=")(entry, public)
    compare(ORACLE, entry)


def check_integer_frames(entry, public):
    refuses(TypeError, r"x must have dtype .* got int16; scale it to \[-1, 1\] first")(
        entry, public
    )
    compare(ORACLE, entry)


def check_rectangular_window(entry, public):
    (x,), (recorded,) = entry.inputs, entry.outputs
    frames = public.frame(x, entry.kwargs["frame_length"], entry.kwargs["frame_step"])
    got = np.fft.rfft(frames, 2 * (recorded.shape[-1] - 1)).astype(recorded.dtype)
    assert_recorded(got, recorded, "spectrum")


def check_cropped_spectrum(entry, public):
    refuses(ValueError, r"stfts must have n_fft // 2 \+ 1 = \d+ frequency bins")(entry, public)
    # Kapre crops or fills up the bins silently. If a caller does so here, the results are equal.
    (x,), n_freq = entry.inputs, entry.init["n_fft"] // 2 + 1
    margins = [(0, 0), (0, 0), (0, max(0, n_freq - x.shape[2])), (0, 0)]
    fitting = np.pad(x[:, :, :n_freq], margins)
    compare(public, entry, [fitting])
    compare(ORACLE, entry, [fitting])


def check_no_type(entry, public):
    with pytest.raises(TypeError, match=r"filterbank must be a numpy\.ndarray .* got str"):
        public.apply_filterbank(entry.inputs[0], entry.init["type"])


def out_of_range(name, is_in_range):
    return lambda e: not e.raises and name in e.parameters and not is_in_range(e.parameters[name])


def mel_bands_exist(entry):
    both = entry.parameters
    if both.get("n_mels", 128) < 1:
        return False
    nyquist = both["sample_rate"] / 2
    highest = nyquist if both.get("f_max") is None else both["f_max"]
    return 0 <= both.get("f_min", 0) < highest <= nyquist


def log_bands_exist(both):
    return both.get("n_bins", 84) >= 1 and (both.get("f_min") is None or both["f_min"] > 0)


@dataclass(frozen=True)
class Difference:
    """Entries where ours differs from Kapre on purpose: why, which, and what ours does."""

    reason: str
    ops: str
    applies: Any
    check: Any


# An entry falls under the first line that applies; under none, it must equal the recording.
DIFFERENCES = (
    Difference(
        "Kapre accepts NaN in a scale, and inf that is no range, and gives NaN; ours raises",
        "magnitude_to_decibel",
        lambda e: (
            not e.raises
            and not all(map(math.isfinite, e.parameters.values()))
            and e.parameters.get("dynamic_range") != math.inf
        ),
        refuses(ValueError, "must be a finite number, got (nan|inf)"),
    ),
    Difference(
        "TensorFlow computes float16 windows in float16, ours in float64, rounded once",
        "get_window_fn",
        lambda e: not e.raises and in_half(e),
        check_half_window,
    ),
    Difference(
        "Kapre computes float16 decibels in float16, where amin rounds or underflows; ours in "
        "float32, rounded once",
        "magnitude_to_decibel",
        lambda e: not e.raises and in_half(e),
        check_half_decibels,
    ),
    Difference(
        "TensorFlow takes float32 subnormals for zero, ours does not",
        "magnitude_to_decibel",
        lambda e: not e.raises and e.parameters.get("amin", 1) < np.finfo(np.float32).tiny,
        check_subnormal_amin,
    ),
    Difference(
        "Kapre's mu-law functions take any number of channels and give nonsense",
        "mu_law_encoding mu_law_decoding MuLawEncoding MuLawDecoding",
        out_of_range("quantization_channels", lambda n: n in range(2, 65537)),
        refuses(ValueError, "quantization_channels must be an integer"),
    ),
    Difference(
        "Kapre crashes in float16 and float64; ours works, float16 in float32",
        "mu_law_encoding MuLawEncoding STFT Delta ApplyFilterbank ConcatenateFrequencyMap",
        lambda e: e.raises and e.inputs[0].dtype.name in ("float16", "float64"),
        check_works_in,
    ),
    Difference(
        "Keras casts float16 and float64 to float32; ours keeps the dtype of its input",
        "MuLawEncoding MagnitudeToDecibel Frame Energy STFT",
        lambda e: e.is_cast and not e.raises,
        check_keeps_dtype,
    ),
    Difference(
        "Kapre's Delta works for one channel only",
        "Delta",
        lambda e: e.raises and "Conv2D" in e.raises["message"] and 1 not in e.inputs[0].shape[1:],
        check_every_channel,
    ),
    Difference(
        "Kapre approximates the phase, wrongly near the imaginary axis, always in float32, and "
        "PhaseTflite() crashes; ours is exact",
        "Phase PhaseTflite",
        lambda e: True,
        check_exact_phase,
    ),
    Difference(
        "outside 0 <= f_min < f_max <= sample_rate / 2, or without bands, Kapre gives NaN, 0 or "
        "nothing",
        "filterbank_mel",
        lambda e: not e.raises and not mel_bands_exist(e),
        refuses(ValueError, "(f_max|f_min|n_mels|sample_rate) must be"),
    ),
    Difference(
        "f_min of 0 Hz or less gives NaN in Kapre, n_bins of 0 an empty filterbank",
        "filterbank_log",
        lambda e: not e.raises and not log_bands_exist(e.parameters),
        refuses(ValueError, "f_min must be positive|n_bins must be an integer"),
    ),
    Difference(
        "Kapre cuts off n_mfccs silently",
        "LogmelToMFCC",
        lambda e: (
            not 1
            <= e.init["n_mfccs"]
            <= e.inputs[0].shape[3 if e.init.get("data_format") == "channels_first" else 2]
        ),
        refuses(ValueError, "n_mfccs must be"),
    ),
    Difference(
        "integers are not samples: Kapre frames them as they are, ours asks to scale them",
        "Frame",
        lambda e: not e.raises and e.inputs[0].dtype.kind in "iu",
        check_integer_frames,
    ),
    Difference(
        "tf.signal.frame takes a hop longer than a frame; frame does not, as Kapre's Frame",
        "frame",
        lambda e: e.kwargs["frame_step"] > e.kwargs["frame_length"],
        check_frames_with_gaps,
    ),
    Difference(
        "no window at all is not to be had from Kapre's STFT nor ours",
        "stft",
        lambda e: e.kwargs.get("window_fn", "hann") is None,
        check_rectangular_window,
    ),
    Difference(
        "Kapre crops or fills up spectra that do not fit n_fft; ours raises",
        "InverseSTFT",
        lambda e: (
            e.inputs[0].shape[3 if e.init.get("input_data_format") == "channels_first" else 2]
            != e.init["n_fft"] // 2 + 1
        ),
        check_cropped_spectrum,
    ),
    Difference(
        "ApplyFilterbank takes the name of a filterbank and fails late; ours takes the filterbank",
        "ApplyFilterbank",
        lambda e: e.init["type"] not in ("mel", "log"),
        check_no_type,
    ),
)


def difference_of(entry):
    """Return the first line of the table that an entry falls under, or None."""
    name = entry.op.rsplit(".", 1)[1]
    return next((d for d in DIFFERENCES if name in d.ops.split() and d.applies(entry)), None)


EQUAL = [e for e in entries() if not e.raises and difference_of(e) is None]
RAISING = [e for e in entries() if e.raises and difference_of(e) is None]
DIFFERENT = [e for e in entries() if difference_of(e) is not None]


def by_name(entry):
    return entry.name


@pytest.fixture
def public(backend):
    return Library(backend)


class TestGolden:
    @pytest.mark.parametrize("entry", EQUAL, ids=by_name)
    def test_kernels_equal_kapre(self, entry, public):
        compare(public, entry)

    @pytest.mark.parametrize("entry", EQUAL, ids=by_name)
    def test_oracle_equals_kapre(self, entry):
        compare(ORACLE, entry)

    @pytest.mark.parametrize("entry", RAISING, ids=by_name)
    def test_raises_as_kapre(self, entry, public):
        kind = KINDS[entry.raises["type"]]
        if any(x.dtype.kind in "iu" for x in entry.inputs):
            kind = TypeError  # TensorFlow raises other errors for integers
        with pytest.raises(kind, match=r" must .*got ") as caught:
            ask(public, entry)
        assert caught.traceback[-1].path.is_relative_to(Path(kapre_ref.__file__).parent)

    @pytest.mark.parametrize("entry", DIFFERENT, ids=by_name)
    def test_differs_on_purpose(self, entry, public):
        difference_of(entry).check(entry, public)

    def test_every_entry_is_used_once(self):
        names = Counter(map(by_name, EQUAL + RAISING + DIFFERENT))
        assert names == Counter(map(by_name, entries()))
        assert len(entries()) == 1062

    def test_every_difference_occurs(self):
        idle = set(DIFFERENCES) - set(map(difference_of, DIFFERENT))
        assert not idle, [difference.reason for difference in idle]
