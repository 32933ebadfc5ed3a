"""Auto top-up: within what was agreed, once, whatever befalls the call; refused, it says so and rests."""
import pytest
from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import LARGEST_MINOR, Money
from marketplace.foundation.outbox import do_now
from marketplace.identity.models import MemberRole
from marketplace.payments.models import PLATFORM, AccountKind, AutoTopUp, Funding, FundingState, FundingWay, TopUpState
from marketplace.payments.money_in.agreements import (
    MonthTooSmall,
    agree_top_up,
    pause_for,
    remove_card,
    stop_top_up,
)
from marketplace.payments.money_in.funding import CHECK_FUNDING, OPEN_CHECKOUT, FundingTooSmall, request_funding
from marketplace.payments.money_in.kept_cards import NoCard, find_card, find_customer, forget_customer
from marketplace.payments.money_in.top_ups import charge_top_up
from marketplace.payments.sandbox.events import emit
from marketplace.payments.stripe_readings import TemporaryFailure
from tests.browsing import apart, end_reading
from tests.factories import make_member
from tests.payments.money_steps import BOUNTY, fresh, holds, promised, usd

K, S = AccountKind, FundingState
AMOUNT, MONTHLY = usd(500), usd(1200)


def keep(stripe, wes, westside, card="visa"):
    """Pays $100 in with a card that is kept."""
    with transaction():
        funding = request_funding(westside.id, BOUNTY, usd(100), by=wes, keeps_card=True)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    stripe.control.pay_checkout(fresh(Funding, funding.id).checkout_session_id, card=card)
    do_now(CHECK_FUNDING, funding_id=funding.id)
    end_reading()
    return find_card(westside.id)


def agree(wes, westside, amount=AMOUNT, monthly=MONTHLY):
    with transaction():
        return agree_top_up(westside.id, BOUNTY, amount, monthly, by=wes).id


def ask():
    """What the bounty's job does when it is short."""
    with transaction():
        return charge_top_up(BOUNTY)


def top_ups():
    end_reading()
    return list(db.session.scalars(select(Funding).filter_by(way=FundingWay.TOP_UP).order_by(Funding.id)))


def written(news):
    return [said["letter"] for name, said in news if name == "send_letter"]


@pytest.fixture
def agreed(stripe, wes, westside):
    keep(stripe, wes, westside)
    return agree(wes, westside)


def test_a_card_is_kept_only_where_the_payer_ticked_it(stripe, wes, westside):
    with transaction():
        funding = request_funding(westside.id, BOUNTY, usd(100), by=wes)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    stripe.control.pay_checkout(fresh(Funding, funding.id).checkout_session_id)
    do_now(CHECK_FUNDING, funding_id=funding.id)
    assert find_card(westside.id) is None
    card = keep(stripe, wes, westside)
    assert (card.card_brand, card.card_last4, card.card_expires) == ("visa", "4242", "2031-12")
    assert fresh(Funding, funding.id).paid_with == "Visa ending in 4242"


def test_a_business_is_one_customer_at_stripe_however_often_it_pays(stripe, wes, westside):
    first = keep(stripe, wes, westside).stripe_customer_id
    assert keep(stripe, wes, westside).stripe_customer_id == first
    assert len(stripe.box.world.store.all("customer")) == 1


@pytest.mark.parametrize("trouble", ["lost_after", "half_written", "error_unstored", "rate_limited", "key_in_use"])
def test_trouble_while_the_customer_is_made_leads_to_the_same_one(stripe, wes, westside, work, later, trouble):
    stripe.control.plan_fault(kind=trouble, path="customers")
    with transaction():
        funding = request_funding(westside.id, BOUNTY, usd(100), by=wes)
    for _ in range(2):
        later(minutes=5)
        work()
    assert fresh(Funding, funding.id).state is S.OPEN
    assert len(stripe.box.world.store.all("customer")) == 1


def test_a_customer_whose_key_is_burnt_is_made_under_a_new_one(stripe, wes, westside, work, later):
    stripe.control.plan_fault(kind="error_stored", path="customers")
    with transaction():
        funding = request_funding(westside.id, BOUNTY, usd(100), by=wes)
    for _ in range(4):
        later(minutes=5)
        work()
    assert fresh(Funding, funding.id).state is S.OPEN
    assert find_customer(westside.id).attempt_no == 2


def open_two(wes, westside):
    """Asked for at once; Stripe has not heard of either page yet."""
    with transaction():
        return [request_funding(westside.id, BOUNTY, usd(100), by=wes, keeps_card=True).id for _ in range(2)]


def keep_open(outcome, funding_id):
    with transaction():
        OPEN_CHECKOUT.settle(outcome, funding_id=funding_id)


def test_two_pages_that_meet_a_burnt_key_renew_it_once(stripe, wes, westside):
    asked = open_two(wes, westside)
    stripe.control.plan_fault(kind="error_stored", path="customers")
    with pytest.raises(TemporaryFailure):
        do_now(OPEN_CHECKOUT, funding_id=asked[0])
    for funding_id, outcome in [(one, OPEN_CHECKOUT.call(funding_id=one)) for one in asked]:
        keep_open(outcome, funding_id)
    assert find_customer(westside.id).attempt_no == 2


def test_two_pages_that_meet_a_deleted_customer_share_the_new_one(stripe, wes, westside):
    gone = keep(stripe, wes, westside).stripe_customer_id
    delete_customer(stripe, gone)
    first, second = open_two(wes, westside)
    said_first, said_second = (OPEN_CHECKOUT.call(funding_id=one) for one in (first, second))
    keep_open(said_first, first)
    do_now(OPEN_CHECKOUT, funding_id=first)
    made = find_customer(westside.id).stripe_customer_id
    keep_open(said_second, second)
    do_now(OPEN_CHECKOUT, funding_id=second)
    assert find_customer(westside.id).stripe_customer_id == made != gone
    assert [fresh(Funding, one).state for one in (first, second)] == [S.OPEN, S.OPEN]


@pytest.mark.once
def test_the_card_of_a_customer_who_is_gone_meanwhile_is_not_kept(stripe, wes, westside):
    first, _ = open_two(wes, westside)
    do_now(OPEN_CHECKOUT, funding_id=first)
    forget(westside)
    stripe.control.pay_checkout(fresh(Funding, first).checkout_session_id)
    do_now(CHECK_FUNDING, funding_id=first)
    assert fresh(Funding, first).state is S.PAID and find_card(westside.id) is None


def delete_customer(stripe, stripe_customer_id):
    with stripe.box.world.store.transaction():
        stripe.box.world.store.sql("DELETE FROM object WHERE id = ?", stripe_customer_id)


def forget(westside):
    """As a page that heard of it does: the customer was deleted at Stripe, and its card with it."""
    with transaction():
        forget_customer(westside.id, find_customer(westside.id).stripe_customer_id)


def test_a_customer_deleted_at_stripe_is_made_anew_and_its_card_is_gone(stripe, wes, westside, work):
    card = keep(stripe, wes, westside)
    delete_customer(stripe, card.stripe_customer_id)
    with transaction():
        funding = request_funding(westside.id, BOUNTY, usd(100), by=wes)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    work()
    assert fresh(Funding, funding.id).state is S.OPEN
    assert find_card(westside.id) is None
    assert find_customer(westside.id).stripe_customer_id != card.stripe_customer_id


def test_a_new_card_takes_the_place_of_the_old_one_which_is_forgotten(stripe, wes, westside, work):
    old = keep(stripe, wes, westside).payment_method_id
    new = keep(stripe, wes, westside, card="fails_later").payment_method_id
    work()
    assert new != old
    assert stripe.box.world.store.get("payment_method", old)["customer"] is None


def test_a_top_up_is_a_funding_like_any_other(stripe, agreed, work, news):
    ask()
    work()
    (funding,) = top_ups()
    assert (funding.state, funding.amount, funding.paid_with) == (S.PAID, AMOUNT, "Visa ending in 4242")
    assert holds(K.FUNDS, BOUNTY) == 600_00
    assert holds(K.STRIPE_FEES, PLATFORM) == -(14_80 + 3_20)  # Of $500 and of the $100 before.
    assert ("note_funding", {"funding_id": funding.id}) in news
    assert written(news)[-1] == "funding_receipt"


def test_one_top_up_at_a_time(stripe, agreed, work):
    assert ask() is not None
    assert ask() is None
    work()
    assert len(top_ups()) == 1


def test_a_month_costs_no_more_than_agreed_and_the_next_one_begins_anew(stripe, agreed, work, later, news):
    for _ in range(4):
        ask()
        work()
    assert [one.state for one in top_ups()] == [S.PAID, S.PAID]  # 500 + 500, and 1,500 would be too much.
    assert written(news).count("top_up_month_full") == 1
    later(days=30)
    ask()
    work()
    assert len(top_ups()) == 3


@pytest.mark.parametrize("trouble", ["lost_before", "lost_after", "half_written", "error_unstored", "error_stored",
                                     "error_stored_after", "rate_limited", "key_in_use"])
def test_whatever_befalls_the_call_the_card_is_charged_once(stripe, agreed, work, later, trouble):
    stripe.control.plan_fault(kind=trouble, path="/v1/payment_intents$", method="POST")
    ask()
    for _ in range(3):
        work()
        later(minutes=20)
        ask()
    charged = [one for one in stripe.box.world.store.all("payment_intent") if one["amount"] == 500_00]
    paid = [one for one in top_ups() if one.state is S.PAID]
    assert len(charged) == len(paid) >= 1
    assert all(one.state is S.PAID for one in top_ups()[:-1])
    assert holds(K.FUNDS, BOUNTY) == 100_00 + 500_00 * len(paid)


@pytest.mark.parametrize("away", [{"hours": 22}, {"hours": 25}, {"days": 31}])
def test_a_charge_whose_answer_was_lost_is_found_again_however_late(stripe, agreed, work, later, away):
    stripe.control.plan_fault(kind="lost_after", path="/v1/payment_intents$", method="POST")
    ask()
    work()
    later(**away)
    work()
    later(hours=7)
    work()
    (funding,) = top_ups()
    assert funding.state is S.PAID
    assert len(stripe.box.world.store.all("payment_intent")) == 2  # That of the page, and this one.


@pytest.mark.once
def test_a_charge_that_its_bank_thinks_about_is_looked_at_until_it_is_decided(stripe, agreed, work, later):
    stripe.control.plan_fault(kind="lost_after", path="/v1/payment_intents$", method="POST")
    ask()
    work()
    store = stripe.box.world.store
    (paid,) = (one for one in store.all("payment_intent") if one["amount"] == 500_00)
    with store.transaction():
        store.save(paid | {"status": "processing"})
    later(hours=25)  # The key is too old to ask with: it is looked up.
    for _ in range(2):
        work()
        assert (top_ups()[0].state, holds(K.FUNDS, BOUNTY)) == (S.PROCESSING, 100_00)
        assert [one.last_error for one in promised("check_funding")] == [None]
        later(minutes=20)
    with store.transaction():
        store.save(paid)
    later(days=1)
    work()
    assert (top_ups()[0].state, holds(K.FUNDS, BOUNTY)) == (S.PAID, 600_00)
    assert promised("check_funding") == []


@pytest.mark.once
@pytest.mark.parametrize("arrives", [True, False])
def test_a_card_that_goes_while_it_may_be_charged_is_given_up_only_when_no_call_can_come_any_more(
        stripe, westside, agreed, work, later, arrives):
    stripe.control.plan_fault(kind="lost_before", path="/v1/payment_intents$", method="POST")
    funding, customer_id = ask(), find_customer(westside.id).stripe_customer_id
    work()
    forget(westside)
    later(minutes=5)
    work()
    assert fresh(Funding, funding.id).state is S.REQUESTED
    if arrives:  # What seemed lost was only slow.
        stripe.gateway().charge_card(
            funding_id=funding.id, customer_id=customer_id, payment_method_id=funding.payment_method_id, amount=AMOUNT,
            description="late", group=BOUNTY, key=funding.idempotency_key)
    later(minutes=20)
    work()
    assert fresh(Funding, funding.id).state is (S.PAID if arrives else S.FAILED)
    assert holds(K.FUNDS, BOUNTY) == (600_00 if arrives else 100_00)


@pytest.mark.once
def test_a_card_that_goes_before_the_first_call_is_given_up_at_once(stripe, westside, agreed, work, jobs):
    funding = ask()
    with transaction():
        jobs["send_top_up"](funding_id=funding.id)
    forget(westside)
    work()
    found = fresh(Funding, funding.id)
    assert found.state is S.FAILED and "no longer kept" in found.failure


def test_two_workers_that_find_nothing_make_one_new_key(stripe, agreed, work, jobs):
    funding = ask()
    with transaction():
        jobs["send_top_up"](funding_id=funding.id)
    errand = jobs["deliver_top_up"]
    stripe.control.plan_fault(kind="error_stored", path="/v1/payment_intents$", method="POST")
    with pytest.raises(TemporaryFailure):
        errand.call(funding_id=funding.id)
    for outcome in [errand.call(funding_id=funding.id) for _ in range(2)]:
        with transaction():
            errand.settle(outcome, funding_id=funding.id)
    assert fresh(Funding, funding.id).attempt_no == 2
    work()
    assert holds(K.FUNDS, BOUNTY) == 600_00


@pytest.mark.once
def test_a_card_that_went_with_its_customer_pauses_top_ups_once(stripe, westside, agreed, work, news):
    forget(westside)
    assert ask() is None
    with transaction():
        pause_for(BOUNTY, "Money goes back.")
    top_up = fresh(AutoTopUp, agreed)
    assert (top_up.state, top_up.paused_because) == (TopUpState.PAUSED, "The card was removed.")
    work()
    assert written(news).count("top_up_paused") == 1


def test_jobs_done_twice_charge_once(stripe, agreed, work, jobs):
    ask()
    (funding,) = top_ups()
    for _ in range(2):
        with transaction():
            jobs["send_top_up"](funding_id=funding.id)
    for _ in range(3):
        do_now(jobs["deliver_top_up"], funding_id=funding.id)
    work()
    assert stripe.calls_to("/v1/payment_intents") == 1
    assert holds(K.FUNDS, BOUNTY) == 600_00


def test_a_refused_card_is_tried_once_more_a_day_later_and_then_top_ups_pause(
        stripe, wes, westside, work, later, news):
    keep(stripe, wes, westside, card="fails_later")
    top_up_id = agree(wes, westside)
    for _ in range(3):
        ask()
        work()
    (first,) = top_ups()
    assert (first.state, first.failure_code) == (S.FAILED, "generic_decline")
    assert "refused the payment" in first.failure
    assert fresh(AutoTopUp, top_up_id).state is TopUpState.ON
    later(hours=25)
    ask()
    work()
    assert len(top_ups()) == 2
    top_up = fresh(AutoTopUp, top_up_id)
    assert top_up.state is TopUpState.PAUSED and "refused 2 times" in top_up.paused_because
    later(days=2)
    assert ask() is None
    assert [one for one in written(news) if one.startswith("top_up")] == [
        "top_up_refused", "top_up_refused", "top_up_paused"]
    assert holds(K.FUNDS, BOUNTY) == 100_00


def test_what_the_bank_wants_confirmed_is_ended_so_that_only_the_fresh_page_can_be_paid(
        stripe, wes, westside, work, news):
    keep(stripe, wes, westside, card="confirms")
    agree(wes, westside)
    ask()
    work()
    (funding,) = top_ups()
    assert (funding.state, funding.failure_code) == (S.FAILED, "authentication_required")
    assert "confirm this payment yourself" in funding.failure
    assert stripe.box.world.store.get("payment_intent", funding.payment_intent_id)["status"] == "canceled"
    assert "top_up_needs_owner" in written(news) and "top_up_refused" not in written(news)


def test_a_refusal_is_forgiven_once_the_card_works_again(stripe, wes, westside, work, later):
    keep(stripe, wes, westside, card="fails_later")
    top_up_id = agree(wes, westside)
    ask()
    work()
    keep(stripe, wes, westside)
    later(hours=25)
    ask()
    work()
    assert fresh(AutoTopUp, top_up_id).refusals == 0


def test_a_removed_card_is_never_charged_again(stripe, wes, westside, agreed, work):
    ask()
    with transaction():
        remove_card(westside.id, by=wes)
    work()
    (funding,) = top_ups()
    assert funding.state is S.FAILED and stripe.calls_to("/v1/payment_intents") == 0
    top_up = fresh(AutoTopUp, agreed)
    assert (top_up.state, top_up.paused_because) == (TopUpState.PAUSED, "The card was removed.")
    assert [one["customer"] for one in stripe.box.world.store.all("payment_method")] == [None]
    with pytest.raises(NoCard), transaction():
        agree_top_up(westside.id, BOUNTY, AMOUNT, MONTHLY, by=wes)
    with pytest.raises(NoCard), transaction():
        remove_card(westside.id, by=wes)


def test_a_card_detached_at_stripe_says_so(stripe, wes, westside, agreed, work):
    with stripe.box.world.store.transaction():
        (method,) = stripe.box.world.store.all("payment_method")
        stripe.box.world.store.save(method | {"customer": None})
    ask()
    work()
    (funding,) = top_ups()
    assert funding.state is S.FAILED and "no longer kept" in funding.failure


def test_what_is_turned_off_charges_nothing_and_is_agreed_anew(stripe, wes, westside, agreed, work):
    with transaction():
        stop_top_up(BOUNTY, by=wes)
    assert ask() is None
    assert agree(wes, westside, amount=usd(600)) == agreed
    ask()
    work()
    assert top_ups()[0].amount == usd(600)


def test_an_event_tells_of_a_top_up_whose_answer_was_lost(stripe, agreed, work, sandbox, app):
    ask()
    work()
    (funding,) = top_ups()
    sandbox.deliver_to_app(apart(app))
    sandbox.deliver_webhooks(order="reversed", copies=2)
    work()
    assert fresh(Funding, funding.id).state is S.PAID
    assert holds(K.FUNDS, BOUNTY) == 600_00


@pytest.mark.once
def test_a_fee_that_is_known_later_is_told_by_the_charge(stripe, agreed, work, later, app):
    stripe.deliver_to_app(apart(app))
    stripe.control.plan_fault(kind="lost_after", path="/v1/payment_intents$", method="POST")
    ask()
    work()
    store = stripe.box.world.store
    (charge,) = (one for one in store.all("charge") if one["amount"] == 500_00)
    with store.transaction():
        store.save(charge | {"balance_transaction": None})
    later(hours=25)
    work()
    stripe.deliver_webhooks()
    work()
    assert (top_ups()[0].state, top_ups()[0].fee_minor) == (S.PAID, None)
    assert len(promised("check_funding")) == 1  # Should Stripe's word be lost.
    with store.transaction():
        emit(stripe.box.world, "charge.updated", store.save(charge))
    stripe.deliver_webhooks()
    work()
    assert top_ups()[0].fee_minor == 14_80
    assert holds(K.STRIPE_FEES, PLATFORM) == -(14_80 + 3_20)


@pytest.mark.once
def test_a_refund_by_hand_pauses_top_ups_or_the_card_would_pay_for_it_at_once(stripe, agreed, work, app):
    stripe.deliver_to_app(apart(app))
    (charge,) = stripe.box.world.store.all("charge")
    stripe.control.refund_by_hand(charge["id"], amount=40_00)
    stripe.deliver_webhooks()
    work()
    top_up = fresh(AutoTopUp, agreed)
    assert top_up.state is TopUpState.PAUSED and "refunded at Stripe by hand" in top_up.paused_because
    assert ask() is None and holds(K.FUNDS, BOUNTY) == 60_00


def test_who_may_not_handle_money_agrees_to_nothing(stripe, wes, westside, ana):
    keep(stripe, wes, westside)
    for person in (make_member(westside, MemberRole.AGENT), ana):
        with pytest.raises(Forbidden), transaction():
            agree_top_up(westside.id, BOUNTY, AMOUNT, MONTHLY, by=person)
        with pytest.raises(Forbidden), transaction():
            remove_card(westside.id, by=person)


def test_sums_that_make_no_sense_are_refused(stripe, wes, westside):
    keep(stripe, wes, westside)
    with pytest.raises(FundingTooSmall), transaction():
        agree_top_up(westside.id, BOUNTY, usd(4), usd(4), by=wes)
    with pytest.raises(MonthTooSmall), transaction():
        agree_top_up(westside.id, BOUNTY, usd(50), usd(49), by=wes)
    with pytest.raises(Invalid, match="more than we can handle"), transaction():
        agree_top_up(westside.id, BOUNTY, usd(50), Money(LARGEST_MINOR + 1, "usd"), by=wes)
