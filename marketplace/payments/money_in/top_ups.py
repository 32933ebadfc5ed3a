"""Auto top-up: the kept card is charged an agreed sum when a bounty runs short, within an agreed sum a month.

A top-up is a funding like any other, but for how it is paid: ask, commit, send, settle (sending.py), looked up by our
id in Stripe's metadata where the outcome is not known. The bank may want its owner there: then this payment is ended,
and a person pays the same sum on a fresh Checkout page (docs/decisions/0009-top-ups.md).
"""
from datetime import datetime, timedelta

from sqlalchemy import func, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import Errand
from marketplace.payments import lifecycle, sending
from marketplace.payments.models import AutoTopUp, Funding, FundingState, FundingWay, StripeCustomer, TopUpState
from marketplace.payments.money_in.kept_cards import find_card, find_customer
from marketplace.payments.money_in.refusals import put_code_plainly
from marketplace.payments.money_in.settling import lock_funding, settle_received
from marketplace.payments.sending import NotThere, Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import PaymentReading, PermanentFailure, TemporaryFailure

MOST_REFUSALS = 2  # In a row; then a person must look.
NOT_AGAIN_FOR = timedelta(days=1)  # After a refusal: the same hour would only bring the same answer.
FIRST_LOOK = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(hours=1)  # At most, between Stripe's and ours: how far back a payment is looked for.
NEEDS_OWNER = "authentication_required"
CARD_GONE = "The card was removed."

SYSTEM = audit.SYSTEM
S = FundingState
UNDER_WAY = frozenset({S.REQUESTED, S.OPEN, S.PROCESSING})
Outcome = PaymentReading | Refused | NotThere | None


def charge_top_up(purpose_id: str) -> Funding | None:
    """Ask for one top-up of a bounty that is short of funds. None where none is agreed, due or allowed now."""
    top_up = lock_top_up(purpose_id)
    if top_up is None or top_up.state is not TopUpState.ON or not _is_time(top_up):
        return None
    card = find_card(top_up.business_id)
    if card is None:
        pause_top_up(top_up, CARD_GONE)
        return None
    if spent_this_month(top_up) + top_up.amount > top_up.monthly:
        outbox.promise("send_letter", letter="top_up_month_full", top_up_id=top_up.id,
                       key=f"{top_up.id}:full:{clock.now():%Y-%m}")
        return None
    return _request(top_up, card)


def _is_time(top_up: AutoTopUp) -> bool:
    latest = db.session.scalar(
        select(Funding).filter_by(purpose_id=top_up.purpose_id, way=FundingWay.TOP_UP)
        .order_by(Funding.id.desc()).limit(1))
    if latest is None:
        return True
    is_resting = latest.state is S.FAILED and top_up.refusals and clock.now() < latest.created_at + NOT_AGAIN_FOR
    return latest.state not in UNDER_WAY and not is_resting


def spent_this_month(top_up: AutoTopUp) -> Money:
    """Charged, or being charged, since the first of this month (UTC)."""
    minor = db.session.scalar(select(func.sum(Funding.amount_minor)).where(
        Funding.purpose_id == top_up.purpose_id, Funding.way == FundingWay.TOP_UP,
        Funding.state.in_([*UNDER_WAY, S.PAID]), Funding.created_at >= _month_begins(clock.now())))
    return Money(int(minor or 0), top_up.currency)


def _month_begins(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _request(top_up: AutoTopUp, card: StripeCustomer) -> Funding:
    funding_id = new_id("fund")
    funding = Funding(
        id=funding_id, business_id=top_up.business_id, purpose_id=top_up.purpose_id, requested_by=top_up.agreed_by,
        amount=top_up.amount, way=FundingWay.TOP_UP, payment_method_id=card.payment_method_id,
        idempotency_key=sending.make_key(funding_id))
    db.session.add(funding)
    db.session.flush()
    audit.record("funding.requested", funding_id, by=SYSTEM, amount_minor=funding.amount_minor,
                 currency=funding.currency, top_up=top_up.id)
    outbox.promise("send_top_up", funding_id=funding_id)
    return funding


def send_top_up(funding_id: str) -> None:
    """Job: from its commit on the key may be in use; only then is anything charged."""
    funding = lock_funding(funding_id)
    if funding.state is not S.REQUESTED or funding.first_sent_at is not None:
        return
    card = find_card(funding.business_id)
    if card is None or card.payment_method_id != funding.payment_method_id:
        _refuse(funding, "resource_missing")
        return
    sending.start_sending(funding)
    outbox.promise("deliver_top_up", funding_id=funding_id)


def _call(funding_id: str) -> Outcome:
    funding = sending.read_alone(Funding, funding_id)
    if funding.state is not S.REQUESTED:
        return None
    customer = find_customer(funding.business_id)
    customer_id, method_id = customer.stripe_customer_id if customer else None, funding.payment_method_id
    stripe = gateway()

    def find() -> PaymentReading | None:
        return stripe.find_payment(funding_id=funding.id, created_from=funding.created_at - CLOCKS_DIFFER)

    if customer_id is None or method_id is None:  # Deleted at Stripe; an earlier attempt may have been faster.
        found = find()
        if found is None and sending.may_be_under_way(funding):
            raise TemporaryFailure("an earlier call may still be under way")
        return found or Refused("resource_missing", CARD_GONE)

    def send(key: str) -> PaymentReading:
        return stripe.charge_card(
            funding_id=funding.id, customer_id=customer_id, payment_method_id=method_id, amount=funding.amount,
            description="Agreed top-up of a bounty on Fingerpost", group=funding.purpose_id, key=key)

    return sending.send_once(funding, send=send, find=find)


def _settle(outcome: Outcome, funding_id: str) -> None:
    funding = lock_funding(funding_id)
    if funding.state is not S.REQUESTED:
        return
    if isinstance(outcome, PaymentReading):
        settled = settle_top_up(funding_id, outcome)
        if settled.state is S.PROCESSING or (settled.state is S.PAID and settled.fee_minor is None):
            outbox.promise("check_funding", after=FIRST_LOOK, funding_id=funding_id)
    elif isinstance(outcome, Refused):
        _refuse(funding, outcome.code)
    elif isinstance(outcome, NotThere) and sending.renew_key(funding, outcome):
        audit.record("funding.renewed", funding.id, by=SYSTEM, attempt=funding.attempt_no)
        outbox.promise("deliver_top_up", funding_id=funding_id)


def settle_top_up(funding_id: str, reading: PaymentReading) -> Funding:
    """What Stripe says of the payment, whoever heard it, however often."""
    funding = lock_funding(funding_id)
    funding.payment_intent_id = funding.payment_intent_id or reading.payment_intent_id
    if reading.status == "succeeded":
        was_paid = funding.state is S.PAID
        settle_received(funding, reading)
        if funding.state is S.PAID and not was_paid:
            _agreed(funding).refusals = 0
    elif reading.status == "processing":
        if funding.state is S.REQUESTED:
            lifecycle.move_funding(funding, S.PROCESSING, by=SYSTEM, stripe=reading.payment_intent_id)
    elif funding.state in UNDER_WAY:
        needs_owner = reading.status == "requires_action"
        _refuse(funding, NEEDS_OWNER if needs_owner else reading.failure_code)
        outbox.promise("cancel_payment", funding_id=funding.id)
    return funding


def _refuse(funding: Funding, code: str | None) -> None:
    funding.failure_code, funding.failure = code, put_code_plainly(code)
    lifecycle.move_funding(funding, S.FAILED, by=SYSTEM, code=code or "", reason=funding.failure)
    outbox.promise("send_letter", letter="top_up_needs_owner" if code == NEEDS_OWNER else "top_up_refused",
                   funding_id=funding.id)
    top_up = _agreed(funding)
    top_up.refusals += 1
    if top_up.refusals >= MOST_REFUSALS:
        pause_top_up(top_up, f"The card was refused {MOST_REFUSALS} times. {funding.failure}")


def _agreed(funding: Funding) -> AutoTopUp:
    """What the business agreed to is turned off, never deleted."""
    return db.session.scalars(select(AutoTopUp).filter_by(purpose_id=funding.purpose_id)).one()


def pause_top_up(top_up: AutoTopUp, why: str) -> None:
    if top_up.state is TopUpState.ON:
        lifecycle.move_top_up(top_up, TopUpState.PAUSED, by=SYSTEM, reason=why)
        outbox.promise("send_letter", letter="top_up_paused", top_up_id=top_up.id)


def is_topped_up(purpose_id: str) -> bool:
    top_up = find_top_up(purpose_id)
    return top_up is not None and top_up.state is TopUpState.ON


def find_top_up(purpose_id: str) -> AutoTopUp | None:
    return db.session.scalar(select(AutoTopUp).filter_by(purpose_id=purpose_id))


def lock_top_up(purpose_id: str) -> AutoTopUp | None:
    """As it is now, and nobody else changes it until this transaction ends."""
    return db.session.scalar(
        select(AutoTopUp).filter_by(purpose_id=purpose_id)
        .with_for_update(key_share=True).execution_options(populate_existing=True))


def _cancel(funding_id: str) -> PaymentReading | None:
    """So that what was refused is never paid later. Should it have been paid after all, that counts."""
    funding = sending.read_alone(Funding, funding_id)
    assert funding.payment_intent_id is not None  # It was refused under this id.
    try:
        gateway().cancel_payment(funding.payment_intent_id, key=sending.make_key(f"{funding.id}|cancel"))
    except PermanentFailure:
        return gateway().read_payment(funding.payment_intent_id)
    return None


def _note_canceled(outcome: PaymentReading | None, funding_id: str) -> None:
    if outcome is not None:
        settle_top_up(funding_id, outcome)


DELIVER_TOP_UP = Errand(_call, _settle)
CANCEL_PAYMENT = Errand(_cancel, _note_canceled)
