"""A new key takes over while the site runs: what older keys encrypted is encrypted anew, a handful of rows at a time.

Each value is changed only if nobody changed it meanwhile, in a transaction of its own handful, so it may be stopped and
begun again at any moment: what is done is done.
"""
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, LargeBinary, Text, func, select, type_coerce, update

from marketplace.foundation.crypto import (
    DamagedSecret,
    EncryptedBytes,
    EncryptedText,
    UnknownKey,
    encrypt_anew,
    newest_key,
)
from marketplace.foundation.db import Base, db, facts, transaction

AT_ONCE = 200  # Values: some milliseconds of a lock.
FILES_AT_ONCE = 2  # Megabytes each.


@dataclass
class Rotated:
    """What came of one column; ``unreadable`` names rows whose key is gone or whose value is damaged."""

    column: str
    changed: int
    unreadable: list[str]


def encrypted_columns() -> list[Column[Any]]:
    """Every one there is, found in the tables themselves: a new one needs no line here."""
    return [column for table in Base.metadata.sorted_tables for column in table.columns
            if isinstance(column.type, EncryptedText | EncryptedBytes)]


def count_old() -> dict[str, int]:
    """Column to how many values wait for the newest key; those with none are left out."""
    found = {}
    for column in encrypted_columns():
        count = db.session.scalar(select(func.count()).select_from(column.table).where(_is_old(column))) or 0
        if count:
            found[str(column)] = count
    return found


def rotate() -> Iterator[Rotated]:
    """Column by column. Opens its own transactions: it belongs where one may be opened."""
    for column in encrypted_columns():
        rotated, last = Rotated(str(column), 0, []), ""
        while True:
            with transaction():
                last = _rotate_some(column, after=last, told=rotated)
            if not last:
                break
        yield rotated


def _rotate_some(column: Column[Any], *, after: str, told: Rotated) -> str:
    """The id of the last row that was looked at; empty when there are no more."""
    raw, (key,) = _raw(column), column.table.primary_key
    rows = db.session.execute(
        select(key, raw).where(_is_old(column), key > after).order_by(key).limit(
            FILES_AT_ONCE if isinstance(column.type, EncryptedBytes) else AT_ONCE)).all()
    for row_id, old in rows:
        try:
            new = encrypt_anew(old if isinstance(old, str) else bytes(old).decode("ascii", "replace"))
        except (UnknownKey, DamagedSecret) as fault:
            told.unreadable.append(f"{row_id}: {fault}")
            continue
        kept = new if isinstance(old, str) else new.encode()
        told.changed += facts(update(column.table).where(key == row_id, raw == old).values(
            {column.name: type_coerce(kept, raw.type)}), {}).rowcount
    return str(rows[-1][0]) if rows else ""


def _raw(column: Column[Any]) -> ColumnElement[Any]:
    """As it stands in the database."""
    return type_coerce(column, LargeBinary() if isinstance(column.type, EncryptedBytes) else Text())


def _is_old(column: Column[Any]) -> ColumnElement[bool]:
    """By its first bytes: every value begins with the name of its key and a colon."""
    mark = f"{newest_key()}:"
    begins: Any = mark.encode() if isinstance(column.type, EncryptedBytes) else mark
    old: ColumnElement[bool] = column.is_not(None) & (func.substr(_raw(column), 1, len(mark)) != begins)
    return old
