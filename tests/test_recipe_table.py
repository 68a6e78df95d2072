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
        assert row.loud_share == pytest.approx(0.5 / least, rel=1e-3)
        assert row.double == pytest.approx(0.5, rel=0.9)  # of a peak of up to 4.6
        assert by_name["kaldi-mfcc-13"].loud_share == -1
        assert by_name["resemblyzer"].share == np.inf  # silence has a tolerance of 0

    def test_cells(self):
        row = recipes.Row("a", "b", 3, 1.2e-5, 0.514, 0.999, 2.5e-13)
        assert recipes._cells(row) == ["`a`", "b", "3", "1.2e-5", "0.51", "1.00", "2.5e-13"]
        row = recipes.Row("a", "b", 1, 0.0, 0.0, -1.0, 0.0)
        assert recipes._cells(row) == ["`a`", "b", "1", "0", "0.00", "-", "0"]

    def test_is_put_into_the_page(self):
        row = recipes.Row("a", "b", 3, 1.2e-5, 0.514, 0.999, 2.5e-13)
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

    def test_all_are_within_tolerance(self):
        _, *rows = recipes.rows_in(recipes.README.read_text())
        assert rows, self.HINT
        for *_, share, loud, double in rows:
            assert float(share) <= 1
            assert loud == "-" or float(loud) <= 1
            assert float(double) <= 1e-9
