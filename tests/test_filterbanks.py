"""filterbank_mel, filterbank_log and apply_filterbank."""

import warnings

import numpy as np
import plain_formulas
import pytest
from closeness import assert_close, assert_oracle_close, assert_within_contract, eps_of
from conftest import Backend
from operation import FIRST, TakesOut, as_caller, case, channels_first, wide

import kapre_ref as kr
from kapre_ref._filterbanks import hz_to_mel_reference, mel_to_hz_reference
from kapre_ref.kernels.cpu import bands

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
        # Of triangles that are rounded to float32 first, as in librosa, unless to float64.
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


class TestApplyFilterbank(TakesOut):
    public = staticmethod(kr.apply_filterbank)
    oracle = staticmethod(kr.apply_filterbank_reference)
    usual = case(2, 7, 33, 3)
    cases = (
        case(7, 33),
        case(2, 7, 33),
        case(2, 7, 33, 3),
        case(2, 3, 7, 33, data_format=FIRST),
        case(0, 7, 33),
        case(2, 0, 33),
        case(2, 7, 33, 0),
        case(3, 400, 513),  # of sizes that are worth threads
        case(1, 400, 257, 2),
        case(1, 1, 2),
    )

    def example(self, rng, shape, dtype):
        return rng.uniform(0, 1, shape).astype(dtype)

    def _filterbank(self, x, parameters, dtype):
        frequency = 3 if parameters.get("data_format") == FIRST else min(x.ndim - 1, 2)
        n_freq = x.shape[frequency]
        # Dense where it is small, sparse as a mel filterbank where it is not.
        if n_freq < 100:
            weights = np.random.default_rng(1).uniform(-1, 1, (n_freq, 5))
        else:
            weights = kr.filterbank_mel(16000, n_freq, 20, dtype=np.float64)
        return weights.astype(dtype)

    def call(self, function, x, parameters, **more):
        weights = self._filterbank(x, parameters, x.dtype.newbyteorder("="))
        backend = Backend("cpu" if isinstance(x, np.ndarray) else "gpu")
        return function(x, backend.array(weights), **parameters, **more)

    def precise(self, x, filterbank=None, **parameters):
        data_format = parameters.get("data_format", "default")
        if filterbank is None:
            filterbank = self._filterbank(x, parameters, np.float64)
        bands = channels_first(x, data_format, 2) @ filterbank.astype(x.dtype)
        return as_caller(bands, x.ndim - 2, data_format)

    def assert_kernel_close(self, got, x, parameters):
        weights = self._filterbank(x, parameters, x.dtype.newbyteorder("="))
        data_format = parameters.get("data_format", "default")
        plain = plain_formulas.apply_filterbank(channels_first(x, data_format, 2), weights)
        plain = as_caller(plain, x.ndim - 2, data_format).astype(got.dtype)
        truth = self.precise(wide(x), weights, **parameters)
        assert_within_contract(got, truth, plain)

    def test_filterbank_in_any_arrangement(self, arrangement, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        weights = self._filterbank(x, parameters, dtype)
        passed = arrangement.array(weights)
        got = arrangement.numpy(self.public(arrangement.backend.array(x), passed))
        self.assert_kernel_close(got, x, parameters)
        np.testing.assert_array_equal(passed.tolist(), weights.tolist())

    def test_out_that_overlaps_the_filterbank(self, backend, rng):
        x = backend.array(rng.uniform(0, 1, (7, 33)))
        weights = rng.uniform(0, 1, (33, 33))
        memory = backend.array(weights.copy())
        for out in (memory[:7], memory[26:]):
            with pytest.raises(ValueError, match="out must not overlap the input"):
                self.public(x, memory[::-1], out=out)
        np.testing.assert_array_equal(backend.numpy(memory), weights)

    def test_oracle_rounds_once(self, dtype, rng):
        x, weights = self.example(rng, (7, 33), dtype), rng.uniform(-1, 1, (33, 5)).astype(dtype)
        exact = self.oracle(x.astype(np.float64), weights.astype(np.float64))
        np.testing.assert_array_equal(self.oracle(x, weights), exact.astype(dtype))

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        weights = self._filterbank(x, case.parameters, np.float64)
        got = self.oracle(x, weights, **case.parameters)
        assert_oracle_close(got, self.precise(wide(x), weights, **case.parameters))

    @pytest.mark.parametrize("mixed", [("f4", "f8"), ("f8", "f4"), ("f2", "f8"), ("f4", "f2")])
    def test_dtype_is_that_of_x(self, backend, mixed, rng):
        x = rng.uniform(0, 1, (7, 33)).astype(mixed[0])
        weights = rng.uniform(0, 1, (33, 5)).astype(mixed[1])
        got = backend.numpy(self.public(backend.array(x), backend.array(weights)))
        assert got.dtype == x.dtype
        tolerance = 8 * eps_of(x.dtype) * 33
        assert_close(got, x.astype("f8") @ weights.astype("f8"), tolerance)

    def test_identity_and_no_bands(self, backend, rng):
        x = rng.uniform(0, 1, (7, 33)).astype(np.float32)
        got = backend.numpy(self.public(backend.array(x), backend.array(np.eye(33))))
        np.testing.assert_array_equal(got, x)
        empty = backend.numpy(self.public(backend.array(x), backend.array(np.ones((33, 0)))))
        assert empty.shape == (7, 0)

    def test_nan_stays_in_its_frame(self, backend, rng):
        x = rng.uniform(0, 1, (2, 7, 33)).astype(np.float32)
        x[1, 3, 5], x[0, 2, 6] = np.nan, np.inf
        got = backend.numpy(self.public(backend.array(x), backend.array(np.ones((33, 4)))))
        assert np.isnan(got[1, 3]).all()
        assert (got[0, 2] == np.inf).all()
        assert np.isfinite(np.delete(got.reshape(14, 4), [2, 10], 0)).all()

    @pytest.mark.parametrize("sparse", [True, False])
    def test_what_is_not_finite_reaches_every_band(self, backend, dtype, sparse, rng):
        # Zero times NaN or infinity is NaN, also where a kernel has no need to multiply by zero.
        x = rng.uniform(0, 1, (40, 257)).astype(dtype)
        x[3, 0], x[5, 100], x[7, 0], x[39, 256] = np.nan, np.inf, -np.inf, np.nan
        if sparse:
            weights = kr.filterbank_mel(16000, 257, 20, f_min=300.0, f_max=7000.0)
        else:
            weights = rng.uniform(-1, 1, (257, 20)).astype(np.float32)
        got = backend.numpy(self.public(backend.array(x), backend.array(weights)))
        with np.errstate(invalid="ignore"):
            expected = self.oracle(x, weights)
        finite = np.isfinite(expected)
        assert finite.all(axis=1).sum() == 36
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        assert np.isfinite(got[finite]).all()

    @pytest.mark.parametrize(
        ("x", "filterbank", "kind", "match"),
        [
            (np.ones((7, 33)), np.ones((32, 5)), ValueError, "as many rows as .* 33, got .*32, 5"),
            (np.ones((7, 33)), np.ones(33), ValueError, r"filterbank must have shape .*\(33,\)"),
            (
                np.ones((7, 33)),
                np.ones((33, 5), int),
                TypeError,
                "filterbank must have dtype .*int",
            ),
            (np.ones((7, 33), int), np.ones((33, 5)), TypeError, "x must have dtype .* got int"),
            (np.ones((7, 33)), "mel", TypeError, r"filterbank must be a numpy.* str"),
            (np.ones(33), np.ones((33, 5)), ValueError, r"x must have shape .* got shape \(33,\)"),
        ],
    )
    def test_rules(self, x, filterbank, kind, match):
        with pytest.raises(kind, match=match):
            kr.apply_filterbank(x, filterbank)

    def test_bad_format(self):
        with pytest.raises(ValueError, match=r"data_format must be one of .* got 'first'"):
            kr.apply_filterbank(np.ones((7, 33)), np.ones((33, 5)), "first")


class TestBandsOfLongFrames:
    """Frames that are long are not transposed, two of them are summed at a time; here all."""

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch):
        monkeypatch.setattr(bands, "_TURNED_BYTES", 0)
        yield
        kr.set_num_threads(None)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("n_bands", [1, 7, 8, 40, 45, 128])
    @pytest.mark.parametrize("n_frames", [17, 18, 33])
    def test_numbers_of_bands_and_frames(self, dtype, n_bands, n_frames, rng):
        x = rng.uniform(0, 1, (n_frames, 1033)).astype(dtype)
        weights = np.zeros((1033, n_bands), np.float32)
        for band in range(n_bands):  # from one bin to many, at both ends too, one band empty
            first = band * 1033 // n_bands
            weights[first : first + 1 + 20 * (band % 7), band] = rng.uniform(-1, 1)
        weights[-1, n_bands - 1] = 1
        weights[:, n_bands // 2] = 0
        got = kr.apply_filterbank(x, weights)
        precise = wide(x) @ wide(weights)
        # Of up to 121 terms below 1: four eps of the largest sums, one of which float16 rounds off.
        assert_close(got, precise, 256 * eps_of(dtype))

    def test_what_is_not_finite_and_threads(self, rng):
        x = rng.uniform(0, 1, (2_001, 1025)).astype(np.float32)
        weights = kr.filterbank_mel(22050, 1025, 125)
        expected = kr.apply_filterbank(x, weights).view(np.uint32)
        x[5, 0], x[8, 1024], x[2_000, 0] = np.nan, np.inf, -np.inf
        for n_threads in (1, 2, 3, 7):
            kr.set_num_threads(n_threads)
            got = kr.apply_filterbank(x, weights)
            # No band is where these are, and 0 times them is NaN; frames beside keep their bits.
            assert np.isnan(got[[5, 8, 2_000]]).all()
            others = np.delete(np.arange(2_001), [5, 8, 2_000])
            np.testing.assert_array_equal(got.view(np.uint32)[others], expected[others])
