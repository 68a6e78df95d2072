"""Backends, arrays in every arrangement of memory, and a seeded generator."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest


@dataclass(frozen=True)
class Backend:
    """An array library, and conversions to it and back."""

    name: str

    def array(self, x):
        """Return a NumPy array in this library."""
        if self.name == "cpu":
            return x
        import cupy

        return cupy.asarray(x)

    def numpy(self, x):
        """Return an array, which must be of this library, as a NumPy array."""
        if self.name == "cpu":
            assert type(x) is np.ndarray, f"expected a NumPy array, got {type(x)}"
            return x
        import cupy

        assert isinstance(x, cupy.ndarray), f"expected a CuPy array, got {type(x)}"
        return cupy.asnumpy(x)


@dataclass(frozen=True)
class Arrangement:
    """A way to lay the same values out in memory, on one backend."""

    backend: Backend
    name: str
    folder: Path

    def array(self, x):
        """Return the values of a NumPy array, laid out in this way."""
        return getattr(self, "_" + self.name.replace("-", "_"))(x)

    def numpy(self, x):
        """Return an array of this library as a NumPy array."""
        return self.backend.numpy(x)

    def _strided(self, x):
        # A larger array has the values in every other element of each axis, and between them NaN,
        # or 77 if it has integers.
        larger = np.full([2 * n for n in x.shape], 77 if x.dtype.kind in "iu" else np.nan, x.dtype)
        inside = tuple(slice(None, None, 2) for _ in x.shape)
        larger[inside] = x
        return self.backend.array(larger)[inside]

    def _reversed(self, x):
        backwards = tuple(slice(None, None, -1) for _ in x.shape)
        return self.backend.array(np.ascontiguousarray(x[backwards]))[backwards]

    def _fortran(self, x):
        return self.backend.array(np.ascontiguousarray(x.T)).T

    def _read_only(self, x):
        x = x.copy()
        x.flags.writeable = False
        return x

    def _big_endian(self, x):
        return x.astype(x.dtype.newbyteorder(">"))

    def _memmap(self, x):
        path = self.folder / "x.dat"
        x.tofile(path)
        return np.memmap(path, x.dtype, "r", shape=x.shape)


_NAMES = os.environ.get("KAPRE_REF_TEST_BACKENDS", "cpu").split(",")
_ON_ALL = ("strided", "reversed", "fortran")
_ON_CPU = ("read-only", "big-endian", "memmap")  # CuPy has none of them


def pytest_configure(config):
    """Refuse an unknown backend, and a GPU that was asked for and cannot be used."""
    unknown = set(_NAMES) - {"cpu", "gpu"}
    if unknown:
        raise pytest.UsageError(f"KAPRE_REF_TEST_BACKENDS: no backend {', '.join(sorted(unknown))}")
    if "gpu" in _NAMES:
        try:
            import cupy

            cupy.zeros(1).sum().item()
        except Exception as error:
            raise pytest.UsageError(f"KAPRE_REF_TEST_BACKENDS asks for a GPU: {error}") from error


_N_CASES = 4  # how many cases of each test function run by default


@pytest.hookimpl(tryfirst=True)  # before pytest looks for the markers that -m names
def pytest_collection_modifyitems(items):
    """Mark one case of each test function `quick`, and all but a few of its cases `thorough`.

    Cases are drawn at random, since neighbours in a grid are much alike, and always the same ones.
    If a test is marked `slow`, none of its cases is quick and one runs by default.
    """
    functions = {}
    for item in items:
        if not item.get_closest_marker("thorough"):
            functions.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, cases in functions.items():
        drawn = random.Random(name).sample(cases, len(cases))
        is_slow = any(case.get_closest_marker("slow") for case in cases)
        if not is_slow:
            drawn[0].add_marker("quick")
        for case in drawn[1 if is_slow else _N_CASES :]:
            case.add_marker("thorough")


def pytest_generate_tests(metafunc):
    """Run the tests of an operation in each of its precisions and on each of its cases."""
    named = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    for argument, values in (("dtype", "dtypes"), ("case", "cases")):
        if hasattr(metafunc.cls, values) and argument in set(metafunc.fixturenames) - named:
            metafunc.parametrize(argument, getattr(metafunc.cls, values), ids=str)


@pytest.fixture(params=_NAMES)
def backend(request):
    return Backend(request.param)


@pytest.fixture(
    params=[
        (backend, name)
        for backend in _NAMES
        for name in (_ON_ALL + _ON_CPU if backend == "cpu" else _ON_ALL)
    ],
    ids="-".join,
)
def arrangement(request, tmp_path):
    backend, name = request.param
    return Arrangement(Backend(backend), name, tmp_path)


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture(params=["compiled", "on lanes"])
def way(request, monkeypatch):
    """Let the emitted functions that a test module calls run compiled, and without a compiler."""
    if request.param == "on lanes":
        from vectors import run_on_lanes

        from kapre_ref.kernels.cpu import filterbanks

        run_on_lanes(monkeypatch, request.module, filterbanks)
