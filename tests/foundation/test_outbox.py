"""What is promised inside a transaction is done after it, at least once, and what fails is tried again or shown."""
import smtplib
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict
from marketplace.foundation.outbox import (
    FIRST_WAIT,
    LEASE,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    Errand,
    OutboxMessage,
    dead_letters,
    do_now,
    due_now,
    promise,
    revive,
    run_next,
    wait_after,
)
from tests.browsing import end_reading


def keep(note: str) -> None:
    """A job that only touches the database."""
    audit.record("note.kept", note, by=audit.SYSTEM)


def fail(note: str) -> None:
    keep(note)
    db.session.flush()
    raise ValueError("the letter box is full")


JOBS = {"keep": keep, "fail": fail}


def given(job: str, **promised) -> OutboxMessage:
    with transaction():
        promise(job, **{"note": "n", **promised})
    return only()


def only() -> OutboxMessage:
    end_reading()
    return db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id.desc())).first()


def kept() -> list[str]:
    end_reading()
    return list(db.session.scalars(select(audit.AuditEvent.subject_id).order_by(audit.AuditEvent.id)))


def test_a_promise_is_kept_once_after_its_transaction(app):
    with transaction():
        promise("keep", note="a")
        db.session.flush()
        assert kept_inside() == []
    assert run_next(JOBS) is True and kept() == ["a"]
    assert run_next(JOBS) is False and kept() == ["a"]
    assert only().done_at is not None and only().leased_until is None


def kept_inside() -> list[str]:
    return list(db.session.scalars(select(audit.AuditEvent.subject_id)))


def test_a_promise_of_a_transaction_that_failed_was_never_made(app):
    with pytest.raises(KeyError), transaction():
        promise("keep", note="a")
        raise KeyError
    assert run_next(JOBS) is False and kept() == []


def test_one_that_is_due_later_waits(app, later):
    given("keep", after=timedelta(days=30))
    later(days=29, hours=23)
    assert run_next(JOBS) is False
    later(hours=1)
    assert run_next(JOBS) is True and kept() == ["n"]


def test_the_longest_overdue_comes_first(app, later):
    with transaction():
        promise("keep", after=timedelta(hours=3), note="third")
        promise("keep", after=timedelta(hours=1), note="first")
        promise("keep", after=timedelta(hours=2), note="second")
    later(days=1)
    while run_next(JOBS):
        pass
    assert kept() == ["first", "second", "third"]


def test_a_key_is_promised_once_ever(app):
    for _ in range(2):
        given("keep", key="once")
        run_next(JOBS)
    with transaction():
        promise("keep", key="twice", note="m")
        promise("keep", key="twice", note="m")
    while run_next(JOBS):
        pass
    assert kept() == ["n", "m"]


def test_what_a_failed_job_wrote_is_gone_and_it_is_tried_again(app, later):
    given("fail")
    assert run_next(JOBS) is True
    failed = only()
    assert kept() == [] and failed.done_at is None and failed.attempts == 1
    assert failed.last_error == "ValueError: the letter box is full"
    assert timedelta(0) < failed.due_at - clock.now() <= FIRST_WAIT * 1.25
    assert run_next(JOBS) is False
    later(seconds=FIRST_WAIT.total_seconds() * 1.25)
    assert run_next({**JOBS, "fail": keep}) is True
    assert kept() == ["n"] and only().last_error is None and only().attempts == 2


def test_whom_a_mail_server_refused_is_told_to_nobody(app, caplog):
    """Its refusal repeats the address, which may be a buyer's."""
    def refuse(note: str) -> None:
        raise smtplib.SMTPRecipientsRefused({"david@example.com": (550, b"5.1.1 <david@example.com>: unknown")})

    given("refuse")
    assert run_next({"refuse": refuse}) is True
    assert "550" in only().last_error and "550" in caplog.text
    assert "david" not in only().last_error + caplog.text


def test_a_job_that_nobody_knows_is_kept_with_its_error(app):
    given("forgotten")
    assert run_next(JOBS) is True
    assert only().last_error == "KeyError: 'forgotten'" and only().done_at is None


@pytest.mark.once
@pytest.mark.parametrize("attempt", range(1, MAX_ATTEMPTS))
def test_each_wait_is_about_twice_the_one_before_and_never_over_six_hours(attempt):
    base = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
    waits = {wait_after(attempt) for _ in range(50)}
    assert len(waits) > 1 and all(base * 0.75 <= wait <= base * 1.25 for wait in waits)


def test_after_its_last_attempt_it_lies_dead_until_an_admin_revives_it(app, later):
    given("fail")
    for _ in range(MAX_ATTEMPTS):
        assert run_next(JOBS) is True
        later(hours=8)
    assert run_next(JOBS) is False
    dead = db.session.scalars(dead_letters()).one()
    assert dead.attempts == MAX_ATTEMPTS and dead.last_error and dead.done_at is None
    assert db.session.scalars(due_now()).all() == []
    with transaction():
        revive(dead, by="user_admin")
    assert db.session.scalars(dead_letters()).all() == [] and only().attempts == 0
    with pytest.raises(Conflict), transaction():
        revive(only(), by="user_admin")
    assert run_next({**JOBS, "fail": keep}) is True
    assert kept() == [dead.id, "n"]  # The revival is in the audit trail too.


def test_a_worker_that_died_in_the_middle_only_loses_its_lease(app, later):
    given("keep")
    assert outbox._claim() is not None  # ... and then the lights went out.
    assert run_next(JOBS) is False
    later(seconds=LEASE.total_seconds())
    assert run_next(JOBS) is True and kept() == ["n"] and only().attempts == 2


class Shop:
    """Another server, and what a call to it does meanwhile."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.meanwhile = lambda: None

    def call(self, note: str) -> str:
        assert not db.session().in_transaction(), "a transaction is open during a call"
        self.calls.append(outbox._in_hand.get(""))
        self.meanwhile()
        return f"receipt {len(self.calls)}"

    def settle(self, receipt: str, note: str) -> None:
        keep(f"{note}: {receipt}")

    @property
    def jobs(self):
        return {"shop": Errand(self.call, self.settle)}


def test_an_errand_calls_with_no_transaction_open_and_writes_the_outcome_with_its_tick(app):
    shop = Shop()
    given("shop")
    assert run_next(shop.jobs) is True
    assert kept() == ["n: receipt 1"] and only().done_at is not None


def test_an_errand_that_failed_calls_again_under_the_same_id(app, later):
    shop = Shop()
    def refuse() -> None: raise ConnectionError("nobody answers")
    shop.meanwhile = refuse
    promised = given("shop")
    run_next(shop.jobs)
    assert kept() == [] and only().last_error == "ConnectionError: nobody answers"
    shop.meanwhile = lambda: None
    later(minutes=1)
    run_next(shop.jobs)
    assert shop.calls == [promised.id] * 2 and kept() == ["n: receipt 2"]


def test_a_worker_slower_than_its_lease_writes_nothing_because_another_did(app, later):
    shop = Shop()

    def be_slow() -> None:
        shop.meanwhile = lambda: None
        later(seconds=LEASE.total_seconds() + 1)
        assert run_next(shop.jobs) is True
    shop.meanwhile = be_slow
    given("shop")
    assert run_next(shop.jobs) is True
    assert kept() == ["n: receipt 2"] and only().last_error is None and only().done_at is not None


def test_a_person_who_waits_has_it_done_at_once_and_the_job_finds_it_done(app):
    shop = Shop()
    do_now(shop.jobs["shop"], note="now")
    assert kept() == ["now: receipt 1"] and db.session.scalars(select(OutboxMessage)).all() == []
