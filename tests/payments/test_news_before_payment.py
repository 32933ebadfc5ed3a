"""Bad news that Stripe tells before we know the payment that it is about; and how little of an event is kept."""
from datetime import timedelta

import pytest
from sqlalchemy import inspect, select

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage, do_now
from marketplace.payments.disputes.unmatched import assign_to_bounty
from marketplace.payments.inbox import keep_event
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    FraudWarning,
    Funding,
    Refund,
    RefundOrigin,
    StripeEvent,
)
from marketplace.payments.money_in.funding import CHECK_FUNDING
from tests.browsing import end_reading
from tests.factories import make_user
from tests.payments.money_steps import BOUNTY, ask_to_fund, fresh, holds, pay_in, pay_in_otherwise, usd


@pytest.fixture
def told(app, stripe, work):
    """`told("refund.created")`: these events alone are heard of, and handled; gives what came of them."""
    def tell(*kinds: str) -> set[str]:
        page = app.extensions["gateway"].page_of_events(
            created_from=clock.now() - timedelta(days=1), types=list(kinds), after=None)
        assert page.events
        with transaction():
            for event in reversed(page.events):
                assert keep_event(event)
        work()
        return outcomes()
    return tell


def outcomes() -> set[str]:
    end_reading()
    return set(db.session.scalars(select(StripeEvent.outcome)))


def paid_unheard(stripe, wes) -> tuple[Funding, str]:
    """Paid on Stripe's page, but we have not heard of it; and its charge."""
    funding = ask_to_fund(wes, usd(1000))
    stripe.control.pay_checkout(funding.checkout_session_id)
    return funding, stripe.box.world.store.all("charge")[0]["id"]


def hear_of(funding: Funding) -> None:
    do_now(CHECK_FUNDING, funding_id=funding.id)


def looks_promised() -> int:
    end_reading()
    return len(db.session.scalars(select(OutboxMessage.id).filter_by(job="look_again_at_news")).all())


class TestHeardBeforeThePayment:
    def test_a_refund_made_by_hand_is_posted_once_the_payment_is_known(self, stripe, wes, told, work):
        funding, charge = paid_unheard(stripe, wes)
        stripe.control.refund_by_hand(charge, amount=300_00)
        assert told("refund.created", "charge.refunded") == {"ignored: the refund is of no funding of ours"}
        hear_of(funding)
        work()
        refund = db.session.scalars(select(Refund)).one()
        assert (refund.origin, refund.amount, fresh(Funding, funding.id).refunded_minor) == (
            RefundOrigin.BY_HAND, usd(300), 300_00)
        assert holds(AccountKind.FUNDS, BOUNTY) == 700_00

    def test_a_dispute_freezes_once_the_payment_is_known(self, stripe, wes, told, work):
        funding, charge = paid_unheard(stripe, wes)
        stripe.control.open_dispute(charge, amount=400_00, withdraw=False)
        assert told("charge.dispute.created") == {"ignored: the dispute is about no funding of ours"}
        hear_of(funding)
        work()
        chargeback = db.session.scalars(select(Chargeback)).one()
        assert (holds(AccountKind.FUNDS, BOUNTY), holds(AccountKind.DISPUTED, chargeback.id)) == (600_00, 400_00)

    def test_a_fraud_warning_sends_back_what_is_free_once_the_payment_is_known(self, stripe, wes, told, work):
        funding, charge = paid_unheard(stripe, wes)
        stripe.control.warn_of_fraud(charge)
        assert told("radar.early_fraud_warning.created") == {"ignored: the warning is about no funding of ours"}
        hear_of(funding)
        work()
        assert db.session.scalars(select(FraudWarning)).one().funding_id == funding.id
        assert holds(AccountKind.FUNDS, BOUNTY) == 0

    def test_a_warning_of_a_parked_payment_counts_once_the_bounty_has_it(self, stripe, wes, told, work):
        funding = pay_in_otherwise(stripe, wes, usd(1000), amount_total=900_00)
        stripe.control.warn_of_fraud(fresh(Funding, funding.id).charge_id)
        assert all(outcome.startswith("ignored") for outcome in told("radar.early_fraud_warning.created"))
        mona = make_user("Mona Lind", is_admin=True)
        with transaction():
            assign_to_bounty(funding.id, by=mona)
        work()
        assert db.session.scalars(select(FraudWarning)).one().funding_id == funding.id

    def test_looked_at_again_once_for_each_payment_however_often_it_is_heard_of(self, stripe, wes, told, work):
        funding, charge = paid_unheard(stripe, wes)
        stripe.control.refund_by_hand(charge, amount=300_00)
        told("refund.created")
        hear_of(funding)
        hear_of(funding)
        assert looks_promised() == 1
        work()
        hear_of(funding)
        assert looks_promised() == 1
        handled = db.session.scalars(select(OutboxMessage).filter_by(job="handle_stripe_event")).all()
        assert len(handled) == 2  # When it came in, and when the payment was known.

    def test_what_is_being_handled_at_that_moment_is_handled_again_after(self, stripe, wes, work):
        """Its worker may have looked for the payment right before it was there."""
        funding, charge = paid_unheard(stripe, wes)
        with transaction():
            db.session.add(StripeEvent(id="evt_1", type="charge.dispute.created", object_id="du_1", about_id=charge,
                                       livemode=False))
            db.session.add(StripeEvent(id="evt_2", type="charge.dispute.created", object_id="du_2", about_id="ch_other",
                                       livemode=False))
        hear_of(funding)
        work()
        assert [event.outcome is not None for event in map(fresh_event, ("evt_1", "evt_2"))] == [True, False]


def fresh_event(event_id: str) -> StripeEvent:
    return fresh(StripeEvent, event_id)


def test_news_heard_after_the_payment_is_not_looked_at_twice(stripe, wes, told, work):
    funding = pay_in(stripe, wes, usd(1000))
    work()
    stripe.control.refund_by_hand(fresh(Funding, funding.id).charge_id, amount=300_00)
    assert told("refund.created") == {"refund made by hand"}
    assert looks_promised() == 1
    assert len(db.session.scalars(select(OutboxMessage).filter_by(job="handle_stripe_event")).all()) == 1


@pytest.mark.parametrize(("shown", "about"), [
    ({"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}, "ch_1"),
    ({"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1"}, "ch_1"),
    ({"id": "re_1", "object": "refund", "charge": None, "payment_intent": "pi_1"}, "pi_1"),
    ({"id": "acct_1", "object": "account"}, None),
    ({"id": "du_1", "object": "dispute", "charge": {"id": "ch_1"}, "payment_intent": 7}, None),
])
def test_an_event_is_kept_by_its_names_alone(app, shown, about):
    told = {"id": "evt_1", "type": "charge.dispute.created", "livemode": False, "account": "acct_9", "data": {"object": {
        **shown, "billing_details": {"name": "Dana Fox", "email": "dana@mail.example"}}}}
    with transaction():
        keep_event(told)
    kept = fresh(StripeEvent, "evt_1")
    assert (kept.object_id, kept.about_id, kept.account) == (shown["id"], about, "acct_9")
    row = db.session.execute(select(StripeEvent.__table__)).one()
    assert "Dana" not in str(row)
    assert "dana@" not in str(row)
    assert "payload" not in {column["name"] for column in inspect(db.engine).get_columns("stripe_events")}
