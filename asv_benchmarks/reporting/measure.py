"""What a fresh process measures: one job, which takes a dictionary and returns one."""

import ctypes
import gc
import importlib
import inspect
import pkgutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np

import benchmarks
import kapre_ref
from benchmarks import peers
from benchmarks.common import Operation, errors_between, function_of
from benchmarks.timing import interleaved
from kapre_ref._kept import set_keep_bytes
from reporting.cases import CASES, ONE_THREAD, TUNED

OURS = "kapre_ref"
# The result gets its memory from the system, from an earlier result, or from the caller.
WAYS = ("fresh", "recycled", "out")
# How far a peer's result may lie from ours, as a share of the largest value, to count as the same.
# That allows for windows and log10 in float32 and for other orders of sums, not for other formulas.
SAME = 2e-5
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # parameters of mallopt in glibc


def versions(_):
    """Tell which peers there are, and their versions."""
    return {label: peers.versions(label) for label in peers.installed()}


def speed(job):
    """Time a case and some of its peers, in turns; ours in each way to get memory for a result."""
    case, n_threads = CASES[job["case"]], job["n_threads"]
    inputs = case.inputs()
    kapre_ref.set_num_threads(n_threads)
    ours = partial(function_of(case.operation), *inputs, **case.parameters)
    expected = ours()
    into_out = partial(ours, out=np.empty_like(expected))

    def ours_on_one_thread():
        kapre_ref.set_num_threads(1)
        try:
            return into_out()
        finally:
            kapre_ref.set_num_threads(n_threads)

    work = peers.Work(case.operation, case.parameters, inputs, n_threads)
    calls = {"fresh": ours, "recycled": ours, "out": into_out}
    reuses = {}
    for label in job["peers"]:
        if label == ONE_THREAD:
            calls[label], reuses[label] = ours_on_one_thread, True
            continue
        contender = peers.contender(label.removesuffix(TUNED), work)
        if contender.same_work:
            _require_same(label, contender, expected, case.operation)
        calls[label] = contender.call
        # The tuned allocator hands out the same memory again, to every contender in its process.
        reuses[label] = contender.reuses or label.endswith(TUNED)
    del expected
    gc.collect()
    gc.disable()
    clock = _clock(job)
    times = interleaved(calls, job["seconds"], job["min_rounds"], _set_recycling, clock)
    return {
        "ours": {way: times[way] for way in WAYS},
        "peers": {label: {**times[label], "reuses": reuses[label]} for label in reuses},
    }


def _clock(job):
    """Return the time of this process's own work if a job asks for it, else the usual clock."""
    if not job.get("is_busy"):
        return None
    if job.get("n_threads", 1) > 1:
        raise ValueError("on a busy machine, only work of one thread can be timed")
    return process_time


def _set_recycling(name):
    """Let results reuse memory only where that is what is measured."""
    set_keep_bytes(None if name == "recycled" else 0)


def distance(operation, got, expected):
    """Return how far a peer's result lies from ours; SAME is the limit.

    It is the largest error, but of a front end the relative L2 error: single logarithms of faint
    bands are mostly rounding, and tools take the peak of one signal or of all.
    """
    largest, relative_l2 = errors_between(got, expected)
    return relative_l2 if operation == "front_end" else largest


def _require_same(label, contender, expected, operation):
    got = contender.to_ours(contender.call())
    inside = slice(contender.margin, expected.shape[-1] - contender.margin)
    error = distance(operation, got[..., inside], expected[..., inside])
    # A code may be the next one where the value before rounding lies on the boundary of two.
    allowed = SAME if expected.dtype.kind != "i" else 1 / expected.max()
    if got.shape != expected.shape or error > allowed:
        raise AssertionError(
            f"{label} does not do the same work: shapes {got.shape} and {expected.shape}, results "
            f"{error:.2g} of the peak apart"
        )


def operations():
    """List the classes that benchmark an operation, in the order of their names."""
    found = {}
    for module_info in pkgutil.iter_modules(benchmarks.__path__):
        module = importlib.import_module(f"benchmarks.{module_info.name}")
        for name, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, Operation) and member.operation:
                found[name] = member
    return found


def _asked(job):
    """Return the operations that a job names in `only`, all by default."""
    found = operations()
    return {name: found[name] for name in job.get("only", found)}


def accuracy(job):
    """Compare operations with the references in float64, ours (if asked) and some peers' ones."""
    rows = []
    for name, operation in _asked(job).items():
        half = ["float16"] if operation.dtypes[0] == "float32" and job["ours"] else []
        for dtype in [*half, *operation.dtypes]:
            benchmark = operation()
            benchmark.setup("cpu", dtype, "small")
            row = {"class": name, "operation": operation.operation, "dtype": dtype}
            row["is_decibel"] = bool(operation.parameters.get("return_decibel"))
            if operation.operation == "front_end":
                row["recipe"] = operation.parameters["name"]
            if job["ours"]:
                rows.append({**row, "by": OURS, **_named(benchmark.errors())})
            for label in operation.peers if dtype != "float16" else ():
                if label in job["peers"]:
                    rows += _peer_errors(row, benchmark, label)
    return rows


def _peer_errors(row, benchmark, label):
    try:
        contender = benchmark.contender(label)
    except NotImplementedError:  # not in this dtype
        return []
    if not contender.same_work:
        return []
    truth = benchmark.truth()
    inside = slice(contender.margin, truth.shape[-1] - contender.margin)
    got = contender.to_ours(contender.call())
    return [{**row, "by": label, **_named(errors_between(got[..., inside], truth[..., inside]))}]


def _named(errors):
    return {"max_error": float(f"{errors[0]:.3g}"), "relative_l2": float(f"{errors[1]:.3g}")}


def memory(job):
    """Measure by how much one call raises the peak of resident memory, without its result."""
    case = CASES[job["case"]]
    n_seconds = job["duration"]
    kapre_ref.set_num_threads(job["n_threads"])
    result = None
    for duration in (1, n_seconds):  # a short call first: code, plans and filterbanks stay
        x = benchmarks.common.noise((1, duration * 22050))
        call = _memory_call(case, job["by"], x, job["n_threads"])
        del result
        gc.collect()
        before = _restart_peak()
        result = call()
    peak = _status("VmHWM")
    n_bytes = result.nbytes
    return {"beyond_result": max(0, peak - before - n_bytes), "result": n_bytes, "input": x.nbytes}


def _memory_call(case, label, x, n_threads):
    if label == OURS:
        return lambda: function_of(case.operation)(x, **case.parameters)
    return peers.contender(label, peers.Work(case.operation, case.parameters, (x,), n_threads)).call


def _keep_memory():
    """Let the C library reuse memory that was freed, if it has a setting for that.

    By default it learns to do so from what is freed: then references take up to six times as long
    if they come first as they take if they come last.
    """
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        for parameter in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            library.mallopt(parameter, 1 << 25)


def _restart_peak():
    # Memory that earlier calls freed must not serve this call, since it would not be counted.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def gate(job):
    """Measure the speed-up over each reference and the error, small input on one thread."""
    kapre_ref.set_num_threads(1)
    _keep_memory()
    found = {}
    for name, operation in _asked(job).items():
        dtype = operation.dtypes[0]
        ours, reference = operation(), operation()
        ours.setup("cpu", dtype, "small")
        reference.setup("reference", dtype, "small")
        error = ours.errors()[1]
        calls = {"ours": ours.call, "reference": reference.call}
        times = interleaved(calls, job["seconds"], clock=_clock(job))
        ratio = times["reference"]["min"] / times["ours"]["min"]
        found[name] = {"speed_up": float(f"{ratio:.3g}"), "relative_l2": float(f"{error:.3g}")}
    return found


JOBS = {job.__name__: job for job in (versions, speed, accuracy, memory, gate)}
