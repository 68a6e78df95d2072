"""Every operation on any input, of any layout in any arrangement: within its oracle's contract."""

import numpy as np
import plain_formulas
import pytest
from closeness import (
    assert_close,
    assert_within_contract,
    eps_of,
    error_between,
    peak_of,
    real_name,
)
from hypothesis import given
from hypothesis import strategies as st
from operation import FIRST, as_caller, channels_first, double
from strategies import (
    ARRANGEMENTS,
    DECIBELS,
    DTYPES,
    FORMATS,
    KINDS,
    N_SAMPLES,
    PROFILE,
    SEEDS,
    arranged,
    arrays,
    bands,
    filled_in,
    stft_parameters,
    values,
)  # fmt: skip

import kapre_ref as kr
from kapre_ref._synthesis import inverse_window_reference


class TestKernelsMatchOracles:
    @PROFILE
    @given(st.data())
    def test_frame(self, data):
        x, data_format = data.draw(arrays((data.draw(N_SAMPLES),)))
        frame_length = data.draw(st.integers(1, 200))
        options = {
            "hop_length": data.draw(st.integers(1, frame_length)),
            "pad_end": data.draw(st.booleans()),
            "pad_value": data.draw(st.floats(-10, 10, width=16)),
            "data_format": data_format,
        }
        got = kr.frame(x, frame_length, **options)
        expected = kr.frame_reference(x, frame_length, **options)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)

    @PROFILE
    @given(st.data())
    def test_energy(self, data):
        x, data_format = data.draw(arrays((data.draw(N_SAMPLES),)))
        lengths = (data.draw(st.integers(1, 300)), data.draw(st.integers(1, 400)))
        pad_end = data.draw(st.booleans())
        options = {"pad_end": pad_end, "data_format": data_format, "sample_rate": 1000}
        got = kr.energy(x, frame_length=lengths[0], hop_length=lengths[1], **options)
        parameters = {"frame_length": lengths[0], "hop_length": lengths[1], **options}
        truth = kr.energy_reference(double(x), **parameters)
        signals = channels_first(x, data_format, 1)
        plain = plain_formulas.energy(signals, *lengths, pad_end, 0.1 / (lengths[0] / 1000))
        plain = as_caller(plain, x.ndim - 1, data_format)
        assert_within_contract(got, truth, plain.astype(got.dtype))

    @PROFILE
    @given(st.data())
    def test_stft(self, data):
        x, data_format = data.draw(arrays((data.draw(N_SAMPLES),)))
        parameters, output = data.draw(stft_parameters()), data.draw(FORMATS)
        formats = {"input_data_format": data_format, "output_data_format": output}
        got = kr.stft(x, **parameters, **formats)
        truth = kr.stft_reference(double(x), **parameters, **formats)
        signals = channels_first(x, data_format, 1)
        plain = plain_formulas.stft(signals.astype(real_name(x.dtype)), **filled_in(parameters))
        assert_within_contract(got, truth, as_caller(plain, x.ndim - 1, output))

    @PROFILE
    @given(st.data())
    def test_inverse_stft(self, data):
        parameters = data.draw(stft_parameters(150))
        n_fft, win_length, hop_length, window_name, *_ = parameters.values()
        real, data_format = data.draw(
            arrays((data.draw(st.integers(0, 20)), n_fft // 2 + 1), st.just("float64"))
        )
        turn = np.exp(1j * np.random.default_rng(data.draw(SEEDS)).uniform(-3, 3, real.shape))
        x = (real * turn).astype(data.draw(st.sampled_from(["complex64", "complex128"])))
        x, output = arranged(x, data.draw(ARRANGEMENTS)), data.draw(FORMATS)
        options = {"n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
        options |= {"forward_window_name": window_name}
        options |= {"input_data_format": data_format, "output_data_format": output}
        got = kr.inverse_stft(x, **options)
        truth = kr.inverse_stft_reference(x, **options)  # double(x) would give another window.
        given = filled_in(parameters)
        spectra = channels_first(x, data_format, 2).astype(x.dtype.newbyteorder("="))
        lengths = (given["n_fft"], given["win_length"], given["hop_length"])
        plain = plain_formulas.inverse_stft(spectra, *lengths, window_name)
        # A short window keeps a part of each frame, whose rounding is that of the whole.
        window = kr.get_window_fn(window_name)(given["win_length"], dtype=np.float64)
        weight = peak_of(inverse_window_reference(window, given["hop_length"]))
        terms = 4 * weight * peak_of(np.fft.irfft(double(spectra), n_fft))
        assert_sum_close(got, truth, as_caller(plain, x.ndim - 2, output), terms)

    @pytest.mark.filterwarnings("ignore:.* mel bands are empty")
    @PROFILE
    @given(st.data())
    def test_composed(self, data):
        x, data_format = data.draw(arrays((data.draw(N_SAMPLES),)))
        parameters, output = data.draw(stft_parameters()), data.draw(FORMATS)
        parameters["n_fft"] = max(2, parameters["n_fft"])
        name, extra, filterbank = data.draw(bands(parameters["n_fft"] // 2 + 1))
        formats = {"input_data_format": data_format, "output_data_format": output}
        options = parameters | extra | formats
        got = getattr(kr, name)(x, **options)
        oracle = getattr(kr, f"{name}_reference")
        truth = oracle(double(x), **options)
        signals = plain_formulas.working(channels_first(x, data_format, 1))
        spectra = plain_formulas.stft(signals, **filled_in(parameters))
        plain = plain_formulas.magnitude(spectra)
        if filterbank is not None:
            plain = plain_formulas.apply_filterbank(plain, filterbank)
        plain = as_caller(plain, x.ndim - 1, output)
        assert_within_contract(got, truth, plain.astype(got.dtype))

        scale = {f"db_{key}": value for key, value in data.draw(DECIBELS).items()}
        options |= {"return_decibel": True} | scale
        decibel = getattr(kr, name)(x, **options)
        off = 2 * error_between(plain, truth) + 4 * eps_of(plain.dtype) * peak_of(truth)
        assert_decibels_of(decibel, truth, off, oracle(double(x), **options), scale["db_amin"])

    @PROFILE
    @given(st.data())
    def test_stft_mag_phase(self, data):
        x, data_format = data.draw(arrays((data.draw(N_SAMPLES),), leading=2))
        parameters, output = data.draw(stft_parameters()), data.draw(FORMATS)
        options = parameters | {"input_data_format": data_format, "output_data_format": output}
        axis = 1 if output == FIRST else 3
        got = np.split(kr.stft_mag_phase(x, **options), 2, axis=axis)
        truth = np.split(kr.stft_mag_phase_reference(double(x), **options), 2, axis=axis)
        spectra = plain_formulas.stft(
            plain_formulas.working(channels_first(x, data_format, 1)), **filled_in(parameters)
        )
        plain = as_caller(plain_formulas.magnitude(spectra), x.ndim - 1, output)
        assert_within_contract(got[0], truth[0], plain.astype(got[0].dtype))
        # An error of the spectrum turns its phase by the error over the magnitude.
        exact = kr.stft_reference(double(x), **(options | {"output_data_format": FIRST}))
        precision = eps_of(spectra.dtype)
        off = 2 * error_between(spectra, exact) + 4 * precision * peak_of(exact)
        turn = np.abs(np.angle(np.exp(1j * (got[1].astype(np.float64) - truth[1]))))
        allowed = np.arcsin(np.minimum(1, off / np.maximum(truth[0], 1e-300)))
        allowed = np.where(truth[0] <= 2 * off, np.pi, allowed) + 8 * eps_of(x.dtype)
        assert np.all(turn <= allowed + 1e-14)

    @PROFILE
    @given(st.data())
    def test_magnitude_and_phase(self, data):
        real, _ = data.draw(arrays((7, 9), st.just("float64"), scale=1e3))
        turn = np.exp(1j * np.random.default_rng(data.draw(SEEDS)).uniform(-4, 4, real.shape))
        x = (real * turn).astype(data.draw(st.sampled_from(["complex64", "complex128"])))
        x = arranged(x, data.draw(ARRANGEMENTS))
        native = x.astype(x.dtype.newbyteorder("="))
        for name in ("magnitude", "phase"):
            got = getattr(kr, name)(x)
            truth = getattr(kr, f"{name}_reference")(double(x))
            assert_within_contract(got, truth, getattr(plain_formulas, name)(native))

    @PROFILE
    @given(st.data())
    def test_magnitude_to_decibel(self, data):
        shape = tuple(data.draw(st.lists(st.integers(0, 9), min_size=0, max_size=5)))
        rng, scale = np.random.default_rng(data.draw(SEEDS)), data.draw(DECIBELS)
        x = np.abs(values(rng, shape, data.draw(KINDS))) * 10 ** data.draw(st.floats(-4, 4))
        x = arranged(np.asarray(x, data.draw(DTYPES)), data.draw(ARRANGEMENTS))
        got = kr.magnitude_to_decibel(x, **scale)
        truth = kr.magnitude_to_decibel_reference(double(x), **scale)
        native = x.astype(x.dtype.newbyteorder("="))
        plain = plain_formulas.magnitude_to_decibel(native, **scale)
        # Decibels are the difference of two logarithms, each of which is rounded twice.
        terms = 20 * max(abs(np.log10(scale["amin"])), abs(np.log10(scale["ref_value"])))
        assert_sum_close(got, truth, plain, terms)

    @PROFILE
    @given(st.data())
    def test_apply_filterbank(self, data):
        n_freq, n_bands = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 30))
        x, data_format = data.draw(arrays((data.draw(st.integers(0, 20)), n_freq)))
        rng = np.random.default_rng(data.draw(SEEDS))
        filterbank = values(rng, (n_freq, n_bands), data.draw(KINDS)).astype(data.draw(DTYPES))
        filterbank = arranged(filterbank, data.draw(ARRANGEMENTS))
        got = kr.apply_filterbank(x, filterbank, data_format)
        truth = kr.apply_filterbank_reference(double(x), filterbank, data_format)
        plain = plain_formulas.apply_filterbank(channels_first(x, data_format, 2), filterbank)
        plain = as_caller(plain, x.ndim - 2, data_format).astype(got.dtype)
        terms = kr.apply_filterbank_reference(np.abs(double(x)), np.abs(filterbank), data_format)
        assert_sum_close(got, truth, plain, peak_of(terms))

    @PROFILE
    @given(st.data())
    def test_delta(self, data):
        n_frames = data.draw(st.integers(0, 30))
        mode = data.draw(st.sampled_from(["symmetric", "reflect", "constant"]))
        most = {"symmetric": n_frames, "reflect": n_frames - 1, "constant": 40}[mode]
        half = data.draw(st.integers(1, max(1, most)))
        x, data_format = data.draw(
            arrays((n_frames if most > 0 else 0, data.draw(st.integers(0, 9))))
        )
        arguments = (2 * half + 1, mode)
        got = kr.delta(x, *arguments, data_format)
        truth = kr.delta_reference(double(x), *arguments, data_format)
        spectra = channels_first(x, data_format, 2)
        plain = plain_formulas.delta(spectra, *arguments) if spectra.shape[2] else spectra
        plain = as_caller(plain, x.ndim - 2, data_format).astype(got.dtype)
        assert_sum_close(got, truth, plain, peak_of(x))

    @PROFILE
    @given(st.data())
    def test_logmel_to_mfcc(self, data):
        n_mels = data.draw(st.integers(1, 130))
        n_mfccs = data.draw(st.integers(1, n_mels))
        x, data_format = data.draw(arrays((data.draw(st.integers(0, 20)), n_mels), scale=50.0))
        got = kr.logmel_to_mfcc(x, n_mfccs, data_format)
        truth = kr.logmel_to_mfcc_reference(double(x), n_mfccs, data_format)
        plain = plain_formulas.logmel_to_mfcc(channels_first(x, data_format, 2), n_mfccs)
        plain = as_caller(plain, x.ndim - 2, data_format).astype(got.dtype)
        # In float64 the oracle rounds as a kernel does, but it sums in another order.
        assert_sum_close(got, truth, plain, 4 * np.sqrt(n_mels) * peak_of(x))

    @PROFILE
    @given(st.data())
    def test_concatenate_frequency_map(self, data):
        shape = (data.draw(st.integers(0, 9)), data.draw(st.integers(0, 40)))
        x, data_format = data.draw(arrays(shape, leading=2))
        got = kr.concatenate_frequency_map(x, data_format)
        expected = kr.concatenate_frequency_map_reference(x, data_format)
        assert got.dtype == x.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, expected)

    @PROFILE
    @given(st.data())
    def test_spec_augment(self, data):
        n_frames, n_freq = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
        x, data_format = data.draw(arrays((n_frames, n_freq)))
        options = {
            "freq_mask_param": data.draw(st.integers(1, n_freq)),
            "time_mask_param": data.draw(st.integers(1, n_frames)),
            "n_freq_masks": data.draw(st.integers(0, 3)),
            "n_time_masks": data.draw(st.integers(0, 3)),
            "mask_value": data.draw(st.floats(-9, 9, width=16)),
            "data_format": data_format,
        }
        seed = data.draw(SEEDS)
        got = kr.spec_augment(x, **options, rng=np.random.default_rng(seed))
        oracle = kr.spec_augment_reference
        np.testing.assert_array_equal(got, oracle(x, **options, rng=np.random.default_rng(seed)))

    @PROFILE
    @given(st.data())
    def test_channel_swap(self, data):
        x, data_format = data.draw(arrays((data.draw(st.integers(0, 9)), 3), leading=2))
        seed = data.draw(SEEDS)
        got = kr.channel_swap(x, data_format, rng=np.random.default_rng(seed))
        oracle = kr.channel_swap_reference
        np.testing.assert_array_equal(got, oracle(x, data_format, rng=np.random.default_rng(seed)))

    @PROFILE
    @given(st.data())
    def test_mu_law(self, data):
        x, _ = data.draw(arrays((data.draw(N_SAMPLES),)))
        channels = data.draw(st.integers(2, 65536))
        codes = kr.mu_law_encoding(x, channels)
        assert codes.dtype == np.int32
        expected = kr.mu_law_encoding_reference(x, channels)
        # Where the value lies on the boundary of two codes, rounding decides.
        mu, wide = channels - 1.0, double(x)
        value = (np.sign(wide) * np.log1p(mu * np.abs(wide)) / np.log1p(mu) + 1) / 2 * mu + 0.5
        precision = eps_of(np.promote_types(x.dtype, np.float32))
        boundary = np.abs(value - np.round(value)) <= 4 * precision * channels
        assert np.all((codes == expected) | (boundary & (np.abs(codes - expected) == 1)))
        decoded = kr.mu_law_decoding(codes, channels)
        truth = kr.mu_law_decoding_reference(codes, channels)
        np.testing.assert_allclose(decoded, truth, rtol=4 * eps_of("float32"), atol=0)


def assert_sum_close(got, truth, plain, terms):
    """Require the contract's error, or one eps of the terms of a sum that cancels."""
    assert got.dtype == plain.dtype
    precision = eps_of(np.promote_types(got.dtype, np.float32))
    rounded = eps_of(got.dtype) * peak_of(truth)
    assert_close(got, truth, 2 * error_between(plain, truth) + 4 * rounded + precision * terms)


def assert_decibels_of(got, values, off, truth, amin):
    """Require decibels to be within the error that values which are off by `off` explain."""
    values = np.maximum(values, amin)
    if not values.size:
        assert got.shape == truth.shape
        return
    down, up = values / np.maximum(values - off, amin), (values + off) / values
    allowed = 10 * np.log10(np.maximum(down, up))
    # The floor moves with the peak of its item.
    item_axes = tuple(range(values.ndim - 2, values.ndim)) if values.ndim < 3 else None
    item_axes = item_axes or tuple(range(1, values.ndim))
    at_peak = np.where(values == values.max(axis=item_axes, keepdims=True), allowed, 0)
    allowed = np.maximum(allowed, at_peak.max(axis=item_axes, keepdims=True))
    allowed = allowed + 4 * eps_of(got.dtype) * np.maximum(peak_of(truth), 100)
    distance = np.abs(got.astype(np.float64) - truth)
    assert np.all(distance <= allowed), f"{np.max(distance / allowed)} times what is allowed"
