"""`Task`, which each CUDA source defines and NumPy fills in: both sides see the same bytes."""

import re
import shutil
from pathlib import Path

import fake_cupy
import numpy as np
import pytest
from cuda_on_cpu import nvrtc
from cuda_on_cpu.planting import kernels
from ptx.module import installed

import kapre_ref

FOLDER = Path(kapre_ref.__file__).parent / "kernels" / "gpu" / "cuda"
# Sources that define `Task`, and what they need.
SOURCES = {
    "frames": ("dft", "frames"),
    "decibel": ("packs", "decibel"),
    "framing": ("sums", "framing"),
    "overlap_add": ("sums", "overlap_add"),
}


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
    @pytest.mark.parametrize("stem", SOURCES)
    def test_same_size_and_offsets(self, cupy, stem):
        from kapre_ref.kernels.gpu import launch

        dtype = launch.task_dtype(stem)
        assert len(dtype.names) >= 4
        offsets = ", ".join(f"__builtin_offsetof(kapre::Task, {name})" for name in dtype.names)
        sizes = ", ".join(f"sizeof(kapre::Task::{name})" for name in dtype.names)
        n = len(dtype.names)
        code = launch.sources(SOURCES[stem]) + (
            "\n__global__ void layout(int* out) {\n"
            f"    const int found[] = {{{offsets}, {sizes}, sizeof(kapre::Task)}};\n"
            f"    for (int i = 0; i < {2 * n + 1}; ++i) out[i] = found[i];\n}}\n"
        )
        out = cupy.empty(2 * n + 1, np.int32)
        module = cupy.RawModule(code=code, options=launch._OPTIONS, name_expressions=("layout",))
        module.get_function("layout")((1,), (1,), (out,))
        fields = [dtype.fields[name] for name in dtype.names]
        expected = [offset for _, offset in fields] + [kind.itemsize for kind, _ in fields]
        assert out.get().tolist() == [*expected, dtype.itemsize]

    @pytest.mark.parametrize("stem", SOURCES)
    def test_arrives_by_value(self, cupy, stem):
        from kapre_ref.kernels.gpu import launch

        dtype = launch.task_dtype(stem)
        members = {name: i + 1 for i, name in enumerate(dtype.names)}
        values = ", ".join(f"(double)task.{name}" for name in members)
        code = launch.sources(SOURCES[stem]) + (
            "\n__global__ void told(double* out, const kapre::Task task, int last) {\n"
            f"    const double values[] = {{{values}, (double)last}};\n"
            f"    for (int i = 0; i < {len(members) + 1}; ++i) out[i] = values[i];\n}}\n"
        )
        out = cupy.empty(len(members) + 1, np.float64)
        module = cupy.RawModule(code=code, options=launch._OPTIONS, name_expressions=("told",))
        arguments = out, launch.make_task(stem, **members), np.int32(77)
        module.get_function("told")((1,), (1,), arguments)
        assert out.get().tolist() == [*members.values(), 77]


class TestMembers:
    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    def test_each_must_be_given(self):
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import make_task

            with pytest.raises(TypeError, match=r"members \['runs'\] are not \['item_length'"):
                make_task("decibel", runs=1)

    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    def test_too_large_a_number_is_refused(self):
        with fake_cupy.installed():
            from kapre_ref.kernels.gpu.launch import make_task

            with pytest.raises(OverflowError):
                make_task("decibel", item_length=1, runs=2**31, zero=0, least=0)

    def test_no_kernel_has_many_arguments(self):
        counts = {}
        for path in FOLDER.glob("*.cu"):
            code = path.read_text()
            for name in kernels(code):
                arguments = re.search(rf"^    {name}\(([^)]*)\) \{{", code, re.MULTILINE)[1]
                counts[name] = arguments.count(",") + 1
        assert counts.keys() >= {"stft", "mixed", "frame", "to_decibels", "overlap_add"}
        assert max(counts.values()) <= 7
