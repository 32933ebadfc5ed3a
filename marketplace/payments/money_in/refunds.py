"""Free funds go back to the charges they came from, oldest first. Stripe keeps its fee of the charge; we bear it."""
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import Errand
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.disputes import freezing
from marketplace.payments.models import (
    Account,
    AccountKind,
    Chargeback,
    Funding,
    Refund,
    RefundOrigin,
    RefundState,
)
from marketplace.payments.money_in.refund_plans import NotCovered, Planned, is_covered, plan_refunds
from marketplace.payments.money_in.settling import lock_funding
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import RefundReading

NEXT_LOOK = timedelta(days=1)  # A bank takes days; the net under lost webhooks.
ASK_AGAIN_AFTER = timedelta(days=1)
WAIT_FOR_BALANCE = timedelta(hours=6)
WAITS = "It waits until our balance at Stripe covers it."
GONE_BACK = frozenset({"failed", "canceled"})

SYSTEM = audit.SYSTEM
S = RefundState
Outcome = RefundReading | Refused | NotThere | NotCovered | None


def refund_free_funds(bounty_id: str, currency: str, *, by: str, leaves_sent_back: bool = False) -> list[Refund]:
    """All that is free, each part within its own charge. Nothing free, nothing done.

    What its business owes comes first, and a charge that its bank disputes is left to the bank.
    """
    freezing.cover(bounty_id, currency)
    return request_planned(
        plan_refunds(bounty_id, currency, is_binding=True, leaves_sent_back=leaves_sent_back), by=by)


def request_planned(planned: Sequence[Planned], *, by: str) -> list[Refund]:
    """NotEnoughMoney (409) where less is free than was planned."""
    return [request_refund(one.funding, one.amount, by=by,
                           source=ledger.account(AccountKind.FUNDS, one.funding.purpose_id, one.amount.currency))
            for one in planned]


def request_refund(
    funding: Funding, part: Money, *, source: Account, by: str, origin: RefundOrigin = RefundOrigin.FUNDS
) -> Refund:
    """``part`` of this payment goes back to who paid it, out of ``source``. The funding is locked by the caller."""
    refund_id = new_id("refund")
    refund = Refund(id=refund_id, funding_id=funding.id, amount=part, origin=origin,
                    idempotency_key=sending.make_key(refund_id))
    db.session.add(refund)
    if origin is RefundOrigin.FUNDS:
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
    funding = sending.read_alone(Funding, refund.funding_id)
    payment_intent_id = funding.payment_intent_id
    assert payment_intent_id is not None
    stripe = gateway()

    def send(key: str) -> RefundReading:
        return stripe.refund_payment(
            refund_id=refund.id, payment_intent_id=payment_intent_id, amount=refund.amount, key=key)

    def find() -> RefundReading | None:
        return stripe.find_refund(payment_intent_id=payment_intent_id, refund_id=refund.id)

    if not is_covered(refund, funding):
        # An earlier attempt may have taken it out of our balance already.
        return find() or _no_longer_there(refund, funding) or NotCovered()
    return sending.send_once(refund, send=send, find=find)


def _no_longer_there(refund: Refund, funding: Funding) -> Refused | None:
    """Somebody refunded it by hand, and our balance may never cover ours: Stripe need not be asked to refuse it."""
    if funding.charge_id is None or refund.origin is not RefundOrigin.FUNDS:
        return None
    gone = sum(one.amount.minor for one in gateway().list_refunds_of_charge(funding.charge_id)
               if one.status not in GONE_BACK)
    if funding.amount_minor - gone >= refund.amount_minor:
        return None
    return Refused("charge_already_refunded", "Refunds made at Stripe by hand left less of this payment.")


def _settle(outcome: Outcome, refund_id: str) -> None:
    refund = _lock(refund_id)
    if refund.state is not S.SENDING:
        return
    if isinstance(outcome, RefundReading):
        refund.stripe_refund_id, refund.failure = outcome.id, None
        lifecycle.move_refund(refund, S.SENT, by=SYSTEM, stripe=outcome.id)
        # Stripe takes it out of our balance at once, whenever the bank gets it.
        ledger.move(refund.amount, source=_refunding(refund), target=ledger.clearing(refund.currency),
                    kind="refund_sent", reference=f"{refund.id}:sent")
        outbox.promise("send_letter", letter="refund_receipt", refund_id=refund_id)
        _follow(refund, outcome)
        _look_later(outcome, refund_id)
    elif isinstance(outcome, NotCovered):
        _wait_for_balance(refund)
    elif isinstance(outcome, NotThere) and sending.renew_key(refund, outcome):
        audit.record("refund.renewed", refund.id, by=SYSTEM, attempt=refund.attempt_no)
        outbox.promise("deliver_refund", refund_id=refund_id)
    elif isinstance(outcome, Refused) and outcome.code == "balance_insufficient":
        sending.renew_key(refund, NotThere(refund.attempt_no))  # The old key would repeat the old refusal.
        _wait_for_balance(refund)
    elif isinstance(outcome, Refused):
        funding = _fail(refund, outcome.message, source=_refunding(refund), code=outcome.code)
        if refund.origin is RefundOrigin.FUNDS:
            _look_at_the_payment(funding)
            outbox.promise("return_free_funds", after=ASK_AGAIN_AFTER, bounty_id=funding.purpose_id)


def _look_at_the_payment(funding: Funding) -> None:
    """Others have refunded it, or Stripe refunds no more of what its bank left."""
    outbox.promise("check_refunds_made", funding_id=funding.id)
    for chargeback_id in db.session.scalars(
            select(Chargeback.id).filter_by(funding_id=funding.id).order_by(Chargeback.id)).all():
        outbox.promise("check_chargeback", chargeback_id=chargeback_id)


def _wait_for_balance(refund: Refund) -> None:
    """``first_sent_at`` stays: an earlier attempt may have used the key."""
    if refund.failure != WAITS:
        refund.failure = WAITS
        audit.record("refund.waits", refund.id, by=SYSTEM, reason=WAITS)
    outbox.promise("deliver_refund", after=WAIT_FOR_BALANCE, refund_id=refund.id)


def look_at_waiting(funding: Funding) -> None:
    """Its refunds that wait for our balance are looked at now: less of the payment is left for them."""
    waiting = select(Refund.id).filter_by(funding_id=funding.id, state=S.SENDING, failure=WAITS).order_by(Refund.id)
    for refund_id in db.session.scalars(waiting).all():
        outbox.promise("deliver_refund", refund_id=refund_id)


def settle_refund(refund_id: str, reading: RefundReading) -> None:
    """What Stripe says of a refund it has, whoever heard it, however often."""
    _follow(_lock(refund_id), reading)


def _follow(refund: Refund, reading: RefundReading) -> None:
    if reading.status == "succeeded" and refund.state is S.SENT:
        lifecycle.move_refund(refund, S.SUCCEEDED, by=SYSTEM)
    elif reading.status in GONE_BACK and refund.state in {S.SENT, S.SUCCEEDED}:
        # The bank sent it back to our balance. A person decides what now: the card would refuse it again.
        _fail(refund, reading.failure_reason or reading.status, source=ledger.clearing(refund.currency))


def _fail(refund: Refund, why: str, *, source: Account, code: str = "") -> Funding:
    funding = lock_funding(refund.funding_id)
    refund.failure = why
    lifecycle.move_refund(refund, S.FAILED, by=SYSTEM, reason=why, code=code)
    is_parked = refund.origin is RefundOrigin.UNMATCHED
    home, owner_id = (AccountKind.UNMATCHED, funding.id) if is_parked else (AccountKind.FUNDS, funding.purpose_id)
    if not is_parked:
        funding.refunded_minor -= refund.amount_minor
    ledger.move(refund.amount, source=source, target=ledger.account(home, owner_id, refund.currency),
                kind="refund_failed", reference=f"{refund.id}:failed")
    freezing.cover(funding.purpose_id, refund.currency)
    outbox.promise("send_letter", letter="refund_failed", refund_id=refund.id)
    outbox.promise("note_bad_day", source_id=refund.id)
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


def _refunding(refund: Refund) -> Account:
    return ledger.account(AccountKind.REFUNDING, refund.id, refund.currency)


def _lock(refund_id: str) -> Refund:
    """With its bounty's funds and its payment: whoever hears of a refund at Stripe locks them in this order too."""
    lock_funding(db.session.execute(select(Refund.funding_id).filter_by(id=refund_id)).scalar_one())
    return db.session.get_one(Refund, refund_id, populate_existing=True, with_for_update={"key_share": True})


DELIVER_REFUND = Errand(_call, _settle)
CHECK_REFUND = Errand(_read, _look_again)
