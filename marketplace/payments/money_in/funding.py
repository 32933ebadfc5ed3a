"""Money in: a business asks, pays on Stripe's own page, and the bounty's funds grow by what was paid."""
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import CURRENCIES, Money, show_money
from marketplace.foundation.outbox import Errand
from marketplace.identity.models import User
from marketplace.identity.queries import get_business
from marketplace.payments import lifecycle, sending
from marketplace.payments.models import Funding, FundingState, FundingWay, StripeCustomer
from marketplace.payments.money_in.kept_cards import (
    ensure_customer,
    find_customer,
    forget_customer,
    keep_card,
    note_customer,
    renew_customer_key,
)
from marketplace.payments.money_in.refusals import put_refusal_plainly
from marketplace.payments.money_in.settling import lock_funding, settle_received
from marketplace.payments.money_in.top_ups import settle_top_up
from marketplace.payments.permissions import may_fund
from marketplace.payments.sending import Refused
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import (
    Checkout,
    CheckoutReading,
    OutcomeUnknown,
    PaymentReading,
    PermanentFailure,
)

PAGE_LIVES = timedelta(hours=12)  # From the asking, so that every attempt sends the same; Stripe takes 24 h at most.
NO_USE_AFTER = timedelta(hours=11)  # Stripe wants at least 30 minutes.
# The page that asks for it opens it itself; the job comes after it, or instead of it when Stripe was away.
JOB_AFTER = timedelta(seconds=20)
FIRST_LOOK, NEXT_LOOK = timedelta(minutes=15), timedelta(hours=1)  # The net under lost webhooks.

A_BANK_TAKES = timedelta(days=1)  # Between two looks at a payment that takes days.

SYSTEM = audit.SYSTEM
S = FundingState
UNDECIDED = frozenset({S.OPEN, S.PROCESSING})


class FundingTooSmall(Invalid):
    code = "funding_too_small"


@dataclass(frozen=True)
class Opened:
    page: Checkout
    customer_id: str


@dataclass(frozen=True)
class CustomerUnknown:
    """Whether Stripe made a customer is not known and will not be: the key of this attempt is burnt."""

    attempt_no: int


@dataclass(frozen=True)
class CustomerGone:
    customer_id: str


Outcome = Opened | CustomerUnknown | CustomerGone | Refused | None


def minimum_funding(currency: str) -> Money:
    return Money(CURRENCIES[currency].least, currency)


def request_funding(
    business_id: str, purpose_id: str, amount: Money, *, by: User, keeps_card: bool = False
) -> Funding:
    """Ask to pay ``amount`` in for a bounty. FundingTooSmall (422) below the minimum.

    ``keeps_card``: the payer agrees that their card is kept for top-ups they agree to.
    """
    require(may_fund(by, business_id), "pay in for this business")
    least = minimum_funding(amount.currency)
    if amount < least:
        raise FundingTooSmall(f"The least you can pay in is {show_money(least)}.",
                              fields={"amount": [f"At least {show_money(least)}."]})
    funding_id = new_id("fund")
    ensure_customer(business_id)
    funding = Funding(id=funding_id, business_id=business_id, purpose_id=purpose_id, requested_by=by.id,
                      amount=amount, keeps_card=keeps_card, idempotency_key=sending.make_key(funding_id))
    db.session.add(funding)
    db.session.flush()
    audit.record("funding.requested", funding_id, by=by.id, amount_minor=amount.minor, currency=amount.currency)
    outbox.promise("open_checkout", after=JOB_AFTER, funding_id=funding_id)
    return funding


def find_unpaid(purpose_id: str, amount: Money, *, by: User, keeps_card: bool) -> Funding | None:
    """The newest page of this person at Stripe for the very same payment that is still to be paid, or None."""
    return db.session.scalar(select(Funding).where(
        Funding.purpose_id == purpose_id, Funding.requested_by == by.id, Funding.state == S.OPEN,
        Funding.way == FundingWay.CHECKOUT, Funding.keeps_card.is_(keeps_card), Funding.currency == amount.currency,
        Funding.amount_minor == amount.minor, Funding.created_at > clock.now() - NO_USE_AFTER,
    ).order_by(Funding.id.desc()).limit(1))


def _open(funding_id: str) -> Outcome:
    funding = sending.read_alone(Funding, funding_id)
    if funding.state is not S.REQUESTED:
        return None
    if clock.now() > funding.created_at + NO_USE_AFTER:
        return Refused("too_late", "Stripe could not be reached for hours.")
    payer = sending.read_alone(User, funding.requested_by)
    business = get_business(funding.business_id)
    customer = find_customer(funding.business_id)
    assert customer is not None  # Made with the first funding.
    name, known = business.name, customer.stripe_customer_id
    customer = sending.read_alone(StripeCustomer, customer.id)
    try:
        customer_id = known or gateway().create_customer(
            business_id=funding.business_id, name=name, email=payer.email, key=customer.idempotency_key)
    except OutcomeUnknown:
        return CustomerUnknown(customer.attempt_no)
    except PermanentFailure as failure:
        return Refused(failure.code, str(failure))
    return _open_page(funding, customer_id)


def _open_page(funding: Funding, customer_id: str) -> Outcome:
    page = f"{current_app.extensions['settings'].public_url}/fundings/{funding.id}"
    try:
        return Opened(gateway().open_checkout(
            funding_id=funding.id, amount=funding.amount, description="Funds for a bounty on Fingerpost",
            customer_id=customer_id, keeps_card=funding.keeps_card, success_url=f"{page}?paid=1", cancel_url=page,
            expires_at=funding.created_at + PAGE_LIVES, group=funding.purpose_id, key=funding.idempotency_key,
        ), customer_id)
    except OutcomeUnknown as unknown:
        return Refused("unknown", str(unknown))  # If there is a page, nobody has its address: nothing can be paid.
    except PermanentFailure as failure:
        if failure.code == "resource_missing":
            return CustomerGone(customer_id)
        return Refused(failure.code, str(failure))


def _keep_open(outcome: Outcome, funding_id: str) -> None:
    funding = lock_funding(funding_id)
    if funding.state is not S.REQUESTED or outcome is None:
        return
    match outcome:
        case Refused():
            funding.failure = f"Stripe did not open a payment page: {outcome.message}"
            lifecycle.move_funding(funding, S.FAILED, by=SYSTEM, code=outcome.code, reason=outcome.message)
        case CustomerUnknown():
            renew_customer_key(funding.business_id, outcome.attempt_no)
            outbox.promise("open_checkout", funding_id=funding.id)
        case CustomerGone():
            forget_customer(funding.business_id, outcome.customer_id)
            funding.attempt_no += 1  # The old key would repeat the old refusal.
            funding.idempotency_key = sending.make_key(funding.id, funding.attempt_no)
            outbox.promise("open_checkout", funding_id=funding.id)
        case _:  # Opened
            note_customer(funding.business_id, outcome.customer_id)
            funding.checkout_session_id, funding.checkout_url = outcome.page.id, outcome.page.url
            lifecycle.move_funding(funding, S.OPEN, by=SYSTEM, stripe=outcome.page.id)
            outbox.promise("check_funding", after=FIRST_LOOK, funding_id=funding.id)


def _read(funding_id: str) -> CheckoutReading | PaymentReading | None:
    funding = sending.read_alone(Funding, funding_id)
    if funding.way is FundingWay.TOP_UP:
        return gateway().read_payment(funding.payment_intent_id) if funding.payment_intent_id else None
    return gateway().read_checkout(funding.checkout_session_id) if funding.checkout_session_id else None


def _look_again(reading: CheckoutReading | PaymentReading | None, funding_id: str) -> None:
    if reading is None:
        return
    funding = (settle_top_up(funding_id, reading) if isinstance(reading, PaymentReading)
               else settle_funding(funding_id, reading))
    if funding.state is S.PROCESSING:
        outbox.promise("check_funding", after=A_BANK_TAKES, funding_id=funding.id)
    elif funding.state is S.OPEN or (funding.state is S.PAID and funding.fee_minor is None):
        outbox.promise("check_funding", after=NEXT_LOOK, funding_id=funding.id)


def settle_funding(funding_id: str, reading: CheckoutReading, *, has_failed: bool = False) -> Funding:
    """What Stripe says of the payment, whoever heard it, however often. ``has_failed``: the bank said no later on."""
    funding = lock_funding(funding_id)
    if reading.payment_status == "paid" and reading.status == "complete":
        was_paid = funding.state is S.PAID
        settle_received(funding, reading)
        if funding.state is S.PAID and not was_paid:  # Heard of again, it must not bring an older card back.
            keep_card(funding, reading.paid_with)
    elif reading.status == "expired" and funding.state is S.OPEN:
        lifecycle.move_funding(funding, S.EXPIRED, by=SYSTEM)
    elif reading.status == "complete" and (has_failed or reading.has_failed) and funding.state in UNDECIDED:
        funding.failure = put_refusal_plainly(reading.failure)
        lifecycle.move_funding(funding, S.FAILED, by=SYSTEM, reason=funding.failure)
        outbox.promise("send_letter", letter="funding_failed", funding_id=funding.id)
    elif reading.status == "complete" and funding.state is S.OPEN:
        funding.payment_intent_id = reading.payment_intent_id
        lifecycle.move_funding(funding, S.PROCESSING, by=SYSTEM)
        outbox.promise("send_letter", letter="funding_processing", funding_id=funding.id)
    return funding


OPEN_CHECKOUT = Errand(_open, _keep_open)
CHECK_FUNDING = Errand(_read, _look_again)
