"""A script that tests run: processes and threads that use kernels at the same time."""

import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import kapre_ref as kr

N_SAMPLES = 1 << 20  # so many samples that threads share the work
CODES = (np.arange(N_SAMPLES) % 256).astype(np.int32)
SAMPLES = kr.mu_law_decoding_reference(CODES, 256)  # each in the middle of its code's range


def work(n_calls=3):
    """Call a kernel that several threads serve, and require the right result."""
    for _ in range(n_calls):
        np.testing.assert_array_equal(kr.mu_law_encoding(SAMPLES, 256), CODES)


def work_in_pool(method):
    """Call kernels in a pool of processes, each with threads of its own."""
    with multiprocessing.get_context(method).Pool(2) as pool:
        for result in [pool.apply_async(work_together) for _ in range(4)]:
            result.get(timeout=60)


def work_together():
    """Call a kernel, then let two threads of the pool wait for each other."""
    from kapre_ref.kernels.cpu.runtime.pool import run_slices

    work()
    kr.set_num_threads(2)
    together = threading.Barrier(2, timeout=30)
    run_slices(lambda start, stop: together.wait(), 2, seconds=1)


def fork_after_use():
    work()
    work_in_pool("fork")
    work()


def fork_before_use():
    work_in_pool("fork")
    work()


def spawn():
    work()
    work_in_pool("spawn")


def fork_beside_kernels():
    _fork_beside(work, work)


def fork_beside_compilation():
    _fork_beside(compile_one, compile_one)


def compile_one():
    """Compile a kernel that no cache on disk keeps."""
    from kapre_ref.kernels.cpu.runtime.jit import kernel

    @kernel
    def fill(out):
        for i in range(out.size):
            out[i] = i

    out = np.empty(3)
    fill(out)
    np.testing.assert_array_equal(out, [0, 1, 2])


def _fork_beside(function, function_of_child):
    """Fork while another thread is at work, after Python has imported all that it needs."""
    function()
    work()
    begun, stop = threading.Event(), threading.Event()

    def repeat():
        while not stop.is_set():
            begun.set()
            function()

    thread = threading.Thread(target=repeat)
    thread.start()
    begun.wait()
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                function_of_child()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    thread.join()


def fork_in_threads():
    """Fork a pool of processes while a pool of threads exists, and use the threads again."""
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: work(), range(6)))
        work_in_pool("fork")
        list(threads.map(lambda _: work(), range(6)))


def at_exit():
    """Call a kernel when no thread can be started any more."""
    import atexit

    atexit.register(lambda: (work(), print("worked")))


def count():
    """Print how many kernels came from disk and how many were compiled."""
    from kapre_ref.kernels.cpu.mu_law import _encode

    work(1)
    print(sum(_encode.stats.cache_hits.values()), sum(_encode.stats.cache_misses.values()))


def uncompiled():
    """Run each kernel as plain Python on little input, and each emitted function on NumPy lanes."""
    carried_out = set()

    def notice(frame, event, argument):
        if event == "call":
            carried_out.add(frame.f_code)

    sys.setprofile(notice)
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        pointwise(rng, dtype)
        along_frames(rng, dtype)
        transforms(rng, dtype)
        front_ends(rng, dtype)
    sys.setprofile(None)
    missing = [name for name, emit in emitted() if emit.__code__ not in carried_out]
    assert missing == [], missing


def emitted():
    """Yield the name and the body of each function of the wing `emit` that kernels call."""
    from kapre_ref.kernels.cpu import emit

    for info in pkgutil.iter_modules(emit.__path__, f"{emit.__name__}."):
        module = importlib.import_module(info.name)
        for name, thing in vars(module).items():
            if getattr(thing, "on_lanes", None) and thing.emit.__module__ == info.name:
                yield name, thing.emit


def pointwise(rng, dtype):
    """Compare the operations that map each number to a number."""
    from kapre_ref.kernels.cpu.runtime.strided import assign

    signal = rng.uniform(-1, 1, (2, 70)).astype(dtype)
    spectrum = (signal[:, :35] + 1j * signal[:, 35:]).astype(np.result_type(dtype, 1j))
    spectra = abs(signal.reshape(1, 70, 2) @ signal[:, :9])
    close(kr.mu_law_encoding(signal, 256), kr.mu_law_encoding_reference(signal, 256))
    close(kr.mu_law_decoding(signal, 256), kr.mu_law_decoding_reference(signal, 256))
    codes = np.arange(-3, 300)
    close(kr.mu_law_decoding(codes, 256), kr.mu_law_decoding_reference(codes, 256))
    decibel = kr.magnitude_to_decibel_reference
    close(kr.magnitude_to_decibel(spectra), decibel(spectra))
    close(kr.magnitude_to_decibel(spectra, 1, 1e-320), decibel(spectra, 1, 1e-320))
    close(kr.magnitude(spectrum), kr.magnitude_reference(spectrum))
    close(kr.phase(spectrum), kr.phase_reference(spectrum))
    half = spectra.astype(np.float16)
    close(kr.magnitude_to_decibel(half), decibel(half))
    for strided in (signal[:, ::2], signal[:, :35]):  # single numbers, and runs of numbers
        copy = np.empty(strided.shape, dtype)
        assign(copy, strided)
        np.testing.assert_array_equal(copy, strided)


def along_frames(rng, dtype):
    """Compare frames, energies, bands and deltas, short and long."""
    # In the package, each of these names is a function's, so the modules are imported by name.
    cpu_delta = importlib.import_module("kapre_ref.kernels.cpu.delta")
    cpu_framing = importlib.import_module("kapre_ref.kernels.cpu.framing")

    signal = rng.uniform(-1, 1, (2, 70)).astype(dtype)
    spectra = abs(rng.uniform(-1, 1, (1, 70, 9))).astype(dtype)
    energy = kr.energy_reference
    close(kr.frame(signal, 9, 4, True), kr.frame_reference(signal, 9, 4, True))
    close(kr.energy(signal, 100, 0.1, 9, 4), energy(signal, 100, 0.1, 9, 4))
    long = rng.uniform(-1, 1, (1, 3000)).astype(dtype)
    close(kr.energy(long, 100, 0.1, 1500, 700), energy(long, 100, 0.1, 1500, 700))
    close(kr.energy(long, 100, 0.1, 600, 1), energy(long, 100, 0.1, 600, 1))
    for win_length in (3, 5, 67):
        close(kr.delta(spectra, win_length), kr.delta_reference(spectra, win_length))
    wide = rng.uniform(-1, 1, (1, 12, 80, 1)).astype(dtype)
    cpu_delta._STREAMED_BYTES = cpu_framing._STREAMED_BYTES = 0  # written as large results are
    close(kr.delta(wide, 5), kr.delta_reference(wide, 5))
    close(kr.frame(long, 400, 160), kr.frame_reference(long, 400, 160))
    product = kr.apply_filterbank_reference
    for n_freq, n_bands, width in ((9, 4, 1), (40, 3, 40), (700, 9, 100), (1500, 5, 30)):
        weights = np.zeros((n_freq, n_bands), dtype)
        for band in range(n_bands):
            first = band * (n_freq - width) // n_bands
            weights[first : first + width, band] = rng.uniform(0, 1, min(width, n_freq - first))
        frames = rng.uniform(0, 1, (1, 20, n_freq)).astype(dtype)
        close(kr.apply_filterbank(frames, weights), product(frames, weights))


def transforms(rng, dtype):
    """Compare spectra and their inverse, of sizes with every radix and arrays of any strides."""
    for n_fft, hop_length in ((16, 4), (60, 15), (77, 40), (104, 52), (128, 7), (81, 30)):
        signal = rng.uniform(-1, 1, (1, 4 * n_fft, 2)).astype(dtype)
        spectra = kr.stft(signal, n_fft, None, hop_length)
        close(spectra, kr.stft_reference(signal, n_fft, None, hop_length))
        back = kr.inverse_stft_reference(spectra, n_fft, None, hop_length)
        close(kr.inverse_stft(spectra, n_fft, None, hop_length), back)
        close(
            kr.stft_mag_phase(signal, n_fft, None, hop_length),
            kr.stft_mag_phase_reference(signal, n_fft, None, hop_length),
        )
        faint = signal * 1e-30
        close(
            kr.stft_magnitude(faint, n_fft, None, hop_length),
            kr.stft_magnitude_reference(faint, n_fft, None, hop_length),
        )
        parameters = {"n_fft": n_fft, "hop_length": hop_length, "n_mels": 3}
        mel = kr.melspectrogram_reference(signal, return_decibel=True, **parameters)
        close(kr.melspectrogram(signal, return_decibel=True, **parameters), mel)
    for n_fft in (277, 323):  # These sizes need a convolution, and looped radices.
        signal = rng.uniform(-1, 1, 4 * n_fft).astype(dtype)
        spectra = kr.stft(signal, n_fft, None, 100)
        close(spectra, kr.stft_reference(signal, n_fft, None, 100))
        back = kr.inverse_stft_reference(spectra, n_fft, None, 100)
        close(kr.inverse_stft(spectra, n_fft, None, 100), back)
    spectra = kr.stft_reference(rng.uniform(-1, 1, (1, 300)).astype(dtype), 256, None, 1)
    close(kr.inverse_stft(spectra, 256, None, 1), kr.inverse_stft_reference(spectra, 256, None, 1))


def front_ends(rng, dtype):
    """Compare front ends whose fields between them need all that is emitted for one."""
    signal = rng.uniform(-1, 1, (2, 90)).astype(dtype)
    mel = kr.FrontEnd(
        sample_rate=16000, n_fft=32, win_length=25, hop_length=10, bands=kr.Bands(5), log="ln",
        floor=1e-3, preemphasis=0.9, pad_left=12, pad_right=9, pad_mode="reflect",
    )  # fmt: skip
    normalisation = kr.Normalisation()
    for changes in (
        {"remove_mean": True, "preemphasis_first": "frame", "pad_mode": "mirror"},
        {"power": 1, "power_offset": 1e-3, "time_first": False},
        {"pad_mode": "odd"},
        {"gain": tuple(range(1, 6)), "normalisation": normalisation},
        {"normalisation": normalisation, "time_first": False, "hop_length": 1},
        {"dynamic_range": 1.0, "n_cepstra": 3},
        {"n_fft": 37, "remove_mean": True},
    ):
        front_end = mel.replace(**changes)
        close(front_end(signal), front_end.reference(signal))
    columns = mel.replace(preemphasis=0.0, time_first=False)
    spectra = columns.stft(signal)
    close(spectra, columns.stft_reference(signal))
    close(columns.inverse_stft(spectra), columns.inverse_stft_reference(spectra))


def close(got, expected):
    """Require equality to a few roundings of a sum in float32; no drawn code lies at an edge."""
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


if __name__ == "__main__":
    # Pools of processes end their workers by it, and what a parent ignores its children ignore.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    kr.set_num_threads(3)
    globals()[sys.argv[1]]()
