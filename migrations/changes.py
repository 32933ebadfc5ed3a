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
