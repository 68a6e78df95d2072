"""`kapre-ref check`: all operations against their oracles on fresh random input."""

from __future__ import annotations

import json
import platform
import sys
import time
import warnings
from dataclasses import asdict, dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import kapre_ref
from kapre_ref._data_format import CH_FIRST_STR
from kapre_ref.command.feature_files import atomic_file
from kapre_ref.command.front_end_errors import front_end_error
from kapre_ref.command.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from kapre_ref._front_end import FrontEnd

    Arrays = Callable[[np.random.Generator, np.dtype[Any]], tuple[NDArray[Any], ...]]

N_REPETITIONS = 3  # The quickest one counts.


class Kind(NamedTuple):
    """How an error is measured, and its tolerance in eps of the result's dtype.

    A float16 result is rounded once, so it may lie one step beside the oracle's result: at most
    one eps of a value. In float32 all steps of the computation round, each by half an eps. In
    float64 the steps of the oracle round as well, which adds up to `ORACLE_EPS`.
    """

    unit: str
    n_eps: float
    n_eps_float16: float


# A float64 sum of thousands of terms, one after the other, is off by about as many eps.
ORACLE_EPS = 16

EXACT = Kind("absolute", 0, 0)
CODES = Kind("codes", 0, 0)
# The plain formula in the working precision reaches 1 to 4 eps of the peak.
PEAK = Kind("of the peak", 8, 1)
# The magnitude may be one step off, and the phase too. For angles up to pi, that step is 4 eps.
POLAR = Kind("of the peak", 16, 5)
RADIANS = Kind("rad", 8, 4)
# From -50 to 20 dB a float32 has steps of up to 32 eps; the plain formula makes 70 eps of it.
DECIBEL = Kind("dB", 200, 32)
# 8 eps of the peak are 10 / ln(10) * 8 eps / 0.01 = 3500 eps in dB at a hundredth of the peak. The
# tolerance is half of this. Below a hundredth of the peak, errors count in proportion to the
# magnitude, except in silence, where they count in full.
SPECTRUM_DECIBEL = Kind("dB", 1700, 32)
# The relative error of a power is twice that of its magnitude.
POWER = Kind("of the peak", 2 * PEAK.n_eps, 2)
POWER_DECIBEL = Kind("dB", 2 * SPECTRUM_DECIBEL.n_eps, 64)

FLOATS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")


@dataclass(frozen=True)
class Check:
    """One operation with its input; `variant` names the options that are not the defaults."""

    operation: str
    arrays: Arrays
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = PEAK
    dtypes: Sequence[str] = FLOATS
    variant: str = ""
    front_end: FrontEnd | None = None  # It computes in place of a function of the library.

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return the function that is checked, and its oracle."""
        if self.front_end is not None:
            return self.front_end, self.front_end.reference
        oracle = getattr(kapre_ref, f"{self.operation}_reference")
        return getattr(kapre_ref, self.operation), oracle


@dataclass(frozen=True)
class Row:
    """The result of a check."""

    operation: str
    variant: str
    backend: str
    dtype: str
    error: float | None  # None where there is nothing to measure
    unit: str
    tolerance: float
    passed: bool
    speed: float | None  # the oracle's time divided by the operation's
    message: str = ""


class Backend(NamedTuple):
    """A device on which operations run, and how arrays get there and back."""

    name: str
    send: Callable[[NDArray[Any]], Any]
    fetch: Callable[[Any], NDArray[Any]]
    wait: Callable[[], None]


def _signals(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    return (rng.uniform(-1, 1, (2, 2, 44100)).astype(dtype),)


def _signals_with_a_rest(
    rng: np.random.Generator, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], ...]:
    (signals,) = _signals(rng, dtype)
    # The rest covers whole frames: none has just the faint edge of its window in the sound.
    signals[..., 40 * 512 : 60 * 512] = 0
    return (signals,)


def _short_signals(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    # Channels differ in loudness, so that it matters whose peak limits a range.
    signals = rng.uniform(-1, 1, (2, 2, 12000)) * [[[1], [0.1]], [[0.5], [0.05]]]
    signals[..., 4000:9000] = 0  # This is longer than two frames of any named front end.
    return (signals.astype(dtype),)


def _spectrograms(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    return (rng.standard_normal((2, 2, 200, 128)).astype(dtype),)


def _spectra(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    parts = rng.standard_normal((2, 2, 2, 80, 1025))
    return ((parts[0] + 1j * parts[1]).astype(dtype),)


def _magnitudes(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    magnitudes = 10 ** rng.uniform(-7, 2, (4, 50000))  # on both sides of amin
    magnitudes[:, :9] = 0
    return (magnitudes.astype(dtype),)


def _filtered(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    spectra = rng.random((2, 2, 80, 1025)).astype(dtype)
    return spectra, kapre_ref.filterbank_mel(22050, 1025, dtype=dtype)


def _samples(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    return (rng.uniform(-1, 1, 200000).astype(dtype),)


def _codes(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    return (rng.integers(0, 256, 200000).astype(dtype),)


def _nothing(rng: np.random.Generator, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    return ()


_FIRST = {"data_format": CH_FIRST_STR}
_BOTH_FIRST = {"input_data_format": CH_FIRST_STR, "output_data_format": CH_FIRST_STR}
_PADDED = _BOTH_FIRST | {"pad_begin": True, "pad_end": True}
# The range is so small that silence lies at its lower end in spite of float32's rounding.
_DECIBEL = _PADDED | {"return_decibel": True, "db_dynamic_range": 60.0}


def _recipe_check(name: str, front_end: FrontEnd) -> Check:
    """Return the check of a named front end, in the precision in which it is used."""
    plain, decibel = (PEAK, SPECTRUM_DECIBEL) if front_end.power == 1 else (POWER, POWER_DECIBEL)
    kind = plain if front_end.log == "none" else decibel
    return Check("front_end", _short_signals, {}, kind, ("float32",), name, front_end)


CHECKS = (
    *(
        Check(name, _nothing, {"window_length": 400}, EXACT)
        for name in (
            "hann_window",
            "hamming_window",
            "kaiser_window",
            "kaiser_bessel_derived_window",
            "vorbis_window",
        )
    ),
    Check("filterbank_mel", _nothing, {"sample_rate": 22050, "n_freq": 1025}, EXACT),
    Check("filterbank_log", _nothing, {"sample_rate": 22050, "n_freq": 1025}, EXACT),
    Check("frame", _signals, {"frame_length": 1000, "hop_length": 300, **_FIRST}, EXACT),
    Check("energy", _signals, {"pad_end": True, **_FIRST}),
    Check("stft", _signals, _PADDED),
    Check("inverse_stft", _spectra, _BOTH_FIRST, dtypes=COMPLEX),
    Check("magnitude", _spectra, dtypes=COMPLEX),
    Check("phase", _spectra, kind=RADIANS, dtypes=COMPLEX),
    Check("magnitude_to_decibel", _magnitudes, kind=DECIBEL),
    Check("power_to_db", _magnitudes, {"ref": "peak", "top_db": None}, DECIBEL),
    Check("amplitude_to_db", _spectra, {"ref": 0.5}, DECIBEL, COMPLEX),
    Check("db_to_power", _spectrograms),
    Check("db_to_amplitude", _spectrograms, {"ref": 0.5}),
    Check("apply_filterbank", _filtered, _FIRST),
    Check("delta", _spectrograms, {"win_length": 9, **_FIRST}),
    Check("logmel_to_mfcc", _spectrograms, _FIRST),
    Check(
        "logmel_to_mfcc",
        _spectrograms,
        {"dct_type": 3, "norm": "ortho", "lifter": 22, **_FIRST},
        variant="type 3",
    ),
    Check("mfcc", _signals, _BOTH_FIRST),
    Check("concatenate_frequency_map", _spectrograms, _FIRST, EXACT),
    Check(
        "spec_augment",
        _spectrograms,
        {"freq_mask_param": 20, "time_mask_param": 40, "n_time_masks": 3, "rng": 1, **_FIRST},
        EXACT,
    ),
    Check("channel_swap", _spectrograms, {"rng": 1, **_FIRST}, EXACT),
    Check("stack_frames", _spectrograms, {"n": 7, "step": 6, "edge": "repeat"}, EXACT),
    Check("patches", _spectrograms, {"length": 32, "hop": 16}, EXACT),
    Check("fix_length", _samples, {"size": 500_000, "mode": "repeatpad"}, EXACT),
    Check("standardize", _signals),
    Check("mu_law_encoding", _samples, {"quantization_channels": 256}, CODES),
    Check("mu_law_decoding", _codes, {"quantization_channels": 256}, dtypes=("int32",)),
    Check("stft_magnitude", _signals, _PADDED),
    Check("stft_magnitude", _signals_with_a_rest, _DECIBEL, SPECTRUM_DECIBEL, variant="decibel"),
    Check("stft_mag_phase", _signals, _PADDED, POLAR),
    Check("melspectrogram", _signals, _PADDED),
    Check("melspectrogram", _signals_with_a_rest, _DECIBEL, SPECTRUM_DECIBEL, variant="decibel"),
    Check("log_frequency_spectrogram", _signals, _PADDED),
    Check(
        "log_frequency_spectrogram",
        _signals_with_a_rest,
        _DECIBEL,
        SPECTRUM_DECIBEL,
        variant="decibel",
    ),
    *(_recipe_check(recipe.name, recipe.front_end) for recipe in kapre_ref.recipes()),
)


def run_self_check(
    json_path: str | None = None, seed: int | None = None, checks: Sequence[Check] = CHECKS
) -> int:
    """Run all checks, print a table, write JSON if asked; return 1 if any check fails, else 0."""
    started = time.monotonic()
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    about = {"kapre_ref": kapre_ref.__version__, **_versions(), "cpu": _cpu_name()}
    backends = [Backend("cpu", lambda x: x, lambda x: x, lambda: None)]
    gpu, about["gpu"] = find_gpu()
    backends += [gpu] if gpu else []
    for name, value in {**about, "seed": str(seed)}.items():
        say(f"{name:10} {value}")
    say("")
    say(f"{'operation':38} {'backend':8}{'dtype':11}{'error':>9} {'tolerance':>9}  {'':12}result")
    rows = []
    for row in all_rows(checks, backends, seed):
        rows.append(row)
        say(_line(row))
    n_out = sum(not row.passed for row in rows)
    verdict = f"{n_out} of {len(rows)} are out of" if n_out else f"all {len(rows)} are within"
    say("")
    say(f"{verdict} tolerance; {time.monotonic() - started:.1f} s")
    if json_path is not None:
        listed = [asdict(row) for row in rows]
        report = {"versions": about, "seed": seed, "passed": not n_out, "rows": listed}
        with atomic_file(json_path) as file:
            file.write(json.dumps(report, indent=1, allow_nan=False).encode())
    return 1 if n_out or not rows else 0


def all_rows(checks: Sequence[Check], backends: Sequence[Backend], seed: int) -> Iterator[Row]:
    """Yield the result of each check, for each dtype, on each backend."""
    for check in checks:
        for dtype in check.dtypes:
            for backend in backends:
                yield check_one(check, np.dtype(dtype), backend, seed)


def check_one(check: Check, dtype: np.dtype[Any], backend: Backend, seed: int) -> Row:
    """Compare an operation with its oracle and time both; an exception is a failure too."""
    arrays = check.arrays(np.random.default_rng(seed), dtype)
    options = dict(check.options) if arrays else {**check.options, "dtype": dtype}
    function, oracle = check.functions()
    truth, oracle_time = _timed(oracle, arrays, options)
    error, speed, message = None, None, ""
    tolerance = tolerance_of(check.kind, truth.dtype)
    try:
        sent = tuple(backend.send(array) for array in arrays)
        like = {} if arrays else {"like": backend.send(np.zeros(1))}
        result, own_time = _timed(function, sent, options | like, backend.wait)
        got, speed = backend.fetch(result), oracle_time / own_time
        if (got.shape, got.dtype) != (truth.shape, truth.dtype):
            message = f"{got.dtype} {got.shape} instead of {truth.dtype} {truth.shape}"
        else:
            error = measure(check, got, truth, arrays)
            if not np.isfinite(error):
                error, message = None, "the result has values that are not finite"
    except Exception as raised:
        text = " ".join(str(raised).split())
        message = f"{type(raised).__name__}: {text}"
    # The comparison is False if the error is NaN, so NaN does not pass.
    passed = error is not None and error <= tolerance
    return Row(
        check.operation,
        check.variant,
        backend.name,
        str(dtype),
        error,
        check.kind.unit,
        tolerance,
        passed,
        speed,
        message,
    )


def measure(
    check: Check, got: NDArray[Any], truth: NDArray[Any], arrays: Sequence[NDArray[Any]]
) -> float:
    """Return the worst error, in the unit of the check."""
    kind = check.kind
    if check.front_end is not None:
        return front_end_error(check.front_end, arrays[0], got, truth)
    if kind is CODES:
        return _code_error(got, truth, arrays[0], check.options["quantization_channels"])
    wide = np.complex128 if truth.dtype.kind == "c" else np.float64
    got, truth = got.astype(wide), truth.astype(wide)
    if kind is POLAR:
        got, truth = _from_polar(got), _from_polar(truth)
    if kind is RADIANS:  # On the circle, -pi equals pi.
        got, truth = np.exp(1j * got), np.exp(1j * truth)
    error = np.abs(got - truth)
    if kind is SPECTRUM_DECIBEL:
        weight = np.minimum(1, 100 * 10 ** ((truth - truth.max()) / 10))
        item_axes = tuple(range(1, truth.ndim))
        error *= np.where(truth == truth.min(axis=item_axes, keepdims=True), 1, weight)
    if kind in (PEAK, POLAR):
        error /= np.abs(truth).max()
    return float(error.max())


def _from_polar(x: NDArray[Any]) -> NDArray[Any]:
    magnitudes, phases = np.split(x, 2, axis=1)
    return magnitudes * np.exp(1j * phases)


def _code_error(
    got: NDArray[Any], truth: NDArray[Any], signal: NDArray[Any], quantization_channels: int
) -> float:
    """Return the worst error in codes; at the boundary of two codes, either is right."""
    mu = quantization_channels - 1
    x = signal.astype(np.float64)
    exact = (np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu) + 1) / 2 * mu + 0.5
    eps = np.finfo(np.promote_types(signal.dtype, np.float32)).eps
    at_boundary = np.abs(exact - np.rint(exact)) < 8 * eps * mu
    error = np.abs(got.astype(np.int64) - truth)
    return float(np.where(at_boundary, np.maximum(0, error - 1), error).max())


def tolerance_of(kind: Kind, dtype: np.dtype[Any]) -> float:
    """Return the largest error that passes, in the unit of its kind."""
    if dtype.kind in "iu" or kind is EXACT:
        return 0.0
    n_eps = kind.n_eps_float16 if dtype == np.float16 else kind.n_eps
    n_eps += ORACLE_EPS if dtype in (np.float64, np.complex128) else 0
    return float(n_eps * np.finfo(dtype).eps)


def _timed(
    function: Callable[..., Any],
    arrays: Sequence[Any],
    options: Mapping[str, Any],
    wait: Callable[[], None] = lambda: None,
) -> tuple[Any, float]:
    """Return a function's result and its shortest time, s, after a first call that may compile."""
    times = []
    for _ in range(1 + N_REPETITIONS):
        fresh = {"rng": np.random.default_rng(options["rng"])} if "rng" in options else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Overflows and empty bands do not matter here.
            started = time.perf_counter()
            result = function(*arrays, **{**options, **fresh})
            wait()
            times.append(time.perf_counter() - started)
    return result, max(min(times[1:]), 1e-9)


def find_gpu() -> tuple[Backend | None, str]:
    """Return the GPU as a backend and its name, or None and the reason why there is none."""
    try:
        cupy = import_module("cupy")
        n_devices = cupy.cuda.runtime.getDeviceCount()
        if not n_devices:
            return None, "not present: CuPy finds no device"
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        name = properties["name"].decode()
    except ImportError:
        return None, "not present: CuPy is not installed"
    except Exception as error:  # CuPy has its own exceptions, for example for drivers.
        return None, f"not present: {' '.join(str(error).split())}"
    stream = cupy.cuda.get_current_stream()
    return Backend("gpu", cupy.asarray, cupy.asnumpy, stream.synchronize), name


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "numba"):
        versions[name] = metadata.version(name)
    cupy = sys.modules.get("cupy") or next(
        (found for found in map(_distribution, ("cupy-cuda13x", "cupy-cuda12x", "cupy")) if found),
        None,
    )
    versions["cupy"] = str(getattr(cupy, "__version__", None) or cupy or "not installed")
    return versions


def _distribution(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def _line(row: Row) -> str:
    name = f"{row.operation}, {row.variant}" if row.variant else row.operation
    error = "-" if row.error is None else f"{row.error:.1e}"
    result = "ok" if row.passed else "OUT"
    line = f"{name:38} {row.backend:8}{row.dtype:11}{error:>9} {row.tolerance:>9.1e}  "
    line += f"{row.unit:12}{result}"
    return f"{line}  {row.message}".rstrip()
