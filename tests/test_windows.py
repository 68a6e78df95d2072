"""Windows, against SciPy, long double and what they are made for."""

import numpy as np
import pytest
import scipy.signal
from closeness import assert_close, eps_of
from scipy.special import i0

import kapre_ref as kr
from kapre_ref import _windows
from kapre_ref._band_spectrograms import log_front_end, mel_front_end
from kapre_ref._kapre_front_end import stft_front_end

SHORT_AND_LONG = {
    "hann": ("hann", "hann_window", None),
    **{
        name: (name, f"{name}_window")
        for name in ("hamming", "kaiser", "kaiser_bessel_derived", "vorbis")
    },
}

LENGTHS = (1, 2, 3, 4, 5, 16, 17, 97, 400, 1024, 2048)
NAMES = (
    "hann_window",
    "hamming_window",
    "kaiser_window",
    "kaiser_bessel_derived_window",
    "vorbis_window",
)
EXACT = 8 * eps_of(np.float64)  # Cosines and square roots between 0 and 1 have this error.


def angle(length, turn):
    """Return 2 pi k / turn in long double, k from 0."""
    return 8 * np.arctan(np.longdouble(1)) * np.arange(length) / np.longdouble(turn)


class RaisedCosine:
    @pytest.mark.parametrize("length", LENGTHS)
    @pytest.mark.parametrize("periodic", [True, False])
    def test_oracle_against_scipy(self, length, periodic):
        # tf.signal ignores `periodic` for odd lengths.
        got = self.oracle(length, periodic, np.float64)
        expected = self.scipy(length, sym=not periodic or length % 2 == 1)
        assert_close(got, expected, EXACT)

    @pytest.mark.parametrize("length", LENGTHS[1:])
    def test_oracle_against_long_double(self, length):
        got = self.oracle(length, True, np.float64)
        turn = length if length % 2 == 0 else length - 1
        expected = self.offset - (1 - self.offset) * np.cos(angle(length, turn))
        assert_close(got, expected, EXACT)

    @pytest.mark.parametrize("length", [4, 16, 400, 1024])
    def test_periodic_copies_add_up_to_a_constant(self, length):
        window = self.oracle(length, dtype=np.float64)
        for n_overlaps in (2, 4):
            total = window.reshape(n_overlaps, -1).sum(axis=0)
            assert_close(total, np.full(total.shape, n_overlaps * float(self.offset)), EXACT)

    def test_flag(self):
        with pytest.raises(TypeError, match="periodic must be True or False, got 1"):
            self.public(4, 1)


class TestHannWindow(RaisedCosine):
    public = staticmethod(kr.hann_window)
    oracle = staticmethod(kr.hann_window_reference)
    scipy = staticmethod(scipy.signal.windows.hann)
    offset = np.longdouble(0.5)

    def test_odd_length(self):
        np.testing.assert_allclose(kr.hann_window(5), [0, 0.5, 1, 0.5, 0], atol=1e-16)


class TestHammingWindow(RaisedCosine):
    public = staticmethod(kr.hamming_window)
    oracle = staticmethod(kr.hamming_window_reference)
    scipy = staticmethod(scipy.signal.windows.hamming)
    offset = np.longdouble(54) / 100


class TestKaiserWindow:
    @pytest.mark.parametrize("length", LENGTHS)
    @pytest.mark.parametrize("beta", [0, 4.0, 12, 14.0, 40])
    def test_oracle_against_scipy(self, length, beta):
        got = kr.kaiser_window_reference(length, beta, np.float64)
        # NumPy's I0, used here, and SciPy's differ by some 20 eps for large beta.
        assert_close(got, scipy.signal.windows.kaiser(length, beta), 4 * EXACT)

    def test_closed_form(self):
        got = kr.kaiser_window_reference(5, 3.0, np.float64)
        half = i0(3 * np.sqrt(0.75)) / i0(3.0)
        assert_close(got, np.array([1 / i0(3.0), half, 1, half, 1 / i0(3.0)]), EXACT)

    def test_two_samples(self):
        np.testing.assert_allclose(kr.kaiser_window(2), [5.277345e-05] * 2, rtol=1e-6)

    def test_no_samples(self):
        with pytest.raises(ValueError, match="window_length must be an integer at least 1, got 0"):
            kr.kaiser_window(0)


class HalvesOfPowerOne:
    @pytest.mark.parametrize("length", [2, 4, 16, 46, 400, 2048])
    def test_princen_bradley(self, length):
        window = self.oracle(length, dtype=np.float64)
        power = window[: length // 2] ** 2 + window[length // 2 :] ** 2
        assert_close(power, np.ones(length // 2), EXACT)


class TestKaiserBesselDerivedWindow(HalvesOfPowerOne):
    oracle = staticmethod(kr.kaiser_bessel_derived_window_reference)

    @pytest.mark.parametrize("length", [2, 4, 16, 400, 1024])
    @pytest.mark.parametrize("beta", [0, 4.0, 12, 14.0])
    def test_oracle_against_scipy(self, length, beta):
        got = self.oracle(length, beta, np.float64)
        expected = scipy.signal.windows.kaiser_bessel_derived(length, beta)
        assert_close(got, expected, 4 * EXACT)

    @pytest.mark.parametrize("length", [0, 1, 3, 17, 401])
    def test_odd_lengths_are_one_shorter(self, length):
        got = kr.kaiser_bessel_derived_window(length)
        np.testing.assert_array_equal(got, kr.kaiser_bessel_derived_window(length // 2 * 2))
        assert got.shape == (length // 2 * 2,)


class TestVorbisWindow(HalvesOfPowerOne):
    oracle = staticmethod(kr.vorbis_window_reference)

    @pytest.mark.parametrize("length", LENGTHS)
    def test_oracle_against_long_double(self, length):
        quarter = 2 * np.arctan(np.longdouble(1))
        position = (np.arange(length) + np.longdouble(0.5)) / length
        expected = np.sin(quarter * np.sin(2 * quarter * position) ** 2)
        assert_close(self.oracle(length, np.float64), expected, EXACT)

    def test_three_samples(self):
        got = kr.vorbis_window(3)
        np.testing.assert_allclose(got, [0.38268346, 1, 0.38268352], rtol=3e-7)


class TestAllWindows:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("length", [1, 2, 17])
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", np.float32, ">f4"], ids=str)
    def test_dtype_is_rounded_to_once(self, name, length, dtype):
        window, exact = (kr.get_window_fn(name)(length, dtype=one) for one in (dtype, np.float64))
        assert window.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(window, exact.astype(window.dtype))

    @pytest.mark.parametrize("name", NAMES)
    def test_defaults_and_oracle(self, name):
        public, oracle = getattr(kr, name)(400), getattr(kr, name + "_reference")(400)
        assert public.dtype == np.float32
        np.testing.assert_array_equal(public, oracle)
        np.testing.assert_array_equal(public, kr.get_window_fn(name)(400))

    @pytest.mark.parametrize("name", NAMES)
    def test_symmetry(self, name):
        window = getattr(kr, name)(17, dtype=np.float64)
        assert_close(window, window[::-1], EXACT)

    @pytest.mark.parametrize("name", NAMES)
    def test_like(self, backend, name):
        got = getattr(kr, name)(8, like=backend.array(np.ones(1)))
        np.testing.assert_array_equal(backend.numpy(got), getattr(kr, name)(8))

    @pytest.mark.parametrize("name", NAMES)
    def test_result_is_the_callers(self, name):
        getattr(kr, name)(8)[...] = 7
        assert getattr(kr, name)(8).max() <= 1

    @pytest.mark.parametrize("name", [n for n in NAMES if n != "kaiser_window"])
    def test_no_samples(self, name):
        assert getattr(kr, name)(0).shape == (0,)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        ("length", "kind", "rule"),
        [
            (-1, ValueError, r"must be an integer at least \d, got -1"),
            (2.5, ValueError, r"must be an integer, got 2\.5"),
            ("8", TypeError, "must be an integer, got '8'"),
            (None, TypeError, "must be an integer, got None"),
        ],
    )
    def test_bad_length(self, name, length, kind, rule):
        with pytest.raises(kind, match=f"window_length {rule}"):
            getattr(kr, name)(length)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("dtype", ["int32", "complex64", None, "flat", "longdouble"])
    def test_bad_dtype(self, name, dtype):
        with pytest.raises(TypeError, match="dtype must be float16, float32 or float64, got"):
            getattr(kr, name)(8, dtype=dtype)

    @pytest.mark.parametrize("name", ["kaiser_window", "kaiser_bessel_derived_window"])
    @pytest.mark.parametrize(
        ("beta", "kind", "rule"),
        [
            (np.nan, ValueError, "must be a finite number, got nan"),
            (np.inf, ValueError, "must be a finite number, got inf"),
            ("12", TypeError, "must be a number, got '12'"),
        ],
    )
    def test_bad_beta(self, name, beta, kind, rule):
        with pytest.raises(kind, match=f"beta {rule}"):
            getattr(kr, name)(8, beta)


class TestGetWindowFn:
    @pytest.mark.parametrize("name", NAMES)
    def test_by_name(self, name):
        assert kr.get_window_fn(name) is getattr(kr, name)

    def test_none_is_hann(self):
        assert kr.get_window_fn() is kr.hann_window

    @pytest.mark.parametrize("name", NAMES)
    def test_short_name(self, name):
        short = name.removesuffix("_window")
        assert kr.get_window_fn(short) is getattr(kr, name)
        oracle = _windows.get_window_fn_reference(short)
        assert oracle is getattr(kr, f"{name}_reference")
        plans = {stft_front_end(16, None, None, one, False, False).window for one in (short, name)}
        assert plans == {name}

    @pytest.mark.parametrize("name", ["Hann", "_window", "", "Hann_window", "blackman_window"])
    def test_unknown(self, name):
        with pytest.raises(NotImplementedError, match=f"one of hamming_window, .*got '{name}'"):
            kr.get_window_fn(name)

    @pytest.mark.parametrize("name", [b"hann_window", 3, np.hanning])
    def test_not_a_name(self, name):
        with pytest.raises(TypeError, match="window_name must be a string or None, got"):
            kr.get_window_fn(name)


class TestOneFrontEnd:
    """However the same parameters are written, what is kept of them is kept once."""

    def test_names_of_windows(self):
        plans = {
            stft_front_end(64, None, 16, name, False, False) for name in SHORT_AND_LONG["hann"]
        }
        plans |= {stft_front_end(np.int64(64), 64, None, "hann", False, False)}
        assert len(plans) == 1
        for names in SHORT_AND_LONG.values():
            assert len({stft_front_end(64, 64, 16, name, True, True) for name in names}) == 1

    def test_bands(self):
        stft = [(64, None, None, name, False, False) for name in SHORT_AND_LONG["hann"]]
        mels = [(8000, 4, 0, None, False, 1), (8000.0, np.int64(4), 0.0, 4000, False, 1.0)]
        assert len({mel_front_end(*one, *mel) for one in stft for mel in mels}) == 1
        logs = [(22050, 4, None, 12, 1), (22050.0, np.int32(4), 32.70319566, 12, 1.0)]
        assert len({log_front_end(*one, *log) for one in stft for log in logs}) == 1
