"""Very many rows into one table, past the library: COPY on PostgreSQL, one prepared statement on SQLite."""
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from marketplace.foundation.db import db


def write_at_once(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """In the caller's transaction. Cells as the database keeps them: text, whole numbers, None; moments by ``as_kept``.

    ``table`` and ``columns`` are words of ours. What breaks a rule of the table breaks the transaction.
    """
    db.session.flush()
    connection = db.session.connection()
    named = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({named}) VALUES ({marks})", list(rows))  # noqa: S608
        return
    with connection.connection.cursor() as cursor, cursor.copy(f"COPY {table} ({named}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def as_kept(moment: datetime) -> str:
    """As UtcDateTime keeps it."""
    plain = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return plain if db.engine.dialect.name == "sqlite" else f"{plain}+00"
