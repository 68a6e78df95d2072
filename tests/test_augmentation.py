"""spec_augment and channel_swap."""

import numpy as np
import pytest
from operation import FIRST, TakesOut, case, channels_first

import kapre_ref as kr
from kapre_ref._augmentation import masks_reference

SEED = 7


def generator(seed=SEED):
    return np.random.default_rng(seed)


def _kind(x):
    return type(x).__name__


class Random(TakesOut):
    """Tests of an operation with a generator: with the same state, it equals the oracle."""

    def call(self, function, x, parameters, **more):
        return function(x, **parameters, **more, rng=generator())

    def assert_kernel_close(self, got, x, parameters):
        """Require the oracle's result, exactly."""
        expected = self.oracle(x, **parameters, rng=generator())
        assert got.dtype == x.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, expected)

    test_oracle_rounds_once = None  # nothing is computed

    @pytest.mark.parametrize("rng", [None, 3, np.random.RandomState(0), np.random], ids=_kind)
    def test_needs_a_generator(self, rng):
        with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, got"):
            self.public(np.ones((2, 4, 5, 3)), **self.usual.parameters, rng=rng)

    def test_generator_is_a_keyword(self):
        with pytest.raises(TypeError, match="rng"):
            self.public(np.ones((2, 4, 5, 3)), **self.usual.parameters)


class TestSpecAugment(Random):
    public = staticmethod(kr.spec_augment)
    oracle = staticmethod(kr.spec_augment_reference)
    usual = case(3, 9, 12, 2, freq_mask_param=4, time_mask_param=3, n_freq_masks=2)
    cases = (
        case(9, 12, freq_mask_param=4, time_mask_param=3),
        case(3, 9, 12, freq_mask_param=4, time_mask_param=3, n_time_masks=3, mask_value=-80.5),
        usual,
        case(3, 2, 9, 12, freq_mask_param=4, time_mask_param=3, data_format=FIRST),
        case(3, 9, 12, freq_mask_param=12, time_mask_param=9),
        case(3, 9, 12, freq_mask_param=1, time_mask_param=1, n_freq_masks=0, n_time_masks=0),
        case(0, 9, 12, freq_mask_param=4, time_mask_param=3),
        case(3, 9, 12, 0, freq_mask_param=4, time_mask_param=3),
        case(2, 400, 128, freq_mask_param=40, time_mask_param=30),  # It is worth several threads.
    )

    def test_masks_are_bands_of_each_item(self, backend):
        x = np.ones((200, 30, 40, 2))
        got = self.run(backend, x, {"freq_mask_param": 7, "time_mask_param": 5, "mask_value": -1})
        np.testing.assert_array_equal(got[..., 0], got[..., 1])
        covered = got[..., 0] == -1
        for axis, widest in ((1, 7), (2, 5)):
            band = covered.all(axis=axis)  # frequencies, then times, that are covered throughout
            widths = band.sum(axis=1)
            edges = np.abs(np.diff(band.astype(int), axis=1, prepend=0, append=0)).sum(axis=1)
            np.testing.assert_array_equal(edges, 2)
            # All widths from 1 to 7 occur in 200 draws; the chance that one is missing is 3e-13.
            assert set(widths) == set(range(1, widest + 1))
        times, frequencies = covered.all(axis=2), covered.all(axis=1)
        np.testing.assert_array_equal(covered, times[:, :, None] | frequencies[:, None, :])

    def test_widths_and_starts_are_uniform(self):
        covered = masks_reference(20_000, 10, 4, 1, generator())
        widths = np.bincount(covered.sum(axis=1), minlength=5)
        # The mean is 5000, and five standard deviations of 61 are allowed.
        assert widths[0] == 0
        assert np.abs(widths[1:] - 5000).max() < 310
        starts = np.bincount(covered[covered.sum(axis=1) == 4].argmax(axis=1), minlength=7)
        assert len(starts) == 7
        assert np.abs(starts - starts.mean()).max() < 5 * np.sqrt(starts.mean())

    def test_no_masks_change_nothing(self, backend, rng):
        x = rng.standard_normal((3, 9, 12)).astype(np.float32)
        x[0, 0, 0] = np.nan
        none = {"freq_mask_param": 1, "time_mask_param": 1, "n_freq_masks": 0, "n_time_masks": 0}
        np.testing.assert_array_equal(self.run(backend, x, none), x)

    def test_values_beside_masks_are_copied(self, backend, rng):
        x = rng.standard_normal((3, 9, 12)).astype(np.float16)
        got = self.run(backend, x, {"freq_mask_param": 4, "time_mask_param": 3, "mask_value": 99})
        kept = got != 99
        assert 0 < kept.sum() < x.size
        np.testing.assert_array_equal(got[kept], x[kept])

    def test_generator_goes_on(self, backend):
        x, rng = backend.array(np.ones((3, 30, 40))), generator()
        first, second = (backend.numpy(kr.spec_augment(x, 20, 20, rng=rng)) for _ in range(2))
        assert (first != second).any()

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"freq_mask_param": 0}, RuntimeError, "freq_mask_param must be .* at least 1, got 0"),
            ({"time_mask_param": 0}, RuntimeError, "time_mask_param must be .* at least 1, got 0"),
            ({"freq_mask_param": -2}, ValueError, "freq_mask_param must be an integer .* got -2"),
            ({"freq_mask_param": 13}, ValueError, "freq_mask_param must be at most 12, .* got 13"),
            ({"time_mask_param": 10}, ValueError, "time_mask_param must be at most 9, .* got 10"),
            ({"time_mask_param": 1.5}, ValueError, r"time_mask_param must be an integer, got 1\.5"),
            (
                {"n_freq_masks": -1},
                ValueError,
                "n_freq_masks must be an integer at least 0, got -1",
            ),
            ({"n_time_masks": None}, TypeError, "n_time_masks must be an integer, got None"),
            ({"mask_value": np.nan}, ValueError, "mask_value must be a finite number, got nan"),
            ({"data_format": "x"}, ValueError, "data_format must be one of .* got 'x'"),
            ({"x": np.ones((9, 12), int)}, TypeError, "x must have dtype .* got int64"),
            ({"x": np.ones(9)}, ValueError, r"x must have shape .* got shape \(9,\)"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        given = {"x": np.ones((9, 12)), "freq_mask_param": 4, "time_mask_param": 3, **arguments}
        with pytest.raises(kind, match=match):
            kr.spec_augment(**given, rng=generator())


class TestChannelSwap(Random):
    public = staticmethod(kr.channel_swap)
    oracle = staticmethod(kr.channel_swap_reference)
    dtypes = ("float16", "float32", "float64", "int16", "complex64")
    usual = case(2, 4, 5, 3)
    cases = (
        usual,
        case(2, 3, 4, 5, data_format=FIRST),
        case(2, 9, 6),
        case(2, 6, 9, data_format=FIRST),
        case(2, 9, 1),
        case(0, 9, 3),
        case(2, 9, 0),
        case(2, 70_000, 5),  # large enough for several threads
    )

    @pytest.mark.parametrize("data_format", [FIRST, "default"])
    @pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 3, 6)])
    def test_channels_are_permuted_alike_for_all_items(self, backend, data_format, shape, rng):
        x = rng.standard_normal(shape)
        got = self.run(backend, x, {"data_format": data_format})
        before, after = (channels_first(y, data_format, len(shape) - 2) for y in (x, got))
        order = [
            next(n for n, one in enumerate(before[0]) if np.array_equal(one, channel))
            for channel in after[0]
        ]
        assert sorted(order) == list(range(before.shape[1]))
        np.testing.assert_array_equal(after, before[:, order])

    def test_all_orders_occur(self, backend):
        x, rng = backend.array(np.arange(3.0).reshape(1, 1, 3)), generator()
        seen = {tuple(backend.numpy(kr.channel_swap(x, rng=rng)).ravel()) for _ in range(200)}
        assert len(seen) == 6  # One is missing with a probability of 1e-15.

    @pytest.mark.parametrize(
        ("arguments", "kind", "match"),
        [
            ({"x": np.ones((9, 12))}, ValueError, r"x must have shape .* got shape \(9, 12\)"),
            ({"x": np.ones((1,) * 5)}, ValueError, r"x must have shape .* got shape \(1, 1, 1, 1"),
            ({"x": [[[1.0]]]}, TypeError, r"x must be a numpy\.ndarray .* got list"),
            ({"data_format": "x"}, ValueError, "data_format must be one of .* got 'x'"),
        ],
    )
    def test_rules(self, arguments, kind, match):
        with pytest.raises(kind, match=match):
            kr.channel_swap(**{"x": np.ones((1, 2, 3)), **arguments}, rng=generator())
