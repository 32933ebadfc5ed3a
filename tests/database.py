"""Databases for the tests: made by the migrations, really committed to, and emptied between tests in milliseconds."""
import contextlib
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import URL, Engine, StaticPool, create_engine, event, make_url, text

KEPT = "alembic_version"
VACUUM_EVERY = 40  # Ways back taken: what was deleted is still looked through.
WayBack = Callable[[], None]


class Copies(Protocol):
    """Copies of all rows, kept beside the tables, by a session in which triggers and foreign keys are asleep."""

    past_rules: Engine  # What a hand in the database could write: each statement by itself.

    def make(self) -> WayBack:
        """Copies what is committed now. What it says brings exactly that back."""

    def let_go(self) -> None:
        """Nothing of the database is held any more, until it is needed again."""

    def close(self) -> None: ...


@cache
def copies_of(url: URL) -> Copies:
    return SqliteCopies(url) if url.get_backend_name() == "sqlite" else PostgresCopies(url)


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'test.sqlite'}"


def memory_folder(otherwise: Path) -> Path:
    """SQLite syncs every commit to the disk, as it must for money; a disk of memory makes that free."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and os.access(memory, os.W_OK) else otherwise


@contextlib.contextmanager
def fresh_postgres_database(server: str, name: str) -> Iterator[str]:
    """A new database on this server, dropped at the end. Needs a superuser, who may put triggers to sleep."""
    url = make_url(server)
    database = f"fingerpost_{name}_{os.getpid()}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{database}"'))
    try:
        yield url.set(database=database).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'))
        admin.dispose()


class SqliteCopies:
    """Row by row, not page by page: new pages are a new schema to every connection, which then reads it again, and
    compiles each of its statements again. It costs a short test more than all that the test does.
    """

    def __init__(self, url: URL) -> None:
        self._live = url.database or ""
        self._connection = sqlite3.connect(":memory:", timeout=10, isolation_level=None, check_same_thread=False,
                                           cached_statements=1_000)
        self.past_rules = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)
        event.listen(self.past_rules, "checkout", lambda *of: self._attached())
        self._is_attached = False
        self._schema = self._schema_now()
        self._tables = [name for (name,) in self._connection.execute(
            "SELECT name FROM live.sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name <> ?", (KEPT,))]
        self._filled = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM live.\"{name}\")" for name in self._tables)
        self._numbers = itertools.count(1)

    def make(self) -> WayBack:
        number = next(self._numbers)
        with self._transaction():
            copied = self._names_of_filled()
            for name in copied:
                self._connection.execute(f'CREATE TABLE main."{number} {name}" AS SELECT * FROM live."{name}"')

        def bring_back() -> None:
            if self._schema_now() != self._schema:
                pytest.exit("A test changed the tables or triggers of the shared database: see `past_rules`.", returncode=1)
            with self._transaction():
                for name in self._names_of_filled():
                    self._connection.execute(f'DELETE FROM live."{name}"')
                for name in copied:
                    self._connection.execute(f'INSERT INTO live."{name}" SELECT * FROM main."{number} {name}"')

        return bring_back

    def let_go(self) -> None:
        """Before a fork: a child would take its parent's locks for its own, and nobody would find the database left
        alone by those who died. It is taken again when it is needed.
        """
        if self._is_attached:
            self._connection.execute("DETACH live")
            self._is_attached = False

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._attached() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def _names_of_filled(self) -> list[str]:
        return [name for (name,) in self._connection.execute(self._filled)]

    def _schema_now(self) -> object:
        return self._attached().execute("PRAGMA live.schema_version").fetchone()

    def _attached(self) -> sqlite3.Connection:
        """This one connection reads the schema while the triggers are not in it; nobody is told that it changed.

        From Python 3.12 on it could be asked for by ``setconfig``.
        """
        connection = self._connection
        if not self._is_attached:
            connection.execute("ATTACH ? AS live", (self._live,))
            connection.execute("PRAGMA live.synchronous=OFF")
            connection.execute("PRAGMA writable_schema=ON")
            triggers = connection.execute("SELECT * FROM live.sqlite_schema WHERE type = 'trigger'").fetchall()
            connection.execute("DELETE FROM live.sqlite_schema WHERE type = 'trigger'")
            connection.execute("PRAGMA writable_schema=RESET")
            connection.execute(f"SELECT 1 FROM live.{KEPT}").fetchall()
            with contextlib.closing(sqlite3.connect(self._live, timeout=10, isolation_level=None)) as other:
                other.execute("PRAGMA writable_schema=ON")
                other.executemany("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", triggers)
            self._is_attached = True
        return connection


class PostgresCopies:
    """In a schema of their own, in a session of its own: to put triggers to sleep throws every plan of a session away."""

    def __init__(self, url: URL) -> None:
        self.past_rules = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=StaticPool)
        self._connection = self.past_rules.connect()
        self._connection.execute(text("SET session_replication_role = replica"))
        self._connection.execute(text("SET lock_timeout = '10s'"))  # A test that left a transaction open fails, not hangs.
        self._tables = [name for (name,) in self._connection.execute(text(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> :kept"), {"kept": KEPT})]
        self._vacuum = text("VACUUM " + ", ".join(f'public."{name}"' for name in self._tables))  # Not what is kept aside.
        self._numbers, self._turns = itertools.count(1), itertools.count(1)

    def make(self) -> WayBack:
        """By a function, whose statements are planned once: those of a DO block are each time."""
        schema = f"copy_{next(self._numbers)}"
        filled = [name for name in self._tables
                  if self._connection.scalar(text(f'SELECT 1 FROM public."{name}" LIMIT 1'))]
        self._connection.execute(text(f"CREATE SCHEMA {schema}"))
        for name in filled:
            self._connection.execute(text(f'CREATE TABLE {schema}."{name}" AS TABLE public."{name}"'))
        deletions = "".join(
            f'IF EXISTS (SELECT 1 FROM public."{name}") THEN DELETE FROM public."{name}"; END IF;\n' for name in self._tables)
        fillings = "".join(f'INSERT INTO public."{name}" SELECT * FROM {schema}."{name}";\n' for name in filled)
        self._connection.execute(text(f"CREATE FUNCTION {schema}.bring_back() RETURNS void LANGUAGE plpgsql "
                                      f"AS $$ BEGIN\n{deletions}{fillings}END $$"))
        command = text(f"SELECT {schema}.bring_back()")

        def bring_back() -> None:
            self._connection.execute(command)
            if next(self._turns) % VACUUM_EVERY == 0:  # The server of the tests does not by itself.
                self._connection.execute(self._vacuum)

        return bring_back

    def let_go(self) -> None:
        """A server of its own: nothing of it is in this process but a connection, which no child uses."""

    def close(self) -> None:
        self._connection.close()
        self.past_rules.dispose()
