"""What is made of bins in vectors: magnitudes, phases, bands and decibels."""

import math

import numba
import numpy as np
import pytest
from closeness import assert_close, peak_of
from operation import double
from vectors import DTYPES, aligned, as_complex

from kapre_ref.kernels.cpu.emit.bands import BandTable, any_is_long
from kapre_ref.kernels.cpu.emit.bins import (
    is_extreme,
    last_pass_to_magnitudes,
    last_pass_to_spectrum,
)
from kapre_ref.kernels.cpu.emit.epilogues import (
    Logarithm,
    logarithms,
    to_polar,
    to_scaled_magnitudes,
)
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes
from kapre_ref.kernels.cpu.emit.passes import Parts
from kapre_ref.kernels.cpu.filterbanks import sum_bands_in_lanes


@pytest.fixture(params=DTYPES)
def dtype(request):
    return np.dtype(request.param)


@pytest.mark.usefixtures("way")
class TestEpilogues:
    def test_square_roots_of_all_sizes(self, dtype, rng):
        # Bins 1 and 2 of 6 take different ways to the square root. They are what part 0 has at 1,
        # if part 1 is silent.
        lanes, limits = n_lanes(dtype), np.finfo(dtype)
        exponents = np.linspace(limits.minexp + 2, limits.maxexp - 3, 100 * lanes)
        numbers = (2.0**exponents).astype(dtype).reshape(-1, lanes)
        numbers.ravel()[:3] = 0, np.inf, np.nan
        twiddles, power = np.array([0.5, -np.sqrt(0.75)], dtype), np.ones(1, dtype)
        for row in numbers:
            rows, spectrum = aligned((6, lanes), dtype), aligned((4, 2, lanes), dtype)
            rows[1] = row
            magnitudes, peak = aligned((4, lanes), dtype), aligned((lanes,), dtype)
            tables = rows.ctypes.data, 3, twiddles.ctypes.data
            places = spectrum.ctypes.data, magnitudes.ctypes.data, peak.ctypes.data
            _magnitudes(dtype.type(1), 2, *tables, *places, power.ctypes.data)
            finite = np.isfinite(row)
            for got in magnitudes[1:3]:
                np.testing.assert_allclose(got[finite], row[finite], rtol=2 * limits.eps)
            assert not np.isfinite(magnitudes[1:3, ~finite]).any()

    def test_polar_numbers_of_all_sizes_and_directions(self, dtype):
        lanes, limits = n_lanes(dtype), np.finfo(dtype)
        turns = np.exp(2j * np.pi * np.arange(48) / 48)
        turns.real[[12, 36]] = 0
        turns.imag[[0, 24]] = 0
        sizes = np.array([1, limits.tiny, limits.max / 2, limits.smallest_subnormal * 64])
        for size in sizes:  # All numbers of a vector have about one size, as in a signal.
            numbers = (np.concatenate([turns, turns.conj()]) * size).reshape(-1, lanes)
            rows = aligned((len(numbers), 2, lanes), dtype)
            rows[:, 0], rows[:, 1] = numbers.real, numbers.imag
            got = aligned((2, len(numbers), lanes), dtype)
            peak = aligned((lanes,), dtype)
            places = (*(part.ctypes.data for part in got), peak.ctypes.data)
            _to_polar(dtype.type(1), rows.ctypes.data, len(rows), *places)
            exact = as_complex(rows)
            eps = limits.eps * max(1, limits.tiny / size)  # subnormal numbers have fewer bits
            magnitudes = np.hypot(exact.real, exact.imag)
            np.testing.assert_allclose(got[0], magnitudes, rtol=2 * eps)
            np.testing.assert_allclose(
                got[1], np.arctan2(rows[:, 1], rows[:, 0]), rtol=4 * limits.eps
            )

    def test_phases_of_zeros_and_infinities(self, dtype):
        signed = [0.0, -0.0, np.inf, -np.inf, 1.0, -1.0]
        numbers = np.array([(x, y) for x in signed for y in signed], dtype)
        got = aligned((2, n_lanes(dtype)), dtype)
        peak = aligned((n_lanes(dtype),), dtype)
        for x, y in numbers:
            row = aligned((1, 2, n_lanes(dtype)), dtype)
            row[0, 0], row[0, 1] = x, y
            places = (*(part.ctypes.data for part in got), peak.ctypes.data)
            _to_polar(dtype.type(1), row.ctypes.data, 1, *places)
            np.testing.assert_allclose(got[1], np.arctan2(y, x), rtol=4 * np.finfo(dtype).eps)
            np.testing.assert_array_equal(np.signbit(got[1]), np.signbit(np.arctan2(y, x)))

    @pytest.mark.parametrize("widths", [[1, 2, 3, 8], [64, 1], [65, 0, 1, 64, 200], [448, 2, 449]])
    def test_bands_of_any_width(self, dtype, rng, widths):
        lanes = n_lanes(dtype)
        bins = aligned((2 * len(widths) + max(widths), lanes), dtype)
        bins[...] = rng.uniform(0, 1, bins.shape)
        bands = np.array([[2 * i, width] for i, width in enumerate(widths)], np.int32)
        weights = rng.uniform(0, 1, sum(widths)).astype(dtype)
        got = aligned((len(widths), lanes), dtype)
        tables = bands.ctypes.data, weights.ctypes.data, len(widths)
        _sum_bands(dtype.type(1), bins.ctypes.data, *tables, got.ctypes.data)
        parts = np.split(weights, np.cumsum(widths)[:-1])
        expected = [
            [math.fsum(column) for column in _products(part, bins[2 * i :]).T]
            for i, part in enumerate(parts)
        ]
        assert_close(got, np.array(expected), 2 * np.finfo(dtype).eps * peak_of(expected))

    def test_decibels_of_all_sizes(self, dtype):
        lanes, limits = n_lanes(dtype), np.finfo(dtype)
        exponents = np.linspace(np.log10(limits.smallest_subnormal), np.log10(limits.max) - 1, 400)
        numbers = aligned((100, 4 * lanes), dtype)[:, :lanes].copy()
        numbers.ravel()[:] = np.resize(10.0 ** exponents.astype(np.longdouble), numbers.size)
        numbers.ravel()[:4] = 0, np.inf, -1, 1
        x = numbers.copy()
        least = 10 * np.log10(np.longdouble(limits.smallest_subnormal)) + 5
        scale = _decibels_of(limits.smallest_subnormal, 5, least, dtype)
        peaks = aligned((lanes,), dtype)
        _logarithms(dtype.type(1), x.ctypes.data, len(x), scale.ctypes.data, peaks.ctypes.data)
        floor = scale[0].astype(np.longdouble)
        expected = 10 * np.log10(np.maximum(numbers.astype(np.longdouble), floor)) + 5
        # The largest result is 10 log10 of the largest number: an eps or two of that.
        assert_close(x, expected, 2 * limits.eps * 3100)
        np.testing.assert_array_equal(peaks, x.max(axis=0))

    def test_nan_is_the_peak_of_its_lane(self, dtype):
        lanes = n_lanes(dtype)
        x = np.ones((3, lanes), dtype)
        x[1, 0] = np.nan
        scale, peaks = _decibels_of(1e-5, 0, -50, dtype), np.zeros(lanes, dtype)
        _logarithms(dtype.type(1), x.ctypes.data, len(x), scale.ctypes.data, peaks.ctypes.data)
        np.testing.assert_array_equal(peaks, [np.nan] + [0] * (lanes - 1))


def _decibels_of(smallest, offset, least, dtype):
    octave, neper = 10 * math.log10(2), 10 / math.log(10)
    return np.array(Logarithm(smallest, 0, least, octave, neper, offset), dtype)


def _products(weights, bins):
    """Multiply float32 exactly, and float64 with an error that does not grow in a sum."""
    return double(weights)[:, None] * double(bins[: len(weights)])


@numba.njit
def _magnitudes(unit, radix, rows, n, twiddles, spectrum, magnitudes, peak, power):
    parts = Parts(rows, n, twiddles)
    last_pass_to_magnitudes(unit, radix, parts, magnitudes, magnitudes, peak, power)
    if is_extreme(unit, peak):
        last_pass_to_spectrum(unit, radix, parts, spectrum, spectrum)
        n_rows = radix * n // 2 + 1
        to_scaled_magnitudes(unit, spectrum, n_rows, peak, magnitudes, magnitudes)


@numba.njit
def _to_polar(unit, rows, n_rows, magnitudes, phases, peak):
    to_polar(unit, rows, n_rows, magnitudes, phases, peak)
    if is_extreme(unit, peak):
        to_scaled_magnitudes(unit, rows, n_rows, peak, magnitudes, magnitudes)


@numba.njit
def _sum_bands(unit, magnitudes, ranges, weights, n_bands, target):
    bands = BandTable(n_bands, ranges, weights)
    are_long = any_is_long(unit, bands)
    sum_bands_in_lanes(unit, are_long, magnitudes, bands, target)


@numba.njit
def _logarithms(unit, rows, n_rows, numbers, peaks):
    logarithms(unit, rows, n_rows, numbers, peaks)
