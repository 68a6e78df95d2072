"""Tables and pictures of the benchmarks show what a record says, cell by cell and bar by bar."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from widths import NARROW

import kapre_ref
from benchmarks.peers import REUSED
from reporting import machines, pictures, tables
from reporting.cases import ONE_SECOND, ONE_THREAD, TUNED

FOLDER = Path(__file__).resolve().parent.parent / "asv_benchmarks"


def ours(fresh, recycled, out):
    """Return our times in the three ways, in seconds, from milliseconds."""
    return {
        "fresh": {"min": fresh / 1e3},
        "recycled": {"min": recycled / 1e3},
        "out": {"min": out / 1e3},
    }


def peer(milliseconds, ratio, ours_then):
    """Return the entry of a peer."""
    return {"min": milliseconds / 1e3, "ratio": ratio, "ours_then": {"min": ours_then / 1e3}}


def row(table, title, times, n_threads=1, **peers):
    """Return a row of a record; peers are named as below."""
    found = {NAMES[name]: entry for name, entry in peers.items()}
    entry = {"table": table, "title": title, "n_threads": n_threads}
    return {**entry, "ours": times, "peers": found}


NAMES = {
    "plain": "NumPy, SciPy",
    "plain_reused": "NumPy, SciPy" + REUSED,
    "torch": "torch",
    "tuned": "torch" + TUNED,
    "kapre": "Kapre",
    "xla": "Kapre, XLA",
    "ducc": "ducc0 FFT",
    "one": ONE_THREAD,
    "copy": "a copy",
    "copy_reused": "a copy" + REUSED,
    "whisper": "openai-whisper",
    "whisper_tuned": "openai-whisper" + TUNED,
}
ABOUT = {
    "processor": "Fast 9000",
    "llvm_name": "fast9",
    "processor_vector_bytes": 64,
    "kernel_vector_bytes": 64,
    "compiled_for": "",
    "n_processors": 2,
    "system": "Linux x86_64",
    "python": "3.11.7",
    "date": "2026-01-02 03:04 UTC",
    "commit": "0123456789ab",
    "is_quick": False,
    "versions": {"numpy": "2.4.6"},
}
NARROWED = {**ABOUT, "kernel_vector_bytes": 32, "compiled_for": "haswell"}
WIDE = {
    "about": ABOUT,
    "speed": [
        row(
            "features",
            "log-mel",
            ours(8, 5, 4),
            plain=peer(24, 3.0, 8),
            plain_reused=peer(16, 4.0, 4),
            torch=peer(960, 120.0, 8),
            tuned=peer(20, 5.0, 4),
        ),
        row(
            "features",
            "`mu_law_encoding`",
            ours(6, 3, 2),
            xla=peer(13.2, 2.2, 6),
            copy=peer(3, 0.5, 6),
            copy_reused=peer(2.5, 1.25, 2),
        ),
        row("transforms", "2048/512", ours(9, 7, 5), 2, ducc=peer(20, 4.0, 5), one=peer(9, 1.8, 5)),
        row("growth", "1", ours(2, 0.5, 0.25), torch=peer(6, 3.0, 2)),
        row("growth", "4", ours(7, 0.5, 0.25), torch=peer(21, 3.0, 7)),
    ],
    "accuracy": [
        {"operation": "stft", "by": "kapre_ref", "dtype": "complex64", "is_decibel": False}
        | {"max_error": 2e-7, "relative_l2": 1e-7},
        {"operation": "stft", "by": "Kapre, XLA", "dtype": "float32", "is_decibel": False}
        | {"max_error": 5e-7, "relative_l2": 4e-7},
        {"operation": "stft", "by": "librosa", "dtype": "float64", "is_decibel": False}
        | {"max_error": 9e-7, "relative_l2": 9e-7},
    ],
    "memory": [
        {"title": "log-mel", "by": "kapre_ref", "seconds": 30, "beyond_result": 99_999},
        {"title": "log-mel", "by": "kapre_ref", "seconds": 300, "beyond_result": 2_500_000},
    ],
    "startup": {"Python alone": {"min": 0.031, "median": 9.0}},
}
NARROW_RECORD = {
    "about": NARROWED,
    "speed": [row("features", "log-mel", ours(16, 10, 12), plain=peer(24, 1.5, 16))],
    "accuracy": [
        {"operation": "stft", "by": "kapre_ref", "dtype": "float32", "is_decibel": False}
        | {"max_error": 1e-7, "relative_l2": 3e-7},
    ],
    "memory": [{"title": "log-mel", "by": "kapre_ref", "seconds": 30, "beyond_result": 200_000}],
    "startup": {"Python alone": {"min": 0.05, "median": 9.0}, "numpy": {"min": 0.1, "median": 9.0}},
}


FEATURES = ["8 x 30 s, float32, 1 thread", "machine", "kapre_ref, ms"]


def cells(name, *records):
    """Return the cells of a table, row by row, without the line below its head."""
    lines = tables._ALL[name](list(records)).strip().splitlines()
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [found[0], *found[2:]]


class TestTables:
    def test_features_are_fresh_and_side_by_side(self):
        assert cells("features", WIDE, NARROW_RECORD) == [
            [
                "8 x 30 s, float32, 1 thread",
                "machine",
                "kapre_ref, ms",
                "NumPy, SciPy",
                "torch",
                "Kapre",
                "kapre_ref, recycled, ms",
            ],
            ["log-mel", "A", "8.0", "3.0", "120", "-", "5.0"],
            ["log-mel", "B", "16.0", "1.5", "-", "-", "10.0"],
            ["`mu_law_encoding`", "A", "6.0", "-", "-", "2.2", "3.0"],
        ]

    def test_reused_are_into_out(self):
        assert cells("reused", WIDE) == [
            [
                "8 x 30 s, float32, 1 thread",
                "machine",
                "kapre_ref, ms",
                "NumPy, SciPy",
                "torch, tuned",
            ],
            ["log-mel", "A", "4.0", "4.0", "5.0"],
        ]

    def test_transforms_are_into_out(self):
        assert cells("transforms", WIDE) == [
            [
                "`stft_magnitude`, 8 x 30 s",
                "threads",
                "machine",
                "kapre_ref, ms",
                "ducc0",
                "our 1 thread",
            ],
            ["2048/512", "2", "A", "5.0", "4.0", "1.8"],
        ]

    def test_recipes_have_a_row_for_us_and_for_each_peer(self):
        error = {"recipe": "mel", "dtype": "float32", "max_error": 2e-6, "relative_l2": 1e-7}
        wide = {
            "speed": [
                row(
                    *("recipes", "mel", ours(8, 5, 4)),
                    whisper_tuned=peer(20, 5.0, 4),
                    whisper=peer(96, 12.0, 8),
                    plain=peer(24, 3.0, 8),
                ),
                row("recipes", "mel" + ONE_SECOND, ours(0.05, 1, 1), whisper=peer(0.5, 10.0, 0.05)),
            ],
            "accuracy": [
                {**error, "by": "kapre_ref"},
                {**error, "by": "NumPy, SciPy", "max_error": 5e-6},
                {**error, "by": "openai-whisper", "dtype": "float64"},
            ],
        }
        head, *rows = cells("recipes", wide)
        assert head[2:6] == ["by", "8 x 30 s, ms", "times ours", "memory reused, ms"]
        assert head[6:] == ["times ours", "one second, ms", "times ours", "error, float32"]
        dash = ["-", "-"]
        assert rows == [
            ["`mel`", "A", "kapre_ref", "8.0", "1", "4.0", "1", "0.050", "1", "2.0e-6 / 1.0e-7"],
            ["`mel`", "A", "openai-whisper", "96.0", "12.0", "20.0", "5.0", "0.500", "10.0", "-"],
            ["`mel`", "A", "NumPy, SciPy", "24.0", "3.0", *dash, *dash, "5.0e-6 / 1.0e-7"],
        ]

    def test_memory_bound_is_ours_over_theirs(self):
        assert cells("memory-bound", WIDE)[1:] == [
            ["`mu_law_encoding`", "copying the input", "A", "3.0", "2.00", "2.5", "0.80"]
        ]

    def test_accuracy_is_the_largest_of_all_machines(self):
        head, *rows = cells("accuracy", WIDE, NARROW_RECORD)
        assert head == [
            "operation",
            "float16",
            "float32",
            "float64",
            "librosa, float32",
            "Kapre, float32",
        ]
        assert rows == [["`stft`", "-", "2.0e-7 / 3.0e-7", "-", "-", "5.0e-7 / 4.0e-7"]]

    def test_accuracy_has_a_row_for_each_recipe(self):
        entry = {"operation": "front_end", "by": "kapre_ref", "dtype": "float32"}
        entry |= {"is_decibel": False, "max_error": 2e-7, "relative_l2": 1e-7}
        record = {"accuracy": [{**entry, "recipe": name} for name in ("b", "a")]}
        assert [line[:3] for line in cells("accuracy", record)[1:]] == [
            [f"`front_end`, {name}", "-", "2.0e-7 / 1.0e-7"] for name in "ab"
        ]

    def test_memory_is_the_largest_of_all_machines(self):
        assert cells("memory", WIDE)[1:] == [["log-mel", "kapre_ref", "< 0.1 MB", "2.5 MB"]]
        assert cells("memory", WIDE, NARROW_RECORD)[1:] == [
            ["log-mel", "kapre_ref", "0.2 MB", "2.5 MB"]
        ]

    def test_startup_has_a_column_for_each_machine(self):
        assert cells("startup", WIDE, NARROW_RECORD) == [
            ["seconds of a fresh process", "A", "B"],
            ["Python alone", "0.03", "0.05"],
            ["numpy", "-", "0.10"],
        ]

    def test_summary_is_of_the_widest_vectors_and_names_the_fastest_peer(self):
        wide = copy.deepcopy(WIDE)
        wide["speed"][0]["title"] = "log-mel 128, 2048/512"
        wide["speed"][0]["peers"]["librosa"] = peer(80, 10.0, 8)
        assert cells("summary", wide, NARROW_RECORD) == [
            ["Fast 9000 (fast9), vectors of 64 bytes:"],
            [
                "8 x 30 s, float32, 1 thread",
                "fresh result, ms",
                "reused result, ms",
                "fastest peer takes, times as long",
                "librosa takes",
            ],
            ["---", "---", "---", "---", "---"],
            ["log-mel of 128 bands, 2048/512", "8.0", "4.0", "3.0 (NumPy, SciPy)", "10.0"],
            ["`mu_law_encoding` of 10 million samples", "6.0", "2.0", "2.2 (Kapre)", "-"],
        ]

    def test_about_says_what_each_machine_is(self):
        wide, slow = tables._about([WIDE, NARROW_RECORD]).splitlines()
        assert wide.startswith("- **A**: Fast 9000 (fast9), vectors of 64 bytes; 2 processors, ")
        assert "measured 2026-01-02 03:04 UTC at commit 0123456789ab with numpy 2.4.6." in wide
        assert slow.startswith(
            "- **B**: Fast 9000 (fast9), vectors of 64 bytes, with kapre_ref compiled for another "
            "processor, haswell, and its vectors of 32 bytes; peers are not restricted; 2 proc"
        )

    def test_about_tells_what_was_added_later(self):
        entry = {"date": "2026-02-03 04:05 UTC", "commit": "ba9876543210", "what": ["mel", "Delta"]}
        entry |= {"load": 4.5, "is_busy": True, "versions": {"torch": "2.1"}}
        (line,) = tables._about([{**WIDE, "about": {**ABOUT, "added": [entry]}}]).splitlines()
        assert line.endswith(
            "with numpy 2.4.6. Added 2026-02-03 04:05 UTC at commit ba9876543210, while programs "
            "wanted 4.5 processors, by processor time, with torch 2.1: mel; Delta."
        )
        entry |= {"load": None, "is_busy": False, "versions": {}}
        (line,) = tables._about([{**WIDE, "about": {**ABOUT, "added": [entry]}}]).splitlines()
        assert line.endswith(" Added 2026-02-03 04:05 UTC at commit ba9876543210: mel; Delta.")

    def test_about_tells_a_quick_look(self):
        assert "a quick look" not in tables._about([WIDE])
        assert "a quick look" in tables._about([{**WIDE, "about": {**ABOUT, "is_quick": True}}])


class TestPictures:
    @pytest.fixture(autouse=True)
    def _needs_matplotlib(self):
        pytest.importorskip("matplotlib", reason="needs matplotlib: the extra cli")

    def test_bars_are_the_ratios_in_fresh_memory(self):
        panels = pictures.speed([WIDE, NARROW_RECORD]).axes
        found = [[(bar.get_x(), bar.get_width()) for bar in axes.patches] for axes in panels]
        assert found == [[(0, 120.0)], []]  # NumPy and XLA's mu-law have no bars

    def test_bar_stands_beside_its_title(self):
        (axes,) = pictures.speed([WIDE]).axes
        (bar,) = axes.patches
        assert round(bar.get_y() + bar.get_height() / 2) == 0
        assert next(text.get_text() for text in axes.get_yticklabels()) == "log-mel"
        assert pictures._COLOURS["torch"] == bar_colour(bar)

    def test_curves_are_fresh_milliseconds(self):
        (axes,) = pictures.growth([WIDE]).axes
        found = {
            line.get_label(): [list(line.get_xdata()), list(line.get_ydata())]
            for line in axes.lines
        }
        assert found == {
            "kapre_ref, 1 thread": [[1, 4], pytest.approx([2, 7])],
            "torch, 1 thread": [[1, 4], pytest.approx([6, 21])],
        }


def bar_colour(bar):
    """Return a bar's colour as a record of colours writes it."""
    from matplotlib.colors import to_hex

    return to_hex(bar.get_facecolor())


class TestReport:
    @pytest.fixture
    def report(self, tmp_path, monkeypatch):
        """Let the command measure nothing, and write below a folder of its own."""
        import report
        from reporting import record

        class Recorder:
            measured, failures = NARROW_RECORD, ()

            def __init__(self, pythons, is_quick, is_busy):
                assert (pythons, is_busy) == ([], False)

            def record(self):
                return self.measured

            def completed(self, known):
                return {**known, "speed": known["speed"] + self.measured["speed"]}

        monkeypatch.setattr(record, "Recorder", Recorder)
        monkeypatch.setattr(report, "HERE", tmp_path)
        monkeypatch.setattr(report, "README", tmp_path / "README.md")
        monkeypatch.setattr(report, "FRONT", tmp_path / "FRONT.md")
        monkeypatch.setattr(pictures, "draw", lambda records, folder: None)
        parts = (f"<!-- measured: {name} -->\n<!-- end -->\n" for name in tables._PARTS)
        report.README.write_text("".join(parts))
        report.FRONT.write_text("Words.\n<!-- measured: features -->\n<!-- end -->\n")
        return report

    def test_adds_a_machine_beside_the_others(self, report, tmp_path):
        report.main([])
        (tmp_path / "records" / "fast9-64-bytes.json").write_text(json.dumps(WIDE))
        report.main([])
        assert [one["about"] for one in report.read_records()] == [ABOUT, NARROWED]
        assert report.README.read_text() == tables.with_tables(
            report.README.read_text(), [WIDE, NARROW_RECORD]
        )
        assert "| log-mel | B | 16.0 |" in report.README.read_text()
        front, features = report.FRONT.read_text(), tables._features([WIDE, NARROW_RECORD])
        assert front == f"Words.\n<!-- measured: features -->\n\n{features}\n<!-- end -->\n"

    def test_adds_what_a_record_lacks(self, report, tmp_path, monkeypatch):
        monkeypatch.setattr(machines, "about", lambda: NARROWED)
        report.main([])
        report.main(["--missing"])
        (found,) = report.read_records()
        assert found == {**NARROW_RECORD, "speed": 2 * NARROW_RECORD["speed"]}
        assert report.README.read_text().count("| log-mel | A | 16.0 |") == 2

    def test_a_quick_look_leaves_all_as_it_is(self, report, tmp_path, capsys):
        before = report.README.read_text()
        report.main(["--quick"])
        assert report.README.read_text() == before
        assert not (tmp_path / "records").exists()
        assert "| log-mel | A | 16.0 |" in capsys.readouterr().out


class TestMachines:
    def test_widest_vector(self):
        assert machines.widest_vector({"avx": True, "avx512f": True}) == 64
        assert machines.widest_vector({"avx": True, "avx512f": False}) == 32
        assert machines.widest_vector({"neon": True}) == 16

    def test_each_kind_has_a_file(self):
        assert machines.file_name(ABOUT) == "fast9-64-bytes.json"
        assert machines.file_name(NARROWED) == "fast9-32-bytes-as-haswell.json"

    def test_matching_record_is_of_the_kind_then_of_the_width(self):
        other = {**NARROWED, "llvm_name": "other"}
        assert machines.matching([WIDE, NARROW_RECORD], NARROWED) is NARROW_RECORD
        assert machines.matching([WIDE, NARROW_RECORD], ABOUT) is WIDE
        assert machines.matching([WIDE, NARROW_RECORD], other) is NARROW_RECORD
        assert machines.matching([WIDE], other) is WIDE

    @pytest.mark.parametrize("n_bytes", NARROW)
    def test_restricted_kernels_are_told(self, n_bytes):
        code = "import json; from reporting import machines; print(json.dumps(machines.about()))"
        path = os.pathsep.join([str(Path(kapre_ref.__file__).parent.parent), str(FOLDER)])
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | NARROW[n_bytes] | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        found, here = json.loads(result.stdout), machines.about()
        assert found["kernel_vector_bytes"] == n_bytes
        assert found["compiled_for"] == NARROW[n_bytes]["NUMBA_CPU_NAME"]
        for name in ("processor", "llvm_name", "processor_vector_bytes"):
            assert found[name] == here[name]
