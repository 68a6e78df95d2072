"""stack_frames, patches, fix_length."""

from pathlib import Path

import numpy as np
import pytest
from closeness import eps_of
from operation import TakesOut, case

import kapre_ref as kr

# The real tools' results for signals made by formula, a few bands of each: modelscope/FunASR at
# 3c58cb56a565 (WavFrontend, lfr_m=7, lfr_n=6), tensorflow/models at 33630ec96c17 (YAMNet's
# waveform_to_log_mel_spectrogram_patches), transformers 5.24.0 (ASTFeatureExtractor).
RECORDED = Path(__file__).with_name("data") / "model_inputs.npz"


def recorded(name):
    with np.load(RECORDED) as file:
        return file[name]


class CopyTests(TakesOut):
    """The operation only copies, so each bit is that of the formula in every dtype."""

    def assert_kernel_close(self, got, x, parameters):
        expected = self.expected(x, **parameters)
        assert got.dtype == x.dtype.newbyteorder("=")
        assert got.shape == expected.shape
        assert got.tobytes() == expected.astype(got.dtype).tobytes()

    def test_oracle(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        self.assert_kernel_close(self.oracle(x, **case.parameters), x, case.parameters)

    def test_bits_are_moved(self, backend, dtype):
        word = f"u{np.dtype(dtype).itemsize}"
        words = np.random.default_rng(4).integers(0, np.iinfo(word).max, self.usual.shape, word)
        x = words.view(dtype)  # NaN of all kinds, infinite and subnormal numbers
        got = self.run(backend, x, self.usual.parameters)
        expected = self.expected(words, **self.usual.parameters)
        np.testing.assert_array_equal(got.view(word), expected)

    def test_item_is_as_alone(self, backend, dtype, rng):
        shape, parameters = self.usual
        x = self.example(rng, shape, dtype)
        together = self.run(backend, x, parameters)
        for item, result in zip(x, together, strict=True):
            np.testing.assert_array_equal(self.run(backend, item, parameters), result)

    def test_result_is_a_copy(self, backend, dtype, rng):
        for shape, parameters in self.cases:
            x = backend.array(self.example(rng, shape, dtype))
            before = backend.numpy(x).copy()
            got = self.call(self.public, x, parameters)
            got[...] = 7
            np.testing.assert_array_equal(backend.numpy(x), before)


class TestStackFrames(CopyTests):
    public = staticmethod(kr.stack_frames)
    oracle = staticmethod(kr.stack_frames_reference)
    usual = case(3, 11, 5, n=4, step=3, edge="repeat")
    cases = (
        *(
            case(2, n_frames, 5, n=n, step=step, edge=edge)
            for edge in ("drop", "zeros", "repeat")
            for n_frames in (0, 1, 2, 7, 30)
            for n, step in ((2, None), (7, 6), (1, 1), (8, 1), (3, 7), (40, 3))
        ),
        case(11, 5, n=2),
        case(2, 3, 2, 11, 5, n=2, edge="zeros"),
        case(0, 11, 5, n=2, edge="repeat"),
        case(2, 11, 0, n=2, edge="repeat"),
        case(2, 1200, 80, n=7, step=6, edge="repeat"),  # so large that threads share the work
    )

    def expected(self, x, n, step=None, edge="drop"):
        """Return rows written frame by frame, as lists."""
        step = n if step is None else step
        *leading, n_frames, n_values = x.shape
        items = x.reshape(-1, n_frames, n_values) if x.size else np.empty((0, n_frames, n_values))
        shift = (n - 1) // 2 if edge == "repeat" else 0
        starts = range(0, n_frames - n + 1 if edge == "drop" else n_frames, step)
        silence = np.zeros(n_values, x.dtype)

        def frame(item, i):
            if edge == "repeat":
                return item[min(max(i, 0), n_frames - 1)]
            return item[i] if i < n_frames else silence

        rows = [
            [np.concatenate([frame(item, start - shift + j) for j in range(n)]) for start in starts]
            for item in items
        ]
        return np.array(rows, x.dtype).reshape(*leading, len(starts), n * n_values)

    @pytest.mark.parametrize(("name", "n_frames"), [("noise", 47), ("clicks", 38)])
    def test_funasr(self, backend, name, n_frames):
        # Each of its frames stands where the rule says, those at both ends more than once; the
        # last but one of 47 is in no row.
        rows = recorded(f"funasr-paraformer/{name}")
        frames = np.full((n_frames, 2), np.nan, np.float32)
        for i, row in enumerate(rows.reshape(-1, 7, 2)):
            for j, values in enumerate(row):
                frames[min(max(6 * i + j - 3, 0), n_frames - 1)] = values
        got = self.run(backend, frames, {"n": 7, "step": 6, "edge": "repeat"})
        np.testing.assert_array_equal(got, rows)

    def test_odd_last_frame(self, backend):
        x = np.arange(1.0, 11).reshape(5, 2)
        pairs = [[1, 2, 3, 4], [5, 6, 7, 8]]
        assert self.run(backend, x, {"n": 2}).tolist() == pairs
        got = self.run(backend, x, {"n": 2, "edge": "zeros"})
        assert got.tolist() == [*pairs, [9, 10, 0, 0]]

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"n": 0}, ValueError, "n must be an integer at least 1, got 0"),
            ({"n": 2.5}, ValueError, r"n must be an integer, got 2\.5"),
            ({"step": 0}, ValueError, "step must be an integer at least 1, got 0"),
            ({"step": "2"}, TypeError, "step must be an integer, got '2'"),
            ({"edge": "fill"}, ValueError, "edge must be one of .*'zeros' or 'drop', got 'fill'"),
            ({"edge": None}, TypeError, "edge must be a string, got None"),
            ({"x": np.ones(4)}, ValueError, r"x must have shape \(\.\.\., n_frames, n_values\)"),
            ({"x": np.ones((4, 3), int)}, TypeError, "x must have dtype .*got int64"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.stack_frames(**{"x": np.ones((4, 3)), "n": 2, **arguments})


class TestPatches(CopyTests):
    public = staticmethod(kr.patches)
    oracle = staticmethod(kr.patches_reference)
    usual = case(3, 11, 5, length=4, hop=3)
    cases = (
        *(
            case(2, n_frames, 5, length=length, hop=hop)
            for n_frames in (0, 1, 4, 7, 30)
            for length, hop in ((4, 4), (4, 2), (1, 1), (4, 9), (31, 1))
        ),
        case(11, 5, length=4, hop=2),
        case(2, 3, 2, 11, 5, length=4, hop=2),
        case(0, 11, 5, length=4, hop=2),
        case(2, 11, 0, length=4, hop=2),
        case(2, 1200, 64, length=96, hop=48),  # so large that threads share the work
    )

    def expected(self, x, length, hop):
        starts = range(0, x.shape[-2] - length + 1, hop)
        found = [x[..., start : start + length, :] for start in starts]
        empty = np.empty((*x.shape[:-2], 0, length, x.shape[-1]), x.dtype)
        return np.stack(found, axis=-3) if found else empty

    def test_yamnet(self, backend):
        expected = recorded("yamnet-patches/long")  # 31300 samples and 7340 zeros: 240 frames
        frames = np.concatenate([expected[0], *expected[1:, 48:]])
        assert len(frames) == 240
        got = self.run(backend, frames, {"length": 96, "hop": 48})
        np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize(("n_samples", "n_patches"), [(1, 1), (15600, 1), (15601, 2)])
    def test_zeros_of_yamnet(self, n_samples, n_patches):
        size = 15600 + 7680 * -(-max(0, n_samples - 15600) // 7680)
        samples = kr.fix_length(np.ones(n_samples, np.float32), size)
        frames = kr.frame(samples, 400, 160)
        assert kr.patches(frames, 96, 48).shape == (n_patches, 96, 400)
        assert len(frames) == 96 + 48 * (n_patches - 1)

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"length": 0}, ValueError, "length must be an integer at least 1, got 0"),
            ({"length": None}, TypeError, "length must be an integer, got None"),
            ({"hop": 0}, ValueError, "hop must be an integer at least 1, got 0"),
            ({"hop": 1.5}, ValueError, r"hop must be an integer, got 1\.5"),
            ({"x": np.ones(4)}, ValueError, r"x must have shape \(\.\.\., n_frames, n_values\)"),
            ({"x": [[1.0]]}, TypeError, r"x must be a numpy\.ndarray .* got list"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.patches(**{"x": np.ones((4, 3)), "length": 2, "hop": 1, **arguments})


class TestFixLength(CopyTests):
    public = staticmethod(kr.fix_length)
    oracle = staticmethod(kr.fix_length_reference)
    usual = case(3, 4, 5, size=13, mode="repeatpad", value=-0.5)
    cases = (
        *(
            case(2, n, size=size, mode=mode, value=0.25)
            for mode in ("constant", "repeat", "repeatpad")
            for n in (1, 3, 8)
            for size in (0, 1, 3, 7, 8, 9, 50)
        ),
        *(
            case(2, 3, 4, 5, size=7, axis=axis, mode=mode)
            for axis in (-4, -3, 1, 2, 3)
            for mode in ("constant", "repeat")
        ),
        case(5, size=7),
        case(2, 0, size=7, value=3),
        case(0, 5, size=7, mode="repeat"),
        case(2, 5, 0, size=7, axis=1, mode="repeatpad"),
        case(2, 900, 128, size=1024, axis=-2),  # so large that threads share the work
    )

    def expected(self, x, size, axis=-1, mode="constant", value=0.0):
        """Return the result element by element, from the index of its source."""
        n = x.shape[axis]
        n_copied = {"constant": n, "repeat": size}.get(mode, max(1, size // max(n, 1)) * n)
        places = [np.take(x, [i % n], axis) for i in range(min(size, n_copied))]
        shape = list(x.shape)
        shape[axis] = size - len(places)
        return np.concatenate([*places, np.full(shape, value).astype(x.dtype)], axis)

    def test_bits_are_moved(self, backend, dtype):
        word = f"u{np.dtype(dtype).itemsize}"
        words = np.random.default_rng(4).integers(0, np.iinfo(word).max, (3, 5), word)
        got = self.run(backend, words.view(dtype), {"size": 13, "mode": "repeatpad"})
        np.testing.assert_array_equal(got.view(word), self.expected(words, 13, mode="repeatpad"))

    def test_ast(self, backend):
        expected = recorded("ast/noise")  # 47 frames and one that fills up
        value = 4.2677393 / (2 * 4.5689974)
        parameters = {"size": 48, "axis": -2, "value": value}
        got = self.run(backend, expected[:47], parameters)
        np.testing.assert_array_equal(got[:47], expected[:47])
        assert np.abs(got[47] - expected[47]).max() <= eps_of(np.float32) * value

    @pytest.mark.parametrize("n", [7, 100, 160, 479, 480, 481])
    def test_clap(self, backend, n, rng):
        # ClapFeatureExtractor of transformers 5.24.0 does this with 480000 samples in place of 480.
        x, size = rng.standard_normal(n).astype(np.float32), 480
        repeated = np.tile(x, size // n + 1)[:size]
        whole = np.tile(x, size // n)[:size] if n < size else x[:size]
        padded = np.pad(whole, (0, size - len(whole)))
        np.testing.assert_array_equal(
            self.run(backend, x, {"size": size, "mode": "repeat"}), repeated
        )
        np.testing.assert_array_equal(
            self.run(backend, x, {"size": size, "mode": "repeatpad"}), padded
        )

    def test_librosa(self, dtype, rng):
        librosa = pytest.importorskip(
            "librosa", reason="librosa is not installed; it is only a witness"
        )
        x = self.example(rng, (3, 4, 5), dtype)
        for size in (2, 4, 9):
            for axis in (-1, 0, 1):
                expected = librosa.util.fix_length(x, size=size, axis=axis)
                np.testing.assert_array_equal(kr.fix_length(x, size, axis), expected)

    def test_value_does_not_count_where_nothing_has_it(self):
        got = kr.fix_length(np.array([1.0, 2.0]), 3, mode="repeat", value=np.nan)
        assert got.tolist() == [1, 2, 1]

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"size": -1}, ValueError, "size must be an integer at least 0, got -1"),
            ({"size": 2.5}, ValueError, r"size must be an integer, got 2\.5"),
            ({"axis": 2}, ValueError, "axis must be an integer from -2 to 1, got 2"),
            ({"axis": None}, TypeError, "axis must be an integer, got None"),
            ({"mode": "wrap"}, ValueError, "mode must be one of .* or 'repeatpad', got 'wrap'"),
            ({"value": np.inf}, ValueError, "value must be a finite number, got inf"),
            ({"value": 1e39}, ValueError, "value must be in the range of float32"),
            (
                {"x": np.ones((2, 0), np.float32), "mode": "repeat"},
                ValueError,
                r"x must have something to repeat along axis=-1, got shape \(2, 0\)",
            ),
            ({"x": np.float32(3)}, TypeError, r"x must be a numpy\.ndarray"),
            (
                {"x": np.array(3.0)},
                ValueError,
                r"x must have shape \(\.\.\., time\), got shape \(\)",
            ),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.fix_length(**{"x": np.ones((4, 3), np.float32), "size": 5, **arguments})
