"""magnitude and phase."""

import numpy as np
import plain_formulas
import pytest
from closeness import assert_close, eps_of
from operation import TakesOut, case, wide

import kapre_ref as kr


class TestMagnitude(TakesOut):
    public = staticmethod(kr.magnitude)
    oracle = staticmethod(kr.magnitude_reference)
    dtypes = ("complex64", "complex128", "float16", "float32", "float64")
    usual = case(3, 4, 5)
    cases = (case(), case(7), case(2, 3, 4, 5), case(0, 4), case(2, 70_000))

    def example(self, rng, shape, dtype):
        x = rng.uniform(-1, 1, (2, *shape)) * 10 ** rng.uniform(-3, 3, (2, *shape))
        return np.asarray(x[0] + 1j * x[1] if np.dtype(dtype).kind == "c" else x[0], dtype)

    def plain(self, x):
        return plain_formulas.magnitude(x)

    def precise(self, x):
        return np.hypot(x.real, x.imag)

    def test_oracle_against_long_double(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        got = np.asarray(self.oracle(x))
        expected = self.precise(wide(x)).astype(got.dtype)
        # The result is rounded once, and in float64 by hypot too.
        np.testing.assert_array_max_ulp(got, expected, maxulp=1 + (got.dtype == np.float64))

    @pytest.mark.parametrize("precision", ["complex64", "complex128"])
    def test_what_bites(self, backend, precision):
        big, small = (1e30, 1e-30) if precision == "complex64" else (1e300, 1e-300)
        inf, nan = np.inf, np.nan
        pairs = [(0, 0), (-0.0, 0), (3, -4), (big, big), (small, small), (inf, nan), (nan, -inf)]
        pairs += [(nan, 1), (1, nan), (-inf, 0), (nan, nan)]
        x = np.array([complex(*pair) for pair in pairs], precision)
        expected = [0, 0, 5, big * 2**0.5, small * 2**0.5, inf, inf, nan, nan, inf, nan]
        got = self.run(backend, x, {})
        np.testing.assert_allclose(got, expected, rtol=4 * eps_of(precision))

    def test_rules(self):
        with pytest.raises(TypeError, match=r"x must have dtype float16, .* complex128, got int64"):
            kr.magnitude(np.ones(2, np.int64))


class TestPhase(TakesOut):
    public = staticmethod(kr.phase)
    oracle = staticmethod(kr.phase_reference)
    dtypes = TestMagnitude.dtypes
    usual = TestMagnitude.usual
    cases = TestMagnitude.cases
    example = TestMagnitude.example

    def plain(self, x):
        return plain_formulas.phase(x)

    def precise(self, x):
        return np.arctan2(x.imag, x.real)

    def test_oracle_against_long_double(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        got = np.asarray(self.oracle(x))
        expected = self.precise(wide(x)).astype(got.dtype)
        np.testing.assert_array_max_ulp(got, expected, maxulp=1 + (got.dtype == np.float64))

    def test_turns_add_up(self, backend, rng):
        x = self.example(rng, (1000,), "complex128")
        got = self.run(backend, x * 1j, {}) - self.run(backend, x, {})
        assert_close(np.angle(np.exp(1j * got)), np.full(1000, np.pi / 2), 1e-14)

    @pytest.mark.parametrize("precision", ["complex64", "complex128"])
    def test_what_bites(self, backend, precision):
        zeros = [complex(a, b) for a in (0.0, -0.0, -1.0, 1.0) for b in (0.0, -0.0)]
        others = [1j, -1j, 1e-9 + 1j, 1e-40 + 1e-40j, complex(np.inf, 1), complex(1, -np.inf)]
        x = np.array([*zeros, *others, complex(np.nan, 0), complex(0, np.nan)], precision)
        got = self.run(backend, x, {})
        pi = np.pi
        expected = [0, -0.0, pi, -pi, pi, -pi, 0, -0.0]
        expected += [pi / 2, -pi / 2, pi / 2 - 1e-9, pi / 4, 0, -pi / 2, np.nan, np.nan]
        np.testing.assert_allclose(got, expected, rtol=4 * eps_of(precision))
        np.testing.assert_array_equal(np.signbit(got[:8]), [False, True] * 4)

    def test_rules(self):
        with pytest.raises(TypeError, match=r"x must have dtype float16, .* complex128, got bool"):
            kr.phase(np.ones(2, bool))
