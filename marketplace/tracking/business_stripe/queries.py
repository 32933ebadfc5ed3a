"""Reads of what a business's own Stripe said."""
from sqlalchemy import Select, select

from marketplace.tracking.models import StripeDoor, StripeDoorEvent


def events_at(door: StripeDoor) -> Select[StripeDoorEvent]:
    """Whoever has the door sees its events."""
    return select(StripeDoorEvent).where(StripeDoorEvent.door_id == door.id)
