"""While a bank disputes a sale at a business's own Stripe, what it earned waits; also if it is counted only later."""
from collections.abc import Sequence

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
    rewards = rewards_of_report(report) if said else []
    for source, word in _last_words(said).items():
        if word in OPEN:
            hold_unsent(rewards, source_id=source, reason=DISPUTED)


def last_word(event: StripeDoorEvent) -> str:
    """Of this dispute, in whatever order its events arrived: one that is over makes nobody wait any more."""
    return _last_words([event])[source_of(event)]


def _last_words(events: Sequence[StripeDoorEvent]) -> dict[str, str]:
    """The same of all disputes that these events of one door tell of, by source."""
    said = db.session.scalars(select(E).where(
        E.door_id == events[0].door_id, E.told == Told.DISPUTE,
        is_of([one.payment for one in events], [one.charge for one in events]))).all() if events else ()
    in_order = sorted({*events, *said}, key=lambda one: (
        one.happened_at, one.facts.get("status") not in OPEN, one.id))
    named = {source_of(one) for one in events}
    return {source_of(one): str(one.facts.get("status", "")) for one in in_order if source_of(one) in named}


def rewards_of_report(report: Report) -> list[Reward]:
    counted_as = report.conversion_id or report.first_id  # Perhaps by another way before.
    return rewards_of(db.session.get(Conversion, counted_as) if counted_as else None)


def source_of(event: StripeDoorEvent) -> str:
    return f"{event.door_id}:{event.facts['id']}"
