"""Run jobs in fresh processes, with their threads and their allocator set from the start."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import kapre_ref

_REPORT = Path(__file__).resolve().parent.parent / "report.py"
# The variables that libraries read when they are imported.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "KAPRE_REF_NUM_THREADS",
)
# Threads of OpenMP, which MKL uses, would spin for 200 ms when their work is done, on processors
# that the next contender needs.
_IDLE_THREADS = {"KMP_BLOCKTIME": "0"}
# The C library gives large arrays back to the system at each free, and gets them anew, page by
# page; with these thresholds, in bytes, it keeps them.
_TUNED_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "17179869184",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}


def environment(n_threads=1, is_tuned=False):
    """Return the environment of a process that measures."""
    variables = dict(os.environ, PYTHONPATH=str(Path(kapre_ref.__file__).parent.parent))
    variables |= dict.fromkeys(_THREAD_VARIABLES, str(n_threads)) | _IDLE_THREADS
    return variables | (_TUNED_ALLOCATOR if is_tuned else {})


def run(kind, job, python=sys.executable, is_tuned=False):
    """Run a job in a process of its own and return its result."""
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "job.json", Path(folder) / "result.json"
        request.write_text(json.dumps(job))
        process = subprocess.run(
            [python, str(_REPORT), "--job", kind, str(request), str(answer)],
            env=environment(job.get("n_threads", 1), is_tuned),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            raise RuntimeError(f"{kind} {job} failed with {python}:\n{process.stderr[-2000:]}")
        return json.loads(answer.read_text())


def work(kind, request, answer):
    """Do a job that `run` asks for."""
    from reporting.measure import JOBS

    result = JOBS[kind](json.loads(Path(request).read_text()))
    Path(answer).write_text(json.dumps(result))
