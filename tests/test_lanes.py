"""The two emitters: one language, and the same functions carried out without a compiler."""

import doctest
import inspect
from pathlib import Path

import numba
import numpy as np
import pytest
from vectors import aligned

from kapre_ref.kernels.cpu import emit
from kapre_ref.kernels.cpu.emit.intrinsics import vector_bytes, vector_function
from kapre_ref.kernels.cpu.emit.lanes import LaneEmitter, LaneVariable
from kapre_ref.kernels.cpu.emit.llvm import LlvmEmitter, LlvmVariable
from kapre_ref.kernels.cpu.transform.counts import counts_of, table


def _methods(kind):
    return {
        name: list(inspect.signature(function).parameters)
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


class TestLanguage:
    @pytest.mark.parametrize(
        ("on_lanes", "in_llvm"), [(LaneEmitter, LlvmEmitter), (LaneVariable, LlvmVariable)]
    )
    def test_both_emitters_have_the_same_instructions(self, on_lanes, in_llvm):
        assert _methods(on_lanes) == _methods(in_llvm)

    def test_lesson_runs(self):
        failed, n_examples = doctest.testmod(emit)
        assert n_examples > 20
        assert failed == 0

    @pytest.mark.parametrize("unroll", [False, True])
    def test_loops_are_unrolled_where_they_say_so(self, unroll):
        @vector_function
        def triple(emitter, x, n):
            for i in emitter.loop(n, unroll):
                place = x + i * emitter.bytes
                emitter.store(emitter.load(place) * 3.0, place)

        @numba.njit
        def run(x, n):
            triple(x[0], x.ctypes.data, n)

        run.compile((numba.float32[::1], numba.int64))
        (code,) = run.inspect_llvm().values()
        assert (code.count("fmul") > 1) == unroll

    @pytest.mark.parametrize("x", [1e-300, 2.5, 7e200, np.inf, 0.0])
    def test_estimate_has_14_bits(self, x):
        emitter = LaneEmitter(np.float64, 64)
        got = emitter.estimate_inverse_sqrt(emitter.constant(x)).raw[0]
        expected = np.inf if x == 0 else 1 / np.sqrt(x)
        np.testing.assert_allclose(got, expected, rtol=2.0**-14)

    def test_memory_behind_the_lanes_asked_for_is_left_alone(self):
        emitter = LaneEmitter(np.float32, 32)
        memory = np.arange(8, dtype=np.float32)
        some = memory[:3].copy()
        place, count = emitter.integer(some.ctypes.data), emitter.integer(3)
        vector = emitter.load_first(place, count)
        np.testing.assert_array_equal(vector.raw, [0, 1, 2, 0, 0, 0, 0, 0])
        emitter.store_first(vector, emitter.integer(memory[4:].ctypes.data), count)
        np.testing.assert_array_equal(memory, [0, 1, 2, 3, 0, 1, 2, 7])

    def test_only_whole_vectors_are_streamed(self):
        emitter, memory = LaneEmitter(np.float32, vector_bytes()), aligned((32,), np.float32)
        place = emitter.integer(memory.ctypes.data)
        emitter.stream(emitter.constant(1), place)
        with pytest.raises(AssertionError, match="whole vectors"):
            emitter.stream(emitter.constant(1), place + 4)


class TestCounts:
    def test_table_of_the_readme_is_what_is_counted(self):
        readme = (Path(emit.__file__).parents[1] / "README.md").read_text()
        assert table() in readme

    def test_each_row_is_loaded_and_stored_once_in_a_pass(self):
        for name, counts in counts_of(512, 64)[:-1]:
            assert counts["loads"] == counts["stores"] == 512, name
