"""Decibels: each item's peak first, then one pass with its own log10 that clips too; and back."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kapre_ref._threads import get_num_threads
from kapre_ref.kernels.cpu.exponential import TO_INTEGER, expm1_32, expm1_64, two_to_the
from kapre_ref.kernels.cpu.logarithm import split_log
from kapre_ref.kernels.cpu.runtime.chunks import for_chunks
from kapre_ref.kernels.cpu.runtime.jit import as_input, inlined, kernel
from kapre_ref.kernels.cpu.runtime.memory import working_dtype
from kapre_ref.kernels.cpu.runtime.pool import operation, run_slices
from kapre_ref.kernels.cpu.runtime.scratch import scratch_array
from kapre_ref.kernels.cpu.runtime.strided import assign, is_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kapre_ref._decibel import DecibelScale
    from kapre_ref.kernels.cpu.emit.epilogues import Logarithm

_PEAK_SECONDS = 1e-10  # for each number
_CONVERSION_SECONDS = 4e-10
_EXPONENTIAL_SECONDS = 4e-10
_SHORT = 1 << 16  # shorter items go through together, so many numbers at a time
_COPIED_ITEM = 1 << 20  # numbers of a strided item that is copied as a whole
_ITEMS_PER_THREAD = 4  # or a long item is shared among threads
_CHUNK = 1 << 10  # numbers converted in place, in L1

_NEPER = 10 / math.log(10)  # decibels of e
# Decibels of 2 as a sum. The first part has so few digits that its product with the exponent of any
# number is exact: what is rounded is the final sum, and powers of ten come out exact.
_OCTAVE = {
    4: (3.01031494140625, -1.4984766438047862e-05),
    8: (3.0102999566397557, 5.626027006721758e-14),
}

# Powers of ten, up and down, that are out of range of a size of numbers whatever the reference is.
_MOST_TENS = {4: 100, 8: 350}


@operation
def magnitude_to_decibel(x: NDArray[Any], scale: DecibelScale, out: NDArray[Any]) -> None:
    """Convert item by item, so that the second pass finds an item in cache; `out` may be `x`."""
    dtype = working_dtype(out.dtype)
    numbers = _scale_of(scale, dtype, out.dtype)
    size = math.prod(x.shape[1:])
    straight = is_plain(x, dtype) and is_plain(out, dtype)
    if not size:
        return
    if size <= _SHORT or (
        (straight or size <= _COPIED_ITEM) and len(x) >= _ITEMS_PER_THREAD * get_num_threads()
    ):
        _convert_items(x, out, size, dtype, numbers)
    else:
        for item, result in zip(x, out, strict=True):
            _convert_chunks(item, result, dtype, numbers)


def _convert_items(
    x: NDArray[Any], out: NDArray[Any], size: int, dtype: np.dtype[Any], numbers: NDArray[Any]
) -> None:
    """Give each thread items of its own: several at a time if they are short."""
    step = max(1, _SHORT // size)

    def run(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            some = slice(first, min(first + step, stop))
            items, results = x[some], out[some]
            shape = len(items), size
            straight = is_plain(results, dtype)
            converted = results if straight else scratch_array("items", results.shape, dtype)
            if is_plain(items, dtype):
                given = as_input(items)
            else:  # and then in place
                assign(converted, items)
                given = as_input(converted)
            given, outcome = given.reshape(shape), converted.reshape(shape)
            _convert(given, _peaks_of(given), outcome, numbers)
            if not straight:
                assign(results, converted)

    run_slices(run, len(x), x.size * (_PEAK_SECONDS + _CONVERSION_SECONDS))


def _convert_chunks(
    item: NDArray[Any], result: NDArray[Any], dtype: np.dtype[Any], numbers: NDArray[Any]
) -> None:
    """Share a long item among threads, and copy no more than chunks of it."""
    peaks: list[NDArray[Any]] = []

    def find(some: NDArray[Any]) -> None:
        peaks.append(_peaks_of(some[None]))

    def convert(some: NDArray[Any], converted: NDArray[Any]) -> None:
        _convert(some[None], peak, converted[None], numbers)

    for_chunks(find, [item], None, [dtype], _PEAK_SECONDS)
    peak = np.concatenate(peaks).max(keepdims=True)  # NaN if one is
    for_chunks(convert, [item], result, [dtype, dtype], _CONVERSION_SECONDS)


@operation
def decibel_to_magnitude(
    x: NDArray[Any], ref_value: float, decade: float, out: NDArray[Any]
) -> None:
    """Take exponentials in float64, a vector at a time, and round each result once."""
    dtype = working_dtype(out.dtype)
    numbers = _numbers_of(ref_value, decade, dtype)

    def convert(decibels: NDArray[Any], magnitudes: NDArray[Any]) -> None:
        _take_exponentials(decibels, magnitudes, numbers)

    for_chunks(convert, [x], out, [dtype, dtype], _EXPONENTIAL_SECONDS)


@lru_cache(maxsize=64)
def _numbers_of(ref_value: float, decade: float, dtype: np.dtype[Any]) -> NDArray[np.float64]:
    """Return what `_take_exponentials` must know, in the order in which it takes it."""
    gain = decade / 10
    assert gain in (1, 2), "the first part of an octave keeps its few digits"
    most = decade * _MOST_TENS[dtype.itemsize]
    octave, rest = (gain * part for part in _OCTAVE[8])
    return as_input(np.array([ref_value, most, 1 / octave, octave, rest, math.log(10) / decade]))


@kernel
def _take_exponentials(decibels, magnitudes, numbers):
    ref_value, most, inverse, octave, octave_rest, neper = numbers
    for i in range(magnitudes.size):
        x = np.float64(decibels[i])
        x = most if x > most else x  # NaN stays NaN
        x = -most if x < -most else x
        shifted = x * inverse + TO_INTEGER
        n = shifted - TO_INTEGER
        z = ((x - n * octave) - n * octave_rest) * neper  # x dB are a factor of 2**n exp(z)
        if magnitudes.itemsize == 4:
            result = (1.0 + expm1_32(z)) * two_to_the(shifted)
        else:  # in two steps, for 2**n may be out of range where the result is not
            half = n * 0.5 + TO_INTEGER
            rest = n - (half - TO_INTEGER) + TO_INTEGER
            result = (1.0 + expm1_64(z)) * two_to_the(half) * two_to_the(rest)
        magnitudes[i] = result * ref_value


def take_logarithms(x: NDArray[Any], numbers: Logarithm) -> NDArray[Any]:
    """Take logarithms of contiguous frames in place; return the peak of each, NaN if one is."""
    _take_logarithms(
        x.reshape(-1), x.dtype.type(numbers.addend), _scale_of_logarithm(numbers, x.dtype)
    )
    peaks: NDArray[Any] = x.max(axis=1)
    return peaks


@kernel
def _take_logarithms(x, addend, numbers):
    scale = _read(numbers)
    for j in range(x.size):
        number = x[j] + addend
        is_low = number < scale.smallest  # and has no exponent of its own
        n, r = split_log(number / scale.smallest if is_low else number)
        n = n + scale.exponent if is_low else n
        result = n * scale.octave + (n * scale.octave_rest + (r * scale.neper - scale.zero))
        result = result if number < np.inf else number  # infinite or NaN
        x[j] = scale.floor if number <= scale.amin else result


class _Scale(NamedTuple):
    """What `_convert` must know of decibels, in the dtype that it computes in.

    A kernel gets the numbers in an array: numba takes a tuple apart number by number, in Python.
    """

    amin: np.floating
    smallest: np.floating  # normal number, 2 ** exponent
    exponent: np.floating
    octave: np.floating
    octave_rest: np.floating
    neper: np.floating
    zero: np.floating  # decibels of the reference before it is taken off
    floor: np.floating  # decibels of `amin`
    dynamic_range: np.floating
    to_half: bool  # whether results are rounded to float16 later
    to_peak: bool  # whether an item's peak is 0


@inlined
def _read(numbers):
    return _Scale(
        amin=numbers[0],
        smallest=numbers[1],
        exponent=numbers[2],
        octave=numbers[3],
        octave_rest=numbers[4],
        neper=numbers[5],
        zero=numbers[6],
        floor=numbers[7],
        dynamic_range=numbers[8],
        to_half=numbers[9] != 0,
        to_peak=numbers[10] != 0,
    )


@lru_cache(maxsize=64)
def _scale_of(scale: DecibelScale, dtype: np.dtype[Any], rounded: np.dtype[Any]) -> NDArray[Any]:
    """Return the `_Scale` of a computation in `dtype`, of which the results become `rounded`."""
    zero = scale.decade * math.log10(max(scale.amin, scale.ref_value))
    limits, (octave, octave_rest) = np.finfo(dtype), _OCTAVE[dtype.itemsize]
    number, gain = dtype.type, scale.decade / 10
    assert gain in (1, 2), "the first part of an octave keeps its few digits"
    numbers = _Scale(
        amin=number(min(scale.amin, float(limits.max))),
        smallest=number(2.0**limits.minexp),
        exponent=number(limits.minexp),
        octave=number(gain * octave),
        octave_rest=number(gain * octave_rest),
        neper=number(gain * _NEPER),
        zero=number(zero),
        floor=number(scale.decade * math.log10(scale.amin) - zero),
        dynamic_range=number(rounded.type(scale.dynamic_range)),
        to_half=rounded.itemsize == 2,
        to_peak=scale.to_peak,
    )
    return as_input(np.array(numbers, dtype))


@lru_cache(maxsize=64)
def _scale_of_logarithm(numbers: Logarithm, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the `_Scale` of any logarithm, without a limit."""
    limits, number = np.finfo(dtype), dtype.type
    octave, octave_rest = _in_two_parts(numbers.octave, dtype)
    whole = _Scale(
        amin=number(min(numbers.smallest, float(limits.max))),
        smallest=number(2.0**limits.minexp),
        exponent=number(limits.minexp),
        octave=octave,
        octave_rest=octave_rest,
        neper=number(numbers.neper),
        zero=number(-numbers.offset),
        floor=number(numbers.least),
        dynamic_range=number(math.inf),
        to_half=False,
        to_peak=False,
    )
    return as_input(np.array(whole, dtype))


def _in_two_parts(octave: float, dtype: np.dtype[Any]) -> tuple[np.floating, np.floating]:
    """Return a number as a sum whose first part has so few digits as in `_OCTAVE`."""
    if octave == 10 * math.log10(2):
        first, rest = _OCTAVE[dtype.itemsize]
    else:
        n_digits = 16 if dtype.itemsize == 4 else 42
        mantissa, exponent = math.frexp(octave)
        first = math.ldexp(round(math.ldexp(mantissa, n_digits)), exponent - n_digits)
        rest = octave - first
    return dtype.type(first), dtype.type(rest)


def _peaks_of(items: NDArray[Any]) -> NDArray[Any]:
    """Return the largest number of each item, NaN if there is one in it."""
    no_sign, infinity, nan = words = _words_of(items.dtype)
    peaks = np.empty(len(items), words.dtype)
    _find_peaks(items.view(words.dtype), no_sign, infinity, nan, peaks)
    return peaks.view(items.dtype)


@lru_cache(maxsize=2)
def _words_of(dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the bits of a number but its sign, and those of infinity and of NaN, as integers."""
    words = np.array([0, np.inf, np.nan], dtype).view(f"i{dtype.itemsize}")
    words[0] = np.iinfo(words.dtype).max
    return as_input(words)


@kernel
def _find_peaks(items, no_sign, infinity, nan, peaks):
    # The maximum of integers is a vector instruction, that of floats here is not. Read as integers,
    # positive floats are in order, and negative ones, NaN with a minus too, lie below them all. So
    # for NaN, above infinity, another maximum is taken without the sign.
    for i in range(peaks.size):
        item = items[i]
        highest, highest_unsigned = item[0], item[0] & no_sign
        for j in range(item.size):
            unsigned = item[j] & no_sign
            highest = item[j] if item[j] > highest else highest
            highest_unsigned = unsigned if unsigned > highest_unsigned else highest_unsigned
        peaks[i] = nan if highest_unsigned > infinity else highest


@kernel
def _convert(x, peaks, out, numbers):
    scale = _read(numbers)
    chunk = np.empty(_CHUNK, out.dtype)
    for i in range(peaks.size):
        peak = peaks[i]
        if not peak < np.inf:  # infinite or NaN, and so is the whole item
            out[i] = peak - peak if scale.to_peak else peak
            continue
        lowest, highest = _limits(peak, scale)
        shift = highest - highest
        if scale.to_peak:
            shift, highest = highest, shift
            lowest = max(scale.floor - shift, highest - scale.dynamic_range)
        for start in range(0, out.shape[1], _CHUNK):
            source = x[i, start : start + _CHUNK]
            result = out[i, start : start + _CHUNK]
            if x.ctypes.data == out.ctypes.data:
                # The loops below ask whether their arrays overlap, and are slow if they do.
                for j in range(source.size):
                    chunk[j] = source[j]
                source = chunk[: source.size]
            _convert_chunk(source, result, lowest, highest, shift, scale)


@inlined
def _limits(peak, scale):
    """Return the smallest and the largest result for an item with some peak."""
    highest = lowest = scale.floor
    if peak > scale.amin:
        # The logarithm may be larger for a number that is smaller: nothing exceeds the peak's.
        is_subnormal = peak < scale.smallest
        n, r = split_log(peak / scale.smallest if is_subnormal else peak)
        n = n + scale.exponent if is_subnormal else n
        highest = n * scale.octave + (n * scale.octave_rest + (r * scale.neper - scale.zero))
        lowest = _as_rounded(highest, scale.to_half) - scale.dynamic_range
        lowest = _as_rounded(lowest, scale.to_half)
        lowest = scale.floor if lowest < scale.floor else lowest
    return lowest, highest


@inlined
def _convert_chunk(source, result, lowest, highest, shift, scale):
    amin, smallest, exponent = scale.amin, scale.smallest, scale.exponent
    octave, octave_rest, neper, zero = scale.octave, scale.octave_rest, scale.neper, scale.zero
    if amin >= smallest:
        for j in range(result.size):
            n, r = split_log(source[j] if source[j] > amin else amin)
            decibel = n * octave + (n * octave_rest + (r * neper - zero)) - shift
            decibel = decibel if decibel < highest else highest
            result[j] = decibel if decibel > lowest else lowest
    else:
        for j in range(result.size):
            subnormal = source[j] < smallest
            n, r = split_log(source[j] / smallest if subnormal else source[j])
            n = n + exponent if subnormal else n
            decibel = n * octave + (n * octave_rest + (r * neper - zero)) - shift
            decibel = decibel if decibel < highest else highest
            decibel = decibel if decibel > lowest else lowest
            result[j] = decibel if source[j] > amin else lowest


@inlined
def _as_rounded(x, to_half):
    """Round a number to float16, if asked, and keep its type."""
    if not to_half:
        return x
    if abs(x) < 2.0**-14:  # subnormal there: multiples of 2 ** -24
        return (x + type(x)(0.75)) - type(x)(0.75)
    bits = np.float32(x).view(np.int32)
    bits += np.int32(0xFFF) + ((bits >> np.int32(13)) & np.int32(1))  # to the even one of two
    return np.int32(bits & np.int32(~0x1FFF)).view(np.float32)
