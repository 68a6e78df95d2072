"""The benchmarks run and see slower and less exact kernels; the README shows what is recorded."""

import copy
import importlib
import inspect
import json
import pkgutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kapre_ref

FOLDER = Path(__file__).resolve().parent.parent / "asv_benchmarks"
sys.path.append(str(FOLDER))

import benchmarks  # noqa: E402
import gate  # noqa: E402
from benchmarks import common, peers, timing  # noqa: E402
from reporting import cases, measure, pictures, tables  # noqa: E402

README = (FOLDER.parent / "README.md").read_text()
RECORD = json.loads((FOLDER / "records" / "cpu.json").read_text())
OPERATIONS = measure.operations()


def small(operation, backend="cpu", peer=None):
    """Set a benchmark up on its small input, in its first dtype."""
    benchmark = operation()
    benchmark.setup(backend, operation.dtypes[0], "small", peer)
    return benchmark


def names_of_benchmarks():
    modules = [
        importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(benchmarks.__path__)
    ]
    classes = [member for module in modules for _, member in inspect.getmembers(module)]
    return {name for member in classes if inspect.isclass(member) for name in dir(member)}


class TestSuite:
    @pytest.mark.parametrize(
        "operation",
        [name for name in kapre_ref.__all__ if f"{name}_reference" in kapre_ref.__all__],
    )
    def test_times_each_operation(self, operation):
        assert f"time_{operation}" in names_of_benchmarks()

    @pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
    @pytest.mark.parametrize("backend", ["cpu", "reference"])
    def test_runs_and_is_nearly_exact(self, operation, backend):
        benchmark = small(operation, backend)
        name = operation.operation
        getattr(benchmark, f"time_{name}")(backend)
        # A few codes may be the next one, at the boundary of two; else float32, with room.
        is_code = benchmark.call().dtype.kind == "i"
        limits = (1 / 255, 1e-3) if is_code else (1e-5, 1e-5)
        assert getattr(benchmark, f"track_max_error_{name}")(backend) <= limits[0]
        assert getattr(benchmark, f"track_relative_l2_{name}")(backend) <= limits[1]

    @pytest.mark.parametrize(
        ("operation", "label"),
        [(o, label) for o in OPERATIONS.values() for label in o.peers if peers.is_installed(label)],
        ids=lambda value: getattr(value, "__name__", value),
    )
    def test_peer_does_the_same_work(self, operation, label):
        benchmark = small(operation, peer=label)
        contender = benchmark._peer
        got, expected = contender.to_ours(contender.call()), benchmark.call()
        inside = slice(contender.margin, expected.shape[-1] - contender.margin)
        if contender.same_work:
            assert got.shape == expected.shape
            error, _ = common.errors_between(got[..., inside], expected[..., inside])
            assert error <= (1 / 255 if expected.dtype.kind == "i" else measure.SAME)

    def test_input_is_seeded_and_has_no_zeros(self):
        got = common.noise((2, 1000))
        np.testing.assert_array_equal(got, common.noise((2, 1000)))
        assert np.abs(got).min() > 0

    def test_absent_backend_is_not_available(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", None)
        with pytest.raises(NotImplementedError, match="no GPU for CuPy"):
            small(OPERATIONS["Delta"], "gpu")

    def test_absent_peer_is_not_available(self, monkeypatch):
        monkeypatch.setattr(peers, "is_installed", lambda label: False)
        with pytest.raises(NotImplementedError, match="librosa is not installed"):
            small(OPERATIONS["Stft"], peer="librosa")

    def test_reference_is_measured_on_small_input_alone(self):
        with pytest.raises(NotImplementedError, match="small input alone"):
            OPERATIONS["Stft"]().setup("reference", "float32", "large")

    def test_setup_works_once_for_each_set_of_parameters(self, monkeypatch):
        benchmark = small(OPERATIONS["Delta"])
        monkeypatch.setattr(benchmark, "inputs", None)  # making them again would fail
        benchmark.setup("cpu", "float32", "small")

    def test_shows_a_less_exact_kernel(self, monkeypatch):
        exact = kapre_ref.delta
        monkeypatch.setattr(kapre_ref, "delta", lambda x, **options: exact(x, **options) * 1.0001)
        got = small(OPERATIONS["Delta"]).track_relative_l2_delta()
        assert got == pytest.approx(1e-4, rel=0.01)

    def test_shows_a_slower_kernel(self, monkeypatch):
        benchmark = small(OPERATIONS["Delta"], peer="NumPy, SciPy")
        before = benchmark.track_ratio_to_peer()
        seconds = timing.interleaved({"ours": benchmark.call}, 0.01)["ours"]["min"]
        fast = benchmark._function

        def slow(x, **options):
            time.sleep(4 * seconds)
            return fast(x, **options)

        monkeypatch.setattr(benchmark, "_function", slow)
        assert benchmark.track_ratio_to_peer() < before / 2


class TestInterleaved:
    def test_reports_minima_in_seconds(self):
        got = timing.interleaved({"sleep": lambda: time.sleep(0.003), "pass": lambda: None}, 0.02)
        assert 0.003 <= got["sleep"]["min"] <= got["sleep"]["median"]
        assert got["pass"]["min"] < 1e-4

    def test_takes_turns(self):
        turns = []
        calls = {name: lambda name=name: (turns.append(name), time.sleep(0.002)) for name in "ab"}
        timing.interleaved(calls, 0, min_rounds=2)
        assert [name for name, _ in zip(turns[4:], range(8), strict=False)] == list("aabbaabb")


class TestGate:
    def test_passes_what_is_recorded(self):
        assert gate.complaints(RECORD["gate"], RECORD["gate"]) == []

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_every_operation_is_recorded(self, name):
        assert name in RECORD["gate"]

    @pytest.mark.parametrize(
        ("key", "factor", "word"), [("speed_up", 0.45, "times as fast"), ("relative_l2", 3, "L2")]
    )
    def test_names_what_is_worse(self, key, factor, word):
        worse = copy.deepcopy(RECORD["gate"])
        worse["Stft"][key] *= factor
        (got,) = gate.complaints(RECORD["gate"], worse)
        assert got.startswith("Stft is" if key == "speed_up" else "Stft has")
        assert word in got

    def test_names_what_is_gone(self):
        (got,) = gate.complaints({"Gone": {"speed_up": 1, "relative_l2": 0}}, {})
        assert got == "Gone is recorded and no longer measured"


class TestReadme:
    def test_tables_come_from_the_record(self):
        assert tables.with_tables(README, RECORD) == README, "run report.py --from-record"

    def test_another_record_gives_other_tables(self):
        other = copy.deepcopy(RECORD)
        other["speed"][0]["ours"]["min"] *= 2
        assert tables.with_tables(README, other) != README

    def test_typed_figure_is_overwritten(self):
        typed = README.replace("<!-- end -->", "| 1000.0 |\n<!-- end -->")
        assert tables.with_tables(typed, RECORD) == README

    def test_missing_part_is_an_error(self):
        with pytest.raises(ValueError, match="must have one part '<!-- measured: accuracy -->'"):
            tables.with_tables(README.replace("measured: accuracy", ""), RECORD)

    @pytest.mark.parametrize("name", ["speed", "growth"])
    def test_pictures_come_from_the_record(self, name):
        content = (FOLDER / f"{name}.png").read_bytes()
        assert pictures.digest(RECORD).encode() in content, "run report.py --from-record"

    def test_record_is_whole(self):
        assert not RECORD["about"]["is_quick"]
        recorded = [row["title"] for row in RECORD["speed"]]
        assert recorded == [case.title for case in cases.CASES]
        assert all("ours" in row for row in RECORD["speed"])
        assert {row["class"] for row in RECORD["accuracy"]} == set(OPERATIONS)
