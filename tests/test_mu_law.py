"""mu_law_encoding and mu_law_decoding."""

import numpy as np
import pytest
from closeness import assert_close, eps_of
from operation import TakesOut, case

import kapre_ref as kr

NOT_A_CODE = -2147483648


def compressed(x, channels):
    """Return the value whose integer part is the code, in long double."""
    x, mu = x.astype(np.longdouble), np.longdouble(channels - 1)
    return (np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu) + 1) / 2 * mu + 0.5


class TestMuLawEncoding(TakesOut):
    public = staticmethod(kr.mu_law_encoding)
    oracle = staticmethod(kr.mu_law_encoding_reference)
    usual = case(3, 40, quantization_channels=256)
    cases = (
        usual,
        case(quantization_channels=256),
        case(0, quantization_channels=256),
        case(2, 0, 3, quantization_channels=256),
        case(501, quantization_channels=2),
        case(501, quantization_channels=3),
        case(2, 50, 2, quantization_channels=1000),
        case(501, quantization_channels=65535),
        case(2, 70000, quantization_channels=65536),  # large enough for several threads
    )

    # Codes near a boundary depend on the precision, so the oracle keeps the input's precision.
    test_oracle_rounds_once = None

    def assert_kernel_close(self, got, x, parameters):
        """Require the code, or its neighbour where the value lies on their boundary."""
        channels = parameters["quantization_channels"]
        value = compressed(x, channels)
        # Logarithm, division and sum are each off by an eps or so times the number of channels.
        rounding = 4 * channels * min(eps_of(x.dtype), eps_of(np.float32))
        assert got.dtype == np.int32
        assert got.shape == x.shape
        assert np.all(np.trunc(value - rounding) <= got)
        assert np.all(got <= np.trunc(value + rounding))

    def test_oracle_against_long_double(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        self.assert_kernel_close(np.asarray(self.oracle(x, **case.parameters)), x, case.parameters)

    @pytest.mark.parametrize("channels", [2, 16, 256, 1024, 65536])
    def test_kernel_takes_the_oracles_side(self, backend, channels, rng):
        x = rng.uniform(-1, 1, 100_000).astype(np.float32)
        got = self.run(backend, x, {"quantization_channels": channels})
        # Both compute in float32, whose rounding decides the code of at most one sample in 2000.
        assert np.mean(got != self.oracle(x, channels)) <= 5e-4 * max(1, channels / 1024)

    @pytest.mark.parametrize("library", ["kernel", "oracle"])
    @pytest.mark.parametrize(
        ("x", "code"),
        [
            (0.0, 128),
            (-0.0, 128),
            (-1e-9, 127),
            (1.0, 255),
            (-1.0, 0),
            (-1.01, 0),
            (1.01, 255),
            (1.5, 264),
            (-1.5, -8),
            (2.0, 271),
            (10.0, 308),
            (-10.0, -52),
            (np.nan, NOT_A_CODE),
            (np.inf, NOT_A_CODE),
            (-np.inf, NOT_A_CODE),
            (1e-45, 128),
        ],
    )
    def test_what_bites(self, backend, library, x, code):
        # float32 arithmetic of Kapre: -1e-9 is not nothing.
        signal = np.full(17, x, np.float32)
        parameters = {"quantization_channels": 256}
        got = (
            self.run(backend, signal, parameters)
            if library == "kernel"
            else self.oracle(signal, **parameters)
        )
        np.testing.assert_array_equal(got, np.full(17, code, np.int32))

    @pytest.mark.parametrize("precision", ["float16", "float32", "float64"])
    @pytest.mark.parametrize("channels", [2, 256, 65536])
    def test_any_samples_in_a_long_signal(self, backend, precision, channels, rng):
        x = (rng.standard_normal(20_011) * 10 ** rng.uniform(-12, 3, 20_011)).astype(precision)
        x[::1001] = np.resize([np.nan, np.inf, -np.inf, 0, -0.0, 1e-45], 20)
        got = self.run(backend, x, {"quantization_channels": channels})
        finite = np.isfinite(x)
        np.testing.assert_array_equal(got[~finite], NOT_A_CODE)
        self.assert_kernel_close(got[finite], x[finite], {"quantization_channels": channels})

    def test_largest_samples(self, backend):
        # mu |x| overflows in float32 though x does not; in float64 it does not overflow.
        x = np.array([3e38, -3e38])
        single = self.run(backend, x.astype(np.float32), {"quantization_channels": 256})
        np.testing.assert_array_equal(single, NOT_A_CODE)
        self.assert_kernel_close(
            self.run(backend, x, {"quantization_channels": 256}), x, {"quantization_channels": 256}
        )


class TestMuLawDecoding(TakesOut):
    public = staticmethod(kr.mu_law_decoding)
    oracle = staticmethod(kr.mu_law_decoding_reference)
    dtypes = ("int16", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64")
    usual = case(3, 40, quantization_channels=256)
    cases = (
        usual,
        case(quantization_channels=256),
        case(0, quantization_channels=256),
        case(2, 0, 3, quantization_channels=256),
        case(11, quantization_channels=100),
        case(2, 50, 2, quantization_channels=127),
        case(2, 70000, quantization_channels=65536),  # large enough for several threads
    )

    def example(self, rng, shape, dtype):
        return np.asarray(rng.integers(0, 120, shape), dtype)

    def assert_kernel_close(self, got, x, parameters):
        """Require the formula in long double, rounded to float32 but for half an ulp."""
        mu = np.longdouble(parameters["quantization_channels"] - 1)
        position = 2 * x.astype(np.longdouble) / mu - 1
        expected = np.sign(position) * np.expm1(np.abs(position) * np.log1p(mu)) / mu
        assert got.dtype == np.float32
        assert got.shape == x.shape
        assert np.all(np.abs(got - expected) <= 2 * eps_of(np.float32) * (np.abs(expected) + 1e-5))

    def test_oracle_against_long_double(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        self.assert_kernel_close(np.asarray(self.oracle(x, **case.parameters)), x, case.parameters)

    def test_oracle_rounds_once(self, dtype, rng):
        x = self.example(rng, (50,), dtype)
        np.testing.assert_array_equal(self.oracle(x, 256), self.oracle(x.astype(np.float64), 256))

    @pytest.mark.parametrize(
        ("code", "sample"),
        [(-1, -1.0446253), (300, 7.1027627), (128, 8.621309e-05), (0, -1), (255, 1), (127.5, 0)],
    )
    def test_codes_outside_and_between(self, backend, code, sample):
        got = self.run(backend, np.array([code, code], np.float64), {"quantization_channels": 256})
        # The samples are Kapre's, computed in float32 throughout.
        assert_close(got, np.array([sample] * 2), 1e-6 * max(1, abs(sample)))

    @pytest.mark.parametrize("channels", [2, 100, 256, 65536])
    def test_any_codes_in_a_long_array(self, backend, channels, rng):
        fractional = rng.uniform(-20, channels + 20, 20_011)
        fractional[::1001] = np.resize([np.nan, np.inf, -np.inf, -0.0, channels - 1, 1e30], 20)
        whole = rng.integers(-20, channels + 20, 20_011)
        for x in (fractional, fractional.astype(np.float32).round(), whole, whole.astype(np.int16)):
            with np.errstate(over="ignore"):
                got = self.run(backend, x, {"quantization_channels": channels})
                expected = self.oracle(x, channels)
            np.testing.assert_allclose(got, expected, rtol=3 * eps_of("f4"), atol=1e-12)

    @pytest.mark.parametrize("precision", ["int8", "uint8", "int16", "uint16", "int64", "uint64"])
    def test_ends_of_integers(self, backend, precision):
        limits = np.iinfo(precision)
        x = np.resize(np.array([limits.min, limits.max, 0, 1], precision), 9001)
        with np.errstate(over="ignore"):
            got = self.run(backend, x, {"quantization_channels": 256})
            expected = self.oracle(x[:4], 256)
        np.testing.assert_allclose(got, np.resize(expected, 9001), rtol=3 * eps_of("f4"))

    def test_not_a_number(self, backend):
        x = np.array([np.nan, np.inf, -np.inf, 1e30])
        got = self.run(backend, x, {"quantization_channels": 256})
        np.testing.assert_array_equal(got, np.float32([np.nan, np.inf, -np.inf, np.inf]))


class TestRoundTrip:
    """Every code comes back from a round trip, for small numbers of channels and a spread."""

    SPREAD = (*range(1500, 65536, 4001), 4096, 16384, 32768, 65535, 65536)
    CODES = np.arange(65536, dtype=np.int32)

    def test_kernels(self, backend):
        codes = backend.array(self.CODES)
        for channels in (*range(2, 4097), *range(4097, 65537, 61), 65536):
            given = codes[:channels]
            got = kr.mu_law_encoding(kr.mu_law_decoding(given, channels), channels)
            assert (got == given).all(), f"{channels} channels"

    def check_oracles(self, channels, codes):
        decoded = kr.mu_law_decoding_reference(codes, channels)
        got = kr.mu_law_encoding_reference(decoded, channels)
        assert np.array_equal(got, codes), f"{channels} channels: {codes[got != codes]}"

    def test_oracles_all_codes_of_few_channels(self):
        for channels in range(2, 1500):
            self.check_oracles(channels, self.CODES[:channels])

    @pytest.mark.parametrize("channels", SPREAD)
    def test_oracles_all_codes_of_many_channels(self, channels):
        self.check_oracles(channels, self.CODES[:channels])

    @pytest.mark.slow
    def test_oracles_some_codes_of_every_number_of_channels(self, rng):
        chances = rng.random((65537, 6))
        for channels in range(1500, 65537):
            mu, middle = channels - 1, channels // 2
            some = (chances[channels] * channels).astype(np.int32)
            ends = np.array([0, 1, middle - 1, middle, middle + 1, mu - 1, mu], np.int32)
            self.check_oracles(channels, np.concatenate([ends, some]))


class TestRules:
    @pytest.mark.parametrize("operation", [kr.mu_law_encoding, kr.mu_law_decoding])
    @pytest.mark.parametrize(
        ("channels", "kind", "rule"),
        [
            (1, ValueError, "an integer from 2 to 65536, got 1"),
            (0, ValueError, "an integer from 2 to 65536, got 0"),
            (-3, ValueError, "an integer from 2 to 65536, got -3"),
            (65537, ValueError, "an integer from 2 to 65536, got 65537"),
            (2.5, ValueError, r"an integer, got 2\.5"),
            ("256", TypeError, "an integer, got '256'"),
            (None, TypeError, "an integer, got None"),
            (True, TypeError, "an integer, got True"),
        ],
    )
    def test_bad_channels(self, operation, channels, kind, rule):
        with pytest.raises(kind, match=f"quantization_channels must be {rule}"):
            operation(np.ones(2), channels)

    def test_integer_signal(self):
        with pytest.raises(TypeError, match=r"signal must have .* got int16; scale it .* 32768"):
            kr.mu_law_encoding(np.ones(2, np.int16), 256)

    def test_complex_codes(self):
        with pytest.raises(TypeError, match=r"signal_mu must have dtype .* got complex128"):
            kr.mu_law_decoding(np.ones(2, complex), 256)

    def test_number_of_channels_from_numpy(self, backend):
        x = backend.array(np.linspace(-1, 1, 5))
        got = backend.numpy(kr.mu_law_encoding(x, np.int64(16)))
        np.testing.assert_array_equal(got, backend.numpy(kr.mu_law_encoding(x, 16)))
