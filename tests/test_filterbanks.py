"""filterbank_mel, filterbank_log and apply_filterbank."""

import warnings

import numpy as np
import pytest
from closeness import assert_close, eps_of

import kapre_ref as kr
from kapre_ref._mel_scale import hz_to_mel_reference, mel_to_hz_reference

C1 = 440 * 2 ** (-45 / 12)  # Hz: 45 semitones below A4


def slaney_mel(hertz):
    """Return mels, one frequency at a time: 200/3 Hz each up to 1000 Hz, then 27 to 6400 Hz."""
    if hertz < 1000:
        return np.longdouble(hertz) * 3 / 200
    return 15 + 27 * np.log(np.longdouble(hertz) / 1000) / np.log(np.longdouble(64) / 10)


def slaney_hertz(mel):
    return mel * 200 / 3 if mel < 15 else 1000 * (np.longdouble(64) / 10) ** ((mel - 15) / 27)


def htk_mel(hertz):
    return 2595 * np.log10(1 + np.longdouble(hertz) / 700)


def htk_hertz(mel):
    return 700 * (np.longdouble(10) ** (mel / 2595) - 1)


SCALES = {False: (slaney_mel, slaney_hertz), True: (htk_mel, htk_hertz)}


def triangles(sample_rate, n_freq, n_mels, f_min, f_max, htk):
    """Return bands drawn with np.interp, and their edges in Hz."""
    to_mel, to_hertz = SCALES[htk]
    lowest, highest = to_mel(f_min), to_mel(f_max)
    steps = np.arange(n_mels + 2) / np.longdouble(n_mels + 1)
    edges = [float(to_hertz(lowest + step * (highest - lowest))) for step in steps]
    frequency = np.arange(n_freq) * (sample_rate / 2 / (n_freq - 1))
    columns = [
        np.interp(frequency, edges[band : band + 3], [0, 1, 0], left=0, right=0)
        for band in range(n_mels)
    ]
    return np.stack(columns, axis=1), np.array(edges)


# (sample_rate, n_freq, n_mels, f_min, f_max)
MEL = [
    (22050, 1025, 128, 0.0, 11025.0),
    (16000, 201, 40, 20.0, 7600.0),
    (8000, 129, 20, 300.0, 3400.0),
    (44100, 33, 5, 900.0, 1100.0),
    (48000.5, 65, 1, 0.0, 24000.0),
]


class TestFilterbankMel:
    @pytest.mark.parametrize("parameters", MEL, ids=str)
    @pytest.mark.parametrize("htk", [False, True])
    def test_oracle_against_interpolation(self, parameters, htk):
        expected, edges = triangles(*parameters, htk)
        got = kr.filterbank_mel_reference(*parameters, htk, None, dtype=np.float64)
        # Edges differ by an eps of the frequency, over the width of the narrowest triangle.
        tolerance = 8 * eps_of(np.float64) * edges[-1] / np.diff(edges).min()
        assert_close(got, expected, tolerance)
        slaney = kr.filterbank_mel_reference(*parameters, htk, dtype=np.float64)
        assert_close(slaney * (edges[2:] - edges[:-2]) / 2, expected, 2 * tolerance)

    @pytest.mark.parametrize(
        ("htk", "hertz", "mel"),
        [
            (False, 0, 0),
            (False, 200, 3),
            (False, 1000, 15),
            (False, 6400, 42),
            (True, 0, 0),
            (True, 6300, 2595),
            (True, 700 * (10**0.5 - 1), 1297.5),
        ],
    )
    def test_scales(self, htk, hertz, mel):
        assert hz_to_mel_reference(np.float64(hertz), htk) == pytest.approx(mel, rel=1e-14)
        assert mel_to_hz_reference(np.float64(mel), htk) == pytest.approx(hertz, rel=1e-14)

    @pytest.mark.parametrize("htk", [False, True])
    def test_scales_are_inverse_and_continuous(self, htk):
        hertz = np.concatenate([np.linspace(0, 24000, 97), [999.999999, 1000, 1000.000001]])
        mel = hz_to_mel_reference(hertz, htk)
        assert_close(mel_to_hz_reference(mel, htk), hertz, 1e-14 * 24000)
        # No step at 1000 Hz: a millionth of a Hz is less than that in mels.
        assert abs(np.diff(mel[-3:])).max() < 1e-6

    @pytest.mark.parametrize("htk", [False, True])
    def test_partition_of_unity(self, htk):
        weights = kr.filterbank_mel(16000, 513, 30, 50.0, 7000.0, htk, None, dtype=np.float64)
        _, edges = triangles(16000, 513, 30, 50.0, 7000.0, htk)
        frequency = np.linspace(0, 8000, 513)
        inside = (frequency >= edges[1]) & (frequency <= edges[-2])
        total = weights.sum(axis=1)
        assert_close(total[inside], np.ones(inside.sum()), 1e-12)
        assert not weights[(frequency < edges[0]) | (frequency > edges[-1])].any()

    def test_slaney_areas(self):
        weights = kr.filterbank_mel(16000, 8001, 40, dtype=np.float64)
        # A bin each Hz: the sum is the trapezoidal rule for a triangle of area 1.
        assert_close(weights.sum(axis=0), np.ones(40), 1e-3)

    @pytest.mark.parametrize("norm", [1, 1.0, 2, 0.5, 3.5, np.inf])
    def test_norms(self, norm):
        plain = kr.filterbank_mel(16000, 513, 40, norm=None, dtype=np.float64)
        got = kr.filterbank_mel(16000, 513, 40, norm=norm, dtype=np.float64)
        by_band = [np.linalg.norm(band, norm) for band in got.T]
        assert_close(np.array(by_band), np.ones(40), 1e-12)
        scale = got.sum(axis=0) / plain.sum(axis=0)
        assert_close(got, plain * scale, 1e-14)

    def test_norm_of_least_weight(self):
        # Zeros count, so that a norm is 1 wherever a bin lies outside of its band.
        plain = kr.filterbank_mel(16000, 513, 40, norm=None, dtype=np.float64)
        got = kr.filterbank_mel(16000, 513, 40, norm=-np.inf, dtype=np.float64)
        np.testing.assert_array_equal(got, plain)
        oracle = kr.filterbank_mel_reference(16000, 513, 40, norm=-np.inf, dtype=np.float64)
        np.testing.assert_array_equal(got, oracle)

    def test_norm_of_order_zero(self):
        plain = kr.filterbank_mel(16000, 513, 40, norm=None, dtype=np.float64)
        got = kr.filterbank_mel(16000, 513, 40, norm=0, dtype=np.float64)
        assert_close(got * np.count_nonzero(plain, axis=0), plain, 1e-15)

    def test_empty_bands_are_zero_and_told_once(self):
        with pytest.warns(UserWarning, match="of 128 mel bands are empty: n_mels is too") as told:
            weights = kr.filterbank_mel(22050, 129, 128)
        assert len(told) == 1
        assert told[0].filename == __file__
        n_empty = (~weights.any(axis=0)).sum()
        assert str(told[0].message).startswith(f"{n_empty} of 128")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            oracle = kr.filterbank_mel_reference(22050, 129, 128)
        np.testing.assert_array_equal(oracle, weights)

    @pytest.mark.parametrize(("n_mels", "n_empty"), [(95, 0), (96, 1)])
    def test_a_single_empty_band_is_told(self, n_mels, n_empty):
        def spectrogram():
            signal = np.ones(256, np.float32)
            return kr.melspectrogram(signal, n_fft=256, sample_rate=16000, n_mels=n_mels)

        for call in (lambda: kr.filterbank_mel(16000, 129, n_mels), spectrogram):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                call()
            texts = [str(warning.message) for warning in told]
            assert len(texts) == n_empty
            assert all(text.startswith("1 of 96 mel bands are empty") for text in texts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert (~kr.filterbank_mel(16000, 129, n_mels).any(axis=0)).sum() == n_empty

    @pytest.mark.parametrize("norm", [1, 2, np.inf, 0, "slaney"])
    def test_empty_bands_have_no_norm(self, norm):
        with pytest.warns(UserWarning, match="mel bands are empty"):
            weights = kr.filterbank_mel(22050, 129, 128, norm=norm)
        assert np.isfinite(weights).all()

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_dtype_is_rounded_to_once(self, dtype):
        # As in librosa, triangles are rounded to float32 first, unless the result is float64.
        exact = kr.filterbank_mel_reference(8000, 129, 20, dtype=np.float64)
        got = kr.filterbank_mel(8000, 129, 20, dtype=dtype)
        coarse = np.float64 if dtype == "float64" else np.float32
        eps = np.finfo(coarse).eps + np.finfo(dtype).eps / 2
        tiny = np.finfo(dtype).smallest_subnormal
        np.testing.assert_allclose(got.astype(np.float64), exact, rtol=eps, atol=tiny)
        assert got.dtype == dtype

    def test_defaults_like_and_ownership(self, backend):
        first = kr.filterbank_mel(22050, 1025, like=backend.array(np.ones(1)))
        assert first.shape == (1025, 128)
        expected = backend.numpy(first).copy()
        first[...] = 9
        np.testing.assert_array_equal(kr.filterbank_mel(22050, 1025), expected)

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"sample_rate": 0}, ValueError, "sample_rate must be positive, got 0"),
            ({"sample_rate": np.inf}, ValueError, "sample_rate must be a finite number, got inf"),
            ({"n_freq": 1}, ValueError, "n_freq must be an integer at least 2, got 1"),
            ({"n_freq": 65.5}, ValueError, r"n_freq must be an integer, got 65\.5"),
            ({"n_mels": 0}, ValueError, "n_mels must be an integer at least 1, got 0"),
            ({"n_mels": "20"}, TypeError, "n_mels must be an integer, got '20'"),
            ({"f_min": -1}, ValueError, "f_min must be at least 0, got -1"),
            ({"f_min": 8000}, ValueError, "f_min must be less than f_max=8000, got 8000"),
            (
                {"f_min": 5e3, "f_max": 4e3},
                ValueError,
                "f_min must be less than f_max=4000",
            ),
            (
                {"f_max": 8000.5},
                ValueError,
                r"f_max must be at most .* = 8000, got 8000\.5",
            ),
            ({"f_max": np.nan}, ValueError, "f_max must be a finite number, got nan"),
            ({"f_min": None}, TypeError, "f_min must be a number, got None"),
            ({"htk": 1}, TypeError, "htk must be True or False, got 1"),
            ({"norm": "foo"}, ValueError, r"norm must be 'slaney', None or a number .* got 'foo'"),
            ({"norm": -1}, ValueError, r"norm must be .* got -1"),
            ({"norm": np.nan}, ValueError, "norm must be a finite number, got nan"),
            ({"norm": [1]}, TypeError, "norm must be a number, got list"),
            ({"dtype": "int32"}, TypeError, "dtype must be float16, float32 or float64, got int32"),
            ({"like": [1.0]}, TypeError, r"like must be a numpy\.ndarray .* got list"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.filterbank_mel(**{"sample_rate": 16000, "n_freq": 129, "n_mels": 20, **arguments})


class TestFilterbankLog:
    @pytest.mark.parametrize("sample_rate", [16000, 22050, 44100])
    @pytest.mark.parametrize("n_freq", [129, 1025])
    @pytest.mark.parametrize(
        "others",
        [
            {},
            {"n_bins": 36, "bins_per_octave": 24, "f_min": 110.0},
            {"n_bins": 7, "bins_per_octave": 1, "f_min": 40.0, "spread": 2.0},
            {"n_bins": 84, "spread": 0.01},
        ],
        ids=str,
    )
    def test_oracle_against_closed_form(self, sample_rate, n_freq, others):
        n_bins, per_octave = others.get("n_bins", 84), others.get("bins_per_octave", 12)
        sigma = np.longdouble(others.get("spread", 0.125)) / per_octave
        centre = np.longdouble(others.get("f_min", 32.70319566)) * np.longdouble(2) ** (
            np.arange(n_bins) / np.longdouble(per_octave)
        )
        frequency = np.arange(n_freq)[1:, None] * (np.longdouble(sample_rate) / 2 / (n_freq - 1))
        # exp(-log2 f) is a power of f, that of -1 / ln 2 = -1.4427.
        weights = frequency ** (-1 / np.log(np.longdouble(2)))
        weights = weights * np.exp(-0.5 * (np.log2(frequency / centre) / sigma) ** 2)
        # Columns that underflow in float64 are zero there.
        kept = weights.sum(axis=0) / sigma > 1e-290
        expected = np.pad(weights[:, kept] / weights[:, kept].sum(axis=0), [(1, 0), (0, 0)])
        got = kr.filterbank_log_reference(sample_rate, n_freq, dtype=np.float64, **others)
        # Its slope magnifies the rounding of log2 f, which is an eps of up to 14 octaves:
        # up to 38 / sigma, beyond which the weight has underflowed.
        assert_close(got[:, kept], expected, float(38 / sigma) * 14 * eps_of(np.float64))
        assert got[:, ~kept].max(initial=0) <= 1

    def test_bands_sum_to_one_or_zero(self):
        weights = kr.filterbank_log(22050, 129)
        total = weights.sum(axis=0, dtype=np.float64)
        empty = total == 0
        assert empty.sum() == 16
        assert_close(total[~empty], np.ones(68), eps_of(np.float32))
        assert not weights[0].any()

    def test_bands_peak_at_their_centres(self):
        weights = kr.filterbank_log(22050, 8193, n_bins=60, f_min=130.8)
        frequency = np.linspace(0, 11025, 8193)
        peak = frequency[weights.argmax(axis=0)]
        centre = 130.8 * 2 ** (np.arange(60) / 12)
        # Half a bin; the factor f ** -1.44 moves a peak by sigma ** 2 octaves.
        assert np.all(np.abs(peak - centre) <= 11025 / 8192)

    def test_default_f_min_is_c1(self):
        got = kr.filterbank_log(22050, 129, f_min=C1, dtype=np.float64)
        assert_close(got, kr.filterbank_log(22050, 129, dtype=np.float64), 1e-5)

    def test_limit_is_whole_hertz(self):
        # 22051 // 2 = 11025 Hz: a top of 11025.25 Hz is refused though half the rate is 11025.5.
        kr.filterbank_log(22051, 129, 12, 12, 5512.5)
        with pytest.raises(RuntimeError, match=r"sample_rate // 2 = 11025 Hz, .* at 11025\.25"):
            kr.filterbank_log(22051, 129, 12, 12, 5512.625)

    def test_default_bins_at_8000(self):
        kr.filterbank_log(8000, 129, 83)
        with pytest.raises(RuntimeError, match=r"n_bins=84, which ends at 4186\.01 Hz"):
            kr.filterbank_log(8000, 129)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_dtype_is_rounded_to_once(self, backend, dtype):
        exact = kr.filterbank_log_reference(22050, 129, dtype=np.float64)
        got = kr.filterbank_log(22050, 129, dtype=dtype, like=backend.array(np.ones(1)))
        np.testing.assert_array_equal(backend.numpy(got), exact.astype(dtype))
        assert got.dtype == dtype

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"sample_rate": -1}, ValueError, "sample_rate must be positive, got -1"),
            ({"n_freq": 1}, ValueError, "n_freq must be an integer at least 2, got 1"),
            ({"n_bins": 0}, ValueError, "n_bins must be an integer at least 1, got 0"),
            ({"n_bins": 1.5}, ValueError, r"n_bins must be an integer, got 1\.5"),
            ({"bins_per_octave": 0}, ValueError, "bins_per_octave must be an integer at least 1"),
            ({"f_min": 0.0}, ValueError, r"f_min must be positive, got 0\.0"),
            ({"f_min": "C1"}, TypeError, "f_min must be a number, got 'C1'"),
            ({"spread": 0}, ValueError, "spread must be positive, got 0"),
            ({"spread": -0.1}, ValueError, r"spread must be positive, got -0\.1"),
            ({"spread": 1e-9}, ValueError, r"spread must be from 1e-06 to 1e\+06, got 1e-09"),
            ({"n_bins": 10**6}, RuntimeError, "n_bins must be so small .* which ends at more Hz"),
            ({"f_min": 9000}, RuntimeError, "reduce n_bins or f_min, or increase bins_per_octave"),
            ({"dtype": None}, TypeError, "dtype must be float16, float32 or float64, got None"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.filterbank_log(**{"sample_rate": 22050, "n_freq": 129, **arguments})
