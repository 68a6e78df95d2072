"""However a call ends, no part of it runs on; signals are answered soon; the end waits."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from interrupted import CALLS

import kapre_ref as kr

SCRIPT = Path(__file__).with_name("interrupted.py")
SOON = 0.3  # seconds
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no signals of POSIX"),
    pytest.mark.slow,
]


def run(*arguments):
    """Run the script in a fresh process; return what it printed."""
    return output_of("-X", "faulthandler", str(SCRIPT), *map(str, arguments))


def output_of(*arguments, **environment):
    """Run Python in a fresh process that must end well; return what it printed."""
    result = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(kr.__file__).parent.parent)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.strip()


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("name", CALLS)
def test_is_answered_soon(name, n_threads):
    assert float(run("answer", n_threads, name)) < SOON


def test_in_the_wait_for_helpers():
    assert int(run("wait", 2)) >= 20


def test_at_every_instruction_of_the_pool():
    assert int(run("everywhere", 3)) >= 200


@pytest.mark.thorough
@pytest.mark.parametrize("n_threads", [1, 3])
def test_hundreds_at_any_moment(n_threads):
    assert int(run("storm", n_threads)) >= 30


def test_in_short_calls():
    assert int(run("small", 2)) >= 1000


def test_the_end_waits_for_every_thread_of_a_call():
    assert run("last_slices", 3) == "none"


@pytest.mark.thorough
def test_processes_that_end_in_a_call():
    run("end", 2)  # compiled
    with ThreadPoolExecutor(4) as processes:
        assert set(processes.map(lambda _: run("end", 2), range(40))) == {""}


FIRST_CALLS = """
import signal, sys, time
import numpy as np
import kapre_ref as kr
import kapre_ref.kernels.cpu

x = np.linspace(-1, 1, 1000, dtype=np.float32)
signal.signal(signal.SIGALRM, signal.default_int_handler)
seconds = float(sys.argv[1])
signal.setitimer(signal.ITIMER_REAL, seconds)
begin = time.perf_counter()
try:
    kr.mu_law_encoding(x, 256)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("done")
except KeyboardInterrupt:
    print(time.perf_counter() - begin - seconds)
np.testing.assert_array_equal(kr.mu_law_encoding(x, 256), kr.mu_law_encoding_reference(x, 256))
expected = kr.magnitude_to_decibel_reference(x)
np.testing.assert_allclose(kr.magnitude_to_decibel(x), expected, atol=1e-4)
"""


@pytest.mark.parametrize("seconds", [0.001, 0.005, 0.02, 0.05, 0.1, 0.2])
def test_in_the_first_compilation(seconds, tmp_path):
    # numba's registries are read in the first tenth of a second; what ends that ends all of numba.
    printed = output_of("-c", FIRST_CALLS, str(seconds), NUMBA_CACHE_DIR=str(tmp_path))
    assert printed == "done" or float(printed) < SOON


def test_numba_compiles_where_no_signal_comes(tmp_path):
    code = """
import sys
import numpy as np
import kapre_ref as kr
import kapre_ref.kernels.cpu

def trace(frame, event, argument):
    if frame.f_code.co_name in ("refresh", "stream_list"):
        raise KeyboardInterrupt

sys.settrace(trace)
print(kr.mu_law_encoding(np.zeros(3, np.float32), 256))
"""
    assert output_of("-c", code, NUMBA_CACHE_DIR=str(tmp_path)) == "[128 128 128]"
