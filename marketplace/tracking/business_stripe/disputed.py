"""While a bank disputes a sale at a business's own Stripe, what it earned waits; also if it is counted only later."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.referrals.holds import hold_unsent
from marketplace.referrals.models import Conversion, ConversionSource, Reward
from marketplace.tracking.business_stripe.queries import is_of, names_of
from marketplace.tracking.models import Report, StripeDoor, StripeDoorEvent, Told
from marketplace.tracking.standing import rewards_of

E = StripeDoorEvent
OPEN = frozenset({"needs_response", "under_review"})
DISPUTED = "The buyer’s bank disputes the payment of this sale."


def hold_disputed(report: Report) -> None:
    """Once it is counted: what its bank disputed before is held, by the last word of each dispute."""
    door_id = db.session.scalar(select(StripeDoor.id).where(StripeDoor.business_id == report.business_id)) if (
        report.source is ConversionSource.STRIPE and (report.conversion_id or report.first_id)) else None
    if door_id is None:
        return
    said = db.session.scalars(select(E).where(
        E.door_id == door_id, E.told == Told.DISPUTE, is_of(*names_of(door_id, report.external_id)))).all()
    for event in {source_of(one): one for one in said}.values():
        if last_word(event) in OPEN:
            hold_unsent(rewards_of_report(report), source_id=source_of(event), reason=DISPUTED)


def last_word(event: StripeDoorEvent) -> str:
    """Of this dispute, in whatever order its events arrived: one that is over makes nobody wait any more."""
    said = db.session.scalars(select(E).where(
        E.door_id == event.door_id, E.told == Told.DISPUTE, is_of([event.payment], [event.charge]))).all()
    own = [one for one in said if one.facts["id"] == event.facts["id"]]
    last = max(own, key=lambda one: (one.happened_at, one.facts.get("status") not in OPEN, one.id), default=event)
    return str(last.facts.get("status", ""))


def rewards_of_report(report: Report) -> list[Reward]:
    counted_as = report.conversion_id or report.first_id  # Perhaps by another way before.
    return rewards_of(db.session.get(Conversion, counted_as) if counted_as else None)


def source_of(event: StripeDoorEvent) -> str:
    return f"{event.door_id}:{event.facts['id']}"
