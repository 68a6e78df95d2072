"""Predict what the GPU kernels take on an H100, without a GPU; write prediction.* beside this.

Per kernel: the instructions that a warp issues, read from the machine code for sm_90; wavefronts of
shared memory and sectors of global memory, counted as the same code runs on the CPU; and the time
that each of these and the bytes need at least. The longest is the prediction.

Needs g++ and the wheels nvidia-cuda-nvrtc and nvidia-cuda-nvdisasm; no GPU, no driver. From the
root of a checkout, with `harness`, which runs the code, from the tests:

    PYTHONPATH=tests python -m asv_benchmarks.gpu.prediction
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from harness import fake_cupy

import kapre_ref as kr
from asv_benchmarks.gpu import machine_code

TARGET = Path(__file__).resolve().with_suffix(".json")
CARD = {
    "name": "H100 SXM",
    "multiprocessors": 132,
    "GHz": 1.755,
    "issue slots a clock": 4,
    "used of them": 0.85,
    "copy TB/s": 3.0,
}
# The path for frames inside the signal at even addresses, and for codes within the range.
DECIDED = (
    ("__all_sync(0xffffffffu, straight)", "true"),
    ("again = __any_sync(0xffffffffu, scale != 1.0f);", "again = false;"),
    ("if (S::any(faint))", "if (S::any(faint) && false)"),
    ("if (task.takes_log) {", "if (true) {"),
    ("if (task.has_lines) {", "if (false) {"),
    ("if (task.blocks_of_peak)", "if (false)"),  # a long group, here and in the next two
    ("if (task.applies_range && task.runs == 1) {", "if (false) {"),
    ("if (task.applies_range)\n", "if (false)\n"),
    ("if (!S::any(large || small)) return 1;", "if (!S::any(large || small) || true) return 1;"),
    ("code >= (Code)0 && (float)code <= (float)mu && (Code)(int)code == code", "true"),
)
ROUNDS = 8  # how many rounds of frames, or of packs, a warp does in a large launch
N = 1 << 15  # samples


class Work(NamedTuple):
    """A kernel and its input; `turns` says how often one warp runs the body of each loop."""

    name: str
    unit: str
    kernel: str  # the beginning of its C++ name, without the namespace
    call: Callable
    turns: list
    units_a_warp: float
    n_units: float  # the units of the whole call
    n_bytes: float  # the bytes that a unit moves at least
    is_filled: bool = True  # whether the window is as long as the transform


def _magnitudes(kernel, n_fft, hop_length, frames_a_warp):
    return Work(
        f"stft_magnitude {n_fft}/{hop_length}",
        "frame",
        kernel,
        lambda x: kr.stft_magnitude(x, n_fft, hop_length=hop_length),
        [ROUNDS],
        ROUNDS * frames_a_warp,
        (N - n_fft) // hop_length + 1,
        4 * (hop_length + n_fft // 2 + 1),
    )


def _log_mel(n_fft, win_length, hop_length, n_mels, sample_rate, lanes):
    # Each turn over `lanes` bands takes as long as its widest band: 64 bins at a time, then 16.
    filterbank = kr.filterbank_mel(sample_rate, n_fft // 2 + 1, n_mels)
    widths = np.resize((filterbank != 0).sum(0), -(-n_mels // lanes) * lanes).reshape(-1, lanes)
    # Lanes wait for those with the widest bands, in the loop of four bins and in that of the rest.
    turns = [1, len(widths), (widths // 4).max(1).sum(), (widths % 4).max(1).sum()]
    return Work(
        f"log-mel {n_mels} of {n_fft}/{hop_length}",
        "frame",
        "stft<",
        lambda x: kr.melspectrogram(
            x,
            n_fft,
            win_length,
            hop_length,
            sample_rate=sample_rate,
            n_mels=n_mels,
            return_decibel=True,
        ),
        [ROUNDS * int(turn) for turn in turns],
        ROUNDS * 32 / lanes,
        (N - win_length) // hop_length + 1,
        4 * (hop_length + n_mels),
        win_length == n_fft,
    )


def _stream(name, kernel, call, turns, n_elements_a_warp, n_bytes):
    return Work(
        name,
        "1024 elements",
        kernel,
        call,
        turns,
        n_elements_a_warp / 1024,
        N / 1024,
        1024 * n_bytes,
    )


def _codes(x):
    return (x * 127 + 128).astype(np.int32)


WORK = (
    _magnitudes("stft<", 256, 64, 32 / 8),
    _magnitudes("stft<", 512, 128, 32 / 16),
    _magnitudes("stft<", 1024, 256, 32 / 16),
    _magnitudes("stft<", 2048, 512, 32 / 32),
    _magnitudes("stft<", 4096, 1024, 32 / 32),
    # In float32 a warp has three frames; in float64 two warps share a frame.
    _magnitudes("mixed<", 400, 160, 3),
    # Factors of 11: two passes in a warp, of three frames, and three passes in a block, of five.
    _magnitudes("mixed<", 440, 110, 3),
    # An odd size in two passes in a warp, of two frames.
    _magnitudes("mixed<", 441, 110, 2),
    _magnitudes("mixed<", 1144, 286, 5 / 7),
    # Large frames, of 8 warps and of 16.
    _magnitudes("mixed<", 8192, 2048, 1 / 8),
    _magnitudes("mixed<", 16384, 4096, 1 / 8),
    _magnitudes("mixed<", 32768, 8192, 1 / 16),
    Work(
        "stft_magnitude 2048/512 float64",
        "frame",
        "mixed<",
        lambda x: kr.stft_magnitude(x.astype(np.float64), 2048),
        [ROUNDS],
        ROUNDS / 2,
        (N - 2048) // 512 + 1,
        8 * (512 + 1025),
    ),
    Work(
        "stft_magnitude 2048/512 float16",
        "frame",
        "stft<",
        lambda x: kr.stft_magnitude(x.astype(np.float16), 2048),
        [ROUNDS],
        ROUNDS,
        (N - 2048) // 512 + 1,
        2 * (512 + 1025),
    ),
    _log_mel(512, 400, 160, 80, 16000, 16),
    _log_mel(2048, 2048, 512, 128, 22050, 32),
    _stream(
        "magnitude_to_decibel", "to_decibels", lambda x: kr.magnitude_to_decibel(x), [4], 512, 8
    ),
    _stream(
        "magnitude_to_decibel, floor reached",
        "raise_to_floor",
        lambda x: kr.magnitude_to_decibel(x * 1e6, dynamic_range=1.0),
        [0, 1],
        512,
        8,
    ),
    _stream(
        "mu_law_encoding",
        "mu_law_encoding",
        lambda x: kr.mu_law_encoding(x, 256),
        [ROUNDS],
        128 * ROUNDS,
        8,
    ),
    _stream(
        "mu_law_decoding",
        "mu_law_decoding",
        lambda x: kr.mu_law_decoding(_codes(x), 256),
        [ROUNDS],
        128 * ROUNDS,
        8,
    ),
    Work(
        "frame 512/128",
        "frame",
        "frame<",
        lambda x: kr.frame(x, 512, 128),
        [4, 4 * 2, 0],
        4,
        (N - 512) // 128 + 1,
        4 * (512 + 128),
    ),
    Work(
        "energy 2205/1102",
        "frame",
        "energy<",
        lambda x: kr.energy(x),
        [4, 4 * 8, 4 * 5],
        4,
        (N - 2205) // 1102 + 1,
        4 * (1102 + 1),
    ),
    # A warp has one frame of three in a round, and a sixth of 512 positions in six hops.
    Work(
        "inverse_stft 2048/512",
        "frame",
        "inverse_stft<",
        lambda x: kr.inverse_stft(kr.stft(x)),
        [3, 16, 0, 0, 96, 192],
        3,
        (N - 2048) // 512 + 1,
        8 * 1025 + 4 * 512,
    ),
    Work(
        "overlap-add 2176/512",
        "frame",
        "overlap_add<",
        lambda x: kr.inverse_stft(kr.stft(x, 2176, None, 512), 2176, None, 512),
        [8, 8, 8, 0, 0, 0],
        8 * 32 / 512,
        (N - 2176) // 512 + 4,
        4 * (2176 + 512),
    ),
)


def traffic(work):
    """Return a kernel's C++ name, its source, and the memory accesses of a unit."""
    x = np.random.default_rng(0).uniform(-1, 1, (1, N)).astype(np.float32)
    with fake_cupy.installed(checked=True, counted_blocks=1 << 30) as cupy:
        work.call(cupy.asarray(x))
        raw = cupy.RawModule
    (name,) = (name for name in raw.traffic if name.startswith(f"kapre::{work.kernel}"))
    cost = {"shared": 0, "global": 0}
    for line, counted in raw.traffic[name].items():
        cost[line.memory] += counted.cost
    asked = {"wavefronts": cost["shared"], "sectors": cost["global"]}
    return name, raw.sources[name], {k: v / work.n_units for k, v in asked.items()}


def mix(work, name, source):
    """Return the instructions of a unit, by kind."""
    filled = "if (length == S::N)", f"if ({str(work.is_filled).lower()})"
    for text, other in (*DECIDED, filled):
        source = source.replace(text, other)
    found = machine_code.mix_of(machine_code.disassemble(source, name), work.turns)
    return {kind: n / work.units_a_warp for kind, n in found.items()}


def times(row):
    """Return the least time, ns, that a unit takes for each resource of the GPU."""
    clock = CARD["multiprocessors"] * CARD["GHz"]  # cycles of all multiprocessors in a ns
    issued = clock * CARD["issue slots a clock"] * CARD["used of them"]
    # Shared memory, shuffles and the L1 share one path: a wavefront, or four sectors, a cycle.
    through_l1 = row["wavefronts"] + row["mix"]["shuffle"] + row["sectors"] / 4
    # A cycle issues half as many FP64 instructions as others.
    return {
        "issue": (sum(row["mix"].values()) + row["mix"]["FP64"]) / issued,
        "L1": through_l1 / clock,
        "memory": row["bytes"] / CARD["copy TB/s"] / 1000,
    }


def predict():
    """Return everything as a dictionary."""
    rows = []
    for work in WORK:
        name, source, asked = traffic(work)
        row = {"name": work.name, "unit": work.unit, "kernel": name, "bytes": work.n_bytes}
        row |= {key: round(value, 2) for key, value in asked.items()}
        row["mix"] = {k: round(n, 1) for k, n in mix(work, name, source).items()}
        row["ns"] = {key: round(value, 3) for key, value in times(row).items()}
        rows.append(row)
        print(row["name"], row["ns"], flush=True)
    return {"card": CARD, "rows": rows}


def page(told):
    """Return the dictionary that `predict` returns as Markdown."""
    kinds = list(told["rows"][0]["mix"])
    heads = ["work", "unit", *kinds, "all", "wavefronts", "sectors", "bytes"]
    heads += ["issue, ns", "L1, ns", "memory, ns", "**predicted, ns**", "of the bytes alone"]
    card = (
        "For an {name}: {multiprocessors} multiprocessors at {GHz} GHz, {issue slots a clock} "
        "issue slots a clock,\n{used of them:.0%} of them used, copies at {copy TB/s} TB/s."
    ).format_map(told["card"])
    lines = [
        "# Predicted, for want of a GPU: nothing here was measured on a card",
        "",
        *card.splitlines(),
        "",
        "Of each unit of work: instructions that its warps issue, by kind (machine code for sm_90,",
        "loops times their turns, every branch as if taken but for those of rare cases: at most so",
        "many); wavefronts of shared memory and 32-byte sectors of global memory (counted as the",
        "same source runs on the CPU); bytes that any implementation moves. The longest of the",
        "three times is the prediction. Decibels without a floor leave `raise_to_floor` at once;",
        "that is not counted. Written by `prediction.py`.",
        "",
        "| " + " | ".join(heads) + " |",
        "| " + " | ".join(["---"] * len(heads)) + " |",
    ]
    for row in told["rows"]:
        ns = row["ns"]
        longest = max(ns.values())
        cells = [row["name"], row["unit"], *(f"{row['mix'][kind]:.0f}" for kind in kinds)]
        cells += [f"{sum(row['mix'].values()):.0f}", f"{row['wavefronts']:.0f}"]
        cells += [f"{row['sectors']:.0f}", f"{row['bytes']:.0f}"]
        cells += [f"{ns[key]:.2f}" for key in ("issue", "L1", "memory")]
        cells += [f"**{longest:.2f}**", f"{ns['memory'] / longest:.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    """Write both files."""
    told = predict()
    TARGET.write_text(json.dumps(told, indent=1) + "\n")
    TARGET.with_suffix(".md").write_text(page(told))


if __name__ == "__main__":
    main()
