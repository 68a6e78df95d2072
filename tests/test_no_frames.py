"""A signal without a frame gives a warning: it probably has another layout than assumed."""

import re
import warnings

import numpy as np
import pytest
from harness import fake_cupy

import kapre_ref as kr

STFT = {"n_fft": 64, "hop_length": 16}
OPERATIONS = {
    "energy": ({"frame_length": 64, "hop_length": 16}, "frame_length", "data_format"),
    "frame": ({"frame_length": 64, "hop_length": 16}, "frame_length", "data_format"),
    "stft": (STFT, "win_length", "input_data_format"),
    "stft_magnitude": (STFT, "win_length", "input_data_format"),
    "stft_mag_phase": (STFT, "win_length", "input_data_format"),
    "melspectrogram": (STFT | {"n_mels": 4}, "win_length", "input_data_format"),
    "mfcc": (STFT | {"n_mels": 4, "n_mfccs": 2}, "win_length", "input_data_format"),
    "log_frequency_spectrogram": (STFT | {"log_n_bins": 4}, "win_length", "input_data_format"),
}
# shape, format, what the shape is taken for, what is proposed first
LAYOUTS = [
    ((63,), "default", "(time,), so a signal has 63 samples", "pad_end=True"),
    ((200, 2), "default", "(batch, time), so a signal has 2 samples", "x[None] with "),
    ((3, 40), "default", "(batch, time), so a signal has 40 samples", "pad_end=True"),
    ((2, 3, 200), "default", "(batch, time, channel), so a signal has 3 ", "channels_first' if"),
    ((2, 3, 200), "channels_last", "(batch, time, channel), so", "channels_first' if"),
    ((2, 200, 3), "channels_first", "(batch, channel, time), so a signal has 3 ", "channels_last"),
    ((2, 40, 3), "default", "(batch, time, channel), so a signal has 40 ", "pad_end=True"),
]


def warnings_of(name, x, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(kr, name)(x, **options)
    return [warning for warning in caught if "has no frame" in str(warning.message)]


def cases():
    for name in OPERATIONS:
        for layout in LAYOUTS:
            if name != "stft_mag_phase" or len(layout[0]) == 3:
                yield name, *layout


class TestNoFrames:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize(("name", "shape", "data_format", "taken", "cure"), list(cases()))
    def test_says_what_it_was_taken_for(self, name, shape, data_format, taken, cure, dtype):
        options, length, format_name = OPERATIONS[name]
        x = np.zeros(shape, dtype)
        for _ in range(2):  # Python's filters decide how often a warning shows
            (warning,) = warnings_of(name, x, **options, **{format_name: data_format})
            message = str(warning.message)
            assert message.startswith(f"x has no frame: its shape {shape} was taken for {taken}")
            assert f"{length}=64; pass " in message
            assert message.index(cure) < message.index(f"a smaller {length}")
            assert warning.filename == __file__

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_cures_help(self, name):
        options, length, format_name = OPERATIONS[name]
        x = np.ones((2, 3, 200), np.float32)
        for cure in (
            {format_name: "channels_first"},
            {"pad_end": True},
            {"n_fft" if length == "win_length" else length: 3, "hop_length": 1},
        ):
            assert warnings_of(name, x, **options | cure) == []
        if name != "stft_mag_phase":
            assert len(warnings_of(name, x[0].T, **options)) == 1
            assert warnings_of(name, x[:1].transpose(0, 2, 1), **options) == []

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_warning_may_be_an_error(self, name):
        options, *_ = OPERATIONS[name]
        x = np.ones((2, 3, 200), np.float32)
        for action in ("ignore", "error", "ignore"):
            with warnings.catch_warnings():
                warnings.simplefilter(action)
                if action == "ignore":
                    assert getattr(kr, name)(x, **options).size == 0
                else:
                    with pytest.raises(UserWarning, match=re.escape("(batch, time, channel)")):
                        getattr(kr, name)(x, **options)

    @pytest.mark.parametrize("name", OPERATIONS)
    @pytest.mark.parametrize("shape", [(0, 200, 1), (2, 0, 1), (2, 200, 0)])
    def test_an_empty_signal_is_meant(self, name, shape):
        assert warnings_of(name, np.ones(shape, np.float32), **OPERATIONS[name][0]) == []

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_gpu(self, name):
        with fake_cupy.installed() as cupy:
            x = cupy.zeros((2, 3, 200), np.float32)
            assert len(warnings_of(name, x, **OPERATIONS[name][0])) == 1
