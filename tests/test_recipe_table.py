"""The table of recipes shows what is measured, and the page has one of the script's shape."""

from collections import Counter

import numpy as np
import pytest
from recorded_recipes import COMPARED, reference

import kapre_ref as kr
from reporting import recipes

PAGE = "Words.\n<!-- recipes -->\n| old |\n<!-- end of recipes -->\nMore.\n"
CASES = [case for case in COMPARED if case.recipe in ("vggish", "kaldi-mfcc-13", "resemblyzer")]


class TestTable:
    def test_figures_are_of_the_worst_case(self):
        # The case `speech` of VGGish has the widest tolerance, so the same error is more of others.
        def off_by(error):
            return lambda front_end, x: reference(front_end, x) + x.dtype.type(error)

        by_name = {row.recipe: row for row in recipes.measure(off_by(0.5), CASES)}
        assert list(by_name) == ["resemblyzer", "kaldi-mfcc-13", "vggish"]
        row = by_name["vggish"]
        assert (row.tool, row.n_cases) == ("harritaylor/torchvggish", 3)
        assert row.error == pytest.approx(0.5, abs=1e-3)
        least = min(case.tolerance for case in CASES if case.recipe == "vggish")
        assert row.share == pytest.approx(0.5 / least, rel=1e-3)
        assert 0 < row.allowed_share <= row.share
        assert row.loud_share == pytest.approx(0.5 / least, rel=1e-3)
        assert row.double == pytest.approx(0.5, rel=0.9)  # It is relative to a peak of up to 4.6.
        assert by_name["kaldi-mfcc-13"].loud_share == -1
        assert by_name["resemblyzer"].share == np.inf  # silence has a tolerance of 0

    def test_cells(self):
        row = recipes.Row("a", "b", 3, 1.2e-5, 1.514, 0.876, 0.999, 2.5e-13)
        cells = ["`a`", "b", "3", "1.2e-5", "1.51", "0.88", "1.00", "2.5e-13"]
        assert recipes._cells(row) == cells
        row = recipes.Row("a", "b", 1, 0.0, 0.0, 0.0, -1.0, 0.0)
        assert recipes._cells(row) == ["`a`", "b", "1", "0", "0.00", "0.00", "-", "0"]

    def test_faint_bands_have_an_allowance(self):
        # Single bands lie so far below the strongest bin of their frame that float32 rounds more.
        case = next(c for c in COMPARED if str(c) == "voxtral-realtime-full_scale")
        error = 1.5 * case.tolerance * (case.allowance() > 2 * case.tolerance)
        assert error.any()

        def off(front_end, x):
            y = reference(front_end, x)
            return y + error.astype(y.dtype) if y.shape == error.shape else y

        (row,) = recipes.measure(off, [case])
        assert row.share > 1 > row.allowed_share
        assert row.loud_share < 1

    @pytest.mark.parametrize(
        ("changes", "is_bad"),
        [
            ({}, False),
            ({"share": 1.9}, False),
            ({"allowed_share": 1.1}, True),
            ({"loud_share": 1.1}, True),
            ({"double": 1e-8}, True),
        ],
    )
    def test_tells_what_is_further_off_than_allowed(self, changes, is_bad):
        row = recipes.Row("a", "b", 3, 1.2e-5, 0.5, 0.5, 0.5, 2.5e-13)
        assert recipes.is_bad(row._replace(**changes)) is is_bad

    def test_is_put_into_the_page(self):
        row = recipes.Row("a", "b", 3, 1.2e-5, 0.514, 0.5, 0.999, 2.5e-13)
        page = recipes.with_table(PAGE, [row], "a machine")
        assert page.startswith("Words.\n<!-- recipes -->\n\nMeasured on a machine.\n\n| recipe |")
        assert page.endswith("|\n\n<!-- end of recipes -->\nMore.\n")
        assert recipes.rows_in(page) == [recipes.HEAD, recipes._cells(row)]
        assert recipes.with_table(page, [row], "a machine") == page

    def test_missing_part_is_an_error(self):
        for use in (recipes.rows_in, lambda page: recipes.with_table(page, [], "")):
            with pytest.raises(ValueError, match="must have one part '<!-- recipes -->'"):
                use("Words.")


class TestPage:
    HINT = "run `python -m reporting.recipes` in asv_benchmarks/"

    def test_has_the_scripts_columns(self):
        assert recipes.rows_in(recipes.README.read_text())[0] == recipes.HEAD, self.HINT

    def test_has_a_row_for_each_recipe(self):
        _, *rows = recipes.rows_in(recipes.README.read_text())
        counts = Counter(case.recipe for case in COMPARED)
        expected = [
            [f"`{recipe.name}`", recipe.tool, str(counts[recipe.name])] for recipe in kr.recipes()
        ]
        assert [row[:3] for row in rows] == expected, self.HINT

    def test_all_are_within_tolerance_or_allowance(self):
        _, *rows = recipes.rows_in(recipes.README.read_text())
        assert rows, self.HINT
        for *_, allowed, loud, double in rows:
            assert float(allowed) <= 1
            assert loud == "-" or float(loud) <= 1
            assert float(double) <= 1e-9
