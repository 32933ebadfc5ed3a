"""A bank took a part of a payment: what it left goes back where Stripe refunds it, and stays with a reason where not."""
import pytest
from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.payments.disputes.chargebacks import CHECK_CHARGEBACK
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import AccountKind, Chargeback, Funding, Refund, RefundState
from marketplace.payments.money_in import ageing
from marketplace.payments.money_in.refund_plans import DISPUTED, TAKEN, find_kept, plan_refunds
from marketplace.payments.money_in.refunds import refund_free_funds
from tests.browsing import apart, end_reading
from tests.payments.money_steps import BOUNTY, fresh, holds, pay_in, promised, usd

K = AccountKind


@pytest.fixture
def heard(app, stripe, work):
    stripe.deliver_to_app(apart(app))

    def deliver():
        stripe.deliver_webhooks()
        work()
    return deliver


@pytest.fixture
def lose(stripe, heard):
    """`lose(funding, cents, ...)`: its bank takes so much of it for good."""
    def dispute(funding, cents, **ends):
        opened = stripe.control.open_dispute(fresh(Funding, funding.id).charge_id, amount=cents)["id"]
        heard()
        stripe.control.settle_dispute(opened, status="lost", **ends)
        heard()
        return opened
    return dispute


def plan():
    end_reading()
    return [(one.funding.id, one.amount) for one in plan_refunds(BOUNTY, "usd")]


def kept():
    end_reading()
    return [(one.funding.id, one.amount, one.why_kept) for one in find_kept(BOUNTY, "usd")]


def take_back(work):
    with transaction():
        refund_free_funds(BOUNTY, "usd", by="wes")
    work()
    end_reading()
    return [(one.funding_id, one.amount, one.state) for one in db.session.scalars(select(Refund).order_by(Refund.id))]


def test_what_the_bank_left_of_a_payment_goes_back_where_stripe_refunds_it(stripe, wes, lose, work):
    funding = pay_in(stripe, wes, usd(100))
    lose(funding, 30_00, refundable=True)
    assert kept() == []
    assert take_back(work) == [(funding.id, usd(70), RefundState.SUCCEEDED)]
    assert holds(K.FUNDS, BOUNTY) == 0
    assert check_ledger() == []


@pytest.fixture
def rich(stripe, wes, later):
    """Our balance at Stripe covers what goes back, and Stripe's fees."""
    pay_in(stripe, wes, usd(500), "bounty_boats")
    later(days=3)


def test_never_more_than_the_bank_left_whatever_else_is_free(stripe, wes, rich, lose, work):
    first = pay_in(stripe, wes, usd(100))
    lose(first, 30_00, refundable=True)
    second = pay_in(stripe, wes, usd(50))
    assert take_back(work) == [(first.id, usd(70), RefundState.SUCCEEDED), (second.id, usd(50), RefundState.SUCCEEDED)]


def test_where_stripe_refunds_no_more_of_it_the_plan_passes_it_by_and_says_why(stripe, wes, rich, lose, work):
    first = pay_in(stripe, wes, usd(100))
    second = pay_in(stripe, wes, usd(50))
    lose(first, 30_00)
    assert kept() == [(first.id, usd(70), TAKEN)]
    assert take_back(work) == [(second.id, usd(50), RefundState.SUCCEEDED)]
    assert holds(K.FUNDS, BOUNTY) == 70_00


def test_while_the_bank_decides_it_is_passed_by_too(stripe, wes, heard):
    funding = pay_in(stripe, wes, usd(100))
    stripe.control.open_dispute(funding.charge_id, amount=30_00, status="warning_needs_response")
    heard()
    assert (plan(), kept()) == ([], [(funding.id, usd(100), DISPUTED)])


def test_of_what_the_bank_took_whole_nothing_is_left_to_speak_of(stripe, wes, lose):
    funding = pay_in(stripe, wes, usd(100))
    lose(funding, None, refundable=True)
    pay_in(stripe, wes, usd(50))
    assert kept() == []
    assert funding.id not in dict(plan())


def test_two_disputes_of_one_payment_each_leave_less(stripe, wes, lose, heard):
    funding = pay_in(stripe, wes, usd(100))
    lose(funding, 30_00, refundable=True)
    lose(funding, 20_00, refundable=True)
    assert plan() == [(funding.id, usd(50))]
    stripe.control.open_dispute(funding.charge_id, amount=10_00)
    heard()
    assert (plan(), [why for _, _, why in kept()]) == ([], [DISPUTED])


def test_a_bank_that_changes_its_mind_leaves_all_of_it(stripe, wes, lose, heard):
    funding = pay_in(stripe, wes, usd(100))
    opened = lose(funding, 30_00)
    stripe.control.settle_dispute(opened, status="won")
    heard()
    assert plan() == [(funding.id, usd(100))]


def test_stripe_changes_its_word_and_says_no(stripe, wes, lose, work, later):
    """We had heard that it may go back: refused, the money is the bounty's again and the plan knows better."""
    funding = pay_in(stripe, wes, usd(100))
    opened = lose(funding, 30_00, refundable=True)
    store = stripe.box.world.store
    with store.transaction():
        store.save(store.find(opened) | {"is_charge_refundable": False})
    assert take_back(work) == [(funding.id, usd(70), RefundState.FAILED)]
    assert (plan(), kept()) == ([], [(funding.id, usd(70), TAKEN)])
    later(days=2)
    work()
    assert len([one for one in stripe.control.read_calls()["calls"] if one["path"] == "/v1/refunds"
                and one["method"] == "POST"]) == 1
    assert holds(K.FUNDS, BOUNTY) == 70_00
    assert check_ledger() == []


def test_its_word_is_heard_again_without_a_webhook(stripe, wes, lose):
    funding = pay_in(stripe, wes, usd(100))
    opened = lose(funding, 30_00)
    store = stripe.box.world.store
    with store.transaction():
        store.save(store.find(opened) | {"is_charge_refundable": True})
    do_now(CHECK_CHARGEBACK, chargeback_id=db.session.scalars(select(Chargeback.id)).one())
    assert plan() == [(funding.id, usd(70))]


def test_what_grows_old_is_counted_without_what_the_bank_took(stripe, wes, lose, later):
    first = pay_in(stripe, wes, usd(100))
    lose(first, 30_00)
    assert [(one.unused, one.is_stuck) for one in ageing.all_aged(at_most=10)] == [(usd(70), True)]
    later(days=ageing.limits().refund_after + 1)
    with transaction():
        ageing.age_funds(BOUNTY, "usd")
    assert promised("send_refund") == []
