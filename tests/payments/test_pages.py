"""The pages about money, as people use them: forms, Stripe's own pages between them, and what each state says."""
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from lxml import html
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.identity.models import MemberRole, User
from marketplace.payments.models import ConnectedAccount, Funding, FundingState, PayeeState
from marketplace.payments.money_in.funding import OPEN_CHECKOUT, request_funding
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out import payees, transfers
from tests.browsing import Browser, end_reading, words_of
from tests.factories import make_bounty, make_member, make_user, owner_of
from tests.payments.money_steps import fresh, make_ready, owe, pay_in, take_back, usd
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.once  # The verbs behind them are tried on both databases, and each page is opened on both.


def press_at_stripe(address: str, choice: str) -> str:
    """Press a button on the sandbox's own page; where it leads."""
    answer = requests.post(address, {"choice": choice}, timeout=10, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture
def bounty(app: Flask):
    return make_bounty()


@pytest.fixture
def desk(bounty, as_user) -> Browser:
    """The browser of the bounty's owner."""
    return as_user(owner_of(bounty.business))


def only(model: Any) -> Any:
    end_reading()
    return db.session.scalars(select(model)).one()


# --- paying in ------------------------------------------------------------------------------------------------------

def test_a_business_pays_in_at_stripe_and_comes_back_to_a_funded_bounty(stripe, bounty, desk, work):
    page = desk.page(f"/bounties/{bounty.id}/funding")
    assert "$1,050" in words_of(page)  # The reward of $1,000 and the fee, filled in.
    answer = desk.submit(f"/bounties/{bounty.id}/funding", press="On to payment", follow=False)
    assert answer.status_code == 303 and answer.headers["Location"].startswith(stripe.base_url)
    back = press_at_stripe(answer.headers["Location"], "pay")
    page = desk.page(back)
    assert "confirming your payment" in words_of(page) and page.xpath("//*[@data-refresh]")
    desk.submit(back, action="checks")
    page = desk.page(back)
    assert "the bounty has the money" in words_of(page) and not page.xpath("//*[@data-refresh]")
    assert only(Funding).amount == usd(1050)


@pytest.mark.parametrize(("typed", "said"), [
    ("", "Say how much"), ("4.99", "At least $5"), ("-5", "in figures"), ("a lot", "in figures"),
    ("1.234", "decimals"), ("999999999", "most we can handle"),
])
def test_an_amount_that_cannot_be_is_said_beside_the_field_and_kept(app, bounty, desk, typed, said):
    answer = desk.submit(f"/bounties/{bounty.id}/funding", {"amount": typed})
    assert answer.status_code == 422
    page = html.fromstring(answer.text)
    assert said in words_of(page)
    assert page.xpath("//form[@method='post']//input[@name='amount']/@value") == [typed]
    assert db.session.scalar(select(Funding)) is None


def test_another_currency_than_the_bountys_is_refused(app, bounty, desk):
    answer = desk.submit(f"/bounties/{bounty.id}/funding", {"currency": "EUR"})
    assert answer.status_code == 422 and "in USD only" in answer.text


def test_a_field_that_the_form_does_not_have_is_refused(app, bounty, desk):
    page = desk.page(f"/bounties/{bounty.id}/funding")
    token = page.xpath("//input[@name='csrf_token']/@value")[0]
    answer = desk.post(f"/bounties/{bounty.id}/funding", data={"csrf_token": token, "amount": "50", "state": "paid"})
    assert answer.status_code == 422
    assert db.session.scalar(select(Funding)) is None


def test_an_amount_from_the_address_fills_the_form(app, bounty, desk):
    page = desk.page(f"/bounties/{bounty.id}/funding?amount=3150.00")
    assert page.xpath("//form[@method='post']//input[@name='amount']/@value") == ["3150.00"]


def test_stripe_away_leaves_a_page_that_says_so_and_goes_on_by_itself(stripe, bounty, desk, work, later):
    stripe.control.plan_fault(kind="error_unstored", path="/v1/checkout")
    answer = desk.submit(f"/bounties/{bounty.id}/funding", press="On to payment")
    page = html.fromstring(answer.text)
    assert answer.status_code == 200 and "we keep trying" in words_of(page)
    assert "We are opening a payment page" in words_of(page) and page.xpath("//*[@data-refresh]")
    later(minutes=1)
    work()
    page = desk.page(f"/fundings/{only(Funding).id}")
    assert page.xpath("//a[contains(., 'Pay at Stripe')]/@href")[0].startswith(stripe.base_url)


def test_a_page_that_was_not_paid_says_nothing_was_taken(stripe, bounty, desk, work, later):
    desk.submit(f"/bounties/{bounty.id}/funding", press="On to payment", follow=False)
    later(hours=13)
    work()
    page = desk.page(f"/fundings/{only(Funding).id}")
    assert "Nothing came of this payment" in words_of(page)
    assert page.xpath("//a[contains(., 'Start again')]/@href") == [f"/bounties/{bounty.id}/funding?amount=1050.00"]


def test_coming_back_without_paying_offers_to_pay(stripe, bounty, desk):
    answer = desk.submit(f"/bounties/{bounty.id}/funding", press="On to payment", follow=False)
    page = desk.page(press_at_stripe(answer.headers["Location"], "cancel"))
    assert "Pay $1,050 on Stripe" in words_of(page)


def test_asking_stripe_while_it_is_away_says_so(stripe, bounty, desk):
    desk.submit(f"/bounties/{bounty.id}/funding", press="On to payment", follow=False)
    stripe.control.plan_fault(kind="error_unstored", path="/v1/checkout")
    answer = desk.submit(f"/fundings/{only(Funding).id}", action="checks")
    assert "Stripe does not answer just now" in answer.text


def test_a_closed_bounty_takes_no_more_money(app, bounty, desk):
    desk.submit(f"/bounties/{bounty.id}", action="closure")
    answer = desk.submit(f"/bounties/{bounty.id}/funding", press="On to payment")
    assert answer.status_code == 409 and "takes no more funds" in answer.text
    assert db.session.scalar(select(Funding)) is None


def test_what_was_paid_in_and_went_back_is_listed(stripe, bounty, desk, work):
    owner = owner_of(bounty.business)
    funding = pay_in(stripe, owner, usd(100), bounty.id)
    with transaction():
        refund_free_funds(bounty.id, "usd", by=audit.SYSTEM)
    work()
    words = words_of(desk.page(f"/businesses/{bounty.business_id}/fundings"))
    assert "$100" in words and "Paid in" in words
    words = words_of(desk.page(f"/fundings/{funding.id}"))
    assert "Gone back" in words and "Back with you" in words


def test_a_business_that_paid_nothing_in_is_told_what_to_do(app, bounty, desk):
    assert "Nothing paid in yet" in words_of(desk.page(f"/businesses/{bounty.business_id}/fundings"))


def test_many_payments_come_in_pages(app, bounty, desk):
    owner = owner_of(bounty.business)
    for _ in range(21):
        with transaction():
            request_funding(bounty.business_id, bounty.id, usd(50), by=owner)
    page = desk.page(f"/businesses/{bounty.business_id}/fundings")
    assert len(page.xpath("//tbody/tr")) == 20
    following = page.xpath("//a[@rel='next']/@href")[0]
    assert len(desk.page(following).xpath("//tbody/tr")) == 1


@pytest.mark.parametrize("who", ["agent", "outsider", "admin"])
def test_who_sees_what_was_paid_in(app, bounty, as_user, who):
    owner = owner_of(bounty.business)
    with transaction():
        funding_id = request_funding(bounty.business_id, bounty.id, usd(50), by=owner).id
    person = {"agent": lambda: make_member(bounty.business, MemberRole.AGENT), "outsider": make_user,
              "admin": lambda: make_user(is_admin=True)}[who]()
    browser = as_user(person)
    may = who == "admin"
    assert browser.get(f"/fundings/{funding_id}").status_code == (200 if may else 404)
    assert browser.get(f"/businesses/{bounty.business_id}/fundings").status_code == (200 if may else 403)
    assert browser.get(f"/bounties/{bounty.id}/funding").status_code in {403, 404}


# --- being paid -----------------------------------------------------------------------------------------------------

@pytest.fixture
def browser(ana, as_user: Callable[..., Browser]) -> Browser:
    return as_user(ana)


def test_a_referrer_sets_up_at_stripe_and_comes_back_ready(stripe, ana, browser, work):
    assert "Where do you live" in words_of(browser.page("/payouts"))
    answer = browser.submit("/payouts", {"country": "US"}, follow=False)
    assert answer.status_code == 303 and answer.headers["Location"].startswith(stripe.base_url)
    assert only(ConnectedAccount).state is PayeeState.LINK_ISSUED
    assert "Finish Stripe" in words_of(browser.page("/payouts"))
    back = press_at_stripe(answer.headers["Location"], "submit")
    assert back == "/payouts/return"
    assert "You are set up" in words_of(browser.page(back))
    answer = browser.submit("/payouts", action="dashboard", follow=False)
    assert answer.headers["Location"].startswith(f"{stripe.base_url}/express/")


def test_a_form_left_half_way_is_gone_on_with_by_a_new_link(stripe, browser):
    first = browser.submit("/payouts", {"country": "US"}, follow=False).headers["Location"]
    browser.page(press_at_stripe(first, "later"))
    page = browser.page("/payouts")
    assert "Your date of birth" in words_of(page)
    second = browser.submit("/payouts", action="onboarding", follow=False).headers["Location"]
    assert second.startswith(stripe.base_url) and second != first


def test_a_used_link_leads_back_to_a_page_that_explains_it(stripe, browser, later):
    link = browser.submit("/payouts", {"country": "US"}, follow=False).headers["Location"]
    later(minutes=20)
    back = press_at_stripe(link, "submit")
    assert "That link is used up" in words_of(browser.page(back))


@pytest.mark.parametrize(("state", "words"), [
    ("pending", "Stripe is checking what you sent"), ("restricted", "Stripe needs something more"),
    ("closed", "Your Stripe account is closed"), ("active", "You are set up"),
])
def test_each_state_says_what_to_do(stripe, ana, browser, state, words):
    payee = make_ready(stripe, ana)
    stripe.control.set_account_state(payee.stripe_account_id, state="pending" if state != "pending" else "active")
    do_now(payees.CHECK_PAYEE, payee_id=payee.id)
    stripe.control.set_account_state(payee.stripe_account_id, state=state)
    assert words in words_of(browser.page("/payouts/return"))


def test_an_account_that_stripe_paused_for_reasons_of_its_own_is_said_so(stripe, ana, browser):
    payee = make_ready(stripe, ana)
    with transaction():
        row = db.session.get_one(ConnectedAccount, payee.id)
        payees.note_reading(row, payees.ConnectedAccountReading("unsupported", None, [], closed=False, livemode=False))
    assert "Stripe has paused your account" in words_of(browser.page("/payouts"))


def test_looking_again_asks_stripe(stripe, ana, browser):
    payee = make_ready(stripe, ana)
    stripe.control.set_account_state(payee.stripe_account_id, state="pending")
    do_now(payees.CHECK_PAYEE, payee_id=payee.id)
    stripe.control.set_account_state(payee.stripe_account_id, state="active")
    assert "You are set up" in browser.submit("/payouts", action="checks").text


def test_a_country_that_is_not_on_the_list_is_refused(app, browser):
    answer = browser.submit("/payouts", {"country": "KP"})
    assert answer.status_code == 422 and "Choose a country from the list" in answer.text


def test_a_second_start_is_refused(stripe, browser):
    page = browser.page("/payouts")
    token = page.xpath("//input[@name='csrf_token']/@value")[0]
    for status in (303, 409):
        assert browser.post("/payouts", data={"csrf_token": token, "country": "US"}).status_code == status


def test_stripe_away_says_so_and_loses_nothing(stripe, browser, work, later):
    stripe.control.plan_fault(kind="error_unstored", path="/v2/core/accounts")
    answer = browser.submit("/payouts", {"country": "US"})
    assert answer.status_code == 200 and "Nothing is lost" in answer.text
    later(minutes=1)
    work()
    assert browser.submit("/payouts", action="onboarding", follow=False).status_code == 303


@pytest.mark.parametrize("address", ["/payouts/checks", "/payouts/dashboard"])
def test_stripe_away_from_a_button_says_so(stripe, ana, browser, address):
    make_ready(stripe, ana)
    token = browser.page("/payouts").xpath("//input[@name='csrf_token']/@value")[0]
    stripe.control.plan_fault(kind="error_unstored", path="/v[12]/", times=None)
    answer = browser.post(address, data={"csrf_token": token}, follow_redirects=True)
    assert answer.status_code == 200 and "Stripe does not answer just now" in answer.text


@pytest.mark.parametrize("address", ["/payouts/onboarding", "/payouts/checks", "/payouts/dashboard"])
def test_buttons_without_an_account_are_refused_with_what_to_do(app, browser, address):
    token = browser.page("/payouts").xpath("//input[@name='csrf_token']/@value")[0]
    answer = browser.post(address, data={"csrf_token": token})
    assert answer.status_code == 409 and "Choose your country first" in answer.text


def test_ones_pages_at_stripe_open_after_the_form(stripe, ana, browser):
    browser.submit("/payouts", {"country": "US"}, follow=False)
    token = browser.page("/payouts").xpath("//input[@name='csrf_token']/@value")[0]
    answer = browser.post("/payouts/dashboard", data={"csrf_token": token})
    assert answer.status_code == 409 and "Go on with the form first" in answer.text


def test_an_account_that_stripe_refuses_to_make_leaves_the_choice_open(stripe, ana, browser):
    with transaction():
        db.session.get_one(User, ana.id).email = ""  # What Stripe refuses here; a country it does not serve is alike.
    answer = browser.submit("/payouts", {"country": "US"})
    assert answer.status_code == 200
    assert "Stripe does not make accounts in that country for us" in answer.text and "Where do you live" in answer.text
    assert db.session.scalar(select(ConnectedAccount)) is None


def test_coming_back_without_an_account_shows_the_start(app, browser):
    assert "Where do you live" in words_of(browser.page("/payouts/return"))


@pytest.fixture
def earned(stripe: SandboxServer, bounty, ana, work, later) -> Iterator[ConnectedAccount]:
    owner = owner_of(bounty.business)
    pay_in(stripe, owner, usd(1050), bounty.id)
    later(days=10)
    payee = make_ready(stripe, ana)
    owe(ana, bounty.business_id, usd(1000), purpose=bounty.id)
    return payee


def test_what_waits_and_what_was_sent_is_shown(stripe, earned, ana, browser, work):
    assert "Waiting for the next transfer $1,000" in words_of(browser.page("/payouts"))
    with transaction():
        transfers.request_transfers(ana.id)
    assert "Scheduled" in words_of(browser.page("/payouts"))
    work()
    words = words_of(browser.page("/payouts"))
    assert "Waiting for the next transfer" not in words and "Sent" in words and "$1,000" in words


def test_little_sums_say_from_when_they_are_sent(stripe, bounty, ana, browser):
    make_ready(stripe, ana)
    pay_in(stripe, owner_of(bounty.business), usd(50), bounty.id)
    owe(ana, bounty.business_id, usd(3), purpose=bounty.id)
    assert "at least $10 is sent" in words_of(browser.page("/payouts"))


def test_what_is_owed_back_is_said(stripe, earned, bounty, ana, browser, work):
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    stripe.control.pay_out_account(earned.stripe_account_id, currency="usd")
    take_back("reward_1", usd(40), purpose=bounty.id)
    work()
    words = words_of(browser.page("/payouts"))
    assert "You owe something back" in words and "$40" in words


def test_transfers_of_others_are_not_shown(stripe, earned, ana, as_user, work):
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    assert "$1,000" not in words_of(as_user(make_user()).page("/payouts"))


def test_a_failed_payment_says_what_stripe_said(stripe, bounty, desk):
    owner = owner_of(bounty.business)
    with transaction():
        funding = request_funding(bounty.business_id, bounty.id, usd(50), by=owner)
    stripe.control.move_clock(advance_seconds=13 * 3600)
    do_now(OPEN_CHECKOUT, funding_id=funding.id)
    assert fresh(Funding, funding.id).state is FundingState.FAILED
    assert "Stripe did not open a payment page" in words_of(desk.page(f"/fundings/{funding.id}"))
