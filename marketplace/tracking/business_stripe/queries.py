"""Reads of what a business's own Stripe said."""
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, or_, select

from marketplace.foundation.db import db
from marketplace.tracking.models import StripeDoor, StripeDoorEvent

E = StripeDoorEvent


def events_at(door: StripeDoor) -> Select[StripeDoorEvent]:
    """Whoever has the door sees its events."""
    return select(StripeDoorEvent).where(StripeDoorEvent.door_id == door.id)


def names_of(door_id: str, sale: str) -> tuple[list[str | None], list[str | None]]:
    """The payments and charges that paid for it."""
    rows: Sequence[tuple[str | None, str | None]] = [(row.payment, row.charge) for row in db.session.execute(
        select(E.payment, E.charge).where(E.door_id == door_id, E.sale == sale))]
    return [one for one, _ in rows if one], [one for _, one in rows if one]


def is_of(payments: Sequence[str | None], charges: Sequence[str | None]) -> ColumnElement[bool]:
    return or_(E.payment.in_([one for one in payments if one]), E.charge.in_([one for one in charges if one]))
