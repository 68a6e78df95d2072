"""Variants of the GPU kernels for tuning: each edit fits the source, and computes the same."""

import json
import shutil
from pathlib import Path

import pytest
from harness import fake_cupy

import kapre_ref
from asv_benchmarks.gpu import parts, tuning

SOURCES = Path(kapre_ref.__file__).parent / "kernels" / "gpu" / "cuda"
EDITED = {name: edits for name, (edits, _) in tuning.VARIANTS.items() if edits}


class TestVariants:
    @pytest.mark.parametrize("variant", EDITED)
    def test_texts_are_there_once(self, variant):
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import source

            code = source("stft")
        assert all(code.count(text) == 1 for text, _ in EDITED[variant])

    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    def test_run_on_the_stand_in(self, tmp_path, monkeypatch):
        small = {"N_SIGNALS": 1, "N_SAMPLES": 1000, "FLUSH_BYTES": 1 << 10}
        for name, value in small.items():
            monkeypatch.setattr(parts, name, value)
        few = {name: tuning.VARIANTS[name] for name in ("as it is", "1 rounds", "5 blocks")}
        monkeypatch.setattr(tuning, "VARIANTS", few)
        work = tuning.WORK
        monkeypatch.setattr(tuning, "WORK", {n: work[n] for n in ("stft_magnitude 512/128",)})
        with fake_cupy.installed():
            assert tuning.main(["--folder", str(tmp_path)]) == 0
        rows = json.loads((tmp_path / "variants.json").read_text())["rows"]
        assert [row["variant"] for row in rows] == list(few)
        assert all(row["off by"] < 1e-6 and row["noise"]["ns a frame"] > 0 for row in rows)
        assert rows[0].keys() >= {"half silent", "silence"}
