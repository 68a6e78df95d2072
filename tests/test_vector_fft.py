"""The parts of the vector transform: codelets against direct sums, plans, and emitted code."""

import platform
import re
import subprocess
import sys
from functools import lru_cache
from math import prod

import double_double
import numba
import numpy as np
import pytest
import scipy.fft
from closeness import assert_close
from double_double import distance
from scipy.signal.windows import hann
from vectors import (
    BUTTERFLY_EPS,
    DTYPES,
    aligned,
    allowed,
    as_complex,
    direct_dft,
    parts_of,
    random_rows,
    transformed,
)

from kapre_ref._front_end import FrontEnd
from kapre_ref._synthesis import Synthesis
from kapre_ref.kernels import cpu
from kapre_ref.kernels.cpu.emit.bins import (
    LAST_RADICES,
    last_pass_to_magnitudes,
    last_pass_to_spectrum,
)
from kapre_ref.kernels.cpu.emit.gather import transpose_pieces
from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_bytes
from kapre_ref.kernels.cpu.emit.inverse_passes import (
    undo_first_pass,
    undo_inner_pass,
    undo_last_pass,
)
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.emit.output import copy_frames, turn_strip
from kapre_ref.kernels.cpu.emit.passes import (
    COMMON_RADICES,
    FIRST_RADICES,
    RADICES,
    Parts,
    Samples,
    common_inner_pass,
    first_pass,
    inner_pass,
)
from kapre_ref.kernels.cpu.transform.plan import MAX_N_FFT, is_served, offsets_of, tables_of
from kapre_ref.kernels.cpu.transform.radices import (
    factorize,
    odd_of,
    pass_twiddles,
    prime_factors,
    samples_of_rows,
)

SIZES = (
    *range(2, 130),
    *(144, 160, 200, 225, 250, 256, 320, 384, 400, 480, 500, 512, 600, 640, 768, 800, 960, 1000),
    *(1024, 1200, 1536, 1600, 1920, 2000, 2048, 2400, 3000, 3072, 4096, 8192, 16384),
)


@pytest.fixture(params=DTYPES)
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def tolerance(dtype):
    return BUTTERFLY_EPS * np.finfo(dtype).eps


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("radix", FIRST_RADICES)
class TestFirstPass:
    def test_windows_and_transforms_samples_from_anywhere(self, radix, dtype, tolerance, rng):
        n = 3 * radix
        samples, rows = random_rows(rng, n, dtype), aligned((n, n_lanes(dtype)), dtype)
        window, order = rng.uniform(0, 1, n).astype(dtype), rng.permutation(n)
        offsets = (order * vector_bytes()).astype(np.int32)
        tables = samples.ctypes.data, offsets.ctypes.data, window.ctypes.data
        _first_pass(dtype.type(1), radix, *tables, rows.ctypes.data, 3, rows.ctypes.data, 0)
        windowed = samples[order].astype(np.float64) * window[:, None]
        expected = [transformed(x) for x in np.split(windowed, 3)]
        assert_close(rows, np.concatenate(expected), tolerance)

    def test_is_undone(self, radix, dtype, tolerance, rng):
        x = rng.uniform(-1, 1, (3 * radix, n_lanes(dtype)))
        rows = aligned(x.shape, dtype)
        rows[...] = np.concatenate([transformed(part, real_bins=0.5) for part in np.split(x, 3)])
        _undo_first_pass(dtype.type(1), radix, rows.ctypes.data, 3)
        assert_close(rows, x * radix / 2, tolerance)


# With an odd number of rows, no middle bin is its own mirror image.
@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("radix", RADICES)
class TestInnerPass:
    def test_merges_transforms(self, radix, n, dtype, tolerance, rng):
        x = [random_rows(rng, radix * n, dtype) for _ in range(2)]
        rows = aligned((2 * radix * n, n_lanes(dtype)), dtype)
        parts = [transformed(part) for group in x for part in parts_of(group, radix)]
        rows[...] = np.concatenate(parts)
        twiddles = pass_twiddles((n, radix), dtype)[0]
        _inner_pass(dtype.type(1), radix, rows.ctypes.data, 2, n, twiddles.ctypes.data)
        assert_close(rows, np.concatenate([transformed(group) for group in x]), tolerance)

    def test_is_undone(self, radix, n, dtype, tolerance, rng):
        x = [random_rows(rng, radix * n, dtype) for _ in range(2)]
        rows = aligned((2 * radix * n, n_lanes(dtype)), dtype)
        rows[...] = np.concatenate([transformed(group, real_bins=0.5) for group in x])
        twiddles = pass_twiddles((n, radix), dtype)[0]
        _undo_inner_pass(dtype.type(1), radix, rows.ctypes.data, 2, n, twiddles.ctypes.data)
        parts = [transformed(part, 0.5) for group in x for part in parts_of(group, radix)]
        assert_close(rows, np.concatenate(parts) * radix, tolerance)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("radix", LAST_RADICES)
class TestLastPass:
    @pytest.mark.parametrize("power", [1, 2])
    def test_makes_magnitudes_or_powers(self, radix, n, power, dtype, tolerance, rng):
        x, rows, twiddles = _merging(rng, radix, n, dtype)
        magnitudes = np.abs(direct_dft(x.astype(np.float64)))[: radix * n // 2 + 1]
        expected, number = magnitudes**power, np.array([power], dtype)
        tolerance = tolerance * max(1, 2 * magnitudes.max()) ** (power - 1)
        apart, peak = aligned(rows.shape, dtype), aligned(rows.shape[1:], dtype)
        arguments = dtype.type(1), radix, rows.ctypes.data, n, twiddles.ctypes.data
        for got in (apart, rows):  # in place as well
            places = got.ctypes.data, peak.ctypes.data, number.ctypes.data
            _last_pass_to_magnitudes(*arguments, *places)
            assert_close(got[: len(expected)], expected, tolerance)
        assert_close(np.sqrt(peak), magnitudes.max(axis=0), tolerance)

    def test_makes_spectra(self, radix, n, dtype, tolerance, rng):
        x, rows, twiddles = _merging(rng, radix, n, dtype)
        expected = direct_dft(x.astype(np.float64))[: radix * n // 2 + 1]
        got = aligned((len(expected), 2, rows.shape[1]), dtype)
        arguments = dtype.type(1), radix, rows.ctypes.data, n, twiddles.ctypes.data
        _last_pass_to_spectrum(*arguments, got.ctypes.data)
        assert_close(as_complex(got), expected, tolerance)

    def test_is_undone(self, radix, n, dtype, tolerance, rng):
        x, rows, twiddles = _merging(rng, radix, n, dtype)
        expected = np.concatenate([transformed(part, 0.5) for part in parts_of(x, radix)]) * radix
        spectrum = direct_dft(x.astype(np.float64))[: radix * n // 2 + 1]
        pairs = aligned((len(spectrum), 2, rows.shape[1]), dtype)
        pairs[:, 0], pairs[:, 1] = spectrum.real, spectrum.imag
        pairs[[0] if radix * n % 2 else [0, -1], 1] = 7  # does not count
        arguments = pairs.ctypes.data, rows.ctypes.data, n, twiddles.ctypes.data
        _undo_last_pass(dtype.type(1), radix, *arguments)
        assert_close(rows, expected, tolerance)


def _merging(rng, radix, n, dtype):
    x = random_rows(rng, radix * n, dtype)
    rows = aligned(x.shape, dtype)
    rows[...] = np.concatenate([transformed(part) for part in parts_of(x, radix)])
    return x, rows, pass_twiddles((n, radix), dtype)[0]


@pytest.mark.usefixtures("way")
class TestLanes:
    def test_lanes_do_not_touch_each_other(self, dtype, rng):
        clean = random_rows(rng, 64, dtype)
        spoilt = aligned(clean.shape, dtype)
        spoilt[...] = clean
        spoilt[:, 1] = np.nan
        twiddles = pass_twiddles((8, 8), dtype)[0].ctypes.data
        for rows in (clean, spoilt):
            _inner_pass(dtype.type(1), 8, rows.ctypes.data, 1, 8, twiddles)
        assert np.isnan(spoilt[:, 1]).all()
        spoilt[:, 1] = clean[:, 1]
        np.testing.assert_array_equal(spoilt, clean)

    def test_pieces_are_transposed(self, dtype, rng):
        lanes, size = n_lanes(dtype), 16 // dtype.itemsize
        n_pieces, n_tiles = lanes + 2 * size, 3
        pieces = rng.uniform(-1, 1, (n_pieces, n_tiles * lanes)).astype(dtype)
        target = np.zeros((n_tiles * lanes, n_pieces), dtype)
        row_bytes = n_pieces * dtype.itemsize
        arguments = pieces.ctypes.data, pieces.strides[0], n_pieces, n_tiles
        _transpose(dtype.type(1), *arguments, target.ctypes.data, row_bytes)
        np.testing.assert_array_equal(target, pieces.T)

    @pytest.mark.parametrize("n_values", [0, 1, 5, 37])
    def test_only_the_values_asked_for_are_written(self, n_values, dtype, rng):
        lanes = n_lanes(dtype)
        values = aligned((3 * lanes, lanes), dtype)
        values[...] = rng.uniform(-1, 1, values.shape)
        n_values = min(n_values, 3 * lanes)
        strip = np.zeros((lanes + 1, 3 * lanes), dtype)
        _turn(dtype.type(1), values.ctypes.data, 3, strip.ctypes.data, strip.strides[0])
        np.testing.assert_array_equal(strip[:lanes], values.T)
        out = np.full((3, n_values + 2), 7, dtype)
        place = out[:2, 1:].ctypes.data
        arguments = strip.ctypes.data, strip.strides[0], 2, n_values, place, out.strides[0]
        _copy(dtype.type(1), *arguments)
        expected = np.full_like(out, 7)
        expected[:2, 1:-1] = values.T[:2, :n_values]
        np.testing.assert_array_equal(out, expected)


class TestPlan:
    @pytest.mark.parametrize("n", [2, 3, 8, 16, 35, 176, 200, 240, 256, 650, 1000, 1024, 2058])
    def test_rows_hold_all_samples(self, n):
        radices = factorize(n)
        assert prod(radices) == n
        assert radices[0] in FIRST_RADICES
        assert radices[-1] in LAST_RADICES
        assert set(radices[1:-1]) <= set(RADICES)
        assert sorted(samples_of_rows(radices)) == list(range(n))

    @pytest.mark.parametrize("width", [16, 32, 64])
    def test_usual_sizes_have_common_radices(self, width):
        for n in range(20, 8200, 4):
            is_usual = prime_factors(n)[-1] <= 5
            assert (odd_of(factorize(n, width)) is None) == is_usual, n

    @pytest.mark.parametrize("n", [1, 2, 4, 16, 22, 27, 50, 441])
    def test_other_sizes_have_not(self, n):
        assert odd_of(factorize(n)) == 1

    def test_common_passes_have_no_other_code(self):
        @numba.njit
        def merge(unit, radix, rows, n):
            common_inner_pass(unit, radix, Parts(rows, n, rows), n)

        merge.compile((numba.float32, *(numba.int64,) * 3))
        (code,) = merge.inspect_llvm().values()
        found = re.findall(r"^define .*inner_pass_(\d+)", code, re.MULTILINE)
        assert sorted(map(int, found)) == sorted(COMMON_RADICES)

    @pytest.mark.parametrize(
        ("n", "radices"),
        [
            (1, (1, 1)),
            (2, (2, 1)),
            (143, (13, 11, 1)),
            (1012, (23, 11, 4)),
            (1013, (1013, 1)),
            (1023, (31, 11, 3)),
            (1408, (11, 8, 4, 4)),
        ],
    )
    def test_large_primes_come_first(self, n, radices):
        assert factorize(n) == radices

    @pytest.mark.parametrize(
        ("n", "of_32_bytes", "of_64_bytes"),
        [
            (2, (2, 1), (2, 1)),
            (8, (8, 1), (8, 1)),
            (32, (8, 4), (8, 4)),
            (400, (16, 5, 5), (16, 5, 5)),
            (512, (8, 4, 4, 4), (16, 8, 4)),
            (12, (4, 3), (4, 3)),
            (100, (5, 5, 4), (5, 5, 4)),
            (768, (16, 3, 4, 4), (16, 3, 4, 4)),
            (1024, (16, 4, 4, 4), (16, 8, 8)),
            (2048, (8, 4, 4, 4, 4), (16, 8, 4, 4)),
            (704, (11, 4, 4, 4), (11, 8, 8)),
        ],
    )
    def test_order_and_fours_for_eights_with_few_registers(self, n, of_32_bytes, of_64_bytes):
        assert factorize(n, 32) == of_32_bytes
        assert factorize(n, 16) == factorize(n, 64) == of_64_bytes

    @pytest.mark.parametrize("n", [1, 32768, 65521, 65536])
    def test_all_sizes_are_served(self, n):
        assert is_served(n)
        assert not is_served(65537)

    @pytest.mark.parametrize("hop_length", [1, 16384, 65535, 65536, 10**6])
    def test_scratch_memory_is_bounded(self, hop_length, dtype):
        plan = front_end_of(MAX_N_FFT, hop_length)
        assert tables_of(plan, dtype).scratch_bytes < 32e6

    def test_regions_do_not_overlap(self):
        starts, n_bytes = offsets_of([1, 4096, 5000])
        assert np.all(np.diff([*starts, n_bytes]) >= [1, 4096, 5000])
        assert len({start % 4096 for start in starts}) == 3

    def test_twiddles_are_rounded_once(self):
        got = pass_twiddles((4, 64, 4), np.dtype(np.float64))[1].reshape(127, 2, 2)
        cosines, sines = double_double.roots(1024)
        np.testing.assert_array_equal(got[126, 1], [cosines.high[254], -sines.high[254]])


class TestTransform:
    @pytest.mark.parametrize("window", [np.ones, hann])
    @pytest.mark.parametrize("n_fft", SIZES)
    def test_error_is_at_most_that_of_scipy(self, n_fft, window, dtype, rng):
        weights = window(n_fft).astype(dtype).astype(np.float64)
        frames = rng.standard_normal((1 + 60000 // n_fft, n_fft)).astype(dtype)
        got = np.empty((1, 1, len(frames), n_fft // 2 + 1), np.result_type(dtype, np.complex64))
        plan = front_end_of(n_fft, n_fft, window)
        cpu.stft(frames.reshape(1, 1, -1), plan, got)
        expected = double_double.rfft(frames.astype(np.float64), weights)
        of_scipy = scipy.fft.rfft(frames * weights.astype(dtype))
        error, error_of_scipy = (distance(x, *expected) for x in (got[0, 0], of_scipy))
        assert error <= allowed() * error_of_scipy

    @pytest.mark.parametrize("n_fft", [3, 4, 6, 14, 16, 30, 64, 225, 400, 512])
    def test_real_bins_have_an_imaginary_part_of_plus_zero(self, n_fft, dtype, rng):
        frames = rng.standard_normal((40, n_fft)).astype(dtype)  # -0 would turn phases by 2 pi
        got = np.empty((1, 1, 40, n_fft // 2 + 1), np.result_type(dtype, np.complex64))
        cpu.stft(frames.reshape(1, 1, -1), front_end_of(n_fft, n_fft), got)
        edges = got[..., [0] if n_fft % 2 else [0, -1]].imag
        assert not np.signbit(edges).any()
        np.testing.assert_array_equal(edges, 0)

    @pytest.mark.parametrize("n_fft", SIZES)
    def test_inverse_error_is_that_of_scipy(self, n_fft, dtype, rng):
        signals = rng.standard_normal((1 + 60000 // n_fft, n_fft))
        spectra = scipy.fft.rfft(signals).astype(np.result_type(dtype, np.complex64))
        got = np.empty((1, 1, signals.size), dtype)
        cpu.inverse_stft(spectra[None, None], Synthesis(n_fft, n_fft, np.ones(n_fft)), got)
        expected = double_double.irfft(spectra.astype(np.complex128), n_fft)
        of_scipy = scipy.fft.irfft(spectra, n_fft)
        error, error_of_scipy = (
            distance(x.reshape(of_scipy.shape), expected) for x in (got, of_scipy)
        )
        # Some sizes are allowed a little more in float64, since SciPy is better there.
        special = 1.07 if dtype == np.float64 and n_fft in (12, 40, 57, 80) else 1
        assert error <= allowed() * special * error_of_scipy

    # With the short hop more frames overlap than a vector has lanes.
    @pytest.mark.parametrize("hop_length", [60, 7])
    @pytest.mark.parametrize("n_threads", [2, 3, 7])
    def test_bits_do_not_depend_on_threads(self, n_threads, hop_length, dtype, rng, monkeypatch):
        signals = rng.standard_normal((3, 1, 40000)).astype(dtype)
        results = []
        for n in (1, n_threads):
            monkeypatch.setenv("KAPRE_REF_NUM_THREADS", str(n))
            plan = front_end_of(256, hop_length)
            shape = (3, 1, plan.n_frames(40000), 129)
            spectra = np.empty(shape, np.result_type(dtype, np.complex64))
            cpu.stft(signals, plan, spectra)
            back = np.empty((3, 1, (shape[2] - 1) * hop_length + 256), dtype)
            cpu.inverse_stft(spectra, Synthesis(256, hop_length, np.ones(256)), back)
            results.append((spectra, back))
        np.testing.assert_array_equal(results[1][0], results[0][0])
        np.testing.assert_array_equal(results[1][1], results[0][1])

    @pytest.mark.slow
    def test_nothing_outside_the_signal_is_read(self):
        # The pages before and after the signal are protected: an access to them ends the process.
        if sys.platform != "linux":
            pytest.skip("protects memory as Linux does")
        subprocess.run([sys.executable, "-c", _GUARDED], check=True, timeout=120)


class TestEmitted:
    def test_butterflies_are_whole_vectors(self, dtype):
        _emit_inner_pass(dtype)
        code = next(v for k, v in _inner_pass.inspect_llvm().items() if dtype.name in str(k[0]))
        body = re.search(r"define internal [^\n]*inner_pass_8.*?\n}", code, re.DOTALL)[0]
        vector = f"<{n_lanes(dtype)} x {'float' if dtype.itemsize == 4 else 'double'}>"
        # Some versions of LLVM count the rounds of a loop by a call on an integer.
        arithmetic = re.findall(r"(?:f(?:add|sub|mul|neg) |call (?!i64 ))[^\n]*", body)
        assert len(arithmetic) >= 50
        assert [line for line in arithmetic if f" {vector} " not in line] == []

    def test_registers_are_the_widest(self, dtype):
        if platform.machine().lower() not in ("x86_64", "amd64"):
            pytest.skip("names of registers of x86-64")
        _emit_inner_pass(dtype)
        code = next(v for k, v in _inner_pass.inspect_asm().items() if dtype.name in str(k[0]))
        body = re.search(r"\nkapre_ref\.inner_pass_8:.*?\n\s+retq", code, re.DOTALL)[0]
        register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[vector_bytes()]
        arithmetic = re.findall(r"\sv?(?:f[n]?m|add|sub|mul)[a-z0-9]*[ps][sd]\s[^\n]*", body)
        assert len(arithmetic) >= 50
        assert [line for line in arithmetic if register not in line] == []


def _emit_inner_pass(dtype):
    rows = aligned((16, n_lanes(dtype)), dtype).ctypes.data
    _inner_pass(dtype.type(1), 8, rows, 0, 2, rows)


@lru_cache
def front_end_of(n_fft, hop_length, window=np.ones):
    numbers = window(n_fft)
    return FrontEnd(sample_rate=1, n_fft=n_fft, hop_length=hop_length, window=numbers)


@numba.njit
def _transpose(unit, source, piece_bytes, n_pieces, n_tiles, target, row_bytes):
    transpose_pieces(unit, source, piece_bytes, n_pieces, n_tiles, target, row_bytes)


@numba.njit
def _turn(unit, values, n_tiles, target, frame_bytes):
    turn_strip(unit, values, n_tiles, target, frame_bytes)


@numba.njit
def _copy(unit, strip, strip_frame_bytes, n_frames, n_values, target, frame_bytes):
    copy_frames(unit, strip, strip_frame_bytes, n_frames, n_values, target, frame_bytes)


@numba.njit
def _first_pass(unit, radix, samples, offsets, window, target, n, ahead, step):
    place = Samples(samples, offsets, window)
    first_pass(unit, radix, place, target, n, Strided(ahead, step))


@numba.njit
def _undo_first_pass(unit, radix, rows, n):
    undo_first_pass(unit, radix, rows, n, rows)


@numba.njit
def _inner_pass(unit, radix, rows, n_merges, n, twiddles):
    inner_pass(unit, radix, Parts(rows, n, twiddles), n_merges)


@numba.njit
def _undo_inner_pass(unit, radix, rows, n_merges, n, twiddles):
    undo_inner_pass(unit, radix, Parts(rows, n, twiddles), n_merges)


@numba.njit
def _last_pass_to_magnitudes(unit, radix, rows, n, twiddles, target, peak, power):
    last_pass_to_magnitudes(unit, radix, Parts(rows, n, twiddles), target, target, peak, power)


@numba.njit
def _last_pass_to_spectrum(unit, radix, rows, n, twiddles, target):
    last_pass_to_spectrum(unit, radix, Parts(rows, n, twiddles), target, target)


@numba.njit
def _undo_last_pass(unit, radix, spectrum, rows, n, twiddles):
    undo_last_pass(unit, radix, spectrum, Parts(rows, n, twiddles))


_GUARDED = """
import ctypes, mmap
import numpy as np
import kapre_ref

page = mmap.PAGESIZE
memory = mmap.mmap(-1, 6 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
protect = ctypes.CDLL(None, use_errno=True).mprotect
protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
for offset in (0, 5 * page):
    assert protect(start + offset, page, 0) == 0
inside = np.frombuffer(memory, np.float32, page, page)
inside[:] = 1
for n_fft, hop_length in ((64, 16), (400, 160), (64, 100), (512, 37)):
    for length in (len(inside), 1500):
        for x in (inside[:length], inside[-length:], inside[::-1][:length], inside[1::2]):
            for pads in ({}, {"pad_begin": hop_length < n_fft, "pad_end": True}):
                kapre_ref.stft_magnitude(x, n_fft, None, hop_length, **pads)
stereo = np.random.default_rng(0).standard_normal((1, 400, 2)).astype(np.float32)
expected = kapre_ref.stft_magnitude(stereo, 64)
for part in (slice(None, expected.size), slice(-expected.size, None)):
    out = inside[part].reshape(expected.shape)
    np.testing.assert_array_equal(kapre_ref.stft_magnitude(stereo, 64, out=out), expected)
inside[:] = 1
size = kapre_ref.stft(np.ones(400, np.float32), 64).shape
spectra = np.frombuffer(memory, np.complex64, size[0] * size[1], 5 * page - 8 * size[0] * size[1])
kapre_ref.inverse_stft(spectra.reshape(size), 64)
"""
