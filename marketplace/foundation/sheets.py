"""Rows as a CSV file that a spreadsheet opens safely: what looks like a formula is text."""
import csv
import io
import re
from collections.abc import Iterable, Sequence

# A spreadsheet runs what begins so (OWASP, CSV injection); numbers with a sign are left alone.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def write_sheet(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180, with a mark at the beginning by which spreadsheets know that it is UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([disarm(cell) for cell in heading])
    writer.writerows([disarm(cell) for cell in row] for row in rows)
    return "\ufeff" + text.getvalue()


def disarm(cell: str) -> str:
    """``=1+1`` as ``'=1+1``; ``-5.00`` stays a number."""
    return f"'{cell}" if cell.lstrip(" ").startswith(DANGEROUS) and not NUMBER.fullmatch(cell) else cell
