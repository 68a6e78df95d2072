"""Bugs to plant in the kernels, and the messages that must report them, to test the harness."""

import numpy as np

import kapre_ref as kr
from harness.cuda_on_cpu.planting import Bug


def until_nan(x, end):
    """Return signals of 400 samples, NaN from one on."""
    x = x[:, :400].copy()
    x[:, end:] = np.nan
    return x


def loud_until(x, end):
    """Return signals of which the first samples have squares beyond float32."""
    x = x.copy()
    x[:, :end] *= np.float32(1e25)
    return x


def two_channels(x):
    """Return a signal of two channels in float64, of which shorter frames are large."""
    return x.ravel()[:8552].reshape(1, 4276, 2).astype(np.float64)


PADDED = {"pad_begin": True, "pad_end": True}
LOG_MEL = kr.FrontEnd(
    sample_rate=16000,
    n_fft=512,
    win_length=400,
    hop_length=131,
    bands=kr.Bands(20),
    log="ln",
    floor=1e-6,
)
CENTRED = LOG_MEL.replace(hop_length=128, pad_left=256, pad_right=256)
REFLECT = {"pad_left": 200, "pad_right": 300, "pad_mode": "reflect"}
KALDI = {"remove_mean": True, "preemphasis": 0.97, "preemphasis_first": "frame", "power": 1}
KALDI["window"] = "hamming_symmetric"
RANGE = {"dynamic_range": 2.0, "gain": 0.5, "offset": 1.0}
NORMALISED = {"normalisation": kr.Normalisation(ddof=1, eps=0.5, drop_last=True)}
# On noise of shape (3, 2851). Each launches all that a bug of it is to be planted in.
OPERATIONS = {
    "magnitude": lambda x: kr.stft_magnitude(x, 512, hop_length=131, **PADDED),
    "pairs": lambda x: kr.stft_magnitude(x, 512, hop_length=130, **PADDED),
    "even window": lambda x: kr.stft_magnitude(until_nan(x, 300), 512, 300, 50),
    "odd window": lambda x: kr.stft_magnitude(until_nan(x, 301), 512, 301, 50),
    "faint": lambda x: kr.stft_magnitude(x[:1] * np.float32(1e-30), 256, hop_length=256),
    "faint, staged": lambda x: kr.stft_magnitude(x * np.float32(1e-30), 512, hop_length=131),
    "constant": lambda x: kr.stft_magnitude(x[:1] * 0 + np.float32(1e20), 256, hop_length=256),
    "bins": lambda x: kr.stft(x, 512, hop_length=140, pad_end=True),
    "strided bins": lambda x: kr.stft(x[:, :2850].reshape(3, -1, 2), 512, hop_length=140),
    "decibel": lambda x: kr.stft_magnitude(x, 256, None, 120, return_decibel=True, db_amin=9.0),
    "bands": lambda x: kr.melspectrogram(x, 512, hop_length=300, n_mels=40),
    "smooth": lambda x: kr.stft_magnitude(x, 400, hop_length=131, **PADDED),
    "smooth pairs": lambda x: kr.stft_magnitude(x, 400, hop_length=100),
    "smooth bins": lambda x: kr.stft(x, 480, hop_length=130),
    "smooth bands": lambda x: kr.melspectrogram(x, 400, n_mels=40, return_decibel=True),
    "smooth channels": lambda x: kr.stft(x[:, :2850].reshape(3, -1, 2), 400, hop_length=140),
    "smooth blocks": lambda x: kr.stft_magnitude(x, 1200, hop_length=300),
    "smooth double": lambda x: kr.stft_magnitude(x.astype(np.float64), 400, hop_length=131),
    "smooth faint": lambda x: kr.stft_magnitude(x * np.float32(1e-30), 400, hop_length=400),
    "faint blocks": lambda x: kr.stft_magnitude(x * np.float32(1e-30), 1200, hop_length=300),
    "odd size": lambda x: kr.stft_magnitude(x, 441, hop_length=131, **PADDED),
    "odd size, faint": lambda x: kr.stft_magnitude(x * np.float32(1e-30), 441, hop_length=400),
    "odd size in blocks": lambda x: kr.stft_magnitude(x, 1001, hop_length=250),
    "odd size of frames": lambda x: LOG_MEL.replace(n_fft=441, win_length=441, **KALDI)(x + 4),
    "odd size back": lambda x: kr.inverse_stft(
        kr.stft(x, 441, 390, 70) + np.complex64(1j), 441, 390, 70
    ),
    "loud blocks": lambda x: kr.stft_magnitude(loud_until(x, 1000), 1200, hop_length=300),
    "to decibel": lambda x: kr.magnitude_to_decibel(abs(x.reshape(1, -1)), dynamic_range=4.0),
    "items to decibel": lambda x: kr.magnitude_to_decibel(abs(x).cumsum(0), dynamic_range=4.0),
    "short items to decibel": lambda x: kr.magnitude_to_decibel(
        abs(x[:, :2850]).reshape(19, -1).cumsum(0), dynamic_range=1.0
    ),
    "two items to decibel": lambda x: kr.magnitude_to_decibel(
        abs(x[:, :2850]).reshape(2, -1).cumsum(0), dynamic_range=3.0
    ),
    "from decibel": lambda x: kr.db_to_power(50 * x.ravel()[:501]),
    "encode": lambda x: kr.mu_law_encoding(x, 256),
    "decode": lambda x: kr.mu_law_decoding((x * 150 + 130).astype(np.int32), 256),
    "frame": lambda x: kr.frame(x, 300, 77, pad_end=True),
    "energy": lambda x: kr.energy(x, 8000, 0.1, 300, 77, pad_end=True),
    "reflect": lambda x: LOG_MEL.replace(**REFLECT)(x),
    "mirror": lambda x: LOG_MEL.replace(**{**REFLECT, "pad_mode": "mirror"}, time_first=False)(x),
    "back and forth": lambda x: LOG_MEL.replace(**REFLECT)(x[:, :40]),
    "edge": lambda x: LOG_MEL.replace(**{**REFLECT, "pad_mode": "edge"})(x),
    "odd": lambda x: LOG_MEL.replace(**{**REFLECT, "pad_mode": "odd"})(x),
    "odd, back and forth": lambda x: LOG_MEL.replace(**{**REFLECT, "pad_mode": "odd"})(x[:, :40]),
    "emphasis": lambda x: LOG_MEL.replace(preemphasis=0.97, pad_left=300, pad_right=300)(x),
    "emphasis, cut": lambda x: LOG_MEL.replace(preemphasis=0.97, pad_left=-9, window="hamming")(x),
    "frames": lambda x: LOG_MEL.replace(**KALDI)(x + 4),
    "faint frames": lambda x: LOG_MEL.replace(**KALDI)(x * np.float32(1e-30)),
    "smooth frames": lambda x: LOG_MEL.replace(n_fft=400, win_length=380, **KALDI)(x + 4),
    "frames of blocks": lambda x: LOG_MEL.replace(n_fft=1200, win_length=1100, **KALDI)(x + 4),
    "smooth reflect": lambda x: LOG_MEL.replace(n_fft=400, win_length=380, **REFLECT)(x),
    "offset roots": lambda x: LOG_MEL.replace(power=1, power_offset=4.0, log="none", floor=0)(x),
    "powers": lambda x: LOG_MEL.replace(bands=None, log="none", floor=0, gain=3.0)(x),
    "double": lambda x: LOG_MEL.replace(log="10log10", n_fft=400, win_length=380)(x.astype("f8")),
    "added floor": lambda x: LOG_MEL.replace(floor=9.0, floor_by="add")(x),
    "lines": lambda x: LOG_MEL.replace(gain=[1 + i / 9 for i in range(20)], offset=3.0)(x),
    "range of channels": lambda x: LOG_MEL.replace(**RANGE, range_over="channel")(x[None]),
    "range by cuFFT": lambda x: LOG_MEL.replace(
        n_fft=409, win_length=400, **RANGE, range_over="channel"
    )(x[None] * x.dtype.type(3)),
    # The second call is on fainter signals, so that a peak that is still there would be too high.
    "range of calls": lambda x: [
        LOG_MEL.replace(**RANGE)(x * gain) for gain in (1, x.dtype.type(0.1))
    ][1],
    # Three channels of 21 values a frame begin at addresses that suit no pack.
    "smooth range": lambda x: LOG_MEL.replace(
        n_fft=400, win_length=380, bands=kr.Bands(21), **RANGE, range_over="channel"
    )(x[None]),
    "normalised": lambda x: LOG_MEL.replace(bands=kr.Bands(40), **NORMALISED)(x),
    "turned": lambda x: LOG_MEL.replace(n_fft=400, time_first=False)(x),
    "halves": lambda x: kr.stft_magnitude(x.astype("f2"), 512, 400, 131, **PADDED),
    "pairs of halves": lambda x: kr.stft_magnitude(x.astype("f2"), 400, 380, 100),
    "decibels of halves": lambda x: kr.magnitude_to_decibel(
        abs(x[:1, :2848]).astype("f2") + np.float16(1), dynamic_range=1.4
    ),
    "energy of halves": lambda x: kr.energy(x.astype("f2"), 8000, 0.1, 300, 77),
    "inverse": lambda x: kr.inverse_stft(kr.stft(x, 400, 390, 70) + np.complex64(1j), 400, 390, 70),
    "centred inverse": lambda x: CENTRED.inverse_stft(CENTRED.stft(x), 2851),
    "large": lambda x: kr.stft_magnitude(two_channels(x), 5000, hop_length=900, **PADDED),
    "large decibels": lambda x: kr.stft_magnitude(
        two_channels(x), 5000, hop_length=900, return_decibel=True, **PADDED
    ),
    "large inverse": lambda x: kr.inverse_stft(
        kr.stft(two_channels(x), 2700, hop_length=700), 2700, hop_length=700
    ),
    "overlap-add": lambda x: kr.inverse_stft(kr.stft(x, 60, hop_length=23), 60, hop_length=23),
}

BUGS = (
    # The gather.
    Bug("pairs", "start + task.length <= task.n_samples", "true", "out of bounds read of 8"),
    Bug("pairs", "start >= 0 &&", "", "out of bounds read of 8"),
    Bug("magnitude", "(2 * sizeof(Sample)) == 0", "sizeof(Sample) == 0", "misaligned read of 8"),
    Bug(
        "magnitude",
        "s.task.n_samples - start,",
        "s.task.n_samples + 1 - start,",
        "out of bounds read of 4",
    ),
    Bug("magnitude", "n >= begin &&", "", "out of bounds read of 4"),
    Bug("odd window", "min(s.task.n_samples - start, length)", "s.task.n_samples - start", ""),
    Bug("even window", "n < length / 2 ? pair_at", "true ? pair_at", "out of bounds"),
    Bug(
        "faint, staged",
        "  __syncwarp();  // the last use of this memory is over",
        "",
        "race: write after read in shared",
    ),
    Bug(
        "magnitude",
        "    __syncwarp();\n    const float2* pairs",
        "    const float2* pairs",
        "uninitialised shared read|race: read after write in shared",
    ),
    # The transform.
    Bug("magnitude", "__syncwarp();  // the slot's last use is over", "", "race: write after read"),
    Bug(
        "magnitude",
        "slot[t * S::ROW + q] = v[q];\n    __syncwarp();",
        "slot[t * S::ROW + q] = v[q];",
        "uninitialised shared read|race: read after write",
    ),
    Bug("magnitude", "[S::FRAMES * S::SLOT]", "[S::FRAMES * S::SLOT - 2]", "overrun"),
    Bug("magnitude", "twiddles[i * S::E + b]", "twiddles[i * S::E + b + 1]", ""),
    Bug("magnitude", "roots[k]", "roots[k + 1]", "out of bounds read"),
    Bug("magnitude", "(S::T - t) & (S::T - 1))", "(S::T - 1 - t) & (S::T - 1))", ""),
    Bug("magnitude", "output.put(S::M / 2,", "output.put(S::M / 2 + 1,", "race: write/write in"),
    Bug(
        "magnitude",
        "output.live = index < task.n_frames",
        "output.live = true",
        "out of bounds|race",
    ),
    Bug("strided bins", "series / task.n_channels, channel", "series, channel", "out of bounds"),
    Bug("faint", "if (!again) break;", "break;", ""),
    Bug("faint", "output.begin(again ? inverse(scale) : 1)", "output.begin(1)", ""),
    # These bugs concern what is made of bins.
    Bug("bins", "if (output.live) output.row[k]", "output.row[k]", "out of bounds|race"),
    Bug("bins", "if (output.live) output", "if (output.live && k) output", ""),
    Bug("bins", "make_float2(high.x, -high.y)", "make_float2(high.x, high.y)", ""),
    Bug("strided bins", "if constexpr (IN_SHARED) S::sync();", "", "race: write"),
    Bug(
        "strided bins",
        "S::sync();  // all values have been put",
        "",
        "race: read after|uninitial",
        "Strided",
    ),
    Bug("faint", "return value * unscale;", "return value;", ""),
    Bug("faint", "largest_square = 0;", "largest_square = 0x40000000u;", ""),
    Bug(
        "constant",
        "= max(largest_square, bits(square))",
        "= bits(square)",
        "",
    ),
    Bug(
        "decibel",
        "S::sync();  // all values have been put",
        "",
        "race: read after|uninitial",
        "Strided",
    ),
    Bug("decibel", "k <= S::N / 2", "k < S::N / 2", "", "Strided"),
    Bug("decibel", "if (live) row[place", "row[place", "out of bounds|race"),
    Bug("decibel", "? task.least : result", "? task.shift : result", ""),
    Bug("range of channels", "peak = max(peak, bits(value));", "", "", "Output"),
    Bug(
        "decibel",
        "if (threadIdx.x % 32 == 0) atomicMax(&peaks[group].largest, peak)",
        "peaks[group].largest = peak",
        "race",
    ),
    Bug(
        "bands",
        "S::sync();  // all values have been put",
        "",
        "race: read after|uninitial",
        "Bands",
    ),
    Bug("bands", "sums[0] += weights[(i64)i * n_bands] * values[i];", "", ""),
    Bug("bands", "output.staged() + bins.x", "output.staged() + bins.x + 1", ""),
    Bug("bands", "i < bins.y;", "i <= bins.y;", "out of bounds read of 4"),
    # Shaped samples.
    Bug("reflect", "i = -i - seam;", "i = -i - 1;", ""),
    Bug("reflect", "i < n ? i : period - seam - i", "i < n ? i : period - i - 1", ""),
    Bug("reflect", "if (task.edge == ZEROS) return 0;", "return 0;", ""),
    Bug("mirror", "task.edge == MIRROR", "0", ""),
    Bug("edge", "return i < 0 ? 0 : task.n_samples - 1;", "return 0;", ""),
    Bug("odd", "task.edge == ODD ?", "false ?", ""),
    Bug("odd", "inside(i < 0 ? 0 : last)", "inside(0)", ""),
    Bug("odd", "odd ? edges - sample", "odd ? edges + sample", ""),
    Bug("odd, back and forth", "(beyond + span - 1) / span", "1", ""),
    Bug("odd, back and forth", "(Real)(folds - odd) *", "(Real)folds *", ""),
    Bug(
        "back and forth", "(unsigned)i % (unsigned)period", "i - period", "out of bounds read of 4"
    ),
    Bug("back and forth", "2 * (n - 1 + seam)", "2 * (n + seam)", "out of bounds read of 4"),
    Bug("reflect", "task.all_shaped || !has_inside(start)", "task.all_shaped", ""),
    Bug("emphasis", "i + task.n_cut == 0", "false", "out of bounds read of 4"),
    Bug("emphasis, cut", "i + task.n_cut == 0", "i == 0", ""),
    Bug("emphasis", "*sample - task.emphasis * *(", "*sample - 0.9f * *(", ""),
    Bug("emphasis, cut", "task.n_cut * task.x_time_stride", "0", "out of", "stft"),
    Bug(
        "faint frames",
        "S::sync();  // the last use of `staged` is over",
        "",
        "race: write",
    ),
    Bug("frames", "S::sync();  // all samples are staged", "", "race: read after|uninitialised"),
    Bug("frames", "= sample;\n        total.add(sample);", "= sample;\n        total.add(1);", ""),
    Bug("frames", "int d = T / 2; d", "int d = T / 4; d", "", "Shape"),
    Bug("frames", "n ? 2 * n - 1 : 0", "n ? 2 * n - 1 : 1", ""),
    Bug("frames", "odd - emphasis * even", "odd - emphasis * before", ""),
    Bug("smooth frames", "threadIdx.x % 32 / T * T;", "0;", "", "Mixed"),
    Bug("frames of blocks", "            sync();\n", "", "race|uninitialised", "Mixed"),
    Bug("frames of blocks", "values[threadIdx.x / T * T + i]", "values[i]", ""),
    Bug(
        "smooth reflect",
        "load_shaped<S>(v, s, start, live, staged, t);\n            return;\n        }\n"
        "    const i64 stride = s.task.x_time_stride;\n    const Sample* first = s.samples + start",
        "}\n"
        "    const i64 stride = s.task.x_time_stride;\n    const Sample* first = s.samples + start",
        "",
    ),
    # Values and their last form.
    Bug("offset roots", "square + task.power_offset", "square", ""),
    Bug("powers", "        return square;\n", "        return 2 * square;\n", ""),
    Bug("powers", "task.factor * value + task.shift", "value + task.shift", ""),
    Bug("double", "task.decimal ? log10(value) : log(value)", "log(value)", ""),
    Bug("added floor", "(value <= 0 ? 0 : value) + added", "value <= 0 ? 0 : value", ""),
    Bug("lines", "lines[2 * place] * value", "value", ""),
    Bug("lines", "+ task.lines_at", "", ""),
    Bug(
        "range of channels",
        "series_of_batch / task.channels_of_peak",
        "0",
        "race: ",
    ),
    # A range that the last block of a group applies.
    Bug("range of channels", "__threadfence();  // whoever sees the count", "//", "race: "),
    Bug(
        "range of channels", "__threadfence();  // nothing below is done", "//", "race: read of an"
    ),
    Bug("range of channels", "__syncthreads();  // all of the block are done", "", "race: "),
    Bug("range of channels", "__syncthreads();  // the first thread has told", "", "race|uninit"),
    Bug("range of channels", "== n_blocks - 1;", "== 0;", "race: write/write between blocks"),
    Bug("range of channels", "if (task.blocks_of_peak)", "if (blockIdx.x % 3)", "", "Output"),
    Bug("range of calls", "&peak->n_counted, n_blocks - 1", "&peak->n_counted, 99", ""),
    Bug("range of calls", "atomicExch(&peak->largest,", "atomicMax(&peak->largest,", ""),
    Bug(
        "range of channels",
        "__ldcg(reinterpret_cast<const Raw*>(from))",
        "*reinterpret_cast<const Raw*>(from)",
        "another block's write through the L1",
    ),
    Bug("range of channels", "out + (i64)group * task.values_of_peak", "out", "race: "),
    Bug(
        "range of channels", "task.values_of_peak, task,", "task.values_of_peak + 1, task,", "race"
    ),
    Bug("smooth range", "S::rank(), S::RANKS", "threadIdx.x, S::RANKS", ""),
    Bug("smooth range", "(WIDTH - place) % WIDTH", "0", "misaligned read of 16"),
    Bug("smooth range", "if (rank < n - n_packs * WIDTH)", "if (false)", ""),
    Bug("smooth range", "(rank < n_before ? rank : rank", "(false ? rank : rank", "race|out of"),
    Bug("smooth range", "if (i >= n_packs) break;", "", "race|out of"),
    # Normalisation over time.
    Bug(
        "normalised", "__syncthreads();  // the last use of `sums` is over", "", "race: write after"
    ),
    Bug("normalised", "__syncthreads();  // all warps have written", "", "race|uninitialised"),
    Bug(
        "normalised",
        "const bool live = band < task.n_bands",
        "const bool live = true",
        "out of|race",
    ),
    Bug("normalised", ": sum) / task.n_divided", ": sum) / 9", ""),
    Bug("normalised", "i < n_counted ? (value", "true ? (value", ""),
    Bug("normalised", "+ task.eps_beside", "", ""),
    # Transforms of mixed radix.
    Bug(
        "smooth",
        "part.has(n + S::APART) ? (Real<C>)from[",
        "part.has(n) ? (Real<C>)from[",
        "out of bounds read of 4",
    ),
    Bug("smooth channels", "S::STEP * stride", "S::STEP", ""),
    Bug(
        "smooth faint",
        "    S::sync();  // the slot's last use is over\n",
        "",
        "race: write after read",
    ),
    Bug("smooth", "    S::sync();  // the first exchange is written\n", "", "race|uninitialised"),
    Bug("smooth", "    S::sync();  // all have read\n", "", "race: write after read"),
    Bug("smooth", "    S::sync();  // all have written\n", "", "race: read after write|uninit"),
    Bug("smooth blocks", "    S::sync();  // all have read\n", "", "race: write after read"),
    Bug("smooth blocks", "    S::sync();  // all have written\n", "", "race|uninitialised"),
    Bug("smooth double", "    S::sync();  // all have read\n", "", "race: write after read"),
    Bug("smooth bins", "column < COLUMNS", "true", "race|uninitialised|out of bounds"),
    Bug("smooth", "factors[r * KEPT]", "factors[r * KEPT + 1]", ""),
    Bug("smooth blocks", "twiddles + S::SECOND_TABLE, t", "twiddles, t", ""),
    Bug("smooth", "slot[k ? S::M - k : 0]", "slot[S::M - k]", ""),
    Bug("smooth", "output.put(S::M - k, C", "output.put(S::M - k - 1, C", "race: write/write"),
    Bug("smooth", "lane >= S::LANES", "false", "overrun|race|mask"),
    Bug(
        "smooth pairs",
        "output.live = first + group < task.n_frames",
        "output.live = true",
        "race|out of",
    ),
    Bug(
        "smooth channels",
        "channel = series % task.n_channels, item",
        "channel = series, item",
        "out of",
    ),
    Bug("smooth pairs", "if (first >= task.n_frames) break;", "if (first > 12) break;", ""),
    Bug("smooth faint", "if (again) continue;", "", ""),
    Bug(
        "smooth faint",
        "TWIDDLES, t_of_bins, inverse(scale), output",
        "TWIDDLES, t_of_bins, Real<C>(1), output",
        "",
    ),
    Bug("faint blocks", "if (t == 0) largest[group] = 0;", "", ""),
    Bug("loud blocks", "atomicMax(&largest[group]", "atomicMax(&largest[0]", ""),
    Bug("smooth bands", "(lane + d) % lanes", "lane + d", "outside the mask"),
    # Odd sizes, whose rows are real.
    Bug("odd size", "v[k ? S::R1 - k : 0]", "v[k ? S::R1 - k : 1]", ""),
    Bug("odd size", "b.x - a.x};\n            slot", "a.x - b.x};\n            slot", ""),
    Bug("odd size", "if (has_both) slot[", "slot[", "race: write/write|overrun"),
    Bug("odd size", "(t + S::T) * S::ROW + k", "(t + S::T - 1) * S::ROW + k", "race: write/write"),
    Bug("odd size", "to - 2 * (column % KEPT)", "to", ""),
    Bug("odd size", "mirrored[(R - r) * DONE] =", "mirrored[(R - 1 - r) * DONE] =", "overrun"),
    Bug("odd size in blocks", "= conjugate(v[c * R + r])", "= v[c * R + r]", ""),
    Bug("odd size", "output.put(t + j * S::T, bins[j])", "output.put(t + j * S::T, bins[0])", ""),
    Bug("odd size, faint", "(slot, t_of_bins, inverse(scale)", "(slot, t_of_bins, Real<C>(1)", ""),
    Bug("odd size in blocks", "COLUMNS / KEPT * PITCH", "COLUMNS / DONE * PITCH", ""),
    Bug("odd size in blocks", "column / KEPT * NEXT", "column / DONE * NEXT", "race|uninit"),
    Bug("odd size of frames", "has_both ? emphasised(", "true ? emphasised(", "uninitialised"),
    Bug("odd size of frames", "staged[n ? n - 1 : 0]", "staged[n ? n - 1 : 1]", ""),
    # Decibels of given magnitudes.
    Bug("to decibel", "__syncthreads();  // all warps have told", "", "uninitialised shared|race"),
    Bug("to decibel", "warp < TEAM / 32", "warp < 1", ""),
    Bug(
        "to decibel", "task.group_length);", "task.group_length + 1);", "out of bounds|race", "Run"
    ),
    Bug("to decibel", "index % task.runs", "0", "race: write", "Run"),
    Bug("to decibel", "task.applies_range && task.runs == 1", "task.applies_range", "race"),
    Bug("short items to decibel", "group >= task.n_groups", "false", "out of", "to_decibels"),
    Bug("short items to decibel", "} else {\n        __syncwarp();", "} else {", "race: read"),
    Bug(
        "short items to decibel",
        "(DECIBEL_THREADS / TEAM) + threadIdx.x / TEAM",
        "1",
        "race",
        "Run",
    ),
    Bug("to decibel", "(run.member == 0) atomicMax(", "(false) atomicMax(", ""),
    Bug(
        "two items to decibel",
        "(run.member == 0) atomicMax(&peaks[group]",
        "(run.member == 0) atomicMax(&peaks[0]",
        "",
    ),
    Bug("two items to decibel", "raise_if_last<2>(peaks + group", "raise_if_last<2>(peaks", ""),
    Bug("items to decibel", "    out += group * group_length;\n", "", "race: w", "to_decibels"),
    Bug(
        "to decibel",
        "(run.member == 0) atomicMax(&peaks[group].largest, peak)",
        "(run.member == 0) peaks[group].largest = peak",
        "race: write",
    ),
    Bug("to decibel", "value >= lowest ? value : lowest", "value <= lowest ? value : lowest", ""),
    # These are raised to their floor by a second kernel.
    Bug("range by cuFFT", "(peaks[group].largest, task", "(peaks[0].largest, task", ""),
    Bug("range by cuFFT", "    values += group * group_length;\n", "", "race", "raise_to_floor"),
    Bug("range by cuFFT", "group >= task.n_groups", "false", "out of", "raise_to_floor"),
    Bug("from decibel", "if (i >= n) return;", "", "out of bounds", "to_magnitudes"),
    Bug("from decibel", "fma(-octaves, OCTAVE, decibels)", "fma(octaves, OCTAVE, decibels)", ""),
    # Mu-law.
    Bug("encode", "i < n; i += step", "i <= n; i += step", "out of bounds", "mu_law_encoding"),
    Bug("encode", "copysignf(fmaf(rest, inverse, quotient), x)", "quotient", ""),
    Bug("encode", "fabsf(code) < infinity ? (int)code :", "(int)code * 0 +", ""),
    Bug("decode", "i < n; i += step", "i <= n; i += step", "out of bounds", "mu_law_decoding"),
    Bug("decode", "code >= (Code)0 &&", "", "out of bounds read of 4"),
    Bug("decode", "(float)code <= (float)mu &&", "", "out of bounds read of 4"),
    Bug("decode", "samples[(int)code]", "samples[(int)code + 1]", "out of bounds read of 4"),
    # Frames and energies.
    Bug("frame", "i < inside;", "i < task.frame_length;", "out of bounds read of 4", "frame"),
    Bug("frame", "*to = pad_value;", "", ""),
    Bug("frame", "first + task.frames_per_block, task", "first + 99, task", "race|out"),
    Bug("frame", "index += FRAMING_WARPS", "index += FRAMING_WARPS - 1", "race: write", "frame"),
    Bug("energy", "i < inside;", "i < task.frame_length;", "out of bounds read of 4", "energy"),
    Bug("energy", "if (threadIdx.x == 0) energies", "energies", "race: write/write"),
    Bug("energy", "int d = 16; d; d >>= 1", "int d = 8; d; d >>= 1", "", "energy"),
    # Bands of frames that are neighbours in memory.
    Bug("turned", "__syncthreads();  // all frames of the block are finished", "", "race|uninit"),
    Bug("turned", "if (frame < output.n_left)", "", "race|out of"),
    Bug("turned", "to[frame - s.group] =", "to[frame] =", "race|out of"),
    Bug("turned", "output.kept(frame)[band]", "output.kept(s.group)[band]", ""),
    Bug(
        "turned",
        "threadIdx.x / 32 * LANES + threadIdx.x % 32",
        "threadIdx.x",
        "race: write",
        "Mixed",
    ),
    # The inverse.
    Bug("inverse", "if (k == 0) low.y = high.y = 0;", "", ""),
    Bug("inverse", "high.y = -high.y;", "", ""),
    Bug("inverse", "first_half ? k : mirrored", "k", "out of bounds read of 8"),
    Bug("inverse", "first_half ? root.x : -root.x", "root.x", ""),
    Bug(
        "inverse",
        "begin + group < min(task.n_frames, overlap.end)",
        "true",
        "out of bounds read of 8",
        "inverse_stft",
    ),
    Bug("inverse", "__syncthreads();  // the frames are there", "", "race|uninit", "inverse_stft"),
    Bug("inverse", "__syncthreads();  // the slots are free", "", "race", "inverse_stft"),
    Bug("inverse", "!S::IN_WARP || lane < S::LANES", "true", "overrun|race|mask"),
    Bug("inverse", "place >= task.length", "false", "out of bounds read of 4"),
    Bug("inverse", "if (carried && hop < before)", "if (hop < before)", "uninitialised"),
    Bug("inverse", "if (carried && hop < before)", "if (false)", ""),
    Bug("inverse", "if (++at >= before) at = 0;", "++at;", "race: write"),
    Bug("inverse", "(carry_row + S::FRAMES) %", "0 * S::FRAMES %", ""),
    Bug("inverse", " && begin + hop < end", "", "race: write/write between blocks"),
    Bug("inverse", "begin + hop >= first &&", "", "race: write/write between blocks"),
    Bug("inverse", "&& sample < task.n_samples", "", "out of bounds|race"),
    Bug("inverse", "first - (task.overlap - 1)", "first", ""),
    Bug("odd size back", "first_half ? n : S::N - n", "n", "out of bounds read of 8"),
    Bug("odd size back", "if (n == 0) return bin.x;", "", ""),
    Bug("odd size back", "? bin.x - bin.y : bin.x + bin.y", "? bin.x - bin.y : bin.x - bin.y", ""),
    Bug("odd size back", "bool has_both = live &&", "bool has_both = true ||", "out of"),
    Bug("odd size back", "S::sync();  // all bins are read", "", "race"),
    Bug("odd size back", "samples[S::N - k] =", "samples[S::N - 1 - k] =", ""),
    Bug("centred inverse", "sample >= 0 &&", "", "out of bounds"),
    Bug("centred inverse", "+ p - task.n_skipped", "+ p", ""),
    # Large frames.
    Bug("large", "S::IS_LARGE  ? 0", "S::IS_LARGE  ? 1", "out of bounds"),
    Bug("large", "return x + item * task.x_batch_stride + channel *", "return x + item *", ""),
    Bug(
        "large decibels",
        "+ first * task.out_frame_stride;\n        }",
        ";\n        }",
        "race: write/write between blocks",
    ),
    Bug("large decibels", "+ channel * task.out_channel_stride;\n}", ";\n}", "race"),
    Bug("large", "t = threadIdx.x;\n        asm", "t = 0;\n        asm", "race"),
    Bug("large inverse", "R*>(slots + S::SLOT)", "R*>(slots)", ""),
    # Halves.
    Bug("pairs of halves", "return {pair.x, pair.y};", "return {pair.y, pair.x};", ""),
    Bug("halves", "bits(__nv_float2half_rn(value))", "bits((unsigned short)value)", ""),
    Bug("energy of halves", "return __nv_half2float(bits);", "return bits;", ""),
    Bug(
        "decibels of halves",
        "pack.element[1].bits << 16",
        "pack.element[2].bits << 16",
        "",
    ),
    # Overlap-add.
    Bug("overlap-add", "min(task.n_samples + n_before_out, (i64)end)", "end", "out of bounds|race"),
    Bug("overlap-add", "min(hop, last)", "hop", "out of bounds"),
    Bug("overlap-add", "(position > task.rest)", "(position > task.rest + 1)", "out of bounds"),
    Bug("overlap-add", "hops == 1 ? 0 : i / hop_length", "0", "out of bounds"),
    Bug("overlap-add", "term += n_fft - hop_length;", "term += n_fft;", ""),
)
