"""Bugs are planted in the GPU's kernels, and the harness must find each of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from closeness import peak_of
from harness import fake_cupy
from harness.cuda_on_cpu.module import KernelError
from harness.cuda_on_cpu.planted import BUGS, OPERATIONS
from harness.cuda_on_cpu.planting import kernels, policies, span

import kapre_ref

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
SOURCES = {
    path.stem: path.read_text()
    for path in (Path(kapre_ref.__file__).parent / "kernels" / "gpu" / "cuda").glob("*.cu*")
}
# Every kernel, and everything that fused transforms may compute from their bins.
PARTS = [
    (stem, name)
    for stem, code in SOURCES.items()
    for name in (*kernels(code), *policies(code, "IN_SHARED"))
]


def result_of(operation, order="forward", **settings):
    """Run an operation on an ordinary signal, on the harness."""
    x = np.random.default_rng(1).uniform(-1, 1, (3, 2851)).astype(np.float32)
    with fake_cupy.installed(checked=True, order=order, **settings) as cupy:
        result = OPERATIONS[operation](cupy.asarray(x)).get()
        return result, cupy.RawModule


class TestPlantedBugs:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_nothing_found_where_nothing_is(self, operation):
        result_of(operation, order="reversed")

    @pytest.mark.parametrize("bug", BUGS, ids=str)
    def test_is_caught(self, bug):
        if bug.message:
            with pytest.raises(KernelError, match=bug.message):
                result_of(bug.operation, planted=bug)
            return
        got, raw_module = result_of(bug.operation, planted=bug)
        expected, _ = result_of(bug.operation)
        assert raw_module.planted_in
        assert not np.allclose(got, expected, rtol=1e-3, atol=1e-5 * peak_of(expected))

    @pytest.mark.parametrize("bug", BUGS, ids=str)
    def test_has_one_place(self, bug):
        assert [len(bug.places(code)) for code in SOURCES.values() if bug.places(code)] == [1]

    def test_all_kernels_are_known(self):
        names = {name for _, name in PARTS}
        assert names >= {"to_decibels", "stft", "overlap_add", "AtOnce", "Strided", "Bands"}
        assert sum(code.count("__global__") for code in SOURCES.values()) == sum(
            len(kernels(code)) for code in SOURCES.values()
        )

    @pytest.mark.parametrize(("stem", "name"), PARTS)
    def test_each_kernel_has_some(self, stem, name):
        begin, end = span(SOURCES[stem], name)
        inside = [bug for bug in BUGS for at in bug.places(SOURCES[stem]) if begin <= at < end]
        assert len(inside) >= 2
