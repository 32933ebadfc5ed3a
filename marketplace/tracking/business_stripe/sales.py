"""What was bought at a business's own Stripe is reported as from any other source, once, whichever event says it."""
import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.identity.models import Business
from marketplace.referrals.models import ConversionSource
from marketplace.tracking.business_stripe.disputed import hold_disputed
from marketplace.tracking.business_stripe.lifecycle import move_event
from marketplace.tracking.business_stripe.promotions import find_code
from marketplace.tracking.counting import COUNTED_KINDS
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.models import DoorEventState, Report, ReportKind, ReportState, StripeDoorEvent, Told
from marketplace.tracking.report_outcomes import Outcome, find_report
from marketplace.tracking.reported import Reported

S = DoorEventState
FIRST, AGAIN, BY_HAND = "subscription_create", "subscription_cycle", "manual"  # Stripe's reasons for an invoice.
CHECKOUT_COMES_WITHIN = timedelta(minutes=10)  # Of its first invoice; the checkout alone knows the click.
BROUGHT = ("click", "code", "lead", "promotion")


def count_checkout(event: StripeDoorEvent, business: Business) -> None:
    said = event.facts
    if not said["is_paid"]:
        _ignore(event, "It is not paid yet; Stripe tells us when it is.")
    elif said["net"] > 0:
        _report(event, business, ReportKind.SALE, said)
    elif event.subscription:
        _report(event, business, ReportKind.SIGN_UP, said, external_id=said["id"])
    else:
        _ignore(event, "Nothing was paid.")


def count_invoice(event: StripeDoorEvent, business: Business) -> None:
    """The first of a subscription is its sale, unless its checkout said so; what follows are renewals."""
    said, reason = event.facts, event.facts.get("reason")
    if not said["is_paid"] or said["net"] <= 0:
        _ignore(event, "Nothing was paid.")
    elif event.subscription and reason not in {FIRST, AGAIN, BY_HAND}:
        _ignore(event, "A change between two renewals is not counted; the next renewal counts at its new price.")
    else:
        checkout = _checkout_of(event)
        if reason == FIRST and checkout is None and clock.now() < event.created_at + CHECKOUT_COMES_WITHIN:
            outbox.promise("handle_business_stripe", after=CHECKOUT_COMES_WITHIN, event_id=event.id)
            return
        brought = {**(checkout.facts if checkout else {}), **said}
        is_renewal = reason == AGAIN and _has_sale(event, business)
        _report(event, business, ReportKind.RENEWAL if is_renewal else ReportKind.SALE, brought)


def _report(
    event: StripeDoorEvent, business: Business, kind: ReportKind, brought: dict[str, Any], *, external_id: str = ""
) -> None:
    """``brought``: what says who pointed."""
    said, name = event.facts, external_id or str(event.sale)
    known = find_report(business.id, ConversionSource.STRIPE, name)
    if (known is not None and known.state is ReportState.UNMATCHED and event.told is Told.CHECKOUT
            and any(brought.get(one) for one in BROUGHT)):
        # Its checkout came late, and alone knows the click: that binds the customer, and then the sale is counted.
        kind, name, known = ReportKind.LEAD, str(said["id"]), None
    if known is not None:
        _ignore(event, "Counted before: checkout and invoice are one sale.")
        return
    who = json.loads(event.who) if event.who else {}
    amount = Money(said["net"], str(said.get("currency", ""))) if kind in COUNTED_KINDS else None
    promotion = brought.get("promotion")
    code = brought.get("code") or (find_code(event.door_id, promotion) if promotion else None)
    taken = take_conversion(business, Reported(
        external_id=name, kind=kind, amount=amount, at=event.happened_at, customer=who.get("customer"),
        email=who.get("email"), click=brought.get("click"), code=code, lead_id=brought.get("lead"),
        raw={"event": event.stripe_id, "type": event.type, **said},
    ), source=ConversionSource.STRIPE, by=None)
    hold_disputed(taken.report)  # Told of while the invoice waited for its checkout.
    unknown = " A promotion code was used whose name we do not know: save it once more at Stripe." if (
        promotion and not code) else ""
    move_event(event, S.COUNTED, outcome=_words(kind, taken) + unknown)


def _words(kind: ReportKind, taken: Outcome) -> str:
    return f"{kind.replace('_', '-').capitalize()}: {taken.state.replace('_', ' ')}. {' '.join(taken.reasons)}".strip()


def _ignore(event: StripeDoorEvent, why: str) -> None:
    move_event(event, S.IGNORED, outcome=why)


def _checkout_of(event: StripeDoorEvent) -> StripeDoorEvent | None:
    if event.subscription is None:
        return None
    return db.session.scalar(select(StripeDoorEvent).where(
        StripeDoorEvent.door_id == event.door_id, StripeDoorEvent.subscription == event.subscription,
        StripeDoorEvent.told == Told.CHECKOUT).order_by(StripeDoorEvent.id).limit(1))


def _has_sale(event: StripeDoorEvent, business: Business) -> bool:
    sales = select(StripeDoorEvent.sale).where(
        StripeDoorEvent.door_id == event.door_id, StripeDoorEvent.subscription == event.subscription,
        StripeDoorEvent.id != event.id)
    return db.session.scalar(select(Report.id).where(
        Report.business_id == business.id, Report.source == ConversionSource.STRIPE, Report.external_id.in_(sales),
        Report.kind == ReportKind.SALE).limit(1)) is not None
