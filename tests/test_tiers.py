"""Which tests are `quick`, which run by default, and which are `thorough`, the remaining ones."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import _N_CASES, pytest_collection_modifyitems

FOLDER = Path(__file__).resolve().parent


class Case:
    """A collected test, with those members that the tiers look at."""

    def __init__(self, nodeid, *markers):
        self.nodeid, self.markers = nodeid, {*markers}

    def get_closest_marker(self, name):
        return name if name in self.markers else None

    def add_marker(self, name):
        self.markers.add(name)


def sorted_out(*cases):
    """Return the cases that are quick, and those that are thorough, by their ids."""
    pytest_collection_modifyitems(cases)
    return [[one.nodeid for one in cases if tier in one.markers] for tier in ("quick", "thorough")]


class TestMarkers:
    def test_a_few_cases_of_many(self):
        names = [f"file::test[{i}]" for i in range(30)]
        quick, thorough = sorted_out(*map(Case, names))
        assert len(quick) == 1
        assert len(thorough) == 30 - _N_CASES
        assert set(quick) & set(thorough) == set()
        assert sorted_out(*map(Case, names)) == [quick, thorough]

    def test_all_cases_of_few(self):
        quick, thorough = sorted_out(Case("file::test[a]"), Case("file::test[b]"))
        assert (len(quick), thorough) == (1, [])

    def test_one_case_is_quick(self):
        assert sorted_out(Case("file::A::test"), Case("file::B::test")) == [
            ["file::A::test", "file::B::test"],
            [],
        ]

    def test_one_case_of_what_is_slow(self):
        names = [f"file::test[{i}]" for i in range(5)]
        quick, thorough = sorted_out(*(Case(name, "slow") for name in names))
        assert (quick, len(thorough)) == ([], 4)

    def test_what_is_marked_thorough_stays_so(self):
        both = Case("file::test[a]", "thorough", "slow"), Case("file::test[b]", "thorough")
        assert sorted_out(*both) == [[], ["file::test[a]", "file::test[b]"]]


@pytest.mark.slow
def test_every_file_has_tests_that_run_by_default():
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {line.partition("::")[0] for line in result.stdout.splitlines() if "::" in line}
    # These cannot be collected without torch and JAX, and without Ray and Dask.
    found |= {"tests/test_other_libraries.py", "tests/test_engines.py"}
    assert {f"tests/{path.name}" for path in FOLDER.glob("test_*.py")} - found == set()


def test_ci_runs_elsewhere_what_needs_nvrtc_or_cupy():
    """CI lets tests be skipped that need NVRTC or CuPy, so another step of CI must run them."""
    needing = {
        path.name
        for path in FOLDER.glob("test_*.py")
        if re.search(r"""(skip\(|reason=)"needs (NVRTC|the wheel of CuPy)""", path.read_text())
    }
    ci = (FOLDER.parent / ".ci" / "run").read_text().replace("\\\n", " ")
    (step,) = re.findall(r"^gpu_tests tests/test_nvrtc\.py .*", ci, re.MULTILINE)
    assert needing >= {"test_nvrtc.py", "test_ptx.py", "test_gpu_tasks.py"}
    assert {name for name in needing if f"tests/{name}" not in step} == set()
