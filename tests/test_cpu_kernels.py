"""Parts of the CPU kernels that no public function shows: approximations, chunks, memory."""

import gc
import tracemalloc

import numpy as np
import pytest
import scipy.fft
from operation import FIRST

import kapre_ref as kr
from kapre_ref._decibel import DecibelScale
from kapre_ref.kernels import cpu
from kapre_ref.kernels.cpu import framing
from kapre_ref.kernels.cpu.emit.intrinsics import vector_function
from kapre_ref.kernels.cpu.logarithm import split_log
from kapre_ref.kernels.cpu.runtime.chunks import _chunks_of, for_chunks, for_frames, for_items
from kapre_ref.kernels.cpu.runtime.jit import kernel
from kapre_ref.kernels.cpu.runtime.strided import assign, contiguous

DTYPES = (np.float32, np.float64)


collects = []


@vector_function
def note(emitter):  # runs while the kernel is compiled
    collects.append(gc.isenabled())


@kernel
def compile_and_note(x):
    note(x[0])


def every_exponent(dtype, n=64):
    """Return numbers evenly spread over all positive finite ones, subnormal ones included."""
    word = np.dtype(f"u{np.dtype(dtype).itemsize}")
    first, last = (np.array(x, dtype).view(word)[()] for x in (0, np.inf))
    n_numbers = n * (np.finfo(dtype).maxexp - np.finfo(dtype).minexp + np.finfo(dtype).nmant)
    picked = np.random.default_rng(5).integers(first + 1, last, n_numbers, word)
    return np.sort(np.append(picked, [first + 1, last - 1]).astype(word)).view(dtype)


def in_ulp(got, expected):
    """Return the largest error in units of the last place of the expected long doubles."""
    rounded = np.abs(expected).astype(got.dtype)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    unit = np.spacing(np.maximum(rounded[finite], np.finfo(got.dtype).smallest_normal))
    return float(np.max(np.abs(got[finite] - expected[finite]) / unit))


def arranged(rng, shape, dtype):
    """Return an array of any order of axes, steps and directions."""
    steps = rng.choice([1, 1, 2, -1, -3], len(shape))
    order = rng.permutation(len(shape))
    whole = np.zeros([abs(steps[axis]) * shape[axis] for axis in order], dtype)
    x = whole.transpose(np.argsort(order))
    return x[(*(slice(None, None, step) for step in steps), ...)]


@kernel
def logarithms(x, n, r):
    for i in range(x.size):
        n[i], r[i] = split_log(x[i])


class TestLogarithm:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_parts(self, dtype):
        x = every_exponent(dtype)
        x = np.append(x[x >= np.finfo(dtype).smallest_normal], dtype([0.5, 1, 2]))
        n, r = np.empty_like(x), np.empty_like(x)
        logarithms(x, n, r)
        np.testing.assert_array_equal(n, np.round(n))
        exact = np.log(np.ldexp(x.astype(np.longdouble), -n.astype(int)))
        assert np.max(np.abs(exact)) <= np.log(2) / 2 + 1e-6  # It is the nearest power of two.
        # The polynomial's error is far below one rounding, and the last three steps are rounded.
        assert in_ulp(r, exact) <= 1.5

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_powers_of_two_are_exact(self, dtype):
        exponents = np.arange(np.finfo(dtype).minexp, np.finfo(dtype).maxexp)
        x = np.ldexp(dtype(1), exponents)
        n, r = np.empty_like(x), np.empty_like(x)
        logarithms(x, n, r)
        np.testing.assert_array_equal(n, exponents)
        np.testing.assert_array_equal(r, 0)


class TestDecibels:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_of_all_numbers(self, dtype):
        x = every_exponent(dtype)
        tiny = float(np.finfo(dtype).smallest_subnormal)
        got = kr.magnitude_to_decibel(x, amin=tiny, dynamic_range=1e4)
        # The result is rounded once; near 0 dB, the logarithm's own roundings show too.
        assert in_ulp(got, 10 * np.log10(x.astype(np.longdouble))) <= 3

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_powers_of_ten_are_exact(self, dtype):
        exponents = np.arange(-30, 31)
        x = (10.0**exponents).astype(dtype)
        got = kr.magnitude_to_decibel(x, amin=1e-37, dynamic_range=1e4)
        np.testing.assert_array_equal(got, 10 * exponents)

    @pytest.mark.parametrize("size", [5, 70_000])  # short and long items take different ways
    def test_peak_beside_negative_numbers(self, size):
        x = np.full((6, size), -3, np.float32)
        nan = np.float32(np.nan)
        x[:, 3] = [0.5, -np.inf, nan, -nan, np.inf, 100]
        got = kr.magnitude_to_decibel(x)
        np.testing.assert_array_equal(got, kr.magnitude_to_decibel_reference(x))

    @pytest.mark.parametrize("size", [5, 70_000])
    def test_in_place(self, size):
        x = np.random.default_rng(0).uniform(0, 1, (3, size)).astype(np.float32)
        expected = kr.magnitude_to_decibel(x)
        scale = DecibelScale(1.0, 1e-5, 80.0)
        cpu.magnitude_to_decibel(x, scale, x)
        np.testing.assert_array_equal(x, expected)


class TestMuLaw:
    @pytest.mark.parametrize("channels", [2, 256, 65536])
    def test_formula_beside_the_table(self, channels):
        # The formula serves floats, and the table serves integers; both must equal the oracle.
        codes = np.arange(channels)
        expected = kr.mu_law_decoding_reference(codes, channels)
        for got in (codes, codes.astype(np.float64), codes.astype(np.float32)):
            got = kr.mu_law_decoding(got, channels)
            np.testing.assert_array_max_ulp(got, expected, 1)

    def test_codes_outside_of_the_table(self):
        # Codes outside the table share a chunk with codes inside, or have a chunk of their own.
        codes = np.concatenate([[-5, 3, 300], np.zeros(9000, int), [256, 255, -1]])
        expected = kr.mu_law_decoding_reference(codes, 256)
        np.testing.assert_array_max_ulp(kr.mu_law_decoding(codes, 256), expected, 1)

    @pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8"])
    @pytest.mark.parametrize("size", [1, 2, 3, 1024, 1025, 5001])
    def test_pairs_from_any_place(self, dtype, size):
        # Codes are looked up two at a time, wherever in memory the two begin.
        codes = (np.arange(size + 1) * 7 % 120).astype(dtype)
        for start in (0, 1):
            for target in (0, 1):
                out = np.full(size + 2, -77, np.float32)
                some = codes[start : start + size]
                kr.mu_law_decoding(some, 120, out=out[target : target + size])
                expected = kr.mu_law_decoding_reference(some, 120)
                np.testing.assert_array_max_ulp(out[target : target + size], expected, 1)
                assert (np.delete(out, np.s_[target : target + size]) == -77).all()


class TestPolar:
    @pytest.mark.parametrize(("dtype", "real"), [(np.complex64, "f4"), (np.complex128, "f8")])
    def test_of_all_lengths_and_angles(self, dtype, real):
        rng = np.random.default_rng(0)
        lengths = every_exponent(np.dtype(real).type, 16).astype(np.longdouble)
        angles = rng.uniform(-np.pi, np.pi, lengths.size).astype(np.longdouble)
        x = np.empty(lengths.size, dtype)
        x.real, x.imag = lengths * np.cos(angles) / 2, lengths * np.sin(angles) / 2
        re, im = (part.astype(np.longdouble) for part in (x.real, x.imag))
        assert in_ulp(kr.magnitude(x), np.hypot(re, im)) <= 1.5
        # Errors are in eps of the result: an angle is added to a rounded quarter turn.
        assert in_ulp(kr.phase(x), np.arctan2(im, re)) <= 3

    @pytest.mark.parametrize("real", DTYPES)
    def test_signs_zeros_infinities(self, real):
        values = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan], real)
        x = np.empty((7, 7), np.result_type(real, 1j))
        x.real, x.imag = values[:, None], values
        got, expected = kr.phase(x), np.angle(x)
        np.testing.assert_array_max_ulp(got, expected, 1)
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(expected[number]))
        np.testing.assert_array_max_ulp(kr.magnitude(x), np.abs(x), 1)


class TestChunks:
    @pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
    def test_arrays_of_one_arrangement_go_straight_through(self, axes):
        x = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(axes)
        out = np.empty_like(x)
        seen = []

        def copy(source, result):
            seen.append((source.base is not None, source.size))
            assert not source.flags.writeable
            result[...] = source

        for_chunks(copy, [x], out, [x.dtype, out.dtype], 0)
        assert seen == [(True, 24)]
        np.testing.assert_array_equal(out, x)

    @pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "i8"])
    def test_others_are_gathered(self, dtype):
        x = np.arange(6 * 10_000).astype(dtype).reshape(6, -1)[::-2, ::3]
        out = np.empty(x.shape, np.float16)

        def copy(source, result):
            assert source.dtype == result.dtype == np.float32
            assert source.flags.c_contiguous
            assert not source.flags.writeable
            result[...] = source

        for_chunks(copy, [x], out, [np.dtype(np.float32)] * 2, 0)
        np.testing.assert_array_equal(out, x.astype(np.float16))

    def test_frames_are_copied_in_chunks(self):
        x = np.arange(2 * 5000 * 64 * 3, dtype=np.float64).reshape(2, 5000, 64, 3)
        x = x.transpose(0, 3, 1, 2)
        out = np.empty((2, 3, 5000, 64), np.float32)

        def copy(source, result):
            assert source.dtype == result.dtype == np.float32
            assert source.flags.c_contiguous
            assert len(source) < 5000
            result[...] = source

        for_frames(copy, x, out, np.dtype(np.float32), 0)
        np.testing.assert_array_equal(out, x.astype(np.float32))

    def test_chunks_cover_all_once(self):
        for shape in (
            (7,),
            (100_000,),
            (3, 5, 7),
            (300, 1000),
            (2, 3, 70_000),
            (70_000, 3),
        ):
            n_chunks, place = _chunks_of(shape, 1000)
            seen = np.zeros(shape, int)
            for number in range(n_chunks):
                assert 0 < seen[place(number)].size <= 1000
                seen[place(number)] += 1
            assert (seen == 1).all()

    def test_items_are_copied_one_at_a_time(self):
        x = np.arange(24, dtype=np.float64).reshape(2, 4, 3).transpose(0, 2, 1)
        out = np.empty((2, 3, 4), np.float16)
        shapes = []

        def copy(source, result):
            shapes.append(source.shape)
            assert source.dtype == result.dtype == np.float32
            result[...] = source

        for_items(copy, x, out, np.dtype(np.float32))
        assert shapes == [(1, 3, 4)] * 2
        np.testing.assert_array_equal(out, x)


class TestStrided:
    """Copies between any arrangements, and conversions of float16, bit by bit."""

    ALL_HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)

    @pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "i4", "f8", "c8", "c16"])
    @pytest.mark.parametrize("n_axes", range(6))
    def test_copy(self, dtype, n_axes, rng):
        for _ in range(20):
            shape = tuple(rng.integers(1, 8, n_axes))
            source, target = (arranged(rng, shape, dtype) for _ in range(2))
            source[...] = rng.integers(0, 100, shape)
            assign(target, source)
            np.testing.assert_array_equal(target, source)

    @pytest.mark.parametrize("size", [0, 1, 3, 15, 16, 17, 33, 1000])
    @pytest.mark.parametrize("step", [1, 2, 3, -1])
    def test_copy_touches_nothing_else(self, size, step):
        memory = np.full(3000 + 2, -77, np.float32)
        target = memory[1:-1][:size]
        source = np.arange(3000, dtype=np.float32)[::step][:size]
        assign(target, source)
        np.testing.assert_array_equal(target, source)
        assert (np.delete(memory, np.s_[1 : 1 + size]) == -77).all()

    def test_every_half_becomes_a_float(self):
        for halves in (self.ALL_HALVES, self.ALL_HALVES[::-3], self.ALL_HALVES.reshape(256, -1).T):
            got = contiguous(halves, np.dtype(np.float32))
            with np.errstate(all="ignore"):  # NumPy on ARM warns of signalling NaN
                expected = halves.astype(np.float32)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(np.signbit(got), np.signbit(halves))

    def test_floats_become_the_nearest_half(self, rng):
        with np.errstate(all="ignore"):  # infinite and not a number
            exact = self.ALL_HALVES.astype(np.float32)
            between = (exact[1:] + exact[:-1]) / 2
            near = np.concatenate([exact, between, rng.standard_normal(9999).astype(np.float32)])
            x = np.stack([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)])
            x = np.concatenate([x.ravel(), every_exponent(np.float32), [65520, -65519.996]])
            x = x.astype(np.float32)
            expected = x.astype(np.float16)
        for target in (np.empty(x.size, np.float16), np.empty(2 * x.size, np.float16)[::-2]):
            assign(target, x)
            np.testing.assert_array_equal(target, expected)
            number = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(target)[number], np.signbit(expected)[number])


class TestFramesPastTheCaches:
    """Large results go past the caches. Here small ones do too, to test all alignments."""

    @pytest.fixture(autouse=True)
    def always(self, monkeypatch):
        monkeypatch.setattr(framing, "_STREAMED_BYTES", 0)
        yield
        kr.set_num_threads(None)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("frame_length", [256, 257, 300, 511, 512])
    @pytest.mark.parametrize("n_threads", [1, 3])
    def test_from_any_place_to_any_place(self, dtype, frame_length, n_threads, rng):
        kr.set_num_threads(n_threads)
        for start in range(0, 40, 13):
            x = rng.standard_normal((2, 20_000 + start)).astype(dtype)
            given = {"hop_length": 100, "pad_end": True, "pad_value": 2, "data_format": FIRST}
            expected = kr.frame_reference(x[:, None], frame_length, **given)
            memory = np.full(expected.size + 99, -77, dtype)
            out = memory[start : start + expected.size].reshape(expected.shape)
            kr.frame(x[:, None], frame_length, **given, out=out)
            np.testing.assert_array_equal(out, expected)
            assert (np.delete(memory, np.s_[start : start + expected.size]) == -77).all()

    def test_short_frames_are_not(self, rng):
        x = rng.standard_normal(1000).astype(np.float32)
        got = kr.frame(x, 5, 2)
        np.testing.assert_array_equal(got, kr.frame_reference(x, 5, 2))


class TestSizesWithoutButterflies:
    @pytest.mark.parametrize("n_fft", [1, 2, 331, 40_000])
    @pytest.mark.parametrize("hop_length", [1, 100, 50_000])
    def test_few_frames_and_far_apart(self, n_fft, hop_length):
        # These frames fill no vector of SciPy's, and the gaps between them would not fit the cache.
        for n_frames in (1, 2, 3, 5):
            n_samples = (n_frames - 1) * hop_length + n_fft
            x = np.random.default_rng(0).standard_normal(n_samples)
            got = kr.stft(x, n_fft, hop_length=hop_length)
            expected = kr.stft_reference(x, n_fft, hop_length=hop_length)
            assert got.shape == (n_frames, n_fft // 2 + 1)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.sqrt(n_fft))

    def test_memory_is_that_of_chunks(self):
        x = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float16)
        kr.set_num_threads(1)
        kr.stft_magnitude(x[:100_000], 1009, return_decibel=True)  # compiled, and plans made
        tracemalloc.start()
        try:
            result = kr.stft_magnitude(x, 1009, return_decibel=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            kr.set_num_threads(None)
        # The peak has a chunk of samples in float32, its spectra, magnitudes, and SciPy's memory.
        assert peak - result.nbytes < 4 << 20


class TestKernel:
    def test_must_not_close_over_variables(self):
        factor = 3

        def scale(out):
            out[0] *= factor

        with pytest.raises(TypeError, match=r"scale closes over variables, which no cache knows"):
            kernel(scale)

    @pytest.mark.parametrize(("is_on", "dtype"), [(True, np.float32), (False, np.float64)])
    def test_no_garbage_is_looked_for_while_it_compiles(self, is_on, dtype):
        collects.clear()
        try:
            (gc.enable if is_on else gc.disable)()
            compile_and_note(np.ones(1, dtype))
            assert gc.isenabled() == is_on
        finally:
            gc.enable()
        assert collects == [False]


class TestFallback:
    @pytest.mark.parametrize("n_fft", [65_539, 70_000])
    @pytest.mark.parametrize("n_frames", [1, 2, 3, 5, 66])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_scipy_is_given_whole_vectors_of_frames(self, dtype, n_frames, n_fft, monkeypatch):
        """SciPy may round frames that fill no whole vector differently: on ARM it does."""
        heights = []

        def noticing(transform):
            def notice(x, *arguments, **options):
                if x.ndim == 2:  # Small plans, which make room for a large one, have one axis.
                    heights.append(len(x))
                return transform(x, *arguments, **options)

            return notice

        for name in ("rfft", "irfft"):
            monkeypatch.setattr(scipy.fft, name, noticing(getattr(scipy.fft, name)))
        hop_length = n_fft // 2
        signal = np.ones((n_frames - 1) * hop_length + n_fft, dtype)
        spectra = kr.stft(signal, n_fft, None, hop_length)
        assert len(spectra) == n_frames
        assert kr.inverse_stft(spectra, n_fft, None, hop_length).shape == signal.shape
        lanes = 16 // np.dtype(dtype).itemsize
        assert len(heights) >= 2
        assert [height for height in heights if height % lanes] == []
