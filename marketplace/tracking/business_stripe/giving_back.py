"""What was refunded at a business's own Stripe, or lost to a bank: its part of the sale, whatever comes first.

Stripe says it twice, as refunds and as the sum of a charge, in any order. So what was given back is reckoned anew from
all that was said, and only what is more than before is reported.
"""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.identity.models import Business
from marketplace.referrals.holds import hold_unsent, lift_unsent
from marketplace.referrals.models import ConversionSource, Reward
from marketplace.tracking.business_stripe.disputed import DISPUTED, OPEN, last_word, rewards_of_report, source_of
from marketplace.tracking.business_stripe.lifecycle import move_event
from marketplace.tracking.business_stripe.queries import is_of, names_of
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.models import DoorEventState, ReportKind, StripeDoorEvent, Told
from marketplace.tracking.report_outcomes import find_report
from marketplace.tracking.reported import Reported

S, E = DoorEventState, StripeDoorEvent
GIVING_BACK = (Told.REFUND, Told.REFUNDED, Told.DISPUTE)
SELLING = (Told.CHECKOUT, Told.INVOICE)
LOST, WON = "lost", "won"


def count_giving_back(event: StripeDoorEvent, business: Business) -> None:
    sale = _find_sale(event)
    if sale is None:
        move_event(event, S.WAITING, outcome="It waits for the sale that it is about.")
        return
    if event.told is Told.DISPUTE and (status := last_word(event)) != LOST:
        _hold(event, status, sale, business)
        return
    gross, net = sale.facts["gross"], sale.facts["net"]
    back = min(_given_back(event.door_id, str(sale.sale)), gross)
    more = net * back // gross - sale.given_back_minor  # Rounded down: in favour of the referrer.
    if more <= 0:
        move_event(event, S.IGNORED, outcome="Nothing more was given back than was counted before.")
    else:
        taken = take_conversion(business, Reported(
            external_id=f"{event.facts['id']}:{back}", kind=ReportKind.REFUND, refund_of=sale.sale,
            amount=Money(more, sale.facts["currency"]), at=event.happened_at,
            raw={"event": event.stripe_id, "type": event.type, **event.facts},
        ), source=ConversionSource.STRIPE, by=None)
        sale.given_back_minor += more
        move_event(event, S.COUNTED, outcome=f"Refund: {taken.state}. {' '.join(taken.reasons)}".strip())
    if event.told is Told.DISPUTE:
        lift_unsent(_rewards(sale, business), source_of(event), why="the bank decided")


def _hold(event: StripeDoorEvent, status: str, sale: StripeDoorEvent, business: Business) -> None:
    """While the bank decides, what the sale earned and was not sent yet waits, also what is released."""
    rewards = _rewards(sale, business)
    if status == WON:
        lift_unsent(rewards, source_of(event), why="the bank decided for the business")
        move_event(event, S.COUNTED, outcome="The bank decided for you; rewards go on.")
    elif status in OPEN:
        hold_unsent(rewards, source_id=source_of(event), reason=DISPUTED)
        move_event(event, S.COUNTED, outcome="Rewards of this sale wait until the bank has decided.")
    else:  # A question of the bank, or one that was settled otherwise.
        lift_unsent(rewards, source_of(event), why="the bank does not dispute it any more")
        move_event(event, S.IGNORED, outcome="The bank only asks, or asks no more: nothing follows from it.")


def _rewards(sale: StripeDoorEvent, business: Business) -> list[Reward]:
    report = find_report(business.id, ConversionSource.STRIPE, str(sale.sale))
    return rewards_of_report(report) if report else []


def _find_sale(event: StripeDoorEvent) -> StripeDoorEvent | None:
    """The first event that told of it, locked: of two refunds at once the second sees what the first counted."""
    name = db.session.scalar(select(E.sale).where(
        E.door_id == event.door_id, E.told.in_((*SELLING, Told.INVOICE_PAYMENT)), E.sale.is_not(None),
        is_of([event.payment], [event.charge])).order_by(E.id).limit(1))
    if name is None:
        return None
    found = db.session.scalars(
        select(E).where(E.door_id == event.door_id, E.sale == name, E.told.in_(SELLING)).order_by(E.id)
        .with_for_update().execution_options(populate_existing=True)).all()
    return next((one for one in found if one.facts["gross"] > 0 and one.facts["net"] > 0 and "currency" in one.facts),
                None)


def _given_back(door_id: str, sale: str) -> int:
    """By the refunds themselves or by the charge's sum, whichever says more; and what the bank took besides."""
    payments, charges = names_of(door_id, sale)
    said = db.session.scalars(select(E).where(
        E.door_id == door_id, E.told.in_(GIVING_BACK), is_of(payments, charges)).order_by(E.happened_at, E.id)).all()
    latest = {(one.told, one.facts["id"]): one.facts for one in said}  # Of each refund and dispute, its last word.
    refunds = sum(facts["amount"] for (told, _), facts in latest.items()
                  if told is Told.REFUND and facts.get("status", "succeeded") == "succeeded")
    summed = max((one.facts["amount"] for one in said if one.told is Told.REFUNDED), default=0)
    lost = sum(facts["amount"] for (told, _), facts in latest.items()
               if told is Told.DISPUTE and facts.get("status") == LOST)
    return int(max(refunds, summed) + lost)


def waiting_for(door_id: str, sale: str) -> Sequence[str]:
    """Events that came before what they are about."""
    return db.session.scalars(select(E.id).where(
        E.door_id == door_id, E.state == S.WAITING, is_of(*names_of(door_id, sale))).order_by(E.id)).all()
