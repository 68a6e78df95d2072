"""concatenate_frequency_map."""

import numpy as np
import pytest
from operation import FIRST, TakesOut, case

import kapre_ref as kr


class TestConcatenateFrequencyMap(TakesOut):
    public = staticmethod(kr.concatenate_frequency_map)
    oracle = staticmethod(kr.concatenate_frequency_map_reference)
    usual = case(2, 4, 5, 3)
    cases = (
        usual,
        case(2, 3, 4, 5, data_format=FIRST),
        case(2, 4, 5, 1),
        case(2, 4, 1, 2),
        case(2, 4, 2, 2),
        case(0, 4, 5, 3),
        case(2, 0, 5, 3),
        case(2, 4, 0, 3),
        case(2, 4, 5, 0),
        case(2, 400, 129, 1),  # large enough for several threads
    )

    def expected(self, x, data_format="default"):
        """Return the result, bin by bin and rounded from long double."""
        n_freq = x.shape[3 if data_format == FIRST else 2]
        steps = np.arange(n_freq).astype(np.longdouble) / max(1, n_freq - 1)
        shape = list(x.shape)
        shape[1 if data_format == FIRST else 3] = 1
        steps = steps if data_format == FIRST else steps[:, None]
        added = np.broadcast_to(steps.astype(np.float64).astype(x.dtype), shape)
        return np.concatenate([x, added], axis=1 if data_format == FIRST else 3)

    def assert_kernel_close(self, got, x, parameters):
        """Require copies of the channels, and the map but for an ulp."""
        expected = self.expected(x, **parameters)
        channel = 1 if parameters.get("data_format") == FIRST else 3
        last = [slice(None)] * 4
        last[channel] = slice(-1, None)
        assert got.dtype == x.dtype.newbyteorder("=")
        assert got.shape == expected.shape
        np.testing.assert_array_max_ulp(got[tuple(last)], expected[tuple(last)], maxulp=1)
        copied = tuple(slice(None, -1) if n == channel else slice(None) for n in range(4))
        np.testing.assert_array_equal(got[copied], x)

    def test_oracle_by_bins(self, case, dtype, rng):
        x = self.example(rng, case.shape, dtype)
        self.assert_kernel_close(self.oracle(x, **case.parameters), x, case.parameters)

    def test_ends_are_exact(self, backend):
        got = self.run(backend, np.ones((1, 1, 129, 1), np.float32), {})[0, 0, :, 1]
        assert (got[0], got[64], got[-1]) == (0, 0.5, 1)
        assert np.all(np.diff(got) > 0)

    def test_values_are_copied(self, backend):
        x = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3e38], np.float32)
        got = self.run(backend, x.reshape(1, 1, 6, 1), {})
        assert got[0, 0, :, 0].tobytes() == x.tobytes()

    @pytest.mark.parametrize(
        ("x", "kind", "match"),
        [
            (
                np.ones((2, 3, 4)),
                ValueError,
                r"x must have shape \(batch, .* got shape \(2, 3, 4\)",
            ),
            (np.ones((2, 3, 4, 5), int), TypeError, "x must have dtype .* got int64"),
            ([[[[1.0]]]], TypeError, r"x must be a numpy\.ndarray .* got list"),
        ],
    )
    def test_rules(self, x, kind, match):
        with pytest.raises(kind, match=match):
            kr.concatenate_frequency_map(x)

    def test_bad_format(self):
        with pytest.raises(ValueError, match=r"data_format must be one of .* got 'last'"):
            kr.concatenate_frequency_map(np.ones((1, 1, 1, 1)), "last")
