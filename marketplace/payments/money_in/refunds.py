"""Free funds go back to the charges they came from, oldest first. Stripe keeps its fee of the charge; we bear it."""
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import Errand
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.models import AccountKind, Funding, FundingState, LedgerAccount, Refund, RefundState
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import RefundReading

NEXT_LOOK = timedelta(days=1)  # A bank takes days; the net under lost webhooks.
ASK_AGAIN_AFTER = timedelta(days=1)
GONE_BACK = frozenset({"failed", "canceled"})

SYSTEM = audit.SYSTEM
S = RefundState
Outcome = RefundReading | Refused | NotThere | None


def refund_free_funds(bounty_id: str, currency: str, *, by: str) -> list[Refund]:
    """All that is free, each part within its own charge. Nothing free, nothing done."""
    funds = ledger.account(AccountKind.FUNDS, bounty_id, currency)
    fundings = db.session.scalars(
        select(Funding).filter_by(purpose_id=bounty_id, currency=currency, state=FundingState.PAID)
        .order_by(Funding.paid_at, Funding.id).with_for_update().execution_options(populate_existing=True)).all()
    free = ledger.balance(funds)
    refunds = []
    for funding in fundings:
        part = min(free, funding.amount - funding.refunded)
        if part.minor > 0:
            refunds.append(_request_refund(funding, part, source=funds, by=by))
            free -= part
    return refunds


def _request_refund(funding: Funding, part: Money, *, source: LedgerAccount, by: str) -> Refund:
    refund_id = new_id("refund")
    refund = Refund(id=refund_id, funding_id=funding.id, amount=part, idempotency_key=sending.make_key(refund_id))
    db.session.add(refund)
    funding.refunded_minor += part.minor
    db.session.flush()
    ledger.move(part, source=source, target=_refunding(refund), kind="refund_requested",
                reference=f"{refund_id}:requested")
    audit.record("refund.requested", refund_id, by=by, funding=funding.id, amount_minor=part.minor)
    outbox.promise("send_refund", refund_id=refund_id)
    return refund


def send_refund(refund_id: str) -> None:
    """Job: from its commit on the key may be in use; only then is anything sent."""
    refund = _lock(refund_id)
    if refund.state is S.REQUESTED:
        sending.start_sending(refund)
        lifecycle.move_refund(refund, S.SENDING, by=SYSTEM)
        outbox.promise("deliver_refund", refund_id=refund_id)


def _call(refund_id: str) -> Outcome:
    refund = sending.read_alone(Refund, refund_id)
    if refund.state is not S.SENDING:
        return None
    payment_intent_id = sending.read_alone(Funding, refund.funding_id).payment_intent_id
    assert payment_intent_id is not None
    stripe = gateway()

    def send(key: str) -> RefundReading:
        return stripe.refund_payment(
            refund_id=refund.id, payment_intent_id=payment_intent_id, amount=refund.amount, key=key)

    def find() -> RefundReading | None:
        return stripe.find_refund(payment_intent_id=payment_intent_id, refund_id=refund.id)

    return sending.send_once(refund, send=send, find=find)


def _settle(outcome: Outcome, refund_id: str) -> None:
    refund = _lock(refund_id)
    if refund.state is not S.SENDING:
        return
    if isinstance(outcome, RefundReading):
        refund.stripe_refund_id = outcome.id
        lifecycle.move_refund(refund, S.SENT, by=SYSTEM, stripe=outcome.id)
        # Stripe takes it out of our balance at once, whenever the bank gets it.
        ledger.move(refund.amount, source=_refunding(refund), target=ledger.clearing(refund.currency),
                    kind="refund_sent", reference=f"{refund.id}:sent")
        _follow(refund, outcome)
        _look_later(outcome, refund_id)
    elif isinstance(outcome, NotThere) and sending.renew_key(refund, outcome):
        audit.record("refund.renewed", refund.id, by=SYSTEM, attempt=refund.attempt_no)
        outbox.promise("deliver_refund", refund_id=refund_id)
    elif isinstance(outcome, Refused):
        funding = _fail(refund, outcome.message, source=_refunding(refund), code=outcome.code)
        outbox.promise("return_free_funds", after=ASK_AGAIN_AFTER, bounty_id=funding.purpose_id)


def settle_refund(refund_id: str, reading: RefundReading) -> None:
    """What Stripe says of a refund it has, whoever heard it, however often."""
    _follow(_lock(refund_id), reading)


def _follow(refund: Refund, reading: RefundReading) -> None:
    if reading.status == "succeeded" and refund.state is S.SENT:
        lifecycle.move_refund(refund, S.SUCCEEDED, by=SYSTEM)
    elif reading.status in GONE_BACK and refund.state in {S.SENT, S.SUCCEEDED}:
        # The bank sent it back to our balance. A person decides what now: the card would refuse it again.
        _fail(refund, reading.failure_reason or reading.status, source=ledger.clearing(refund.currency))


def _fail(refund: Refund, why: str, *, source: LedgerAccount, code: str = "") -> Funding:
    funding = db.session.get_one(Funding, refund.funding_id, populate_existing=True, with_for_update=True)
    refund.failure = why
    lifecycle.move_refund(refund, S.FAILED, by=SYSTEM, reason=why, code=code)
    funding.refunded_minor -= refund.amount_minor
    ledger.move(refund.amount, source=source,
                target=ledger.account(AccountKind.FUNDS, funding.purpose_id, refund.currency),
                kind="refund_failed", reference=f"{refund.id}:failed")
    return funding


def _read(refund_id: str) -> RefundReading | None:
    refund = sending.read_alone(Refund, refund_id)
    return gateway().read_refund(refund.stripe_refund_id) if refund.stripe_refund_id else None


def _look_again(reading: RefundReading | None, refund_id: str) -> None:
    if reading is None:
        return
    settle_refund(refund_id, reading)
    _look_later(reading, refund_id)


def _look_later(reading: RefundReading, refund_id: str) -> None:
    if reading.status not in GONE_BACK | {"succeeded"}:
        outbox.promise("check_refund", after=NEXT_LOOK, refund_id=refund_id)


def _refunding(refund: Refund) -> LedgerAccount:
    return ledger.account(AccountKind.REFUNDING, refund.id, refund.currency)


def _lock(refund_id: str) -> Refund:
    return db.session.get_one(Refund, refund_id, populate_existing=True, with_for_update=True)


DELIVER_REFUND = Errand(_call, _settle)
CHECK_REFUND = Errand(_read, _look_again)
