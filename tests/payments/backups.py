"""A copy of the whole database, or of the sandbox, and the way back to it: an operator's backup, in milliseconds."""
import contextlib
import sqlite3
from typing import Any

from sqlalchemy import insert, text

from marketplace.foundation.db import Base, db
from tests.browsing import end_reading
from tests.sandbox_server import SandboxServer


class Backup:
    """Everything that is committed now. ``restore`` forgets all that came after it."""

    def __init__(self) -> None:
        end_reading()
        self._pages = sqlite3.connect(":memory:", check_same_thread=False)
        self._rows: dict[str, list[dict[str, Any]]] = {}
        if _on_sqlite():
            with contextlib.closing(sqlite3.connect(db.engine.url.database)) as live:
                live.backup(self._pages)
        else:
            with db.engine.connect() as connection:
                for table in Base.metadata.sorted_tables:
                    self._rows[table.name] = [dict(row) for row in connection.execute(table.select()).mappings()]

    def restore(self) -> None:
        end_reading()
        db.session.expire_all()
        if _on_sqlite():
            with contextlib.closing(sqlite3.connect(db.engine.url.database, timeout=10)) as live:
                self._pages.backup(live)
            return
        with db.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in Base.metadata.sorted_tables:
                connection.execute(table.delete())
                if self._rows[table.name]:
                    connection.execute(insert(table), self._rows[table.name])


class SandboxBackup:
    """Stripe as it is now. Only tests can have that."""

    def __init__(self, stripe: SandboxServer) -> None:
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        store = stripe.box.world.store
        with store._lock:
            store._database.backup(self._kept)

    def restore(self, stripe: SandboxServer) -> None:
        store = stripe.box.world.store
        with store._lock:
            self._kept.backup(store._database)


def _on_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"
