"""Front ends on the GPU's kernels, run on the CPU by `cuda_on_cpu`, every access checked.

The transforms are those of stft.cu (512 points), of mixed.cu in a warp (400, 441) and in a block
(1200), and of cuFFT (409); in float64 all but the last are of mixed.cu.
"""

import shutil

import numpy as np
import pytest
import test_front_end_kernels
import test_recipes
from closeness import assert_features_near as assert_near
from closeness import eps_of
from harness import fake_cupy
from harness.cuda_on_cpu.module import KernelError
from harness.cuda_on_cpu.planting import Bug
from hypothesis import given
from hypothesis import strategies as st
from on_harness import ORDERS, in_order, shuffled  # noqa: F401
from recorded_recipes import COMPARED
from strategies import PROFILE, front_ends

import kapre_ref as kr

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
N_FFT = (400, 409, 512, 1200, 441)
LOG_MEL = test_front_end_kernels.LOG_MEL
MATRIX = test_front_end_kernels.FRONT_ENDS["matrix"]
# A matrix has as many rows as a spectrum has bins, so its transform cannot be replaced.
FRONT_ENDS = {
    **{k: v for k, v in test_front_end_kernels.FRONT_ENDS.items() if v is not MATRIX},
    "lines of bins": LOG_MEL.replace(bands=None, gain=np.linspace(1, 2, 201), power=1),
    "offset roots of bins": LOG_MEL.replace(
        bands=None, log="none", floor=0, power=1, power_offset=1e-3
    ),
    "scaled, in frames": LOG_MEL.replace(input_scale=32768, remove_mean=True, window="povey"),
    "frames of reflections": LOG_MEL.replace(
        pad_left=120, pad_right=200, pad_mode="mirror", remove_mean=True, preemphasis=0.97,
        preemphasis_first="frame", window="hamming_symmetric",
    ),
    "magnitudes of frames": LOG_MEL.replace(
        bands=None, power=1, log="none", floor=0, preemphasis=0.97, preemphasis_first="frame",
    ),
    "one band out of range": LOG_MEL.replace(
        dynamic_range=1.0, gain=2.0, normalisation=kr.Normalisation(ddof=1, eps=1e-3),
    ),
}  # fmt: skip


@pytest.fixture(scope="class")
def unchecked():
    with fake_cupy.installed() as stand_in:
        yield stand_in


def of_size(front_end, n_fft):
    """Return a front end with another transform, and a window that does not fill it."""
    bands, gain = front_end.bands, front_end.gain
    if bands is None and isinstance(gain, tuple):
        gain = np.linspace(1, 2, n_fft // 2 + 1)
    win_length = n_fft - n_fft // 5
    return front_end.replace(n_fft=n_fft, win_length=win_length, bands=bands, gain=gain)


def run(cupy, front_end, x):
    """Compute on the stand-in, and require that the fused kernel was launched."""
    return front_end(cupy.asarray(x)).get()


def signals(rng, n_samples, dtype="f4"):
    """Return (2, 2, time): the second channel is faint, the second item has an offset."""
    x = rng.uniform(-1, 1, (2, 2, n_samples))
    x[:, 1] *= 1e-2
    x[1] += 0.5
    return x.astype(dtype)


class TestMatchesOracle:
    @pytest.mark.parametrize("n_fft", N_FFT)
    @pytest.mark.parametrize("name", FRONT_ENDS)
    def test_float32(self, shuffled, name, n_fft, rng):  # noqa: F811
        front_end, x = of_size(FRONT_ENDS[name], n_fft), signals(rng, 2300)
        assert_near(front_end, x, run(shuffled, front_end, x))

    @pytest.mark.parametrize("dtype", ["f2", "f8"])
    @pytest.mark.parametrize(
        ("name", "n_fft"),
        [(name, n_fft) for i, name in enumerate(FRONT_ENDS) for n_fft in (N_FFT[i % 4], 441)],
    )
    def test_other_types(self, shuffled, name, n_fft, dtype, rng):  # noqa: F811
        front_end, x = of_size(FRONT_ENDS[name], n_fft), signals(rng, 2300, dtype)
        assert_near(front_end, x, run(shuffled, front_end, x))

    @pytest.mark.parametrize("n_fft", [512, 1024, 2048, 4096])
    @pytest.mark.parametrize("name", ["frames of reflections", "lines of bins"])
    def test_every_size_of_powers(self, in_order, name, n_fft, rng):  # noqa: F811
        front_end, x = of_size(FRONT_ENDS[name], n_fft), signals(rng, n_fft + 900)
        assert_near(front_end, x, run(in_order, front_end, x))

    @pytest.mark.parametrize("n_fft", [400, 441, 512])
    @pytest.mark.parametrize("n_samples", [1, 2, 3, 50, 319, 320, 411])
    @pytest.mark.parametrize("pad_mode", ["zeros", "reflect", "mirror", "edge", "odd"])
    def test_short_signals(self, shuffled, pad_mode, n_samples, n_fft, rng):  # noqa: F811
        fields = {"pad_mode": pad_mode, "pad_left": 300, "pad_right": 230, "preemphasis": 0.97}
        front_end = of_size(LOG_MEL, n_fft).replace(**fields, window="hamming")
        x = signals(rng, n_samples)
        assert_near(front_end, x, run(shuffled, front_end, x))

    @pytest.mark.parametrize("n_fft", [400, 409, 441, 512])
    @pytest.mark.parametrize("offset", [1.0, 300.0])
    def test_mean_of_offsets(self, shuffled, offset, n_fft, rng):  # noqa: F811
        # A thousand times the noise: what is left of it would hide the first bands.
        x = (offset + 1e-3 * offset * rng.uniform(-1, 1, 2000)).astype(np.float32)
        front_end = of_size(FRONT_ENDS["frames of reflections"], n_fft)
        assert_near(front_end, x, run(shuffled, front_end, x), allowed=2)

    def test_no_samples(self, shuffled):  # noqa: F811
        reflecting = LOG_MEL.replace(pad_left=400, pad_mode="reflect")
        for n_frames, front_end in ((0, reflecting), (1, reflecting.replace(pad_mode="zeros"))):
            got = run(shuffled, front_end, np.zeros((2, 0), np.float32))
            assert got.shape == (2, n_frames, 20)
            np.testing.assert_array_equal(got, np.full(got.shape, np.log(np.float32(1e-6))))


class TestAnyFrontEnd:
    @PROFILE
    @given(front_ends(), st.integers(200, 1200), st.sampled_from(["f2", "f4", "f8"]), st.data())
    def test_matches_oracle(self, front_end, n_samples, dtype, data):
        # Sizes are eight times as large as drawn, so that most of them have a kernel.
        n_fft = max(1, 8 * front_end.n_fft - data.draw(st.integers(0, 1)))
        sizes = {"n_fft": n_fft, "win_length": min(n_fft, 8 * front_end.win_length)}
        if not isinstance(front_end.window, str):
            sizes["window"] = np.resize(front_end.window, sizes["win_length"])
        bands = front_end.bands
        if isinstance(bands, kr._bands.MatrixBands):
            bands = np.random.default_rng(0).uniform(0, 1, (n_fft // 2 + 1, bands.n))
        front_end = front_end.replace(**sizes, bands=bands)
        x = signals(np.random.default_rng(n_samples), n_samples, dtype)
        if front_end.count_frames(n_samples):
            with fake_cupy.installed() as cupy:
                assert_near(front_end, x, run(cupy, front_end, x), allowed=16)


class TestRecipes:
    """Every recorded front end of another tool; results in float64 are those of the oracle."""

    @pytest.fixture
    def on_gpu(self, unchecked):
        return lambda front_end, x: front_end(unchecked.asarray(x)).get()

    @pytest.mark.parametrize("case", COMPARED, ids=str)
    def test_float32(self, case, on_gpu):
        test_recipes.TestRecordedResults.test_float32(self, case, on_gpu)

    @pytest.mark.parametrize("case", COMPARED[::9], ids=str)
    def test_float64(self, case, on_gpu):
        test_recipes.TestRecordedResults.test_float64(self, case, on_gpu)


class TestDynamicRange:
    @pytest.mark.parametrize("n_fft", [400, 409, 441, 512])
    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("over", ["channel", "item", "call"])
    def test_holds_to_the_bit(self, shuffled, over, dtype, n_fft, rng):  # noqa: F811
        for gain, time_first in ((1.0, True), (0.25, False), (3.0, True)):
            front_end = of_size(LOG_MEL, n_fft).replace(
                dynamic_range=2.0, range_over=over, gain=gain, offset=1.0, time_first=time_first
            )
            y = run(shuffled, front_end, signals(rng, 3000, dtype))
            axes = {"channel": (2, 3), "item": (1, 2, 3), "call": None}[over]
            assert (y >= y.max(axis=axes, keepdims=True) - y.dtype.type(2.0 * gain)).all()

    @pytest.mark.parametrize("over", ["channel", "item", "call"])
    def test_nan_poisons_what_a_peak_is_of(self, shuffled, over, rng):  # noqa: F811
        x = signals(rng, 3000)
        x[1, 0, 1500] = np.nan
        front_end = LOG_MEL.replace(dynamic_range=2.0, range_over=over)
        got, expected = run(shuffled, front_end, x), front_end.reference(x)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))


class TestNormalisation:
    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize("n_frames", [1, 2, 3])
    @pytest.mark.parametrize("drop_last", [True, False])
    def test_few_frames(self, shuffled, drop_last, n_frames, dtype, rng):  # noqa: F811
        x = signals(rng, 400 + (n_frames - 1) * 160, dtype)
        for ddof in (0, 1, 2):
            how = kr.Normalisation(ddof=ddof, eps=1e-5, drop_last=drop_last)
            front_end = LOG_MEL.replace(normalisation=how)
            got, expected = run(shuffled, front_end, x), front_end.reference(x)
            if n_frames - drop_last > 1:
                assert_near(front_end, x, got)
            else:
                np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    def test_error_does_not_grow(self, shuffled, dtype, time_first, rng):  # noqa: F811
        # Frames of one sample, far from 0; no kernel of ours transforms so few points.
        front_end = kr.FrontEnd(
            sample_rate=1, n_fft=1, window=(1.0,), power=1, offset=-3.0, time_first=time_first,
            normalisation=kr.Normalisation(ddof=1),
        )  # fmt: skip
        x = (1000 + rng.standard_normal(1 << 13)).astype(dtype)
        expected = front_end.reference(x.astype(np.float64))
        # Errors are relative to a value before the mean is taken off.
        limit = 4 * eps_of(dtype) * 1000
        assert np.abs(run(shuffled, front_end, x) - expected).max() <= limit

    def test_a_band_that_does_not_change(self, shuffled):  # noqa: F811
        front_end = LOG_MEL.replace(normalisation=kr.Normalisation(ddof=1, eps=1e-5))
        got = run(shuffled, front_end, np.zeros((1, 2000), np.float32))
        np.testing.assert_array_equal(got, np.zeros_like(got))


class TestCompany:
    @pytest.mark.parametrize("n_fft", [400, 441, 512, 1001])
    @pytest.mark.parametrize("name", ["frames of reflections", "normalised", "emphasised edges"])
    def test_same_bits_alone(self, shuffled, name, n_fft, rng):  # noqa: F811
        front_end, x = of_size(FRONT_ENDS[name], n_fft), signals(rng, 3000)
        together = run(shuffled, front_end, x)
        assert run(shuffled, front_end, x[1, 1]).tobytes() == together[1, 1].tobytes()

    @pytest.mark.parametrize("n_fft", [400, 441, 512, 1001])
    def test_nan_stays_in_its_frames(self, shuffled, n_fft, rng):  # noqa: F811
        for name in ("frames of reflections", "cut", "drop", "emphasised edges"):
            front_end, x = of_size(FRONT_ENDS[name], n_fft), signals(rng, 3000)
            x[0, 1, 1777] = np.nan
            got, expected = run(shuffled, front_end, x), front_end.reference(x)
            np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))


class TestTurned:
    """If frames are neighbours in memory, values equal those of the other order of axes."""

    NO_BARRIER = Bug(
        "mirror", "        __syncthreads();  // the slots are free\n", "", "", "TurnedBands"
    )

    def both(self, cupy, n_fft, n_bands, x):
        front_end = of_size(LOG_MEL, n_fft).replace(bands=kr.Bands(n_bands))
        turned, usual = (run(cupy, front_end.replace(time_first=t), x) for t in (False, True))
        names = [name for name, *_ in cupy.RawModule.launches]
        assert ["TurnedBands" in name for name in names[-2:]] == [True, False]
        return turned, usual.swapaxes(-1, -2)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    @pytest.mark.parametrize(
        ("n_fft", "n_bands"),
        # The slot of a frame of 256 points has no room for all of 90 bands.
        [
            *((256, 20), (256, 90), (400, 80), (512, 80), (1200, 80), (2048, 128), (4096, 40)),
            *((225, 20), (225, 90), (441, 80), (1125, 80)),
        ],
    )
    @pytest.mark.filterwarnings("ignore:.*bands are empty")
    def test_same_bits(self, in_order, n_fft, n_bands, dtype, rng):  # noqa: F811
        turned, usual = self.both(in_order, n_fft, n_bands, signals(rng, n_fft + 25 * 160, dtype))
        np.testing.assert_array_equal(turned, usual)

    @pytest.mark.parametrize("n_fft", [400, 441, 512])
    def test_rounds(self, monkeypatch, n_fft, rng):
        x = signals(rng, n_fft + 25 * 160)
        for planted in (None, self.NO_BARRIER):
            with fake_cupy.installed(checked=True, order="reversed", planted=planted) as cupy:
                from kapre_ref.kernels.gpu import fused

                monkeypatch.setattr(fused, "_MANY_BLOCKS", 1)
                if planted:
                    with pytest.raises(KernelError, match="race"):
                        self.both(cupy, n_fft, 80, x)
                else:
                    np.testing.assert_array_equal(*self.both(cupy, n_fft, 80, x))


class TestHalves:
    """float16 is read and written by the kernels, and nothing else is allocated for it."""

    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize("n_fft", [400, 441, 512])
    @pytest.mark.parametrize(
        ("name", "n_values"),
        [
            ("frames", 0),
            ("gains and offsets", 0),
            ("offset roots of bins", 0),
            ("range of channels", 0),
            # A step that needs all frames needs them in float32.
            ("range, gains", 1),
            ("normalised", 1),
            ("cepstra", 1),
        ],
    )
    def test_no_array_but_for_late_steps(self, monkeypatch, name, n_values, n_fft, time_first, rng):
        front_end = of_size(FRONT_ENDS[name], n_fft).replace(time_first=time_first)
        n_bands = front_end.n_bands
        with fake_cupy.installed() as cupy:
            x = cupy.asarray(signals(rng, 3000, "f2"))
            out = front_end(x)
            sizes = sizes_of_new_arrays(monkeypatch, x)
            front_end(x, out=out)
        n_frames = front_end.count_frames(3000)
        largest = [n for n in sizes if n > 64]  # peaks are a word for each of four channels
        if "cepstra" in name:  # Their product is there too, before it is rounded.
            assert sorted(largest) == sorted([4 * 4 * n_frames * n_bands, 4 * out.size])
        else:
            assert largest == n_values * [4 * 4 * n_frames * n_bands]

    @pytest.mark.parametrize(
        "call",
        [
            lambda x, out: kr.magnitude_to_decibel(x, out=out),
            lambda x, out: kr.mu_law_encoding(x, 256, out=out),
            lambda x, out: kr.mu_law_decoding(x, 256, out=out),
            lambda x, out: kr.energy(x, 8000, 0.1, 300, 77, out=out),
            lambda x, out: kr.frame(x, 300, 77, out=out),
            lambda x, out: kr.stft(x, 512, out=out),
            lambda x, out: kr.stft_magnitude(x, 400, out=out),
            lambda x, out: kr.melspectrogram(x, 512, n_mels=20, return_decibel=True, out=out),
        ],
    )
    def test_no_array(self, monkeypatch, call, rng):
        with fake_cupy.installed() as cupy:
            x = cupy.asarray(rng.uniform(0.1, 1, (3, 4000)).astype(np.float16))
            out = call(x, None)
            sizes = sizes_of_new_arrays(monkeypatch, x)
            call(x, out)
        assert [n for n in sizes if n > 64] == []

    @pytest.mark.parametrize("name", ["reflect", "range of channels", "gains and offsets"])
    @pytest.mark.parametrize("n_fft", N_FFT)
    def test_one_rounding_of_float32(self, shuffled, name, n_fft, rng):  # noqa: F811
        front_end = of_size(FRONT_ENDS[name], n_fft).replace(dynamic_range=None)
        x = signals(rng, 2300, "f2")
        got, single = (run(shuffled, front_end, x.astype(dtype)) for dtype in ("f2", "f4"))
        np.testing.assert_array_equal(got, single.astype(np.float16))


def sizes_of_new_arrays(monkeypatch, x):
    """Return a list that grows by the bytes of each array that the stand-in makes from now on."""
    sizes, wrap = [], fake_cupy._wrap

    def note(value, *viewed):
        made = wrap(value, *viewed)
        if type(value) is np.ndarray and value.base is None and value is not x._host:
            sizes.append(value.nbytes)
        return made

    monkeypatch.setattr(fake_cupy, "_wrap", note)
    return sizes


class TestMemory:
    """Nothing lies in memory that the caller did not ask for, unless a step needs all frames."""

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize(
        ("name", "n_arrays"),
        [
            ("reflect", 0),
            ("frames", 0),
            ("gains and offsets", 0),
            ("range of channels", 0),
            ("range of a call", 0),
            ("range, gains", 0),
            ("normalised", 0),
            ("cepstra", 1),
        ],
    )
    def test_results_are_made_in_place(self, monkeypatch, name, n_arrays, time_first, dtype, rng):
        front_end = FRONT_ENDS[name].replace(time_first=time_first)
        with fake_cupy.installed() as cupy:
            x = cupy.asarray(signals(rng, 3000, dtype))
            out = front_end(x)
            made = []
            empty = cupy.empty
            monkeypatch.setattr(
                cupy, "empty", lambda *arguments: made.append(0) or empty(*arguments), raising=False
            )
            front_end(x, out=out)
        assert len(made) == n_arrays
