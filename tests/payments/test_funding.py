"""Paying in: asked for here, paid on Stripe's page, heard of by webhook or by asking, counted once."""
import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.bounties.letters import funding_receipt
from marketplace.foundation import clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import do_now
from marketplace.identity.models import MemberRole, User
from marketplace.payments.models import PLATFORM, AccountKind, Funding, FundingState
from marketplace.payments.money_in import funding as steps
from marketplace.payments.money_in.funding import CHECK_FUNDING, OPEN_CHECKOUT, FundingTooSmall, request_funding
from marketplace.payments.stripe_readings import CheckoutReading, TemporaryFailure
from tests.factories import make_member, make_user
from tests.payments.money_steps import BOUNTY, ask_to_fund, fresh, holds, pay_in, promised, usd

K, S = AccountKind, FundingState


@pytest.fixture
def apart_from_stripe(app, sandbox):
    """Readings are made up here, so the books need not agree with the sandbox's."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield
    app.extensions["gateway"] = before


def reading(**other: object) -> CheckoutReading:
    facts = {"status": "complete", "payment_status": "paid", "amount": usd(1050), "payment_intent_id": "pi_1",
             "charge_id": "ch_1", "fee": Money(30_75, "usd"), "available_on": None, "livemode": False}
    return CheckoutReading(**{**facts, **other})


def settle(funding: Funding, **facts: object) -> Funding:
    has_failed = bool(facts.pop("has_failed", False))
    with transaction():
        steps.settle_funding(funding.id, reading(**facts), has_failed=has_failed)
    return fresh(Funding, funding.id)


def test_what_is_paid_becomes_the_bountys_and_the_fee_is_ours(stripe, wes, work, news):
    funding = pay_in(stripe, wes)
    assert (funding.state, funding.fee_minor) == (S.PAID, 30_75)
    assert funding.paid_at and funding.payment_intent_id and funding.charge_id
    assert holds(K.FUNDS, BOUNTY) == 1050_00
    assert holds(K.STRIPE_FEES, PLATFORM) == -30_75
    assert holds(K.CLEARING, PLATFORM) == -(1050_00 - 30_75)
    work()
    assert news == [("note_funding", {"funding_id": funding.id}),
                    ("send_letter", {"letter": "funding_receipt", "funding_id": funding.id})]


def test_the_receipt_goes_to_who_handles_the_money_and_to_no_closed_account(stripe, wes, westside):
    funding, gone = pay_in(stripe, wes), make_member(westside, MemberRole.MANAGER, name="Gus Gone")
    make_member(westside, MemberRole.AGENT, name="Al Agent")
    assert {one.to for one in funding_receipt(funding.id)} == {wes.email, gone.email}
    with transaction():
        db.session.get_one(User, gone.id).closed_at = clock.now()
    assert [one.to for one in funding_receipt(funding.id)] == [wes.email]


def test_the_page_at_stripe_asks_for_what_was_asked_for(stripe, wes, westside):
    funding = ask_to_fund(wes, usd(75))
    page = stripe.box.world.store.get("checkout.session", funding.checkout_session_id)
    customer = stripe.box.world.store.get("customer", page["customer"])
    assert (page["amount_total"], page["currency"]) == (75_00, "usd")
    assert (customer["email"], customer["metadata"]) == (wes.email, {"business_id": westside.id})
    assert page["success_url"].startswith("http://localhost/fundings/" + funding.id)
    assert page["adaptive_pricing"] == {"enabled": False}
    assert funding.state is S.OPEN and funding.checkout_url


def test_hearing_of_a_payment_many_times_counts_it_once(stripe, wes):
    funding = pay_in(stripe, wes)
    for _ in range(3):
        do_now(CHECK_FUNDING, funding_id=funding.id)
    assert holds(K.FUNDS, BOUNTY) == 1050_00
    assert len(promised("note_funding")) == 1


def test_stripe_away_leaves_the_wish_and_the_job_opens_the_page_later(stripe, wes, work, later):
    stripe.control.plan_fault(kind="error_unstored", path="checkout", times=2)
    with transaction():
        funding = request_funding(wes.memberships[0].business_id, BOUNTY, usd(50), by=wes)
    with pytest.raises(TemporaryFailure):
        do_now(OPEN_CHECKOUT, funding_id=funding.id)
    later(minutes=1)
    work()
    assert fresh(Funding, funding.id).state is S.REQUESTED
    later(minutes=5)
    work()
    assert fresh(Funding, funding.id).state is S.OPEN


@pytest.mark.parametrize("trouble", ["lost_after", "half_written", "key_in_use", "rate_limited"])
def test_an_answer_that_was_lost_leads_to_the_same_page(stripe, wes, work, later, trouble):
    stripe.control.plan_fault(kind=trouble, path="checkout")
    with transaction():
        funding = request_funding(wes.memberships[0].business_id, BOUNTY, usd(50), by=wes)
    with pytest.raises(TemporaryFailure):
        do_now(OPEN_CHECKOUT, funding_id=funding.id)
    later(minutes=5)
    work()
    assert fresh(Funding, funding.id).state is S.OPEN
    assert len(stripe.box.world.store.all("checkout.session")) == 1


@pytest.mark.parametrize("trouble", ["error_stored", "error_stored_after"])
def test_a_page_that_nobody_has_the_address_of_is_given_up(stripe, wes, trouble):
    stripe.control.plan_fault(kind=trouble, path="checkout")
    with transaction():
        funding = request_funding(wes.memberships[0].business_id, BOUNTY, usd(50), by=wes)
    with pytest.raises(TemporaryFailure):
        do_now(OPEN_CHECKOUT, funding_id=funding.id)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    funding = fresh(Funding, funding.id)
    assert funding.state is S.FAILED and "did not open a payment page" in funding.failure


def test_a_page_that_stripe_refuses_to_open_says_why(stripe, wes):
    with transaction():
        funding = request_funding(wes.memberships[0].business_id, BOUNTY, usd(50), by=wes)
    stripe.control.move_clock(advance_seconds=13 * 3600)  # To Stripe the page would have ended already.
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    funding = fresh(Funding, funding.id)
    assert funding.state is S.FAILED and "expires_at" in funding.failure


def test_a_wish_that_stripe_never_heard_of_ends_before_its_page_would(stripe, wes, later):
    with transaction():
        funding = request_funding(wes.memberships[0].business_id, BOUNTY, usd(50), by=wes)
    later(hours=11, minutes=1)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    assert fresh(Funding, funding.id).state is S.FAILED
    assert stripe.box.world.store.all("checkout.session") == []


def test_a_page_that_is_not_paid_expires(stripe, wes, work, later):
    funding = ask_to_fund(wes)
    later(hours=13)
    work()
    assert fresh(Funding, funding.id).state is S.EXPIRED
    assert holds(K.FUNDS, BOUNTY) == 0


def test_with_every_webhook_lost_a_payment_is_still_heard_of(stripe, wes, work, later):
    funding = ask_to_fund(wes)
    stripe.control.pay_checkout(funding.checkout_session_id)
    work()
    assert fresh(Funding, funding.id).state is S.OPEN
    later(minutes=16)
    work()
    assert fresh(Funding, funding.id).state is S.PAID


def test_an_open_page_is_looked_at_until_it_ends_and_then_no_more(stripe, wes, work, later):
    ask_to_fund(wes)
    for _ in range(14):
        later(hours=1)
        work()
    assert promised("check_funding") == []


def test_a_bank_that_takes_its_time_is_waited_for(stripe, wes):
    funding = settle(ask_to_fund(wes), payment_status="unpaid")
    assert funding.state is S.PROCESSING


def test_a_bank_that_says_no_later_on_ends_it(stripe, wes):
    funding = settle(ask_to_fund(wes), payment_status="unpaid", has_failed=True)
    assert funding.state is S.FAILED and "did not go through" in funding.failure


def test_a_fee_that_is_known_later_is_posted_later_and_once(apart_from_stripe, wes):
    funding = ask_to_fund(wes)
    assert settle(funding, fee=None).fee_minor is None
    assert holds(K.STRIPE_FEES, PLATFORM) == 0
    settle(funding)
    assert settle(funding).fee_minor == 30_75
    assert holds(K.STRIPE_FEES, PLATFORM) == -30_75


def test_a_payment_without_a_fee_posts_none(apart_from_stripe, wes):
    assert settle(ask_to_fund(wes), fee=usd(0)).fee_minor == 0
    assert holds(K.STRIPE_FEES, PLATFORM) == 0


@pytest.mark.parametrize(("facts", "said", "parked"), [
    ({"amount": usd(1049)}, "$1,049 where $1,050", 1049_00),
    ({"fee": Money(30, "eur")}, "in EUR", 1050_00),
    ({"livemode": True}, "other mode", 0),
])
def test_a_payment_that_is_not_what_was_asked_for_funds_nothing_and_is_named(apart_from_stripe, wes, facts, said, parked):
    funding = ask_to_fund(wes)
    for _ in range(2):
        settled = settle(funding, **facts)
    assert settled.state is S.FAILED and said in settled.failure
    assert holds(K.FUNDS, BOUNTY) == 0
    assert holds(K.UNMATCHED, funding.id) == parked
    assert db.session.scalars(select(AuditEvent).filter_by(action="funding.refused", subject_id=funding.id)).one()
    assert promised("note_funding") == []


def test_another_currency_than_asked_for_is_parked_in_its_own(apart_from_stripe, wes):
    funding = settle(ask_to_fund(wes), amount=Money(1050_00, "eur"), fee=None)
    assert funding.state is S.FAILED
    assert holds(K.UNMATCHED, funding.id, "eur") == 1050_00


@pytest.mark.once
def test_a_page_that_had_expired_and_is_paid_otherwise_is_parked_and_stays_expired(apart_from_stripe, wes):
    funding = settle(ask_to_fund(wes), status="expired", payment_status="unpaid")
    assert settle(funding, amount=usd(1049)).state is S.EXPIRED
    assert (holds(K.UNMATCHED, funding.id), holds(K.FUNDS, BOUNTY)) == (1049_00, 0)


def test_money_that_comes_in_after_all_counts(apart_from_stripe, wes):
    funding = settle(ask_to_fund(wes), payment_status="unpaid", has_failed=True)
    assert settle(funding).state is S.PAID
    assert fresh(Funding, funding.id).failure is None
    assert holds(K.FUNDS, BOUNTY) == 1050_00


def test_the_least_is_five_dollars_or_five_hundred_yen(app, wes, westside):
    with pytest.raises(FundingTooSmall) as refusal, transaction():
        request_funding(westside.id, BOUNTY, Money(4_99, "usd"), by=wes)
    assert refusal.value.code == "funding_too_small" and "$5" in refusal.value.message
    with pytest.raises(FundingTooSmall), transaction():
        request_funding(westside.id, BOUNTY, Money(499, "jpy"), by=wes)
    with transaction():
        assert request_funding(westside.id, BOUNTY, Money(500, "jpy"), by=wes).amount == Money(500, "jpy")


@pytest.mark.parametrize(("role", "may"), [(MemberRole.OWNER, True), (MemberRole.MANAGER, True), (MemberRole.AGENT, False)])
def test_owners_and_managers_pay_in_agents_do_not(app, westside, role, may):
    member = make_member(westside, role)
    if may:
        with transaction():
            assert request_funding(westside.id, BOUNTY, usd(50), by=member).requested_by == member.id
    else:
        with pytest.raises(Forbidden), transaction():
            request_funding(westside.id, BOUNTY, usd(50), by=member)


def test_outsiders_do_not_pay_in(app, westside):
    outsider = make_user()
    with pytest.raises(Forbidden), transaction():
        request_funding(westside.id, BOUNTY, usd(50), by=outsider)


def test_every_step_of_a_payment_is_in_the_audit_trail(stripe, wes):
    funding = pay_in(stripe, wes)
    events = db.session.scalars(select(AuditEvent).filter_by(subject_id=funding.id).order_by(AuditEvent.id)).all()
    assert [(one.action, one.actor_id) for one in events] == [
        ("funding.requested", wes.id), ("funding.open", "system"), ("funding.paid", "system")]
    assert wes.email not in json.dumps([one.details for one in events])
    assert timedelta(0) <= funding.paid_at - funding.created_at
