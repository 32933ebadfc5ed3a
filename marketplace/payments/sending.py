"""Ask, commit, send, settle: how a call that moves money at Stripe is made so that it happens once.

    ask      a row with its key and the ledger's posting, in the caller's transaction
    commit   ``start_sending`` in a job of its own: from here on the call may have been made
    send     ``send_once``, with no transaction open; killed at any point, it is simply done again
    settle   what came of it, in one transaction with the job's tick

A repeat with the same key is answered by Stripe with the first result (also a stored 500), compared by parameters,
for at least 24 hours; then the key would be a *new* request (docs.stripe.com/api/idempotent_requests). So a key is
used for 23 hours; after that, and when it is burnt, we look the object up by our id in its metadata, and only if it
is not there make the next key, kept in a transaction of its own before it is used.
"""
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from marketplace.foundation import clock
from marketplace.foundation.db import Base, db, finish_reading
from marketplace.foundation.outbox import attempt_in_hand
from marketplace.payments.stripe_readings import OutcomeUnknown, PermanentFailure, TemporaryFailure

KEY_LIVES = timedelta(hours=23)
# Nobody sends with the old key any more, and a call under way (75 s at most) has ended, before we look and renew.
QUIET = timedelta(minutes=15)

T = TypeVar("T")
R = TypeVar("R", bound=Base)


class Sendable(Protocol):
    id: str
    idempotency_key: str
    attempt_no: int
    first_sent_at: datetime | None


@dataclass(frozen=True)
class Refused:
    """Stripe's no, with its code and words."""

    code: str
    message: str


@dataclass(frozen=True)
class NotThere:
    """Looked up and not found: the attempt of this number came to nothing."""

    attempt_no: int


def read_alone(model: type[R], row_id: str) -> R:
    """The row as it is now, apart from any session: no transaction is open while Stripe thinks."""
    row = db.session.get_one(model, row_id)
    db.session.expunge(row)
    finish_reading()
    return row


def make_key(row_id: str, attempt_no: int = 1) -> str:
    return hashlib.sha256(f"{row_id}|{attempt_no}".encode()).hexdigest()


def start_sending(row: Sendable) -> None:
    """From the commit of this on, the row's key may be in use."""
    row.first_sent_at = clock.now()


def may_be_under_way(row: Sendable) -> bool:
    """Whether a call begun by an earlier attempt of the job in hand may not have ended: it is not there *yet*."""
    assert row.first_sent_at is not None
    return attempt_in_hand() > 1 and clock.now() < row.first_sent_at + QUIET


def renew_key(row: Sendable, outcome: NotThere) -> bool:
    """The next attempt's key, if nobody else was faster; committed before it is used."""
    if row.attempt_no != outcome.attempt_no:
        return False
    row.attempt_no += 1
    row.idempotency_key = make_key(row.id, row.attempt_no)
    row.first_sent_at = clock.now()
    return True


def send_once(row: Sendable, *, send: Callable[[str], T], find: Callable[[], T | None]) -> T | Refused | NotThere:
    """``send(key)``, or what ``find`` sees where sending is no longer safe. TemporaryFailure: not known, try again."""
    assert row.first_sent_at is not None
    age = clock.now() - row.first_sent_at
    if age > KEY_LIVES:
        if age < KEY_LIVES + QUIET:
            raise TemporaryFailure("the key is too old to use and too young to replace")
        return look_up(row, find)
    try:
        return send(row.idempotency_key)
    except OutcomeUnknown:
        return look_up(row, find)
    except PermanentFailure as failure:
        return Refused(failure.code, str(failure))


def look_up(row: Sendable, find: Callable[[], T | None]) -> T | NotThere:
    found = find()
    return NotThere(row.attempt_no) if found is None else found
