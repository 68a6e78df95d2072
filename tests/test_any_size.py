"""Transforms whose sizes have large prime factors: looped odd radices, and convolutions."""

import os
import subprocess
import sys

import double_double
import numba
import numpy as np
import pytest
import scipy.fft
from closeness import assert_close
from double_double import distance
from vectors import (
    BUTTERFLY_EPS,
    DTYPES,
    aligned,
    allowed,
    parts_of,
    random_rows,
    transformed,
)

from kapre_ref._front_end import FrontEnd
from kapre_ref._synthesis import Synthesis
from kapre_ref.kernels import cpu
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.emit.odd_passes import (
    OddRadix,
    first_odd_pass,
    inner_odd_pass,
    undo_first_odd_pass,
    undo_inner_odd_pass,
)
from kapre_ref.kernels.cpu.emit.passes import Parts, Samples
from kapre_ref.kernels.cpu.transform.convolution import convolution_length
from kapre_ref.kernels.cpu.transform.radices import (
    factorize,
    odd_factors,
    odd_of,
    pass_twiddles,
    prime_factors,
)

RADICES = (11, 13, 17, 31, 67)  # Outputs are one whole group, a few more, or many more.
# One odd radix first, or inside, or several; a convolution of p - 1 rows and of more, first and
# last among others; the smallest size and the largest.
SIZES = (
    1,
    17,
    37,
    61,
    121,
    143,
    239,
    289,
    337,
    509,
    550,
    849,
    961,
    997,
    1021,
    1023,
    1034,
    1147,
    1542,
    2018,
)
LARGE = (2046, 4093, 4913, 8051, 65521, 65536)


@pytest.fixture(params=DTYPES)
def dtype(request):
    return np.dtype(request.param)


@pytest.mark.usefixtures("way")
class TestOddPasses:
    # With an odd number of butterflies, the last one is computed alone.
    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("radix", [1, *RADICES])
    def test_first_pass_and_its_inverse(self, radix, n, dtype, rng):
        samples, rows = (random_rows(rng, n * radix, dtype) for _ in range(2))
        window, order = rng.uniform(0, 1, n * radix).astype(dtype), rng.permutation(n * radix)
        offsets, table = (order * vector_bytes()).astype(np.int32), table_of(radix, dtype)
        tables = samples.ctypes.data, offsets.ctypes.data, window.ctypes.data
        _first(dtype.type(1), *table, *tables, rows.ctypes.data, n)
        windowed = np.split(samples[order].astype(np.float64) * window[:, None], n)
        tolerance = BUTTERFLY_EPS * np.finfo(dtype).eps
        assert_close(rows, np.concatenate([transformed(x) for x in windowed]), tolerance)
        rows[...] = np.concatenate([transformed(x, real_bins=0.5) for x in windowed])
        _undo_first(dtype.type(1), *table, rows.ctypes.data, n)
        assert_close(rows, np.concatenate(windowed) * radix / 2, radix * tolerance)

    # With an odd number of rows, no middle bin is its own mirror image.
    @pytest.mark.parametrize("n", [1, 2, 3, 8])
    @pytest.mark.parametrize("radix", RADICES)
    def test_inner_pass_and_its_inverse(self, radix, n, dtype, rng):
        x = [random_rows(rng, radix * n, dtype) for _ in range(2)]
        rows, table = aligned((2 * radix * n, n_lanes(dtype)), dtype), table_of(radix, dtype)
        twiddles = pass_twiddles((n, radix), dtype)[0]
        arguments = dtype.type(1), *table, rows.ctypes.data, n, twiddles.ctypes.data, 2
        parts = [part for block in x for part in parts_of(block, radix)]
        rows[...] = np.concatenate([transformed(part) for part in parts])
        _inner(*arguments)
        tolerance = BUTTERFLY_EPS * np.finfo(dtype).eps
        assert_close(rows, np.concatenate([transformed(block) for block in x]), tolerance)
        rows[...] = np.concatenate([transformed(block, real_bins=0.5) for block in x])
        _undo_inner(*arguments)
        expected = np.concatenate([transformed(part, 0.5) for part in parts]) * radix
        assert_close(rows, expected, radix * tolerance)


@pytest.mark.parametrize("n_fft", SIZES)
class TestErrors:
    def test_are_at_most_those_of_scipy(self, n_fft, dtype, rng):
        frames = rng.standard_normal((3 + 6000 // n_fft, n_fft)).astype(dtype)
        got = spectra_of(frames)
        expected = rfft(frames)
        of_scipy = scipy.fft.rfft(frames)
        assert distance(got, *expected) <= allowed() * distance(of_scipy, *expected)

    def test_of_the_inverse_are_about_those_of_scipy(self, n_fft, dtype, rng):
        spectra = scipy.fft.rfft(rng.standard_normal((3 + 40000 // n_fft, n_fft)))
        spectra = spectra.astype(np.result_type(dtype, np.complex64))
        got = np.empty((1, 1, len(spectra) * n_fft), dtype)
        cpu.inverse_stft(spectra[None, None], Synthesis(n_fft, n_fft, np.ones(n_fft)), got)
        expected = irfft(spectra, n_fft)
        of_scipy = scipy.fft.irfft(spectra, n_fft)
        # Its convolution has a smaller error this way than the other: ours may be 1.15 times that.
        most = 1.15 if convolution_length(factorize(n_fft)) else 1
        error = distance(got.reshape(of_scipy.shape), expected)
        assert error <= most * allowed() * distance(of_scipy, expected)


# A bin that is the sum of many samples, such as the first one, is the place of most rounding.
@pytest.mark.parametrize("n_fft", [61, 550, 1542])
class TestErrorsOfEachPlace:
    def test_of_bins_are_alike(self, n_fft, rng):
        frames = rng.standard_normal((400, n_fft)).astype(np.float32)
        assert _are_alike(spectra_of(frames) - np.fft.rfft(frames.astype(float)))

    def test_of_samples_are_alike(self, n_fft, rng):
        spectra = scipy.fft.rfft(rng.standard_normal((400, n_fft))).astype(np.complex64)
        got = np.empty((1, 1, 400 * n_fft), np.float32)
        cpu.inverse_stft(spectra[None, None], Synthesis(n_fft, n_fft, np.ones(n_fft)), got)
        assert _are_alike(got.reshape(400, n_fft) - np.fft.irfft(spectra.astype(complex), n_fft))


def _are_alike(errors):
    of_each = np.sqrt((abs(errors) ** 2).mean(axis=0))
    return of_each.max() < 1.3 * np.median(of_each)


class TestAllSizes:
    @pytest.mark.parametrize("n_fft", LARGE)
    def test_large_ones(self, n_fft, rng):
        check_size(n_fft, rng)

    @pytest.mark.parametrize("seed", range(30))
    def test_random_ones(self, seed):
        rng = np.random.default_rng(seed)
        for n_fft in (1 + 65536 ** rng.uniform(0, 1, 3)).astype(int):
            check_size(int(n_fft), rng)

    def test_radices(self):
        for n in range(1, 5000):
            radices = factorize(n)
            assert np.prod(radices) == n
            length = convolution_length(radices)
            assert odd_of(factorize(length) if length else (1, 16)) in (None, 1)
            assert length == 0 or length == radices[0] - 1 or length >= 2 * radices[0] - 3
            assert max(prime_factors(length or 1), default=1) < 64
            assert length or radices[0] < 384

    @pytest.mark.slow
    def test_without_a_compiler(self):
        environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
        subprocess.run([sys.executable, "-c", _ON_LANES], check=True, timeout=300, env=environment)


def check_size(n_fft, rng):
    """Compare both ways, in float32, with SciPy in float64, and round trips in float64."""
    frames = rng.standard_normal((2, n_fft))
    single = frames.astype(np.float32)
    expected = scipy.fft.rfft(single.astype(np.float64))
    error, of_scipy = (
        np.linalg.norm(x - expected) for x in (spectra_of(single), scipy.fft.rfft(single))
    )
    assert error <= 1.5 * of_scipy + 1e-6  # Both are errors of few frames.
    spectra = spectra_of(frames)
    np.testing.assert_allclose(spectra, scipy.fft.rfft(frames), rtol=0, atol=1e-13 * n_fft)
    back = np.empty((1, 1, frames.size))
    cpu.inverse_stft(spectra[None, None], Synthesis(n_fft, n_fft, np.ones(n_fft)), back)
    np.testing.assert_allclose(back.reshape(frames.shape), frames, rtol=0, atol=1e-13)


def spectra_of(frames):
    """Return our transform of frames."""
    n_fft = frames.shape[1]
    dtype = np.result_type(frames, np.complex64)
    got = np.empty((1, 1, len(frames), n_fft // 2 + 1), dtype)
    front_end = FrontEnd(sample_rate=1, n_fft=n_fft, hop_length=n_fft, window=np.ones(n_fft))
    cpu.stft(frames.reshape(1, 1, -1), front_end, got)
    return got[0, 0]


def rfft(frames):
    """Return the exact transform of frames."""
    return double_double.rfft(frames.astype(np.float64), np.ones(frames.shape[1]))


def irfft(spectra, n_fft):
    """Return the exact inverse."""
    return double_double.irfft(spectra.astype(np.complex128), n_fft)


def table_of(radix, dtype):
    """Return an odd radix with its table and room for its sums; the arrays are kept for ever."""
    arrays = odd_factors(radix, dtype), aligned((2 * radix, n_lanes(dtype)), dtype)
    _kept.append(arrays)
    return radix, *(array.ctypes.data for array in arrays)


_kept = []


@numba.njit
def _first(unit, radix, factors, room, rows, offsets, window, target, n):
    odd = OddRadix(radix, factors, room)
    first_odd_pass(unit, odd, Samples(rows, offsets, window), target, n, Strided(target, 0))


@numba.njit
def _undo_first(unit, radix, factors, room, rows, n):
    undo_first_odd_pass(unit, OddRadix(radix, factors, room), rows, n, rows)


@numba.njit
def _inner(unit, radix, factors, room, rows, n, twiddles, n_blocks):
    odd = OddRadix(radix, factors, room)
    inner_odd_pass(unit, odd, Parts(rows, n, twiddles), n_blocks)


@numba.njit
def _undo_inner(unit, radix, factors, room, rows, n, twiddles, n_blocks):
    odd = OddRadix(radix, factors, room)
    undo_inner_odd_pass(unit, odd, Parts(rows, n, twiddles), n_blocks)


_ON_LANES = """
import numpy as np
from kapre_ref import FrontEnd
from kapre_ref._synthesis import Synthesis
from kapre_ref.kernels import cpu
rng = np.random.default_rng(0)
for n in (1, 62, 289, 389, 397):
    x, got = rng.standard_normal((3, n)), np.empty((1, 1, 3, n // 2 + 1), complex)
    front_end = FrontEnd(sample_rate=1, n_fft=n, hop_length=n, window=np.ones(n))
    cpu.stft(x.reshape(1, 1, -1), front_end, got)
    np.testing.assert_allclose(got[0, 0], np.fft.rfft(x), rtol=0, atol=1e-11)
    back = np.empty((1, 1, 3 * n))
    cpu.inverse_stft(got, Synthesis(n, n, np.ones(n)), back)
    np.testing.assert_allclose(back.reshape(3, n), x, rtol=0, atol=1e-12)
"""
