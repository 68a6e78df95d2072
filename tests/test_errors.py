"""Bad calls of every public function: each message names the argument, the rule and the value."""

import inspect
import re
from fractions import Fraction

import numpy as np
import pytest
from bad_calls import OUT, ROWS
from good_calls import BATCH, GOOD, S, X

import kapre_ref as kr


def _pattern(message):
    """Take a message literally, but for '.*'."""
    return ".*".join(re.escape(part) for part in message.split(".*"))


def _id(index):
    (name, _, _), kind, message = ROWS[index]
    return f"{name}-{kind.__name__}-{message.split(' ')[0]}-{index}"


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
        assert "np." not in str(caught.value)  # NumPy's scalars are shown as plain numbers

    def test_every_function_that_can_fail_is_here(self):
        called = {name for (name, _, _), _, _ in ROWS}
        functions = {name for name in kr.__all__ if inspect.isfunction(getattr(kr, name))}
        operations = {name for name in functions if not name.endswith("_reference")}
        # They take nothing; what two of them read from the environment is tested below.
        take_nothing = {"get_num_threads", "get_keep_bytes", "release_memory", "recipes"}
        assert operations - called == take_nothing

    def test_rows_are_distinct(self):
        assert len({repr(row) for row in ROWS}) == len(ROWS) >= 90

    @pytest.mark.parametrize("text", ["0", "-1", "2.5", "x", " ", "1e3", "٣x"])
    def test_environment(self, monkeypatch, text):
        monkeypatch.setenv("KAPRE_REF_NUM_THREADS", text)
        message = f"KAPRE_REF_NUM_THREADS must be an integer of at least 1, got {text!r}"
        with pytest.raises(ValueError, match=_pattern(message)):
            kr.get_num_threads()

    # Python compares, unpacks or counts these in unusual ways; no argument takes any of them.
    @pytest.mark.parametrize(
        "value", [np.ones((2, 2), "U1"), np.datetime64("NaT", "s"), object(), 1j]
    )
    def test_every_argument_of_a_wrong_kind_is_named(self, value):
        # Without these, the arguments are not used.
        needs = {"db_": "return_decibel", "pad_value": "pad_end"}
        for name, (args, kwargs) in GOOD.items():
            function = getattr(kr, name)
            signature = inspect.signature(function)
            for argument in signature.parameters:
                given = signature.bind(*args, **kwargs).arguments | {argument: value}
                for start, other in needs.items():
                    if argument.startswith(start) and other in signature.parameters:
                        given[other] = True
                kinds = (TypeError, ValueError, NotImplementedError)
                with pytest.raises(kinds, match=rf"^{argument} must "):
                    function(**given)

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
    """A call does not check arguments that it does not use."""

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
    """Numbers from an array, a file or a configuration are taken like literals."""

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
        # Checked parameters are remembered; 16 and True must not excuse the equal 16.0 and 1.
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
