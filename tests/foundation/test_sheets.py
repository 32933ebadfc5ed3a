"""A CSV file that a spreadsheet opens: every cell comes back as it was, and none is run as a formula."""
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.foundation.sheets import DANGEROUS, disarm, write_sheet

pytestmark = pytest.mark.once

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


def rows_of(sheet: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(sheet.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(("cell", "written"), [
    ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), (" =1", "' =1"), ("\n=1", "'\n=1"),
    ("-5.00", "-5.00"), ("+5", "+5"), ("1000.00", "1000.00"), ("Westside Auto", "Westside Auto"), ("", ""),
    ("a=b", "a=b"), ("-5.00=", "'-5.00="),
])
def test_what_looks_like_a_formula_is_text_and_a_number_stays_one(cell, written):
    assert disarm(cell) == written


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
def test_every_cell_comes_back_and_none_is_run(rows):
    sheet = write_sheet(["a", "b"], rows)
    heading, *read = rows_of(sheet)
    assert sheet.startswith("\ufeff") and heading == ["a", "b"] and len(read) == len(rows)
    for before, after in zip(rows, read, strict=True):
        assert [cell.removeprefix("'") if cell != given_cell else cell
                for cell, given_cell in zip(after, before, strict=True)] == before
        assert all(not cell.startswith(DANGEROUS) or cell[1:].replace(".", "", 1).isdecimal() for cell in after)
