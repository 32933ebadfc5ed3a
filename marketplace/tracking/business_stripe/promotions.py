"""Stripe names a promotion code by an id of its own; the code that people type is told when it is made or changed."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.tracking.business_stripe.lifecycle import move_event
from marketplace.tracking.models import DoorEventState, StripeDoorEvent, Told


def learn_code(event: StripeDoorEvent) -> None:
    move_event(event, DoorEventState.COUNTED, outcome=f"The promotion code {event.facts.get('code', '')} is known.")


def find_code(door_id: str, promotion: str) -> str | None:
    """As it was last told."""
    told = db.session.scalar(select(StripeDoorEvent.facts).where(
        StripeDoorEvent.door_id == door_id, StripeDoorEvent.promotion == promotion,
        StripeDoorEvent.told == Told.PROMOTION).order_by(StripeDoorEvent.happened_at.desc()).limit(1))
    code: str | None = told.get("code") if told else None
    return code
