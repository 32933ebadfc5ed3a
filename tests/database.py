"""Databases for the tests: made by the migrations, really committed to, and emptied between tests in milliseconds."""
import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, make_url, text

KEPT = "alembic_version"
VACUUM_EVERY = 20  # Emptyings: what was deleted is still looked through.


class Emptying(Protocol):
    """Brings the database back to how the migrations left it."""

    def __call__(self) -> object: ...


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


@contextlib.contextmanager
def sqlite_emptying(url: str) -> Iterator[Emptying]:
    """Copies the freshly migrated pages back over the file: triggers that refuse DELETE see nothing of it."""
    live = make_url(url).database or ""
    template = sqlite3.connect(":memory:", check_same_thread=False)
    with contextlib.closing(sqlite3.connect(live)) as source:
        source.backup(template)

    def empty() -> None:
        with contextlib.closing(sqlite3.connect(live, timeout=10)) as target:
            template.backup(target)

    yield empty
    template.close()


@contextlib.contextmanager
def postgres_emptying(url: str) -> Iterator[Emptying]:
    """Deletes what is there with triggers and foreign keys asleep for this one session."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        tables = [name for (name,) in connection.execute(text(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> :kept"), {"kept": KEPT})]
        filled = [name for name in tables if connection.scalar(text(f'SELECT 1 FROM "{name}" LIMIT 1'))]
        connection.execute(text("CREATE SCHEMA as_migrated"))
        for name in filled:
            connection.execute(text(f'CREATE TABLE as_migrated."{name}" AS TABLE public."{name}"'))
    deletions = "".join(
        f'IF EXISTS (SELECT 1 FROM "{name}") THEN DELETE FROM "{name}"; END IF;\n' for name in tables
    )
    fillings = "".join(f'INSERT INTO "{name}" SELECT * FROM as_migrated."{name}";\n' for name in filled)
    with engine.connect() as connection:
        # In a session of its own, as to put triggers to sleep throws every plan of a session away; and by a function,
        # whose statements are planned once: those of a DO block are each time.
        connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text("CREATE FUNCTION as_migrated.empty() RETURNS void LANGUAGE plpgsql "
                                f"AS $$ BEGIN\n{deletions}{fillings}END $$"))
        command = text("SELECT as_migrated.empty()")
        connection.execute(text("SET lock_timeout = '10s'"))  # A test that left a transaction open fails, not hangs.
        turns = itertools.count(1)

        def empty() -> None:
            connection.execute(command)
            if next(turns) % VACUUM_EVERY == 0:  # The server of the tests does not by itself.
                connection.execute(text("VACUUM"))

        yield empty
    engine.dispose()
