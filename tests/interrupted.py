"""A script that tests run: calls that are interrupted, and processes that end in a call."""

import os
import random
import signal
import sys
import threading
import time

import numpy as np
from good_calls import GOOD

import kapre_ref as kr
from kapre_ref._kept import set_keep_bytes
from kapre_ref.kernels.cpu.runtime import pool

LONG = np.random.default_rng(0).standard_normal(6_000_000).astype(np.float32)
HALVES = np.full(3_000_000, 0.5, np.float32)
SPECTRA = kr.stft(LONG[:2_000_000], n_fft=512, hop_length=32)

# Each call takes a second or so: on the fast path, on SciPy's, and as plain copies.
CALLS = {
    "melspectrogram": lambda: kr.melspectrogram(LONG, n_fft=4096, hop_length=128, n_mels=64),
    "short hops": lambda: kr.melspectrogram(LONG, n_fft=512, hop_length=12, n_mels=8),
    "primes": lambda: kr.stft_magnitude(LONG, n_fft=1009, hop_length=128),
    "scipy": lambda: kr.stft_magnitude(LONG, n_fft=70_001, hop_length=8192),
    "inverse": lambda: kr.inverse_stft(SPECTRA, n_fft=512, hop_length=32),
    "strided": lambda: kr.mu_law_encoding(np.broadcast_to(LONG, (30, LONG.size)).T, 256),
    "energy": lambda: kr.energy(LONG.astype(np.float64), frame_length=4000, hop_length=1),
}


def wrong(result):
    """Tell whether decibels of halves are wrong anywhere."""
    return not np.allclose(result, 10 * np.log10(0.5), atol=1e-3)


def call(function, seconds_until_signal):
    """Send a signal during a call; return how long the answer took, or None if there was none.

    Seconds are those that each thread computed, since other programs may keep it waiting. Of what
    passed meanwhile a tenth counts, for an answer must not wait long for anything else either. The
    call's arrays are gone when this function returns.
    """
    sent = []

    def send():
        time.sleep(seconds_until_signal)
        sent.extend([time.process_time(), time.perf_counter()])
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    answered = None
    try:
        sender.start()
        function()
        sender.join()
        time.sleep(1)  # The call may have ended before the signal came.
    except KeyboardInterrupt:
        computed, passed = time.process_time() - sent[0], time.perf_counter() - sent[1]
        answered = max(computed / kr.get_num_threads(), passed / 10)
    sender.join()
    return answered


def answer(name):
    """Print the longest time that a signal took to be answered."""
    function = CALLS[name]
    function()
    begin = time.perf_counter()
    function()
    seconds = time.perf_counter() - begin
    rng = random.Random(name)
    times = [call(function, rng.uniform(0.1, 0.8) * seconds) for _ in range(8)]
    assert not wrong(kr.magnitude_to_decibel(HALVES))
    print(max(times))


def wait():
    """Interrupt whenever the caller waits for a helper; no later result may be written to.

    Memory of results is kept for the next results, so a helper that went on would write to them.
    """
    set_keep_bytes(1 << 30)
    main, armed, stop = threading.get_ident(), threading.Event(), threading.Event()

    def watch():
        while not stop.is_set():
            frame = sys._current_frames().get(main)
            if armed.is_set() and frame is not None and frame.f_code is pool._join.__code__:
                armed.clear()
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1e-4)

    watcher = threading.Thread(target=watch)
    watcher.start()
    x = LONG[:1_000_000]
    n_interrupted, deadline = 0, time.monotonic() + 120  # most waits are too short to be seen
    while n_interrupted < 30 and time.monotonic() < deadline:
        interrupted = False
        try:
            armed.set()
            kr.stft_magnitude(x, n_fft=4096, hop_length=256)
            armed.clear()
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            n_interrupted += 1
            results = [kr.magnitude_to_decibel(HALVES) for _ in range(2)]
            time.sleep(0.02)
            assert not any(map(wrong, results))
    stop.set()
    watcher.join()
    print(n_interrupted)


def everywhere():
    """Interrupt at every single instruction of the pool; no slice may run on or begin afterwards.

    The next call must have helpers, so that no thread has been lost.
    """
    begun, running = [], []
    main = threading.get_ident()

    def work(start, stop):
        begun.append(threading.get_ident())
        running.append(start)
        time.sleep(3e-4 if threading.get_ident() == main else 1e-2)  # the caller waits for helpers
        running.remove(start)

    def work_with_others(start, stop):
        begun.append(threading.get_ident())
        deadline = time.monotonic() + 20
        while len(set(begun)) == 1 and time.monotonic() < deadline:
            time.sleep(1e-4)

    def trace(frame, event, argument):
        nonlocal n_seen
        if frame.f_code.co_filename != pool.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            n_seen += 1
            if n_seen == chosen:
                raise KeyboardInterrupt
        return trace

    chosen, interrupted = 0, True
    while interrupted:
        chosen, interrupted, n_seen = chosen + 1, False, 0
        sys.settrace(trace)
        try:
            pool.run_slices(work, 12, 1)
        except KeyboardInterrupt:
            interrupted = True
        sys.settrace(None)
        assert not running, chosen
        n_begun = len(begun)
        time.sleep(1e-3)
        assert len(begun) == n_begun, chosen
        begun.clear()
        pool.run_slices(work_with_others, 12, 1)
        assert len(begun) == 12, chosen
        assert len(set(begun)) > 1, chosen
        begun.clear()
    print(chosen)


def storm():
    """Send signals from a timer, one after the other, while calls with several threads run."""
    x = LONG[:400_000]
    expected = kr.stft_magnitude(x, n_fft=512, hop_length=64)
    n_interrupted, deadline = 0, time.monotonic() + 10
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    while time.monotonic() < deadline:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 2e-2), 1e-3)
            while True:
                kr.stft_magnitude(x, n_fft=512, hop_length=64)
        except KeyboardInterrupt:
            n_interrupted += 1
        while True:  # here, since a signal may also come where a function begins
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                break
            except KeyboardInterrupt:
                pass
        if n_interrupted % 20 == 0:
            got = kr.stft_magnitude(x, n_fft=512, hop_length=64)
            np.testing.assert_array_equal(got, expected)
    print(n_interrupted)


def small():
    """Interrupt short calls, most of whose time passes between Python and kernels."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    n_interrupted = 0
    for name, (arguments, options) in GOOD.items():
        function = getattr(kr, name)
        function(*arguments, **options)
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 1e-4))
                while True:
                    function(*arguments, **options)
            except KeyboardInterrupt:
                n_interrupted += 1
    print(n_interrupted)


def last_slices():
    """End the process while another thread computes: it must wait for all slices."""
    running, begun = [], threading.Event()

    def work(start, stop):
        running.append(start)
        begun.set()
        # The caller's slices are short, and the helpers' slices are long.
        time.sleep(0.001 if threading.current_thread() is caller else 0.2)
        running.remove(start)

    def nested(start, stop):
        pool.run_slices(work, 2, 1)

    for function in (work, nested):
        begun.clear()
        run = pool.operation(lambda function=function: pool.run_slices(function, 1000, 10))
        caller = threading.Thread(target=run, daemon=True)
        caller.start()
        begun.wait()
        time.sleep(0.05)
        pool._wait_for_kernels()
        assert not running
        assert not pool._at_work
        pool._last_thread = None  # undo the beginning of the end
    print("none")


def end():
    """End the process while a daemon thread is in the middle of a call."""
    x = np.random.default_rng(3).standard_normal((4, 160000)).astype(np.float32)

    def work():
        kr.melspectrogram(x, n_fft=512, hop_length=160, n_mels=80, return_decibel=True)

    threading.Thread(target=lambda: [work() for _ in range(1000)], daemon=True).start()
    work()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kr.set_num_threads(int(sys.argv[2]))
    globals()[sys.argv[1]](*sys.argv[3:])
