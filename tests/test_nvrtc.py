"""The CUDA sources compile for each generation of GPUs, within budgets; CuPy has what they need."""

import inspect
import re
from pathlib import Path

import pytest
from harness import fake_cupy
from harness.cuda_on_cpu import nvrtc

import kapre_ref

FOLDER = Path(kapre_ref.__file__).parent / "kernels" / "gpu"
REPORT = Path(__file__).resolve().parent.parent / "asv_benchmarks" / "gpu"
# The options of launch.py, and those that CuPy adds.
OPTIONS = ("-std=c++17", "--prec-sqrt=false", "-ftz=true")
ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")  # Turing, Ampere, Hopper, Blackwell
# Each row says what a value is, where it goes, and how samples come. Powers and OffsetRoots differ
# by a root alone.
OUTPUTS = (
    ("Magnitudes", "AtOnce", "Stored"),
    ("Bins", "Strided", "Stored"),
    ("Magnitudes", "Strided", "Stored"),
    ("Magnitudes", "Bands", "Stored"),
    ("OffsetRoots", "Bands", "Shaped"),
    ("Bins", "AtOnce", "Stored"),
    ("Magnitudes", "AtOnce", "Shaped"),
    ("Powers", "Bands", "Stored"),
    ("Powers", "TurnedBands", "Stored"),
    ("Magnitudes", "AtOnce", "Stored", ", kapre::Half"),
    ("Magnitudes", "Bands", "Stored", ", kapre::Half"),
)
# n_fft: registers of a thread for magnitudes, other plain outputs and strided ones, bytes of shared
# memory of a block; 1 KiB of it is the system's. With 96 registers, five blocks of 128 threads
# share a multiprocessor; with 80, six; with 128, four.
# They hold for the compilers of CUDA 12.0, 13.0 and 13.5.
BUDGETS = {
    256: (80, 80, 96, 18 * 1024),
    512: (80, 80, 96, 18 * 1024),
    1024: (96, 128, 168, 34 * 1024),
    2048: (96, 128, 168, 34 * 1024),
    4096: (255, 255, 255, 34 * 1024),
}
OTHERS = {
    "decibel": [
        *(f"to_magnitudes<{word}>" for word in ("float, 1", "float, 4", "double, 1")),
        "to_magnitudes<float, 4, kapre::Half>",
        *(
            f"{name}<{packs}, {team}{half}>"
            for name in ("to_decibels", "raise_to_floor")
            for packs in ("float, 1", "float, 4", "double, 1")
            for team in (32, 256)
            for half in ("", ", kapre::Half")[: 1 + packs.startswith("float")]
        ),
    ],
    "mu_law": [
        "mu_law_encoding<1>",
        "mu_law_encoding<4>",
        "mu_law_encoding<4, kapre::Half>",
        *(f"mu_law_decoding<{code}, 4>" for code in ("unsigned char", "int", "long long", "float")),
        "mu_law_decoding<kapre::Half, 4>",
    ],
    "framing": [
        *(f"frame<unsigned {word}>" for word in ("short", "int", "long long")),
        "energy<float>",
        "energy<double>",
        "energy<float, kapre::Half>",
    ],
    "overlap_add": ["overlap_add<float>", "overlap_add<double>"],
}
# inverse.py makes these of n_fft: the type of a point, frames of a block, radices.
INVERSES = (
    "float2, 256, 32, 32, 4, 1",
    "float2, 400, 12, 20, 10, 1",
    "float2, 512, 8, 16, 16, 1",
    "float2, 1024, 8, 32, 16, 1",
    "float2, 2048, 3, 32, 32, 1",
    "float2, 4096, 1, 32, 4, 16",
    "float2, 441, 8, 21, 21, 1",
    "float2, 1001, 2, 13, 7, 11",
    "double2, 400, 9, 20, 10, 1",
    "double2, 1125, 3, 15, 15, 5",
    "double2, 2048, 1, 16, 4, 16",
)


def compiled(architecture, stem, names):
    try:
        nvrtc.library()
    except OSError:
        pytest.skip("needs NVRTC: the extra gputest")
    with fake_cupy.installed():
        from kapre_ref.kernels.gpu.launch import source

        code = source(stem)
    return nvrtc.compile_for(architecture, code, [f"kapre::{name}" for name in names], OPTIONS)


def kernel_name(stem, shape, what, where, samples, half=""):
    output = f"kapre::Output<{shape}, kapre::{what}, kapre::{where}{half}>"
    return f"{stem}<{output}, kapre::{samples}{half}>"


def most_spilled(architecture, name):
    """Return how many bytes of registers a transform may spill: a few words where they are dear.

    For Hopper the newest compiler spills none; those before CUDA 13.5 spill up to 24 bytes there,
    so what a release changes is seen with the newest one only. Shaped samples are always dear, and
    of halves 32 bytes are spilled by 400 points.
    """
    is_best = architecture == "sm_90" and nvrtc.version() >= (13, 5)
    return 0 if is_best and "Shaped" not in name and "Half" not in name else 64


class TestCompiles:
    @pytest.mark.slow
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    @pytest.mark.parametrize("n_fft", BUDGETS)
    def test_stft(self, architecture, n_fft):
        magnitudes, plain, strided, shared = BUDGETS[n_fft]
        shape = f"kapre::Shape<{n_fft}>"
        names = [kernel_name("stft", shape, *output) for output in OUTPUTS]
        for name, needs in compiled(architecture, "stft", names).items():
            is_real = "Bins" not in name
            most = strided if "Strided" in name else plain
            most = magnitudes if is_real and "AtOnce" in name else most
            most = strided if "Shaped" in name else most  # This allows one block less.
            assert needs.registers <= most, name
            assert needs.shared <= shared + 1024, name
            assert needs.stack <= most_spilled(architecture, name), name

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    @pytest.mark.parametrize("real", ["float", "double"])
    def test_normalisation(self, architecture, real):
        names = [f"normalise<{real}>"]
        for name, needs in compiled(architecture, "normalisation", names).items():
            # It allows two blocks of 512 threads, or one on Turing.
            assert needs.registers <= 64, name
            assert needs.shared <= 4 * 1024 + 1024, name
            assert needs.stack == 0, name

    @pytest.mark.slow
    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_inverse(self, architecture):
        names = [f"inverse_stft<kapre::Mixed<{shape}>>" for shape in INVERSES]
        for name, needs in compiled(architecture, "inverse", names).items():
            # With 32 points in registers, a few addresses are spilled, outside of all loops.
            assert needs.registers <= (255 if "double" in name else 168), name
            assert needs.shared <= 48 * 1024, name
            assert needs.stack <= 96, name

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    @pytest.mark.parametrize("stem", OTHERS)
    def test_others(self, architecture, stem):
        for name, needs in compiled(architecture, stem, OTHERS[stem]).items():
            # With up to 40 registers, six blocks of 256 threads fit in the 65,536 registers of a
            # multiprocessor, enough to keep the memory busy. Turing has room for four blocks
            # anyway. For Blackwell, the compilers of CUDA 12.8 to 13.0 take up to 48 registers,
            # which leaves five blocks; 13.1 and newer do not.
            early = architecture == "sm_100" and nvrtc.version() < (13, 1)
            most = 64 if architecture == "sm_75" else 48 if early else 40
            assert needs.registers <= most, name
            # The peaks of eight warps, and what the last block of a group is told.
            assert needs.shared <= 96 + 1024, name
            assert needs.stack == 0, name

    def test_a_mistake_is_told(self):
        with pytest.raises(nvrtc.CompileError, match='no member "nothing"'):
            compiled("sm_90", "mu_law", ["nothing<1>"])


class TestCupy:
    """What the launch code and the report of the GPU kernels use is in CuPy's wheel."""

    def cupy(self):
        return pytest.importorskip("cupy", reason="needs the wheel of CuPy, no GPU")

    @pytest.mark.parametrize(
        "files",
        [sorted(FOLDER.glob("*.py")), sorted(REPORT.glob("*.py"))],
        ids=["launches", "report"],
    )
    def test_has_what_is_used(self, files):
        cupy = self.cupy()
        source = "".join(path.read_text() for path in files)
        used = set(re.findall(r"\bcupy((?:\.\w+)+)", source))
        assert len(used) > 10
        for names in used:
            thing = cupy
            for name in names[1:].split("."):
                assert hasattr(thing, name), f"cupy{names}"
                thing = getattr(thing, name)

    def test_has_the_signatures_used(self):
        cupy = self.cupy()
        told = cupy.RawModule.__doc__.splitlines()[0]
        assert re.search(r"str code=None, \*.*tuple options=\(\).*name_expressions=None", told)
        assert "get_function" in dir(cupy.RawModule)
        told = inspect.getdoc(cupy.RawKernel.__call__).replace("self, ", "")
        assert re.search(r"\(grid, block, args, .*shared_mem=0\)", told)
        assert "Can be set" in cupy.RawKernel.max_dynamic_shared_size_bytes.__doc__

    @pytest.mark.parametrize(
        ("name", "signature"),
        [
            ("Stream.begin_capture", r"\(self, mode=None\)"),
            ("Stream.end_capture", r"\(self\)"),
            ("Stream.synchronize", r"\(self\)"),
            ("Graph.launch", r"\(self, stream=None\)"),
            ("Event.record", r"\(self, stream=None\)"),
            ("Event.synchronize", r"\(self\)"),
            ("get_elapsed_time", r"\(start_event, end_event\)"),
            ("set_allocator", r"\(allocator=None\)"),
            ("Device.synchronize", r"\(self\)"),
            ("runtime.getDeviceProperties", r"\(int device\)"),
            ("runtime.memGetInfo", r"\(\)"),
            ("runtime.driverGetVersion", r"\(\)"),
            ("runtime.runtimeGetVersion", r"\(\)"),
        ],
    )
    def test_has_the_signatures_of_the_report(self, name, signature):
        thing = self.cupy().cuda
        for part in name.split("."):
            thing = getattr(thing, part)
        assert re.search(name.split(".")[-1] + signature, thing.__doc__.splitlines()[0])

    def test_tells_the_properties_used(self):
        runtime = self.cupy().cuda.runtime
        binary = Path(inspect.getmodule(runtime.getDeviceProperties).__file__).read_bytes()
        source = (REPORT / "parts.py").read_text() + (FOLDER / "launch.py").read_text()
        used = re.findall(r"[pP]roperties(?:\(\w+\))?\[['\"](\w+)", source)
        assert len(used) >= 4
        assert "sharedMemPerBlockOptin" in used
        assert all(name.encode() in binary for name in used)
