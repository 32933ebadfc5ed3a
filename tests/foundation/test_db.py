"""One transaction round each change, times with a zone, and rules that the database itself keeps."""
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy
from flask import Flask
from sqlalchemy import CheckConstraint, UniqueConstraint, event, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm.exc import StaleDataError

from marketplace.foundation import audit
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import Base, UtcDateTime, db, finish_reading, transaction, violates
from marketplace.foundation.outbox import OutboxMessage
from marketplace.identity.models import Membership, User
from tests import factories as make


def event_row(subject: str = "x") -> AuditEvent:
    return AuditEvent(actor_id="user_1", action="a.b", subject_id=subject, details={})


def elsewhere(app: Flask, act: Callable[[], Any]) -> Any:
    """In another thread, with a session and connection of its own."""
    def run() -> Any:
        with app.app_context():
            try:
                return act()
            finally:
                db.session.remove()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=20)


def count() -> int:
    return len(db.session.scalars(select(AuditEvent)).all())


def test_all_of_a_transaction_or_nothing(app):
    with transaction():
        db.session.add(event_row())
    with pytest.raises(KeyboardInterrupt), transaction():
        db.session.add(event_row())
        db.session.flush()
        raise KeyboardInterrupt
    assert count() == 1 and elsewhere(app, count) == 1


def told() -> list[str]:
    return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_what_is_recorded_goes_with_its_transaction_and_with_its_savepoint(app):
    with pytest.raises(KeyboardInterrupt), transaction():
        audit.record("never.told", "x", by=audit.SYSTEM)
        raise KeyboardInterrupt
    with transaction():
        audit.record("told.first", "x", by=audit.SYSTEM)
        with pytest.raises(KeyboardInterrupt), db.session.begin_nested():
            audit.record("never.told", "x", by=audit.SYSTEM)
            raise KeyboardInterrupt
        with db.session.begin_nested():
            audit.record("told.second", "x", by=audit.SYSTEM)
        audit.record("told.last", "x", by=audit.SYSTEM)
    assert elsewhere(app, told) == ["told.first", "told.second", "told.last"]


def test_what_is_recorded_is_written_in_one_statement(app):
    seen = []
    event.listen(db.engine, "before_cursor_execute", lambda *told: seen.append((told[2].split()[0], told[5])))
    with transaction():
        for name in ("ana", "ben"):
            audit.record("told.once", "x", by=audit.SYSTEM)
            db.session.add(User(name=name, email=f"{name}@example.com", password_hash="-"))
            db.session.flush()
    assert [many for verb, many in seen if verb == "INSERT"] == [False, False, True]


def test_a_write_outside_a_transaction_is_refused(app):
    with pytest.raises(RuntimeError, match="a write outside transaction"):
        audit.record("never.told", "x", by=audit.SYSTEM)
    db.session.add(event_row())
    with pytest.raises(RuntimeError, match="a write outside transaction"):
        db.session.flush()
    db.session.rollback()
    user = make.make_user()
    user.name = "Somebody else"
    with pytest.raises(RuntimeError, match="a write outside transaction"):
        db.session.scalars(select(User)).all()  # Reading would flush it.
    db.session.rollback()


def test_there_is_one_transaction_a_request(app):
    with pytest.raises(RuntimeError, match="open already"), transaction(), transaction():
        pass
    with transaction():  # The mark of the failed one does not stay.
        db.session.add(event_row())
    assert count() == 1


def test_no_other_server_is_called_inside_a_transaction(app):
    with pytest.raises(RuntimeError, match="no call to another server"), transaction():
        finish_reading()


def test_what_was_read_before_is_read_anew_inside(app):
    user = make.make_user("Old Name")
    assert db.session.get_one(User, user.id).name == "Old Name"

    def rename() -> None:
        with transaction():
            db.session.get_one(User, user.id).name = "New Name"
    elsewhere(app, rename)
    with transaction():
        assert user.name == "New Name"


def test_readers_wait_for_nobody_and_see_only_what_is_committed(app):
    with transaction():
        db.session.add(event_row())
        db.session.flush()
        assert count() == 1
        assert elsewhere(app, count) == 0
    assert elsewhere(app, count) == 1


@pytest.mark.usefixtures("all_cores")
def test_no_acknowledged_change_is_lost_between_threads(app):
    user_id = make.make_user("0").id
    together = threading.Barrier(4)

    def add_one() -> int:
        with app.app_context():
            together.wait(timeout=20)
            done = 0
            for _ in range(5):
                try:
                    with transaction():
                        user = db.session.get_one(User, user_id)
                        user.name = str(int(user.name) + 1)
                    done += 1
                except StaleDataError:  # PostgreSQL: another one was faster, and we are told.
                    pass
            db.session.remove()
            return done

    with ThreadPoolExecutor(4) as pool:
        acknowledged = sum(task.result(timeout=30) for task in [pool.submit(add_one) for _ in range(4)])
    with transaction():
        assert int(db.session.get_one(User, user_id).name) == acknowledged > 0


@pytest.mark.database("postgresql")
def test_the_slower_of_two_changes_is_told(app):
    user = make.make_user("Ana")

    def rename() -> None:
        with transaction():
            db.session.get_one(User, user.id).name = "Faster"
    with pytest.raises(StaleDataError), transaction():
        assert user.name == "Ana"
        elsewhere(app, rename)
        user.name = "Slower"
    with transaction():
        assert user.name == "Faster"


def test_a_time_without_a_zone_is_refused_and_any_zone_comes_back_as_utc(app):
    with pytest.raises(StatementError, match="a time without a zone"), transaction():
        db.session.add(OutboxMessage(job="x", arguments={}, due_at=datetime(2026, 11, 2, 9, 0)))
    plus_two = datetime(2026, 11, 2, 11, 0, 0, 123456, timezone(timedelta(hours=2)))
    with transaction():
        db.session.add(OutboxMessage(job="x", arguments={}, due_at=plus_two))
    kept = elsewhere(app, lambda: db.session.scalar(select(OutboxMessage.due_at)))
    assert kept == plus_two and kept.tzinfo is UTC
    assert db.session.scalar(select(OutboxMessage.id).where(OutboxMessage.due_at == plus_two)) is not None
    assert UtcDateTime().process_result_value(None, None) is None


def test_the_database_knows_the_states(app):
    bounty = make.make_bounty()
    with pytest.raises(IntegrityError) as refused, transaction():
        db.session.execute(text("UPDATE bounties SET state = 'nonsense', published_at = created_at WHERE id = :id"), {"id": bounty.id})
    assert violates(refused.value, "bounties_bounty_state_known_check")


def test_a_broken_rule_can_be_told_from_another(app):
    ana = make.make_user()
    with pytest.raises(IntegrityError) as refused, transaction():
        db.session.add(User(name="Ana", email=ana.email, password_hash="x"))
    assert violates(refused.value, "users_email_key", "users.email")
    assert not violates(refused.value, "users_pk", "users.id")
    assert not violates(refused.value, "businesses_slug_key", "businesses.slug")


def test_nothing_refers_to_what_is_not_there(app):
    with pytest.raises(IntegrityError), transaction():
        db.session.add(Membership(business_id="biz_gone", user_id="user_gone", role="owner"))


def test_an_address_is_kept_in_one_spelling_by_the_database_too(app):
    user = make.make_user()
    with pytest.raises(IntegrityError), transaction():
        db.session.execute(update(User).where(User.id == user.id).values(email="ANA@example.com"))


def test_no_log_and_no_error_tells_what_is_in_the_rows(app, caplog):
    caplog.set_level("INFO")
    user = make.make_user("Confidential Name")
    with pytest.raises(IntegrityError) as refused, transaction():
        db.session.add(User(name="Confidential Name", email=user.email, password_hash="x"))
    assert "Confidential Name" not in str(refused.value)
    assert [record for record in caplog.records if record.name.startswith("sqlalchemy")] == []


@pytest.mark.once
def test_every_constraint_and_index_has_a_name():
    nameless = [
        f"{table.name}: {rule}" for table in Base.metadata.tables.values()
        for rule in (*table.constraints, *table.indexes)
        if rule.name is None or (isinstance(rule, CheckConstraint | UniqueConstraint) and not str(rule.name).startswith(table.name))]
    assert nameless == []


@pytest.mark.database("sqlite")
def test_sqlite_is_prepared_for_money(app):
    said = {name: db.session.execute(text(f"PRAGMA {name}")).scalar() for name in (
        "journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")}
    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1, "busy_timeout": 30_000}


@pytest.mark.database("sqlite")
def test_only_writers_take_the_write_lock(app):
    finish_reading()
    other = sqlite3.connect(db.engine.url.database or "", timeout=0, isolation_level=None)
    with contextlib.closing(other):
        count()
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        with transaction():
            count()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")


@pytest.mark.database("postgresql")
def test_a_rested_connection_whose_server_hung_up_is_replaced_unseen(app, monkeypatch):
    monkeypatch.delattr(db.engine.dialect, "do_ping")  # As the product has it.
    monkeypatch.setattr("marketplace.foundation.connections.RESTED_SECONDS", -1.0)  # Any rest is a long one.
    db.engine.dispose()  # Else another one's turn may come first, and this one dies in a later test.
    with db.engine.connect() as resting:
        backend = resting.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    killer = sqlalchemy.create_engine(db.engine.url)
    with killer.connect() as one:
        one.exec_driver_sql(f"SELECT pg_terminate_backend({backend})")
    killer.dispose()
    with db.engine.connect() as again:
        assert again.exec_driver_sql("SELECT pg_backend_pid()").scalar() != backend


@pytest.mark.database("postgresql")
def test_what_is_prepared_outlives_a_rollback_with_which_every_reader_ends(app):
    def ask() -> list[str]:
        with db.engine.connect() as connection:  # Its end is a rollback.
            return list(connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars())

    db.engine.dispose()
    prepared = [ask() for _ in range(7)][-1]  # What is asked more than five times is prepared.
    assert prepared and ask() == prepared


@pytest.mark.database("postgresql")
def test_what_was_prepared_and_fails_is_prepared_anew(app):
    def ask() -> object:
        with db.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT 42").scalar()

    db.engine.dispose()
    assert {ask() for _ in range(7)} == {42}
    with db.engine.connect() as connection:
        connection.connection.dbapi_connection.pgconn.exec_(b"DEALLOCATE ALL")  # Unseen, as by a pooler that changes the server.
    with pytest.raises(sqlalchemy.exc.DatabaseError):
        ask()
    assert ask() == 42
