"""The connections to the database: what each driver is told before it is used, and how long one is trusted."""
import sqlite3
from collections.abc import Callable
from time import monotonic
from typing import Any

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

RESTED_SECONDS = 1.0  # A connection that rested for longer is asked whether its server is still there.
STATEMENTS_KEPT = 1_000  # Either driver’s hundred are fewer than ours: each would be planned anew.


def keep_for_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _prepare_sqlite)


def keep_for_postgresql(engine: Engine) -> None:
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _seeing_whether_it_is_there(engine.dialect))


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # As shipped the driver loses updates: docs/decisions/0002-sqlite.md.
    for pragma in (
        "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "busy_timeout=30000",
        "cache_size=-16000",  # KiB: the upper pages of an index of twenty million rows; as shipped it is 2,000.
    ):
        connection.execute(f"PRAGMA {pragma}")


class StatementKeeper(psycopg.Connection[Any]):
    """As shipped each rollback throws away all that was prepared, as it might have taken tables back. Ours never
    makes tables, and all that only reads ends with a rollback: everything would be planned anew each time. After an
    error it is thrown away as shipped: what was prepared may be what failed, and would fail for ever.
    """

    def rollback(self) -> None:
        if self.pgconn.transaction_status == TransactionStatus.INTRANS:
            with self.lock:
                done = self.pgconn.exec_(b"ROLLBACK")
            if done.status == ExecStatus.COMMAND_OK:
                return
        super().rollback()


def _connect(
    dialect: Dialect, record: ConnectionPoolEntry, arguments: list[Any], named: dict[str, Any]
) -> StatementKeeper:
    connection = StatementKeeper.connect(*arguments, **named)
    connection.prepared_max = STATEMENTS_KEPT
    return connection


def _note_rest(connection: psycopg.Connection[Any] | None, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = monotonic()


def _seeing_whether_it_is_there(dialect: Dialect) -> Callable[..., None]:
    """After a rest alone: asked each time, it is a third of what a short transaction costs.

    It is told its dialect: a redirect uses connections with no application around it.
    """
    def see(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        if monotonic() - record.info.get("rests_since", monotonic()) > RESTED_SECONDS:
            try:
                dialect.do_ping(connection)  # type: ignore[arg-type]
            except dialect.loaded_dbapi.Error as gone:
                raise InvalidatePoolError("the server hung up") from gone
    return see
