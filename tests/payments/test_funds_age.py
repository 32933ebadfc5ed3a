"""Unused money goes back before Stripe's limit, oldest first used; refunds wait until our balance covers them."""
from dataclasses import replace

import pytest
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.payments.disputes.unmatched import give_back
from marketplace.payments.models import AccountKind, Funding, Refund, RefundState
from marketplace.payments.money_in import ageing, funds
from marketplace.payments.money_in.refund_plans import plan_refunds
from marketplace.payments.money_in.refunds import WAITS, refund_free_funds
from tests.browsing import end_reading
from tests.factories import make_user
from tests.payments.money_steps import BOUNTY, fresh, holds, owe, pay_in, pay_in_otherwise, usd

K, S = AccountKind, RefundState


@pytest.fixture
def abroad(app):
    """A platform whose money may stay ninety days only."""
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, platform_country="FR")
    yield
    app.extensions["settings"] = before


def look():
    """What the worker promises every day."""
    with transaction():
        ageing.watch_funds_age()


def written(news):
    return [said["letter"] for name, said in news if name == "send_letter" and said["letter"].startswith("funds_")]


def refunds():
    end_reading()
    return [(one.funding_id, one.amount_minor) for one in db.session.scalars(select(Refund).order_by(Refund.id))]


@pytest.mark.parametrize(("country", "holds_days", "refunded", "warned"), [
    ("US", 730, 700, 686), ("FR", 90, 80, 66), ("TH", 10, 8, 4)])
def test_the_limits_of_a_country(app, country, holds_days, refunded, warned):
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, platform_country=country)
    rule = ageing.limits()
    app.extensions["settings"] = before
    assert (rule.holds, rule.refund_after, rule.warn_after) == (holds_days, refunded, warned)


def test_unused_money_is_warned_of_once_and_then_goes_back(stripe, abroad, wes, work, later, news):
    funding = pay_in(stripe, wes, usd(100))
    later(days=65)
    look()
    work()
    assert written(news) == []
    for _ in range(2):
        later(days=2)
        look()
        work()
    assert written(news) == ["funds_ageing"]
    later(days=10)
    look()
    work()
    assert refunds() == []
    later(days=2)
    look()
    work()
    assert refunds() == [(funding.id, 100_00)]
    assert written(news) == ["funds_ageing", "funds_aged_out"]
    assert ("note_funds_left", {"purpose_id": BOUNTY}) in news
    assert holds(K.FUNDS, BOUNTY) == 0
    look()
    work()
    assert len(refunds()) == 1


def test_what_was_paid_in_first_is_used_first(stripe, abroad, wes, westside, ana, work, later):
    old = pay_in(stripe, wes, usd(100))
    later(days=40)
    young = pay_in(stripe, wes, usd(100))
    owe(ana, westside.id, usd(70))
    with transaction():
        funds.reserve("lead_1", bounty_id=BOUNTY, amount=usd(20))
    parts = ageing.all_aged(at_most=10)
    assert [(one.funding.id, one.unused) for one in parts] == [(old.id, usd(10)), (young.id, usd(100))]
    later(days=41)
    look()
    work()
    assert refunds() == [(old.id, 10_00)]
    assert (holds(K.FUNDS, BOUNTY), holds(K.RESERVED, "lead_1")) == (100_00, 20_00)


def test_money_that_the_bank_sent_back_waits_for_a_person(stripe, abroad, wes, work, later):
    pay_in(stripe, wes, usd(100))
    stripe.control.plan_refund(status="pending")
    with transaction():
        refund_id = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)[0].id
    work()
    stripe.control.settle_refund(fresh(Refund, refund_id).stripe_refund_id, status="failed")
    later(days=85)
    work()
    look()
    work()
    assert len(refunds()) == 1
    assert [one.is_stuck for one in ageing.all_aged(at_most=10)] == [True]


def test_a_plan_says_what_the_refunds_then_do(stripe, wes, work, later):
    first = pay_in(stripe, wes, usd(100))
    later(hours=1)
    second = pay_in(stripe, wes, usd(50))
    with transaction():
        funds.reserve("lead_1", bounty_id=BOUNTY, amount=usd(30))
    end_reading()
    planned = [(one.funding.id, one.amount.minor) for one in plan_refunds(BOUNTY, "usd")]
    with transaction():
        refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)
    assert planned == refunds() == [(first.id, 100_00), (second.id, 20_00)]


def test_nothing_goes_back_with_other_peoples_money(stripe, wes, westside, ana, work, later, news):
    """The old charge's money went out as a reward; what is there is of a charge on its way, which is not ours yet."""
    pay_in(stripe, wes, usd(100))
    later(days=3)
    with stripe.box.world.store.transaction():  # Somebody paid our balance out.
        from marketplace.payments.sandbox import balances  # noqa: PLC0415

        balances.record_movement(stripe.box.world, "payout", -90_00, "usd", source=None)
    with transaction():
        refund_id = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)[0].id
    work()
    refund = fresh(Refund, refund_id)
    assert (refund.state, refund.failure) == (S.SENDING, WAITS)
    assert stripe.calls_to("/v1/refunds") == 0
    later(hours=30)
    work()
    assert fresh(Refund, refund_id).state is S.SENDING
    stripe.control.top_up(amount=90_00, currency="usd")
    later(hours=7)
    work()
    refund = fresh(Refund, refund_id)
    assert (refund.state, refund.failure) == (S.SUCCEEDED, None)
    assert [said["letter"] for name, said in news if name == "send_letter"][-1] == "refund_receipt"


@pytest.mark.once
def test_a_refund_waits_while_stripe_tells_of_no_balance_in_its_currency(stripe, wes, work, later):
    pay_in(stripe, wes, usd(100))
    (paid,) = stripe.control.read_movements()["movements"]
    stripe.control.change_movement(paid["id"], currency="eur")
    with transaction():
        refund_id = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)[0].id
    work()
    assert (fresh(Refund, refund_id).state, fresh(Refund, refund_id).failure) == (S.SENDING, WAITS)
    stripe.control.change_movement(paid["id"], currency="usd")
    later(hours=7)
    work()
    assert fresh(Refund, refund_id).state is S.SUCCEEDED


@pytest.mark.once
def test_a_parked_payment_goes_back_though_stripe_keeps_no_balance_in_its_currency(stripe, wes, work):
    """Stripe changed it into ours when it came, and takes it out of that."""
    mona = make_user("Mona Lind", is_admin=True)
    funding = pay_in_otherwise(stripe, wes, usd(100), currency="eur", kept_in="usd")
    with transaction():
        refund_id = give_back(funding.id, by=mona).id
    work()
    assert fresh(Refund, refund_id).state is S.SUCCEEDED
    assert holds(K.UNMATCHED, funding.id, "eur") == 0
    for one in stripe.control.read_movements()["movements"]:  # So that the books agree again.
        stripe.control.forget_movement(one["id"])


def test_stripes_own_no_for_want_of_balance_is_asked_again_later_with_a_new_key(stripe, wes, work, later):
    funding = pay_in(stripe, wes, usd(100))
    stripe.control.plan_refund(status="balance_insufficient")
    with transaction():
        refund_id = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)[0].id
    work()
    refund = fresh(Refund, refund_id)
    assert (refund.state, refund.attempt_no, refund.failure) == (S.SENDING, 2, WAITS)
    assert fresh(Funding, funding.id).refunded == usd(100)
    later(hours=7)
    work()
    assert fresh(Refund, refund_id).state is S.SUCCEEDED
    assert len(stripe.box.world.store.all("refund")) == 1


@pytest.mark.once
def test_a_payment_that_is_used_up_is_not_called_unused(stripe, wes, westside, ana, later):
    pay_in(stripe, wes, usd(100))
    later(days=1)
    young = pay_in(stripe, wes, usd(100))
    owe(ana, westside.id, usd(100))
    assert [(one.funding.id, one.unused) for one in ageing.all_aged(at_most=10)] == [(young.id, usd(100))]
