"""Records in memory: what a kernel reads there is what was written, in every place."""

from typing import NamedTuple

import numba
import numpy as np
import pytest

from kapre_ref.kernels.cpu.emit import records
from kapre_ref.kernels.cpu.emit.language import Value
from kapre_ref.kernels.cpu.emit.records import reader_of, record_array
from kapre_ref.kernels.cpu.transform.forward import Job
from kapre_ref.kernels.cpu.transform.inverse import InverseJob, InversePlan
from kapre_ref.kernels.cpu.transform.plan import FftPlan


class Inner(NamedTuple):
    first: int
    second: Value | int


class Outer(NamedTuple):
    before: int
    inner: Inner
    strides: tuple[int, int, int]
    pair: Inner
    after: int


RECORD = Outer(-1, Inner(2, 3), (4, 5, -6), Inner(1 << 40, 8), 9)
_read = reader_of(Outer)


@numba.njit
def _sums(address):
    record = _read(address)
    strides = record.strides
    inner = record.inner.first + 10 * record.inner.second
    return record.before, inner, strides[0] + 10 * strides[1] + 100 * strides[2], record.pair


class TestRecords:
    def test_numbers_follow_each_other(self):
        np.testing.assert_array_equal(
            record_array(RECORD), [-1, 2, 3, 4, 5, -6, 1 << 40, 8, 9], strict=True
        )

    def test_kernel_reads_every_field(self):
        array = record_array(RECORD)
        assert _sums(array.ctypes.data) == (-1, 32, 4 + 50 - 600, (1 << 40, 8))

    def test_without_a_compiler(self, monkeypatch):
        monkeypatch.setattr(records, "is_compiler_off", lambda: True)
        array = record_array(RECORD)
        assert reader_of(Outer)(array.ctypes.data) == RECORD

    @pytest.mark.parametrize("kind", [FftPlan, Job, InversePlan, InverseJob])
    def test_all_numbers_of_ours_have_a_place(self, monkeypatch, kind):
        # A field whose annotation is not understood would be read from a wrong place.
        monkeypatch.setattr(records, "is_compiler_off", lambda: True)
        numbers = np.arange(100)
        record = reader_of(kind)(numbers.ctypes.data)
        flat = record_array(record)
        np.testing.assert_array_equal(flat, numbers[: len(flat)])
        assert len(flat) >= len(kind._fields)
