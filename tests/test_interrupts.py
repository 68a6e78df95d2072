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
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(SCRIPT), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(Path(kr.__file__).parent.parent)},
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


def test_the_end_waits_for_every_thread_of_a_call():
    assert run("last_slices", 3) == "none"


@pytest.mark.thorough
def test_processes_that_end_in_a_call():
    run("end", 2)  # compiled
    with ThreadPoolExecutor(4) as processes:
        assert set(processes.map(lambda _: run("end", 2), range(40))) == {""}
