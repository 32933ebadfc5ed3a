"""What Alembic cannot do alike on both databases."""
import re
from collections.abc import Iterable

from alembic import op


def allow_values(table: str, column: str, constraint: str, values: Iterable[str]) -> None:
    """The CHECK ``constraint`` lets ``column`` hold exactly these values from now on.

    SQLite has no ALTER for it. Its manual names this way (lang_altertable.html, "changes that do not affect the
    on-disk content"): the table's text in the schema is changed, and the schema's version with it.
    """
    listed = ", ".join(f"'{value}'" for value in values)
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f"ALTER TABLE {table} DROP CONSTRAINT {constraint}, "
            f"ADD CONSTRAINT {constraint} CHECK ({column} IN ({listed}))")
        return
    said = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).scalar()
    changed, times = re.subn(
        rf"(CONSTRAINT {constraint} CHECK \({column} IN) \([^)]*\)", rf"\1 ({listed})", str(said))
    if times != 1:
        raise RuntimeError(f"{table} has no CHECK {constraint} to change")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (changed, table))
    connection.exec_driver_sql(f"PRAGMA schema_version={int(version or 0) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")


def change_check(table: str, constraint: str, rule: str) -> None:
    """The CHECK ``constraint`` holds ``rule`` from now on. Rows that break it must be gone before."""
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(
            f"ALTER TABLE {table} DROP CONSTRAINT {constraint}, ADD CONSTRAINT {constraint} CHECK ({rule})")
        return
    said = _said_in_schema(table)
    _, opening, closing = _find_check(table, said, constraint)
    _say_in_schema(table, f"{said[:opening]}({rule}){said[closing + 1:]}")


def drop_check(table: str, constraint: str) -> None:
    """The CHECK ``constraint`` holds no more; only then can SQLite drop a column that it named."""
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        return
    said = _said_in_schema(table)
    start, _, closing = _find_check(table, said, constraint)
    comma = said.rindex(",", 0, start)
    _say_in_schema(table, said[:comma] + said[closing + 1:])


def add_check(table: str, constraint: str, rule: str) -> None:
    """A new CHECK. Rows that break it must be gone before."""
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({rule})")
        return
    said = _said_in_schema(table).rstrip()
    _say_in_schema(table, f"{said[:-1].rstrip()}, \n\tCONSTRAINT {constraint} CHECK ({rule})\n)")


def _find_check(table: str, said: str, constraint: str) -> tuple[int, int, int]:
    """Where in the table's text the CHECK begins, and where its brackets open and close."""
    start = said.find(f"CONSTRAINT {constraint} CHECK (")
    if start < 0:
        raise RuntimeError(f"{table} has no CHECK {constraint} to change")
    opening = said.index("(", start)
    depth, closing = 0, opening
    for closing in range(opening, len(said)):
        depth += {"(": 1, ")": -1}.get(said[closing], 0)
        if depth == 0:
            break
    return start, opening, closing


def allow_null(table: str, column: str, *, allowed: bool = True) -> None:
    """``column`` may be empty from now on (``allowed=False``: no more, once no row is empty)."""
    if op.get_bind().dialect.name == "postgresql":
        change = "DROP" if allowed else "SET"
        op.get_bind().exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {column} {change} NOT NULL")
        return
    said = _said_in_schema(table)
    full, bare = rf"(^\s*{column} [A-Z]+(?:\(\d+\))?) NOT NULL", rf"(^\s*{column} [A-Z]+(?:\(\d+\))?)(?= *,)"
    changed, times = re.subn(full if allowed else bare, r"\1" if allowed else r"\1 NOT NULL", said, flags=re.MULTILINE)
    if times != 1:
        raise RuntimeError(f"{table} has no such column {column}")
    _say_in_schema(table, changed)


def _said_in_schema(table: str) -> str:
    return str(op.get_bind().exec_driver_sql(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).scalar())


def _say_in_schema(table: str, changed: str) -> None:
    """As in ``allow_values``: what a row looks like on disk stays the same."""
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (changed, table))
    connection.exec_driver_sql(f"PRAGMA schema_version={int(version or 0) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
