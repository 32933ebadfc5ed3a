"""Very many rows into one table, past the library: COPY on PostgreSQL, one prepared statement on SQLite."""
import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from marketplace.foundation.db import db


def write_at_once(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """In the caller's transaction. Cells as the database keeps them: text, whole numbers, None; moments by ``keeper``.

    No text is empty: that would be NULL. ``table`` and ``columns`` are words of ours. What breaks a rule of the table
    breaks the transaction.
    """
    db.session.flush()
    connection = db.session.connection()
    named = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table} ({named}) VALUES ({marks})", list(rows))  # noqa: S608
        return
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)  # None as nothing, which CSV says to be NULL.
    said = f"COPY {table} ({named}) FROM STDIN WITH (FORMAT csv)"
    driver: Any = connection.connection
    with driver.cursor() as cursor, cursor.copy(said) as copy:
        copy.write(written.getvalue())


def keeper() -> Callable[[datetime], str]:
    """What makes of a moment what UtcDateTime keeps of it."""
    zone = "" if db.engine.dialect.name == "sqlite" else "+00"

    @lru_cache(maxsize=4096)
    def as_kept(moment: datetime) -> str:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") + zone

    return as_kept
