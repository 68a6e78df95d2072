"""hz_to_mel and mel_to_hz."""

import numpy as np
import pytest
from harness import fake_cupy

import kapre_ref as kr

HZ = np.r_[0, 200, 999.999, 1000, 1000.001, 6400, np.linspace(1, 24000, 97)]


@pytest.fixture
def librosa():
    return pytest.importorskip("librosa", reason="librosa is not installed; it is only a witness")


@pytest.mark.parametrize("htk", [False, True])
class TestScales:
    def test_are_librosas(self, librosa, htk):
        mels = HZ / 200
        expected = librosa.hz_to_mel(HZ, htk=htk), librosa.mel_to_hz(mels, htk=htk)
        got = kr.hz_to_mel(HZ, htk), kr.mel_to_hz(mels, htk)
        np.testing.assert_allclose(got, expected, rtol=1e-15)

    def test_undo_each_other(self, htk):
        np.testing.assert_allclose(kr.mel_to_hz(kr.hz_to_mel(HZ, htk), htk), HZ, rtol=1e-13)

    @pytest.mark.parametrize("convert", [kr.hz_to_mel, kr.mel_to_hz])
    def test_any_kind_of_numbers(self, htk, convert):
        expected = convert(np.array([[100.0, 440.0]]), htk)
        assert (expected.shape, expected.dtype) == ((1, 2), np.float64)
        for same in ([[100, 440]], ((100.0, 440),), np.array([[100, 440]], np.int16)):
            np.testing.assert_array_equal(convert(same, htk), expected)
        assert convert(440, htk) == expected[0, 1]
        assert convert([], htk).shape == (0,)


def test_known_points():
    assert kr.hz_to_mel(1000) == pytest.approx(15, rel=1e-15)  # Slaney: where the logarithm begins
    assert kr.hz_to_mel(6400) == pytest.approx(42, rel=1e-15)
    assert kr.hz_to_mel(700, htk=True) == pytest.approx(2595 * np.log10(2), rel=1e-15)


def test_nothing_is_copied_from_a_gpu():
    with (
        fake_cupy.installed() as cupy,
        pytest.raises(TypeError, match=r"frequencies must be .*CPU"),
    ):
        kr.hz_to_mel(cupy.asarray(HZ))
