"""Decibels of powers and amplitudes, with librosa's parameters, and back."""

import numpy as np
import pytest
from closeness import assert_close, eps_of
from operation import TakesOut, case, wide

import kapre_ref as kr


@pytest.fixture
def librosa():
    return pytest.importorskip("librosa", reason="librosa is not installed; it is only a witness")


def in_decibels(x, decade, ref=1.0, amin=1e-10, top_db=80.0, peak_over="call"):
    """Write the formula in the precision of `x`."""
    real = np.promote_types(x.real.dtype, np.float32).type
    size = np.abs(x) if decade == 20 else x
    decibels = real(decade) * np.log10(np.maximum(size.astype(real), real(amin)))
    of_item = peak_over == "item" and x.ndim > 1
    axes = tuple(range(1, x.ndim)) if of_item else None
    if ref == "peak":
        decibels = decibels - np.max(decibels, axis=axes, keepdims=True, initial=-np.inf)
    else:
        decibels = decibels - real(decade) * np.log10(max(real(ref), real(amin)))
    if top_db is not None:
        peak = np.max(decibels, axis=axes, keepdims=True, initial=-np.inf)
        decibels = np.maximum(decibels, peak - real(top_db))
    return decibels.astype(x.real.dtype)


CASES = (
    case(),
    case(7),
    case(0),
    case(3, 0),
    case(2, 5),
    case(2, 3, 5, peak_over="item"),
    case(2, 3, 4, 2, top_db=None),
    case(2, 50, ref="peak"),
    case(40, ref="peak", top_db=20.0, peak_over="item"),
    case(3, 4, 50, ref="peak", top_db=None, peak_over="item"),
    case(3, 50, ref=3, amin=0.2, top_db=1.5),
    case(2, 50, top_db=0),
    case(2, 50, ref="peak", amin=1e4),
    case(2, 300, 129),  # large enough for several threads
    case(130_000, ref="peak"),
)


class TestPowerToDb(TakesOut):
    public = staticmethod(kr.power_to_db)
    oracle = staticmethod(kr.power_to_db_reference)
    usual = case(3, 4, 5, ref="peak", peak_over="item")
    cases = CASES

    def example(self, rng, shape, dtype):
        return np.asarray(10 ** rng.uniform(-6, 3, shape), dtype)

    def plain(self, x, **options):
        return in_decibels(x, 10, **options)

    precise = plain


class TestAmplitudeToDb(TestPowerToDb):
    public = staticmethod(kr.amplitude_to_db)
    oracle = staticmethod(kr.amplitude_to_db_reference)
    dtypes = ("float16", "float32", "float64", "complex64", "complex128")

    def example(self, rng, shape, dtype):
        size = 10 ** rng.uniform(-4, 2, shape) * rng.choice([-1, 1], shape)
        turn = np.exp(2j * np.pi * rng.random(shape)) if np.dtype(dtype).kind == "c" else 1
        return np.asarray(size * turn, dtype)

    def plain(self, x, **options):
        return in_decibels(x, 20, **{"amin": 1e-5, **options})

    precise = plain


class TestDbToPower(TakesOut):
    public = staticmethod(kr.db_to_power)
    oracle = staticmethod(kr.db_to_power_reference)
    usual = case(3, 4, 5, ref=2.0)
    cases = (case(), case(0), case(7), case(2, 3, 5, ref=0.5), case(70_001))
    decade = 10

    def example(self, rng, shape, dtype):
        return np.asarray(rng.uniform(-40, 10, shape), dtype)

    def plain(self, x, ref=1.0):
        real = np.promote_types(x.dtype, np.float32).type
        return (real(ref) * np.power(real(10), x.astype(real) / real(self.decade))).astype(x.dtype)

    precise = plain

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_rounded_as_the_formula_in_long_double(self, dtype):
        limits = np.finfo(dtype)
        least, most = (self.decade * np.log10(float(end)) for end in (limits.tiny, limits.max))
        x = np.linspace(least + 5, most - 5, 50_001).astype(dtype)
        expected = np.longdouble(0.7) * np.longdouble(10) ** (x.astype(np.longdouble) / self.decade)
        error = np.abs(self.public(x, 0.7) / expected - 1).max()
        assert error < (0.501 if dtype == "float32" else 1.3) * limits.eps

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("ref", [1e-30, 1.0, 1e30])
    def test_beyond_the_range(self, backend, dtype, ref):
        wide = [10.0**n for n in range(2, 30)]
        x = np.array([np.nan, np.inf, -np.inf, *wide, *(-n for n in wide)], dtype)
        got = backend.numpy(self.public(backend.array(x), ref))
        rounding, subnormal = 1e-6 if dtype == "float32" else 1e-12, np.finfo(dtype).tiny
        np.testing.assert_allclose(got, self.oracle(x, ref), rtol=rounding, atol=subnormal)


class TestDbToAmplitude(TestDbToPower):
    public = staticmethod(kr.db_to_amplitude)
    oracle = staticmethod(kr.db_to_amplitude_reference)
    decade = 20


class TestLibrosa:
    @pytest.mark.parametrize("top_db", [80.0, 20.0, 0, None])
    @pytest.mark.parametrize("ref", [1.0, 1e-3, 20.0, "peak"])
    def test_there(self, librosa, backend, ref, top_db, rng):
        x = 10 ** rng.uniform(-6, 3, (3, 40, 50))
        x[0, :3] = 0
        theirs = {"ref": np.max if ref == "peak" else ref, "top_db": top_db}
        for name in ("power_to_db", "amplitude_to_db"):
            expected = getattr(librosa, name)(x, **theirs)
            got = getattr(kr, name)(backend.array(x), ref, top_db=top_db)
            assert_close(backend.numpy(got), expected, 1e-12)

    @pytest.mark.parametrize("name", ["db_to_power", "db_to_amplitude"])
    def test_and_back(self, librosa, backend, name, rng):
        x = rng.uniform(-120, 60, (30, 40))
        expected = getattr(librosa, name)(x, ref=0.3)
        got = backend.numpy(getattr(kr, name)(backend.array(x), 0.3))
        np.testing.assert_allclose(got, expected, rtol=1e-13)


class TestPeaks:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize("name", ["power_to_db", "amplitude_to_db"])
    def test_peak_is_0_and_the_range_holds(self, backend, name, dtype, rng):
        x = (10 ** rng.uniform(-2, 2, (20, 300))).astype(dtype)
        for over, axis in (("call", None), ("item", 1)):
            y = getattr(kr, name)(backend.array(x), "peak", top_db=30.3, peak_over=over)
            y = backend.numpy(y)
            assert (y.max(axis=axis) == 0).all()
            assert (y.min(axis=axis) == -np.dtype(dtype).type(30.3)).all()

    def test_nothing_but_silence(self, backend):
        y = kr.power_to_db(backend.array(np.zeros((2, 9), np.float32)), "peak")
        np.testing.assert_array_equal(backend.numpy(y), np.zeros((2, 9)))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_not_finite(self, backend, value):
        x = np.ones((2, 9))
        x[1, 3] = value
        got = backend.numpy(kr.amplitude_to_db(backend.array(x), "peak", peak_over="item"))
        np.testing.assert_array_equal(got, [[0] * 9, [np.nan] * 9])
        expected = kr.amplitude_to_db_reference(x, "peak", peak_over="item")
        np.testing.assert_array_equal(got, expected)

    def test_amplitudes_and_powers_agree(self, backend, rng):
        x = 10 ** rng.uniform(-3, 3, (2, 3, 40))
        got = backend.numpy(kr.amplitude_to_db(backend.array(x), 2.0))
        expected = backend.numpy(kr.power_to_db(backend.array(x * x), 4.0))
        assert_close(got, expected, 64 * eps_of(np.float64) * 60)


def test_long_double_is_the_formula():
    x = np.logspace(-6, 3, 50)
    assert_close(kr.power_to_db_reference(x), in_decibels(wide(x), 10), 1e-13)
