"""The only table of tolerances, and the comparisons that use it."""

from dataclasses import replace

import numpy as np
from plain_formulas import features_in

from kapre_ref._normalisation import normalised_reference

# The contract: a kernel's error against the oracle is at most twice the error of the plain
# NumPy/SciPy formula in the same precision, plus this many eps of the largest result.
# In float32 and float64, another order of a sum, an approximation of log10 that is good to 1 ulp,
# and a fused multiply-add each move a result by an eps or so. float16 is computed in float32 and
# rounded once by both formulas; a tie that is rounded the other way costs an eps.
PEAK_EPS = {"float16": 1, "float32": 4, "float64": 4}

# How far an oracle may lie from the same formula in long double, in eps of float64 times the
# largest result. A few steps are rounded, and the error of a transform grows with log2(n_fft).
ORACLE_EPS = 16

# How far two formulas for one operation may lie apart, in eps times the largest result. The plain
# formula sums up to 2048 products in any order, and its constants are rounded to float32.
FORMULA_EPS = 64

# How far a result may lie from a recording of Kapre, which was rounded to float32 itself. README.md
# promises these figures.
RECORDED = {
    "constructor": 1e-6,  # filterbanks and windows, in float32: absolute
    "spectrum": 2e-6,  # anything linear in the signal: times the array's peak
    "decibel": 2e-4,  # dB, wherever the magnitude exceeds amin
}
# Recordings made in float64 allow less: TensorFlow's own rounding and, for decibels, that Kapre
# rounds amin and ref_value to float32 even then.
RECORDED_DOUBLE = {"constructor": 1e-14, "spectrum": 1e-14, "decibel": 2e-7}
# TensorFlow computes float16 windows in float16, from angles and squares that have 11 bits.
RECORDED_HALF = {"constructor": 1e-2, "decibel": 0.1}


def real_name(dtype):
    """Name the dtype of a number's real part, such as 'float32' for complex64."""
    return np.empty(0, dtype).real.dtype.name


def eps_of(dtype):
    """Return the spacing of 1.0 in the precision of a real or complex dtype."""
    return float(np.finfo(real_name(dtype)).eps)


def peak_of(x):
    """Return the largest finite absolute value, 0 if there is none."""
    magnitude = np.abs(np.asarray(x))
    return float(np.max(magnitude, initial=0, where=np.isfinite(magnitude)))


def error_between(got, expected):
    """Return the largest distance between finite values; other values must agree exactly."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite, err_msg="finite where expected")
    if np.isrealobj(got):
        np.testing.assert_array_equal(got[~finite], expected[~finite])
    wide = np.clongdouble if np.iscomplexobj(expected) else np.longdouble
    distance = np.abs(got[finite].astype(wide) - expected[finite].astype(wide))
    return float(np.max(distance, initial=0))


def assert_close(got, expected, tolerance):
    """Require the same shape, the same NaN and inf, and no distance above `tolerance`."""
    error = error_between(got, expected)
    assert error <= tolerance, f"off by {error:.3g}, {error / tolerance:.3g} times the tolerance"


def assert_within_contract(got, truth, plain):
    """Require that the error of `got` is within the contract's multiple of the plain formula's."""
    assert got.dtype == plain.dtype, f"dtype {got.dtype}, expected {plain.dtype}"
    allowed = PEAK_EPS[real_name(got.dtype)] * eps_of(got.dtype) * peak_of(truth)
    assert_close(got, truth, 2 * error_between(plain, truth) + allowed)


def assert_formulas_agree(plain, truth):
    """Require two formulas to agree, so that a wrong plain formula excuses no wrong kernel."""
    assert_close(plain, truth, FORMULA_EPS * eps_of(plain.dtype) * peak_of(truth))


def assert_oracle_close(got, truth):
    """Require an oracle, run in float64, to equal the formula in long double."""
    assert real_name(got.dtype) == "float64"
    assert_close(got, truth, ORACLE_EPS * eps_of(got.dtype) * peak_of(truth))


def assert_features_near(front_end, x, got, allowed=8):
    """Require the oracle's values, to a few times the error of plain NumPy in the same precision.

    In float64, plain NumPy is the oracle: there its error in float32 counts, so much smaller.
    """
    wide, single = x.astype(np.float64), x.astype(np.float32)
    expected = front_end.reference(wide)
    assert (got.dtype, got.shape) == (x.dtype, expected.shape)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    is_finite = np.isfinite(expected)
    if not is_finite.any():
        return
    plain = features_in(front_end, single, single.dtype)
    of_plain = np.abs(plain - front_end.reference(single.astype(np.float64)))[is_finite].max()
    eps = eps_of(np.promote_types(x.dtype, np.float32))
    size = max(peak_of(expected), _size_before_normalisation(front_end, wide))
    limit = allowed * of_plain * eps / eps_of(np.float32) + 16 * eps * size
    limit += eps_of(x.dtype) * peak_of(expected) if x.dtype == np.float16 else 0
    largest = float(np.finfo(x.dtype).max)  # what is larger, if only in float64, becomes inf
    got, expected = (np.clip(y[is_finite], -largest, largest) for y in (got, expected))
    assert np.abs(got - expected.astype(np.float64)).max() <= limit


def _size_before_normalisation(front_end, x):
    """Return the largest number that is rounded before a mean or an offset is subtracted.

    Few frames may lie much closer to their mean than to 0, and a value to minus its offset: then
    nothing of the result shows what an eps was of. A division by the deviation magnifies it.
    """
    how = front_end.normalisation
    plain = front_end.replace(
        normalisation=None, n_cepstra=0, lifter=0.0, offset=0.0, time_first=True
    )
    y = plain.reference(x)
    sizes = np.max(np.abs(y), axis=-2, initial=0) + np.abs(front_end.offset)
    if how is not None and how.divide:
        with np.errstate(all="ignore"):
            off = normalised_reference(y, replace(how, divide=False))
            factors = np.abs(normalised_reference(y, how) / off)
        sizes = sizes * np.max(np.nan_to_num(factors, posinf=0), axis=-2, initial=0)
    return peak_of(sizes)


def assert_recorded(got, recorded, kind):
    """Require a recording's shape and dtype, and its values to the promised tolerance."""
    assert got.dtype == recorded.dtype, f"dtype {got.dtype}, expected {recorded.dtype}"
    if recorded.dtype.kind in "iub" or kind == "exact":
        np.testing.assert_array_equal(got, recorded)
        return
    table = RECORDED if eps_of(recorded.dtype) > 1e-10 else RECORDED_DOUBLE
    # All weights of a mel filterbank are below 0.1, so an absolute tolerance would be too wide.
    scale = {"spectrum": peak_of(recorded), "constructor": min(1, peak_of(recorded) or 1)}
    assert_close(got, recorded, table[kind] * scale.get(kind, 1))
