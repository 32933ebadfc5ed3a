"""Work promised inside a transaction and done after it, at least once, by a worker with a lease.

The row is the truth: there is no broker to lose it. A job that only touches the database runs in one
transaction together with its tick. A job that talks to another server is an Errand: its call runs with no
transaction open, and what came of it is written together with the tick.
"""
import logging
import random
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, Select, bindparam, insert, null, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation import audit, clock
from marketplace.foundation.db import (
    Base,
    Versioned,
    add_row,
    db,
    facts,
    finish_reading,
    rows_of,
    transaction,
    write_rows,
)
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id

LEASE = timedelta(seconds=120)  # Longer than the slowest errand (three calls of 25 s).
FIRST_WAIT = timedelta(seconds=10)  # Doubles with every attempt, ± 25 %.
LONGEST_WAIT = timedelta(hours=6)
MAX_ATTEMPTS = 14  # About a day and a half of trying; then a person must look (admin, Jobs).
ADDRESS = re.compile(r"[^\s<>'\"(){},;:]+@[^\s<>'\"(){},;:]+")

log = logging.getLogger(__name__)

_in_hand: ContextVar[str] = ContextVar("job_in_hand")
_attempt: ContextVar[int] = ContextVar("attempt_in_hand", default=1)


@dataclass(frozen=True)
class Errand:
    """``call(**arguments)`` asks another server; ``settle(outcome, **arguments)`` writes what came of it."""

    call: Callable[..., Any]
    settle: Callable[..., None]


Jobs = Mapping[str, Callable[..., None] | Errand]


class OutboxMessage(Versioned, Base):
    __tablename__ = "outbox_messages"
    __table_args__ = (
        Index(
            "outbox_messages_open_idx", "due_at",
            postgresql_where=text("done_at IS NULL AND dead_at IS NULL"),
            sqlite_where=text("done_at IS NULL AND dead_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("job"))
    job: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(unique=True)
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]


PROMISES = insert(rows_of(OutboxMessage))
OF_KEY = select(OutboxMessage.id).where(OutboxMessage.key == bindparam("key"))
_COLUMNS = rows_of(OutboxMessage).c
_NEXT = (
    select(_COLUMNS.id)
    .where(_COLUMNS.done_at.is_(None), _COLUMNS.dead_at.is_(None), _COLUMNS.due_at <= bindparam("now"),
           _COLUMNS.leased_until.is_(None) | (_COLUMNS.leased_until <= bindparam("now")))
    .order_by(_COLUMNS.due_at, _COLUMNS.id).limit(1).with_for_update(skip_locked=True))
_CHANGE = update(rows_of(OutboxMessage))
_LEASE = _CHANGE.where(_COLUMNS.id == _NEXT.scalar_subquery()).values(
    attempts=_COLUMNS.attempts + 1, leased_until=bindparam("until"), version=_COLUMNS.version + 1,
).returning(_COLUMNS.id, _COLUMNS.job, _COLUMNS.arguments, _COLUMNS.attempts)
_TICK = _CHANGE.where(_COLUMNS.id == bindparam("of"), _COLUMNS.attempts == bindparam("attempt")).values(
    done_at=bindparam("now"), leased_until=null(), last_error=null(), version=_COLUMNS.version + 1)


class LeaseLost(Exception):
    """Another worker took the job over because this one was too slow; its writes are rolled back."""


def promise(job: str, *, after: timedelta = timedelta(0), key: str | None = None, **arguments: str) -> None:
    """Run ``job`` once this transaction has committed, ``after`` a while; the same ``key`` only once ever."""
    if key is not None:
        write_rows()
        if facts(OF_KEY, {"key": key}).first():
            return
    now = clock.now()
    add_row(PROMISES, {"id": new_id("job"), "job": job, "arguments": arguments, "key": key, "due_at": now + after,
                       "attempts": 0, "created_at": now, "version": 1})


def promised(job: str, **arguments: str) -> dict[str, Any]:
    """The row of a promise to keep with PROMISES, for who has no session."""
    now = clock.now()
    return {"id": new_id("job"), "job": job, "arguments": arguments, "key": None, "due_at": now, "attempts": 0,
            "created_at": now, "version": 1}


def run_next(jobs: Jobs) -> bool:
    """Claim one due job and do it. False when nothing is due. A worker that dies only loses its lease."""
    claimed = _claim()
    if claimed is None:
        return False
    message_id, name, arguments, attempt = claimed
    _in_hand.set(message_id)
    _attempt.set(attempt)
    try:
        _do(jobs[name], arguments, message_id, attempt)
    except Exception as error:  # noqa: BLE001 - whatever it was: kept with the job, tried again, seen by an admin
        told = _tell(error)
        log.warning("job %s (%s) failed, attempt %s: %s", name, message_id, attempt, told)
        with transaction():
            _note_failure(message_id, attempt, told)
    return True


def do_now(errand: Errand, **arguments: str) -> None:
    """What the promised job would do, at once, for a person who waits; the job will find it done.

    Opens its own transaction, so it belongs where one may be opened. Raises what the errand's call raises.
    """
    finish_reading()
    outcome = errand.call(**arguments)
    with transaction():
        errand.settle(outcome, **arguments)


def job_in_hand() -> str:
    """The id of the job that runs now: the same each time it is tried again."""
    return _in_hand.get()


def attempt_in_hand() -> int:
    """How often the job that runs now was begun: above one, a call of an earlier attempt may still be under way."""
    return _attempt.get()


def _claim() -> tuple[str, str, dict[str, Any], int] | None:
    """Id, job, arguments, and which attempt it is."""
    now = clock.now()
    with transaction():
        row = facts(_LEASE, {"now": now, "until": now + LEASE}).first()
    return row and (row.id, row.job, row.arguments, row.attempts)


def _do(job: Callable[..., None] | Errand, arguments: dict[str, Any], message_id: str, attempt: int) -> None:
    if isinstance(job, Errand):
        finish_reading()
        outcome = job.call(**arguments)
        with transaction():
            job.settle(outcome, **arguments)
            _tick(message_id, attempt)
    else:
        with transaction():
            job(**arguments)
            _tick(message_id, attempt)


def _tick(message_id: str, attempt: int) -> None:
    ticked = facts(_TICK, {"of": message_id, "attempt": attempt, "now": clock.now()})
    if ticked.rowcount != 1:
        raise LeaseLost(message_id)


def _tell(error: Exception) -> str:
    """Mail servers repeat whom they refuse: no address of a person gets into the log or the list of jobs."""
    return ADDRESS.sub("(an address)", f"{type(error).__name__}: {error}")[:2000]


def _note_failure(message_id: str, attempt: int, told: str) -> None:
    message = db.session.get_one(OutboxMessage, message_id)
    if message.attempts != attempt or message.done_at:
        return
    message.leased_until = None
    message.last_error = told
    if attempt >= MAX_ATTEMPTS:
        message.dead_at = clock.now()
    else:
        message.due_at = clock.now() + wait_after(attempt)


def wait_after(attempt: int) -> timedelta:
    """10 s, 20 s, 40 s … at most 6 h, each ± 25 % so that jobs that failed together do not return together."""
    wait: timedelta = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
    return wait * random.uniform(0.75, 1.25)  # noqa: S311 - spreading load, not a secret


def due_now() -> Select[OutboxMessage]:
    """Open jobs whose time has come, leased ones among them; oldest first."""
    return select(OutboxMessage).where(
        OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None), OutboxMessage.due_at <= clock.now(),
    ).order_by(OutboxMessage.due_at)


def dead_letters() -> Select[OutboxMessage]:
    return select(OutboxMessage).where(OutboxMessage.dead_at.is_not(None)).order_by(OutboxMessage.dead_at.desc())


def revive(message: OutboxMessage, *, by: str) -> None:
    """Give a dead job its attempts back; an admin has looked."""
    if message.dead_at is None:
        raise Conflict("This job is not in the dead-letter list.", next_step="Reload the list.")
    message.dead_at, message.attempts, message.due_at = None, 0, clock.now()
    audit.record("job.revived", message.id, by=by, job=message.job)
