"""Measure everything that the tables show, and keep it in one value that JSON can hold."""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import kapre_ref
from benchmarks.peers import REUSED
from benchmarks.startup import with_empty_cache, with_full_cache
from reporting import jobs, machines
from reporting.cases import CASES, ONE_THREAD, TUNED
from reporting.measure import WAYS, operations

_OURS = "kapre_ref"
_ROOT = Path(__file__).resolve().parent.parent.parent
_MEMORY_SECONDS = (30, 300)
_MEMORY_PEERS = ("NumPy, SciPy", "NumPy, SciPy, blocked", "librosa", "torch")
_MEMORY_TITLES = ("`stft_magnitude`, 2048/512", "log-mel 128, 2048/512")
_SECONDS_A_PEER = 0.7  # how long a contender is measured in each case


class Recorder:
    """Measures with several interpreters, each for the peers that those before it lack."""

    def __init__(self, pythons, is_quick=False, is_busy=False):
        self.failures = []
        self._is_busy = is_busy  # other programs run: our own time counts, not that on the wall
        self._is_quick = is_quick
        self._seconds = 0.02 if is_quick else _SECONDS_A_PEER
        self._started = time.perf_counter()
        self.versions = {}
        self._python_of = {}
        for python in dict.fromkeys([sys.executable, *pythons]):
            for label, found in (self._run("versions", {}, python) or {}).items():
                if label not in self._python_of:
                    self._python_of[label] = python
                    self.versions |= {name: found[name] for name in found}

    def record(self):
        """Measure it all."""
        return {
            "about": self._about(),
            "speed": self._speed(range(len(CASES))),
            "accuracy": self._accuracy(),
            "memory": self._memory(),
            "startup": self._startup(),
            "gate": self._gate({}),
        }

    def completed(self, record):
        """Measure the rows and the operations that a record of this machine lacks, and add them."""
        about, before, load = self._about(), record["about"], machines.load()
        differs = [name for name in machines.about() if about[name] != before[name]]
        if differs:
            raise ValueError(f"the record is of a machine with another {', '.join(differs)}")
        known = {_key(row): row for row in record["speed"] if "ours" in row}
        missing = [i for i, case in enumerate(CASES) if _key(case._asdict()) not in known]
        only = sorted({name for name in operations() if name not in record["gate"]})
        if not missing and not only:
            return record
        rows = known | {_key(row): row for row in self._speed(missing)}
        gate = self._gate({"only": only}) or {}
        entry = {name: about[name] for name in ("date", "commit")}
        entry |= {"load": load, "is_busy": self._is_busy}
        entry["what"] = [CASES[i].title for i in missing] + only
        versions = about["versions"].items() - before["versions"].items()
        entry["versions"] = dict(sorted(versions))
        return {
            **record,
            "about": {**before, "added": [*before.get("added", []), entry]},
            "speed": [rows[key] for key in (_key(case._asdict()) for case in CASES) if key in rows],
            "accuracy": record["accuracy"] + self._accuracy(only),
            "gate": record["gate"] | gate,
        }

    def _run(self, kind, job, python=sys.executable, is_tuned=False):
        elapsed = time.perf_counter() - self._started
        names = [str(value) for value in job.values()]
        print(f"{elapsed:6.0f} s  {kind} {' '.join(names)}", file=sys.stderr, flush=True)
        try:
            return jobs.run(kind, job, python, is_tuned)
        except RuntimeError as error:
            self.failures.append(str(error))
            print(error, file=sys.stderr)
            return None

    def _about(self):
        packages = ("numpy", "scipy", "numba", "llvmlite")
        return {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "commit": _commit(),
            "is_quick": self._is_quick,
            **machines.about(),
            "python": platform.python_version(),
            "versions": {
                "kapre_ref": kapre_ref.__version__,
                **{name: version(name) for name in packages},
                **self.versions,
            },
        }

    def _gate(self, job):
        return self._run("gate", {"seconds": self._seconds, "is_busy": self._is_busy, **job})

    def _speed(self, indices):
        rows = []
        for index in indices:
            case = CASES[index]
            row = {"table": case.table, "title": case.title, "n_threads": case.n_threads}
            row |= {"operation": case.operation, "parameters": case.parameters, "peers": {}}
            for (python, is_tuned), peers in self._groups(case).items():
                seconds = self._seconds * (len(WAYS) + len(peers))
                job = {"case": index, "peers": peers, "n_threads": case.n_threads}
                job |= {"seconds": seconds, "min_rounds": 1 if self._is_quick else 5}
                job["is_busy"] = self._is_busy
                times = self._run("speed", job, python, is_tuned)
                if times:
                    _add_times(row, times)
            rows.append(row)
        return rows

    def _groups(self, case):
        """Sort the peers of a case by the process that can measure them; ours run in each."""
        groups = {(sys.executable, False): []}
        for label in case.peers:
            python = sys.executable
            if label != ONE_THREAD:
                python = self._python_of.get(label.removesuffix(TUNED).removesuffix(REUSED))
            if python is not None:
                groups.setdefault((python, label.endswith(TUNED)), []).append(label)
        return groups

    def _accuracy(self, only=None):
        rows = []
        for python in dict.fromkeys([sys.executable, *self._python_of.values()]):
            mine = [label for label, its_python in self._python_of.items() if its_python == python]
            job = {"peers": mine, "ours": python == sys.executable}
            job |= {} if only is None else {"only": only}
            rows += self._run("accuracy", job, python) or []
        return rows

    def _memory(self):
        if not sys.platform.startswith("linux"):  # which alone tells the peak of a single call
            return []
        rows = []
        for title in _MEMORY_TITLES:
            case = next(index for index, case in enumerate(CASES) if case.title == title)
            by = [_OURS, *(label for label in _MEMORY_PEERS if label in CASES[case].peers)]
            for label in by:
                python = self._python_of.get(label, sys.executable if label == _OURS else None)
                for duration in _MEMORY_SECONDS if python else ():
                    job = {"case": case, "by": label, "duration": duration, "n_threads": 1}
                    found = self._run("memory", job, python)
                    if found:
                        rows.append({"title": title, "by": label, "seconds": duration, **found})
        return rows

    def _startup(self):
        repetitions = 1 if self._is_quick else 5
        found = {}
        for name, (python, code) in self._startup_codes().items():
            _time_process(python, code)  # so that byte code and compiled kernels are on disk
            times = [_time_process(python, code) for _ in range(repetitions)]
            found[name] = {"min": min(times), "median": statistics.median(times)}
        times = []
        for _ in range(1 if self._is_quick else 3):
            with tempfile.TemporaryDirectory() as folder:
                times.append(_time_process(sys.executable, with_empty_cache(folder)))
        found["first log-mel, nothing compiled yet"] = {
            "min": min(times),
            "median": statistics.median(times),
        }
        return found

    def _startup_codes(self):
        codes = {
            "Python alone": (sys.executable, "pass"),
            "`import numpy`": (sys.executable, "import numpy"),
            "`import kapre_ref`": (sys.executable, "import kapre_ref"),
            "first log-mel, compiled before": (sys.executable, with_full_cache()),
        }
        for label, code in _FIRST_CALLS_OF_PEERS.items():
            if label in self._python_of:
                codes[f"first log-mel of {label}"] = (self._python_of[label], code)
        return codes


def _key(row):
    """Return what tells a row of `speed` from any other."""
    return row["table"], row["title"], row["n_threads"]


def _add_times(row, times):
    """Add what one process measured: peers with their ratio to ours in the same process.

    A peer whose result has the same memory each time is compared with ours into `out=`, a peer
    that returns a new array with ours in fresh memory.
    """
    row.setdefault("ours", {way: _rounded(found) for way, found in times["ours"].items()})
    for label, theirs in times["peers"].items():
        reuses = theirs.pop("reuses")
        ours = times["ours"]["out" if reuses else "fresh"]
        ratio = float(f"{theirs['min'] / ours['min']:.3g}")
        row["peers"][label] = {
            **_rounded(theirs),
            "reuses": reuses,
            "ours_then": _rounded(ours),
            "ratio": ratio,
        }


def _rounded(times):
    return {name: float(f"{value:.4g}") for name, value in times.items()}


_FIRST_CALLS_OF_PEERS = {
    "librosa": """
import librosa, numpy as np
x = np.linspace(-1, 1, 16000, dtype="float32")
mel = librosa.feature.melspectrogram(y=x, sr=16000, n_fft=512, n_mels=40, power=1.0)
librosa.power_to_db(mel)
""",
    "Kapre": """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
from kapre.composed import get_melspectrogram_layer
x = np.linspace(-1, 1, 16000, dtype="float32").reshape(1, -1, 1)
get_melspectrogram_layer(n_fft=512, sample_rate=16000, n_mels=40, return_decibel=True)(x)
""",
}


def _time_process(python, code):
    start = time.perf_counter()
    subprocess.run(
        [python, "-P", "-c", code], check=True, capture_output=True, env=jobs.environment(1)
    )
    return time.perf_counter() - start


def _commit():
    def git(*arguments):
        command = ["git", "-C", str(_ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "kapre_ref")
    return git("rev-parse", "--short=12", "HEAD") + (" and changes" if changed else "")
