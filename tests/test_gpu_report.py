"""The report of the GPU kernels, run from end to end on the stand-in for CuPy."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from harness import fake_cupy

from asv_benchmarks.gpu import parts, peers, report
from kapre_ref.command import self_check

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
SMALL = {
    "N_SIGNALS": 2,
    "N_SAMPLES": 2000,
    "N_ELEMENTS": 1 << 15,
    "COPIED_BYTES": 1 << 12,
    "FLUSH_BYTES": 1 << 10,
    "N_CALLS": 3,
    "SIZES": ((256, 64),),
    "DOUBLE_SIZES": (),
}


@pytest.fixture
def small(monkeypatch):
    """Make all inputs small, and all aims so low that only mistakes fail."""
    for name, value in SMALL.items():
        monkeypatch.setattr(parts, name, value)
    few = [check for check in self_check.CHECKS if "mu_law" in check.operation]
    monkeypatch.setattr(self_check, "CHECKS", few)
    # The stand-in computes during the call, so that no call returns at once.
    checks = [part for part in parts.CHECKS if part[0] != "returning at once"]
    monkeypatch.setattr(parts, "CHECKS", checks)
    known = {"copy", "elementwise", "1 s", "host", "inverse", "transforms 256/64"}
    measurements = [part for part in parts.MEASUREMENTS if part[0] in known]
    double = ("float64 422/160", 1, parts.measure_transforms, 422, 160, np.float64)
    monkeypatch.setattr(parts, "MEASUREMENTS", [*measurements, double])
    with fake_cupy.installed() as cupy:
        yield cupy


def run(folder, *arguments):
    """Return the exit status and both files."""
    status = report.main(["--folder", str(folder), *arguments])
    (told,), (shown,) = folder.glob("*.json"), folder.glob("*.md")
    return status, json.loads(told.read_text()), shown.read_text()


@pytest.mark.parametrize("script", ["report.py", "tuning.py"])
def test_starts_by_its_path_from_anywhere(script, tmp_path):
    # Without `site`, nothing is installed; NumPy alone comes back.
    done = subprocess.run(
        [sys.executable, "-S", str(Path(report.__file__).with_name(script)), "--help"],
        env=os.environ | {"PYTHONPATH": str(Path(np.__file__).parent.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--folder" in done.stdout


class TestReport:
    @pytest.mark.slow
    def test_all_of_it(self, small, tmp_path):
        status, told, shown = run(tmp_path)
        assert told["errors"] == []
        assert [check for check in told["checks"] if not check["passed"]] == []
        assert status == 0
        assert shown.startswith(f"# Stand-in, {told['about']['date']}\n")
        assert told["about"]["compute capability"] == "9.0"
        names = {figure["name"] for figure in told["figures"]}
        assert names >= {"copy", "mu_law_encoding", "frame 2048/512", "stft_magnitude 256/64"}
        assert all(name in shown for name in names)
        by_name = {figure["name"]: figure for figure in told["figures"]}
        assert by_name["stft_magnitude 422/160 float64"]["against"].keys() >= {"CuPy unfused"}
        graphs = [check for check in told["checks"] if "CUDA graph" in check["name"]]
        assert len(graphs) == 13
        assert "n/a: not installed" in shown or "torch" in sys.modules

    def test_share_of_copy_and_aims(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(parts, "CHECKS", ())
        monkeypatch.setattr(parts, "MEASUREMENTS", parts.MEASUREMENTS[:2])
        _, told, _ = run(tmp_path)
        copy, encoding = told["figures"][:2]
        assert copy["share_of_copy"] == 1.0
        rate = encoding["bytes_moved"] / encoding["milliseconds"] * 1e3
        assert encoding["share_of_copy"] == pytest.approx(rate / told["copy_bytes_per_second"])
        assert encoding["bytes_moved"] == 8 * SMALL["N_ELEMENTS"]
        assert encoding["target"] == "85% of copy"
        assert encoding["met"] is False

    def test_wrong_kernel_is_named(self, small, tmp_path, monkeypatch):
        exact = parts.kr.energy
        monkeypatch.setattr(parts.kr, "energy", lambda x, **options: exact(x, **options) * 1.01)
        status, told, shown = run(tmp_path, "--checks-only")
        assert status == 1
        (failed,) = (check for check in told["checks"] if not check["passed"])
        assert failed["name"].startswith("energy float32")
        assert f"- failed: {failed['name']}" in shown

    def test_failing_part_is_named_and_costs_nothing_else(self, small, tmp_path, monkeypatch):
        def broken(_):
            raise ValueError("no such thing")

        planned = [("broken", 1, broken), *parts.MEASUREMENTS[:1]]
        monkeypatch.setattr(parts, "MEASUREMENTS", planned)
        monkeypatch.setattr(parts, "CHECKS", ())
        status, told, shown = run(tmp_path)
        assert status == 1
        assert told["errors"] == ["broken: ValueError: no such thing"]
        assert told["figures"][0]["name"] == "copy"
        assert "- error: broken: ValueError" in shown

    def test_failing_peer_costs_nothing_else(self, small, tmp_path, monkeypatch):
        def refuses():
            raise MemoryError("out of memory")

        monkeypatch.setattr(peers, "_cupy", lambda *_: (refuses, refuses))
        planned = [part for part in parts.MEASUREMENTS if part[0] == "transforms 256/64"]
        monkeypatch.setattr(parts, "MEASUREMENTS", planned)
        monkeypatch.setattr(parts, "CHECKS", ())
        status, told, shown = run(tmp_path)
        assert status == 1
        assert len(told["figures"]) == 4
        assert told["figures"][0]["against"]["CuPy unfused"] is None
        assert "CuPy unfused n/a" in shown

    def test_part_without_time_is_named(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(report, "BUDGET", 20)
        monkeypatch.setattr(parts, "CHECKS", [("long", 30, None)])
        monkeypatch.setattr(parts, "MEASUREMENTS", parts.MEASUREMENTS[:1])
        status, told, _ = run(tmp_path)
        assert status == 1
        assert told["errors"][0] == "long: left out, no time for it"
        assert told["figures"][0]["name"] == "copy"

    def test_hanging_part_is_named(self, small, tmp_path, monkeypatch):
        ended = []
        monkeypatch.setattr(os, "_exit", ended.append)
        monkeypatch.setattr(report, "BUDGET", 0.2)
        monkeypatch.setattr(parts, "CHECKS", [("hanging", 0.1, lambda _: time.sleep(0.4))])
        monkeypatch.setattr(parts, "MEASUREMENTS", ())
        _, told, _ = run(tmp_path)
        assert ended == [1]
        assert "hanging: did not end in time" in told["errors"]

    def test_sanitizer_failing_is_named(self, small, tmp_path, monkeypatch):
        tool = tmp_path / "compute-sanitizer"
        tool.write_text("#!/bin/sh\necho ========= 1 error\nexit 9\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        status, told, _ = run(tmp_path / "out", "--sanitize")
        assert status == 1
        assert [check["message"] for check in told["checks"]] == ["========= 1 error"] * 4
        assert told["figures"] == []

    def test_sanitizer_missing_is_named(self, small, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        status, told, _ = run(tmp_path / "out", "--sanitize")
        assert status == 1
        assert [check["message"] for check in told["checks"]] == ["not installed"]

    def test_what_the_sanitizer_watches(self, small, tmp_path):
        assert report.main(["--folder", str(tmp_path), "--watched"]) == 0
        assert list(tmp_path.iterdir()) == []

    def test_no_gpu(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "cupy", None)
        assert report.main([]) == 2
        assert "not present" in capsys.readouterr().err

    def test_host_waits_within_a_capture_are_seen(self, small):
        def call():
            small.cuda.get_current_stream().synchronize()

        with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
            parts.captured(small, call)
