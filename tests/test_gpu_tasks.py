"""`Task`, which each CUDA source defines and NumPy fills in: both sides see the same bytes."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from harness import fake_cupy
from harness.cuda_on_cpu import nvrtc
from harness.cuda_on_cpu.module import for_cpu
from harness.cuda_on_cpu.planting import kernels
from harness.ptx.module import installed

import kapre_ref

FOLDER = Path(kapre_ref.__file__).parent / "kernels" / "gpu" / "cuda"
# The files that have a `Task`.
STEMS = ("stft", "mixed", "decibel", "framing", "inverse", "overlap_add", "normalisation")
# In the first three `Task` is a template of the type of its numbers.
TASKS = [(stem, "") for stem in STEMS[3:]]
TASKS += [(stem, real) for stem in STEMS[:3] for real in ("float", "double")]
REALS = {"": np.float32, "float": np.float32, "double": np.float64}


@pytest.fixture(params=["g++", "NVRTC"])
def cupy(request):
    if request.param == "g++" and shutil.which("g++") is None:
        pytest.skip("needs g++, which compiles the CUDA sources for the CPU")
    if request.param == "NVRTC":
        try:
            nvrtc.library()
        except OSError:
            pytest.skip("needs NVRTC: the extra gputest")
    with (fake_cupy.installed if request.param == "g++" else installed)() as stand_in:
        yield stand_in


class TestLayout:
    @pytest.mark.parametrize(("stem", "real"), TASKS)
    def test_same_size_and_offsets(self, cupy, stem, real):
        from kapre_ref.kernels.gpu import launch

        dtype = launch.task_dtype(stem, REALS[real])
        task = f"kapre::Task<{real}>" if real else "kapre::Task"
        assert len(dtype.names) >= 4
        # `offsetof` would do, but the compiler of CUDA 12.0 does not know it.
        offsets = ", ".join(f"(int)((char*)&task.{name} - (char*)&task)" for name in dtype.names)
        sizes = ", ".join(f"(int)sizeof(task.{name})" for name in dtype.names)
        n = len(dtype.names)
        code = launch.source(stem) + (
            "\n__global__ void layout(int* out) {\n"
            f"    {task} task;\n"
            f"    const int found[] = {{{offsets}, {sizes}, (int)sizeof task}};\n"
            f"    for (int i = 0; i < {2 * n + 1}; ++i) out[i] = found[i];\n}}\n"
        )
        out = cupy.empty(2 * n + 1, np.int32)
        module = cupy.RawModule(code=code, options=launch._OPTIONS, name_expressions=("layout",))
        module.get_function("layout")((1,), (1,), (out,))
        fields = [dtype.fields[name] for name in dtype.names]
        expected = [offset for _, offset in fields] + [kind.itemsize for kind, _ in fields]
        assert out.get().tolist() == [*expected, dtype.itemsize]

    @pytest.mark.parametrize(("stem", "real"), TASKS)
    def test_arrives_by_value(self, cupy, stem, real):
        from kapre_ref.kernels.gpu import launch

        dtype = launch.task_dtype(stem, REALS[real])
        task = f"kapre::Task<{real}>" if real else "kapre::Task"
        members = {name: i + 1 for i, name in enumerate(dtype.names)}
        values = ", ".join(f"(double)task.{name}" for name in members)
        code = launch.source(stem) + (
            f"\n__global__ void told(double* out, const {task} task, int last) {{\n"
            f"    const double values[] = {{{values}, (double)last}};\n"
            f"    for (int i = 0; i < {len(members) + 1}; ++i) out[i] = values[i];\n}}\n"
        )
        out = cupy.empty(len(members) + 1, np.float64)
        module = cupy.RawModule(code=code, options=launch._OPTIONS, name_expressions=("told",))
        arguments = out, launch.make_task(stem, REALS[real], **members), np.int32(77)
        module.get_function("told")((1,), (1,), arguments)
        assert out.get().tolist() == [*members.values(), 77]


class TestMembers:
    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    def test_each_must_be_given(self):
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import make_task

            with pytest.raises(TypeError, match=r"members \['runs'\] are not \['added'"):
                make_task("decibel", runs=1)

    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    def test_too_large_a_number_is_refused(self):
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import make_task

            names = ("added", "decimal", "factor", "floor", "least", "settled", "shift", "range")
            members = dict.fromkeys((*names, "applies_range"), 0)
            with pytest.raises(OverflowError):
                make_task("decibel", n_groups=1, group_length=1, runs=2**31, **members)

    def test_no_kernel_has_many_arguments(self):
        counts = {}
        for path in FOLDER.glob("*.cu"):
            code = path.read_text()
            for name in kernels(code):
                arguments = re.search(rf"^    {name}\(([^)]*)\) \{{", code, re.MULTILINE)[1]
                counts[name] = arguments.count(",") + 1
        assert counts.keys() >= {"stft", "mixed", "frame", "to_decibels", "overlap_add"}
        assert max(counts.values()) <= 7


class TestIncludes:
    """A file includes what it needs, and the text that CuPy gets has each included file once."""

    @pytest.mark.parametrize("path", sorted(FOLDER.glob("*.cu")), ids=lambda path: path.name)
    def test_all_of_it_once(self, path):
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import source

            code = source(path.stem)
        assert "#include" not in code
        assert "#pragma once" not in code
        needed, todo = set(), [path]
        while todo:
            for name in re.findall(r'#include "(.*)"', todo.pop().read_text()):
                if name not in needed:
                    needed.add(name)
                    todo.append(FOLDER / name)
        assert needed
        for header in FOLDER.glob("*.cuh"):
            first_line = header.read_text().splitlines()[0]
            assert code.count(first_line) == (header.name in needed), header.name

    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    @pytest.mark.parametrize("path", sorted(FOLDER.glob("*.cu*")), ids=lambda path: path.name)
    def test_each_file_compiles_alone(self, path):
        header = Path(__file__).parent / "harness" / "cuda_on_cpu" / "cuda.hpp"
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import _with_includes

            code = for_cpu(_with_includes(path.name, set()))
        options = ("-std=c++17", "-fsyntax-only", "-w", "-x", "c++", "-include", str(header))
        done = subprocess.run(("g++", *options, "-"), input=code, text=True, check=False)
        assert done.returncode == 0
