"""What an event of Stripe's sets off: the object is fetched as it is now, and a verb that only goes forward follows.

The event is a hint. Doubled, late, lost or out of order, it changes what is known, never what is true.
"""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.outbox import Errand
from marketplace.payments.disputes.following import BAD_DAYS
from marketplace.payments.models import ConnectedAccount, Funding, FundingWay, StripeEvent, Transfer
from marketplace.payments.money_in import funding, top_ups
from marketplace.payments.money_out import bank_payouts, payees
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import (
    CheckoutReading,
    ConnectedAccountReading,
    PaymentReading,
    PayoutReading,
    PermanentFailure,
    TransferReading,
)

IGNORED = "ignored: we do nothing on this type"
UNKNOWN = "ignored: we know no such object"
OF_NOBODY = "ignored: of a connected account that is none of ours"


@dataclass(frozen=True)
class Follow:
    """``find`` our row and Stripe's object for the event's, ``fetch`` it, ``apply`` it and say what came of it."""

    find: Callable[[str], tuple[str, str] | None]
    fetch: Callable[[str], Any]
    apply: Callable[[str, Any, str], str]


@dataclass(frozen=True)
class Fetched:
    row_id: str
    reading: Any


def _find_funding(session_id: str) -> tuple[str, str] | None:
    row_id = db.session.scalar(select(Funding.id).filter_by(checkout_session_id=session_id))
    return (row_id, session_id) if row_id else None


def _find_funding_by_charge(charge_id: str) -> tuple[str, str] | None:
    found = db.session.execute(select(Funding.id, Funding.checkout_session_id, Funding.payment_intent_id)
                               .filter_by(charge_id=charge_id)).one_or_none()
    asked = (found.checkout_session_id or found.payment_intent_id) if found else None
    return (found.id, asked) if found and asked else None


def _find_top_up(payment_intent_id: str) -> tuple[str, str] | None:
    """What was paid on a page is followed by its session."""
    row_id = db.session.scalar(
        select(Funding.id).filter_by(payment_intent_id=payment_intent_id, way=FundingWay.TOP_UP))
    return (row_id, payment_intent_id) if row_id else None


def _read_charge(asked: str) -> CheckoutReading | PaymentReading:
    return gateway().read_payment(asked) if asked.startswith("pi_") else gateway().read_checkout(asked)


def _find_transfer(stripe_transfer_id: str) -> tuple[str, str] | None:
    row_id = db.session.scalar(select(Transfer.id).filter_by(stripe_transfer_id=stripe_transfer_id))
    return (row_id, stripe_transfer_id) if row_id else None


def _find_payee(stripe_account_id: str) -> tuple[str, str] | None:
    row_id = db.session.scalar(select(ConnectedAccount.id).filter_by(stripe_account_id=stripe_account_id))
    return (row_id, stripe_account_id) if row_id else None


def _apply_charge(funding_id: str, reading: CheckoutReading | PaymentReading, kind: str) -> str:
    if isinstance(reading, PaymentReading):
        return _apply_payment(funding_id, reading, kind)
    return _apply_checkout(funding_id, reading, kind)


def _apply_payment(funding_id: str, reading: PaymentReading, kind: str) -> str:
    return f"funding {top_ups.settle_top_up(funding_id, reading).state}"


def _apply_checkout(funding_id: str, reading: CheckoutReading, kind: str) -> str:
    has_failed = kind == "checkout.session.async_payment_failed"
    return f"funding {funding.settle_funding(funding_id, reading, has_failed=has_failed).state}"


def _apply_transfer(transfer_id: str, reading: TransferReading, kind: str) -> str:
    """We alone make and reverse transfers; what somebody reversed by hand at Stripe must at least be seen."""
    ours = db.session.get_one(Transfer, transfer_id).reversed_minor
    return f"transfer: {reading.amount_reversed.minor} reversed at Stripe, {ours} settled here"


def _apply_payee(payee_id: str, reading: ConnectedAccountReading, kind: str) -> str:
    payee = db.session.get_one(ConnectedAccount, payee_id, populate_existing=True, with_for_update={"key_share": True})
    payees.note_reading(payee, reading)
    return f"payee {payee.state}"


def _apply_payouts(payee_id: str, listed: list[PayoutReading], kind: str) -> str:
    bank_payouts.note_payouts(payee_id, listed)
    return f"payouts: {len(listed)} looked at"


CHECKOUT = Follow(_find_funding, lambda found: gateway().read_checkout(found), _apply_checkout)
CHARGE = Follow(_find_funding_by_charge, _read_charge, _apply_charge)
PAYMENT = Follow(_find_top_up, lambda found: gateway().read_payment(found), _apply_payment)
TRANSFER = Follow(_find_transfer, lambda found: gateway().read_transfer(found), _apply_transfer)
BANK_PAYOUTS = Follow(_find_payee, lambda found: gateway().list_payouts(found), _apply_payouts)
PAYEE = Follow(_find_payee, lambda found: gateway().read_connected_account(found), _apply_payee)

# Of connected accounts: what is fetched then is found by the account, not by the event's own object.
CONNECTED_FOLLOWS = {
    "payout.": BANK_PAYOUTS, "account.": PAYEE, "capability.": PAYEE, "person.": PAYEE,
}
FOLLOWS = {
    **{begins: Follow(*steps) for begins, steps in BAD_DAYS.items()},
    "checkout.session.": CHECKOUT, "charge.updated": CHARGE,
    "payment_intent.": PAYMENT, "transfer.": TRANSFER,
    "v2.core.account": PAYEE,
}


def _is_of_connected(event: StripeEvent) -> bool:
    """v1 alone: a v2 event of an account names that account as its object."""
    return bool(event.account) and not event.type.startswith("v2.")


def _follow_of(event: StripeEvent) -> Follow | None:
    follows = CONNECTED_FOLLOWS if _is_of_connected(event) else FOLLOWS
    return next((follow for begins, follow in follows.items() if event.type.startswith(begins)), None)


def _fetch(event_id: str) -> Fetched | str:
    event = db.session.get_one(StripeEvent, event_id)
    follow, is_of_connected = _follow_of(event), _is_of_connected(event)
    found = follow.find(str(event.account) if is_of_connected else event.object_id) if follow else None
    finish_reading()
    if follow is None:
        return IGNORED
    if found is None:
        return OF_NOBODY if is_of_connected else UNKNOWN
    row_id, stripe_id = found
    try:
        return Fetched(row_id, follow.fetch(stripe_id))
    except PermanentFailure as failure:
        return f"Stripe does not show it: {failure.code}"


def _settle(outcome: Fetched | str, event_id: str) -> None:
    event = db.session.get_one(StripeEvent, event_id)
    follow = _follow_of(event)
    if isinstance(outcome, Fetched) and follow:
        event.outcome = follow.apply(outcome.row_id, outcome.reading, event.type)
    else:
        event.outcome = str(outcome)
    event.handled_at = clock.now()


def look_again_at_news(funding_id: str) -> None:
    """Job, promised where a payment becomes known by its charge: bad news may have come in before that.

    News that is kept but not yet handled is promised too: whoever handles it now may not have seen the payment.
    """
    funding = db.session.get_one(Funding, funding_id)
    named = [name for name in (funding.charge_id, funding.payment_intent_id) if name]
    for event_id in db.session.scalars(select(StripeEvent.id).where(
            StripeEvent.about_id.in_(named), or_(*(StripeEvent.type.startswith(begins) for begins in BAD_DAYS)),
            or_(StripeEvent.handled_at.is_(None), StripeEvent.outcome.startswith("ignored")),
            ).order_by(StripeEvent.created_at, StripeEvent.id)).all():
        outbox.promise("handle_stripe_event", event_id=event_id)


HANDLE_EVENT = Errand(_fetch, _settle)
