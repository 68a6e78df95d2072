"""The table of predicted times fits its figures, and the figures fit today's kernels."""

import json
import shutil

import pytest

from asv_benchmarks.gpu import machine_code, prediction

TOLD = json.loads(prediction.TARGET.read_text())
ROWS = {row["name"]: row for row in TOLD["rows"]}
# A loop of two blocks, of which one is left out under a predicate; then the end.
MACHINE_CODE = """
        /*0000*/                   S2R R0, SR_TID.X ;
.L_x_1:
        /*0010*/                   LDG.E R2, desc[UR4][R2.64] ;
        /*0020*/               @P0 BRA `(.L_x_0) ;
        /*0030*/                   FFMA R3, R2, R2, R3 ;
        /*0040*/                   MUFU.RSQ R3, R3 ;
.L_x_0:
        /*0050*/                   SHFL.BFLY PT, R4, R3, 0x10, 0x1f ;
        /*0060*/              @!P1 BRA `(.L_x_1) ;
        /*0070*/                   STG.E desc[UR4][R4.64], R3 ;
        /*0080*/                   EXIT ;
.L_x_2:
        /*0090*/                   BRA `(.L_x_2);
"""


class TestTable:
    def test_page_is_of_the_figures(self):
        page = prediction.TARGET.with_suffix(".md").read_text()
        assert page == prediction.page(TOLD), "run gpu/prediction.py"
        assert page.startswith(
            "# Predicted, for want of a GPU: nothing here was measured on a card"
        )

    def test_every_work_is_there(self):
        assert list(ROWS) == [work.name for work in prediction.WORK]

    @pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
    def test_times_follow_from_counts(self, row):
        assert row["ns"] == pytest.approx(prediction.times(row), abs=1e-3)
        assert sum(row["mix"].values()) > 100
        assert row["mix"].keys() == set(machine_code.KINDS)

    @pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
    @pytest.mark.parametrize("work", prediction.WORK, ids=lambda work: work.name)
    def test_counts_are_of_these_kernels(self, work):
        name, _, asked = prediction.traffic(work)
        row = ROWS[work.name]
        assert row["kernel"] == name, "run gpu/prediction.py"
        assert {key: row[key] for key in asked} == pytest.approx(asked, abs=0.01)


class TestMachineCode:
    def test_blocks_and_loops(self):
        blocks = machine_code.blocks_of(MACHINE_CODE)
        assert [block.followers for block in blocks[:5]] == [[1], [2, 3], [3], [4, 1], []]
        assert machine_code.loops_of(blocks)[:1] == [{1, 2, 3}]

    def test_instructions_are_counted_by_kind(self):
        got = machine_code.mix_of(MACHINE_CODE, [10])
        assert got == {
            "FP32": 10,
            "FP64": 0,
            "special": 10,
            "shared": 0,
            "global": 11,
            "shuffle": 10,
            "control": 20 + 2,
            "integer": 1,
        }

    def test_another_number_of_loops_is_an_error(self):
        with pytest.raises(ValueError, match=r"2 loops are expected, of \[6\] instructions are fo"):
            machine_code.mix_of(MACHINE_CODE, [1, 2])
