"""What `import kapre_ref` loads, and what it costs."""

import json
import os
import subprocess
import sys
import time

import pytest

HEAVY = (
    "numba", "llvmlite", "cupy", "matplotlib", "scipy", "soundfile", "soxr", "tqdm", "librosa",
    "tensorflow", "torch", "jax", "jaxlib", "pandas", "multiprocessing", "concurrent",
)  # fmt: skip

# `import kapre_ref` may take so many times as long as `import numpy`, each in a process.
MAX_RATIO = 1.35
N_PAIRS = 100  # A busy machine may need so many pairs until one of each is undisturbed.


def run(code, *options, env=None):
    subprocess.run([sys.executable, *options, "-c", code], check=True, env=env)


def loaded_by(code):
    """Return the names of the modules that a fresh process has loaded after some code."""
    code += "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return set(json.loads(result.stdout))


class TestImport:
    @pytest.mark.parametrize("module", ["kapre_ref", "kapre_ref.backend", "kapre_ref.kernels"])
    def test_loads_nothing_heavy(self, module):
        extra = loaded_by(f"import {module}") - loaded_by("import numpy")
        assert {name for name in extra if name.split(".")[0] in HEAVY} == set()

    def test_constructors_load_nothing_heavy(self):
        code = """
import kapre_ref as kr
for name in ("hann", "hamming", "kaiser", "kaiser_bessel_derived", "vorbis"):
    kr.get_window_fn(name + "_window")(512)
kr.filterbank_mel(22050, 257, 40)
kr.filterbank_log(22050, 257, 40)
"""
        extra = loaded_by(code) - loaded_by("import numpy")
        assert {name for name in extra if name.split(".")[0] in HEAVY} == set()

    def test_errors_load_nothing_heavy(self):
        code = """
import kapre_ref as kr
try:
    kr.stft([1.0])
except TypeError:
    pass
"""
        extra = loaded_by(code) - loaded_by("import numpy")
        assert {name for name in extra if name.split(".")[0] in HEAVY} == set()

    def test_leaves_the_command_alone(self):
        found = {name for name in loaded_by("import kapre_ref") if name.startswith("kapre_ref.")}
        assert found
        assert {name for name in found if not name.startswith("kapre_ref._")} == set()

    def test_warns_of_nothing(self):
        run("import kapre_ref", "-W", "error")

    def test_needs_no_site_packages_of_its_extras(self):
        blocked = [name for name in HEAVY if name not in ("multiprocessing", "concurrent")]
        run(f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); import kapre_ref")

    @pytest.mark.slow
    def test_cost(self, tmp_path):
        # Python compiles the sources once, as it does for users, whatever this environment says.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        best = {"numpy": float("inf"), "kapre_ref": float("inf")}
        for index in range(N_PAIRS):
            for module in best:
                start = time.perf_counter()
                run(f"import {module}", env=env)
                best[module] = min(best[module], time.perf_counter() - start)
            ratio = best["kapre_ref"] / best["numpy"]
            if index >= 9 and ratio <= MAX_RATIO:
                break
        assert list(tmp_path.rglob("kapre_ref/*.pyc")), "nothing was compiled"
        assert ratio <= MAX_RATIO, f"{best['kapre_ref']:.3f} s to {best['numpy']:.3f} s"
