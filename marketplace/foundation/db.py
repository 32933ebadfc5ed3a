"""The database session, the model base class, and the one place that commits."""
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, MetaData, String, Text, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from marketplace.foundation import clock


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on every database; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NAMES = {  # Every constraint has a name, so that migrations and error handlers can point at it.
    "pk": "%(table_name)s_pk",
    "fk": "%(table_name)s_%(column_0_name)s_fk",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {
        str: Text, datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON,
    }

    created_at: Mapped[datetime] = mapped_column(default=lambda: clock.now(), sort_order=90)


class Versioned:
    """Two people cannot change one row at once: the slower one is told so (409)."""

    @declared_attr
    def version(cls) -> Mapped[int]:
        return mapped_column(default=1, sort_order=91)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


def state_column(enum: type[StrEnum], **options: Any) -> Mapped[Any]:
    """Text with a CHECK of the enum's values: readable in psql, and the database refuses typos."""
    words = "".join("_" + c.lower() if c.isupper() else c for c in enum.__name__).lstrip("_")
    values = Enum(
        enum, native_enum=False, create_constraint=True, validate_strings=True, length=40,
        name=f"{words}_known", values_callable=lambda e: [m.value for m in e],
    )
    return mapped_column(values, **options)


def minor_column(name: str, **options: Any) -> Mapped[int]:
    """Whole smallest units of a currency."""
    return mapped_column(name, BigInteger, **options)


def currency_column(**options: Any) -> Mapped[str]:
    return mapped_column("currency", String(3), **options)


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})

_writing: ContextVar[bool] = ContextVar("writing", default=False)


@contextmanager
def transaction() -> Iterator[None]:
    """Commit everything inside, or nothing. Opened by routes, jobs and commands, nowhere else.

    Rows read before are read anew inside, under the lock, so that no decision rests on an old reading.
    """
    if _writing.get():
        raise RuntimeError("a transaction is open already: one per request")
    db.session.rollback()
    db.session.expire_all()  # With nothing read since the last commit, rollback() alone forgets nothing.
    opened = _writing.set(True)
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        _writing.reset(opened)


def finish_reading() -> None:
    """Give the connection back before a slow call to somebody else's server."""
    if _writing.get():
        raise RuntimeError("no call to another server inside a transaction")
    db.session.rollback()


def violates(error: IntegrityError, constraint: str, *columns: str) -> bool:
    """Whether this very rule was broken. SQLite names a unique rule's columns, not the rule itself."""
    said = str(error.orig)
    return constraint in said or bool(columns and all(column in said for column in columns))


def init_app(app: Flask, database_url: str) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    on_sqlite = make_url(database_url).get_backend_name() == "sqlite"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "hide_parameters": True,  # No error message, kept with a job or logged, tells what was in a row.
        **({"connect_args": {"timeout": 30, "check_same_thread": False}} if on_sqlite
           else {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 20}),
    }
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    if on_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # As shipped the driver loses updates: docs/decisions/0002-sqlite.md.
    for pragma in (
        "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "busy_timeout=30000",
        "cache_size=-16000",  # KiB: the upper pages of an index of twenty million rows; as shipped it is 2,000.
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue up at once; readers take no lock at all."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


@event.listens_for(Session, "before_flush")
def _refuse_writes_outside(session: Session, *details: object) -> None:
    if not _writing.get() and (session.new or session.dirty or session.deleted):
        raise RuntimeError("a write outside transaction()")
