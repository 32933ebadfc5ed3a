"""Money in: a business asks, pays on Stripe's own page, and the bounty's funds grow by what was paid."""
from datetime import timedelta

from flask import current_app

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import CURRENCIES, Money, show_money
from marketplace.foundation.outbox import Errand
from marketplace.identity.models import User
from marketplace.payments import ledger, lifecycle, sending
from marketplace.payments.mode import is_live
from marketplace.payments.models import PLATFORM, AccountKind, Funding, FundingState
from marketplace.payments.permissions import may_fund
from marketplace.payments.sending import Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import Checkout, CheckoutReading, OutcomeUnknown, PermanentFailure

PAGE_LIVES = timedelta(hours=12)  # From the asking, so that every attempt sends the same; Stripe takes 24 h at most.
NO_USE_AFTER = timedelta(hours=11)  # Stripe wants at least 30 minutes.
# The page that asks for it opens it itself; the job comes after it, or instead of it when Stripe was away.
JOB_AFTER = timedelta(seconds=20)
FIRST_LOOK, NEXT_LOOK = timedelta(minutes=15), timedelta(hours=1)  # The net under lost webhooks.

SYSTEM = audit.SYSTEM
S = FundingState


class FundingTooSmall(Invalid):
    code = "funding_too_small"


Outcome = Checkout | Refused | None


def minimum_funding(currency: str) -> Money:
    return Money(CURRENCIES[currency].least, currency)


def request_funding(business_id: str, purpose_id: str, amount: Money, *, by: User) -> Funding:
    """Ask to pay ``amount`` in for a bounty. FundingTooSmall (422) below the minimum."""
    require(may_fund(by, business_id), "pay in for this business")
    least = minimum_funding(amount.currency)
    if amount < least:
        raise FundingTooSmall(f"The least you can pay in is {show_money(least)}.",
                              fields={"amount": [f"At least {show_money(least)}."]})
    funding_id = new_id("fund")
    funding = Funding(id=funding_id, business_id=business_id, purpose_id=purpose_id, requested_by=by.id,
                      amount=amount, idempotency_key=sending.make_key(funding_id))
    db.session.add(funding)
    db.session.flush()
    audit.record("funding.requested", funding_id, by=by.id, amount_minor=amount.minor, currency=amount.currency)
    outbox.promise("open_checkout", after=JOB_AFTER, funding_id=funding_id)
    return funding


def _open(funding_id: str) -> Outcome:
    funding = sending.read_alone(Funding, funding_id)
    if funding.state is not S.REQUESTED:
        return None
    if clock.now() > funding.created_at + NO_USE_AFTER:
        return Refused("too_late", "Stripe could not be reached for hours.")
    payer = sending.read_alone(User, funding.requested_by)
    page = f"{current_app.extensions['settings'].public_url}/fundings/{funding.id}"
    try:
        return gateway().open_checkout(
            funding_id=funding.id, amount=funding.amount, description="Funds for a bounty on Fingerpost",
            customer_email=payer.email, success_url=f"{page}?paid=1", cancel_url=page,
            expires_at=funding.created_at + PAGE_LIVES, group=funding.purpose_id, key=funding.idempotency_key)
    except OutcomeUnknown as unknown:
        return Refused("unknown", str(unknown))  # If there is a page, nobody has its address: nothing can be paid.
    except PermanentFailure as failure:
        return Refused(failure.code, str(failure))


def _keep_open(outcome: Outcome, funding_id: str) -> None:
    funding = _lock(funding_id)
    if funding.state is not S.REQUESTED or outcome is None:
        return
    if isinstance(outcome, Refused):
        funding.failure = f"Stripe did not open a payment page: {outcome.message}"
        lifecycle.move_funding(funding, S.FAILED, by=SYSTEM, code=outcome.code, reason=outcome.message)
        return
    funding.checkout_session_id, funding.checkout_url = outcome.id, outcome.url
    lifecycle.move_funding(funding, S.OPEN, by=SYSTEM, stripe=outcome.id)
    outbox.promise("check_funding", after=FIRST_LOOK, funding_id=funding.id)


def _read(funding_id: str) -> CheckoutReading | None:
    funding = sending.read_alone(Funding, funding_id)
    return gateway().read_checkout(funding.checkout_session_id) if funding.checkout_session_id else None


def _look_again(reading: CheckoutReading | None, funding_id: str) -> None:
    if reading is None:
        return
    funding = settle_funding(funding_id, reading)
    if funding.state is S.OPEN or (funding.state is S.PAID and funding.fee_minor is None):
        outbox.promise("check_funding", after=NEXT_LOOK, funding_id=funding.id)


def settle_funding(funding_id: str, reading: CheckoutReading, *, has_failed: bool = False) -> Funding:
    """What Stripe says of the payment, whoever heard it, however often. ``has_failed``: the bank said no later on.

    Another amount, currency or mode than asked for funds nothing: it is parked under its own name for a person.
    """
    funding = _lock(funding_id)
    if reading.payment_status == "paid" and reading.status == "complete":
        if funding.state is not S.PAID:
            _settle_paid(funding, reading)
        if funding.state is S.PAID and funding.fee_minor is None and reading.fee is not None:
            _post_fee(funding, reading.fee)
    elif reading.status == "expired" and funding.state is S.OPEN:
        lifecycle.move_funding(funding, S.EXPIRED, by=SYSTEM)
    elif reading.status == "complete" and has_failed and funding.state is S.OPEN:
        funding.failure = "The payment did not go through."
        lifecycle.move_funding(funding, S.FAILED, by=SYSTEM)
    return funding


def _settle_paid(funding: Funding, reading: CheckoutReading) -> None:
    wrong = _what_is_wrong(funding, reading)
    if wrong:
        _park(funding, reading, wrong)
        return
    funding.payment_intent_id, funding.charge_id = reading.payment_intent_id, reading.charge_id
    funding.paid_at, funding.failure = clock.now(), None
    lifecycle.move_funding(funding, S.PAID, by=SYSTEM, stripe=reading.payment_intent_id)
    ledger.move(funding.amount, source=ledger.clearing(funding.currency),
                target=ledger.account(AccountKind.FUNDS, funding.purpose_id, funding.currency),
                kind="funding", reference=f"{funding.id}:paid")
    outbox.promise("note_funding", funding_id=funding.id)


def _post_fee(funding: Funding, fee: Money) -> None:
    """What Stripe kept is our expense, not the bounty's."""
    funding.fee_minor = fee.minor
    if fee.minor:
        ledger.move(fee, source=ledger.account(AccountKind.STRIPE_FEES, PLATFORM, fee.currency),
                    target=ledger.clearing(fee.currency), kind="stripe_fee", reference=f"{funding.id}:fee")


def _what_is_wrong(funding: Funding, reading: CheckoutReading) -> str:
    if reading.livemode != is_live():
        return "The payment was made in Stripe's other mode (test or live)."
    if reading.amount != funding.amount:
        return f"Stripe took {show_money(reading.amount)} where {show_money(funding.amount)} was asked for."
    if reading.fee is not None and reading.fee.currency != funding.currency:
        return f"Stripe keeps this payment in {reading.fee.currency.upper()}: our account there has no such balance."
    return ""


def _park(funding: Funding, reading: CheckoutReading, wrong: str) -> None:
    """Real money stands at Stripe that explains itself to nobody: it gets an account with the funding's name."""
    if funding.failure == wrong:
        return
    funding.failure = wrong
    real = reading.livemode == is_live()
    audit.record("funding.refused", funding.id, by=SYSTEM, reason=wrong, stripe=reading.payment_intent_id)
    if funding.state is S.OPEN:
        lifecycle.move_funding(funding, S.FAILED, by=SYSTEM, reason=wrong)
    if real and reading.amount.minor > 0:
        ledger.move(reading.amount, source=ledger.clearing(reading.amount.currency),
                    target=ledger.account(AccountKind.UNMATCHED, funding.id, reading.amount.currency),
                    kind="funding_unmatched", reference=f"{funding.id}:unmatched")


def _lock(funding_id: str) -> Funding:
    return db.session.get_one(Funding, funding_id, populate_existing=True, with_for_update=True)


OPEN_CHECKOUT = Errand(_open, _keep_open)
CHECK_FUNDING = Errand(_read, _look_again)
