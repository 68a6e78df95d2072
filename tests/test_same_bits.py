"""The result of a frame or an item has the same bits alone, beside others and on any threads."""

import ast
from pathlib import Path

import numpy as np
import pytest
from closeness import assert_close, eps_of, error_between, peak_of
from operation import FIRST
from strategies import arranged

import kapre_ref as kr
from kapre_ref._band_weights import BandWeights, bands_of
from kapre_ref.kernels import cpu
from kapre_ref.kernels.cpu import filterbanks as cpu_filterbanks

DTYPES = ("float16", "float32", "float64")
ARRANGEMENTS = ("strided", "reversed", "transposed", "big-endian", "unaligned")
CHUNKS = (1, 2, 7, 16, 50)


def _mel(n_freq, n_bands):
    return kr.filterbank_mel_reference(16000, n_freq, n_bands, norm=None)


def _dense(n_freq, n_bands):
    return np.random.default_rng(9).uniform(-1, 1, (n_freq, n_bands)).astype(np.float32)


def _mixed(n_freq, n_bands):
    """Return bands of one bin, one of all bins, and an empty one."""
    weights = np.zeros((n_freq, n_bands), np.float32)
    weights[np.arange(n_bands) * (n_freq // n_bands), np.arange(n_bands)] = 0.7
    weights[:, n_bands // 2] = 0.3
    weights[:, 1] = 0
    return weights


# Operations on spectrograms (batch, channel, n_frames, n_freq) that compute each frame by itself.
OF_FRAMES = {
    "mfcc": (80, lambda x: kr.logmel_to_mfcc(x, 20, FIRST)),
    "mfcc of many bands": (300, lambda x: kr.logmel_to_mfcc(x, 45, FIRST)),
    "mfcc of type 3": (
        80,
        lambda x: kr.logmel_to_mfcc(x, 20, FIRST, dct_type=3, norm=None, lifter=22),
    ),
    "mfcc of few": (5, lambda x: kr.logmel_to_mfcc(x, 5, FIRST)),
    **{
        f"{make.__name__}{sizes}": (
            sizes[0],
            lambda x, make=make, sizes=sizes: kr.apply_filterbank(x, make(*sizes), FIRST),
        )
        for make in (_mel, _dense, _mixed)
        for sizes in ((33, 5), (257, 40), (1025, 128), (1030, 19), (3333, 7))
    },
}

# Operations on signals (batch, channel, time) that compute each item and channel by itself.
STFT = {"input_data_format": FIRST, "output_data_format": FIRST, "pad_end": True}
BANDS = {"sample_rate": 16000, **STFT}
OF_SIGNALS = {
    "energy": lambda x: kr.energy(
        x, frame_length=400, hop_length=160, pad_end=True, data_format=FIRST
    ),
    **{
        f"{name} {n_fft}": lambda x, name=name, n_fft=n_fft, options=options: getattr(kr, name)(
            x, n_fft, **options
        )
        for n_fft in (256, 331, 1009)
        for name, options in (
            ("stft", STFT),
            ("stft_magnitude", STFT | {"return_decibel": True}),
            ("stft_mag_phase", STFT),
            ("melspectrogram", BANDS | {"n_mels": 20}),
            ("melspectrogram", BANDS | {"n_mels": 20, "return_decibel": True}),
        )
    },
}


def assert_same_bits(got, expected):
    assert got.dtype == expected.dtype
    assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()


@pytest.fixture(autouse=True)
def threads():
    yield
    kr.set_num_threads(None)


class TestFrames:
    @pytest.mark.parametrize("name", OF_FRAMES)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_in_any_company(self, name, dtype, rng):
        width, run = OF_FRAMES[name]
        x = rng.uniform(-1, 1, (2, 2, 117, width)).astype(dtype)
        kr.set_num_threads(1)
        together = run(x)
        assert_same_bits(run(x[1:]), together[1:])
        assert_same_bits(run(x[:, 1:]), together[:, 1:])
        for chunk in (*CHUNKS, int(rng.integers(3, 117))):
            parts = [run(x[:, :, at : at + chunk]) for at in range(0, 117, chunk)]
            assert_same_bits(np.concatenate(parts, axis=2), together)
        order = rng.permutation(117)
        assert_same_bits(run(x[:, :, order]), together[:, :, order])

    @pytest.mark.parametrize("name", OF_FRAMES)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_in_any_arrangement_on_any_threads(self, name, dtype, rng):
        width, run = OF_FRAMES[name]
        x = rng.uniform(-1, 1, (2, 2, 117, width)).astype(dtype)
        x = np.tile(x, (1, 1, max(1, 4000 // width), 1))  # large enough for several threads
        kr.set_num_threads(1)
        expected = run(x)
        for n_threads in (2, 3, 7):
            kr.set_num_threads(n_threads)
            assert_same_bits(run(x), expected)
        for arrangement in ARRANGEMENTS:
            assert_same_bits(run(arranged(x, arrangement)), expected)

    @pytest.mark.parametrize("name", OF_FRAMES)
    def test_beside_what_is_not_finite(self, name, rng):
        width, run = OF_FRAMES[name]
        x = rng.uniform(-1, 1, (1, 1, 117, width)).astype(np.float32)
        expected = run(x)
        bad = rng.choice(117, 5, replace=False)
        x[0, 0, bad, rng.integers(0, width, 5)] = np.nan, np.inf, -np.inf, np.nan, np.inf
        got = run(x)
        good = np.delete(np.arange(117), bad)
        assert_same_bits(got[:, :, good], expected[:, :, good])
        for frame in bad:
            np.testing.assert_array_equal(got[:, :, [frame]], run(x[:, :, [frame]]))
            assert not np.isfinite(got[0, 0, frame]).any()


class TestSignals:
    @pytest.mark.filterwarnings("ignore:.* mel bands are empty")
    @pytest.mark.parametrize("name", OF_SIGNALS)
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_alone_and_in_a_batch(self, name, dtype, rng):
        run = OF_SIGNALS[name]
        x = rng.uniform(-1, 1, (3, 2, 9001)).astype(dtype)
        kr.set_num_threads(1)
        together = run(x)
        for item in range(3):
            assert_same_bits(run(x[item : item + 1]), together[item : item + 1])
        for n_threads in (2, 7):
            kr.set_num_threads(n_threads)
            assert_same_bits(run(x), together)


class TestFramesOfSignals:
    """Frames are computed many at a time, but no frame depends on its neighbours."""

    @pytest.mark.filterwarnings("ignore:.* mel bands are empty")
    @pytest.mark.parametrize("name", ["stft", "stft_magnitude", "melspectrogram", "mag_phase"])
    @pytest.mark.parametrize("n_fft", [37, 256, 400, 512, 1009, 2018, 2048, 65_536])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_in_chunks_beside_silence_and_extremes(self, name, n_fft, dtype, rng):
        hop = n_fft // 4 + 1
        x = rng.standard_normal(n_fft + 40 * hop)
        x[8 * n_fft : 9 * n_fft + n_fft // 2] = 0
        x[7 * n_fft : 7 * n_fft + n_fft // 8] *= 1e-30  # faint beside noise
        x[5 * n_fft : 7 * n_fft] *= 1e-14 if dtype == "float32" else 1e-150  # faint alone
        x = x.astype(dtype)
        together = self.run(name, x, n_fft, hop)
        for first in (0, 1, 5, 17, 24, 30):
            for n_frames in (1, 2, 3, 4, 5, 8, 11):
                some = x[first * hop : (first + n_frames - 1) * hop + n_fft]
                got = self.run(name, some, n_fft, hop)
                assert_same_bits(got, together[:, first : first + n_frames])

    def run(self, name, x, n_fft, hop):
        if name == "mag_phase":
            return kr.stft_mag_phase(x[None, :, None], n_fft, hop_length=hop)
        more = {"n_mels": 8} if name == "melspectrogram" else {}
        return getattr(kr, name)(x[None], n_fft, hop_length=hop, **more)


KINDS = {
    "constant": lambda rng, shape: np.full(shape, 0.1),
    "offset": lambda rng, shape: 1 + 0.1 * rng.standard_normal(shape),
    "noise": lambda rng, shape: rng.standard_normal(shape),
}


class TestLongSums:
    """The error does not grow with the number of terms."""

    def assert_within_contract(self, got, x, weights):
        # Four eps are allowed in any case, since NumPy's own sum may be exact by luck. If terms
        # cancel, eps are relative to the root of the sum of squares, which noise sums to.
        x, columns = x.astype("g"), weights.T.astype("g")
        truth = np.stack([np.sum(x * column, axis=1) for column in columns], axis=1)
        noise = max(float(np.sqrt(np.sum((x * column) ** 2, axis=1)).max()) for column in columns)
        scale = max(peak_of(truth), noise)
        assert_close(got, truth, 4 * eps_of(got.dtype) * scale)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("n_freq", [16, 100, 700, 4097, 70_001])
    @pytest.mark.parametrize("shape", ["dense", "one long band", "blocks"])
    def test_bands(self, kind, dtype, n_freq, shape, rng):
        x = KINDS[kind](rng, (3, n_freq)).astype(dtype)
        if shape == "dense":
            weights = np.full((n_freq, 3), 0.5, dtype)
            weights[:, 1] = rng.uniform(0, 1, n_freq)
        else:
            weights = np.zeros((n_freq, 10), dtype)
            weights[1:, 0] = 1 / n_freq
            if shape == "blocks":
                for band in range(10):
                    weights[:, band] = 0
                    weights[band * n_freq // 10 : (band + 1) * n_freq // 10, band] = 1 / 16
        self.assert_within_contract(kr.apply_filterbank(x, weights), x, weights)

    def test_very_long(self, rng):
        x = np.full((1, 1 << 20), 0.1, np.float32)
        weights = np.ones((1 << 20, 2), np.float32)
        self.assert_within_contract(kr.apply_filterbank(x, weights), x, weights)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_bands_of_a_long_transform(self, dtype):
        # The filterbank has one band of 16,000 bins, which are summed as the magnitudes are made.
        x = np.zeros((1, 32768), dtype)
        x[0, 5] = 1  # all bins are about 1
        options = {"sample_rate": 16000, "window_name": "hamming_window", "hop_length": 32768}
        for n_mels in (1, 2):
            got = kr.melspectrogram(x, 32768, n_mels=n_mels, mel_norm=None, **options)
            truth = kr.melspectrogram_reference(
                x.astype("f8"), 32768, n_mels=n_mels, mel_norm=None, **options
            )
            assert error_between(got, truth) <= 4 * eps_of(dtype) * peak_of(truth)


class TestBands:
    @pytest.mark.parametrize("make", [_mel, _dense, _mixed])
    def test_compiled_search_finds_the_same(self, make):
        matrix = make(257, 40)
        found = cpu_filterbanks._find_bands(matrix, matrix.size)
        for got, expected in zip(found, bands_of(matrix)[1:], strict=True):
            np.testing.assert_array_equal(got, expected)
        n_weights = len(found[2])
        assert cpu_filterbanks._find_bands(matrix, n_weights) is not None
        assert cpu_filterbanks._find_bands(matrix, n_weights - 1) is None

    @pytest.mark.parametrize("value", [1, -1, 5e-324, np.inf, np.nan])
    def test_compiled_search_finds_every_bin(self, value):
        for n_freq in (1, 2, 15, 16, 17, 18, 35):
            matrix = np.where(np.eye(n_freq), value, -0.0)
            firsts, counts, weights = cpu_filterbanks._find_bands(matrix, matrix.size)
            np.testing.assert_array_equal(firsts, np.arange(n_freq))
            np.testing.assert_array_equal(counts, np.ones(n_freq))
            np.testing.assert_array_equal(weights, np.full(n_freq, value))

    def test_no_dense_matrix_is_made(self, rng):
        import tracemalloc

        n_freq, n_bands = 200_001, 64
        counts = np.full(n_bands, 4000, np.int32)
        firsts = np.linspace(0, n_freq - 4000, n_bands).astype(np.int32)
        weights = rng.uniform(0, 1, counts.sum()).astype(np.float32)
        bands = BandWeights(n_freq, firsts, counts, weights)
        x, out = np.ones((1, n_freq), np.float32), np.empty((1, n_bands), np.float32)
        tracemalloc.start()
        try:
            cpu_filterbanks.band_product(bands, np.dtype(np.float32))(x, out)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < n_freq * n_bands
        expected = weights.reshape(n_bands, -1).sum(axis=1, dtype=np.float64)
        assert_close(out[0], expected, 4 * eps_of("f4") * expected.max())


class TestNoBlas:
    def test_kernels_do_not_name_it(self):
        for path in Path(cpu.__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                assert not isinstance(node, ast.MatMult), path
                name = getattr(node, "attr", getattr(node, "id", None))
                banned = ("matmul", "dot", "vdot", "einsum", "tensordot", "inner")
                assert name not in banned, (path, node.lineno, name)

    @pytest.mark.parametrize("n_frames", [1, 5, 200])
    def test_operations_do_not_call_it(self, n_frames, monkeypatch, rng):
        def fail(*arguments, **options):
            raise AssertionError("BLAS")

        x, weights = rng.uniform(0, 1, (n_frames, 257)), _dense(257, 20)
        for name in ("matmul", "dot", "einsum", "tensordot", "inner"):
            monkeypatch.setattr(np, name, fail)
        kr.apply_filterbank(x, weights)
        kr.logmel_to_mfcc(x, 20)
