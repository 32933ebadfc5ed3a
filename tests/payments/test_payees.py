"""One connected account for each person, filled in at Stripe, read back from there."""
import pytest
from sqlalchemy import func, select

from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.outbox import do_now
from marketplace.payments.models import ConnectedAccount, PayeeState
from marketplace.payments.money_out import payees
from marketplace.payments.money_out.countries import COUNTRIES
from marketplace.payments.money_out.payees import CountryNotServed, PayeeExists, PayeeNotMade
from marketplace.payments.stripe_readings import ConnectedAccountReading, TemporaryFailure
from tests.factories import make_user
from tests.payments.money_steps import fresh, make_ready, promised

S = PayeeState


def start(user, country: str = "US") -> ConnectedAccount:
    with transaction():
        return payees.start_payee(user, country, by=user)


def made(user, country: str = "US") -> ConnectedAccount:
    payee = start(user, country)
    do_now(payees.CREATE_PAYEE, payee_id=payee.id)
    return fresh(ConnectedAccount, payee.id)


def check(payee: ConnectedAccount) -> ConnectedAccount:
    do_now(payees.CHECK_PAYEE, payee_id=payee.id)
    return fresh(ConnectedAccount, payee.id)


def test_an_account_is_made_in_the_persons_country_and_currency(stripe, ana):
    payee = made(ana, "DE")
    account = stripe.box.world.store.get("v2.core.account", payee.stripe_account_id)
    assert (account["_country"], account["_currency"], account["contact_email"]) == ("de", "eur", ana.email)
    assert (payee.state, payee.country, payee.currency) == (S.NONE, "DE", "eur")


def test_a_person_has_one_account(stripe, ana):
    made(ana)
    with pytest.raises(PayeeExists) as refusal:
        start(ana)
    assert refusal.value.code == "payee_exists" and refusal.value.next_step


def test_nobody_sets_up_how_somebody_else_is_paid(app, ana):
    other = make_user()
    with pytest.raises(Forbidden), transaction():
        payees.start_payee(ana, "US", by=other)


def test_nobody_opens_somebody_elses_form(stripe, ana):
    payee, other = made(ana), make_user()
    with pytest.raises(Forbidden), transaction():
        payees.note_link_issued(payee.id, by=other)


def test_a_country_that_is_not_served_is_refused(app, ana):
    with pytest.raises(CountryNotServed) as refusal:
        start(ana, "KP")
    assert refusal.value.code == "country_not_served" and "country" in refusal.value.fields
    assert len(COUNTRIES) >= 30


def test_a_lost_answer_makes_no_second_account(stripe, ana, work, later):
    stripe.control.plan_fault(kind="lost_after", path="/v2/core/accounts$", method="POST")
    payee = start(ana)
    with pytest.raises(TemporaryFailure):
        do_now(payees.CREATE_PAYEE, payee_id=payee.id)
    later(minutes=1)
    work()
    assert fresh(ConnectedAccount, payee.id).stripe_account_id
    assert len(stripe.box.world.store.all("v2.core.account")) == 1


def test_a_refusal_of_stripes_leaves_the_person_free_to_start_again(stripe, ana):
    payee = start(ana)
    with transaction():
        payees.CREATE_PAYEE.settle(payees.Refused("country_unsupported", "Not there."), payee_id=payee.id)
    assert db.session.scalar(select(func.count()).select_from(ConnectedAccount)) == 0
    assert made(ana).stripe_account_id


def test_the_form_opens_once_stripe_has_made_the_account(stripe, ana):
    payee = start(ana)
    with pytest.raises(PayeeNotMade):
        payees.open_onboarding(payee)
    do_now(payees.CREATE_PAYEE, payee_id=payee.id)
    address = payees.open_onboarding(fresh(ConnectedAccount, payee.id))
    assert address.startswith(stripe.base_url)
    with transaction():
        payees.note_link_issued(payee.id, by=ana)
    assert fresh(ConnectedAccount, payee.id).state is S.LINK_ISSUED


def test_the_way_from_the_form_to_ready_and_beyond(stripe, ana):
    payee = made(ana)
    with transaction():
        payees.note_link_issued(payee.id, by=ana)
    payee = check(payee)
    assert payee.state is S.LINK_ISSUED and "your date of birth" in payee.requirements
    seen = []
    for state in ("pending", "restricted", "active", "restricted", "active", "closed", "active"):
        stripe.control.set_account_state(payee.stripe_account_id, state=state)
        seen.append(check(payee).state)
    assert seen == [S.IN_REVIEW, S.ACTION_NEEDED, S.READY, S.ACTION_NEEDED, S.READY, S.CLOSED, S.CLOSED]


@pytest.mark.parametrize(("status", "awaiting", "closed", "now", "then"), [
    ("restricted", "user", False, S.NONE, S.NONE),
    ("restricted", "user", False, S.LINK_ISSUED, S.LINK_ISSUED),
    ("restricted", "user", False, S.IN_REVIEW, S.ACTION_NEEDED),
    ("pending", None, False, S.LINK_ISSUED, S.IN_REVIEW),
    ("restricted", "stripe", False, S.READY, S.IN_REVIEW),
    ("restricted", None, False, S.READY, S.RESTRICTED),
    ("unsupported", None, False, S.READY, S.RESTRICTED),
    ("active", "user", False, S.ACTION_NEEDED, S.READY),
    ("active", None, True, S.READY, S.CLOSED),
    ("active", None, False, S.CLOSED, S.CLOSED),
])
def test_what_stripe_says_is_one_word_here(status, awaiting, closed, now, then):
    reading = ConnectedAccountReading(status, awaiting, [], closed, livemode=False)
    assert payees.state_of(reading, now) is then


def test_an_account_in_review_is_looked_at_daily_until_it_is_ready(stripe, ana, work, later):
    payee = made(ana)
    with transaction():
        payees.note_link_issued(payee.id, by=ana)
    stripe.control.set_account_state(payee.stripe_account_id, state="pending")
    later(minutes=20)
    work()
    assert fresh(ConnectedAccount, payee.id).state is S.IN_REVIEW
    assert len(promised("check_payee")) == 1
    for _ in range(3):
        check(payee)
    assert len(promised("check_payee")) == 1  # However often somebody looks, the days are counted once.
    stripe.control.set_account_state(payee.stripe_account_id, state="active")
    later(days=1, minutes=5)
    work()
    assert fresh(ConnectedAccount, payee.id).state is S.READY
    assert promised("check_payee") == []


def test_getting_ready_asks_for_what_is_owed(stripe, ana):
    make_ready(stripe, ana)
    assert [one.arguments for one in promised("request_transfers")] == [{"payee_id": ana.id}]


def test_checking_an_account_that_is_not_made_yet_changes_nothing(stripe, ana):
    assert check(start(ana)).state is S.NONE
