"""Bugs to plant in the kernels, and what must be said of them: the harness itself is tested."""

from typing import NamedTuple


class Bug(NamedTuple):
    """An edit of a source, wherever it has the text."""

    operation: str  # a name in OPERATIONS of test_gpu_kernels.py
    text: str
    other: str
    message: str  # a pattern of the checker's message; empty if the values must be wrong

    def __str__(self) -> str:
        return f"{self.operation}: {self.text.strip()[:40]}"


BUGS = (
    # The gather.
    Bug("pairs", "start + s.length <= s.n_samples", "true", "out of bounds read of 8"),
    Bug("pairs", "start >= 0 &&", "", "out of bounds read of 8"),
    Bug("magnitude", "first % 8 == 0", "first % 4 == 0", "misaligned read of 8"),
    Bug("magnitude", "s.n_samples - start,", "s.n_samples + 1 - start,", "out of bounds read of 4"),
    Bug("magnitude", "n >= begin &&", "", "out of bounds read of 4"),
    Bug("odd window", "min(s.n_samples - start, (i64)s.length)", "s.n_samples - start", ""),
    Bug("even window", "n < s.length / 2 ? pairs[n]", "true ? pairs[n]", "out of bounds"),
    Bug(
        "magnitude",
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
    Bug("magnitude", "twiddles[i * S::E + b]", "twiddles[i * S::E + b + 1]", "out of bounds read"),
    Bug("magnitude", "roots[k]", "roots[k + 1]", "out of bounds read"),
    Bug("magnitude", "(S::T - t) & (S::T - 1))", "(S::T - 1 - t) & (S::T - 1))", ""),
    Bug("magnitude", "output.put(S::M / 2,", "output.put(S::M / 2 + 1,", "race: write/write in"),
    Bug("magnitude", "output.live = index < n_frames", "output.live = true", "out of bounds|race"),
    Bug("strided bins", "row / n_channels, channel", "row, channel", "out of bounds"),
    Bug("faint", "if (!again) break;", "break;", ""),
    Bug("faint", "output.begin(1.0f / scale)", "output.begin(1.0f)", ""),
    # What becomes of the bins.
    Bug("bins", "if (live) row[k] = bin;", "row[k] = bin;", "out of bounds|race"),
    Bug("bins", "make_float2(high.x, -high.y)", "make_float2(high.x, high.y)", ""),
    Bug("strided bins", "{ S::sync(); }  // the exchange", "{}  // the exchange", "race: write"),
    Bug(
        "strided bins", "S::sync();  // all bins have been put", "", "race: read after|uninitial"
    ),
    Bug("decibel", "S::sync();  // the exchange is over", "", "race: write after read"),
    Bug("decibel", "value < settings.amin ? settings.amin : value", "value", ""),
    Bug(
        "decibel",
        "if (threadIdx.x % 32 == 0) atomicMax(item_peak, peak)",
        "*item_peak = peak",
        "race",
    ),
    Bug("bands", "sums[0] += *weights * magnitudes[i];", "", ""),
    Bug("bands", "s.words + bins.x", "s.words + bins.x + 1", ""),
    Bug("bands", "i < bins.y;", "i <= bins.y;", "out of bounds read of 4"),
    # Decibels of given magnitudes.
    Bug("to decibel", "    __syncthreads();\n", "", "uninitialised shared read|race"),
    Bug("to decibel", "item_length);", "item_length + 1);", "out of bounds|race"),
    Bug("to decibel", "atomicMax(peaks + item, peak)", "peaks[item] = peak", "race: write/write"),
    Bug("to decibel", "(1u << DECIBEL_THREADS / 32) - 1", "0xffffffffu", "exited|deadlock"),
    Bug("to decibel", "from.element[j] >= floor", "from.element[j] <= floor", ""),
    # Mu-law.
    Bug("encode", "i < n; i += step", "i <= n; i += step", "out of bounds"),
    Bug("encode", "copysignf(log1pf(mu * fabsf(x)), x)", "log1pf(mu * fabsf(x))", ""),
    Bug("decode", "(float)code <= (float)mu &&", "", "out of bounds read of 4"),
    Bug("decode", "samples[(int)code]", "samples[(int)code + 1]", "out of bounds read of 4"),
    # Frames and energies.
    Bug("frame", "i < inside ?", "true ?", "out of bounds read of 4"),
    Bug("frame", "first + frames_per_block, n_frames", "first + 99, n_frames", "race|out"),
    Bug("energy", "i < inside; i += 32", "i < frame_length; i += 32", "out of bounds read of 4"),
    Bug("energy", "int d = 16; d; d >>= 1", "int d = 8; d; d >>= 1", ""),
    # Overlap-add.
    Bug("overlap-add", "if (sample >= n_samples) return;", "", "out of bounds|race"),
    Bug("overlap-add", "min(sample / hop_length, n_frames - 1)", "sample / hop_length", "out of b"),
    Bug("overlap-add", "(frame_length - 1 - position)", "(frame_length - position)", "out of"),
)
