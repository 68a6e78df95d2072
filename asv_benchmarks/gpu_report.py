"""Check and measure the GPU kernels on this machine's GPU; write JSON and Markdown to gpu/.

Needs CuPy and a device; compares with torch and torchaudio where they are installed. It takes
some minutes and no network. Whatever fails is reported and costs nothing else.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import kapre_ref as kr
from kapre_ref.self_check import CHECKS, all_rows, find_gpu

HERE = Path(__file__).resolve().parent
FLOAT = 4  # bytes
SIZES = ((256, 64), (512, 128), (512, 160), (1024, 256), (2048, 512), (4096, 1024))
N_SIGNALS, N_SAMPLES = 64, 2**19 // 60 * 60  # 134 MB of signals: more than an L2 holds


@dataclass
class Figure:
    """One measurement."""

    name: str
    milliseconds: float  # median
    lowest: float
    highest: float
    bytes_moved: int | None = None  # at least, by any implementation
    share_of_copy: float | None = None  # of the card's copy bandwidth
    against: dict | None = None  # times as fast as each of these


class Report:
    """What is found, as it is found."""

    def __init__(self, cupy, gpu):
        self.cupy, self.gpu = cupy, gpu
        self.checks, self.figures, self.errors = [], [], []
        self.about, self.copy_bandwidth = {}, None
        self._flush = None

    def attempt(self, name, work, *args):
        """Do something; if it fails, note that and go on."""
        started = time.monotonic()
        try:
            return work(*args)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            self.errors.append(f"{name}: {text[:400]}")
            return None
        finally:
            self.cupy.get_default_memory_pool().free_all_blocks()
            print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)

    def time(self, call, n_repetitions=15):
        """Return median, lowest and highest time of a call, ms, each with a cold L2."""
        event = self.cupy.cuda.Event
        if self._flush is None:
            self._flush = self.cupy.empty(64 << 20, np.float32)  # 256 MB
        for _ in range(2):
            call()
        times = []
        for _ in range(n_repetitions):
            self._flush.fill(1)
            begin, end = event(), event()
            begin.record()
            call()
            end.record()
            end.synchronize()
            times.append(self.cupy.cuda.get_elapsed_time(begin, end))
        return float(np.median(times)), min(times), max(times)

    def figure(self, name, call, bytes_moved=None, others=()):
        """Measure a call, and each of `others`, pairs of a name and a call."""
        median, lowest, highest = self.time(call)
        share = None
        if bytes_moved and self.copy_bandwidth:
            share = bytes_moved / (median * 1e-3) / self.copy_bandwidth
        against = {}
        for other, other_call in others:
            found = self.attempt(f"{name} against {other}", self.time, other_call)
            if found:
                against[other] = found[0] / median
        self.figures.append(Figure(name, median, lowest, highest, bytes_moved, share, against))

    def noise(self, shape):
        """Return float32 noise between -1 and 1 on the device."""
        noise = np.random.default_rng(0).random(shape, np.float32)
        return self.cupy.asarray(2 * noise - 1)

    # ---- Correctness.

    def check(self, seed):
        """Compare every operation with its oracle, and the fused transforms at all their sizes."""
        for row in all_rows(CHECKS, [self.gpu], seed):
            self.checks.append(
                {
                    "name": f"{row.operation} {row.variant} {row.dtype}".replace("  ", " "),
                    "error": row.error,
                    "tolerance": row.tolerance,
                    "passed": row.passed,
                    "message": row.message,
                }
            )
        rng = np.random.default_rng(seed)
        for n_fft, hop_length in SIZES:
            for channels in (1, 2):
                x = rng.uniform(-1, 1, (3, 5 * n_fft + 7, channels)).astype(np.float32)
                for hop in (hop_length, hop_length + 1):
                    self.attempt(f"check {n_fft} {hop} {channels}", self._check_size, x, n_fft, hop)

    def _check_size(self, x, n_fft, hop_length):
        parameters = {"n_fft": n_fft, "hop_length": hop_length, "pad_begin": True, "pad_end": True}
        for name in ("stft", "stft_magnitude", "melspectrogram"):
            own = {**parameters, "n_mels": 20} if name == "melspectrogram" else parameters
            expected = getattr(kr, f"{name}_reference")(x.astype(np.float64), **own)
            got = self.gpu.fetch(getattr(kr, name)(self.gpu.send(x), **own))
            error = float(np.abs(got - expected).max() / np.abs(expected).max())
            label = f"{name} n_fft={n_fft} hop_length={hop_length} channels={x.shape[2]}"
            self.checks.append(
                {
                    "name": label,
                    "error": error,
                    "tolerance": 1e-6,
                    "passed": error <= 1e-6,
                    "message": "",
                }
            )

    def sanitize(self):
        """Run the checks of the fused sizes under compute-sanitizer, if it is installed."""
        tool = shutil.which("compute-sanitizer")
        self.about["compute-sanitizer"] = tool or "not installed"
        for kind in ("memcheck", "racecheck") if tool else ():
            command = [tool, "--tool", kind, "--error-exitcode", "9", sys.executable, __file__]
            done = subprocess.run(
                [*command, "--sizes-only"], capture_output=True, text=True, timeout=150, check=False
            )
            last = (done.stdout.strip().splitlines() or [""])[-1]
            self.checks.append(
                {
                    "name": f"compute-sanitizer {kind}",
                    "error": None,
                    "tolerance": None,
                    "passed": done.returncode == 0,
                    "message": last[:300],
                }
            )

    # ---- Speed.

    def measure_copy(self):
        """Measure the bandwidth that all else is measured by: bytes read and written a second."""
        source = self.cupy.ones(256 << 20, np.float32)
        target = self.cupy.empty_like(source)
        median, lowest, highest = self.time(lambda: self.cupy.copyto(target, source))
        self.copy_bandwidth = 2 * source.nbytes / (median * 1e-3)
        self.figures.append(Figure("copy 1 GiB", median, lowest, highest, 2 * source.nbytes, 1.0))

    def measure_transforms(self, n_fft, hop_length):
        """Measure what is made of one size of transform, against unfused CuPy and torch."""
        x = self.noise((N_SIGNALS, N_SAMPLES))
        n_frames, n_freq = (N_SAMPLES - n_fft) // hop_length + 1, n_fft // 2 + 1
        n_bytes = FLOAT * N_SIGNALS * n_frames * n_freq
        window = kr.hann_window(n_fft, like=x)
        bands = kr.filterbank_mel(22050, n_freq, 128 if n_fft > 512 else 80, like=x)
        sizes = f"{n_fft}/{hop_length}"
        common = {"n_fft": n_fft, "hop_length": hop_length}
        out = self.cupy.empty((N_SIGNALS, n_frames, n_freq), np.float32)

        def unfused():
            strides = (x.strides[0], FLOAT * hop_length, FLOAT)
            frames = self.cupy.lib.stride_tricks.as_strided(
                x, (N_SIGNALS, n_frames, n_fft), strides
            )
            return self.cupy.abs(self.cupy.fft.rfft(frames * window))

        others = [("CuPy unfused", unfused)]
        mel_others = [("CuPy unfused", lambda: self._decibels(unfused() @ bands))]
        torch = self.torch_calls(x, n_fft, hop_length, window, bands)
        if torch:
            others.append(("torch.stft(...).abs()", torch[0]))
            mel_others.append(("torch, mel, log10", torch[1]))
        self.figure(
            f"stft_magnitude {sizes}",
            lambda: kr.stft_magnitude(x, **common, out=out),
            x.nbytes + n_bytes,
            others,
        )
        self.figure(
            f"stft_magnitude {sizes} decibel",
            lambda: kr.stft_magnitude(x, **common, return_decibel=True, out=out),
            x.nbytes + n_bytes,
        )
        self.figure(
            f"melspectrogram {sizes} decibel",
            lambda: kr.melspectrogram(x, **common, n_mels=bands.shape[1], return_decibel=True),
            x.nbytes + n_bytes // n_freq * bands.shape[1],
            mel_others,
        )
        out = None  # frees it
        spectra = self.cupy.empty((N_SIGNALS, n_frames, n_freq), np.complex64)
        self.figure(
            f"stft {sizes}", lambda: kr.stft(x, **common, out=spectra), x.nbytes + 2 * n_bytes
        )

    def _decibels(self, values):
        decibel = 10 * self.cupy.log10(self.cupy.maximum(values, 1e-5))
        return self.cupy.maximum(decibel, decibel.max(axis=(1, 2), keepdims=True) - 80)

    def torch_calls(self, x, n_fft, hop_length, window, bands):
        """Return torch's magnitude and its log-mel as calls, or nothing."""
        try:
            import torch
        except ImportError:
            self.about["torch"] = "not installed"
            return None
        self.about["torch"] = torch.__version__
        xt, wt, bt = (torch.from_dlpack(array) for array in (x, window, bands))

        def magnitude():
            return torch.stft(
                xt, n_fft, hop_length, window=wt, center=False, return_complex=True
            ).abs()

        def log_mel():
            decibel = 10 * torch.log10(torch.clamp(bt.T @ magnitude(), min=1e-5))
            return torch.maximum(decibel, decibel.amax((1, 2), keepdim=True) - 80)

        return magnitude, log_mel

    def measure_elementwise(self):
        """Measure what should move at the speed of a copy."""
        n = 1 << 26
        x = self.noise((8, n // 8))
        codes, out = kr.mu_law_encoding(x, 256), self.cupy.empty_like(x)
        self.figure("mu_law_encoding", lambda: kr.mu_law_encoding(x, 256, out=codes), 8 * n)
        self.figure("mu_law_decoding", lambda: kr.mu_law_decoding(codes, 256, out=out), 8 * n)
        self.figure("magnitude_to_decibel", lambda: kr.magnitude_to_decibel(x, out=out), 8 * n)
        loud = x * 1e6
        self.figure(
            "magnitude_to_decibel, floor reached",
            lambda: kr.magnitude_to_decibel(loud, out=out),
            8 * n,
        )
        codes = out = loud = None  # frees them
        n_frames = (x.shape[1] - 2048) // 512 + 1
        n_bytes = x.nbytes + FLOAT * 8 * n_frames * 2048
        self.figure("frame 2048/512", lambda: kr.frame(x, 2048, 512), n_bytes)
        self.figure("energy 2205/1102", lambda: kr.energy(x), x.nbytes)

    def measure_inverse(self):
        """Measure the inverse transform; cuFFT's share of it is not ours."""
        x = self.noise((8, N_SAMPLES))
        spectra = kr.stft(x)
        self.figure(
            "inverse_stft 2048/512", lambda: kr.inverse_stft(spectra), spectra.nbytes + x.nbytes
        )

    def measure_small(self, seconds):
        """Measure one call on little: host time to issue it, and time until it is done."""
        x = self.noise((seconds * 16000,))
        name, stream = f"log-mel 80 of {seconds} s at 16 kHz", self.cupy.cuda.get_current_stream()

        def call():
            return kr.melspectrogram(
                x, 512, 400, 160, sample_rate=16000, n_mels=80, return_decibel=True
            )

        for _ in range(20):
            call()
        stream.synchronize()
        for what, waits in (("host time to issue", False), ("until done", True)):
            times = []
            for _ in range(200):
                started = time.perf_counter()
                call()
                if waits:
                    stream.synchronize()
                times.append(1e3 * (time.perf_counter() - started))
            stream.synchronize()
            figure = Figure(f"{name}, {what}", float(np.median(times)), min(times), max(times))
            self.figures.append(figure)

    def capture(self):
        """Check that a warm call can be captured as a CUDA graph, and replays to the same."""
        x = self.noise((4, 16000))
        parameters = {"n_fft": 512, "hop_length": 160, "n_mels": 80, "return_decibel": True}
        expected = kr.melspectrogram(x, **parameters)
        self.cupy.cuda.Device().synchronize()
        stream = self.cupy.cuda.Stream(non_blocking=True)
        with stream:
            kr.melspectrogram(x, **parameters)
            stream.begin_capture()
            got = kr.melspectrogram(x, **parameters)
            graph = stream.end_capture()
            graph.launch(stream)
            stream.synchronize()
        same = bool((got == expected).all())
        self.checks.append(
            {
                "name": "captured as a CUDA graph",
                "error": None,
                "tolerance": None,
                "passed": same,
                "message": "" if same else "replayed to another result",
            }
        )

    # ---- Results.

    def markdown(self):
        """Return all as a page."""
        failed = [check for check in self.checks if not check["passed"]]
        lines = [f"# {self.about['gpu']}, {self.about['date']}", ""]
        lines += [f"- {key}: {value}" for key, value in self.about.items()]
        lines += ["", f"{len(self.checks) - len(failed)} of {len(self.checks)} checks passed.", ""]
        lines += [f"- failed: {c['name']}: {c['message'] or c['error']}" for c in failed]
        lines += [f"- error: {error}" for error in self.errors]
        lines += ["", "| what | ms | lowest to highest | of copy bandwidth | times as fast as |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for f in self.figures:
            share = f"{f.share_of_copy:.0%}" if f.share_of_copy else ""
            against = ", ".join(f"{name} {ratio:.1f}" for name, ratio in (f.against or {}).items())
            span = f"{f.lowest:.4f} to {f.highest:.4f}"
            lines.append(f"| {f.name} | {f.milliseconds:.4f} | {span} | {share} | {against} |")
        return "\n".join(lines) + "\n"

    def as_json(self):
        """Return all as a dictionary."""
        figures = [asdict(figure) for figure in self.figures]
        return {
            "about": self.about,
            "copy_bytes_per_second": self.copy_bandwidth,
            "checks": self.checks,
            "figures": figures,
            "errors": self.errors,
        }


def main(arguments=None):
    """Run the command; 1 if a check failed, 2 if there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE / "gpu", help="(default: gpu/)")
    parser.add_argument("--checks-only", action="store_true", help="measure nothing")
    parser.add_argument("--sizes-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    gpu, name = find_gpu()
    if gpu is None:
        print(f"GPU {name}", file=sys.stderr)
        return 2
    import cupy

    report = Report(cupy, gpu)
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    now = datetime.now(UTC)
    report.about = {
        "gpu": name,
        "date": f"{now:%Y-%m-%d}",
        "seed": seed,
        "cupy": cupy.__version__,
        "kapre_ref": kr.__version__,
        "python": platform.python_version(),
    }
    if options.sizes_only:
        x = np.random.default_rng(seed).uniform(-1, 1, (2, 9000, 1)).astype(np.float32)
        for n_fft, hop_length in SIZES:
            report._check_size(x, n_fft, hop_length)
        return 0 if all(check["passed"] for check in report.checks) else 1
    report.attempt("checks", report.check, seed)
    report.attempt("CUDA graph", report.capture)
    if not options.checks_only:
        report.attempt("copy", report.measure_copy)
        for sizes in SIZES:
            report.attempt(f"transforms {sizes}", report.measure_transforms, *sizes)
        report.attempt("elementwise", report.measure_elementwise)
        report.attempt("inverse", report.measure_inverse)
        for seconds in (1, 30):
            report.attempt(f"{seconds} s", report.measure_small, seconds)
    report.attempt("sanitizer", report.sanitize)
    options.folder.mkdir(parents=True, exist_ok=True)
    stem = "-".join(name.lower().split()) + f"-{now:%Y%m%d}"
    (options.folder / f"{stem}.json").write_text(json.dumps(report.as_json(), indent=1) + "\n")
    (options.folder / f"{stem}.md").write_text(report.markdown())
    print(report.markdown())
    return 1 if report.errors or not all(check["passed"] for check in report.checks) else 0


if __name__ == "__main__":
    sys.exit(main())
