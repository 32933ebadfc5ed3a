"""An event of a business's own Stripe is kept once, with the job that handles it."""
import json
from datetime import datetime
from functools import cache
from time import monotonic

from sqlalchemy import bindparam, cast, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Insert

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import facts, finish_reading, insert_unless_there, rows_of
from marketplace.foundation.ids import new_id
from marketplace.tracking.business_stripe.reading import DoorReading
from marketplace.tracking.models import DoorEventState, StripeDoor, StripeDoorEvent

KEPT_SECONDS = 5.0  # So late at most does another process learn of a new secret, or that a door is closed.
MOST_KEPT = 1_000  # Doors that this process remembers.

Secrets = tuple[str | None, str | None, datetime | None]

_DOORS, _EVENTS = rows_of(StripeDoor), rows_of(StripeDoorEvent)
_JOBS = rows_of(outbox.OutboxMessage)
DOOR = select(_DOORS.c.secret, _DOORS.c.old_secret, _DOORS.c.old_secret_until).where(
    _DOORS.c.id == bindparam("door_id"))


_kept: dict[str, tuple[float, Secrets]] = {}


def find_secrets(door_id: str) -> list[str]:
    """Those that count now, as of five seconds ago at the longest; none for a door that is closed or not there."""
    read_at, door = _kept.get(door_id, (-KEPT_SECONDS, (None, None, None)))
    if monotonic() - read_at >= KEPT_SECONDS:
        door = _read_secrets(door_id)
    secret, old, until = door
    is_old_valid = until is not None and clock.now() < until
    return [one for one in (secret, old if is_old_valid else None) if one]


def forget_secrets(door_id: str) -> None:
    """This process looks again at once; it has changed something itself."""
    _kept.pop(door_id, None)


def _read_secrets(door_id: str) -> Secrets:
    """Of doors that are not there nothing is remembered: whoever guesses fills no memory."""
    row = facts(DOOR, {"door_id": door_id}).first()
    finish_reading()
    if row is None:
        return None, None, None
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    door: Secrets = (row.secret, row.old_secret, row.old_secret_until)
    _kept[door_id] = (monotonic(), door)
    return door


def keep_event(connection: Connection, door_id: str, read: DoorReading) -> bool:
    """Whether it was new."""
    event_id = new_id("doorevent")
    event = {
        "id": event_id, "door_id": door_id, "stripe_id": read.stripe_id, "type": read.type, "told": read.told,
        "state": DoorEventState.RECEIVED, "happened_at": read.happened_at, "sale": read.sale, "payment": read.payment,
        "charge": read.charge, "subscription": read.subscription, "promotion": read.promotion, "facts": read.facts,
        "who": json.dumps(read.who) if read.who else None, "given_back_minor": 0, "outcome": None,
        "created_at": clock.now()}
    job = outbox.promised("handle_business_stripe", event_id=event_id)
    if connection.dialect.name == "postgresql":
        together = connection.execute(_together(), event | {f"job_{name}": value for name, value in job.items()})
        return bool(together.rowcount)
    made = connection.execute(insert_unless_there(_EVENTS), event)
    if made.rowcount:
        connection.execute(outbox.PROMISES, job)
    return bool(made.rowcount)


@cache
def _together() -> Insert:
    """Both rows in one statement: PostgreSQL is asked once less."""
    made = postgresql.insert(_EVENTS).values(
        {column.name: bindparam(column.name, type_=column.type) for column in _EVENTS.c}
    ).on_conflict_do_nothing().returning(_EVENTS.c.id).cte("made")
    names = ["id", "job", "arguments", "key", "due_at", "attempts", "created_at", "version"]
    promise = select(*(cast(bindparam(f"job_{name}", type_=_JOBS.c[name].type), _JOBS.c[name].type) for name in names))
    return insert(_JOBS).from_select(names, promise.select_from(made), include_defaults=False)
