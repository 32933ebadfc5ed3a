"""Keyset pages: a cursor names the last row seen, so any depth costs the same and nothing is shown twice."""
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from marshmallow import Schema, fields, validate
from sqlalchemy import Select, func, literal, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid

Row = TypeVar("Row")
DEFAULT_SIZE = 20
LARGEST_SIZE = 100


class BadCursor(Invalid):
    code = "bad_cursor"


class PageQuery(Schema):
    """Which page a program asks for."""

    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=DEFAULT_SIZE, validate=validate.Range(1, LARGEST_SIZE))


@dataclass(frozen=True)
class Page(Generic[Row]):
    """``rows`` newest (or highest) first; ``next_cursor`` is None on the last page."""

    rows: Sequence[Row]
    next_cursor: str | None


def page(
    statement: Select[Row], *by: InstrumentedAttribute[Any], cursor: str | None, size: int = DEFAULT_SIZE
) -> Page[Row]:
    """One page of ``statement``, descending by the columns ``by``: none is ever null there, the last is unique.

    Columns are whole numbers, text or times. A cursor that is not ours is BadCursor.
    """
    if cursor:
        values = _read(cursor, [column.type.python_type for column in by])
        last_seen = [literal(value, column.type) for value, column in zip(values, by, strict=True)]
        statement = statement.where(tuple_(*by) < tuple_(*last_seen))
    statement = statement.order_by(*(column.desc() for column in by)).limit(size + 1)
    rows = db.session.scalars(statement).unique().all()
    last = rows[size - 1] if len(rows) > size else None
    return Page(rows[:size], _write([getattr(last, column.key) for column in by]) if last else None)


def page_of_kinds(kinds: Mapping[str, Select[str]], *, cursor: str | None, size: int = DEFAULT_SIZE) -> Page[str]:
    """One page of ids of several tables as one list, newest first: after its kind an id sorts by its age.

    ``kinds``: by the kind that its ids begin with, what selects them; each is read no further than this page goes.
    """
    last_seen = _read(cursor, [str])[0] if cursor else None
    parts = []
    for kind, ids in kinds.items():
        [column] = ids.selected_columns
        after = ids.where(column < f"{kind}_{last_seen}") if cursor else ids
        part = after.order_by(column.desc()).limit(size + 1).subquery()
        parts.append(select(*part.c, func.substr(part.c[0], len(kind) + 2).label("age")))
    every = union_all(*parts).subquery()
    rows = db.session.execute(select(*every.c).order_by(every.c.age.desc()).limit(size + 1)).all()
    return Page([row[0] for row in rows[:size]], _write([rows[size - 1].age]) if len(rows) > size else None)


def _write(values: list[Any]) -> str:
    written = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(written).encode()).decode().rstrip("=")


def _read(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """A forged marker of another shape or type, or beyond what a column holds, never reaches the database."""
    try:
        written = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(written, list):
            raise TypeError(written)
        return [_value(one, kind) for one, kind in zip(written, kinds, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadCursor("This page marker is not one of ours.", next_step="Start from the first page.") from None


def _value(written: object, kind: type) -> int | str | datetime:
    if kind is int and type(written) is int and abs(written) < 2**63:
        return written
    if kind is str and type(written) is str and written.isprintable():
        return written
    if kind is datetime and type(written) is str and (moment := datetime.fromisoformat(written)).tzinfo:
        return moment.astimezone(UTC)
    raise ValueError(written)
