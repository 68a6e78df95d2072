"""A script of its own, run by tests: what processes and threads do with kernels at once."""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import kapre_ref as kr

N_SAMPLES = 1 << 20  # enough to be shared among threads
CODES = (np.arange(N_SAMPLES) % 256).astype(np.int32)
SAMPLES = kr.mu_law_decoding_reference(CODES, 256)  # in the middle of each code


def work(n_calls=3):
    """Call a kernel that several threads serve, and require the right result."""
    for _ in range(n_calls):
        np.testing.assert_array_equal(kr.mu_law_encoding(SAMPLES, 256), CODES)


def work_in_pool(method):
    """Do it in a pool of processes, which have threads of their own."""
    with multiprocessing.get_context(method).Pool(2) as pool:
        for result in [pool.apply_async(work_together) for _ in range(4)]:
            result.get(timeout=60)


def work_together():
    """Do it where several threads take part, of which each waits for the others."""
    from kapre_ref.kernels.cpu.pool import run_slices

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
    """Compile a kernel that no cache keeps."""
    from kapre_ref.kernels.cpu.jit import kernel

    @kernel
    def fill(out):
        for i in range(out.size):
            out[i] = i

    out = np.empty(3)
    fill(out)
    np.testing.assert_array_equal(out, [0, 1, 2])


def _fork_beside(function, function_of_child):
    """Fork while another thread is at work, after all that Python imports on first use."""
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
    """Fork pools of processes from a pool of threads, whose processes have such pools."""
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
    """Run each kernel as plain Python on little input."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        signal = rng.uniform(-1, 1, (2, 70)).astype(dtype)
        spectrum = (signal[:, :35] + 1j * signal[:, 35:]).astype(np.result_type(dtype, 1j))
        spectra = abs(signal.reshape(1, 70, 2) @ signal[:, :9])
        weights = np.eye(9, 4, dtype=dtype)
        close(kr.mu_law_encoding(signal, 256), kr.mu_law_encoding_reference(signal, 256))
        close(kr.mu_law_decoding(signal, 256), kr.mu_law_decoding_reference(signal, 256))
        codes = np.arange(-3, 300)
        close(kr.mu_law_decoding(codes, 256), kr.mu_law_decoding_reference(codes, 256))
        decibel = kr.magnitude_to_decibel_reference
        close(kr.magnitude_to_decibel(spectra), decibel(spectra))
        close(kr.magnitude_to_decibel(spectra, 1, 1e-320), decibel(spectra, 1, 1e-320))
        close(kr.frame(signal, 9, 4, True), kr.frame_reference(signal, 9, 4, True))
        energy = kr.energy_reference
        close(kr.energy(signal, 100, 0.1, 9, 4), energy(signal, 100, 0.1, 9, 4))
        close(kr.magnitude(spectrum), kr.magnitude_reference(spectrum))
        close(kr.phase(spectrum), kr.phase_reference(spectrum))
        bands = kr.apply_filterbank_reference
        close(kr.apply_filterbank(spectra, weights), bands(spectra, weights))
        close(kr.delta(spectra), kr.delta_reference(spectra))
        mel = kr.melspectrogram_reference(signal, 16, None, 4, n_mels=2, return_decibel=True)
        close(kr.melspectrogram(signal, 16, None, 4, n_mels=2, return_decibel=True), mel)


def close(got, expected):
    """Require equality to a few roundings of float32 in a sum; the codes drawn lie off an edge."""
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


if __name__ == "__main__":
    # Pools of processes end their workers by it, and what a parent ignores its children ignore.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    kr.set_num_threads(3)
    globals()[sys.argv[1]]()
