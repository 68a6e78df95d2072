"""Time variants of the fused kernels on this machine's GPU; write variants.json beside this.

Each variant is one edit of the CUDA source, or another number of rounds. Its result is compared
with the oracle, then it is timed with a clean L2. The unedited kernels are timed first and last: a
variant is faster only if it gains more than these two rows differ. It takes some four minutes.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

# A script imports from its own folder alone, and in a bare checkout the package is not installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))

import kapre_ref as kr
from asv_benchmarks.gpu import parts
from asv_benchmarks.gpu.report import HERE, Report
from kapre_ref.command.self_check import find_gpu

BLOCKS = "BLOCKS = N < 1024 ? 6 : 4;"
STORE = "if (output.live) output.row[k] = typename Output::Word(output.unscaled(value));"
ROUND = "        float scale = 1.0f;\n"
# Ask the L2 for the samples that the block's next round adds.
PREFETCH = """        if (task.x_time_stride == 1 && turn + 1 != end) {
            const i64 next = (index - group + S::FRAMES) * task.hop_length + S::N -
                             task.hop_length - task.n_before;
            const i64 end = min(next + S::FRAMES * task.hop_length, task.n_samples);
            for (i64 i = max(next, (i64)0) + 32 * threadIdx.x; i < end; i += 32 * S::THREADS)
                asm volatile("prefetch.global.L2 [%0];" ::"l"(signal.samples + i));
        }
"""
# Each variant has edits, which are pairs of an old and a new text, and a number of rounds.
AS_IT_IS = ((), 8)
VARIANTS = {
    "as it is": AS_IT_IS,
    **{f"{n} rounds": ((), n) for n in (1, 2, 4, 16, 32)},
    "streaming stores": (
        ((STORE, "if (output.live) __stcs(&output.row[k], output.unscaled(value));"),),
        8,
    ),
    "prefetch": (((ROUND, PREFETCH + ROUND),), 8),
    **{f"{n} blocks": (((BLOCKS, f"BLOCKS = {n};"),), 8) for n in (3, 4, 5, 6, 8)},
    "as it is, again": AS_IT_IS,
}
MEL = {"sample_rate": 16000, "return_decibel": True}
WORK = {
    **{
        f"stft_magnitude {n_fft}/{hop_length}": (kr.stft_magnitude, n_fft, hop_length, {})
        for n_fft, hop_length in ((2048, 512), (1024, 256), (512, 128), (400, 160), (4096, 1024))
    },
    "log-mel 80 of 512/160": (
        kr.melspectrogram,
        512,
        160,
        {**MEL, "win_length": 400, "n_mels": 80},
    ),
    "log-mel 128 of 2048/512": (kr.melspectrogram, 2048, 512, {**MEL, "n_mels": 128}),
}


def edited(code, edits):
    """Return a source with the edits whose old text it has."""
    for text, other in edits:
        code = code.replace(text, other, 1)
    return code


def use(edits, rounds):
    """Let the launch code compile edited sources from now on."""
    from kapre_ref.kernels.gpu import fused, launch

    read = launch.source
    launch._source = lambda stem: edited(read(stem), edits)
    for cached in (launch.kernel, fused._launch):
        cached.cache_clear()
    fused._MAX_ROUNDS = rounds


def sounds_of(x):
    """Return noise, the same noise with silence after it, and silence."""
    half = x.copy()
    half[:, x.shape[1] // 2 :] = 0
    return {"noise": x, "half silent": half, "silence": x * 0}


def measure(report, work, sounds, small):
    """Return the largest error of a piece of work, and its times for each sound."""
    operation, n_fft, hop_length, options = work
    call = partial(operation, n_fft=n_fft, hop_length=hop_length, **options)
    oracle = getattr(kr, f"{operation.__name__}_reference")
    expected = oracle(small.astype(float), n_fft=n_fft, hop_length=hop_length, **options)
    got = call(report.cupy.asarray(small)).get()
    row = {"off by": float(abs(got - expected).max() / abs(expected).max())}
    for name, x in sounds.items():
        shape = call(x).shape
        median, lowest, _ = report.time(partial(call, x))
        nanoseconds = 1e6 * median / (shape[0] * shape[1])
        row[name] = {"ms": median, "lowest": lowest, "ns a frame": nanoseconds}
    return row


def measure_all(report, seconds):
    """Yield a row for each variant and piece of work, as long as there is time."""
    started = time.monotonic()
    small = np.random.default_rng(report.seed).uniform(-1, 1, (2, 20011)).astype(np.float32)
    sounds = sounds_of(parts.noise(report, (parts.N_SIGNALS, parts.N_SAMPLES)))
    for variant, (edits, rounds) in VARIANTS.items():
        use(edits, rounds)
        heard = sounds if variant == "as it is" else {"noise": sounds["noise"]}
        for name, work in WORK.items():
            if time.monotonic() - started > seconds:
                found = {"error": "no time"}
            else:
                found = report.attempt(f"{variant}, {name}", measure, report, work, heard, small)
            yield {"variant": variant, "work": name, **(found or {"error": report.errors[-1]})}


def main(arguments=None):
    """Run the command; 1 if a variant failed, 2 if there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE, help="(default: that of this script)")
    parser.add_argument("--seconds", type=float, default=240, help="(default: 240)")
    options = parser.parse_args(arguments)
    gpu, name = find_gpu()
    if gpu is None:
        print(f"GPU {name}", file=sys.stderr)
        return 2
    import cupy

    report = Report(cupy, gpu, name, options.folder, 0)
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    try:
        for row in measure_all(report, options.seconds):
            rows.append(row)
            print(row, flush=True)
            told = json.dumps({"gpu": name, "rows": rows}, indent=1)
            (options.folder / "variants.json").write_text(told + "\n")
    finally:
        use(*AS_IT_IS)
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
