"""A copy of the whole database, or of the sandbox, and the way back to it: an operator's backup, in milliseconds."""
import atexit
import contextlib
import itertools
import sqlite3
from functools import cache

from sqlalchemy import URL, Engine, StaticPool, create_engine, event, text

from marketplace.foundation.db import Base, db
from tests.browsing import end_reading
from tests.sandbox_server import SandboxServer

_schemas = itertools.count(1)


class Backup:
    """Everything that is committed now. ``restore`` forgets all that came after it."""

    def __init__(self) -> None:
        end_reading()
        if _on_sqlite():
            self._pages = sqlite3.connect(":memory:", check_same_thread=False)
            with contextlib.closing(sqlite3.connect(db.engine.url.database)) as live:
                live.backup(self._pages)
        else:
            self._way_back = _copy_aside(f"backup_{next(_schemas)}")

    def restore(self) -> None:
        end_reading()
        db.session.expire_all()
        if _on_sqlite():
            with contextlib.closing(sqlite3.connect(db.engine.url.database, timeout=10)) as live:
                self._pages.backup(live)
        else:
            with _with_triggers_asleep(db.engine.url).connect() as connection:
                connection.execute(text(self._way_back))


@cache
def _with_triggers_asleep(url: URL) -> Engine:
    """One session that stays open: to put them to sleep throws every plan of a session away, and the product keeps its."""
    engine = create_engine(url, poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", lambda connection, record: connection.execute("SET session_replication_role = replica"))
    atexit.register(engine.dispose)
    return engine


def _copy_aside(schema: str) -> str:
    """Rows stay in the server, in a schema of their own; the command that brings them back."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    with db.engine.begin() as connection:
        filled = [name for name in tables if connection.scalar(text(f'SELECT 1 FROM "{name}" LIMIT 1'))]
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        for name in filled:
            connection.execute(text(f'CREATE TABLE {schema}."{name}" AS TABLE public."{name}"'))
        deletions = [f'IF EXISTS (SELECT 1 FROM "{name}") THEN DELETE FROM "{name}"; END IF;' for name in tables]
        insertions = [f'INSERT INTO "{name}" SELECT * FROM {schema}."{name}";' for name in filled]
        connection.execute(text("\n".join([
            f"CREATE FUNCTION {schema}.restore() RETURNS void LANGUAGE plpgsql",
            "AS $$ BEGIN", *deletions, *insertions, "END $$"])))
    return f"SELECT {schema}.restore()"


class SandboxBackup:
    """Stripe as it is now. Only tests can have that."""

    def __init__(self, stripe: SandboxServer) -> None:
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        store = stripe.box.world.store
        with store._lock:
            store._database.backup(self._kept)
        self._calls, self._received = list(stripe.box.calls), list(stripe.received)

    def restore(self, stripe: SandboxServer) -> None:
        store = stripe.box.world.store
        with store._lock:
            self._kept.backup(store._database)
        stripe.box.calls.clear()
        stripe.box.calls.extend(self._calls)
        stripe.received[:] = self._received


def _on_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"
