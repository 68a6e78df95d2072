"""stft_magnitude and stft_mag_phase."""

import numpy as np
import plain_formulas
import pytest
from closeness import assert_close, assert_formulas_agree, eps_of, error_between, peak_of
from operation import FIRST, LAST, TakesOut, as_caller, case, channels_first, double
from stft_cases import filled_in, formats_of

import kapre_ref as kr

STFT = ("n_fft", "win_length", "hop_length", "window_name", "pad_begin", "pad_end")
DECIBEL = {"return_decibel": True}
SCALE = {"db_ref_value": 1.0, "db_amin": 1e-5, "db_dynamic_range": 80.0}


def split(parameters):
    """Return the STFT's full parameters, the scale or None, and the formats."""
    given = filled_in(**{k: v for k, v in parameters.items() if k in STFT})
    scale = {k.removeprefix("db_"): parameters.get(k, v) for k, v in SCALE.items()}
    scale = scale if parameters.get("return_decibel") else None
    return given, scale, formats_of(parameters)


def plain_magnitude(x, parameters):
    """Return magnitudes (batch, channel, n_frames, n_freq) by the plain formulas, not rounded."""
    given, _, formats = split(parameters)
    signals = plain_formulas.working(channels_first(x, formats[0], 1))
    return plain_formulas.magnitude(plain_formulas.stft(signals, **given))


class ComposedTests(TakesOut):
    """Tests of a composed operation, which must equal the chain of single operations."""

    def plain(self, x, **parameters):
        _, scale, formats = split(parameters)
        result = self.plain_linear(x, parameters)
        if scale is not None:
            result = plain_formulas.magnitude_to_decibel(result, **scale)
        return as_caller(result, x.ndim - 1, formats[1]).astype(x.dtype)

    def assert_kernel_close(self, got, x, parameters):
        """Compare decibels by the magnitudes that they stand for.

        Where a bin is faint, the rounding of the transform is many decibels, in the plain formula
        as in any other, but not in the same bins.
        """
        _, scale, formats = split(parameters)
        if scale is None:
            super().assert_kernel_close(got, x, parameters)
            return
        linear = {k: v for k, v in parameters.items() if k != "return_decibel"}
        truth = self.oracle(double(x), **linear)
        plain = as_caller(self.plain_linear(x, parameters), x.ndim - 1, formats[1])
        assert_formulas_agree(plain, truth)
        working = min(eps_of(x.dtype), eps_of(np.float32))
        allowed = 2 * error_between(plain, truth) + 4 * working * peak_of(truth)
        highest = np.maximum(truth + allowed, scale["amin"])
        lowest = np.maximum(truth - allowed, scale["amin"])
        expected = self.oracle(double(x), **parameters)
        rounding = 4 * working * (peak_of(expected) + 50) + eps_of(x.dtype) * np.abs(expected)
        error = np.abs(got.astype(np.float64) - expected)
        assert got.dtype == x.dtype.newbyteorder("=")
        assert got.shape == expected.shape
        assert np.all(error <= 10 * np.log10(highest / lowest) + rounding)

    def chain(self, x, parameters):
        """Return the chain of single public operations, one spectrogram after the other."""
        _, scale, formats = split(parameters)
        result = self.chain_linear(x, parameters, formats[1])
        if scale is None:
            return result
        if x.ndim == 1:  # It is one item, as if there were a batch of one.
            return kr.magnitude_to_decibel(result[None], **scale)[0]
        return kr.magnitude_to_decibel(result, **scale)

    def stft_of(self, x, parameters):
        names = (*STFT, "input_data_format", "output_data_format")
        return kr.stft(x, **{k: v for k, v in parameters.items() if k in names})

    def test_equals_the_chain(self, backend, case, rng):
        x = self.example(rng, case.shape, np.float64)
        expected = backend.numpy(self.chain(backend.array(x), case.parameters))
        got = self.run(backend, x, case.parameters)
        assert got.dtype == expected.dtype
        tolerance = 32 * eps_of(np.float64) * peak_of(expected)
        if case.parameters.get("return_decibel"):
            # The error of the loudest bin's rounding, in dB of a bin that is as faint as amin.
            linear = {k: v for k, v in case.parameters.items() if k != "return_decibel"}
            loudest = peak_of(self.run(backend, x, linear))
            amin = case.parameters.get("db_amin", SCALE["db_amin"])
            tolerance += 4.4 * 32 * eps_of(np.float64) * loudest / amin
        assert_close(got, expected, tolerance)

    def test_items_have_their_own_peak(self, backend, rng):
        x = rng.uniform(-1, 1, (3, 400, 2)) * np.array([[[1e-3]], [[1]], [[1e3]]])
        got = self.run(backend, x, {**self.usual.parameters, "return_decibel": True})
        for item in range(3):
            alone = self.run(
                backend, x[item : item + 1], {**self.usual.parameters, "return_decibel": True}
            )
            np.testing.assert_array_equal(got[item], alone[0])

    def test_signal_without_batch_is_one_item(self, backend, rng):
        x = rng.uniform(-1, 1, 3000)
        x[:2000] *= 1e-4
        linear = {k: v for k, v in self.usual.parameters.items() if "data_format" not in k}
        parameters = {**linear, "return_decibel": True, "db_dynamic_range": 20.0, "db_amin": 1e-9}
        got = self.run(backend, x, parameters)
        np.testing.assert_array_equal(got, self.run(backend, x[None], parameters)[0])
        assert got.min() == pytest.approx(got.max() - 20, abs=1e-9)

    @pytest.mark.parametrize("precision", ["float16", "float32", "float64"])
    def test_silence(self, backend, precision):
        x = np.zeros((2, 500, 1), precision)
        parameters = {**self.usual.parameters, "input_data_format": LAST}
        assert not self.run(backend, x, parameters).any()
        got = self.run(backend, x, {**parameters, "return_decibel": True, "db_amin": 1e-3})
        assert_close(got, np.full(got.shape, -30.0), 30 * eps_of(precision))

    def test_nan_stays_in_its_frames_or_its_item(self, backend, rng):
        x = rng.uniform(-1, 1, (2, 1500)).astype(np.float32)
        clean = self.run(backend, x, {"n_fft": 64})
        x[1, 700] = np.nan
        got = self.run(backend, x, {"n_fft": 64})
        touched = np.isnan(got)
        assert touched[1].all(axis=1).sum() == 4
        np.testing.assert_array_equal(got[~touched], clean[~touched])
        decibel = self.run(backend, x, {"n_fft": 64, "return_decibel": True})
        assert np.isnan(decibel[1]).all()
        assert np.isfinite(decibel[0]).all()

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"n_fft": 0}, ValueError, "n_fft must be an integer at least 1, got 0"),
            ({"hop_length": 0}, ValueError, "hop_length must be an integer at least 1, got 0"),
            ({"window_name": "han"}, NotImplementedError, "window_name must be one of"),
            ({"return_decibel": 1}, TypeError, "return_decibel must be True or False, got 1"),
            ({"return_decibel": True, "db_amin": 0}, ValueError, "db_amin must be positive, got 0"),
            (
                {"return_decibel": True, "db_ref_value": -1},
                ValueError,
                "db_ref_value must be positive, got -1",
            ),
            (
                {"return_decibel": True, "db_dynamic_range": None},
                TypeError,
                "db_dynamic_range must be a number, got None",
            ),
            (
                {"return_decibel": True, "db_amin": np.nan},
                ValueError,
                "db_amin must be a finite number, got nan",
            ),
            ({"input_data_format": "x"}, ValueError, "input_data_format must be one of"),
            ({"output_data_format": 1}, TypeError, "output_data_format must be a string, got 1"),
            ({"x": np.ones((1, 99, 1), np.int16)}, TypeError, "x must have dtype .*scale it"),
            ({"x": np.ones((1, 1, 99, 1))}, ValueError, "x must have shape"),
            ({"x": None}, TypeError, r"x must be a numpy\.ndarray .* got None"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            self.public(**{"x": np.ones((1, 99, 1)), "n_fft": 64, **DECIBEL, **arguments})


COMMON = (
    case(300, n_fft=64),
    case(300, n_fft=64, return_decibel=True),
    case(2, 300, 3, n_fft=64, output_data_format=FIRST, return_decibel=True),
    case(2, 3, 300, n_fft=64, input_data_format=FIRST, return_decibel=True),
    case(2, 3, 300, n_fft=64, input_data_format=FIRST, output_data_format=FIRST),
    case(2, 300, n_fft=63, win_length=50, hop_length=13, pad_begin=True, pad_end=True),
    case(2, 300, n_fft=48, win_length=64, window_name="vorbis_window"),
    case(2, 300, n_fft=64, hop_length=80),
    case(2, 40, n_fft=64, return_decibel=True),
    case(0, 300, n_fft=64, return_decibel=True),
    case(2, 300, 0, n_fft=64, return_decibel=True),
    case(
        2,
        300,
        n_fft=64,
        return_decibel=True,
        db_amin=1e-2,
        db_ref_value=0.5,
        db_dynamic_range=7.0,
    ),
    *(case(2, 3 * n_fft, n_fft=n_fft) for n_fft in (400, 480, 512, 1009, 1200, 1536, 2000, 2048)),
    case(70_000, n_fft=512),  # large enough for several threads
    case(1, 70_000, 3, n_fft=400, hop_length=160, pad_end=True, return_decibel=True),
)


class TestStftMagnitude(ComposedTests):
    public = staticmethod(kr.stft_magnitude)
    oracle = staticmethod(kr.stft_magnitude_reference)
    usual = case(2, 150, 3, n_fft=32, hop_length=7, pad_end=True, output_data_format=FIRST)
    cases = (*(case(2, 30, n_fft=n_fft) for n_fft in (1, 2, 3, 5)), case(2, 2500), *COMMON)

    def plain_linear(self, x, parameters):
        return plain_magnitude(x, parameters)

    def chain_linear(self, x, parameters, data_format):
        return kr.magnitude(self.stft_of(x, parameters))

    def test_pure_tone(self, backend):
        # A full-scale cosine on a bin gives half the sum of the window: n_fft / 4 for Hann.
        x = np.cos(2 * np.pi * 100 * np.arange(4000) / 1000)
        got = self.run(backend, x, {"n_fft": 1000})
        assert_close(got[:, 100], np.full(len(got), 250.0), 1e-10)
        assert_close(got[:, 99], np.full(len(got), 125.0), 1e-10)
        assert got[:, :98].max() < 1e-9


class TestExtremes:
    @pytest.mark.parametrize("n_fft", [32, 45, 22])
    @pytest.mark.parametrize(
        ("dtype", "level"),
        [
            ("float32", 1e-30),
            ("float32", 1e-22),
            ("float32", 1e18),
            ("float32", 1e35),
            ("float64", 1e-300),
            ("float64", 1e200),
        ],
    )
    def test_very_loud_and_very_faint_signals(self, backend, n_fft, dtype, level, rng):
        x = (level * rng.uniform(-1, 1, (2, 600))).astype(dtype)  # squares are out of range
        x[0, :200] = 0
        parameters = {"n_fft": n_fft, "hop_length": 8}
        got = backend.numpy(kr.stft_magnitude(backend.array(x), **parameters))
        truth = kr.stft_magnitude_reference(x.astype(np.float64), **parameters)
        assert_close(got, truth, 8 * eps_of(dtype) * peak_of(truth))

    def test_an_amin_that_rounds_to_zero(self, backend, rng):
        x = rng.uniform(-1, 1, (1, 600)).astype(np.float32)
        x[0, 200:] = 0
        options = {"return_decibel": True, "db_amin": 1e-60, "db_dynamic_range": 2000.0}
        got = backend.numpy(kr.stft_magnitude(backend.array(x), n_fft=32, **options))
        assert got.min() == -600
        assert got[0, 0].min() > -100


class TestStftMagPhase(ComposedTests):
    public = staticmethod(kr.stft_mag_phase)
    oracle = staticmethod(kr.stft_mag_phase_reference)
    usual = case(2, 150, 3, n_fft=32, hop_length=7, pad_end=True, output_data_format=FIRST)
    cases = tuple(one for one in COMMON if len(one.shape) == 3)

    def halves(self, y, parameters):
        return np.split(y, 2, axis=1 if parameters.get("output_data_format") == FIRST else -1)

    def assert_kernel_close(self, got, x, parameters):
        """Compare magnitudes as elsewhere, and phases by how far they turn their bins."""
        magnitude, phase = self.halves(got, parameters)
        twin = TestStftMagnitude()
        twin.assert_kernel_close(magnitude, x, parameters)
        linear = {k: v for k, v in parameters.items() if k != "return_decibel"}
        size, expected = self.halves(self.oracle(x.astype(np.float64), **linear), parameters)
        turn = size * np.abs(np.angle(np.exp(1j * (phase.astype(np.float64) - expected))))
        # The error that an STFT of that precision may have, and the rounding of the phase itself.
        precision = eps_of(x.dtype)
        working = min(precision, eps_of(np.float32))
        assert phase.dtype == x.dtype.newbyteorder("=")
        assert np.all(turn <= 16 * working * peak_of(size) + np.pi * precision * size)

    def test_oracle_is_the_chain_of_oracles(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        linear = {k: v for k, v in case.parameters.items() if k in STFT or "format" in k}
        spectra = kr.stft_reference(x, **linear)
        magnitude, phase = self.halves(self.oracle(x, **linear), linear)
        np.testing.assert_array_equal(magnitude, kr.magnitude_reference(spectra))
        np.testing.assert_array_equal(phase, kr.phase_reference(spectra))

    # Half of the result is phases, so the chain is compared by its oracle and the kernels' bounds.
    test_equals_the_chain = None
    test_signal_without_batch_is_one_item = None
    test_nan_stays_in_its_frames_or_its_item = None
    test_silence = None

    def test_needs_channels(self):
        match = r"x must have shape \(batch, time, channel\) / .* got shape \(2, 99\)"
        with pytest.raises(ValueError, match=match):
            kr.stft_mag_phase(np.ones((2, 99)), n_fft=64)

    def test_silence_has_no_phase(self, backend):
        got = self.run(backend, np.zeros((1, 99, 1), np.float32), {"n_fft": 64})
        assert not got.any()
