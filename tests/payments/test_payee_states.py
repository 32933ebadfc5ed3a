"""A payee's account at Stripe through all its states: what the page says, what the mail says, and a new start after the end."""
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import do_now
from marketplace.jobs import LETTERS
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Agreement, ConnectedAccount, PayeeState, Transfer, TransferState
from marketplace.payments.money_out import payees, transfers
from marketplace.payments.money_out.countries import needs_recipient_agreement
from marketplace.payments.money_out.payee_letters import LETTERS as PAYEE_LETTERS
from marketplace.payments.money_out.payee_words import REASONS, reason_in_words
from marketplace.payments.stripe_readings import ConnectedAccountReading
from tests.browsing import words_of
from tests.factories import make_user
from tests.payments.money_steps import fresh, holds, make_ready, only_transfer, owe, pay_in, usd

S = PayeeState


def check(payee: ConnectedAccount) -> ConnectedAccount:
    do_now(payees.CHECK_PAYEE, payee_id=payee.id)
    return fresh(ConnectedAccount, payee.id)


def put(stripe, payee, state, **how) -> ConnectedAccount:
    stripe.control.set_account_state(payee.stripe_account_id, state=state, **how)
    return check(payee)


def letters(news) -> list[str]:
    """Those to payees."""
    return [said["letter"] for name, said in news if name == "send_letter" and said["letter"] in PAYEE_LETTERS]


def read(letter: str, **arguments) -> str:
    (mail,) = LETTERS[letter](**arguments)
    return f"{mail.to} {mail.subject} {' '.join(mail.text.split())}"


def test_every_state_is_told_by_mail_when_it_needs_the_person_and_only_then(stripe, ana, work, news):
    payee = make_ready(stripe, ana)
    for state, how in (("pending", {}), ("restricted", {}), ("active", {}), ("restricted", {"by": "nobody"}),
                       ("active", {}), ("closed", {})):
        put(stripe, payee, state, **how)
    work()
    assert letters(news) == ["payee_asked", "payee_restricted", "payee_closed"]


def test_the_letter_of_a_question_names_it_and_its_day(stripe, ana, later):
    payee = make_ready(stripe, ana)
    due = int(payee.checked_at.timestamp()) + 14 * 24 * 3600
    payee = put(stripe, payee, "restricted", due=due)
    assert payee.state is S.ACTION_NEEDED and payee.requirements_due_at.timestamp() == due
    said = read("payee_asked", payee_id=payee.id)
    assert said.startswith(ana.email)
    assert "a photo of your identity document (The front of the document is missing.)" in said
    assert "by 16 November 2026" in said and "stays yours and waits" in said
    put(stripe, payee, "active")
    assert LETTERS["payee_asked"](payee_id=payee.id) == []  # Answered meanwhile: not sent.


def test_a_question_to_somebody_who_is_ready_is_told_once_and_looked_at_again(stripe, ana, work, news):
    payee = make_ready(stripe, ana)
    asked = ConnectedAccountReading("active", "user", ["your home address"], closed=False, livemode=False)
    for _ in range(2):
        with transaction():
            payees.note_reading(db.session.get_one(ConnectedAccount, payee.id), asked)
    work()
    assert letters(news) == ["payee_asked"]
    assert "go out as before" in read("payee_asked", payee_id=payee.id)
    assert fresh(ConnectedAccount, payee.id).state is S.READY


@pytest.mark.once
def test_every_reason_of_stripes_is_said_in_words():
    for code in [*REASONS, "something_new", None]:
        said = reason_in_words(code)
        assert said.endswith(".") and "_" not in said


def test_a_pause_says_why_on_the_page_and_in_the_mail(stripe, ana, as_user):
    payee = put(stripe, make_ready(stripe, ana), "restricted", by="nobody")
    assert (payee.state, payee.restriction) == (S.RESTRICTED, "restricted_other")
    words = words_of(as_user(ana).page("/payouts"))
    assert "Stripe has paused your account" in words and "for a reason of its own" in words
    assert "for a reason of its own" in read("payee_restricted", payee_id=payee.id)
    put(stripe, payee, "active")
    assert LETTERS["payee_restricted"](payee_id=payee.id) == []  # Let go on meanwhile: not sent.


def test_the_page_names_what_is_asked_and_by_when(stripe, ana, as_user):
    payee = make_ready(stripe, ana)
    put(stripe, payee, "restricted", due=int(payee.checked_at.timestamp()) + 14 * 24 * 3600)
    words = words_of(as_user(ana).page("/payouts"))
    assert "Stripe needs something more from you by 16 Nov 2026" in words
    assert "identity document" in words and "Answer at Stripe" in words


# --- closed: the reward stays payable, and a new account takes it


def closed_before_the_transfer(stripe, wes, westside, ana, later, work) -> ConnectedAccount:
    pay_in(stripe, wes)
    later(days=10)
    payee = make_ready(stripe, ana)
    owe(ana, westside.id, usd(1000))
    with transaction():
        transfers.request_transfers(ana.id)
    stripe.control.set_account_state(payee.stripe_account_id, state="closed")
    work()
    return fresh(ConnectedAccount, payee.id)


def test_closed_between_award_and_transfer_nothing_is_sent_and_the_person_is_told(
        stripe, wes, westside, ana, later, work, news, as_user):
    payee = closed_before_the_transfer(stripe, wes, westside, ana, later, work)
    assert (payee.state, only_transfer().state) == (S.CLOSED, TransferState.FAILED)
    assert holds(AccountKind.PAYABLE, "reward_1") == 1000_00
    assert stripe.calls_to("/v1/transfers") == 0
    assert letters(news) == ["payee_closed"]
    assert "Start a new account" in read("payee_closed", payee_id=payee.id)
    words = words_of(as_user(ana).page("/payouts"))
    assert "Your Stripe account is closed" in words and "goes to the new one" in words
    assert "Waiting for the next transfer $1,000" in words


def test_a_closed_account_is_followed_by_a_new_one_which_gets_what_is_owed(
        stripe, wes, westside, ana, later, work, as_user):
    old = closed_before_the_transfer(stripe, wes, westside, ana, later, work)
    answer = as_user(ana).submit("/payouts", {"country": "DE"}, follow=False)
    assert answer.status_code == 303 and answer.headers["Location"].startswith(stripe.base_url)
    new = payees.find_payee(ana.id)
    assert new.id != old.id and new.country == "DE"
    put(stripe, new, "active")
    work()
    assert only_transfer().destination == old.stripe_account_id  # A new bank account waits.
    later(hours=73)
    work()
    first, second = db.session.scalars(select(Transfer).order_by(Transfer.id)).all()
    assert (first.destination, first.state) == (old.stripe_account_id, TransferState.FAILED)
    assert (second.destination, second.state) == (new.stripe_account_id, TransferState.SENT)
    assert holds(AccountKind.PAYABLE, "reward_1") == 0


def test_a_new_account_does_not_take_what_the_old_one_was_sent(stripe, wes, westside, ana, later, work):
    pay_in(stripe, wes)
    later(days=10)
    old = make_ready(stripe, ana)
    owe(ana, westside.id, usd(1000))
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    put(stripe, old, "closed")
    new = make_ready(stripe, ana)
    later(hours=80)
    work()
    assert only_transfer().destination == old.stripe_account_id != new.stripe_account_id
    assert stripe.calls_to("/v1/transfers") == 1


def test_there_is_one_open_account_at_a_time_whatever_races(stripe, ana):
    payee = make_ready(stripe, ana)
    with pytest.raises(payees.PayeeExists), transaction():
        payees.start_payee(ana, "US", by=ana)
    with pytest.raises(IntegrityError), transaction():
        db.session.add(ConnectedAccount(user_id=ana.id, country="US", currency="usd", idempotency_key="another"))
    put(stripe, payee, "closed")
    make_ready(stripe, ana)
    assert [one.state for one in db.session.scalars(select(ConnectedAccount).order_by(ConnectedAccount.id))] == [
        S.CLOSED, S.READY]


def test_restricted_between_award_and_transfer_waits_and_is_sent_when_it_goes_on(
        stripe, wes, westside, ana, later, work, news):
    pay_in(stripe, wes)
    later(days=10)
    payee = make_ready(stripe, ana)
    owe(ana, westside.id, usd(1000))
    with transaction():
        transfers.request_transfers(ana.id)
    stripe.control.set_account_state(payee.stripe_account_id, state="restricted", by="nobody")
    work()
    assert (only_transfer().state, letters(news)) == (TransferState.FAILED, ["payee_restricted"])
    put(stripe, payee, "active")
    work()
    assert [one.state for one in db.session.scalars(select(Transfer).order_by(Transfer.id))] == [
        TransferState.FAILED, TransferState.SENT]


# --- agreements


@pytest.mark.once
@pytest.mark.parametrize(("platform", "country", "needs"), [
    ("US", "US", False), ("US", "DE", False), ("US", "GB", False), ("DE", "CA", False), ("DE", "CH", False),
    ("US", "JP", True), ("US", "KW", True), ("JP", "JP", False), ("JP", "US", True), ("XX", "US", True),
])
def test_which_two_countries_need_the_other_agreement(platform, country, needs):
    assert needs_recipient_agreement(country, platform=platform) is needs


@pytest.mark.parametrize(("platform", "country", "agreement"), [("DE", "CA", "full"), ("JP", "US", "recipient")])
def test_the_agreement_follows_the_two_countries(app, ana, monkeypatch, platform, country, agreement):
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], platform_country=platform))
    with transaction():
        assert payees.start_payee(ana, country, by=ana).agreement.value == agreement


def test_an_account_under_the_recipient_agreement_is_made_and_paid(stripe, wes, westside, ana, later, work):
    pay_in(stripe, wes)
    later(days=10)
    payee = make_ready(stripe, ana, country="JP")
    assert payee.agreement is Agreement.RECIPIENT
    assert stripe.box.world.store.get("v2.core.account", payee.stripe_account_id)["_agreement"] == "recipient"
    owe(ana, westside.id, usd(1000))
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    assert only_transfer().state is TransferState.SENT


def test_without_the_agreement_stripe_refuses_and_the_reward_stays(stripe, wes, westside, ana, later, work):
    pay_in(stripe, wes)
    later(days=10)
    make_ready(stripe, ana)
    stripe.control.move_platform(country="JP")
    owe(ana, westside.id, usd(1000))
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    assert (only_transfer().state, only_transfer().failure_code) == (TransferState.FAILED, "transfers_not_allowed")
    assert holds(AccountKind.PAYABLE, "reward_1") == 1000_00


def test_a_currency_the_country_cannot_take_is_said_on_the_page(stripe, ana, westside, as_user):
    make_ready(stripe, ana)
    with transaction():
        ledger.move(Money(20_000, "kwd"), source=ledger.account(AccountKind.CLEARING, "platform", "kwd"),
                    target=ledger.account(AccountKind.FUNDS, "bounty_cars", "kwd"), kind="x", reference="x")
    stripe.control.top_up(amount=20_000, currency="kwd")
    owe(ana, westside.id, Money(20_000, "kwd"))
    assert "Stripe cannot turn KWD into the currency of an account in United States" in words_of(
        as_user(ana).page("/payouts"))


# --- whose page it is


def test_the_form_at_stripe_opens_for_its_owner_alone(stripe, ana, as_user):
    make_ready(stripe, ana)
    other = as_user(make_user())
    token = other.page("/payouts").xpath("//input[@name='csrf_token']/@value")[0]
    for button in ("onboarding", "dashboard", "checks"):
        assert other.post(f"/payouts/{button}", data={"csrf_token": token}).status_code == 409
    assert stripe.calls_to("/v2/core/account_links") == 0
