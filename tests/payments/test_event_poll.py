"""Stripe's lists of events are read every hour: all webhooks may be lost, and nothing but time is."""
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.payments import events
from marketplace.payments.books import event_poll
from marketplace.payments.inbox import EventRefused, keep_event
from marketplace.payments.models import (
    EventPoll,
    Funding,
    FundingState,
    PayeeState,
    Refund,
    RefundState,
    StripeEvent,
)
from marketplace.payments.money_in.refunds import refund_free_funds
from tests.browsing import end_reading
from tests.payments.money_steps import BOUNTY, ask_to_fund, fresh, make_ready, pay_in, promised, usd


def poll() -> None:
    """What the rota promises each hour."""
    end_reading()
    with transaction():
        event_poll.poll_events()


def heard() -> int:
    end_reading()
    return db.session.scalar(select(func.count()).select_from(StripeEvent)) or 0


def forget_nets() -> None:
    """Without the looks that fundings and refunds promise themselves: only events can tell."""
    end_reading()
    with transaction():
        for message in [*promised("check_funding"), *promised("check_refund"), *promised("check_payee")]:
            db.session.get_one(type(message), message.id).done_at = product_clock.now()


def test_with_every_webhook_lost_payments_refunds_and_accounts_are_heard_of_within_the_hour(stripe, wes, ana, work, later):
    paid = ask_to_fund(wes, usd(500))
    stripe.control.pay_checkout(paid.checkout_session_id)
    left = ask_to_fund(wes, usd(400), purpose="bounty_left")
    payee = make_ready(stripe, ana)
    refunded = pay_in(stripe, wes, usd(300), purpose="bounty_refunded")
    stripe.control.plan_refund(status="pending")
    with transaction():
        refund_free_funds("bounty_refunded", "usd", by=wes.id)
    work()
    refund = db.session.scalars(select(Refund)).one()
    stripe.control.settle_refund(refund.stripe_refund_id, status="succeeded")
    stripe.control.set_account_state(payee.stripe_account_id, state="restricted")
    later(hours=13)
    forget_nets()
    stripe.control.plan_webhooks(drop=10_000)
    stripe.deliver_webhooks()
    assert heard() == 0
    assert (fresh(Funding, paid.id).state, fresh(Funding, left.id).state) == (FundingState.OPEN, FundingState.OPEN)
    poll()
    work()
    assert (fresh(Funding, paid.id).state, fresh(Funding, left.id).state) == (FundingState.PAID, FundingState.EXPIRED)
    assert fresh(Refund, refund.id).state is RefundState.SUCCEEDED
    assert fresh(type(payee), payee.id).state is PayeeState.ACTION_NEEDED
    assert fresh(Funding, refunded.id).refunded_minor == 300_00
    assert db.session.scalars(select(StripeEvent).where(StripeEvent.handled_at.is_(None))).all() == []


def test_an_event_that_came_by_webhook_too_is_kept_and_handled_once(stripe, app, wes, work):
    from tests.browsing import apart  # noqa: PLC0415

    stripe.deliver_to_app(apart(app))
    pay_in(stripe, wes)
    stripe.deliver_webhooks()
    work()
    before = heard()
    assert before > 0
    for _ in range(2):
        poll()
        work()
    assert heard() == before and promised("handle_stripe_event") == []


def test_a_list_of_many_pages_is_read_to_its_end_page_by_page(stripe, work):
    for _ in range(120):
        stripe.control.top_up(amount=1, currency="usd")
    stripe.control.add_movement(type="topup_reversal", amount=-120, currency="usd")  # As nothing for the books.
    poll()
    assert work() >= 120
    assert heard() == 120


def test_thin_events_of_accounts_are_paged_too(stripe, ana, work, monkeypatch):
    payee = make_ready(stripe, ana)
    for _ in range(3):
        for state in ("restricted", "active"):
            stripe.control.set_account_state(payee.stripe_account_id, state=state)
    monkeypatch.setattr("marketplace.payments.stripe_gateway.books.PAGE", 4)
    poll()
    work()
    end_reading()
    kinds = list(db.session.scalars(select(StripeEvent.type)))
    assert len(kinds) >= 13 and all(kind.startswith("v2.core.account") for kind in kinds)
    assert fresh(type(payee), payee.id).state is PayeeState.READY


def test_the_next_reading_begins_two_hours_before_where_the_last_began(stripe, wes, work, later):
    began = product_clock.now()
    poll()
    work()
    assert {one.id for one in db.session.scalars(select(EventPoll))} == set(event_poll.LISTS)
    assert all(began <= one.read_through < began + timedelta(minutes=1) for one in db.session.scalars(select(EventPoll)))
    later(hours=1)
    pay_in(stripe, wes, purpose=BOUNTY)
    poll()
    asked = promised("poll_event_page")
    assert {one.arguments["since"][:16] for one in asked} == {(began - timedelta(hours=2)).isoformat()[:16]}
    work()
    assert heard() > 0


def test_a_reading_after_a_long_silence_asks_for_no_more_than_stripe_keeps(stripe, work, later):
    poll()
    work()
    later(days=90)
    poll()
    since = min(one.arguments["since"] for one in promised("poll_event_page"))
    assert since >= (product_clock.now() - timedelta(days=30, minutes=1)).isoformat()
    work()


@pytest.mark.once
def test_no_call_asks_for_more_types_than_stripe_takes_and_everything_that_is_followed_is_asked_for():
    assert all(len(types) <= 20 for types in event_poll.LISTS.values())
    assert len(set(event_poll.TYPES)) == len(event_poll.TYPES)
    for begins in events.FOLLOWS:
        if not begins.startswith(("v2.", "account", "payout", "capability")):
            assert any(kind.startswith(begins) for kind in event_poll.TYPES), begins


def test_an_event_of_the_other_mode_is_not_kept(app):
    with pytest.raises(EventRefused), transaction():
        keep_event({"id": "evt_live", "type": "charge.updated", "livemode": True, "data": {"object": {"id": "ch_1"}}})
    assert heard() == 0
