"""standardize."""

from pathlib import Path

import numpy as np
import pytest
from closeness import ORACLE_EPS, PEAK_EPS, assert_close, assert_oracle_close, eps_of, peak_of
from operation import TakesOut, case, wide

import kapre_ref as kr
from kapre_ref.kernels.cpu import standardization

# Signals made by formula, and every fourth sample of what Wav2Vec2FeatureExtractor of transformers
# 5.24.0 (do_normalize=True) gives for them.
RECORDED = Path(__file__).with_name("data") / "model_inputs.npz"
# Twice the error of that tool or of plain NumPy in float32, whichever is larger, and four eps.
TOLERANCES = {"speech": 5.11e-6, "quiet": 1.24e-7}
LONG = (1 << 17) + 321  # samples, more than a segment has


def formula(x, eps, axis):
    """Return the formula in the precision of `x`."""
    variance = x.var(axis=axis, keepdims=True) if x.shape[axis] else 1
    mean = x.mean(axis=axis, keepdims=True) if x.shape[axis] else 0
    return (x - mean) / np.sqrt(variance + x.dtype.type(eps))


class TestStandardize(TakesOut):
    public = staticmethod(kr.standardize)
    oracle = staticmethod(kr.standardize_reference)
    usual = case(3, 40, 7)
    cases = (
        usual,
        case(40),
        case(1),
        case(3, 1),
        case(2, 3, 4, 5),
        *(case(3, 40, 7, axis=axis) for axis in (-3, -2, 0, 1, 2)),
        case(2, 3, 40, 5, axis=1, eps=1e-5),
        case(3, 400, eps=0.5),
        case(3, 0),
        case(0, 40),
        case(2, 0, 5),
        case(2, 0, 5, axis=1),
        case(2, 300, 80, axis=1),
        case(2, LONG),  # so large that threads share the work
    )

    def precise(self, x, eps=1e-7, axis=-1):
        return formula(x, eps, axis)

    def plain(self, x, eps=1e-7, axis=-1):
        x = x.astype(np.promote_types(x.dtype, np.float32))
        return formula(x, eps, axis)

    def test_oracle_against_long_double(self, case, rng):
        x = self.example(rng, case.shape, np.float64)
        got = self.oracle(x, **case.parameters)
        assert_oracle_close(got, self.precise(wide(x), **case.parameters))

    @pytest.mark.parametrize("name", TOLERANCES)
    @pytest.mark.parametrize("library", ["kernel", "oracle"])
    def test_wav2vec2(self, backend, name, library):
        with np.load(RECORDED) as file:
            x, expected = file[f"signals/{name}"], file[f"wav2vec2-raw/{name}"]
        got = self.run(backend, x, {}) if library == "kernel" else self.oracle(x)
        assert_close(got[::4], expected, TOLERANCES[name])

    @pytest.mark.parametrize("n_samples", [7, 1000, LONG])
    def test_item_has_the_bits_that_it_has_alone(self, backend, n_samples, dtype, rng):
        x = self.example(rng, (5, n_samples), dtype)
        together = self.run(backend, x, {})
        along = self.run(backend, np.ascontiguousarray(x.T), {"axis": 0}).T
        for i, item in enumerate(x):
            alone = self.run(backend, item.copy(), {})
            assert alone.tobytes() == together[i].tobytes() == along[i].tobytes()
        pair = self.run(backend, x[1:3].reshape(1, 2, n_samples), {})
        assert pair.tobytes() == together[1:3].tobytes()

    @pytest.mark.parametrize("offset", [0.0, 1.0, -300.0, 1e5])
    @pytest.mark.parametrize("n_samples", [100, LONG])
    def test_offset(self, backend, n_samples, offset, dtype, rng):
        # Only what the samples themselves lose when they are rounded is lost.
        noise = rng.standard_normal(n_samples)
        offset = min(offset, 1e3) if dtype == "float16" else offset
        x = (noise + offset).astype(dtype)
        truth = self.precise(wide(x))
        got = self.run(backend, x, {})
        assert_close(got, truth, PEAK_EPS[dtype] * eps_of(dtype) * peak_of(truth))
        n_eps = ORACLE_EPS if dtype == "float64" else 1
        assert_close(self.oracle(x), truth, n_eps * eps_of(dtype) * peak_of(truth))

    @pytest.mark.thorough
    @pytest.mark.parametrize("offset", [0.0, 0.3, 1000.0])
    def test_longest(self, backend, offset, dtype, rng):
        n_samples = 1 << 26
        x = rng.standard_normal(n_samples, np.float32)
        x *= 0.1
        x += np.float32(offset)
        x = x.astype(dtype)
        # The blocks have one size, so their means have the mean and the variance of all.
        blocks = x.reshape(1 << 10, -1)
        means = np.array([block.astype(np.longdouble).mean() for block in blocks])
        mean = means.mean()
        squares = [((block - mean) ** 2).mean() for block in map(wide, blocks)]
        deviation = np.sqrt(np.mean(squares) + np.longdouble(1e-7))
        got = self.run(backend, x, {})
        some = slice(None, None, 997)
        truth = (wide(x[some]) - mean) / deviation
        assert_close(got[some], truth, PEAK_EPS[dtype] * eps_of(dtype) * peak_of(truth))

    @pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1000.7])
    @pytest.mark.parametrize("n_samples", [1, 100, LONG])
    def test_equal_samples_give_zeros(self, backend, n_samples, value, dtype):
        x = np.full(n_samples, value, dtype)
        eps = 1e-7
        got = self.run(backend, x, {"eps": eps})
        # A few units in the last place of float64, over the root of eps.
        assert np.abs(got).max() <= 8 * np.finfo(np.float64).eps * abs(value) / np.sqrt(eps)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("n_samples", [50, LONG])
    def test_item_that_is_not_finite(self, backend, n_samples, value, dtype, rng):
        x = self.example(rng, (3, n_samples), dtype)
        expected = self.run(backend, x, {})
        x[1, 20] = value
        got = self.run(backend, x, {})
        assert np.isnan(got[1]).all()
        assert np.isnan(self.oracle(x)[1]).all()
        np.testing.assert_array_equal(got[::2], expected[::2])

    def test_large_samples_do_not_overflow(self, backend, rng):
        x = rng.uniform(1e38, 3e38, (2, 1000)).astype(np.float32)
        truth = self.precise(wide(x))
        assert_close(self.run(backend, x, {}), truth, 4 * eps_of("f4") * peak_of(truth))

    def test_long_items_of_any_layout(self, dtype, rng, monkeypatch):
        monkeypatch.setattr(standardization, "_SEGMENT", 64)
        x = self.example(rng, (2, 200, 3), dtype)
        for axis, shown in ((1, x), (-1, x.swapaxes(1, 2)), (1, x[:, ::-1])):
            got = kr.standardize(shown, axis=axis)
            expected = kr.standardize(np.ascontiguousarray(shown), axis=axis)
            np.testing.assert_array_equal(got, expected)
            self.assert_kernel_close(got, shown, {"axis": axis})

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"eps": 0}, ValueError, "eps must be positive, got 0"),
            ({"eps": np.nan}, ValueError, "eps must be a finite number, got nan"),
            ({"eps": None}, TypeError, "eps must be a number, got None"),
            ({"axis": -3}, ValueError, "axis must be an integer from -2 to 1, got -3"),
            ({"axis": 1.0}, ValueError, r"axis must be an integer, got 1\.0"),
            ({"x": np.ones(3, np.int16)}, TypeError, "got int16; scale it .* x / 32768"),
            (
                {"x": np.array(3.0)},
                ValueError,
                r"x must have shape \(\.\.\., time\), got shape \(\)",
            ),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.standardize(**{"x": np.ones((4, 3)), **arguments})
