"""A collection on the command line is planned, computed in parts, resumed and reported."""

import json
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from command import features, files_below, write_sound

from kapre_ref.command import collection, terminal
from kapre_ref.job import ShardReport, _plan, _recording

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


@pytest.fixture
def recordings(tmp_path):
    for index in range(3):
        write_sound(tmp_path / "in" / f"{index}.wav", seed=index)
    return tmp_path / "in"


class TestGoingOn:
    @pytest.mark.parametrize("n_workers", [1, 2])
    def test_json_has_all_recordings(self, tmp_path, recordings, capsys, n_workers):
        out = tmp_path / "out"
        how = ("--out", out, "--json", "--workers", n_workers)
        (recordings / "z.wav").write_text("text")
        for outcome in ("written", "kept"):
            assert features(recordings, *how) == 1
            rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            index = [*map(json.loads, (out / "_index.jsonl").read_text().splitlines())]
            assert {r["recording"] for r in rows} == {r["recording"] for r in index}
            assert len(rows) == len(index)
            assert Counter(r["outcome"] for r in rows) == {outcome: len(index) - 1, "failed": 1}

    def test_in_parts(self, tmp_path, recordings, capsys):
        out = tmp_path / "out"
        assert features(recordings, "--out", out, "--plan", "--n-mels", 20) == 0
        assert "planned 3 recordings: --shard 0 to 0\n" in capsys.readouterr().out
        assert files_below(out) == []
        assert features("--out", out, "--shard", 0) == 0
        assert "3 written, 0 kept, 0 failed" in capsys.readouterr().out
        assert not (out / "_index.jsonl").exists()
        assert features("--out", out) == 0
        assert "0 written, 3 kept, 0 failed" in capsys.readouterr().out
        rows = [json.loads(line) for line in (out / "_index.jsonl").read_text().splitlines()]
        assert [(row["output"], row["shape"]) for row in rows] == [
            (f"{index}.wav.npy", [9, 20]) for index in range(3)
        ]
        assert {(row["sample_rate"], round(row["seconds"], 3)) for row in rows} == {(22050, 0.3)}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("IN --out OUT --n-mels 40", "OUT was made with n_mels=20, asked for 40; --extend"),
            ("IN --out OUT --n-mels 20 --mono", "made with mono=false, asked for true"),
            ("IN --out OUT --n-mels 20 --format npz", "made with format=npy, asked for npz"),
            ("IN/0.wav --out OUT --n-mels 20", "of other recordings: 2 of 3 .* not given now"),
            ("--out OUT --n-mels 20", "--n-mels must not be given without RECORDING"),
            ("--out OUT --dtype float16", "--dtype must not be given without RECORDING"),
            ("--out OUT --shard 1", "--shard must be from 0 to 0, got 1"),
        ],
    )
    def test_refuses_what_was_not_planned(self, tmp_path, recordings, capsys, options, message):
        out = tmp_path / "out"
        assert features(recordings, "--out", out, "--n-mels", 20, "--workers", 1) == 0
        before = {name: (out / name).stat().st_mtime_ns for name in files_below(out)}
        capsys.readouterr()
        words = options.replace("IN", str(recordings)).replace("OUT", str(out)).split()
        assert features(*words) == 2
        error = capsys.readouterr().err
        assert error.startswith("kapre-ref: error: ")
        assert re.search(message.replace("OUT", str(out)), error), error
        assert {name: (out / name).stat().st_mtime_ns for name in files_below(out)} == before

    def test_extends(self, tmp_path, recordings, capsys):
        options = ("--out", tmp_path / "out", "--workers", 1)
        assert features(recordings, *options) == 0
        write_sound(recordings / "3.wav")
        assert features(recordings, *options) == 2
        assert "1 of 4 recordings are new, the first of them" in capsys.readouterr().err
        assert features(recordings, *options, "--extend") == 0
        assert "1 written, 3 kept, 0 failed" in capsys.readouterr().out

    def test_float16(self, tmp_path, recordings):
        options = ("--workers", 1, "--no-decibel")
        assert features(recordings, "--out", tmp_path / "out", *options) == 0
        options += ("--dtype", "float16")
        assert features(recordings, "--out", tmp_path / "half", *options) == 0
        for name in files_below(tmp_path / "out"):
            got, whole = (np.load(tmp_path / folder / name) for folder in ("half", "out"))
            assert got.dtype == np.float16
            np.testing.assert_array_equal(got, whole.astype(np.float16))

    def test_what_float16_has_no_room_for_is_refused(self, tmp_path, recordings, capsys):
        front_end = {"sample_rate": 22050, "n_fft": 512, "gain": 1e6}
        (tmp_path / "my.json").write_text(json.dumps(front_end))
        options = ("--front-end-file", tmp_path / "my.json", "--dtype", "float16")
        assert features(recordings / "0.wav", "--out", tmp_path / "a.npy", *options) == 1
        assert "dtype must have room for the features: float16 ends at 65504" in (
            capsys.readouterr().err
        )


class TestTold:
    def test_failures_at_once_and_at_the_end(self, tmp_path, recordings, capsys):
        (recordings / "1.wav").write_text("text")
        (recordings / "2.wav").write_bytes(b"")
        assert features(recordings, "--out", tmp_path / "out") == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith(f"kapre-ref: failed: {recordings / '1.wav'}: no sound file")
        assert lines[1] == f"kapre-ref: failed: {recordings / '2.wav'}: the file is empty"
        assert lines[2] == "kapre-ref: all failures, 2:"
        assert [line.removeprefix("kapre-ref: failed:") for line in lines[:2]] == [
            line.removeprefix(" ") for line in lines[3:]
        ]
        # They are rows now, and a second run says so again.
        assert features(recordings, "--out", tmp_path / "out") == 1
        assert capsys.readouterr().err.splitlines() == lines

    def test_a_full_disk_is_blamed(self, tmp_path, recordings, capsys, monkeypatch):
        def fail(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(_recording, "write_npy", fail)
        out = tmp_path / "out"
        assert features(recordings, "--out", out) == 1
        captured = capsys.readouterr()
        assert captured.err == (
            f"kapre-ref: error: --out takes no more: {out}: No space left on device; what is "
            "written is complete\n"
        )
        assert "0 written, 0 kept, 0 failed" in captured.out

    def test_an_output_folder_that_cannot_be_made(self, tmp_path, recordings, capsys):
        (tmp_path / "file").write_text("")
        assert features(recordings, "--out", tmp_path / "file" / "out") == 2
        error = capsys.readouterr().err
        assert error == f"kapre-ref: error: --out: {tmp_path / 'file' / 'out'}: Not a directory\n"

    def test_a_line_a_minute_without_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setattr(terminal, "MINUTE", 0.0)
        with terminal.Progress(4, quiet=False) as progress:
            progress.add(1, 3600)
        assert capsys.readouterr().err.startswith("kapre-ref: 1 of 4 recordings, ")
        with terminal.Progress(4, quiet=True) as progress:
            progress.add(1, 3600)
        assert capsys.readouterr().err == ""

    def test_names_the_extra_of_a_missing_package(self, tmp_path, recordings, capsys, monkeypatch):
        for package, options in (("pyarrow", ["--format", "parquet"]), ("ray", ["--ray"])):
            monkeypatch.setitem(sys.modules, package, None)
            assert features(recordings, "--out", tmp_path / package, *options) == 2
            assert f"needs the package {package}, " in capsys.readouterr().err


def test_small_folders_start_few_processes(tmp_path, recordings, monkeypatch):
    asked = []

    def reports(job, *, workers, **_):
        asked.append(workers)
        yield ShardReport(0, 3, 0, 0, 0.9)

    monkeypatch.setattr(collection, "reports", reports)
    monkeypatch.setattr(collection, "n_usable_cpus", lambda: 64)
    features(recordings, "--out", tmp_path / "out")
    features(recordings, "--out", tmp_path / "out", "--workers", 3)
    monkeypatch.setattr(_plan, "SHARD_BYTES", (1, 1))
    for index in range(3, 40):
        write_sound(recordings / f"{index}.wav", seconds=0.01)
    features(recordings, "--out", tmp_path / "out", "--overwrite")
    assert asked == [2, 3, 11]


@pytest.mark.slow
def test_npy_loads_no_engine(tmp_path, recordings):
    code = f"""
import sys
from collections import Counter
from kapre_ref.command.cli import main
assert main(["features", {str(recordings)!r}, "--out", {str(tmp_path / "out")!r}]) == 0
assert not {{"pyarrow", "ray", "fsspec", "pandas"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
