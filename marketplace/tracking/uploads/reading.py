"""A part of an upload as rows: decrypted, decoded, parted into cells, named by what the person said of the columns."""
import codecs
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import undefer

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.tracking.models import Upload, UploadPart
from marketplace.tracking.uploads.columns import Sheet
from marketplace.tracking.uploads.rows import Row, RowOutcome, RowResult
from marketplace.tracking.uploads.spelling import read_rows

SHOWN = 5  # Rows beside the question what the columns are.
GUESSED_BY = 200
LONGEST_VALUE = 500  # Characters of a cell that we read.


@dataclass(frozen=True)
class PartRows:
    """``rows`` can be looked at, ``odd`` cannot; ``next_row`` is the number of the row after this part."""

    rows: Sequence[Row]
    odd: Sequence[RowResult]
    next_row: int


def get_part(upload: Upload, number: int) -> UploadPart:
    part = db.session.scalar(select(UploadPart).where(
        UploadPart.upload_id == upload.id, UploadPart.number == number).options(undefer(UploadPart.content)))
    if part is None:
        raise NotFound("The file is gone: its time was over.", next_step="Upload it once more.")
    return part


def read_sheet(upload: Upload) -> Sheet:
    """The heading and the first rows, as they are read with this encoding and separator."""
    rows = [row for row in read_rows(_text(upload, get_part(upload, 0)), upload.separator) if row]
    heading = [cell.strip() for cell in rows[0]] if rows else []
    return Sheet(heading, rows[1:GUESSED_BY])


def read_part(upload: Upload, part: UploadPart, *, first_row: int, width: int) -> PartRows:
    """``width`` is that of the heading. Empty rows are passed over, but counted, as a spreadsheet does."""
    places = [(key, place) for key, place in upload.columns.items()]
    rows: list[Row] = []
    odd: list[RowResult] = []
    number = first_row - 1
    for number, cells in enumerate(read_rows(_text(upload, part), upload.separator), first_row):
        if number == 1:
            continue
        if cells is None:
            odd.append(RowResult(number, RowOutcome.UNREADABLE, why="It cannot be read as a row.",
                                 next_step="Look for a quote that is opened and never closed."))
            continue
        if len(cells) > width and any(cells[width:]):
            odd.append(RowResult(number, RowOutcome.UNREADABLE, why="It has more cells than the heading.",
                                 next_step="Put quotes around a cell that holds a separator."))
            continue
        named = {key: cells[place].strip() for key, place in places if place < len(cells)}
        if any(named.values()):
            rows.append(Row(number, {key: value[:LONGEST_VALUE + 1] for key, value in named.items() if value}))
        elif any(cells):
            odd.append(RowResult(number, RowOutcome.UNREADABLE, why="All the columns that we read are empty.",
                                 next_step="Nothing needs to be done if it is a line of notes or of sums."))
    return PartRows(rows, odd, number + 1)


def _text(upload: Upload, part: UploadPart) -> str:
    content = zlib.decompress(part.content)
    return content.removeprefix(codecs.BOM_UTF8).decode(upload.encoding, "replace")
