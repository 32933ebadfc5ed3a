"""The database session, the model base class, and the one place that commits."""
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as SessionOfApp
from sqlalchemy import JSON, DateTime, Dialect, Enum, MetaData, Table, Text, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, SessionTransaction, declared_attr, mapped_column
from sqlalchemy.sql import Executable, Insert
from sqlalchemy.types import TypeDecorator

from marketplace.foundation import clock, connections


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


def state_type(enum: type[StrEnum]) -> Enum:
    """Text with a CHECK of the enum's values: readable in psql, and the database refuses typos."""
    words = "".join("_" + c.lower() if c.isupper() else c for c in enum.__name__).lstrip("_")
    return Enum(
        enum, native_enum=False, create_constraint=True, validate_strings=True, length=40,
        name=f"{words}_known", values_callable=lambda e: [m.value for m in e],
    )


def state_column(enum: type[StrEnum], **options: Any) -> Mapped[Any]:
    return mapped_column(state_type(enum), **options)


class SessionWithRows(SessionOfApp):
    """Also keeps rows that nobody needs as objects; at the end each table's are written in one statement."""

    def __init__(self, db: SQLAlchemy, **options: Any) -> None:
        super().__init__(db, **options)
        self.rows: dict[Insert, list[Mapping[str, Any]]] = {}
        self.endings: dict[Callable[[list[Any]], None], list[Any]] = {}

    def end(self) -> None:
        endings, self.endings = self.endings, {}
        for call, items in endings.items():
            call(items)

    def write_rows(self) -> None:
        rows, self.rows = self.rows, {}
        for insert, some in rows.items():
            self.connection().execute(insert, some)

    def begin_nested(self) -> SessionTransaction:
        self.write_rows()  # What was kept before a savepoint stays when it is rolled back.
        return super().begin_nested()

    def rollback(self) -> None:
        self.rows, self.endings = {}, {}
        super().rollback()


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False, "class_": SessionWithRows})

Row = TypeVar("Row", bound=Base)

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
        _session().end()
        db.session.flush()
        _session().write_rows()
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        _writing.reset(opened)


@contextmanager
def savepoint(*, keep: bool = True) -> Iterator[None]:
    """All inside or nothing of it; what was done before stays, and the transaction goes on. ``keep=False``: nothing.

    So a verb can be tried, to see what it would do. Locks that it took are held to the end.
    """
    session = _session()
    endings = {call: list(items) for call, items in session.endings.items()}
    nested = session.begin_nested()
    try:
        yield
        session.flush()
        session.write_rows()
    except BaseException:
        keep = False
        raise
    finally:
        if keep:
            nested.commit()
        else:
            nested.rollback()
            session.endings = endings


@contextmanager
def plain_transaction() -> Iterator[Connection]:
    """A transaction without a session, for a door that only keeps what it is given: half the cost of the other one.

    It is no less a transaction: opened by routes alone, and neither inside the other.
    """
    if _writing.get():
        raise RuntimeError("a transaction is open already: one per request")
    opened = _writing.set(True)
    try:
        with db.engine.begin() as connection:
            yield connection
    finally:
        _writing.reset(opened)


def add_row(insert: Insert, row: Mapping[str, Any]) -> None:
    """A row that nobody needs as an object, with all of its columns: a fifth of an object's cost.

    ``insert`` is one made once, for all of its rows. They are written when the transaction ends, in the order given, or
    by ``write_rows`` for who has to read them before.
    """
    if not _writing.get():
        raise RuntimeError("a write outside transaction()")
    _session().rows.setdefault(insert, []).append(row)


def write_rows() -> None:
    _session().write_rows()


def at_the_end(call: Callable[[list[Any]], None], item: object) -> None:
    """``call`` gets all that was given to it in this transaction, once, at its end and still inside it."""
    _session().endings.setdefault(call, []).append(item)


def _session() -> SessionWithRows:
    return cast("SessionWithRows", db.session())


def facts(
    statement: Executable, given: Mapping[str, Any] | Sequence[Mapping[str, Any]],
) -> CursorResult[*tuple[Any, ...]]:
    """Columns, by a statement made once with ``bindparam``: an eighth of the cost of one that is built to load objects.

    What the session has changed is written first.
    """
    session = db.session()
    session.flush()
    return session.connection().execute(statement, given)


def as_object(model: type[Row], columns: Mapping[str, Any]) -> Row:
    """A row that was written by its columns, to be read like any other and never added: a third of the cost of saying
    each of them."""
    found = model()
    vars(found).update(columns)
    return found


def is_just_written(row: "Base") -> bool:
    """``as_object`` made it, in this very transaction: nobody else has seen it yet."""
    return inspect(row).transient


def rows_of(model: type["Base"]) -> Table:
    return cast("Table", model.__table__)


def insert_unless_there(into: Any, *returning: Any) -> Insert:
    """Rows that break a unique rule are left out, and not among what is returned. Made once for each table."""
    return _insert_unless_there(db.engine.dialect.name, into, returning)


@cache
def _insert_unless_there(dialect: str, into: Any, returning: tuple[Any, ...]) -> Insert:
    plain = postgresql.insert if dialect == "postgresql" else sqlite.insert
    made: Insert = plain(into).on_conflict_do_nothing()
    return made.returning(*returning) if returning else made


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
        **({"connect_args": {"timeout": 30, "check_same_thread": False,
                             "cached_statements": connections.STATEMENTS_KEPT}}
           if on_sqlite else {"pool_size": 10, "max_overflow": 20}),
    }
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    if on_sqlite:
        connections.keep_for_sqlite(engine)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        connections.keep_for_postgresql(engine)


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue up at once; readers take no lock at all."""
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    driver.execute("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


@event.listens_for(SessionWithRows, "after_soft_rollback")
def _forget_rows(session: SessionWithRows, transaction: SessionTransaction) -> None:
    """Of a savepoint, too."""
    session.rows = {}


@event.listens_for(Session, "before_flush")
def _refuse_writes_outside(session: Session, *details: object) -> None:
    if not _writing.get() and (session.new or session.dirty or session.deleted):
        raise RuntimeError("a write outside transaction()")
