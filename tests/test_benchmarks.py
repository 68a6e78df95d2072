"""The benchmarks run and see slower and less exact kernels; their page shows what is recorded."""

import copy
import gc
import importlib
import inspect
import itertools
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import benchmarks
import gate
import kapre_ref
import report
from benchmarks import common, peers, streams, timing
from kapre_ref._kept import get_keep_bytes, set_keep_bytes
from reporting import cases, jobs, machines, measure, pictures, record, tables

FOLDER = Path(report.__file__).parent
README = report.README.read_text()
RECORDS = report.read_records()
GATE = RECORDS[0]["gate"]
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
        if name == "front_end":  # logarithms of faint bands
            limits = (1e-4, 1e-5)
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
            error = measure.distance(operation.operation, got[..., inside], expected[..., inside])
            assert error <= (1 / 255 if expected.dtype.kind == "i" else measure.SAME)

    @pytest.mark.parametrize(
        ("operation", "label"),
        sorted(
            {
                (case.operation, label)
                for case in cases.CASES
                for label in case.peers
                if label.endswith(peers.REUSED) and peers.is_installed(label)
            }
        ),
    )
    def test_peer_reuses_its_result(self, operation, label):
        benchmark = small(next(o for o in OPERATIONS.values() if o.operation == operation))
        contender, expected = benchmark.contender(label), benchmark.call()
        assert contender.reuses
        first = contender.call()
        if contender.same_work:
            assert contender.call() is first
            inside = slice(contender.margin, expected.shape[-1] - contender.margin)
            error, _ = common.errors_between(
                contender.to_ours(first)[..., inside], expected[..., inside]
            )
            assert error <= (1 / 255 if expected.dtype.kind == "i" else measure.SAME)

    @pytest.mark.parametrize("ms", streams.Stream.params[1])
    def test_streams(self, ms):
        benchmark = streams.Stream()
        benchmark.setup("cpu", ms)
        n_frames = sum(len(benchmark.call()) for _ in range(10))
        assert n_frames == ms  # There is a frame every 10 ms.
        benchmark.time_push("cpu", ms)

    @pytest.mark.parametrize("ms", streams.StreamBesidePeer.params)
    def test_streams_beside_a_peer(self, ms, monkeypatch):
        monkeypatch.setattr(streams, "RATIO_SECONDS", 0.01)
        benchmark = streams.StreamBesidePeer()
        if not peers.is_installed("kaldi-native-fbank"):
            with pytest.raises(NotImplementedError, match="kaldi-native-fbank is not installed"):
                benchmark.setup(ms)
            return
        benchmark.setup(ms)  # compares the frames
        assert benchmark.track_ratio_to_peer(ms) > 0

    def test_lengths_beside_padding_by_hand(self, monkeypatch):
        monkeypatch.setattr(streams, "RATIO_SECONDS", 0.01)
        benchmark = streams.Ragged()
        benchmark.setup("cpu")
        # This front end pads nothing, so that the two agree.
        np.testing.assert_array_equal(benchmark.with_lengths(), benchmark.padded_by_hand())
        benchmark.time_lengths("cpu")
        assert benchmark.track_ratio_to_padding("cpu") > 0

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
        clock = [0.0]

        def takes(seconds):
            def call(*_, **options):
                clock[0] += seconds

            return call

        benchmark = small(OPERATIONS["Delta"], peer="NumPy, SciPy")
        monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
        benchmark._peer = benchmark._peer._replace(call=takes(0.006))
        for seconds, ratio in ((0.002, 3), (0.012, 0.5)):
            monkeypatch.setattr(benchmark, "_function", takes(seconds))
            assert benchmark.track_ratio_to_peer() == pytest.approx(ratio)


class TestInterleaved:
    def test_reports_minima_in_seconds(self):
        got = timing.interleaved({"sleep": lambda: time.sleep(0.003), "pass": lambda: None}, 0.02)
        assert 0.003 <= got["sleep"]["min"] <= got["sleep"]["median"]
        assert got["pass"]["min"] < 1e-4

    def test_takes_another_clock(self):
        got = timing.interleaved(
            {"sleep": lambda: time.sleep(0.003)}, 0.02, clock=time.process_time
        )
        assert got["sleep"]["min"] < 1e-3

    def test_takes_turns(self):
        turns = []
        calls = {name: lambda name=name: (turns.append(name), time.sleep(0.002)) for name in "ab"}
        timing.interleaved(calls, 0, min_rounds=2)
        assert [name for name, _ in zip(turns[4:], range(8), strict=False)] == list("aabbaabb")


class TestSpeed:
    """Both sides of a ratio get results in fresh memory, or both in memory that was used before."""

    @pytest.fixture(autouse=True)
    def _put_back(self):
        # It is made for a process of its own, which ends with it.
        yield
        gc.enable()
        set_keep_bytes(None)
        kapre_ref.set_num_threads(None)

    @pytest.fixture
    def calls(self, monkeypatch):
        """Note of each call of ours how many bytes are kept, and whether it has `out`."""
        noted = []

        def energy(x, frame_length, hop_length, out=None):
            noted.append((get_keep_bytes(), out is not None))
            return np.ones((2, 3), np.float32)

        monkeypatch.setattr(kapre_ref, "energy", energy)
        case = cases.Case(
            "", "", "energy", {"frame_length": 4, "hop_length": 2}, cases.a_second, ()
        )
        monkeypatch.setattr(measure, "CASES", [case])
        return noted

    def test_sets_recycling_for_the_way_it_measures(self, calls, monkeypatch):
        seen = {}

        def turns(functions, seconds, min_rounds, prepare, clock):
            for name, function in functions.items():
                prepare(name)
                function()
                seen[name] = calls[-1]
            return {key: {"min": 1.0} for key in functions}

        monkeypatch.setattr(measure, "interleaved", turns)
        job = {"case": 0, "n_threads": 1, "peers": [cases.ONE_THREAD], "seconds": 0}
        got = measure.speed({**job, "min_rounds": 1})
        set_keep_bytes(None)
        assert seen == {
            "fresh": (0, False),
            "recycled": (get_keep_bytes(), False),
            "out": (0, True),
            cases.ONE_THREAD: (0, True),
        }
        assert set(got["ours"]) == {"fresh", "recycled", "out"}
        assert got["peers"][cases.ONE_THREAD]["reuses"]

    def test_tells_which_peers_reuse_their_result(self, monkeypatch):
        options = {"frame_length": 64, "hop_length": 32}
        case = cases.Case("", "", "frame", options, cases.a_second, ())
        monkeypatch.setattr(measure, "CASES", [case])
        expected = {"NumPy, SciPy": False}
        expected |= {f"NumPy, SciPy{suffix}": True for suffix in (peers.REUSED, cases.TUNED)}
        job = {"case": 0, "n_threads": 1, "peers": list(expected), "seconds": 0, "min_rounds": 1}
        found = measure.speed(job)["peers"]
        assert {label: times["reuses"] for label, times in found.items()} == expected

    def test_prepares_before_each_turn(self):
        seen = []
        calls = {name: lambda name=name: seen.append(name) for name in "ab"}
        timing.interleaved(calls, 0, 1, lambda name: seen.append(name.upper()))
        assert "".join(seen).replace("aa", "a").replace("bb", "b").startswith("Aa")
        for before, after in itertools.pairwise(seen):
            assert after.lower() == before.lower() or after.isupper()

    def test_ratio_is_to_ours_of_the_same_process_and_way(self):
        def ours(fresh, out):
            return {"fresh": {"min": fresh}, "recycled": {"min": 0.001}, "out": {"min": out}}

        row = {"peers": {}}
        first = {"new": {"min": 6.0, "reuses": False}, "used": {"min": 6.0, "reuses": True}}
        record._add_times(row, {"ours": ours(2.0, 1.0), "peers": first})
        second = {"other": {"min": 6.0, "reuses": False}}
        record._add_times(row, {"ours": ours(4.0, 3.0), "peers": second})
        assert row["ours"] == ours(2.0, 1.0)
        found = {name: (p["ratio"], p["ours_then"]["min"]) for name, p in row["peers"].items()}
        assert found == {"new": (3.0, 2.0), "used": (6.0, 1.0), "other": (1.5, 4.0)}

    @pytest.mark.parametrize("label", [*filter(peers.is_installed, cases._FFT_ALONE)])
    def test_transform_tells_whether_it_reuses(self, label):
        contender = small(OPERATIONS["StftMagnitude"]).contender(label)
        is_same = contender.call() is contender.call()
        assert contender.reuses == (label != "SciPy FFT") == is_same

    def test_ratio_of_asv_keeps_nothing(self, monkeypatch):
        benchmark = small(OPERATIONS["Delta"], peer="NumPy, SciPy")
        kept = []
        monkeypatch.setattr(benchmark, "call", lambda: kept.append(get_keep_bytes()))
        benchmark.track_ratio_to_peer()
        assert set(kept) == {0}
        assert get_keep_bytes() > 0


class TestCommit:
    def test_tells_local_changes(self, tmp_path, monkeypatch):
        def git(*arguments):
            identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
            subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

        source = tmp_path / "kapre_ref" / "a.py"
        source.parent.mkdir()
        source.write_text("1")
        git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", "first")
        monkeypatch.setattr(record, "_ROOT", tmp_path)
        clean = record._commit()
        source.write_text("2")
        assert len(clean) == 12
        assert record._commit() == clean + " and changes"


class TestMissing:
    """A record gets what it lacks and keeps all else."""

    @pytest.fixture
    def asked(self, monkeypatch):
        """Let jobs measure nothing, and note those that are run."""
        noted = []

        def run(kind, job, python, is_tuned):
            noted.append((kind, job))
            ours = {way: {"min": 3.0} for way in measure.WAYS}
            found = {
                "versions": {},
                "speed": {"ours": ours, "peers": {}},
                "gate": {name: {"speed_up": 7.0} for name in job.get("only", ())},
                "accuracy": [{"class": name, "by": "kapre_ref"} for name in job.get("only", ())],
            }
            return found[kind]

        monkeypatch.setattr(jobs, "run", run)
        monkeypatch.setattr(machines, "about", lambda: {"llvm_name": "znver4"})
        monkeypatch.setattr(machines, "load", lambda: 2.5)
        return noted

    def test_measures_what_is_missing_alone(self, asked):
        lacking = copy.deepcopy(RECORDS[0])
        lacking["about"].pop("added", None)
        del lacking["speed"][3], lacking["gate"]["Delta"]
        lacking["accuracy"] = [row for row in lacking["accuracy"] if row["class"] != "Delta"]
        before = copy.deepcopy(lacking)
        got = record.Recorder([], is_busy=True).completed(lacking)
        assert lacking == before
        assert [kind for kind, _ in asked] == ["versions", "speed", "gate", "accuracy"]
        assert all(job["is_busy"] for kind, job in asked if kind in ("speed", "gate"))
        assert got["gate"] == {**before["gate"], "Delta": {"speed_up": 7.0}}
        assert got["accuracy"] == [*before["accuracy"], {"class": "Delta", "by": "kapre_ref"}]
        new = got["speed"].pop(3)
        assert got["speed"] == before["speed"]
        assert (new["title"], new["ours"]["out"]) == (cases.CASES[3].title, {"min": 3.0})
        (added,) = got["about"].pop("added")
        assert got["about"] == before["about"]
        assert added["what"] == [cases.CASES[3].title, "Delta"]
        assert (added["load"], added["is_busy"]) == (2.5, True)

    def test_measures_nothing_if_nothing_is_missing(self, asked):
        assert record.Recorder([]).completed(RECORDS[0]) is RECORDS[0]
        assert [kind for kind, _ in asked] == ["versions"]

    def test_another_machine_is_an_error(self, asked):
        other = {**RECORDS[0], "about": {**RECORDS[0]["about"], "llvm_name": "other"}}
        with pytest.raises(ValueError, match="of a machine with another llvm_name"):
            record.Recorder([]).completed(other)

    def test_busy_counts_the_time_of_the_process(self):
        assert measure._clock({"is_busy": True}) is time.process_time
        assert measure._clock({"is_busy": False}) is None
        with pytest.raises(ValueError, match="only work of one thread"):
            measure._clock({"is_busy": True, "n_threads": 2})


class TestGate:
    def test_passes_what_is_recorded(self):
        assert gate.complaints(GATE, GATE) == []

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_every_operation_is_recorded(self, name):
        assert all(name in record["gate"] for record in RECORDS)

    @pytest.mark.parametrize(
        ("key", "factor", "word"), [("speed_up", 0.45, "times as fast"), ("relative_l2", 3, "L2")]
    )
    def test_names_what_is_worse(self, key, factor, word):
        worse = copy.deepcopy(GATE)
        worse["Stft"][key] *= factor
        (got,) = gate.complaints(GATE, worse)
        assert got.startswith("Stft is" if key == "speed_up" else "Stft has")
        assert word in got

    def test_names_what_is_gone(self):
        (got,) = gate.complaints({"Gone": {"speed_up": 1, "relative_l2": 0}}, {})
        assert got == "Gone is recorded and no longer measured"

    @pytest.mark.parametrize(
        ("key", "factors", "status"),
        [
            ("speed_up", [1], 0),
            ("speed_up", [0.4, 1], 0),  # Another process had the processor.
            ("speed_up", [0.4, 0.4], 1),
            ("relative_l2", [3], 1),
        ],
    )
    def test_fails_for_what_stays_worse(self, key, factors, status, monkeypatch, capsys):
        factors = iter(factors)

        def measured(job):
            found = copy.deepcopy(GATE)
            found["Stft"][key] *= next(factors)
            return found

        monkeypatch.setattr(gate, "gate", measured)
        monkeypatch.setattr(gate, "read_records", lambda: [RECORDS[0]])
        assert gate.main([]) == status
        assert list(factors) == []
        assert ("Stft" in capsys.readouterr().out) == bool(status)

    def test_error_is_not_forgotten_while_speed_is_measured_again(self, monkeypatch):
        worse = copy.deepcopy(GATE)
        worse["Stft"]["speed_up"] *= 0.4
        worse["Stft"]["relative_l2"] *= 3
        again = copy.deepcopy(GATE)
        again["Stft"]["relative_l2"] *= 3
        found = iter([worse, again])
        monkeypatch.setattr(gate, "gate", lambda job: next(found))
        monkeypatch.setattr(gate, "read_records", lambda: [RECORDS[0]])
        assert gate.main([]) == 1

    def test_help_measures_nothing(self, monkeypatch, capsys):
        monkeypatch.setattr(gate, "gate", None)  # measuring would fail
        with pytest.raises(SystemExit, match="0"):
            gate.main(["--help"])
        text = " ".join(capsys.readouterr().out.split())
        assert "half of its recorded speed-up over the reference" in text
        assert "1 if an operation is worse" in text


class TestReadme:
    def test_tables_come_from_the_records(self):
        assert tables.with_tables(README, RECORDS) == README, "run report.py --from-records"

    def test_tables_of_the_front_page_come_from_the_records(self):
        front = report.FRONT.read_text()
        names = tables.names_in(front)
        assert tables.with_tables(front, RECORDS, names) == front, "run report.py --from-records"

    def test_names_each_room_and_each_command(self):
        rooms = {f"{path.parent.name}/" for path in FOLDER.glob("*/*.py")}
        scripts = {path.name for path in [*FOLDER.glob("*.py"), *FOLDER.glob("gpu/[a-z]*.py")]}
        assert {name for name in rooms | scripts if f"`{name}`" not in README} == set()

    def test_another_record_gives_other_tables(self):
        other = copy.deepcopy(RECORDS)
        other[0]["speed"][0]["ours"]["fresh"]["min"] *= 2
        assert tables.with_tables(README, other) != README

    def test_typed_figure_is_overwritten(self):
        typed = README.replace("<!-- end -->", "| 1000.0 |\n<!-- end -->")
        assert tables.with_tables(typed, RECORDS) == README

    def test_missing_part_is_an_error(self):
        with pytest.raises(ValueError, match="must have one part '<!-- measured: accuracy -->'"):
            tables.with_tables(README.replace("measured: accuracy", ""), RECORDS)

    def test_unknown_part_is_an_error(self):
        page = README + "<!-- measured: luck -->\n<!-- end -->\n"
        with pytest.raises(ValueError, match="there is no table 'luck'"):
            tables.with_tables(page, RECORDS, tables.names_in(page))

    @pytest.mark.parametrize("name", ["speed", "growth"])
    def test_pictures_come_from_the_records(self, name):
        content = (FOLDER / f"{name}.png").read_bytes()
        assert pictures.digest(RECORDS).encode() in content, "run report.py --from-records"

    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["about"]["llvm_name"])
    def test_record_is_whole(self, record):
        recorded = [row["title"] for row in record["speed"]]
        assert recorded == [case.title for case in cases.CASES]
        assert all("ours" in row for row in record["speed"])
        assert {row["class"] for row in record["accuracy"]} == set(OPERATIONS)
