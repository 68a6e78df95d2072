"""Data formats: the words, and the views that they stand for."""

import numpy as np
import pytest
from operation import FIRST, LAST, as_caller, channels_first

import kapre_ref as kr
from kapre_ref._data_format import in_layout, layout_shape, signal_view, spectrogram_view


class TestValidateDataFormatStr:
    @pytest.mark.parametrize("word", ["channels_first", "channels_last", "default"])
    def test_known(self, word):
        assert kr.validate_data_format_str(word) is None

    @pytest.mark.parametrize("word", ["Channels_Last", "", "channels", "channels_last "])
    def test_unknown(self, word):
        match = f"data_format must be one of 'channels_first', .* or 'default', got '{word}'"
        with pytest.raises(ValueError, match=match):
            kr.validate_data_format_str(word)

    @pytest.mark.parametrize(
        "value", [None, b"default", {"config": "channels_last"}, 1, ["default"]]
    )
    def test_not_a_string(self, value):
        with pytest.raises(TypeError, match="data_format must be a string, got"):
            kr.validate_data_format_str(value)

    def test_constants_are_kapres(self):
        got = (kr.CH_FIRST_STR, kr.CH_LAST_STR, kr.CH_DEFAULT_STR)
        assert got == ("channels_first", "channels_last", "default")


class TestViews:
    @pytest.mark.parametrize("data_format", [FIRST, LAST, "default"])
    @pytest.mark.parametrize(
        ("view", "item_ndim", "shape"),
        [(signal_view, 1, (2, 3, 4)), (spectrogram_view, 2, (2, 3, 4, 5))],
        ids=["signal", "spectrogram"],
    )
    @pytest.mark.parametrize("n_leading", [0, 1, 2])
    def test_there_and_back(self, view, item_ndim, shape, n_leading, data_format):
        x = np.arange(np.prod(shape)).reshape(shape)[(0,) * (2 - n_leading)]
        got = view("x", x, data_format)
        np.testing.assert_array_equal(got, channels_first(x, data_format, item_ndim))
        assert np.shares_memory(got, x)
        back = in_layout(got, n_leading, data_format)
        np.testing.assert_array_equal(back, as_caller(got, n_leading, data_format))
        np.testing.assert_array_equal(back, x)
        assert layout_shape(got.shape, n_leading, data_format) == x.shape

    @pytest.mark.parametrize(
        ("view", "shape"), [(signal_view, (1,) * 4), (signal_view, ()), (spectrogram_view, (3,))]
    )
    def test_other_shapes(self, view, shape):
        with pytest.raises(ValueError, match=r"signal must have shape \(.*, got shape \("):
            view("signal", np.ones(shape), "default")

    def test_format_is_heeded_only_with_channels(self):
        x = np.arange(40.0).reshape(4, 10)
        got = kr.frame(x, 4, 2, data_format=FIRST)
        np.testing.assert_array_equal(got, kr.frame(x, 4, 2, data_format=LAST))
