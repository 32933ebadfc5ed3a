"""A CSV file that a spreadsheet opens: every cell comes back as it was, and none is run as a formula."""
import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.foundation.sheets import DANGEROUS, RUN, disarm, write_sheet

pytestmark = pytest.mark.once

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


def rows_of(sheet: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(sheet.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(("cell", "written"), [
    ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t'=1"), ("\r=1", "'\r'=1"), (" =1", "' =1"), ("\n=1", "'\n'=1"),
    ("-5.00", "-5.00"), ("+5", "+5"), ("1000.00", "1000.00"), ("Westside Auto", "Westside Auto"), ("", ""),
    ("a=b", "a=b"), ("-5.00=", "'-5.00="), ("well-known; e-mail, x@y", "well-known; e-mail, x@y"), ("'=1", "'=1"),
    ("x;=1", "x;'=1"), ("x,=1", "x,'=1"), ("x\t=1", "x\t'=1"), ("x\n=1", "x\n'=1"), ("x\r\n@a", "x\r'\n'@a"),
    ("x; \t+1", "x;' \t'+1"), ('x;"=1', "x;'\"=1"), (';"";=1', ";\"\";'=1"), ("x;-5", "x;'-5"), ("=1;=2;=3", "'=1;'=2;'=3"),
    ("\uff1d1", "'\uff1d1"), ("x;\uff20a", "x;'\uff20a"), ("\u200b=1", "'\u200b=1"), ("x;\xa0=1", "x;'\xa0=1"), ("\x00=1", "'\x00=1"),
])
def test_what_looks_like_a_formula_is_text_and_a_number_stays_one(cell, written):
    assert disarm(cell) == written


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
def test_every_cell_comes_back_and_none_is_run(rows):
    sheet = write_sheet(["a", "b"], rows)
    heading, *read = rows_of(sheet)
    assert sheet.startswith("\ufeff") and heading == ["a", "b"] and len(read) == len(rows)
    for before, after in zip(rows, read, strict=True):
        assert [cell if "'" in given_cell else cell.replace("'", "") for cell, given_cell in zip(after, before, strict=True)] == [
            disarm(cell) if "'" in cell else cell for cell in before]
        assert all(not cell.startswith(DANGEROUS) or cell[1:].replace(".", "", 1).isdecimal() for cell in after)


NAUGHTY = ["=1", "x;=1", 'x";=1', 'x;"=1', 'x;""=cmd|\' /C calc\'!A1;', "a\tb\t@SUM(1)", 'x"\n=1', "a;b;-2+3", 'x;"', "-5.00", "+1;=2",
           "x;\xa0=1", ";;;=1;;;", '";"=1', "\t;=1", "x\r=1"]
IS_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([\",]|$)")


def parts_of(sheet: str, delimiter: str) -> list[str]:
    """As a spreadsheet that parts by ``delimiter`` may see them: with our quotes understood, and with them taken as text."""
    text = sheet.removeprefix("\ufeff")
    understood = [part for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for part in row]
    return understood + [part for line in re.split(r"[\r\n]", text) for part in line.split(delimiter)]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@given(st.lists(st.lists(st.sampled_from(NAUGHTY) | st.text("=+-@;,\t\n\r\"' x1", max_size=12), min_size=2, max_size=2), max_size=4))
def test_nothing_is_run_wherever_a_spreadsheet_parts_the_lines(delimiter, rows):
    live = [part for part in parts_of(write_sheet(["a", "=b"], rows), delimiter)
            if part.lstrip(' \xa0"').startswith(tuple(RUN)) and not IS_NUMBER.match(part.lstrip(' "'))]
    assert live == []
