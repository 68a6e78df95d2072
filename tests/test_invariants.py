"""What an operation's results have in common: batches, layouts, sums, inverses, levels."""

import numpy as np
import pytest
from closeness import assert_close, eps_of, peak_of
from hypothesis import given
from hypothesis import strategies as st
from operation import FIRST, LAST, as_caller, channels_first
from strategies import (
    DECIBELS,
    DTYPES,
    N_SAMPLES,
    PROFILE,
    SEEDS,
    arrays,
    bands,
    filled_in,
    stft_parameters,
    values,
)  # fmt: skip

import kapre_ref as kr

# Two ways to compute one result add in different orders, and each order costs a few eps of
# the peak; a transform costs a few more.
TWO_WAYS_EPS = 16


def assert_same(got, expected):
    """Require two results of the same input, computed in two ways, to agree."""
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    assert_close(got, expected, TWO_WAYS_EPS * eps_of(expected.dtype) * peak_of(expected))


SIGNALS = {
    "frame": {"frame_length": 40, "hop_length": 30},
    "energy": {"frame_length": 40, "hop_length": 30, "pad_end": True},
    "stft": {"n_fft": 60, "pad_end": True},
    "stft_magnitude": {"n_fft": 64, "hop_length": 20, "pad_begin": True},
    "melspectrogram": {"n_fft": 64, "n_mels": 8, "return_decibel": True, "db_amin": 0.1},
    "log_frequency_spectrogram": {"n_fft": 64, "log_n_bins": 60, "log_spread": 0.6},
}
SPECTROGRAMS = {
    "delta": {"win_length": 5},
    "logmel_to_mfcc": {"n_mfccs": 4},
    "inverse_stft": {"n_fft": 32, "win_length": 30, "hop_length": 11},
}
COMPLEX = {"float16": "complex64", "float32": "complex64", "float64": "complex128"}


def _formats(name, data_format):
    if name in ("frame", "energy", "delta", "logmel_to_mfcc"):
        return {"data_format": data_format}
    return {"input_data_format": data_format, "output_data_format": data_format}


def _draw(data, name, n_leading):
    """Draw an input, channels first where it has channels, and the function of it."""
    if name in SIGNALS:
        item_shape, parameters = (data.draw(st.integers(0, 500)),), SIGNALS[name]
    else:
        item_shape, parameters = (data.draw(st.integers(3, 20)), 17), SPECTROGRAMS[name]
    x, data_format = data.draw(arrays(item_shape, leading=n_leading))
    x = np.ascontiguousarray(channels_first(x, data_format, len(item_shape)))
    x = as_caller(x.astype(x.dtype.newbyteorder("=")), n_leading, FIRST)
    if name == "inverse_stft":
        x = (x * (1 + 2j)).astype(COMPLEX[x.dtype.name])

    def run(x, data_format=FIRST):
        return getattr(kr, name)(x, **parameters, **_formats(name, data_format))

    return x, run


NAMES = sorted(SIGNALS | SPECTROGRAMS)


class TestBatches:
    @pytest.mark.parametrize("name", NAMES)
    @PROFILE
    @given(st.data())
    def test_items_do_not_know_each_other(self, name, data):
        x, run = _draw(data, name, 2)
        together = run(x)
        for index, item in enumerate(x):
            assert_same(run(item[None])[0], together[index])

    @pytest.mark.parametrize("name", sorted(set(NAMES) - {"melspectrogram"}))
    @PROFILE
    @given(st.data())
    def test_channels_do_not_know_each_other(self, name, data):
        x, run = _draw(data, name, 2)
        together = run(x)
        for index in range(x.shape[1]):
            assert_same(run(x[:, index : index + 1]), together[:, index : index + 1])

    @pytest.mark.parametrize("name", NAMES)
    @PROFILE
    @given(st.data())
    def test_no_batch_is_a_batch_of_one(self, name, data):
        x, run = _draw(data, name, 1)
        for item in x:
            assert_same(run(item), run(item[None])[0])

    @pytest.mark.parametrize("name", NAMES)
    @PROFILE
    @given(st.data())
    def test_layouts_hold_the_same(self, name, data):
        x, run = _draw(data, name, 2)
        last = run(np.ascontiguousarray(np.moveaxis(x, 1, -1)), LAST)
        assert_same(np.moveaxis(last, -1, 1), run(x))

    @PROFILE
    @given(st.data())
    def test_results_are_not_overwritten_by_later_ones(self, data):
        # Memory of results that are gone is used again, but never that of results in use.
        shape = (data.draw(st.integers(1, 3)), data.draw(st.integers(2000, 20000)))
        x = np.random.default_rng(data.draw(SEEDS)).uniform(-1, 1, shape).astype(data.draw(DTYPES))
        kept = [kr.stft_magnitude(x, 256, hop_length=data.draw(st.integers(16, 64)))]
        kept += [kept[0][..., ::2], kept[0][0, 3:]]
        copies = [part.copy() for part in kept]
        del kept[0]
        for factor in (2, 3, 4):
            kr.stft_magnitude(
                x * x.dtype.type(factor), 256, hop_length=data.draw(st.integers(16, 64))
            )
        for part, copy in zip(kept, copies[1:], strict=True):
            np.testing.assert_array_equal(part, copy)


class TestShapes:
    @PROFILE
    @given(st.integers(0, 500), stft_parameters())
    def test_stft(self, n_samples, parameters):
        got = kr.stft(np.zeros((2, n_samples), np.float32), **parameters)
        full = filled_in(parameters)
        padded = n_samples + full["pad_begin"] * (full["n_fft"] - full["hop_length"])
        starts = range(0, padded, full["hop_length"])
        whole = [start for start in starts if start + full["win_length"] <= padded]
        n_frames = len(starts) if full["pad_end"] else len(whole)
        assert got.shape == (2, n_frames, full["n_fft"] // 2 + 1)

    @PROFILE
    @given(st.integers(0, 30), stft_parameters(60))
    def test_inverse_stft(self, n_frames, parameters):
        full = filled_in(parameters)
        x = np.zeros((n_frames, full["n_fft"] // 2 + 1), np.complex64)
        lengths = [full[name] for name in ("n_fft", "win_length", "hop_length")]
        n_samples = (n_frames - 1) * full["hop_length"] + full["win_length"]
        got = kr.inverse_stft(x, *lengths, forward_window_name=full["window_name"])
        assert got.shape == (max(0, n_samples),)

    @pytest.mark.filterwarnings("ignore:.* mel bands are empty")
    @PROFILE
    @given(st.data())
    def test_bands(self, data):
        parameters = data.draw(stft_parameters())
        parameters["n_fft"] += 1
        parameters |= {"win_length": 7, "hop_length": 2, "window_name": None}
        n_freq = parameters["n_fft"] // 2 + 1
        name, extra, filterbank = data.draw(bands(n_freq))
        x = np.zeros((1, 50, 2), np.float32)
        got = getattr(kr, name)(x, **parameters, **extra)
        n_bands = n_freq if filterbank is None else filterbank.shape[1]
        assert got.shape == (1, kr.stft(x, **parameters).shape[1], n_bands, 2)


class TestTransforms:
    @PROFILE
    @given(stft_parameters(), N_SAMPLES, SEEDS, st.floats(-9, 9, width=32))
    def test_linear(self, parameters, n_samples, seed, factor):
        x, y = np.random.default_rng(seed).uniform(-1, 1, (2, n_samples))
        got = kr.stft(x + factor * y, **parameters)
        expected = kr.stft(x, **parameters) + factor * kr.stft(y, **parameters)
        scale = 10 * peak_of(kr.stft(np.abs(x) + np.abs(y), **parameters)) if got.size else 0
        assert_close(got, expected, TWO_WAYS_EPS * eps_of(got.dtype) * scale)

    @PROFILE
    @given(st.integers(1, 300), st.data())
    def test_parseval(self, n_fft, data):
        win_length = data.draw(st.integers(1, n_fft))
        x = values(np.random.default_rng(data.draw(SEEDS)), (1000,), "noise")
        got = kr.stft(x, n_fft, win_length, 40, window_name="hamming_window")
        power = np.abs(got) ** 2
        # All bins stand for two, except the first one and the last one of an even transform.
        total = 2 * power.sum(axis=1) - power[:, 0] - (n_fft % 2 == 0) * power[:, -1]
        frames = kr.frame(np.append(x, np.zeros(300)), max(win_length, 40), 40)[: len(got)]
        energy = np.sum(
            (frames[:, :win_length] * kr.hamming_window(win_length, dtype="f8")) ** 2, 1
        )
        assert_close(total / n_fft, energy, TWO_WAYS_EPS * eps_of(x.dtype) * peak_of(energy))

    @PROFILE
    @given(st.integers(2, 200), st.data())
    def test_pair_reconstructs(self, n_fft, data):
        hop_length = data.draw(st.integers(1, n_fft // 2))
        x, data_format = data.draw(arrays((data.draw(N_SAMPLES),), st.just("float64")))
        spectra_format = data.draw(st.sampled_from([FIRST, LAST]))
        forward, inverse = kr.perfectly_reconstructing_stft_istft(
            n_fft, hop_length, data_format, spectra_format
        )
        got = channels_first(inverse(forward(x)), data_format, 1)
        expected = channels_first(x, data_format, 1)
        start = n_fft - hop_length
        got = got[..., start : start + expected.shape[2]]
        assert_close(got, expected.astype("f8"), TWO_WAYS_EPS * eps_of("f8"))

    @PROFILE
    @given(stft_parameters(), N_SAMPLES, SEEDS)
    def test_shifted_by_a_hop(self, parameters, n_samples, seed):
        parameters |= {"pad_begin": False, "pad_end": False}
        x = np.random.default_rng(seed).uniform(-1, 1, n_samples)
        hop_length = filled_in(parameters)["hop_length"]
        whole = kr.stft(x, **parameters)
        assert_same(kr.stft(x[hop_length:], **parameters), whole[1:])


class TestLevels:
    @PROFILE
    @given(st.data())
    def test_within_the_dynamic_range_of_the_peak(self, data):
        x, _ = data.draw(arrays((7, 5), st.sampled_from(["float32", "float64"]), leading=2))
        scale = data.draw(DECIBELS)
        got = kr.magnitude_to_decibel(x, **scale)
        if x.size:
            peak = got.max(axis=(1, 2, 3), keepdims=True)
            slack = 1e-5 * scale["dynamic_range"]  # The subtraction rounds in float32.
            assert np.all(got >= peak - scale["dynamic_range"] - slack)

    @PROFILE
    @given(SEEDS, st.integers(-6, 6), st.floats(1, 200))
    def test_a_factor_of_ten_is_ten_decibels(self, seed, exponent, dynamic_range):
        x = np.random.default_rng(seed).uniform(0.01, 1, (3, 40))
        got = kr.magnitude_to_decibel(x * 10.0**exponent, 1.0, 1e-30, dynamic_range)
        expected = kr.magnitude_to_decibel(x, 1.0, 1e-30, dynamic_range) + 10 * exponent
        assert_close(got, expected, 100 * TWO_WAYS_EPS * eps_of(x.dtype))

    @PROFILE
    @given(SEEDS, DECIBELS, DTYPES)
    def test_louder_is_more(self, seed, scale, dtype):
        x = 10 ** np.random.default_rng(seed).uniform(-4, 4, 3000)
        x = np.sort(x.astype(dtype))
        assert np.all(np.diff(kr.magnitude_to_decibel(x, **scale)) >= 0)

    @PROFILE
    @given(st.integers(2, 65536), SEEDS, st.sampled_from(["float32", "float64"]))
    def test_louder_has_a_higher_code(self, channels, seed, dtype):
        x = np.sort(np.random.default_rng(seed).uniform(-1, 1, 3000).astype(dtype))
        codes = kr.mu_law_encoding(x, channels)
        assert np.all(np.diff(codes) >= 0)
        assert codes.min() >= 0
        assert codes.max() <= channels - 1

    @PROFILE
    @given(st.integers(2, 65536))
    def test_codes_survive(self, channels):
        codes = np.arange(channels)
        again = kr.mu_law_encoding(kr.mu_law_decoding(codes, channels), channels)
        np.testing.assert_array_equal(again, codes)

    @PROFILE
    @given(st.integers(2, 65536), SEEDS)
    def test_samples_survive_but_for_a_step(self, channels, seed):
        x = np.random.default_rng(seed).uniform(-1, 1, 3000)
        codes = kr.mu_law_encoding(x, channels)
        got = kr.mu_law_decoding(codes, channels).astype(np.float64)
        around = np.stack([codes - 0.51, codes + 0.51])
        low, high = kr.mu_law_decoding(around, channels).astype(np.float64)
        assert np.all((low <= x) & (x <= high))
        assert np.all((low <= got) & (got <= high))


class TestOthers:
    @PROFILE
    @given(SEEDS, st.integers(1, 10), st.sampled_from(["symmetric", "reflect", "constant"]))
    def test_delta_of_a_line_is_its_slope(self, seed, half, mode):
        slope, offset = np.random.default_rng(seed).uniform(-1, 1, (2, 5))
        x = np.arange(40)[:, None] * slope + offset
        got = kr.delta(x, 2 * half + 1, mode)[half:-half]
        assert_close(got, np.broadcast_to(slope, got.shape), 40 * TWO_WAYS_EPS * eps_of(x.dtype))

    @PROFILE
    @given(SEEDS, st.integers(1, 140))
    def test_all_coefficients_hold_the_energy(self, seed, n_mels):
        x = values(np.random.default_rng(seed), (6, n_mels), "noise")
        got = kr.logmel_to_mfcc(x, n_mels)
        got[:, 0] /= np.sqrt(2)
        energy = np.sum(x**2, axis=1)
        assert_close(np.sum(got**2, axis=1), energy, TWO_WAYS_EPS * eps_of(x.dtype) * n_mels)

    @PROFILE
    @given(st.data())
    def test_identity_filterbank(self, data):
        x, data_format = data.draw(arrays((7, 9)))
        got = kr.apply_filterbank(x, np.eye(9, dtype=np.float32), data_format)
        np.testing.assert_array_equal(got, x)

    @PROFILE
    @given(st.data())
    def test_energy_of_whole_frames_is_that_of_the_signal(self, data):
        frame_length, n_frames = data.draw(st.integers(1, 50)), data.draw(st.integers(0, 20))
        x, data_format = data.draw(arrays((frame_length * n_frames,), st.just("float64")))
        options = {"sample_rate": frame_length, "ref_duration": 1.0, "data_format": data_format}
        got = kr.energy(x, frame_length=frame_length, hop_length=frame_length, **options)
        total = channels_first(got, data_format, 1).sum(axis=2)
        expected = np.sum(channels_first(x, data_format, 1) ** 2, axis=2)
        assert_close(total, expected, TWO_WAYS_EPS * eps_of("f8") * peak_of(expected))

    @PROFILE
    @given(st.data())
    def test_masks_cover_whole_bins_and_frames(self, data):
        rng = np.random.default_rng(data.draw(SEEDS))
        x = rng.uniform(1, 2, (3, 12, 9, 2))
        widths = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 12)))
        covered = kr.spec_augment(x, *widths, mask_value=7.0, rng=rng) == 7
        assert np.all((kr.spec_augment(x, *widths, rng=rng) == x) | ~(x == 0))
        assert np.all(covered == covered[..., :1])
        times, bins = covered.all(axis=(2, 3)), covered.all(axis=(1, 3))
        np.testing.assert_array_equal(covered[..., 0], times[:, :, None] | bins[:, None, :])
        # If an item is covered throughout, nobody can tell how wide the other mask is.
        told = ~covered.all(axis=(1, 2, 3))
        n_times, n_bins = times[told].sum(axis=1), bins[told].sum(axis=1)
        assert np.all((n_times >= 1) & (n_times <= widths[1]))
        assert np.all((n_bins >= 1) & (n_bins <= widths[0]))

    def test_no_bins_give_empty_sums(self):
        got = kr.apply_filterbank(np.ones((300, 0), np.float32), np.ones((0, 2), np.float32))
        np.testing.assert_array_equal(got, np.zeros((300, 2)))

    @pytest.mark.parametrize("pad_value", [1e20, -3e38])
    def test_frames_without_padding_do_not_know_it(self, pad_value):
        x = np.ones(10, np.float32)
        got = kr.energy(x, 10, 1.0, 4, 4, pad_end=True, pad_value=pad_value)
        np.testing.assert_array_equal(got, [10, 10, np.inf])
