"""Rows as a CSV file that a spreadsheet opens safely, wherever it parts them: what looks like a formula is text."""
import csv
import io
import re
from collections.abc import Iterable, Sequence

# A spreadsheet runs what begins so, in either width (OWASP, CSV injection); numbers with a sign are left alone.
RUN = "=+@\uff1d\uff0b\uff0d\uff20-"
DANGEROUS = (*RUN, "\t", "\r", "\n")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
# Where a list is parted by semicolons or tabs, our quotes do not hold a cell together: each part of it begins anew.
BEGINNING = re.compile(rf"""^(?=[\t\r\n])|(?:^|[;,\t\r\n])(?=[\s"\x00-\x20\u200b\ufeff]*[{RUN}])""")


def write_sheet(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180, with a mark at the beginning by which spreadsheets know that it is UTF-8."""
    return "\ufeff" + write_lines([heading, *rows])


def write_lines(rows: Iterable[Sequence[str]]) -> str:
    """Further rows of a sheet that is written piece by piece."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([disarm(cell) for cell in row] for row in rows)
    return text.getvalue()


def disarm(cell: str) -> str:
    """``=1+1`` as ``'=1+1``, ``x;=1`` as ``x;'=1``; ``-5.00`` stays a number."""
    return cell if NUMBER.fullmatch(cell) else BEGINNING.sub(r"\g<0>'", cell)
