"""Check and measure the GPU kernels on this machine's GPU; write JSON and Markdown beside this.

Needs CuPy and a device; compares with torch and torchaudio where they are installed. It takes at
most 8 minutes and no network. Whatever fails is named, costs nothing else, and makes the exit
status 1. What is known after each part is on disk, should the next one end badly.
"""

import argparse
import json
import os
import platform
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

# A script imports from its own folder alone, and in a bare checkout the package is not installed.
sys.path.append(str(Path(__file__).resolve().parents[2]))

import kapre_ref as kr
from asv_benchmarks.gpu import parts
from kapre_ref.command.self_check import find_gpu

HERE = Path(__file__).resolve().parent
BUDGET = 8 * 60  # s


@dataclass
class Figure:
    """One measurement."""

    name: str
    milliseconds: float  # median
    lowest: float
    highest: float
    bytes_moved: int | None = None  # what any implementation moves at least
    share_of_copy: float | None = None  # what share of the card's copy bandwidth it reaches
    against: dict | None = None  # how many times as fast it is as each peer; None if a peer failed
    target: str = ""
    met: bool | None = None


class Report:
    """The results of all parts so far."""

    def __init__(self, cupy, gpu, name, folder, seed):
        self.cupy, self.gpu, self.seed = cupy, gpu, seed
        self.checks, self.figures, self.errors, self.parts = [], [], [], []
        self.copy_bandwidth = None
        now = datetime.now(UTC)
        self.about = {
            "gpu": name,
            "date": f"{now:%Y-%m-%d}",
            "seed": seed,
            "cupy": cupy.__version__,
            "numpy": np.__version__,
            "kapre_ref": kr.__version__,
            "python": platform.python_version(),
        }
        self.stem = folder / ("-".join(name.lower().split()) + f"-{now:%Y%m%d}")
        self.started = time.monotonic()
        self._flush = None

    def seconds_left(self):
        """Return how much of the budget is left."""
        return BUDGET - (time.monotonic() - self.started)

    def part(self, name, seconds, work, *args):
        """Do a part if its seconds are left in the budget, and write all results so far."""
        if self.seconds_left() < seconds:
            self.errors.append(f"{name}: left out, no time for it")
            return
        self.running = name
        started = time.monotonic()
        self.attempt(name, work, self, *args)
        self.parts.append({"name": name, "seconds": round(time.monotonic() - started, 1)})
        print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)
        self.write()

    def attempt(self, name, work, *args):
        """Call a function; if it fails, record the error and go on."""
        try:
            return work(*args)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            self.errors.append(f"{name}: {text[:400]}")
            return None
        finally:
            self._release()

    def _release(self):
        torch = sys.modules.get("torch")
        try:
            self.cupy.get_default_memory_pool().free_all_blocks()
            if torch is not None and torch.cuda.is_available():
                torch.cuda.empty_cache()
        except Exception as error:  # a kernel may have broken the context
            self.errors.append(f"memory pool: {type(error).__name__}")

    def check(self, name, error=None, tolerance=None, passed=None, message=""):
        """Record the result of a check."""
        if passed is None:  # an error of NaN does not pass
            passed = error is not None and error <= tolerance
        found = {"name": name, "error": error, "tolerance": tolerance}
        self.checks.append({**found, "passed": bool(passed), "message": message})

    def time(self, call, seconds=0.5):
        """Return median, lowest and highest time of a call, ms, each with a cold L2."""
        cuda = self.cupy.cuda
        if self._flush is None:
            self._flush = self.cupy.empty(parts.FLUSH_BYTES // 4, np.float32)
        for _ in range(2):
            call()
        cuda.get_current_stream().synchronize()
        times, started = [], time.monotonic()
        while len(times) < 5 or (len(times) < 25 and time.monotonic() - started < seconds):
            self._flush.fill(1)
            self._flush.max()  # leaves the L2 clean: nothing is written back while the call runs
            begin, end = cuda.Event(), cuda.Event()
            begin.record()
            call()
            end.record()
            end.synchronize()
            times.append(cuda.get_elapsed_time(begin, end))
        return float(np.median(times)), min(times), max(times)

    def figure(self, name, call, bytes_moved=None, others=(), share=None, ratio=None):
        """Measure a call, and each of `others`, pairs of a name and a call.

        The aims are a `share` of copy bandwidth, and a `ratio` to the time of each other call.
        """
        figure = Figure(name, *self.time(call), bytes_moved)
        self.figures.append(figure)
        met = []
        if bytes_moved and self.copy_bandwidth:
            figure.share_of_copy = bytes_moved / (figure.milliseconds * 1e-3) / self.copy_bandwidth
            met += [figure.share_of_copy >= share] if share else []
        figure.against = {}
        for other, other_call in others:
            found = self.attempt(f"{name}, {other}", self.time, other_call)
            figure.against[other] = found[0] / figure.milliseconds if found else None
            met += [found[0] / figure.milliseconds >= ratio] if found and ratio else []
        aims = [f"{share:.0%} of copy"] if share else []
        aims += [f"{ratio:g}x"] if ratio else []
        figure.target, figure.met = ", ".join(aims), all(met) if met else None

    def host_time(self, call, waits):
        """Return median, lowest and highest time of a warm call by the host's clock, ms."""
        wait = self.cupy.cuda.get_current_stream().synchronize
        for _ in range(20):
            call()
        wait()
        times = []
        for _ in range(parts.N_CALLS):
            started = time.perf_counter()
            call()
            if waits:
                wait()
            times.append(1e3 * (time.perf_counter() - started))
        wait()
        return float(np.median(times)), min(times), max(times)

    def host_figure(self, name, call, waits):
        """Measure a call by the host's clock, either until it returns or until the GPU is done."""
        self.figures.append(Figure(name, *self.host_time(call, waits), against={}))
        return self.figures[-1]

    def markdown(self):
        """Return all results as a page of Markdown."""
        failed = [check for check in self.checks if not check["passed"]]
        lines = [f"# {self.about['gpu']}, {self.about['date']}", ""]
        lines += [f"- {key}: {value}" for key, value in self.about.items()]
        if self.copy_bandwidth:
            lines += [f"- copy bandwidth: {self.copy_bandwidth / 1e9:.0f} GB/s read and written"]
        lines += ["", f"{len(self.checks) - len(failed)} of {len(self.checks)} checks passed.", ""]
        lines += [f"- failed: {c['name']}: {c['message'] or c['error']}" for c in failed]
        lines += [f"- error: {error}" for error in self.errors]
        lines += ["", "| what | ms | lowest to highest | of copy | times as fast as | aim |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        for f in self.figures:
            share = f"{f.share_of_copy:.0%}" if f.share_of_copy else ""
            against = ", ".join(
                f"{name} {'n/a' if ratio is None else f'{ratio:.1f}'}"
                for name, ratio in (f.against or {}).items()
            )
            aim = f.target and f"{f.target}: {'met' if f.met else 'missed'}"
            span = f"{f.lowest:.4f} to {f.highest:.4f}"
            lines.append(
                f"| {f.name} | {f.milliseconds:.4f} | {span} | {share} | {against} | {aim} |"
            )
        lines += ["", "Seconds: " + ", ".join(f"{p['name']} {p['seconds']}" for p in self.parts)]
        return "\n".join(lines) + "\n"

    def as_json(self):
        """Return all results as a dictionary."""
        return {
            "about": self.about,
            "copy_bytes_per_second": self.copy_bandwidth,
            "checks": self.checks,
            "figures": [asdict(figure) for figure in self.figures],
            "errors": self.errors,
            "parts": self.parts,
        }

    def write(self):
        """Write the page and the JSON file."""
        self.stem.parent.mkdir(parents=True, exist_ok=True)
        self.stem.with_suffix(".json").write_text(json.dumps(self.as_json(), indent=1) + "\n")
        self.stem.with_suffix(".md").write_text(self.markdown())

    def watch(self):
        """End the process when the budget is spent: a kernel may hang."""

        def give_up():
            self.errors.append(f"{self.running}: did not end in time")
            self.write()
            os._exit(1)

        watch = threading.Timer(BUDGET, give_up)
        watch.daemon = True
        watch.start()
        return watch

    def status(self):
        """Return 1 if anything failed, else 0."""
        return 1 if self.errors or not all(check["passed"] for check in self.checks) else 0


def main(arguments=None):
    """Run the command; 1 if anything failed, 2 if there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE, help="(default: that of this script)")
    parser.add_argument("--checks-only", action="store_true", help="measure nothing")
    parser.add_argument(
        "--sanitize", action="store_true", help="run the checks under compute-sanitizer instead"
    )
    parser.add_argument("--watched", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    gpu, name = find_gpu()
    if gpu is None:
        print(f"GPU {name}", file=sys.stderr)
        return 2
    import cupy

    seed = int(np.random.SeedSequence().generate_state(1)[0])
    report = Report(cupy, gpu, name, options.folder, seed)
    if options.watched:  # by compute-sanitizer
        cupy.cuda.set_allocator(None)  # a pool would hide what lies behind an array
        parts.check_own_kernels(report)
        return report.status()
    watch = report.watch()
    planned = [*parts.CHECKS, *(() if options.checks_only else parts.MEASUREMENTS)]
    if options.sanitize:
        planned = [("compute-sanitizer", 30, parts.sanitize)]
    for title, seconds, work, *args in planned:
        report.part(title, seconds, work, *args)
    watch.cancel()
    report.write()
    print(report.markdown())
    return report.status()


if __name__ == "__main__":
    sys.exit(main())
