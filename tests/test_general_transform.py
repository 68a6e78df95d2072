"""Spectra of front ends, and signals back from them: SciPy, librosa and the oracle agree."""

import warnings

import numpy as np
import plain_formulas
import pytest
import scipy.fft
import scipy.signal
from closeness import assert_close, eps_of, peak_of
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import ARRANGEMENTS, KINDS, PROFILE, SEEDS, arranged, front_ends, values

import kapre_ref as kr
from kapre_ref import FrontEnd

DTYPES = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
SIZES = {"sample_rate": 8000, "n_fft": 64, "hop_length": 24}
PADDED = {"pad_left": 32, "pad_right": 32, "pad_mode": "reflect"}
FRONT_ENDS = {
    "plain": FrontEnd(**SIZES),
    "centred": FrontEnd(**SIZES, **PADDED, win_length=41, center_window=True, time_first=False),
    "at the start": FrontEnd(**SIZES, pad_left=20, win_length=41, window="hamming"),
    "scaled": FrontEnd(**SIZES, **PADDED, input_scale=32768, window="povey", power=1),
    "cut": FrontEnd(**SIZES, pad_left=-7, pad_right=-5, window="ones"),
    "much padding": FrontEnd(**SIZES, pad_left=150, pad_right=500, window="blackman"),
    "apart": FrontEnd(**SIZES | {"hop_length": 80}, window="hamming", pad_left=30),
    "one sample": FrontEnd(sample_rate=1, n_fft=1, window="ones"),
    "every sample": FrontEnd(**SIZES | {"hop_length": 1}, pad_left=32),
    "long": FrontEnd(sample_rate=1, n_fft=512, hop_length=160, **PADDED | {"pad_left": 256}),
    "SciPy": FrontEnd(sample_rate=1, n_fft=409, hop_length=100, pad_left=204, pad_right=204),
    "SciPy, scaled": FrontEnd(
        sample_rate=1, n_fft=331, win_length=200, center_window=True, hop_length=9, pad_left=11,
        input_scale=0.5, time_first=False,
    ),
}  # fmt: skip


@pytest.fixture
def librosa():
    return pytest.importorskip("librosa", reason="librosa is not installed; it is only a witness")


@pytest.fixture(params=FRONT_ENDS)
def front_end(request):
    return FRONT_ENDS[request.param]


def plain_signals(f, spectra, length=None):
    """Compute what `FrontEnd.inverse_stft` does in the precision of the spectra."""
    dtype = spectra.real.dtype
    frames = spectra if f.time_first else spectra.swapaxes(-1, -2)
    window, n_frames = f.make_window().astype(dtype), frames.shape[-2]
    frames = scipy.fft.irfft(frames, f.n_fft)[..., : f.frame_length] * window
    total = np.zeros(
        (*frames.shape[:-2], max(0, (n_frames - 1) * f.hop_length + f.frame_length)), dtype
    )
    squares = np.zeros(total.shape[-1], dtype)
    for index in range(n_frames):
        place = slice(index * f.hop_length, index * f.hop_length + f.frame_length)
        total[..., place] += frames[..., index, :]
        squares[place] += window**2
    total = np.divide(total, squares * dtype.type(f.input_scale), where=squares > 0, out=0 * total)
    if length is None:
        length = max(0, total.shape[-1] * (n_frames > 0) - f.pad_left - max(0, f.pad_right))
    total = np.pad(
        total, [(0, 0)] * (total.ndim - 1) + [(max(0, -f.pad_left), max(0, f.pad_left) + length)]
    )
    return total[..., max(0, f.pad_left) :][..., :length]


def magnification(f, n_frames, length):
    """Return how many times as large as an error of all frames that of each sample may be."""
    window = f.make_window()
    squares = np.zeros(max(0, (n_frames - 1) * f.hop_length + f.frame_length))
    sums = np.zeros_like(squares)
    for index in range(n_frames):
        place = slice(index * f.hop_length, index * f.hop_length + f.frame_length)
        squares[place] += window**2
        sums[place] += np.abs(window)
    factor = np.divide(sums, squares, where=squares > 0, out=0 * sums) / abs(f.input_scale)
    factor = np.pad(factor, (max(0, -f.pad_left), max(0, f.pad_left) + length))
    return factor[max(0, f.pad_left) :][:length]


def assert_signals_near(f, spectra, got, length=None, allowed=2):
    """Compare with the oracle, sample by sample: little overlap magnifies rounding errors."""
    truth = f.inverse_stft_reference(spectra.astype(np.complex128), length)
    dtype = np.dtype(spectra.real.dtype.type)
    assert (got.dtype, got.shape) == (dtype, truth.shape)
    frames = np.fft.irfft(spectra if f.time_first else spectra.swapaxes(-1, -2), f.n_fft)
    factor = magnification(f, frames.shape[-2], truth.shape[-1])
    # Where a window is nearly 0, its values differ in float32, and so do both formulas.
    limit = allowed * (2 + np.log2(f.n_fft)) * eps_of(dtype) * peak_of(frames) * factor
    error = np.abs(got.astype(np.float64) - truth)
    assert (error <= limit).all(), f"{(error / np.maximum(limit, 1e-300)).max():.3g} times as much"


class TestStft:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_matches_oracle(self, backend, front_end, dtype, rng):
        x = rng.uniform(-1, 1, (2, 3, 1500)).astype(dtype)
        got = backend.numpy(front_end.stft(backend.array(x)))
        expected = front_end.stft_reference(x.astype(np.float64))
        assert got.dtype == np.result_type(dtype, np.complex64)
        assert_close(got, expected, 8 * eps_of(got.dtype) * peak_of(expected))

    def test_its_power_is_what_a_call_computes(self, backend, front_end, rng):
        x = rng.uniform(-1, 1, (3, 1500))
        spectra = backend.numpy(front_end.stft(backend.array(x)))
        expected = front_end.reference(x)
        got = np.abs(spectra) ** front_end.power
        assert_close(got, expected, 32 * eps_of(np.float64) * peak_of(expected))

    @PROFILE
    @given(front_ends(linear=True), st.integers(0, 600), SEEDS, KINDS, ARRANGEMENTS)
    @pytest.mark.filterwarnings("ignore:x has no frame")
    def test_any_front_end(self, front_end, n_samples, seed, kind, arrangement):
        rng = np.random.default_rng(seed)
        x = arranged(values(rng, (2, 1, n_samples), kind).astype("f4"), arrangement)
        expected = front_end.stft_reference(x.astype(np.float64))
        size = peak_of(x) * abs(front_end.input_scale) * front_end.n_fft
        assert_close(front_end.stft(x), expected, 8 * eps_of(np.float32) * size)

    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize("shape", [(500,), (2, 500), (2, 3, 500), (2, 1, 3, 500), (0, 500)])
    def test_leading_axes(self, backend, shape, time_first, rng):
        f = FRONT_ENDS["centred"].replace(time_first=time_first)
        x = rng.uniform(-1, 1, shape)
        got = backend.numpy(f.stft(backend.array(x)))
        n_frames = f.n_frames(500)
        assert got.shape == shape[:-1] + ((n_frames, 33) if time_first else (33, n_frames))
        for index in np.ndindex(*shape[:-1]):
            alone = backend.numpy(f.stft(backend.array(x[index])))
            np.testing.assert_array_equal(got[index], alone)

    @pytest.mark.parametrize("time_first", [True, False])
    def test_out(self, backend, time_first, rng):
        f = FRONT_ENDS["plain"].replace(time_first=time_first)
        x = backend.array(rng.uniform(-1, 1, (2, 500)).astype(np.float32))
        fresh = f.stft(x)
        out = backend.array(np.full(fresh.shape, 7, np.complex64))
        assert f.stft(x, out) is out
        np.testing.assert_array_equal(backend.numpy(out), backend.numpy(fresh))

    @pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "boxcar", ("kaiser", 8.0)])
    @pytest.mark.parametrize("n_fft", [1, 2, 63, 64])
    def test_windows_are_scipys(self, window, n_fft):
        # Periodic, also of odd length: SciPy's, librosa's and torch's.
        expected = scipy.signal.get_window(window, n_fft)
        name = {"boxcar": "ones"}.get(window, window)
        given = expected if isinstance(window, tuple) else name
        got = FrontEnd(sample_rate=1, n_fft=n_fft, window=given).make_window()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-15)


ISTFT = [
    {"n_fft": 512},
    {"n_fft": 512, "hop_length": 160, "win_length": 400},
    {"n_fft": 512, "hop_length": 100, "win_length": 399, "window": "hamming"},
    {"n_fft": 511, "hop_length": 200, "window": "blackman"},
    {"n_fft": 100, "hop_length": 49, "window": "ones"},
    {"n_fft": 409, "hop_length": 31, "win_length": 407, "window": "ones"},
]


def as_librosa(n_fft, hop_length=None, win_length=None, window="hann", **fields):
    """Return librosa's frames: centred, times last."""
    half = n_fft // 2
    return FrontEnd(
        sample_rate=22050, n_fft=n_fft, win_length=win_length, hop_length=hop_length, window=window,
        center_window=True, pad_left=half, pad_right=half, time_first=False, **fields,
    )  # fmt: skip


class TestLibrosa:
    @pytest.mark.parametrize("options", ISTFT, ids=str)
    @pytest.mark.parametrize("pad_mode", ["zeros", "reflect", "edge"])
    def test_stft(self, librosa, backend, options, pad_mode, rng):
        y = rng.standard_normal((2, 4000))
        mode = {"zeros": "constant"}.get(pad_mode, pad_mode)
        got = as_librosa(**options, pad_mode=pad_mode).stft(backend.array(y))
        expected = librosa.stft(y, **options, pad_mode=mode)
        assert_close(backend.numpy(got), expected, 16 * eps_of(np.float64) * peak_of(expected))

    @pytest.mark.parametrize("options", ISTFT, ids=str)
    @pytest.mark.parametrize("length", [None, 4000, 3000, 4500, 10])
    def test_istft(self, librosa, backend, options, length, rng):
        spectra = librosa.stft(rng.standard_normal((2, 4000)), **options)
        options = {"n_fft": None, **options}
        expected = librosa.istft(spectra, **options, length=length)
        got = as_librosa(**options).inverse_stft(backend.array(spectra), length)
        assert_close(backend.numpy(got), expected, 1e-11)

    @pytest.mark.parametrize("power", [0.5, 1, 1.7, 2, 3])
    def test_powers(self, librosa, backend, power, rng):
        y = rng.standard_normal((2, 4000))
        mel = as_librosa(512, power=power, bands=kr.Bands(40, scale="slaney", norm="slaney"))
        expected = librosa.feature.melspectrogram(
            y=y, n_fft=512, n_mels=40, power=power, hop_length=128
        )
        got = backend.numpy(mel(backend.array(y)))
        assert_close(got, expected, 2e-7 * peak_of(expected))  # librosa's bands are of float32

    def test_what_is_not_a_transform_of_a_signal(self, librosa, backend, rng):
        spectra = rng.standard_normal((257, 30)) + 1j * rng.standard_normal((257, 30))
        got = as_librosa(n_fft=512).inverse_stft(backend.array(spectra))
        expected = librosa.istft(spectra, n_fft=512)
        assert_close(backend.numpy(got), expected, 1e-13 * peak_of(spectra))


class TestScipy:
    @pytest.mark.parametrize(
        ("boundary", "pad_mode"),
        [("zeros", "zeros"), ("even", "reflect"), ("constant", "edge"), ("odd", "odd")],
    )
    def test_edges(self, backend, boundary, pad_mode, rng):
        x = rng.standard_normal((2, 3, 1000))
        _, _, expected = scipy.signal.stft(
            x, window="hamming", nperseg=100, noverlap=75, boundary=boundary, padded=False
        )
        frames = FrontEnd(
            sample_rate=1, n_fft=100, hop_length=25, window="hamming", input_scale=1 / 54,
            pad_left=50, pad_right=50, pad_mode=pad_mode, time_first=False,
        )  # fmt: skip
        got = backend.numpy(frames.stft(backend.array(x)))
        assert_close(got, expected, 16 * eps_of(np.float64) * peak_of(expected))
        back = backend.numpy(frames.inverse_stft(backend.array(expected), 1000))
        assert_close(back, x, 1e-13)

    @pytest.mark.parametrize(("nperseg", "noverlap"), [(64, 32), (64, 48), (63, 40), (100, 1)])
    @pytest.mark.parametrize("window", ["hann", "boxcar", ("tukey", 0.25)])
    def test_stft_and_back(self, backend, nperseg, noverlap, window, rng):
        x = rng.standard_normal((2, 999))
        options = {"window": window, "nperseg": nperseg, "noverlap": noverlap}
        _, _, expected = scipy.signal.stft(x, **options, padded=False)
        weights = scipy.signal.get_window(window, nperseg)
        f = FrontEnd(
            sample_rate=1, n_fft=nperseg, hop_length=nperseg - noverlap, window=weights,
            pad_left=nperseg // 2, pad_right=nperseg // 2, time_first=False,
        )  # fmt: skip
        spectra = f.stft(backend.array(x))
        got = backend.numpy(spectra) / weights.sum()
        assert_close(got, expected, 16 * eps_of(np.float64) * peak_of(expected))
        _, back = scipy.signal.istft(expected, **options)
        ours = backend.numpy(f.inverse_stft(spectra))
        assert_close(ours, back[..., : ours.shape[-1]], 1e-11)

    @pytest.mark.parametrize("hop", [1, 7, 20, 33])
    def test_short_time_fft(self, backend, hop, rng):
        x, window = rng.standard_normal(300), np.hanning(35)[1:-1]
        transform = scipy.signal.ShortTimeFFT(window, hop, 1)
        first, last = transform.p_min, transform.p_max(300)
        f = FrontEnd(
            sample_rate=1, n_fft=33, hop_length=hop, window=window, time_first=False,
            pad_left=16 - first * hop, pad_right=(last - 1) * hop + 17 - 300,
        )  # fmt: skip
        expected = transform.stft(x)
        spectra = f.stft(backend.array(x))
        # Theirs has phases that count from the middle of each frame.
        turn = np.exp(2j * np.pi * np.arange(17) * 16 / 33)[:, None]
        assert_close(backend.numpy(spectra) * turn, expected, 1e-13)
        back = transform.istft(expected, k1=300)
        assert_close(backend.numpy(f.inverse_stft(spectra, 300)), back, 1e-11)
        assert_close(back, x, 1e-11)


@pytest.mark.filterwarnings("ignore:samples are lost")
class TestInverseStft:
    @pytest.mark.parametrize("dtype", COMPLEX)
    def test_matches_oracle(self, backend, front_end, dtype, rng):
        for n_frames in (0, 1, 2, 3, 9, 40):  # These may be fewer than overlap.
            shape = (2, 3, n_frames, front_end.n_freq)
            spectra = (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)
            spectra = spectra if front_end.time_first else spectra.swapaxes(2, 3)
            for length in (None, 0, 1, 100, 1000, 5000):
                got = backend.numpy(front_end.inverse_stft(backend.array(spectra), length))
                assert_signals_near(front_end, spectra, got, length)

    @pytest.mark.parametrize("dtype", COMPLEX)
    def test_oracle_is_the_formula(self, front_end, dtype, rng):
        shape = (9, front_end.n_freq)
        spectra = (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)
        spectra = spectra if front_end.time_first else spectra.T
        for length in (None, 0, 100, 5000):
            got = plain_signals(front_end, spectra, length)
            assert_signals_near(front_end, spectra, got, length)

    @PROFILE
    @given(
        front_ends(linear=True), st.integers(0, 30), st.none() | st.integers(0, 900), SEEDS,
        st.sampled_from(COMPLEX), ARRANGEMENTS,
    )  # fmt: skip
    def test_any_front_end(self, front_end, n_frames, length, seed, dtype, arrangement):
        f = front_end.replace(remove_mean=False, preemphasis=0)
        assume(f.window != "ones" or f.hop_length <= 2 * f.n_fft)
        rng = np.random.default_rng(seed)
        shape = (2, n_frames, f.n_freq) if f.time_first else (2, f.n_freq, n_frames)
        spectra = rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)
        spectra = arranged(spectra.astype(dtype), arrangement)
        got = f.inverse_stft(spectra, length)
        assert_signals_near(f, spectra, got, length)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("n_fft", [1, 2, 3, 16, 31, 37])
    @pytest.mark.parametrize("window", ["hann", "hamming", "ones"])
    def test_signal_comes_back_at_every_hop(self, backend, dtype, n_fft, window, rng):
        x = rng.uniform(-1, 1, (2, 3 * n_fft + 5)).astype(dtype)
        for win_length in {n_fft, max(1, n_fft - 3)}:
            for hop_length in range(1, win_length + 1):
                f = FrontEnd(
                    sample_rate=1, n_fft=n_fft, win_length=win_length, hop_length=hop_length,
                    window=window, center_window=True, pad_left=n_fft, pad_right=2 * n_fft,
                    pad_mode="reflect",
                )  # fmt: skip
                squares = magnification(f, f.n_frames(x.shape[1]), x.shape[1])
                if not squares.all():  # The window is 0 where no other frame overlaps.
                    continue
                got = f.inverse_stft(f.stft(backend.array(x)), x.shape[1])
                limit = 4 * (2 + np.log2(n_fft)) * eps_of(dtype) * np.maximum(1, squares)
                assert (np.abs(backend.numpy(got) - x) <= limit).all(), (win_length, hop_length)

    def test_ends_are_as_exact_as_the_middle(self, backend, rng):
        # No padding: the first samples are divided by the small squares of one window.
        f = FrontEnd(sample_rate=1, n_fft=2048, hop_length=512)
        x = rng.uniform(-1, 1, 512 * 20 + 2048)
        got = backend.numpy(f.inverse_stft(f.stft(backend.array(x))))
        assert got[0] == 0  # The window is 0 there.
        assert_close(got[1:-1] * 1.0, x[1:-1], 2e-9)
        assert_close(got[64:-64], x[64:-64], 1e-13)

    @pytest.mark.parametrize(
        ("changes", "n_frames", "length", "is_lost"),
        [
            ({"hop_length": 64, "window": "ones"}, 3, None, False),
            ({"hop_length": 65, "window": "ones"}, 3, None, True),
            ({"hop_length": 65, "window": "ones"}, 1, None, False),
            ({"hop_length": 16}, 30, None, True),  # where the first window begins with 0
            ({"hop_length": 16, "pad_left": 1}, 30, None, False),
            ({"hop_length": 16, "pad_left": 1, "window": "hann_symmetric"}, 30, None, True),
            ({"hop_length": 16, "pad_left": 1, "window": "hann_symmetric"}, 30, 526, False),
            ({"hop_length": 16, "pad_left": 1, "window": "hann_symmetric"}, 30, 900, True),
            ({"hop_length": 64, "pad_left": 1}, 30, 62, False),
            ({"hop_length": 64, "pad_left": 1}, 30, 70, True),  # where windows meet
            ({"hop_length": 16, "pad_left": -3, "window": "hamming"}, 30, 900, False),
            ({"hop_length": 16}, 0, 900, False),
            ({"hop_length": 64, "pad_left": 1 + 64 * 20}, 30, 62, False),
            ({"hop_length": 64, "pad_left": 1 + 64 * 20}, 30, 66, True),
        ],
    )
    def test_warns_of_samples_that_are_lost(self, changes, n_frames, length, is_lost):
        f = FrontEnd(sample_rate=1, n_fft=64, **changes)
        spectra = np.ones((n_frames, 33), complex)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            f.inverse_stft(spectra, length)
        assert [str(each.message)[:16] for each in told] == ["samples are lost"] * is_lost

    @pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
    def test_same_bits_in_any_company(self, front_end, n_threads, rng):
        shape = (3, 2, 70, front_end.n_freq)
        spectra = (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype("c8")
        spectra = spectra if front_end.time_first else spectra.swapaxes(2, 3)
        kr.set_num_threads(n_threads)
        try:
            together = front_end.inverse_stft(spectra)
            later = front_end.replace(pad_left=front_end.pad_left + 13)
            cut = later.inverse_stft(spectra)
        finally:
            kr.set_num_threads(None)
        assert front_end.inverse_stft(spectra[1, 1]).tobytes() == together[1, 1].tobytes()
        np.testing.assert_array_equal(cut, together[..., 13:])
        longer = front_end.inverse_stft(spectra, together.shape[-1] + 99)
        np.testing.assert_array_equal(longer[..., : -99 - 512], together[..., :-512])

    def test_out_and_its_surroundings(self, backend, front_end, rng):
        shape = (2, 2, 20, front_end.n_freq)
        spectra = backend.array(rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape))
        spectra = spectra if front_end.time_first else spectra.swapaxes(2, 3)
        fresh = backend.numpy(front_end.inverse_stft(spectra))
        room = backend.array(np.full(fresh.size + 128, 7.0))
        out = room[64:-64].reshape(fresh.shape)
        assert front_end.inverse_stft(spectra, out=out) is out
        np.testing.assert_array_equal(backend.numpy(out), fresh)
        around = backend.numpy(room)
        assert (around[:64] == 7).all()
        assert (around[-64:] == 7).all()

    def test_nan_stays_in_its_frame(self, backend, rng):
        f = FRONT_ENDS["centred"]
        spectra = f.stft_reference(rng.uniform(-1, 1, 1000))
        clean = backend.numpy(f.inverse_stft(backend.array(spectra)))
        spectra[:, 0] = np.nan
        got = backend.numpy(f.inverse_stft(backend.array(spectra)))
        assert np.isnan(got[:19]).all()  # up to the end of the window in the first frame
        np.testing.assert_array_equal(got[32:], clean[32:])

    def test_no_frames(self, backend):
        for f in FRONT_ENDS.values():
            shape = (2, 0, f.n_freq) if f.time_first else (2, f.n_freq, 0)
            spectra = backend.array(np.zeros(shape, np.complex64))
            got = backend.numpy(f.inverse_stft(spectra, 9))
            np.testing.assert_array_equal(got, np.zeros((2, 9), np.float32))
            expected = f.inverse_stft_reference(np.zeros(shape, np.complex64)).shape
            assert f.inverse_stft(spectra).shape == expected

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"remove_mean": True}, "remove_mean must be False for .* signals, got True"),
            ({"preemphasis": 0.97}, "preemphasis must be 0 for .* signals, got 0.97"),
            ({"input_scale": 0}, "input_scale must not be 0 for .* signals, got 0.0"),
        ],
    )
    def test_what_is_lost(self, fields, match):
        with pytest.raises(ValueError, match=f"^{match}"):
            FrontEnd(**SIZES, **fields).inverse_stft(np.ones((4, 33), complex))

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            (
                (np.ones((4, 33)),),
                TypeError,
                "spectra must have dtype complex64 or complex128, got float64",
            ),
            ((None,), TypeError, r"spectra must be a numpy\.ndarray .* got None"),
            (
                (np.ones(33, complex),),
                ValueError,
                r"spectra must have shape \(\.\.\., n_frames, n_freq\), got shape \(33,\)",
            ),
            (
                (np.ones((4, 32), complex),),
                ValueError,
                r"spectra must .* n_freq = n_fft // 2 \+ 1 = 33, got shape \(4, 32\)",
            ),
            ((np.ones((4, 33), complex), 1.5), ValueError, r"length must be an integer, got 1\.5"),
            ((np.ones((4, 33), complex), -1), ValueError, "length must be an integer at least 0"),
            ((np.ones((4, 33), complex), "9"), TypeError, "length must be an integer, got '9'"),
            (
                (np.ones((4, 33), complex), 9, np.zeros(8)),
                ValueError,
                r"out must have shape \(9,\)",
            ),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=f"^{match}"):
            FRONT_ENDS["plain"].inverse_stft(*arguments)

    def test_axes_are_those_of_the_front_end(self):
        f = FRONT_ENDS["plain"].replace(time_first=False)
        with pytest.raises(
            ValueError, match=r"\(\.\.\., n_freq, n_frames\) .* got shape \(4, 33\)"
        ):
            f.inverse_stft(np.ones((4, 33), complex))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_fft", [1, 2, 8, 37, 64, 400])
def test_order_of_axes_changes_no_bit(n_fft, dtype, rng):
    times = FrontEnd(sample_rate=1, n_fft=n_fft, window="hamming")
    frequencies = times.replace(time_first=False)
    for n_samples in (n_fft, 3 * n_fft + 5, 40 * n_fft + 7):
        x = rng.standard_normal((2, n_samples)).astype(dtype)
        spectra, turned = times.stft(x), frequencies.stft(x)
        np.testing.assert_array_equal(turned, spectra.swapaxes(1, 2))
        got = frequencies.inverse_stft(turned)
        np.testing.assert_array_equal(got, times.inverse_stft(spectra))


def test_the_plain_formula_agrees_with_kapres():
    # One check of the checks: where frames overlap fully, both inverses are the same.
    f = FrontEnd(sample_rate=1, n_fft=64, hop_length=16)
    spectra = f.stft_reference(np.sin(np.arange(640.0)))
    ours = plain_signals(f, spectra)[64:-64]
    theirs = plain_formulas.inverse_stft(spectra[None, None], 64, 64, 16, "hann_window")
    assert_close(ours, theirs[0, 0, 64:-64], 1e-14)
