"""Kernels of front ends against the oracle, for any fields, precision and other frames."""

import numpy as np
import pytest
from closeness import assert_features_near, eps_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import PROFILE, arranged

import kapre_ref as kr

DTYPES = ("float16", "float32", "float64")
SIZES = (1, 2, 3, 8, 16, 37, 64, 100, 147, 256, 331, 400, 512, 1021)  # some of them SciPy's

# Signals: the first samples are loud, the second channel is faint, one signal has an offset.
MEL = kr.FrontEnd(sample_rate=16000, n_fft=400, hop_length=160, bands=kr.Bands(20))
LOG_MEL = MEL.replace(log="ln", floor=1e-6)
FRONT_ENDS = {
    "powers": kr.FrontEnd(sample_rate=8000, n_fft=256),
    "magnitudes": kr.FrontEnd(sample_rate=8000, n_fft=256, power=1, gain=2.0, offset=-1.0),
    "roots": MEL.replace(power=1, power_offset=1e-9, log="log10", floor=1e-5),
    "reflect": LOG_MEL.replace(pad_left=200, pad_right=200, pad_mode="reflect"),
    "mirror": LOG_MEL.replace(pad_left=333, pad_right=1, pad_mode="mirror"),
    "cut": LOG_MEL.replace(pad_left=-7, pad_right=-5, preemphasis=0.9),
    "drop": LOG_MEL.replace(preemphasis=0.97, preemphasis_first="drop", pad_left=50),
    "emphasised edges": LOG_MEL.replace(
        preemphasis=0.97, pad_left=200, pad_right=170, pad_mode="reflect"
    ),
    "frames": LOG_MEL.replace(remove_mean=True, preemphasis=0.97, preemphasis_first="frame"),
    "sparse frames": LOG_MEL.replace(hop_length=555, remove_mean=True, pad_right=300),
    "added floor": MEL.replace(log="10log10", floor=1e-4, floor_by="add", time_first=False),
    "range of channels": LOG_MEL.replace(dynamic_range=3.0, range_over="channel", gain=0.25),
    "range of items": LOG_MEL.replace(dynamic_range=3.0, range_over="item", offset=4.0),
    "range of a call": LOG_MEL.replace(dynamic_range=3.0, range_over="call", time_first=False),
    "range, falling gain": LOG_MEL.replace(dynamic_range=3.0, gain=-0.5, offset=2.0),
    "range, gains": LOG_MEL.replace(dynamic_range=3.0, gain=np.linspace(1, 2, 20)),
    "gains and offsets": LOG_MEL.replace(gain=np.linspace(1, 2, 20), offset=np.arange(20.0)),
    "normalised": LOG_MEL.replace(normalisation=kr.Normalisation(ddof=1, eps=1e-5)),
    "normalised bands first": LOG_MEL.replace(
        normalisation=kr.Normalisation(eps=1e-5, drop_last=True), time_first=False
    ),
    "mean off": LOG_MEL.replace(normalisation=kr.Normalisation(divide=False)),
    "variance": LOG_MEL.replace(normalisation=kr.Normalisation(eps=1e-7, eps_in="variance")),
    "cepstra": LOG_MEL.replace(n_cepstra=13, lifter=22.0),
    "limited cepstra": LOG_MEL.replace(n_cepstra=13, dynamic_range=3.0, time_first=False),
    "matrix": MEL.replace(bands=np.random.default_rng(3).uniform(0, 1, (201, 7))),
    "centred": LOG_MEL.replace(n_fft=512, win_length=399, center_window=True, pad_left=256),
    "centred frames": LOG_MEL.replace(
        n_fft=512, center_window=True, win_length=400, remove_mean=True, window="blackman"
    ),
    "SciPy, centred": LOG_MEL.replace(n_fft=409, win_length=400, center_window=True),
    "SciPy": LOG_MEL.replace(
        n_fft=409, win_length=400, remove_mean=True, preemphasis=0.9, preemphasis_first="frame"
    ),
    "SciPy, edges": LOG_MEL.replace(
        n_fft=409, win_length=400, pad_left=100, pad_mode="mirror", preemphasis=0.9, power=1
    ),
}


@pytest.fixture(params=FRONT_ENDS)
def front_end(request):
    return FRONT_ENDS[request.param]


@pytest.fixture(autouse=True)
def threads():
    yield
    kr.set_num_threads(None)


def signals(rng, n_samples=6000):
    """Return (batch, channel, time): the second channel is faint, the second item has an offset."""
    x = rng.uniform(-1, 1, (3, 2, n_samples))
    x[:, 1] *= 1e-2
    x[1] += 0.5
    return x


@pytest.mark.parametrize("dtype", DTYPES)
class TestFrontEnds:
    def test_matches_oracle(self, front_end, dtype, rng):
        x = signals(rng).astype(dtype)
        assert_features_near(front_end, x, front_end(x))

    @pytest.mark.parametrize("n_samples", [0, 1, 2, 159, 399, 400, 401, 723])
    def test_short_signals(self, front_end, dtype, n_samples, rng):
        x = signals(rng, n_samples).astype(dtype)
        if front_end.n_frames(n_samples) or not n_samples:
            assert_features_near(front_end, x, front_end(x))
        else:
            with pytest.warns(UserWarning, match="x has no frame"):
                assert front_end(x).size == 0

    def test_same_bits_in_any_company(self, front_end, dtype, rng):
        x = signals(rng, 20_000).astype(dtype)
        kr.set_num_threads(1)
        together = front_end(x)
        if front_end.range_over != "call" or front_end.dynamic_range is None:
            for item in range(3):
                assert front_end(x[item : item + 1]).tobytes() == together[item].tobytes()
        if front_end.range_over == "channel" or front_end.dynamic_range is None:
            assert front_end(x[2, 1]).tobytes() == together[2, 1].tobytes()
        for n_threads in (2, 3, 7):
            kr.set_num_threads(n_threads)
            assert front_end(x).tobytes() == together.tobytes()
        for arrangement in ("strided", "reversed", "transposed", "big-endian", "unaligned"):
            assert front_end(arranged(x, arrangement)).tobytes() == together.tobytes()
        out = np.empty_like(together)
        assert front_end(x, out=out) is out
        assert out.tobytes() == together.tobytes()

    def test_frames_do_not_know_each_other(self, front_end, dtype, rng):
        if front_end.dynamic_range is not None or front_end.normalisation is not None:
            return  # These steps need all frames.
        x = signals(rng, 9000).astype(dtype)
        axis = 2 if front_end.time_first else 3
        whole = np.moveaxis(front_end(x), axis, 0)
        # A signal that begins some hops later has the same frames, but for those at the ends.
        margin = max(0, -(-front_end.pad_left // front_end.hop_length)) + 1
        for n_hops in (1, 3, 7):
            later = np.moveaxis(front_end(x[..., n_hops * front_end.hop_length :]), axis, 0)
            inner = slice(margin, len(later) - 3)
            expected = whole[n_hops:][inner]
            assert np.ascontiguousarray(later[inner]).tobytes() == expected.tobytes()

    @pytest.mark.parametrize("size", [0, 5e-324, 1e-20, 1e30])
    def test_nothing_is_raised(self, front_end, dtype, size, rng):
        with np.errstate(all="ignore"):
            x = (signals(rng, 2000) * size).astype(dtype)
        with np.errstate(all="raise"):
            got = front_end(x)
            front_end.reference(x)
        assert got.dtype == x.dtype

    def test_nothing_but_nan_spreads(self, front_end, dtype, rng):
        x = signals(rng).astype(dtype)
        x[0, 1, 3000] = np.nan
        got, expected = front_end(x), front_end.reference(x)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))


class TestDynamicRange:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("over", ["channel", "item", "call"])
    @pytest.mark.parametrize("gain", [1.0, 0.25, 3.0])
    def test_holds_to_the_bit(self, dtype, over, gain, rng):
        front_end = LOG_MEL.replace(dynamic_range=2.0, range_over=over, gain=gain, offset=1.0)
        y = front_end(signals(rng).astype(dtype))
        axes = {"channel": (2, 3), "item": (1, 2, 3), "call": None}[over]
        assert (y >= y.max(axis=axes, keepdims=True) - y.dtype.type(2.0 * gain)).all()

    @pytest.mark.parametrize(("gain", "dynamic_range"), [(1e6, 3.0), (1e4, 3.0), (1e4, 30.0)])
    def test_beyond_the_range_of_float16(self, gain, dynamic_range, rng):
        front_end = LOG_MEL.replace(dynamic_range=dynamic_range, gain=gain)
        x = (100 * signals(rng)).astype(np.float16)
        with np.errstate(all="raise"):
            got = front_end(x)
        assert np.isinf(got).any()
        assert_features_near(front_end, x, got)

    def test_is_rounded_in_the_working_precision_before_cepstra(self, rng):
        # 3.3 of float16 is 3.3008, which a result in float32 would show.
        front_end = LOG_MEL.replace(dynamic_range=3.3, n_cepstra=20)
        x = signals(rng).astype(np.float16)
        assert_features_near(front_end, x, front_end(x), allowed=2)


class TestLongFrames:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("n_fft", [32768, 32771, 1 << 17])
    def test_mean_of_a_long_frame(self, dtype, n_fft, rng):
        # An offset a thousand times the noise: what is left of it would hide the first bins.
        front_end = kr.FrontEnd(sample_rate=1, n_fft=n_fft, remove_mean=True, power=1)
        x = (1000 + rng.uniform(-1, 1, n_fft + 5)).astype(dtype)
        expected = front_end.reference(x.astype(np.float64))
        limit = eps_of(dtype) * 1000 * np.sqrt(n_fft)
        assert np.abs(front_end(x) - expected).max() <= limit


class TestNormalisationOfManyFrames:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("time_first", [True, False])
    def test_error_does_not_grow(self, dtype, time_first, rng):
        # Frames of one sample, so that there can be many: 2 ** 22 of them, far from 0.
        front_end = kr.FrontEnd(
            sample_rate=1,
            n_fft=1,
            window=(1.0,),
            power=1,
            offset=-3.0,
            normalisation=kr.Normalisation(ddof=1),
            time_first=time_first,
        )
        x = (1000 + rng.standard_normal(1 << 22)).astype(dtype)
        expected = front_end.reference(x.astype(np.float64))
        # Errors are relative to a value before the mean is taken off.
        limit = 4 * eps_of(dtype) * 1000
        assert np.abs(front_end(x) - expected).max() <= limit


@st.composite
def front_ends(draw):
    n_fft = draw(st.sampled_from(SIZES))
    win_length = draw(st.integers(1, n_fft))
    has_bands = draw(st.booleans()) and n_fft > 2
    log = draw(st.sampled_from(["none", "ln", "log10", "10log10"]))
    power = draw(st.sampled_from([1, 2, 1, 2, 0.5, 3]))
    n_bands = draw(st.integers(1, 40)) if has_bands else n_fft // 2 + 1
    bands = None
    if has_bands:
        scale, side = draw(st.sampled_from(["htk", "slaney"])), draw(st.sampled_from(SIDES))
        bands = kr.Bands(n_bands, 0, 4000, scale, side, draw(st.sampled_from([None, "slaney"])))
    fields = {
        "window": draw(st.sampled_from(WINDOWS)),
        "center_window": draw(st.booleans()),
        "hop_length": draw(st.integers(1, 2 * n_fft)),
        "pad_left": draw(st.integers(-40, 2 * n_fft)),
        "pad_right": draw(st.integers(-40, 2 * n_fft)),
        "pad_mode": draw(st.sampled_from(["zeros", "reflect", "mirror", "edge", "odd"])),
        "input_scale": draw(st.sampled_from([1.0, 32.0, 0.03])),
        "remove_mean": draw(st.booleans()),
        "preemphasis": draw(st.sampled_from([0.0, 0.97, -0.5])),
        "preemphasis_first": draw(st.sampled_from(["signal", "drop", "frame"])),
        "power_offset": draw(st.sampled_from([0.0, 1e-3])) if power != 2 else 0.0,
        "gain": draw(st.sampled_from([1.0, -0.5, 3.0, tuple(np.linspace(0.5, 1, n_bands))])),
        "offset": draw(st.sampled_from([0.0, 2.0, tuple(np.linspace(0.5, 1, n_bands))])),
        "time_first": draw(st.booleans()),
    }
    if log != "none":
        fields["floor"] = draw(st.sampled_from([1e-3, 1e-2]))
        fields["floor_by"] = draw(st.sampled_from(["max", "add"]))
        fields["dynamic_range"] = draw(st.sampled_from([None, 1.0, 30.0]))
        fields["range_over"] = draw(st.sampled_from(["channel", "item", "call"]))
    if draw(st.booleans()):
        fields["normalisation"] = kr.Normalisation(
            draw(st.booleans()), 0, 1e-2, draw(st.sampled_from(["deviation", "variance"])),
            draw(st.booleans()),
        )  # fmt: skip
    if has_bands and draw(st.booleans()):
        fields["n_cepstra"] = draw(st.integers(1, n_bands))
        fields["lifter"] = draw(st.sampled_from([0.0, 22.0]))
    sizes = {"n_fft": n_fft, "win_length": win_length}
    return kr.FrontEnd(sample_rate=8000, power=power, bands=bands, log=log, **sizes, **fields)


SIDES = ("hz", "mel", "left")
WINDOWS = ("hann", "hamming", "hann_symmetric", "hamming_symmetric", "povey", "kaiser_window")


@pytest.mark.filterwarnings("ignore:x has no frame")
class TestRandomFrontEnds:
    @PROFILE
    @given(front_ends(), st.integers(0, 3000), st.sampled_from(DTYPES), st.integers(0, 99))
    def test_matches_oracle(self, front_end, n_samples, dtype, seed):
        x = signals(np.random.default_rng(seed), n_samples).astype(dtype)
        assert_features_near(front_end, x, front_end(x), allowed=16)

    @PROFILE
    @given(front_ends())
    def test_json(self, front_end):
        assert kr.FrontEnd.from_json(front_end.to_json()) == front_end
