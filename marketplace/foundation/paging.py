"""Keyset pages: a cursor names the last row seen, so any depth costs the same and nothing is shown twice."""
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid

Row = TypeVar("Row")
DEFAULT_SIZE = 20
LARGEST_SIZE = 100


class BadCursor(Invalid):
    code = "bad_cursor"


@dataclass(frozen=True)
class Page(Generic[Row]):
    """``rows`` newest (or highest) first; ``next_cursor`` is None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None


def page(
    statement: Select[Row], *by: InstrumentedAttribute[Any], cursor: str | None, size: int = DEFAULT_SIZE
) -> Page[Row]:
    """One page of ``statement``, descending by the columns ``by``, the last of which is unique."""
    if cursor:
        statement = statement.where(tuple_(*by) < tuple_(*_read(cursor, by)))
    statement = statement.order_by(*(column.desc() for column in by)).limit(size + 1)
    rows = db.session.scalars(statement).unique().all()
    last = rows[size - 1] if len(rows) > size else None
    return Page(rows[:size], _write([getattr(last, column.key) for column in by]) if last else None)


def _write(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _read(cursor: str, by: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise _bad_cursor() from error
    if not isinstance(values, list) or len(values) != len(by) or not all(map(_fits, values, by)):
        raise _bad_cursor()
    return values


def _fits(value: object, column: InstrumentedAttribute[Any]) -> bool:
    """A forged marker of another type, or beyond what the column holds, never reaches the database."""
    if type(value) is int:
        return column.type.python_type is int and abs(value) < 2**63
    return type(value) is str and column.type.python_type is str and "\x00" not in value


def _bad_cursor() -> BadCursor:
    return BadCursor("This page marker is not one of ours.", next_step="Start from the first page.")
