"""A business's own Stripe account says what was sold and given back; each counts once, in whatever order it is said."""
import itertools
import json
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from marketplace.bounties.models import Happening, RewardKind
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.models import PLATFORM, AccountKind
from marketplace.payments.money_out import stops
from marketplace.payments.sandbox.webhooks import sign
from marketplace.referrals.models import Conversion, Reward, RewardState
from marketplace.tracking.business_stripe.disputed import hold_disputed
from marketplace.tracking.business_stripe.doors import open_door, tell_secret
from marketplace.tracking.business_stripe.giving_back import DISPUTED
from marketplace.tracking.business_stripe.inbox import forget_secrets
from marketplace.tracking.business_stripe.promotions import find_code
from marketplace.tracking.links import forget_links, link_of
from marketplace.tracking.models import ReferralLink, Report, ReportKind, StripeDoorEvent
from marketplace.tracking.retrying import count_what_waited
from tests import factories as make
from tests.browsing import end_reading, what
from tests.privacy.everything import places_of
from tests.referrals.test_as_many_statements import statements_of
from tests.tracking.report_steps import click

SECRET = "whsec_a_secret_of_their_own_stripe"
PERCENT = [{"kind": RewardKind.PERCENT, "rate_bps": 1_000, "cap_minor": 1_000_000}]
RENEWING = [*PERCENT, {"kind": RewardKind.PERCENT, "rate_bps": 500, "cap_minor": 100_000, "happening": Happening.RENEWAL,
                       "times": 3, "within_months": 12}]
serial = itertools.count(1)


def _build(rules=PERCENT):
    wes, ana = make.make_user("Wes Park"), make.make_user()
    business = make.make_business(wes)
    bounty = make.make_bounty(business, is_live=True, funded_for=5, rules=rules)
    with transaction():
        link = link_of(bounty, by=ana)
        door = open_door(business, by=wes)
        tell_secret(door, SECRET, by=wes)
    return SimpleNamespace(wes=wes.id, ana=ana.id, business=business.id, link=link.id, door=door.id)


class Shop:
    """Stripe, as far as this business's account goes."""

    def __init__(self, ids, client):
        self.ids, self.client = ids, client
        forget_secrets(ids.door)  # A test before may have exchanged them in this process.
        self.click = click(db.session.get_one(ReferralLink, ids.link))

    def says(self, kind, shown, *, event_id=None, secret=SECRET, livemode=False, door=None, **more):
        event = {"id": event_id or f"evt_{next(serial)}", "object": "event", "type": kind, "livemode": livemode,
                 "created": int(clock.now().timestamp()), "data": {"object": shown}, **more}
        return self.posts(json.dumps(event).encode(), secret=secret, door=door)

    def posts(self, body, *, secret=SECRET, header=None, door=None):
        return self.client.post(f"/hooks/stripe/{door or self.ids.door}", data=body, headers={
            "Stripe-Signature": header if header is not None else sign(body, secret)})

    def sells(self, **more):
        """A checkout of $115.00: $100.00, $10.00 taxes, $5.00 shipping."""
        return self.says("checkout.session.completed", checkout(client_reference_id=self.click) | more)


def checkout(**more):
    return {"id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_status": "paid", "currency": "usd",
            "amount_total": 11_500, "amount_subtotal": 10_000, "payment_intent": "pi_1", "customer": "cus_1",
            "total_details": {"amount_tax": 1_000, "amount_shipping": 500, "amount_discount": 0},
            "customer_details": {"email": "david@example.com"}, "metadata": {}, **more}


def refund(amount, name="re_1", status="succeeded", **more):
    return {"id": name, "object": "refund", "amount": amount, "currency": "usd", "payment_intent": "pi_1", "charge": "ch_1",
            "status": status, **more}


def charge(refunded, **more):
    return {"id": "ch_1", "object": "charge", "amount": 11_500, "amount_refunded": refunded, "currency": "usd",
            "payment_intent": "pi_1", **more}


def invoice(name, reason, amount=10_000, **more):
    return {"id": name, "object": "invoice", "billing_reason": reason, "currency": "usd", "total": amount, "amount_paid": amount,
            "total_excluding_tax": amount, "customer": "cus_1", "customer_email": "david@example.com", "metadata": {},
            "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {}}}, **more}


@pytest.fixture
def shop(keep, anonymous):
    return Shop(keep("a business with its own Stripe", _build), anonymous)


@pytest.fixture
def renewing(keep, anonymous):
    return Shop(keep("a business with its own Stripe, paying for renewals", lambda: _build(RENEWING)), anonymous)


def conversions():
    end_reading()
    return [(one.kind.value, one.external_id, one.amount_minor, one.refunded_minor, one.state.value)
            for one in db.session.scalars(select(Conversion).order_by(Conversion.id))]


def outcomes():
    end_reading()
    return [(one.told.value, one.state.value) for one in db.session.scalars(select(StripeDoorEvent).order_by(StripeDoorEvent.id))]


def rewards():
    end_reading()
    return list(db.session.scalars(select(Reward).order_by(Reward.id)))


def test_a_checkout_becomes_a_sale_without_taxes_and_shipping_and_pays_whoever_brought_the_click(shop, work):
    assert shop.sells().status_code == 200
    assert work() > 0
    assert conversions() == [("sale", "pi_1", 10_000, 0, "approved")]
    reward = rewards()[0]
    assert (reward.amount_minor, reward.beneficiary_id) == (1_000, shop.ids.ana)
    event = db.session.scalar(select(StripeDoorEvent))
    assert event.who is None and event.outcome.startswith("Sale: pending")
    everything = json.dumps(event.facts) + json.dumps(db.session.scalar(select(Report)).payload)
    assert "david" not in everything and "cus_1" not in everything


def test_sent_n_times_it_counts_once(shop, work):
    for _ in range(3):
        assert shop.says("checkout.session.completed", checkout(client_reference_id=shop.click), event_id="evt_same").status_code == 200
        work()
    shop.says("checkout.session.async_payment_succeeded", checkout(client_reference_id=shop.click))
    work()
    assert len(conversions()) == 1 and outcomes() == [("checkout", "counted"), ("checkout", "ignored")]


@pytest.mark.once
def test_what_is_not_paid_yet_waits_for_its_payment(shop, work):
    shop.sells(payment_status="unpaid")
    work()
    assert conversions() == [] and outcomes() == [("checkout", "ignored")]
    shop.says("checkout.session.async_payment_succeeded", checkout(client_reference_id=shop.click))
    work()
    assert len(conversions()) == 1


def test_a_part_that_is_given_back_takes_its_part_and_both_ways_of_saying_so_are_one(shop, work):
    shop.sells()
    shop.says("refund.created", refund(2_300))
    shop.says("charge.refunded", charge(2_300))
    work()
    assert conversions() == [("sale", "pi_1", 10_000, 2_000, "partially_reversed")]
    assert rewards()[0].clawed_back.minor == 200
    shop.says("charge.refunded", charge(11_500))
    shop.says("refund.updated", refund(9_200, "re_2"))
    work()
    assert conversions()[0][3:] == (10_000, "reversed") and rewards()[0].net.minor == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::8])
def test_the_order_of_arrival_changes_nothing(shop, work, order):
    events = [("checkout.session.completed", checkout(client_reference_id=shop.click)), ("refund.created", refund(1_150)),
              ("charge.refunded", charge(2_300)), ("refund.created", refund(1_150, "re_2"))]
    for place in order:
        shop.says(*events[place])
        work()
    assert conversions() == [("sale", "pi_1", 10_000, 2_000, "partially_reversed")]
    assert rewards()[0].clawed_back.minor == 200


@pytest.mark.once
def test_a_refund_that_is_not_through_or_failed_takes_nothing(shop, work):
    shop.sells()
    shop.says("refund.created", refund(2_300, status="pending"))
    shop.says("refund.updated", refund(2_300, status="failed"))
    work()
    assert conversions()[0][3] == 0


def test_a_subscription_counts_its_first_invoice_once_and_then_renews(renewing, work, later):
    renewing.says("invoice.paid", invoice("in_1", "subscription_create"))  # Before the checkout that knows the click.
    work()
    assert conversions() == []
    renewing.sells(mode="subscription", payment_intent=None, invoice="in_1", subscription="sub_1", amount_total=10_000,
                   total_details={"amount_tax": 0, "amount_shipping": 0})
    work()
    later(minutes=11)
    work()
    assert conversions() == [("sale", "in_1", 10_000, 0, "approved")]
    later(days=30)
    renewing.says("invoice.paid", invoice("in_2", "subscription_cycle", 12_000, total_excluding_tax=10_000))
    renewing.says("invoice.paid", invoice("in_3", "subscription_update", 700))
    work()
    assert conversions()[1:] == [("renewal", "in_2", 10_000, 0, "approved")]
    # Its refund names only a payment; which invoice that paid is said apart.
    renewing.says("refund.created", refund(6_000, payment_intent="pi_9"))
    work()
    assert outcomes()[-1] == ("refund", "waiting")
    renewing.says("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_2", "payment": {"type": "payment_intent", "payment_intent": "pi_9"}})
    work()
    assert conversions()[1] == ("renewal", "in_2", 10_000, 5_000, "partially_reversed")


@pytest.mark.once
def test_a_trial_is_a_sign_up_and_its_first_payment_the_sale(renewing, work, later):
    renewing.sells(mode="subscription", payment_intent=None, subscription="sub_1", invoice="in_0", amount_total=0,
                   payment_status="no_payment_required", total_details={"amount_tax": 0, "amount_shipping": 0})
    work()
    assert [one.kind.value for one in db.session.scalars(select(Report))] == ["sign_up"]
    later(days=14)
    renewing.says("invoice.paid", invoice("in_1", "subscription_cycle"))
    work()
    assert conversions() == [("sale", "in_1", 10_000, 0, "approved")]


@pytest.mark.once
def test_a_promotion_code_credits_whoever_says_it(shop, work):
    spoken = db.session.get_one(ReferralLink, shop.ids.link).spoken
    shop.says("promotion_code.created", {"id": "promo_1", "object": "promotion_code", "code": spoken})
    shop.sells(client_reference_id="cart-17", discounts=[{"coupon": None, "promotion_code": "promo_1"}])
    work()
    assert rewards()[0].beneficiary_id == shop.ids.ana
    shop.says("promotion_code.updated", {"id": "promo_2", "object": "promotion_code", "code": spoken.lower()})
    work()
    assert {place.partition(".")[0] for place in places_of(spoken, spoken.lower())} >= {"stripe_door_events", "reports"}
    with transaction():
        forget_links(shop.ids.ana, by=shop.ids.ana)
    assert places_of(spoken, spoken.lower()) == set(), "the name in it goes with their account"
    assert find_code(shop.ids.door, "promo_1") == db.session.get_one(ReferralLink, shop.ids.link).code


def test_while_the_bank_decides_the_reward_waits_and_a_loss_is_a_refund(shop, work):
    def as_often():
        return statements_of(lambda: hold_disputed(db.session.query(Report).filter_by(kind=ReportKind.SALE).one()))[1]

    shop.sells()
    dispute = {"id": "dp_1", "object": "dispute", "amount": 11_500, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1"}
    shop.says("charge.dispute.created", dispute | {"status": "needs_response"})
    work()
    assert rewards()[0].state is RewardState.ON_HOLD
    shop.says("charge.dispute.closed", dispute | {"status": "won"})
    work()
    assert rewards()[0].state is RewardState.PENDING and conversions()[0][3] == 0
    of_one = as_often()
    shop.says("charge.dispute.created", dispute | {"id": "dp_2", "amount": 5_750, "status": "under_review"})
    shop.says("charge.dispute.closed", dispute | {"id": "dp_2", "amount": 5_750, "status": "lost"})
    work()
    assert rewards()[0].state is RewardState.PENDING and conversions()[0][3:] == (5_000, "partially_reversed")
    assert as_often() == of_one, "however many disputes there were"


def test_a_dispute_stops_what_is_released_and_not_sent_until_the_bank_decides(shop, work, later, mailbox):
    shop.sells()
    work()
    later(days=31)
    work()
    reward = rewards()[0]
    assert (reward.state, stops.held_up(reward.beneficiary_id)) == (RewardState.PAYABLE, [])
    dispute = {"id": "dp_1", "object": "dispute", "amount": 11_500, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1"}
    shop.says("charge.dispute.created", dispute | {"status": "needs_response"})
    work()
    assert stops.held_up(reward.beneficiary_id) == [(reward.amount, DISPUTED)]
    shop.says("charge.dispute.closed", dispute | {"status": "won"})
    work()
    assert stops.held_up(reward.beneficiary_id) == [] and rewards()[0].state is RewardState.PAYABLE
    told = [what(mail) for mail in mailbox.to(db.session.get_one(User, reward.beneficiary_id).email)]
    assert "Your reward has to wait" in told and "Your reward goes on" in told


@pytest.mark.parametrize("ending", ["", "won"])
def test_a_dispute_of_a_sale_that_is_counted_only_later_holds_it_then_by_its_last_word(shop, work, ending):
    """The sale waits for funds; or its invoice for its checkout."""
    def disputes(name, **paid):
        dispute = {"id": f"dp_{name}", "object": "dispute", "amount": 11_500, "currency": "usd", **paid}
        now = int(clock.now().timestamp())
        shop.says("charge.dispute.created", dispute | {"status": "needs_response"}, created=now - 60)
        work()
        if ending:
            shop.says("charge.dispute.closed", dispute | {"status": ending}, created=now - 30)
            work()

    with transaction():
        funds = ledger.account(AccountKind.FUNDS, db.session.get_one(ReferralLink, shop.ids.link).bounty_id, "usd")
        kept = ledger.balance(funds)
        ledger.move(kept, source=funds, target=ledger.account(AccountKind.LOSSES, PLATFORM, "usd"), kind="lent", reference="lent")
    shop.sells()
    work()
    disputes("1", charge="ch_1", payment_intent="pi_1")
    assert db.session.scalars(select(Report.reason)).all() == ["funds_gone"] and rewards() == []
    with transaction():
        ledger.move(kept, source=ledger.account(AccountKind.LOSSES, PLATFORM, "usd"), target=funds, kind="lent", reference="back")
        count_what_waited(shop.ids.business)
    held = RewardState.PENDING if ending else RewardState.ON_HOLD
    assert [one.state for one in rewards()] == [held]
    late = {"customer": "cus_2", "customer_details": {"email": "kim@example.com"}, "subscription": "sub_2", "invoice": "in_2"}
    shop.says("invoice_payment.paid", {"id": "inpay_2", "invoice": "in_2", "payment": {"type": "payment_intent", "payment_intent": "pi_2"}})
    shop.says("invoice.paid", invoice("in_2", "subscription_create", customer="cus_2", customer_email="kim@example.com",
                                      parent={"subscription_details": {"subscription": "sub_2", "metadata": {}}}))
    work()
    disputes("2", charge="ch_2", payment_intent="pi_2")
    shop.sells(id="cs_2", mode="subscription", payment_intent=None, amount_total=10_000, total_details={}, **late)
    work()
    assert [one.state for one in rewards()] == [held] * 2


def test_a_checkout_that_comes_long_after_its_invoice_still_says_who_brought_them(shop, work, later):
    shop.says("invoice.paid", invoice("in_1", "subscription_create"))
    work()
    later(minutes=11)
    work()
    assert conversions() == [] and outcomes() == [("invoice", "counted")]  # Nobody's, so far.
    late = {"mode": "subscription", "subscription": "sub_1", "invoice": "in_1", "payment_intent": None}
    for _ in range(2):
        shop.sells(amount_total=10_000, total_details={}, **late)
        work()
    assert conversions() == [("sale", "in_1", 10_000, 0, "approved")]
    assert [one.beneficiary_id for one in rewards()] == [shop.ids.ana]


@pytest.mark.parametrize("ending", ["won", "prevented"])
def test_a_dispute_that_is_over_holds_nothing_whatever_order_it_is_told_in(shop, work, ending):
    shop.sells()
    dispute = {"id": "dp_1", "object": "dispute", "amount": 11_500, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1"}
    now = int(clock.now().timestamp())
    shop.says("charge.dispute.created", dispute | {"status": "needs_response"}, created=now - 90)
    work()
    assert rewards()[0].state is RewardState.ON_HOLD
    shop.says("charge.dispute.closed", dispute | {"status": ending}, created=now - 30)
    work()
    assert rewards()[0].state is RewardState.PENDING
    shop.says("charge.dispute.updated", dispute | {"status": "under_review"}, created=now - 60)
    work()
    assert rewards()[0].state is RewardState.PENDING


@pytest.mark.once
def test_forged_old_foreign_truncated_and_other_modes_events_are_refused_alike(shop, keep):
    body = json.dumps({"id": "evt_x", "type": "checkout.session.completed", "livemode": False, "created": 1,
                       "data": {"object": checkout()}}).encode()
    other = make.make_user("Pete Moss")
    pete = make.make_business(other, name="Eastside Auto")
    with transaction():
        closed = open_door(pete, by=other).id
    right = sign(body, SECRET)
    old = "t=1," + right.split(",")[1]
    for answer, code in [
        (shop.posts(body, secret="whsec_another_secret_of_somebody"), "bad_signature"),
        (shop.posts(body, header=old), "event_too_old"), (shop.posts(body, header=""), "unsigned"),
        (shop.posts(body[:-5], header=right), "bad_signature"), (shop.posts(body, door=closed), "bad_signature"),
        (shop.posts(body, door="door_nobody"), "bad_signature"),
        (shop.posts(b"\xff\xfe"), "not_utf8"), (shop.posts(b"[]"), "not_an_event"), (shop.posts(b"{"), "not_json"),
        (shop.says("invoice.paid", invoice("in_1", "manual"), livemode=True), "wrong_mode"),
        (shop.says("invoice.paid", "nothing"), "not_an_event"), (shop.posts(b" " * 300_000), "event_too_large"),
    ]:
        assert (answer.status_code, (answer.json or {}).get("code")) == (400, code), answer.text
    assert outcomes() == []


def test_what_is_odd_is_kept_and_counts_nothing(shop, work):
    for number, odd in enumerate([
        checkout(amount_total=-5), checkout(amount_total=10**17), checkout(currency="zzz"), checkout(currency=None),
        checkout(amount_total="11500"), checkout(total_details=None, amount_total=None), checkout(metadata=[1], discounts="x"),
        checkout(payment_intent={"id": "pi_5"}, customer_details=7, amount_total=0),
        checkout(client_reference_id=shop.click, payment_status=["paid"]),
    ]):
        assert shop.says("checkout.session.completed", odd | {"id": f"cs_odd_{number}", "payment_intent": f"pi_odd_{number}"}).status_code == 200
    assert shop.says("customer.created", {"id": "cus_1"}).status_code == 200  # Nothing follows from it.
    shop.says("checkout.session.completed", checkout(client_reference_id=shop.click), account="acct_other")
    shop.says("charge.refunded", charge(5, currency="eur"))
    shop.says("charge.dispute.created", {"id": "dp_9", "amount": 5, "status": "warning_needs_response", "charge": "ch_1"})
    work()
    assert conversions() == []


@pytest.mark.once
def test_a_secret_is_exchanged_while_both_count_for_a_day(shop, work, later):
    with transaction():
        wes = db.session.get_one(User, shop.ids.wes)
        door = open_door(db.session.get_one(Business, shop.ids.business), by=wes)
        tell_secret(door, "whsec_the_next_secret_of_theirs", by=wes)
    assert shop.sells().status_code == shop.says("customer.created", {"id": "x"}, secret="whsec_the_next_secret_of_theirs").status_code == 200
    later(hours=25)
    assert shop.sells().status_code == 400


@pytest.mark.once
def test_on_its_page_the_account_is_connected_read_and_disconnected(keep, as_user, work, anonymous):
    ids = keep("a business without a Stripe", _without)
    wes, here = as_user(db.session.get_one(User, ids.wes)), f"/businesses/{ids.business}/stripe"
    wes.submit(here, press="Get your address")
    page = wes.get(here).text
    door = page.split("/hooks/stripe/")[1].split("<")[0].split('"')[0]
    assert wes.submit(here, {"secret": "sk_live_1"}, press="Save the secret").status_code == 422
    assert "is counted" in wes.submit(here, {"secret": SECRET}, press="Save the secret").text
    ids.door = door
    shop = Shop(ids, anonymous)
    assert shop.sells().status_code == 200
    work()
    assert "Sale: pending" in wes.get(here).text and SECRET not in wes.get(here).text
    wes.submit(here, press="Disconnect")
    assert shop.says("customer.created", {"id": "x"}).status_code == 400


def _without():
    wes, ana = make.make_user("Wes Park"), make.make_user()
    business = make.make_business(wes)
    bounty = make.make_bounty(business, is_live=True, rules=PERCENT)
    with transaction():
        link = link_of(bounty, by=ana)
    return SimpleNamespace(wes=wes.id, business=business.id, link=link.id)
