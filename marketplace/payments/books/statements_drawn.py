"""What stands on a statement that is drawn, whoever it is for."""
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Table:
    """``columns`` are (heading, is a number); ``total`` is a last row, set apart."""

    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[str]]
    title: str = ""
    total: Sequence[str] = ()


@dataclass(frozen=True)
class Statement:
    """``parties`` are (who it is to us, lines); ``notes`` stand below the tables."""

    title: str
    period: str
    parties: Sequence[tuple[str, Sequence[str]]]
    tables: Sequence[Table]
    made_at: datetime
    notes: Sequence[str] = field(default=())


def draw_statement(statement: Statement) -> bytes:
    """As a PDF."""
    from marketplace.payments.books.statement_pdf import draw  # noqa: PLC0415 - a sixth of a start; few processes draw

    return draw(statement)
