"""An event of a business's own Stripe is kept once, with the job that handles it."""
import json

from sqlalchemy import bindparam, select

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import facts, insert_unless_there, rows_of
from marketplace.foundation.ids import new_id
from marketplace.tracking.business_stripe.reading import DoorReading
from marketplace.tracking.models import DoorEventState, StripeDoor, StripeDoorEvent

_DOORS = rows_of(StripeDoor)
DOOR = select(_DOORS.c.id, _DOORS.c.secret, _DOORS.c.old_secret, _DOORS.c.old_secret_until).where(
    _DOORS.c.id == bindparam("door_id"))


def find_secrets(door_id: str) -> list[str]:
    """Those that count now; none for a door that is closed, or not there."""
    door = facts(DOOR, {"door_id": door_id}).first()
    if door is None or door.secret is None:
        return []
    is_old_valid = door.old_secret_until is not None and clock.now() < door.old_secret_until
    return [door.secret, *([door.old_secret] if is_old_valid else [])]


def keep_event(door_id: str, read: DoorReading) -> bool:
    """Whether it was new."""
    event_id = new_id("doorevent")
    rows = rows_of(StripeDoorEvent)
    made = facts(insert_unless_there(rows, rows.c.id), {
        "id": event_id, "door_id": door_id, "stripe_id": read.stripe_id, "type": read.type, "told": read.told,
        "state": DoorEventState.RECEIVED, "happened_at": read.happened_at, "sale": read.sale, "payment": read.payment,
        "charge": read.charge, "subscription": read.subscription, "promotion": read.promotion, "facts": read.facts,
        "who": json.dumps(read.who) if read.who else None, "given_back_minor": 0, "outcome": None,
        "created_at": clock.now()}).first()
    if made is not None:
        outbox.promise("handle_business_stripe", event_id=event_id)
    return made is not None
