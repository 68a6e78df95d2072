"""magnitude_to_decibel."""

from functools import partial

import numpy as np
import plain_formulas
import pytest
import scipy.special
from closeness import assert_close, assert_oracle_close, assert_within_contract, eps_of
from operation import TakesOut, case, double, wide

import kapre_ref as kr

SCALE = {"ref_value": 1.0, "amin": 1e-5, "dynamic_range": 80.0}


class TestMagnitudeToDecibel(TakesOut):
    public = staticmethod(kr.magnitude_to_decibel)
    oracle = staticmethod(kr.magnitude_to_decibel_reference)
    usual = case(3, 4, 5)
    cases = (
        case(),
        case(1),
        case(7),
        case(2, 5),
        case(2, 3, 5),
        case(2, 3, 4, 2),
        case(2, 1, 3, 1, 4),
        case(0),
        case(0, 4),
        case(3, 0),
        *(case(2, n) for n in (1023, 1024, 1025)),
        case(2, 300, 129, 1),  # large enough for several threads, or reached in several passes
        case(3, 70_001),
        case(150_000),
        case(2, 5, ref_value=0.5),
        case(2, 5, ref_value=1e-7),
        case(2, 50, ref_value=3, amin=0.2, dynamic_range=1.5),
        case(2, 50, amin=1e-10, dynamic_range=200),
    )

    def example(self, rng, shape, dtype):
        return np.asarray(10 ** rng.uniform(-6, 3, shape), dtype)

    def plain(self, x, **scale):
        return plain_formulas.magnitude_to_decibel(x, **{**SCALE, **scale})

    precise = plain

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        got = self.oracle(x, **case.parameters)
        assert_oracle_close(got, self.precise(wide(x), **case.parameters))

    def test_oracle_against_xlogy(self, rng):
        x = self.example(rng, (1, 50), np.float64)
        got = self.oracle(x, amin=1e-9, ref_value=2.0, dynamic_range=1e3)
        # 10 log10 through another function of another library.
        expected = scipy.special.xlogy(10, x / 2) / np.log(10)
        assert_close(got, expected, 1e-13)

    @pytest.mark.parametrize("exponent", range(-5, 6))
    def test_powers_of_ten_are_exact(self, backend, exponent):
        x = np.array([10.0**exponent])
        got = self.run(backend, x, {})
        np.testing.assert_array_equal(got, [10.0 * exponent])

    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            ([1e-4, 1e8], [0, 80]),
            ([[1e-4, 1e8]], [[0, 80]]),
            ([[1e-4], [1e8]], [[-40], [80]]),
            ([[[1.0], [1e9]], [[1.0], [2.0]]], [[[10], [90]], [[0], [10 * np.log10(2)]]]),
        ],
        ids=["1-D", "one-item", "two-items", "channels-share"],
    )
    def test_peak_is_the_items(self, backend, x, expected):
        got = self.run(backend, np.array(x), {})
        assert_close(got, np.array(expected, np.float64), 1e-12)

    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_what_bites(self, backend, precision):
        tiny = np.finfo(precision).smallest_subnormal
        x = np.array([0, -0.0, -1, tiny, 1e-5, 1.0, -np.inf], precision)
        got = self.run(backend, x, {})
        assert_close(got, np.array([-50, -50, -50, -50, -50, 0, -50.0]), 1e-5)

    @pytest.mark.parametrize("place", range(0, 40, 13))
    def test_nan_poisons_its_item(self, backend, place):
        x = np.ones((3, 40), np.float32)
        x[1, place] = np.nan
        got = self.run(backend, x, {})
        np.testing.assert_array_equal(np.isnan(got).all(1), [False, True, False])
        np.testing.assert_array_equal(got[[0, 2]], 0)

    @pytest.mark.parametrize("place", [0, 99_999, 199_999])
    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
    def test_peak_of_a_long_item(self, backend, place, value):
        x = np.full((2, 200_000), 1e-4, np.float32)
        x[1, place] = value
        got = self.run(backend, x, {})
        np.testing.assert_array_equal(got[0], np.float32(-40))
        peak = 10 * np.log10(value)
        others = peak - 80 if value == 1e6 else value
        assert_close(np.delete(got[1], place), np.full(199_999, others), 1e-5)
        assert_close(got[1, place], np.array(peak), 1e-5)

    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_whole_range_of_numbers(self, backend, precision):
        limits = np.finfo(precision)
        # Subnormals first; those of float32 are zero on a GPU, for CuPy compiles with -ftz=true.
        flushed = backend.name == "gpu" and precision == "float32"
        lowest = float(limits.tiny) * (1 if flushed else 2.0**-20)
        exponents = np.linspace(np.log2(lowest), np.log2(float(limits.max)), 9999)
        x = np.exp2(exponents[None, :-1]).astype(precision)
        scale = {"amin": lowest / 2, "dynamic_range": 1e4}
        got = self.run(backend, x, scale)
        truth = 10 * np.log10(wide(x))
        plain = plain_formulas.magnitude_to_decibel(x, **{**SCALE, **scale})
        # amin is below the 0 dB point of 1, which is exact.
        assert_within_contract(got, truth, plain)
        # Results near 0 dB too, which the tolerance of the whole range does not test.
        near = np.abs(truth) < 1
        assert_within_contract(got[near], truth[near], plain[near])

    def test_nan_beside_infinity(self, backend):
        x = np.array([[np.inf, np.nan, 1], [1, np.inf, 0]], np.float32)
        got = self.run(backend, x, {})
        np.testing.assert_array_equal(got, [[np.nan] * 3, [np.inf] * 3])

    def test_half_has_no_underflow(self, backend):
        x = np.array([0, 1e-3, 1, 65504], np.float16)
        got = self.run(backend, x, {"amin": 1e-10, "dynamic_range": 200})
        np.testing.assert_array_equal(got, np.array([-100, -30, 0, 48.16], np.float16))

    def test_subnormals(self, backend):
        x = np.array([0, 1e-40, 1], np.float32)
        got = self.run(backend, x, {"amin": 1e-42, "dynamic_range": 1000})
        # 1e-40 as a float32 subnormal has 17 bits on the CPU, and on a GPU it is zero.
        faint = -400.0 if backend.name == "cpu" else -420.0
        assert_close(got, np.array([-420, faint, 0]), 1e-3)

    @pytest.mark.parametrize("amin", [1e-60, 1e30])
    def test_amin_out_of_range(self, backend, amin):
        x = np.array([0, 1e-30, 1, 1e30], np.float32)
        got = self.run(backend, x, {"amin": amin, "ref_value": amin / 1e3, "dynamic_range": 2000})
        expected = self.oracle(x.astype(np.float64), amin / 1e3, amin, 2000)
        assert_close(got, expected, 4 * eps_of(np.float32) * 900)

    def test_dynamic_range_is_a_floor_exactly(self, backend):
        x = np.array([[1e-3, 0.999e-3, 1.0]])
        got = self.run(backend, x, {"dynamic_range": 30})
        np.testing.assert_array_equal(got, [[-30, -30, 0]])

    def test_limit_holds_to_the_bit(self, backend, dtype, rng):
        for _ in range(100):
            x = (10 ** rng.uniform(-8, rng.uniform(-3, 4), (3, 70))).astype(dtype)
            # Any of these numbers beside the peak may have the largest logarithm.
            near = x[1].max() * (1 - np.finfo(dtype).eps * rng.uniform(0, 4, 30))
            x[1, :30] = near.astype(dtype)
            self.assert_limited(backend, x, float(rng.uniform(0.1, 120)), 1e-12)

    def test_limit_close_to_amin(self, backend, dtype):
        # The limit lies between 1 dB below the decibels of amin and 1 dB above.
        for distance in np.linspace(-1, 1, 41):
            x = np.array([[0, 1e-4, 1.001e-4, 1.01e-4, 1.3e-4, 1]], dtype)
            self.assert_limited(backend, x, 40 - float(distance), 1e-4)

    def assert_limited(self, backend, x, dynamic_range, amin):
        scale = {"amin": amin, "dynamic_range": dynamic_range}
        for got in (self.run(backend, x, scale), self.oracle(x, **scale)):
            least = got.max(axis=1, keepdims=True) - dynamic_range
            assert np.all(got >= least)
            is_silent = x <= amin
            floor = np.maximum(least, np.asarray(10 * np.log10(amin), x.dtype))
            expected = np.broadcast_to(floor, x.shape)[is_silent]
            np.testing.assert_array_equal(got[is_silent], expected)

    def test_oracle_rounds_once(self, dtype, rng):
        """Only the limit is rounded twice."""
        x = self.example(rng, (3, 40), dtype)
        got, exact = self.oracle(x), self.oracle(double(x))
        above = exact > exact.max(axis=1, keepdims=True) - 79.9
        np.testing.assert_array_equal(got[above], exact[above].astype(dtype))
        # -50 dB is `amin`.
        least = np.maximum(got.max(axis=1, keepdims=True) - 80, got.dtype.type(-50))
        np.testing.assert_array_equal(got[~above], np.broadcast_to(least, x.shape)[~above])

    def test_quiet_item_beside_a_loud_one(self, backend, rng):
        x = rng.uniform(0, 1, (2, 1000)).astype(np.float32)
        loud = x * np.float32([[1], [1e20]])
        got = self.run(backend, loud, {})[0]
        np.testing.assert_array_equal(got, self.run(backend, x, {})[0])

    @pytest.mark.parametrize("name", SCALE)
    @pytest.mark.parametrize(
        ("value", "kind", "rule"),
        [
            (0, ValueError, "must be positive, got 0"),
            (-1.0, ValueError, r"must be positive, got -1\.0"),
            (np.nan, ValueError, "must be a finite number, got nan"),
            (-np.inf, ValueError, "must be a finite number, got -inf"),
            (None, TypeError, "must be a number, got None"),
            ("1", TypeError, "must be a number, got '1'"),
            (True, TypeError, "must be a number, got True"),
        ],
    )
    def test_bad_scale(self, name, value, kind, rule):
        with pytest.raises(kind, match=f"{name} {rule}"):
            self.public(np.ones(2), **{name: value})

    def test_bad_infinite_scale(self):
        for name in ("ref_value", "amin"):
            with pytest.raises(ValueError, match=f"{name} must be a finite number, got inf"):
                self.public(np.ones(2), **{name: np.inf})

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_infinite_range_is_no_limit(self, backend, dtype):
        x = np.array([[1e-4, 1, 6e4], [np.inf, 1, 2], [np.nan, 1, 2]], dtype)
        got = self.run(backend, x, {"dynamic_range": np.inf})
        wanted = np.array([[-40, 0, 10 * np.log10(6e4)], [np.inf] * 3, [np.nan] * 3])
        np.testing.assert_allclose(got, wanted, rtol=2 * np.finfo(dtype).eps)

    @pytest.mark.parametrize("other", ["int16", "uint8", "bool", "complex64", "longdouble"])
    def test_bad_dtype(self, other):
        with pytest.raises(TypeError, match="x must have dtype float16, float32 or float64, got"):
            self.public(np.ones(2, other))

    @pytest.mark.parametrize("make", [list, tuple, np.ma.array, partial(np.array, dtype=object)])
    def test_not_an_array(self, make):
        with pytest.raises(TypeError, match="x must"):
            self.public(make([1.0, 2.0]))
