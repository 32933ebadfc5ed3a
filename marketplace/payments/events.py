"""What an event of Stripe's sets off: the object is fetched as it is now, and a verb that only goes forward follows.

The event is a hint. Doubled, late, lost or out of order, it changes what is known, never what is true.
"""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.outbox import Errand
from marketplace.payments.models import ConnectedAccount, Funding, Refund, StripeEvent, Transfer
from marketplace.payments.money_in import funding, refunds
from marketplace.payments.money_out import payees
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import (
    CheckoutReading,
    ConnectedAccountReading,
    PermanentFailure,
    RefundReading,
    TransferReading,
)

IGNORED = "ignored: we do nothing on this type"
UNKNOWN = "ignored: we know no such object"


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
    found = db.session.execute(
        select(Funding.id, Funding.checkout_session_id).filter_by(charge_id=charge_id)).one_or_none()
    return (found.id, found.checkout_session_id) if found and found.checkout_session_id else None


def _find_refund(stripe_refund_id: str) -> tuple[str, str] | None:
    row_id = db.session.scalar(select(Refund.id).filter_by(stripe_refund_id=stripe_refund_id))
    return (row_id, stripe_refund_id) if row_id else None


def _find_transfer(stripe_transfer_id: str) -> tuple[str, str] | None:
    row_id = db.session.scalar(select(Transfer.id).filter_by(stripe_transfer_id=stripe_transfer_id))
    return (row_id, stripe_transfer_id) if row_id else None


def _find_payee(stripe_account_id: str) -> tuple[str, str] | None:
    row_id = db.session.scalar(select(ConnectedAccount.id).filter_by(stripe_account_id=stripe_account_id))
    return (row_id, stripe_account_id) if row_id else None


def _apply_checkout(funding_id: str, reading: CheckoutReading, kind: str) -> str:
    has_failed = kind == "checkout.session.async_payment_failed"
    return f"funding {funding.settle_funding(funding_id, reading, has_failed=has_failed).state}"


def _apply_refund(refund_id: str, reading: RefundReading, kind: str) -> str:
    refunds.settle_refund(refund_id, reading)
    return f"refund {reading.status}"


def _apply_transfer(transfer_id: str, reading: TransferReading, kind: str) -> str:
    """We alone make and reverse transfers; what somebody reversed by hand at Stripe must at least be seen."""
    ours = db.session.get_one(Transfer, transfer_id).reversed_minor
    return f"transfer: {reading.amount_reversed.minor} reversed at Stripe, {ours} settled here"


def _apply_payee(payee_id: str, reading: ConnectedAccountReading, kind: str) -> str:
    payee = db.session.get_one(ConnectedAccount, payee_id, populate_existing=True, with_for_update=True)
    payees.note_reading(payee, reading)
    return f"payee {payee.state}"


CHECKOUT = Follow(_find_funding, lambda found: gateway().read_checkout(found), _apply_checkout)
CHARGE = Follow(_find_funding_by_charge, lambda found: gateway().read_checkout(found), _apply_checkout)
REFUND = Follow(_find_refund, lambda found: gateway().read_refund(found), _apply_refund)
TRANSFER = Follow(_find_transfer, lambda found: gateway().read_transfer(found), _apply_transfer)
PAYEE = Follow(_find_payee, lambda found: gateway().read_connected_account(found), _apply_payee)

FOLLOWS = {
    "checkout.session.": CHECKOUT, "charge.updated": CHARGE, "refund.": REFUND, "transfer.": TRANSFER,
    "v2.core.account": PAYEE,
}


def _follow_of(kind: str) -> Follow | None:
    return next((follow for begins, follow in FOLLOWS.items() if kind.startswith(begins)), None)


def _fetch(event_id: str) -> Fetched | str:
    event = db.session.get_one(StripeEvent, event_id)
    follow = _follow_of(event.type)
    found = follow.find(event.object_id) if follow else None
    finish_reading()
    if follow is None:
        return IGNORED
    if found is None:
        return UNKNOWN
    row_id, stripe_id = found
    try:
        return Fetched(row_id, follow.fetch(stripe_id))
    except PermanentFailure as failure:
        return f"Stripe does not show it: {failure.code}"


def _settle(outcome: Fetched | str, event_id: str) -> None:
    event = db.session.get_one(StripeEvent, event_id)
    follow = _follow_of(event.type)
    if isinstance(outcome, Fetched) and follow:
        event.outcome = follow.apply(outcome.row_id, outcome.reading, event.type)
    else:
        event.outcome = str(outcome)
    event.handled_at = clock.now()


HANDLE_EVENT = Errand(_fetch, _settle)
