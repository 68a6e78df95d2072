"""A front end as a value: its checks, what it says about its results, and its arguments."""

import json
import pickle
import re

import numpy as np
import pytest
from bad_fields import (
    FIELDS,
    KINDS_OF,
    LOG_PARTS,
    MATRIX,
    MEL,
    N_FREQ,
    NORMALISATION_PARTS,
    OUT_OF_RANGE,
    PARTS,
    ROWS,
    SIZES,
)
from closeness import assert_close, peak_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import ARRANGEMENTS, KINDS, PROFILE, SEEDS, arranged, front_ends, values

import kapre_ref as kr
from kapre_ref import Bands, FrontEnd, LogBands, Normalisation


def pattern(field, message):
    """Take a message literally, but for '.*', and require it to begin with its field."""
    whole = field + (message if message.startswith(".") else f" {message}")
    return "^" + ".*".join(re.escape(part) for part in whole.split(".*"))


def name_of(row):
    kind, _, fields = row
    return f"{kind.__name__}-{next(iter(fields))}"


class TestErrors:
    @pytest.mark.parametrize("row", ROWS, ids=name_of)
    def test_names_field_rule_and_value(self, row):
        kind, message, fields = row
        with pytest.raises(kind, match=pattern(next(iter(fields)), message)) as caught:
            FrontEnd(**(SIZES | fields))
        assert caught.type is kind
        assert "np." not in str(caught.value)

    @pytest.mark.parametrize("row", ROWS, ids=name_of)
    def test_replace_checks_as_well(self, row):
        kind, message, fields = row
        with pytest.raises(kind, match=pattern(next(iter(fields)), message)):
            FrontEnd(**SIZES).replace(**fields)

    @pytest.mark.parametrize(
        ("make", "row"),
        [
            (make, row)
            for make, rows in (
                (Bands, PARTS),
                (LogBands, LOG_PARTS),
                (Normalisation, NORMALISATION_PARTS),
            )
            for row in rows
        ],
        ids=lambda value: name_of(value) if isinstance(value, tuple) else value.__name__,
    )
    def test_parts(self, make, row):
        kind, message, fields = row
        needed = {"n": 4} if make is Bands else {}
        with pytest.raises(kind, match=pattern(next(iter(fields)), message)):
            make(**(needed | fields))

    def test_each_field_is_tried(self):
        of_kind, of_range = (
            {next(iter(fields)) for *_, fields in rows} for rows in (KINDS_OF, OUT_OF_RANGE)
        )
        assert of_kind == set(FIELDS)
        have_no_range = {"center_window", "remove_mean", "time_first", "normalisation"}
        assert of_range == set(FIELDS) - have_no_range

    def test_unknown_field(self):
        with pytest.raises(TypeError, match="dither"):
            FrontEnd(**SIZES, dither=1)

    def test_fields_have_names(self):
        with pytest.raises(TypeError, match="positional"):
            FrontEnd(8000, 16)

    @pytest.mark.parametrize(
        ("text", "kind", "message"),
        [
            ("[]", TypeError, "text must be a JSON object, got list"),
            (None, TypeError, "text must be JSON, got NoneType"),
            ("", ValueError, "text must be JSON: Expecting"),
            ("{", ValueError, "text must be JSON: Expecting"),
            ("[" * 100_000, ValueError, "text must be JSON: maximum recursion depth"),
            (b"\xff", ValueError, "text must be JSON: 'utf-8' codec"),
            ("{}", TypeError, "text must have sample_rate and n_fft, got nothing"),
            ('{"n_fft": 16}', TypeError, "text must have sample_rate, got n_fft"),
            (
                '{"sample_rate": 1, "n_fft": 16, "bands": {}}',
                TypeError,
                "bands must have n, got no",
            ),
            ('{"sample_rate": 8000, "n_fft": 0}', ValueError, "n_fft must be"),
            ('{"sample_rate": 1, "n_fft": 16, "hop": 4}', ValueError, "got 'hop'"),
            ('{"sample_rate": 1, "n_fft": 16, "bands": {"n": 0}}', ValueError, "n must be"),
            ('{"sample_rate": 1, "n_fft": 16, "bands": {"m": 4}}', ValueError, "got 'm'"),
            ('{"sample_rate": 1, "n_fft": 16, "normalisation": {"x": 4}}', ValueError, "got 'x'"),
        ],
    )
    def test_json(self, text, kind, message):
        with pytest.raises(kind, match=message):
            FrontEnd.from_json(text)

    @pytest.mark.parametrize("n", [-1, 1.5])
    def test_counts(self, n):
        front_end = FrontEnd(**SIZES)
        with pytest.raises(ValueError, match=f"n_samples must be an integer.*, got {n}"):
            front_end.n_frames(n)
        with pytest.raises(ValueError, match=f"n_frames must be an integer.*, got {n}"):
            front_end.times(n)

    def test_coefficients_have_no_frequencies(self):
        with pytest.raises(ValueError, match=r"n_cepstra must be 0 for .* frequencies, got 3"):
            FrontEnd(**SIZES, **MEL, n_cepstra=3).frequencies()


class TestSignals:
    """A front end refuses bad calls before it computes anything."""

    FRONT_END = FrontEnd(**SIZES, bands=Bands(4), log="ln", floor=1e-5)

    @pytest.mark.parametrize(
        ("x", "kind", "message"),
        [
            (np.float32(1)[...], ValueError, r"x must have shape \(\.\.\., time\), got shape \(\)"),
            ([0.0] * 100, TypeError, "x must be a numpy.ndarray .* got list"),
            (np.zeros(100, np.int16), TypeError, "x must have dtype .* got int16; scale it"),
            (np.zeros(100, complex), TypeError, "x must have dtype .* got complex128"),
            (None, TypeError, "x must be a numpy.ndarray .* got None"),
        ],
    )
    def test_no_signal(self, x, kind, message):
        with pytest.raises(kind, match=message):
            self.FRONT_END(x)

    @pytest.mark.parametrize("name", ["input_scale", "floor", "dynamic_range", "gain", "offset"])
    def test_numbers_that_float32_does_not_have(self, name):
        front_end = self.FRONT_END.replace(**{name: 1e39})
        for dtype in ("float16", "float32"):
            with pytest.raises(ValueError, match=f"{name} must be in the range of float32"):
                front_end(np.zeros(100, dtype))

    def test_no_frame_is_a_warning(self):
        with pytest.warns(UserWarning, match="x has no frame"):
            assert self.FRONT_END(np.zeros((2, 15), np.float32)).shape == (2, 0, 4)

    @pytest.mark.parametrize(
        ("out", "kind", "message"),
        [
            (np.zeros((21, 4), np.float32), ValueError, r"out must have shape \(22, 4\)"),
            (np.zeros((22, 4)), TypeError, "out must have dtype float32"),
            (np.zeros((4, 22), np.float32).T, ValueError, "out must be C-contiguous"),
            (np.zeros((22, 8), np.float32)[:, ::2], ValueError, "out must be C-contiguous"),
            ([], TypeError, "out must be a numpy.ndarray"),
        ],
    )
    def test_out_that_does_not_fit(self, out, kind, message):
        with pytest.raises(kind, match=message):
            self.FRONT_END(np.ones(100, np.float32), out=out)
        assert not np.any(out)

    def test_out_that_is_read_only(self):
        out = np.zeros((22, 4), np.float32)
        out.flags.writeable = False
        with pytest.raises(ValueError, match="out must be writeable"):
            self.FRONT_END(np.ones(100, np.float32), out=out)

    def test_out_that_overlaps(self):
        memory = np.ones(100, np.float32)
        with pytest.raises(ValueError, match="out must not overlap the input"):
            self.FRONT_END(memory, out=memory[:88].reshape(22, 4))
        assert np.all(memory == 1)


def results(front_end, x, backend):
    """Return the operation's result and the oracle's, for a NumPy array."""
    return backend.numpy(front_end(backend.array(x))), front_end.reference(x)


def assert_same(got, expected):
    """Require what float64 kernels promise, relative to the largest value."""
    assert got.dtype == expected.dtype
    assert_close(got, expected, 1e-9 * max(1, peak_of(expected)))


class TestOut:
    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_is_written_and_returned(self, backend, dtype, time_first, rng):
        front_end = TestSignals.FRONT_END.replace(time_first=time_first)
        x = backend.array(rng.uniform(-1, 1, (2, 3, 100)).astype(dtype))
        fresh = front_end(x)
        out = backend.array(np.full(fresh.shape, 7, dtype))
        assert front_end(x, out) is out
        np.testing.assert_array_equal(backend.numpy(out), backend.numpy(fresh))

    def test_of_an_empty_result(self, backend):
        out = backend.array(np.zeros((0, 22, 4), np.float32))
        assert TestSignals.FRONT_END(backend.array(np.zeros((0, 100), np.float32)), out) is out


class TestEmpty:
    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize("pad_mode", ["zeros", "reflect", "mirror", "edge", "odd"])
    @pytest.mark.parametrize("shape", [(0,), (0, 100), (3, 0), (2, 0, 100), (0, 2, 0), (2, 1, 0)])
    @pytest.mark.parametrize("normalisation", [None, Normalisation(ddof=1, drop_last=True)])
    def test_as_the_oracle(self, backend, shape, pad_mode, time_first, normalisation):
        front_end = FrontEnd(
            **SIZES, pad_left=8, pad_right=9, pad_mode=pad_mode, bands=Bands(4), log="ln",
            floor=1e-5, dynamic_range=8, normalisation=normalisation, time_first=time_first,
        )  # fmt: skip
        got, expected = results(front_end, np.zeros(shape, np.float64), backend)
        n_frames = front_end.n_frames(shape[-1])
        assert bool(n_frames) == (shape[-1] > 0 or pad_mode == "zeros")
        assert expected.shape == shape[:-1] + ((n_frames, 4) if time_first else (4, n_frames))
        assert_same(got, expected)


LEADING = [(), (3,), (2, 3), (2, 1, 3), (2, 1, 2, 2)]


@pytest.mark.parametrize("leading", LEADING, ids=len)
@pytest.mark.parametrize("time_first", [True, False])
class TestLeadingAxes:
    FRONT_END = TestSignals.FRONT_END.replace(floor=1e-9)

    def signals(self, rng, leading):
        """Return noise of loudnesses that are up to 60 dB apart."""
        x = rng.uniform(-1, 1, (*leading, 100))
        return x * 10 ** rng.uniform(-3, 0, (*leading, 1))

    def test_each_signal_is_as_alone(self, backend, leading, time_first, rng):
        front_end = self.FRONT_END.replace(time_first=time_first)
        x = self.signals(rng, leading)
        got, expected = results(front_end, x, backend)
        assert expected.shape == leading + ((22, 4) if time_first else (4, 22))
        for index in np.ndindex(*leading):
            np.testing.assert_array_equal(expected[index], front_end.reference(x[index]))
        assert_same(got, expected)

    @pytest.mark.parametrize("range_over", ["channel", "item", "call"])
    def test_scope_of_the_peak(self, backend, leading, time_first, range_over, rng):
        x = self.signals(rng, leading)
        front_end = self.FRONT_END.replace(time_first=time_first)
        unlimited = front_end.reference(x)
        # An item is what an index of the first axis gives, unless the only axis is time.
        n_kept = {"channel": len(leading), "item": min(1, len(leading)), "call": 0}[range_over]
        axes = tuple(range(n_kept, unlimited.ndim))
        limited = np.maximum(unlimited, unlimited.max(axis=axes, keepdims=True) - 3)
        assert np.any(limited != unlimited)
        front_end = front_end.replace(dynamic_range=3, range_over=range_over)
        got, expected = results(front_end, x, backend)
        np.testing.assert_array_equal(expected, limited)
        assert_same(got, expected)


ARRAY_FIELDS = {
    "window": ({}, np.hanning(16) + 0.25),
    "bands": ({}, MATRIX),
    "gain": ({}, np.linspace(0.5, 2, N_FREQ)),
    "offset": ({}, np.linspace(-3, 3, N_FREQ)),
}


class TestArraysAsFields:
    """Arrays, lists and tuples of the same numbers are the same field."""

    @pytest.mark.parametrize("field", ARRAY_FIELDS)
    def test_any_kind_of_sequence(self, field):
        value = ARRAY_FIELDS[field][1]
        front_end = FrontEnd(**SIZES, **{field: value})
        same = [value.tolist(), tuple(map(tuple, value)) if value.ndim == 2 else tuple(value)]
        same += [np.asfortranarray(value), value.astype(">f8"), value[::-1].copy()[::-1]]
        for one in same:
            other = FrontEnd(**SIZES, **{field: one})
            assert other == front_end
            assert hash(other) == hash(front_end)
        assert FrontEnd(**SIZES, **{field: value + 1e-12}) != front_end

    @pytest.mark.parametrize("field", ARRAY_FIELDS)
    def test_later_changes_do_not_count(self, field):
        value = ARRAY_FIELDS[field][1].copy()
        front_end = FrontEnd(**SIZES, **{field: value})
        value *= 2
        assert front_end == FrontEnd(**SIZES, **{field: ARRAY_FIELDS[field][1]})

    @pytest.mark.parametrize("field", ARRAY_FIELDS)
    def test_round_trips(self, field):
        front_end = FrontEnd(**SIZES, **{field: ARRAY_FIELDS[field][1]})
        assert FrontEnd.from_json(front_end.to_json()) == front_end
        assert pickle.loads(pickle.dumps(front_end)) == front_end
        assert json.loads(front_end.to_json())[field] == ARRAY_FIELDS[field][1].tolist()

    @pytest.mark.parametrize("field", ARRAY_FIELDS)
    def test_repr_has_public_names_only(self, field):
        front_end = FrontEnd(**SIZES, **{field: ARRAY_FIELDS[field][1]})
        names = {name: getattr(kr, name) for name in kr.__all__}
        assert eval(repr(front_end), names) == front_end

    def test_strings_of_numpy_are_strings(self):
        front_end = FrontEnd(**SIZES, window=np.str_("povey"), log=np.str_("ln"))
        assert repr(front_end) == "FrontEnd(sample_rate=8000.0, n_fft=16, window='povey', log='ln')"

    @pytest.mark.parametrize(
        "name", ["hann", "hamming", "blackman", "ones", "hann_symmetric", "povey"]
    )
    def test_window_is_what_its_name_says(self, backend, name, rng):
        by_name = FrontEnd(**SIZES, win_length=12, window=name)
        by_numbers = by_name.replace(window=by_name.make_window())
        got, expected = results(by_numbers, rng.uniform(-1, 1, 100), backend)
        np.testing.assert_array_equal(expected, by_name.reference(rng_again(100)))
        assert_same(got, expected)

    def test_matrix_is_the_filterbank(self, backend, rng):
        front_end = FrontEnd(**SIZES, bands=MATRIX)
        got, expected = results(front_end, rng.uniform(-1, 1, 100), backend)
        bins = FrontEnd(**SIZES).reference(rng_again(100))
        np.testing.assert_allclose(expected, bins @ MATRIX, rtol=1e-14)
        assert_same(got, expected)

    def test_matrix_of_a_named_filterbank(self, rng):
        bands = Bands(4, 100, 3900, "slaney", linear_in="mel", norm="slaney")
        front_end = FrontEnd(**SIZES, bands=bands)
        x = rng.uniform(-1, 1, 100)
        matrix = front_end.bands.matrix_reference(8000, 16)
        np.testing.assert_array_equal(
            front_end.replace(bands=matrix).reference(x), front_end.reference(x)
        )

    @pytest.mark.parametrize("time_first", [True, False])
    @pytest.mark.parametrize("dynamic_range", [None, 3])
    def test_gain_and_offset_of_each_band(self, backend, dynamic_range, time_first, rng):
        gain, offset = [2, -1, 0, 0.5], [1, 2, 3, -4]
        plain = FrontEnd(**SIZES, **MEL, log="ln", floor=1e-3, dynamic_range=dynamic_range)
        front_end = plain.replace(gain=gain, offset=offset, time_first=time_first)
        got, expected = results(front_end, rng.uniform(-1, 1, (2, 3, 100)), backend)
        y = plain.reference(rng_again((2, 3, 100))) * gain + offset
        np.testing.assert_array_equal(expected, y if time_first else y.swapaxes(-1, -2))
        assert_same(got, expected)


def rng_again(shape):
    """Return the first numbers that the fixture `rng` draws between -1 and 1."""
    return np.random.default_rng(20240229).uniform(-1, 1, shape)


N_SAMPLES = st.integers(0, 300)


class TestWhatItKnows:
    @PROFILE
    @given(front_ends(), N_SAMPLES, st.lists(st.integers(0, 3), max_size=3))
    def test_shapes_are_the_oracles(self, front_end, n_samples, leading):
        n_frames, n_values = front_end.n_frames(n_samples), front_end.n_values
        shape = (n_frames, n_values) if front_end.time_first else (n_values, n_frames)
        x = np.ones((*leading, n_samples), np.float32)
        assert front_end.reference(x).shape == (*leading, *shape)
        assert front_end.times(n_frames).shape == (n_frames,)
        if not front_end.n_cepstra:
            assert front_end.frequencies().shape == (n_values,)

    @PROFILE
    @given(front_ends())
    def test_values(self, front_end):
        assert front_end.n_freq == front_end.n_fft // 2 + 1
        assert front_end.n_bands == (front_end.bands.n if front_end.bands else front_end.n_freq)
        assert front_end.n_values == (front_end.n_cepstra or front_end.n_bands)
        assert FrontEnd.from_json(front_end.to_json()) == front_end
        assert pickle.loads(pickle.dumps(front_end)) == front_end
        assert hash(front_end.replace()) == hash(front_end)

    @PROFILE
    @given(st.data())
    def test_times_are_where_frames_are(self, data):
        front_end = data.draw(front_ends(linear=True)).replace(
            window="hamming", pad_mode="zeros", remove_mean=False, bands=None, power=2,
            power_offset=0, preemphasis_first=data.draw(st.sampled_from(["signal", "drop"])),
        )  # fmt: skip
        n_samples = data.draw(st.integers(1, 200))
        n_frames = front_end.n_frames(n_samples)
        starts = front_end.times(n_frames) * 8000 - front_end.frame_length / 2
        # So many samples lie before the window.
        n_before = (front_end.frame_length - front_end.win_length) // 2
        # Hamming's window is nowhere 0, so a frame is silent if no sample of the click is in it.
        # Pre-emphasis spreads a click over two samples.
        at = data.draw(st.integers(0, n_samples - 1))
        click = np.zeros(n_samples)
        click[at] = 1
        y = front_end.reference(click)
        energy = y.sum(axis=-1 if front_end.time_first else -2)
        touched = [at, at + 1] if front_end.preemphasis else [at]
        first = max(0, -front_end.pad_left) + front_end.drops_first
        stop = n_samples + min(0, front_end.pad_right)
        touched = [sample for sample in touched if first <= sample < stop]
        expected = np.zeros(n_frames, bool)
        for sample in touched:
            offset = sample - np.rint(starts) - n_before
            expected |= (offset >= 0) & (offset < front_end.win_length)
        np.testing.assert_array_equal(energy > 0, expected)
        np.testing.assert_allclose(np.rint(starts), starts, atol=1e-6)

    @pytest.mark.parametrize(
        "bands",
        [
            None,
            Bands(8, 200, 3800),
            Bands(8, 200, 3800, "slaney", "mel", "slaney"),
            Bands(8, 200, 3800, linear_in="left"),
            LogBands(8, 200, 2),
            np.eye(129)[:, ::16],
        ],
        ids=str,
    )
    def test_frequencies_are_where_bands_answer(self, bands):
        front_end = FrontEnd(sample_rate=8000, n_fft=256, bands=bands)
        frequencies = front_end.frequencies()
        assert frequencies.shape == (front_end.n_values,)
        bin_width = 8000 / 256
        for band, frequency in enumerate(frequencies):
            n_cycles = np.rint(frequency / bin_width)  # so many cycles fit in a frame
            if 2 <= n_cycles <= 126:
                tone = np.cos(2 * np.pi * n_cycles / 256 * np.arange(256))
                assert front_end.reference(tone)[0].argmax() == band


class TestOperation:
    @PROFILE
    @given(st.data())
    def test_linear_values(self, data):
        self.check(data, data.draw(front_ends(linear=True)))

    @PROFILE
    @given(st.data())
    def test_all_fields(self, data):
        self.check(data, data.draw(front_ends()))

    def check(self, data, front_end):
        rng = np.random.default_rng(data.draw(SEEDS))
        shape = (*data.draw(st.lists(st.integers(0, 3), max_size=3)), data.draw(N_SAMPLES))
        x = arranged(values(rng, shape, data.draw(KINDS)), data.draw(ARRANGEMENTS))
        got, expected = front_end(x), front_end.reference(x)
        assert got.dtype == np.float64
        assert got.flags.c_contiguous
        assert_same(got, expected)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_result_has_the_dtype_of_the_signal(self, backend, dtype, rng):
        x = rng.uniform(-1, 1, 100).astype(dtype)
        got, expected = results(TestSignals.FRONT_END, x, backend)
        assert got.dtype == expected.dtype == dtype
        tolerance = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-13}[dtype]
        assert_close(got, expected, tolerance * peak_of(expected))
