"""The pieces of the vector transform: codelets against direct sums, plans, and what is emitted."""

import platform
import re
import subprocess
import sys
from functools import lru_cache
from math import prod

import numba
import numpy as np
import pytest
import scipy.fft
from closeness import assert_close
from vectors import BUTTERFLY_EPS, DTYPES, aligned, as_complex, direct_dft, rows_of

from kapre_ref.kernels import cpu
from kapre_ref.kernels.cpu.fft_plan import (
    MAX_N_FFT,
    factorize,
    is_served,
    pass_twiddles,
    places,
    row_of_frequency,
    tables_of,
)
from kapre_ref.kernels.cpu.gather import transpose_pieces
from kapre_ref.kernels.cpu.output import copy_rows, turn_strip
from kapre_ref.kernels.cpu.passes import RADICES, first_pass, inner_pass, last_pass
from kapre_ref.kernels.cpu.splitting import (
    FUSED,
    last_pass_to_magnitudes,
    last_pass_to_spectrum,
)
from kapre_ref.kernels.cpu.vector import n_lanes, vector_bytes
from kapre_ref.stft import SpectrumPlan


@pytest.fixture(params=DTYPES)
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def tolerance(dtype):
    return BUTTERFLY_EPS * np.finfo(dtype).eps


@pytest.mark.parametrize("radix", RADICES)
class TestPasses:
    def test_last_pass_is_a_dft_of_each_block(self, radix, dtype, tolerance, rng):
        rows = rows_of(rng, 3 * radix, dtype)
        blocks = as_complex(rows).reshape(3, radix, -1)
        _last_pass(dtype.type(1), radix, rows.ctypes.data, 3)
        expected = np.concatenate([direct_dft(block) for block in blocks])
        assert_close(as_complex(rows), expected, tolerance)

    def test_inner_pass_splits_each_block(self, radix, dtype, tolerance, rng):
        n, stride = 3, 3 * 2 * vector_bytes()
        rows = rows_of(rng, 2 * radix * n, dtype)
        blocks = as_complex(rows).reshape(2, radix, n, -1)
        twiddles = pass_twiddles(radix * n, (radix,), dtype)
        arguments = rows.ctypes.data, 2, n, stride, twiddles.ctypes.data
        _inner_pass(dtype.type(1), radix, *arguments)
        q, i = np.ogrid[:radix, :n]
        turned = np.exp(-2j * np.pi * q * i / (radix * n))[..., None]
        expected = np.concatenate([direct_dft(block) * turned for block in blocks])
        assert_close(as_complex(rows), expected.reshape(len(rows), -1), tolerance)

    def test_first_pass_windows_pairs_of_samples(self, radix, dtype, tolerance, rng):
        n, lanes = 2, n_lanes(dtype)
        samples = aligned((2 * radix * n, lanes), dtype)
        samples[...] = rng.uniform(-1, 1, samples.shape)
        window = rng.uniform(0, 1, (radix * n, 2)).astype(dtype)
        order = np.arange(radix * n).reshape(radix, n).T.ravel()
        offsets = (order * 2 * vector_bytes()).astype(np.int32)
        in_order = np.ascontiguousarray(window[order])
        twiddles = pass_twiddles(radix * n, (radix,), dtype)
        rows = aligned((radix * n, 2, lanes), dtype)
        places = samples.ctypes.data, vector_bytes(), offsets.ctypes.data, in_order.ctypes.data
        target = rows.ctypes.data, n * 2 * vector_bytes(), n, twiddles.ctypes.data
        ahead = rows.ctypes.data, 0
        _first_pass(dtype.type(1), radix, *places, *target, *ahead)
        pairs = samples.reshape(radix * n, 2, lanes) * window[..., None].astype(np.float64)
        q, i = np.ogrid[:radix, :n]
        turned = np.exp(-2j * np.pi * q * i / (radix * n))[..., None]
        expected = direct_dft(as_complex(pairs).reshape(radix, n, lanes)) * turned
        assert_close(as_complex(rows), expected.reshape(len(rows), lanes), tolerance)


@pytest.mark.parametrize("radix", FUSED)
def test_last_pass_splits_what_it_gives(radix, dtype, tolerance, rng):
    # Two groups of `radix` rows, at frequencies 1 + 3 q and 2 + 3 q of a transform of 3 * radix.
    n, stride = 3 * radix, 3
    groups = rows_of(rng, 2 * radix, dtype)
    spectrum = np.zeros((n, n_lanes(dtype)), complex)
    spectrum[1::stride] = direct_dft(as_complex(groups[:radix]))
    spectrum[2::stride] = direct_dft(as_complex(groups[radix:]))
    places = [0, radix * 2 * vector_bytes(), 1, 2]
    k = 1 + stride * np.arange(radix)
    turns = np.exp(-1j * np.pi * k / n)
    twiddles = np.stack([turns.real, turns.imag], axis=1).astype(dtype)
    mirrored = spectrum[n - k].conj()
    even, odd = spectrum[k] + mirrored, -1j * (spectrum[k] - mirrored)
    expected = np.zeros((n + 1, n_lanes(dtype)), complex)
    expected[k] = even + turns[:, None] * odd
    expected[n - k] = (even - turns[:, None] * odd).conj()

    table = np.array([places], np.int32), twiddles
    addresses = groups.ctypes.data, *(array.ctypes.data for array in table), stride
    got, peak = aligned((n + 1, n_lanes(dtype)), dtype), aligned((n_lanes(dtype),), dtype)
    _last_pass_to_magnitudes(dtype.type(1), radix, *addresses, got.ctypes.data, peak.ctypes.data)
    assert_close(got, np.abs(expected), tolerance)
    assert_close(np.sqrt(peak), np.abs(expected).max(axis=0), tolerance)
    rows = aligned((n + 1, 2, n_lanes(dtype)), dtype)
    _last_pass_to_spectrum(dtype.type(1), radix, *addresses, rows.ctypes.data)
    assert_close(as_complex(rows), expected, tolerance)


class TestLanes:
    def test_lanes_do_not_touch_each_other(self, dtype, rng):
        clean = rows_of(rng, 16, dtype)
        spoilt = aligned(clean.shape, dtype)
        spoilt[...] = clean
        spoilt[:, :, 1] = np.nan
        for rows in (clean, spoilt):
            _last_pass(dtype.type(1), 8, rows.ctypes.data, 2)
        assert np.isnan(spoilt[:, :, 1]).all()
        spoilt[:, :, 1] = clean[:, :, 1]
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
    @pytest.mark.parametrize("n", [2, 3, 8, 16, 35, 200, 240, 256, 1000, 1024, 2058])
    def test_rows_hold_all_frequencies(self, n):
        radices = factorize(n)
        assert prod(radices) == n
        rows = row_of_frequency(n, radices)
        gaps = n // radices[0] + (n // radices[0] + 1) * np.arange(radices[0] - 1)
        assert sorted([*rows, *gaps]) == list(range(n + radices[0] - 1))

    @pytest.mark.parametrize("n", [1, 11, 22, 1013])
    def test_no_radices_for_large_factors(self, n):
        assert factorize(n) is None

    @pytest.mark.parametrize(
        ("n_fft", "expected"),
        [
            (1, False),
            (2, False),
            (4, True),
            (22, False),
            (400, True),
            (441, True),
            (1013, False),
            (32768, True),
        ],
    )
    def test_sizes_served(self, n_fft, expected):
        assert is_served(n_fft) == expected

    @pytest.mark.parametrize("hop_length", [1, 8192, 32767, 32768, 10**6])
    def test_scratch_memory_is_bounded(self, hop_length, dtype):
        plan = plan_of(MAX_N_FFT, hop_length)
        assert tables_of(plan, dtype).scratch_bytes < 16e6

    def test_places_do_not_overlap(self):
        starts, n_bytes = places([1, 4096, 5000])
        assert np.all(np.diff([*starts, n_bytes]) >= [1, 4096, 5000])
        assert len({start % 4096 for start in starts}) == 3

    def test_twiddles_are_rounded_once(self):
        got = pass_twiddles(1024, (4,), np.dtype(np.float64)).reshape(256, 3, 2)
        angle = 2 * np.longdouble("3.14159265358979323846264338327950288") * 255 * 3 / 1024
        np.testing.assert_array_equal(got[255, 2], [float(np.cos(angle)), -float(np.sin(angle))])


class TestTransform:
    @pytest.mark.parametrize(
        "n_fft",
        [3, 4, 6, 9, 10, 14, 30, 225, 64, 96, 98, 250, 400, 480, 512, 1200, 1536, 2000, 2048, 4096],
    )
    def test_error_is_that_of_scipy(self, n_fft, dtype, rng):
        frames = rng.standard_normal((1 + 30000 // n_fft, n_fft)).astype(dtype)
        got = np.empty((1, 1, len(frames), n_fft // 2 + 1), np.result_type(dtype, np.complex64))
        cpu.stft(frames.reshape(1, 1, -1), plan_of(n_fft, n_fft), got)
        expected = scipy.fft.rfft(frames.astype(np.longdouble))
        error = np.linalg.norm(got[0, 0] - expected)
        # Small transforms have few roundings; one more, of the split, is up to a fifth of them.
        allowed = 1.25 if n_fft < 128 else 1.1
        assert error <= allowed * np.linalg.norm(scipy.fft.rfft(frames) - expected)

    @pytest.mark.parametrize("n_fft", [3, 4, 6, 14, 16, 30, 64, 225, 400, 512])
    def test_real_bins_have_an_imaginary_part_of_plus_zero(self, n_fft, dtype, rng):
        frames = rng.standard_normal((40, n_fft)).astype(dtype)  # -0 would turn phases by 2 pi
        got = np.empty((1, 1, 40, n_fft // 2 + 1), np.result_type(dtype, np.complex64))
        cpu.stft(frames.reshape(1, 1, -1), plan_of(n_fft, n_fft), got)
        edges = got[..., [0] if n_fft % 2 else [0, -1]].imag
        assert not np.signbit(edges).any()
        np.testing.assert_array_equal(edges, 0)

    @pytest.mark.parametrize(
        "n_fft", [4, 6, 10, 14, 16, 30, 96, 98, 250, 400, 512, 1024, 1536, 2000, 2048, 4096]
    )
    def test_inverse_error_is_that_of_scipy(self, n_fft, dtype, rng):
        signals = rng.standard_normal((1 + 30000 // n_fft, n_fft))
        spectra = scipy.fft.rfft(signals).astype(np.result_type(dtype, np.complex64))
        got = np.empty((1, 1, signals.size), dtype)
        cpu.inverse_stft(spectra[None, None], n_fft, n_fft, np.ones(n_fft), got)
        expected = scipy.fft.irfft(spectra.astype(np.clongdouble))
        error = np.linalg.norm(got.ravel() - expected.ravel())
        # Small transforms have few roundings; one more, of the merging, is up to a fifth of them.
        allowed = 1.25 if n_fft < 128 else 1.1
        assert error <= allowed * np.linalg.norm(scipy.fft.irfft(spectra) - expected)

    # With the short hop more frames overlap than a vector has lanes.
    @pytest.mark.parametrize("hop_length", [60, 7])
    @pytest.mark.parametrize("n_threads", [2, 3, 7])
    def test_bits_do_not_depend_on_threads(self, n_threads, hop_length, dtype, rng, monkeypatch):
        signals = rng.standard_normal((3, 1, 40000)).astype(dtype)
        results = []
        for n in (1, n_threads):
            monkeypatch.setenv("KAPRE_REF_NUM_THREADS", str(n))
            plan = plan_of(256, hop_length)
            shape = (3, 1, plan.n_frames(40000), 129)
            spectra = np.empty(shape, np.result_type(dtype, np.complex64))
            cpu.stft(signals, plan, spectra)
            back = np.empty((3, 1, (shape[2] - 1) * hop_length + 256), dtype)
            cpu.inverse_stft(spectra, 256, hop_length, np.ones(256), back)
            results.append((spectra, back))
        np.testing.assert_array_equal(results[1][0], results[0][0])
        np.testing.assert_array_equal(results[1][1], results[0][1])

    def test_nothing_outside_the_signal_is_read(self):
        # The page after the signal, and the one before it, may not be touched: whoever does, dies.
        if sys.platform != "linux":
            pytest.skip("protects memory as Linux does")
        subprocess.run([sys.executable, "-c", _GUARDED], check=True, timeout=120)


class TestEmitted:
    def test_butterflies_are_whole_vectors(self, dtype):
        _last_pass(dtype.type(1), 8, aligned((8, 2, n_lanes(dtype)), dtype).ctypes.data, 1)
        code = next(v for k, v in _last_pass.inspect_llvm().items() if dtype.name in str(k[0]))
        body = re.search(r"define internal [^\n]*last_pass_8.*?\n}", code, re.DOTALL)[0]
        vector = f"<{n_lanes(dtype)} x {'float' if dtype.itemsize == 4 else 'double'}>"
        arithmetic = re.findall(r"(?:f(?:add|sub|mul|neg) |call )[^\n]*", body)
        assert len(arithmetic) >= 50
        assert [line for line in arithmetic if f" {vector} " not in line] == []

    def test_registers_are_the_widest(self, dtype):
        if platform.machine().lower() not in ("x86_64", "amd64"):
            pytest.skip("names of registers of x86-64")
        _last_pass(dtype.type(1), 8, aligned((8, 2, n_lanes(dtype)), dtype).ctypes.data, 1)
        code = next(v for k, v in _last_pass.inspect_asm().items() if dtype.name in str(k[0]))
        body = re.search(r"\nkapre_ref\.last_pass_8:.*?\n\s+retq", code, re.DOTALL)[0]
        register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[vector_bytes()]
        arithmetic = re.findall(r"\sv?(?:f[n]?m|add|sub|mul)[a-z0-9]*[ps][sd]\s[^\n]*", body)
        assert len(arithmetic) >= 50
        assert [line for line in arithmetic if register not in line] == []


@lru_cache
def plan_of(n_fft, hop_length):
    return SpectrumPlan(n_fft, n_fft, hop_length, 0, False, np.ones(n_fft))


@numba.njit
def _transpose(unit, source, piece_bytes, n_pieces, n_tiles, target, row_bytes):
    transpose_pieces(unit, source, piece_bytes, n_pieces, n_tiles, target, row_bytes)


@numba.njit
def _turn(unit, values, n_tiles, target, row_bytes):
    turn_strip(unit, values, n_tiles, target, row_bytes)


@numba.njit
def _copy(unit, strip, strip_row_bytes, n_frames, n_values, target, row_bytes):
    copy_rows(unit, strip, strip_row_bytes, n_frames, n_values, target, row_bytes)


@numba.njit
def _first_pass(unit, radix, samples, row_bytes, offsets, window, target, stride, n, *rest):
    first_pass(unit, radix, samples, row_bytes, offsets, window, target, stride, n, *rest)


@numba.njit
def _inner_pass(unit, radix, rows, n_blocks, n, stride, twiddles):
    inner_pass(unit, radix, rows, n_blocks, n, stride, twiddles)


@numba.njit
def _last_pass(unit, radix, rows, n_blocks):
    last_pass(unit, radix, rows, n_blocks)


@numba.njit
def _last_pass_to_magnitudes(unit, radix, rows, groups, twiddles, stride, target, peak):
    last_pass_to_magnitudes(unit, radix, rows, groups, twiddles, 1, stride, target, target, peak)


@numba.njit
def _last_pass_to_spectrum(unit, radix, rows, groups, twiddles, stride, target):
    last_pass_to_spectrum(unit, radix, rows, groups, twiddles, 1, stride, target, target)


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
