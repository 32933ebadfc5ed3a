"""A refund that somebody made in Stripe's own pages: out of the bounty's funds as far as they go, the rest is owed."""
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import Errand
from marketplace.payments import ledger
from marketplace.payments.disputes import debts
from marketplace.payments.disputes.queries import find_funding
from marketplace.payments.models import AccountKind, Funding, FundingState, Refund, RefundOrigin, RefundState
from marketplace.payments.money_in import refunds
from marketplace.payments.money_in.agreements import pause_for
from marketplace.payments.sending import make_key, read_alone
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import MadeRefundReading


def note_made_refund(reading: MadeRefundReading) -> str:
    """What Stripe says of a refund, ours or made by hand, however often; gives what came of it in words."""
    funding = find_funding(charge_id=reading.charge_id, payment_intent_id=reading.payment_intent_id)
    known = db.session.query(Refund).filter_by(stripe_refund_id=reading.id).one_or_none()
    if known is not None:
        refunds.settle_refund(known.id, reading)
        return f"refund {reading.status}"
    if reading.refund_id and db.session.get(Refund, reading.refund_id):
        return "ours: the job that made it keeps it"
    if funding is None:
        return "ignored: the refund is of no funding of ours"
    if reading.status in refunds.GONE_BACK:
        return "ignored: it went back before we heard of it"
    is_parked = funding.state is not FundingState.PAID
    if not is_parked and reading.amount > funding.amount - funding.refunded:
        refunds.look_at_waiting(funding)  # Refused, it has us read this one again (CHECK_REFUNDS_MADE).
        return "waits: a refund of ours is on its way for more than is left, and Stripe will refuse it"
    refund = _record(funding, reading, is_parked=is_parked)
    refunds.settle_refund(refund.id, reading)
    return "refund made by hand"


def _record(funding: Funding, reading: MadeRefundReading, *, is_parked: bool) -> Refund:
    refund_id = new_id("refund")
    refund = Refund(id=refund_id, funding_id=funding.id, amount=reading.amount, state=RefundState.SENT,
                    origin=RefundOrigin.UNMATCHED if is_parked else RefundOrigin.BY_HAND,
                    idempotency_key=make_key(refund_id), stripe_refund_id=reading.id)
    db.session.add(refund)
    db.session.flush()
    audit.record("refund.made_by_hand", refund_id, by=audit.SYSTEM, funding=funding.id,
                 amount_minor=reading.amount.minor, currency=reading.amount.currency, stripe=reading.id)
    if is_parked:
        ledger.move(reading.amount, target=ledger.clearing(refund.currency), kind="refund_by_hand",
                    source=ledger.account(AccountKind.UNMATCHED, funding.id, refund.currency),
                    reference=f"{refund_id}:sent")
        return refund
    funding.refunded_minor += reading.amount.minor
    _take_from_funds(funding, refund)
    pause_for(funding.purpose_id, "A payment was refunded at Stripe by hand.")
    outbox.promise("send_letter", letter="refund_by_hand", refund_id=refund_id)
    outbox.promise("note_bad_day", source_id=refund_id)
    return refund


def _take_from_funds(funding: Funding, refund: Refund) -> None:
    funds = ledger.account(AccountKind.FUNDS, funding.purpose_id, refund.currency)
    pays = min(ledger.balance(funds), refund.amount)
    owed = refund.amount - pays
    if owed.minor:
        debts.change_debt(refund.id, owed.minor, business_id=funding.business_id, purpose_id=funding.purpose_id,
                          currency=refund.currency)
    ledger.post([(funds, -pays), (debts.debt_account(refund.id, refund.currency), -owed),
                 (ledger.clearing(refund.currency), Money(refund.amount_minor, refund.currency))],
                kind="refund_by_hand", reference=f"{refund.id}:sent")


def _read(funding_id: str) -> list[MadeRefundReading]:
    charge_id = read_alone(Funding, funding_id).charge_id
    return gateway().list_refunds_of_charge(charge_id) if charge_id else []


def _note(readings: list[MadeRefundReading], funding_id: str) -> None:
    for reading in readings:
        note_made_refund(reading)


CHECK_REFUNDS_MADE = Errand(_read, _note)
