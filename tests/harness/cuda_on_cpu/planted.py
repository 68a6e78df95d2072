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


PADDED = {"pad_begin": True, "pad_end": True}
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
    "loud blocks": lambda x: kr.stft_magnitude(loud_until(x, 1000), 1200, hop_length=300),
    "to decibel": lambda x: kr.magnitude_to_decibel(abs(x.reshape(1, -1)), dynamic_range=4.0),
    "items to decibel": lambda x: kr.magnitude_to_decibel(abs(x).cumsum(0), dynamic_range=4.0),
    "encode": lambda x: kr.mu_law_encoding(x, 256),
    "decode": lambda x: kr.mu_law_decoding((x * 150 + 130).astype(np.int32), 256),
    "frame": lambda x: kr.frame(x, 300, 77, pad_end=True),
    "energy": lambda x: kr.energy(x, 8000, 0.1, 300, 77, pad_end=True),
    "overlap-add": lambda x: kr.inverse_stft(kr.stft(x, 60, hop_length=23), 60, hop_length=23),
}

BUGS = (
    # The gather.
    Bug("pairs", "start + s.length <= s.n_samples", "true", "out of bounds read of 8"),
    Bug("pairs", "start >= 0 &&", "", "out of bounds read of 8"),
    Bug("magnitude", "(2 * sizeof(Sample)) == 0", "sizeof(Sample) == 0", "misaligned read of 8"),
    Bug("magnitude", "s.n_samples - start,", "s.n_samples + 1 - start,", "out of bounds read of 4"),
    Bug("magnitude", "n >= begin &&", "", "out of bounds read of 4"),
    Bug("odd window", "min(s.n_samples - start, (i64)s.length)", "s.n_samples - start", ""),
    Bug("even window", "n < s.length / 2 ? pairs[n]", "true ? pairs[n]", "out of bounds"),
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
    Bug("strided bins", "row / task.n_channels, channel", "row, channel", "out of bounds"),
    Bug("faint", "if (!again) break;", "break;", ""),
    Bug("faint", "output.begin(again ? inverse(scale) : 1)", "output.begin(1)", ""),
    # What becomes of the bins.
    Bug("bins", "if (live) row[k] = bin;", "row[k] = bin;", "out of bounds|race"),
    Bug("bins", "if (live) row[k] = bin;", "if (live && k) row[k] = bin;", ""),
    Bug("bins", "make_float2(high.x, -high.y)", "make_float2(high.x, high.y)", ""),
    Bug("strided bins", "{ S::sync(); }  // the exchange", "{}  // the exchange", "race: write"),
    Bug("strided bins", "S::sync();  // all bins have been put", "", "race: read after|uninitial"),
    Bug("magnitude", "if (live) row[k] = magnitude;", "row[k] = magnitude;", "out of bounds|race"),
    Bug("faint", "scaled(bin) * unscale;", "scaled(bin);", ""),
    Bug("faint", "largest_square = 0;", "largest_square = 0x40000000u;", ""),
    Bug(
        "constant",
        "= max(largest_square, bits(square))",
        "= bits(square)",
        "",
    ),
    Bug(
        "decibel",
        "        S::sync();  // the exchange is over",
        "",
        "race: write after read",
        "StridedMagnitudes",
    ),
    Bug(
        "decibel",
        "        S::sync();  // all magnitudes have been put\n",
        "",
        "race: read after|uninitial",
        "StridedMagnitudes",
    ),
    Bug("decibel", "if (live) row[place", "row[place", "out of bounds|race"),
    Bug("decibel", "value < settings.task.least ? settings.task.least : value", "value", ""),
    Bug(
        "decibel",
        "if (threadIdx.x % 32 == 0) atomicMax(item_peak, peak)",
        "*item_peak = peak",
        "race",
    ),
    Bug(
        "bands",
        "        S::sync();  // all magnitudes have been put\n",
        "",
        "race: read after|uninitial",
        "Bands",
    ),
    Bug("bands", "sums[0] += *weights * magnitudes[i];", "", ""),
    Bug("bands", "s.words + bins.x", "s.words + bins.x + 1", ""),
    Bug("bands", "i < bins.y;", "i <= bins.y;", "out of bounds read of 4"),
    # Transforms of mixed radix.
    Bug("smooth", "part.has(n + 1) ? from[", "part.has(n) ? from[", "out of bounds read of 4"),
    Bug("smooth channels", "2 * S::T * s.stride", "2 * S::T", ""),
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
    Bug("smooth", "factors[r * DONE]", "factors[r * DONE + 1]", ""),
    Bug("smooth blocks", "twiddles + S::R1 * S::R2, t", "twiddles, t", ""),
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
        "smooth channels", "channel = row % task.n_channels, item", "channel = row, item", "out of"
    ),
    Bug("smooth pairs", "if (first >= task.n_frames) break;", "if (first > 12) break;", ""),
    Bug("smooth faint", "if (again) continue;", "", ""),
    Bug("smooth faint", "t_of_bins, inverse(scale), output", "t_of_bins, Real<C>(1), output", ""),
    Bug("faint blocks", "if (t == 0) largest[group] = 0;", "", ""),
    Bug("loud blocks", "atomicMax(&largest[group]", "atomicMax(&largest[0]", ""),
    Bug("smooth bands", "(lane + d) % lanes", "lane + d", "outside the mask"),
    # Decibels of given magnitudes.
    Bug("to decibel", "    __syncthreads();\n", "", "uninitialised shared read|race"),
    Bug("to decibel", "item_length);", "item_length + 1);", "out of bounds|race", "to_decibels"),
    Bug("items to decibel", "peaks + item", "peaks", "", "to_decibels"),
    Bug("items to decibel", "    out += item * item_length;\n", "", "race: w", "to_decibels"),
    Bug("to decibel", "atomicMax(peaks + item, peak)", "peaks[item] = peak", "race: write/write"),
    Bug("to decibel", "(1u << DECIBEL_THREADS / 32) - 1", "0xffffffffu", "exited|deadlock"),
    Bug("to decibel", "value >= floor ? value : floor", "value <= floor ? value : floor", ""),
    Bug("items to decibel", "peaks[item]", "peaks[0]", ""),
    Bug("items to decibel", "    values += item * item_length;\n", "", "race", "raise_to_floor"),
    Bug("to decibel", "item_length);", "item_length + 1);", "out of bounds", "raise_to_floor"),
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
    # Overlap-add.
    Bug("overlap-add", "min(task.n_samples - first_sample, (i64)end)", "end", "out of bounds|race"),
    Bug("overlap-add", "min(hop, last)", "hop", "out of bounds"),
    Bug("overlap-add", "(position > task.rest)", "(position > task.rest + 1)", "out of bounds"),
    Bug("overlap-add", "hops == 1 ? 0 : i / hop_length", "0", "out of bounds"),
    Bug("overlap-add", "term += n_fft - hop_length;", "term += n_fft;", ""),
)
