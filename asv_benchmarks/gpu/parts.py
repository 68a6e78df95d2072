"""The parts of the GPU report: what is checked, what is measured, and on how much data."""

import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

import kapre_ref as kr
from asv_benchmarks.gpu import peers
from kapre_ref.command import self_check

FLOAT = 4  # bytes
TOLERANCES = {"float32": 4e-6, "float64": 1e-13}
SIZES = ((256, 64), (400, 160), (441, 110), (512, 128), (512, 160), (1024, 256), (2048, 512))
SIZES += ((4096, 1024),)
DOUBLE_SIZES = ((512, 128), (2048, 512))
# These are checked, not measured: a launch gives them shared memory.
LARGE = (("float32", 16384), ("float32", 32768), ("float64", 8192))
N_SIGNALS, N_SAMPLES = 64, 2**19 // 60 * 60  # 134 MB of signals: more than an L2 holds
N_ELEMENTS = 1 << 26
COPIED_BYTES = 1 << 30
FLUSH_BYTES = 256 << 20  # several times an L2
LOG_MEL = {"n_fft": 512, "win_length": 400, "hop_length": 160, "sample_rate": 16000, "n_mels": 80}
N_CALLS = 200
FASTEST_ISSUE = 0.03  # ms of host time that a warm call may take
FASTEST_30_S = 0.1  # ms that the log-mel of 30 s may take


def noise(report, shape, dtype=np.float32):
    """Return noise between -1 and 1 on the device."""
    values = np.random.default_rng(report.seed).random(shape, np.float32)
    return report.cupy.asarray((2 * values - 1).astype(dtype, copy=False))


# ---- Correctness.


def describe(report):
    """Record which card this is."""
    runtime = report.cupy.cuda.runtime
    properties = runtime.getDeviceProperties(report.cupy.cuda.Device().id)
    free, total = runtime.memGetInfo()
    report.about |= {
        "compute capability": f"{properties['major']}.{properties['minor']}",
        "multiprocessors": int(properties["multiProcessorCount"]),
        "L2": f"{properties['l2CacheSize'] >> 20} MiB",
        "memory": f"{total >> 30} GiB, {free >> 30} free",
        "driver, runtime": f"{runtime.driverGetVersion()}, {runtime.runtimeGetVersion()}",
    }


def check_operations(report):
    """Compare every operation with its oracle."""
    for row in self_check.all_rows(self_check.CHECKS, [report.gpu], report.seed):
        name = " ".join(f"{row.operation} {row.variant} {row.dtype}".split())
        report.check(name, row.error, row.tolerance, row.passed, row.message)


def check_own_kernels(report):
    """Compare our kernels with the oracles for all sizes, addresses and lengths of a last block."""
    rng = np.random.default_rng(report.seed)
    sizes = [("float32", *size) for size in SIZES] + [("float64", *size) for size in DOUBLE_SIZES]
    for dtype, n_fft, hop_length in sizes:
        for channels in (1, 2):
            x = rng.uniform(-1, 1, (2, 3 * n_fft + 7, channels)).astype(dtype)
            for hop in (hop_length, hop_length + 1):
                padded = {"hop_length": hop, "pad_begin": True, "pad_end": True}
                decibel = {**padded, "n_mels": 20, "return_decibel": True, "db_amin": 0.1}
                for name, options in (
                    ("stft", padded),
                    ("stft_magnitude", padded),
                    ("melspectrogram", {**padded, "n_mels": 20}),
                    ("melspectrogram", decibel),
                ):
                    tolerance = 1e-3 if options is decibel else TOLERANCES[dtype]
                    compare(report, name, tolerance, x, n_fft=n_fft, **options)
    for dtype, n_fft in LARGE:
        x = rng.uniform(-1, 1, (2, 2 * n_fft + 7)).astype(dtype)
        sizes, tolerance = {"n_fft": n_fft, "hop_length": n_fft // 4}, TOLERANCES[dtype]
        compare(report, "stft_magnitude", tolerance, x, **sizes)
        compare(report, "inverse_stft", 4 * tolerance, kr.stft_reference(x, **sizes), **sizes)
    x = rng.uniform(-1, 1, (3, 5001)).astype(np.float32)
    codes = rng.integers(-5, 260, (3, 5000)).astype(np.int32)
    compare(report, "magnitude_to_decibel", 1e-5, abs(x), dynamic_range=9.0)
    compare(report, "magnitude_to_decibel", 1e-5, abs(x[:, :5000]), amin=0.1)
    compare(report, "mu_law_encoding", 1 / 128, x, quantization_channels=256)
    compare(report, "mu_law_decoding", 1e-6, codes, quantization_channels=256)
    compare(report, "frame", 0, x, frame_length=300, hop_length=77, pad_end=True)
    compare(report, "energy", 1e-6, x, frame_length=300, hop_length=77, pad_end=True)
    spectra = kr.stft_reference(x, 512, hop_length=100)
    compare(report, "inverse_stft", 1e-5, spectra, n_fft=512, hop_length=100)


def compare(report, name, tolerance, x, **options):
    """Check an operation against its oracle; `tolerance` is relative to the largest value."""
    label = " ".join([name, str(x.dtype), str(x.shape), *(f"{k}={v}" for k, v in options.items())])
    try:
        wide = x if x.dtype.kind == "i" else x.astype(np.result_type(x.dtype, np.float64))
        expected = getattr(kr, f"{name}_reference")(wide, **options)
        got = report.gpu.fetch(getattr(kr, name)(report.gpu.send(x), **options))
        error = float(np.abs(got - expected).max() / np.abs(expected).max())
    except Exception as raised:
        text = " ".join(f"{type(raised).__name__}: {raised}".split())
        report.check(label, None, tolerance, False, text[:300])
        return
    report.check(label, error, tolerance)


def calls(report):
    """Return a warm call of each of our kernels, on small input, by name."""
    x = noise(report, (4, 16000))
    codes, spectra = kr.mu_law_encoding(x, 256), kr.stft(x, 512)
    bands = kr.melspectrogram(x, **LOG_MEL, return_decibel=True)
    return {
        "log-mel": lambda: kr.melspectrogram(x, **LOG_MEL, return_decibel=True),
        "stft_magnitude": lambda: kr.stft_magnitude(x, 1024),
        "stft_magnitude 400": lambda: kr.stft_magnitude(x, 400, hop_length=160),
        "stft": lambda: kr.stft(x, 512),
        "inverse_stft": lambda: kr.inverse_stft(spectra, 512),
        "magnitude_to_decibel": lambda: kr.magnitude_to_decibel(x),
        "mu_law_encoding": lambda: kr.mu_law_encoding(x, 256),
        "mu_law_decoding": lambda: kr.mu_law_decoding(codes, 256),
        "frame": lambda: kr.frame(x, 512, 128),
        "energy": lambda: kr.energy(x, 16000, 0.1, 1600, 800),
        "logmel_to_mfcc": lambda: kr.logmel_to_mfcc(bands),
        "delta": lambda: kr.delta(bands),
        "channel_swap": lambda: kr.channel_swap(bands, rng=np.random.default_rng(0)),
    }


def check_ranges(report):
    """Check the floors of short items while the blocks of many items run, in two streams.

    The memory of a result has other numbers before each call, so that the block that raises the
    values of others to the floor would bring back what it read too early.
    """
    cupy, x = report.cupy, noise(report, (N_SIGNALS, 16000))
    options = {**LOG_MEL, "return_decibel": True}
    values = kr.melspectrogram(x, **options, db_dynamic_range=1000.0)
    expected = cupy.maximum(values, values.max(axis=(1, 2), keepdims=True) - np.float32(6))
    cupy.cuda.Device().synchronize()
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    results = [cupy.empty_like(values) for _ in streams]
    errors = []
    for i in range(N_CALLS):
        for stream, result in zip(streams, results, strict=True):
            with stream:
                result.fill(1e6 * (-1) ** i)
                kr.melspectrogram(x, **options, db_dynamic_range=6.0, out=result)
                errors.append(cupy.abs(result - expected).max())
    cupy.cuda.Device().synchronize()
    # Not max(), which would pass over NaN.
    report.check("floors of short items, dB", float(np.max([float(e) for e in errors])), 1e-4)


def check_capture(report):
    """Check that warm calls can be captured as CUDA graphs, and replay to the same."""
    for name, call in calls(report).items():
        expected = call()
        report.cupy.cuda.Device().synchronize()
        try:
            same = bool((captured(report.cupy, call) == expected).all())
            message = "" if same else "replayed to another result"
        except Exception as error:
            same, message = False, f"{type(error).__name__}: {error}"[:300]
        report.check(f"{name}, captured as a CUDA graph", passed=same, message=message)


def captured(cupy, call):
    """Return the result of a call, captured and replayed once."""
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        call()  # fills the memory pool of this stream
        stream.begin_capture()
        try:
            got = call()
        finally:
            graph = stream.end_capture()
        graph.launch(stream)
        stream.synchronize()
    return got


def check_returns_at_once(report):
    """Check that a call on large input returns long before the GPU has computed it."""
    x = noise(report, (N_SIGNALS, N_SAMPLES))
    wait = report.cupy.cuda.get_current_stream().synchronize
    for name, call in (
        ("log-mel", lambda: kr.melspectrogram(x, **LOG_MEL, return_decibel=True)),
        ("stft_magnitude", lambda: kr.stft_magnitude(x)),
        ("magnitude_to_decibel", lambda: kr.magnitude_to_decibel(x)),
    ):
        issued, done = [], []
        for _ in range(5):
            wait()
            started = time.perf_counter()
            result = call()
            issued.append(time.perf_counter() - started)
            wait()
            done.append(time.perf_counter() - started)
            del result
        share = float(np.median(issued) / np.median(done))
        report.check(f"{name}, time to issue over time until done", share, 0.7)


def sanitize(report):
    """Run the checks of our kernels under each tool of compute-sanitizer."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        report.check("compute-sanitizer", passed=False, message="not installed")
        return
    script = Path(__file__).with_name("report.py")
    for kind in ("memcheck", "racecheck", "initcheck", "synccheck"):
        # A runtime that is newer than the driver asks for functions that it lacks. Those errors say
        # nothing about our kernels.
        command = [tool, "--tool", kind, "--report-api-errors", "no", "--error-exitcode", "9"]
        command += [sys.executable, str(script)]
        limit = max(10, min(115, report.seconds_left() - 10))
        try:
            done = subprocess.run(
                [*command, "--watched"], capture_output=True, text=True, timeout=limit, check=False
            )
            passed = done.returncode == 0
            message = (done.stdout.strip().splitlines() or [""])[-1][:300]
        except subprocess.TimeoutExpired:
            passed, message = False, f"not finished within {limit:.0f} s: nothing is known"
        report.check(f"compute-sanitizer {kind}", passed=passed, message=message)


# ---- Speed.


def measure_copy(report):
    """Measure the bandwidth of a copy, with which other figures are compared."""
    source = report.cupy.ones(COPIED_BYTES // FLOAT, np.float32)
    target = report.cupy.empty_like(source)
    n_bytes = 2 * source.nbytes
    report.figure("copy", lambda: report.cupy.copyto(target, source), n_bytes)
    figure = report.figures[-1]
    report.copy_bandwidth = n_bytes / (figure.milliseconds * 1e-3)
    figure.share_of_copy = 1.0


def measure_transforms(report, n_fft, hop_length, dtype=np.float32):
    """Measure one size of transform, against unfused CuPy, torch and torchaudio."""
    cupy, itemsize = report.cupy, np.dtype(dtype).itemsize
    x = noise(report, (N_SIGNALS, N_SAMPLES), dtype)
    n_frames, n_freq = (N_SAMPLES - n_fft) // hop_length + 1, n_fft // 2 + 1
    n_frame_values = N_SIGNALS * n_frames * itemsize  # bytes of one value a frame
    n_mels = 40 if n_fft < 400 else 80 if n_fft <= 512 else 128
    common = {"n_fft": n_fft, "hop_length": hop_length}
    sizes = f"{n_fft}/{hop_length}" + (" float64" if dtype == np.float64 else "")
    window = kr.hann_window(n_fft, dtype=dtype, like=x)
    bands = kr.filterbank_mel(22050, n_freq, n_mels, dtype=dtype, like=x)
    others = report.attempt(
        f"peers {sizes}", peers.find, report, x, n_fft, hop_length, window, bands
    ) or ({}, {})
    out = cupy.empty((N_SIGNALS, n_frames, n_freq), dtype)
    known = dtype == np.float32 and (n_fft, hop_length) in ((512, 128), (1024, 256), (2048, 512))
    aims = {"share": 0.6, "ratio": 5} if known else {}
    magnitude = partial(kr.stft_magnitude, **common, out=out)
    peers.check_same_work(report, f"stft_magnitude {sizes}", magnitude(x), others[0], 1e-4)
    report.figure(
        f"stft_magnitude {sizes}",
        lambda: magnitude(x),
        x.nbytes + n_freq * n_frame_values,
        others[0].items(),
        **aims,
    )
    report.figure(
        f"stft_magnitude {sizes} decibel",
        lambda: magnitude(x, return_decibel=True),
        x.nbytes + n_freq * n_frame_values,
    )
    out = magnitude = None  # frees it
    log_mel = partial(kr.melspectrogram, x, **common, n_mels=n_mels, return_decibel=True)
    peers.check_same_work(report, f"melspectrogram {sizes}", log_mel(), others[1], 1e-4)
    known = dtype == np.float32 and (n_fft, hop_length) in ((512, 160), (2048, 512))
    report.figure(
        f"melspectrogram {sizes}, {n_mels} bands, decibel",
        log_mel,
        x.nbytes + n_mels * n_frame_values,
        others[1].items(),
        ratio=6 if known else None,
    )
    complex_dtype = np.result_type(dtype, np.complex64)
    spectra = cupy.empty((N_SIGNALS, n_frames, n_freq), complex_dtype)
    n_bytes = x.nbytes + 2 * n_freq * n_frame_values
    report.figure(f"stft {sizes}", lambda: kr.stft(x, **common, out=spectra), n_bytes)


def measure_elementwise(report):
    """Measure operations that should be as fast as a copy."""
    x = noise(report, (8, N_ELEMENTS // 8))
    n = x.size
    codes, out = kr.mu_law_encoding(x, 256), report.cupy.empty_like(x)
    loud = x * 1e6
    for name, call in (
        ("mu_law_encoding", lambda: kr.mu_law_encoding(x, 256, out=codes)),
        ("mu_law_decoding", lambda: kr.mu_law_decoding(codes, 256, out=out)),
        ("magnitude_to_decibel", lambda: kr.magnitude_to_decibel(x, out=out)),
    ):
        report.figure(name, call, 2 * FLOAT * n, share=0.85)
    floor = partial(kr.magnitude_to_decibel, loud, out=out)
    report.figure("magnitude_to_decibel, floor reached", floor, 2 * FLOAT * n)
    codes = out = loud = floor = None  # frees them
    n_frames = (x.shape[1] - 2048) // 512 + 1
    framed = kr.frame(x, 2048, 512)
    n_bytes = x.nbytes + FLOAT * 8 * n_frames * 2048
    report.figure("frame 2048/512", lambda: kr.frame(x, 2048, 512, out=framed), n_bytes, share=0.85)
    framed = None
    report.figure("energy 2205/1102", lambda: kr.energy(x), x.nbytes)


def measure_inverse(report):
    """Measure the inverse transform, which is one pass over the spectra."""
    x = noise(report, (8, N_SAMPLES))
    spectra = kr.stft(x)
    n_bytes = spectra.nbytes + x.nbytes
    report.figure("inverse_stft 2048/512", lambda: kr.inverse_stft(spectra), n_bytes)


def measure_small(report, seconds):
    """Measure the time from the call to the result of a log-mel of short input."""
    x = noise(report, (seconds * 16000,))
    ours = partial(kr.melspectrogram, x, **LOG_MEL, return_decibel=True)
    name = f"log-mel 80 of {seconds} s at 16 kHz, until done"
    figure = report.host_figure(name, ours, True)
    window = np.zeros(512, np.float32)
    window[:400] = kr.hann_window(400)
    bands = kr.filterbank_mel(16000, 257, 80, like=x)
    _, others = peers.find(report, x[None], 512, 160, report.cupy.asarray(window), bands)
    for other, call in others.items():
        found = report.attempt(f"{name}, {other}", report.host_time, call, True)
        figure.against[other] = found[0] / figure.milliseconds if found else None
    if seconds == 30:
        figure.target = f"{FASTEST_30_S} ms"
        figure.met = figure.milliseconds <= FASTEST_30_S


def measure_host(report):
    """Measure the host time that warm calls take to issue."""
    for name, call in calls(report).items():
        figure = report.host_figure(f"{name}, host time to issue", call, False)
        figure.target = f"{FASTEST_ISSUE} ms"
        figure.met = figure.milliseconds <= FASTEST_ISSUE


# Each part has a name, the seconds that it may take, and the function that does it.
CHECKS = (
    ("device", 1, describe),
    ("operations", 60, check_operations),
    ("own kernels", 45, check_own_kernels),
    ("short items", 15, check_ranges),
    ("CUDA graphs", 15, check_capture),
    ("returning at once", 15, check_returns_at_once),
)
MEASUREMENTS = (
    ("copy", 5, measure_copy),
    ("elementwise", 15, measure_elementwise),
    ("1 s", 10, measure_small, 1),
    ("30 s", 10, measure_small, 30),
    ("host", 10, measure_host),
    *((f"transforms {n_fft}/{hop}", 25, measure_transforms, n_fft, hop) for n_fft, hop in SIZES),
    *(
        (f"float64 {n_fft}/{hop}", 25, measure_transforms, n_fft, hop, np.float64)
        for n_fft, hop in DOUBLE_SIZES
    ),
    ("inverse", 10, measure_inverse),
)
