"""A bank account that changes waits 72 hours, and its owner hears of it; payouts at the bank are watched, never repeated."""
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import do_now
from marketplace.jobs import JOBS, LETTERS, SCHEDULE
from marketplace.payments.models import (
    AccountKind,
    BankPayout,
    ConnectedAccount,
    PayoutState,
    StripeEvent,
    Transfer,
    TransferState,
    TransferStop,
)
from marketplace.payments.money_out import bank_payouts, payees, transfers
from marketplace.payments.money_out.bank_accounts import NEW_BANK_WAITS, BankNotChanged, object_to_bank, waits_until
from marketplace.payments.money_out.bank_payouts import UNNAMED, WHY, note_payouts, why_failed
from marketplace.payments.sandbox.events import emit
from marketplace.payments.stripe_readings import PayoutReading
from tests.browsing import apart, words_of
from tests.factories import make_user
from tests.payments.money_steps import fresh, holds, make_ready, only_transfer, owe, pay_in, promised, usd


@pytest.fixture
def heard(stripe, app, work):
    """The sandbox's waiting webhooks come in, and their jobs are done."""
    stripe.deliver_to_app(apart(app))

    def hear(**how):
        stripe.deliver_webhooks(**how)
        work()
    return hear


@pytest.fixture
def payee(stripe, wes, ana, later, heard, keep_row) -> ConnectedAccount:
    """Ana, ready, with a bounty that has funds; whatever Stripe had to say is heard."""
    def build():
        pay_in(stripe, wes)
        later(days=10)
        made = make_ready(stripe, ana)
        heard()
        return made
    return keep_row("ready", build)


def ask(user) -> None:
    with transaction():
        transfers.request_transfers(user.id)


def sent(stripe) -> list[int]:
    return [one["amount"] for one in stripe.box.world.store.all("transfer")]


def letters(news, name) -> list[dict]:
    return [said for job, said in news if job == "send_letter" and said["letter"] == name]


def change_bank(stripe, payee, number: str = "000999888777") -> None:
    stripe.control.change_bank_account(payee.stripe_account_id, number=number)


# --- 72 hours


def test_the_first_bank_account_does_not_wait(stripe, payee, westside, ana, work, news):
    assert payee.bank_marks is not None and len(payee.bank_marks) == 1 and payee.bank_changed_at is None
    owe(ana, westside.id, usd(1000))
    ask(ana)
    work()
    assert sent(stripe) == [1000_00] and letters(news, "bank_account_changed") == []


def test_a_changed_bank_account_waits_72_hours_then_goes_on_by_itself(
        stripe, payee, westside, ana, heard, work, later, news, as_user):
    change_bank(stripe, payee)
    heard()
    owe(ana, westside.id, usd(1000))
    ask(ana)
    work()
    assert sent(stripe) == []
    words = words_of(as_user(ana).page("/payouts"))
    assert "Your bank account was changed" in words and "Nothing is sent before" in words
    later(hours=71)
    work()
    ask(ana)
    work()
    assert sent(stripe) == []
    later(hours=1, minutes=5)
    work()
    assert sent(stripe) == [1000_00]
    assert "Nothing is sent before" not in words_of(as_user(ana).page("/payouts"))
    assert len(letters(news, "bank_account_changed")) == 1


def test_the_mail_goes_to_the_proven_address_and_says_what_to_do(stripe, payee, ana, heard, news):
    change_bank(stripe, payee)
    heard()
    (said,) = letters(news, "bank_account_changed")
    (mail,) = LETTERS["bank_account_changed"](**{name: value for name, value in said.items() if name != "letter"})
    assert mail.to == ana.email and "if it was not you" in mail.text.lower()
    assert "/settings/password" in mail.text and "72 hours" in mail.text


def test_a_second_change_waits_72_hours_from_itself(stripe, payee, westside, ana, heard, work, later, news):
    change_bank(stripe, payee)
    heard()
    later(hours=50)
    change_bank(stripe, payee, "000555444333")
    heard()
    owe(ana, westside.id, usd(1000))
    later(hours=30)  # 80 after the first, 30 after the second.
    ask(ana)
    work()
    assert sent(stripe) == []
    later(hours=43)
    work()
    assert sent(stripe) == [1000_00] and len(letters(news, "bank_account_changed")) == 2


def test_the_owner_who_puts_the_old_one_back_starts_no_new_wait(stripe, payee, heard, later, news):
    change_bank(stripe, payee)
    heard()
    first = fresh(ConnectedAccount, payee.id).bank_changed_at
    later(hours=5)
    change_bank(stripe, payee, "000123456789")
    heard()
    assert fresh(ConnectedAccount, payee.id).bank_changed_at == first
    assert len(letters(news, "bank_account_changed")) == 1


@pytest.mark.parametrize("how", [{"order": "reversed", "copies": 2}, {"order": "shuffled", "seed": 7}])
def test_however_its_events_come_in_one_change_is_one_stop_and_one_mail(stripe, payee, heard, news, how):
    change_bank(stripe, payee)
    heard(**how)
    assert [stop.source for stop in db.session.scalars(select(TransferStop))] == [f"bank:{payee.id}"]
    assert len(letters(news, "bank_account_changed")) == 1


def test_a_change_that_no_event_told_of_is_seen_right_before_the_transfer(
        stripe, payee, westside, ana, work, later, news):
    owe(ana, westside.id, usd(1000))
    change_bank(stripe, payee)
    ask(ana)
    work()
    assert sent(stripe) == [] and only_transfer().state is TransferState.FAILED
    assert holds(AccountKind.PAYABLE, "reward_1") == 1000_00
    assert len(letters(news, "bank_account_changed")) == 1
    later(hours=72, minutes=5)
    work()
    assert sent(stripe) == [1000_00]


def test_a_change_while_the_transfer_is_on_its_way_stops_it(stripe, payee, westside, ana, heard, work, later):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind="lost_before", path="/v1/transfers$", method="POST")
    ask(ana)
    work()
    change_bank(stripe, payee)
    heard()
    later(minutes=5)
    work()
    assert sent(stripe) == []
    later(hours=72)
    work()
    assert sent(stripe) == [1000_00]


def test_others_are_paid_while_one_waits(stripe, payee, westside, ana, heard, work):
    change_bank(stripe, payee)
    heard()
    other = make_user("Bea Other")
    make_ready(stripe, other)
    owe(ana, westside.id, usd(500), "reward_1")
    owe(other, westside.id, usd(400), "reward_2")
    ask(ana)
    ask(other)
    work()
    assert sent(stripe) == [400_00]


def test_a_deleted_bank_account_alone_is_no_new_one(stripe, payee, heard):
    (bank,) = stripe.box.world.store.all("bank_account")
    stripe.box.world.store.sql("DELETE FROM object WHERE id = ?", bank["id"])
    do_now(payees.CHECK_PAYEE, payee_id=payee.id)
    assert fresh(ConnectedAccount, payee.id).bank_changed_at is None
    change_bank(stripe, payee)  # But what comes after it is.
    heard()
    assert waits_until(fresh(ConnectedAccount, payee.id)) is not None


def test_who_says_it_was_not_them_is_sent_nothing_until_an_operator_has_looked(
        stripe, app, payee, westside, ana, heard, work, later, news, as_user):
    change_bank(stripe, payee)
    heard()
    answer = as_user(ana).submit("/payouts", press="It was not me")
    assert answer.status_code == 200 and "Your payments are stopped" in answer.text
    assert "It was not me" not in answer.text
    work()
    (said,) = letters(news, "bank_account_disowned")
    admin = make_user("Mona Lind", is_admin=True)
    (mail,) = LETTERS["bank_account_disowned"](payee_id=said["payee_id"])
    assert mail.to == admin.email and f"flask resume-payee {ana.email}" in mail.text
    owe(ana, westside.id, usd(1000))
    later(days=30)
    ask(ana)
    work()
    assert sent(stripe) == []
    resumed = app.test_cli_runner().invoke(args=["resume-payee", ana.email])
    assert resumed.exit_code == 0, resumed.output
    work()
    assert sent(stripe) == [1000_00]
    assert app.test_cli_runner().invoke(args=["resume-payee", ana.email]).exit_code == 1
    assert app.test_cli_runner().invoke(args=["resume-payee", "nobody@example.com"]).exit_code == 1


def test_nobody_objects_without_a_change_or_for_somebody_else(stripe, payee, ana, heard):
    with pytest.raises(BankNotChanged), transaction():
        object_to_bank(payee.id, by=ana)
    change_bank(stripe, payee)
    heard()
    other = make_user()
    with pytest.raises(Forbidden), transaction():
        object_to_bank(payee.id, by=other)
    for _ in range(2):
        with transaction():
            object_to_bank(payee.id, by=ana)
    assert len(promised("send_letter")) == 1


def test_how_long_it_waits():
    assert timedelta(hours=72) == NEW_BANK_WAITS


# --- payouts at the bank


@pytest.fixture
def paid(stripe, payee, westside, ana, work, keep_row) -> ConnectedAccount:
    def build():
        owe(ana, westside.id, usd(1000))
        ask(ana)
        work()
        return payee
    return keep_row("paid", build)


def payouts() -> list[BankPayout]:
    db.session.rollback()
    return list(db.session.scalars(select(BankPayout).order_by(BankPayout.id)))


def test_a_payout_is_shown_with_its_amount_its_day_and_its_state(stripe, paid, ana, heard, as_user):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd", status="in_transit")
    heard()
    (payout,) = payouts()
    assert (payout.amount, payout.state, payout.payee_id) == (usd(1000), PayoutState.IN_TRANSIT, paid.id)
    assert payout.arrives_on - payout.made_at == timedelta(days=2)
    words = words_of(as_user(ana).page("/payouts"))
    assert "From Stripe to your bank" in words and "On its way" in words
    stripe.control.settle_payout(payout.stripe_payout_id, status="paid")
    heard()
    assert "Paid out" in words_of(as_user(ana).page("/payouts"))


@pytest.mark.parametrize("how", [{}, {"order": "reversed", "copies": 2}])
def test_a_failed_payout_is_told_once_shown_in_words_and_never_paid_again(
        stripe, paid, ana, heard, news, later, work, as_user, how):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd", status="in_transit")
    (at_stripe,) = stripe.box.world.store.all("payout")
    stripe.control.settle_payout(at_stripe["id"], status="paid")
    stripe.control.settle_payout(at_stripe["id"], status="failed", failure_code="invalid_account_number")
    heard(**how)
    (payout,) = payouts()
    assert (payout.state, payout.failure_code) == (PayoutState.FAILED, "invalid_account_number")
    (said,) = letters(news, "payout_failed")
    (mail,) = LETTERS["payout_failed"](payout_id=said["payout_id"])
    assert mail.to == ana.email and "$1,000" in mail.text and "The account number is not right." in mail.text
    words = words_of(as_user(ana).page("/payouts"))
    assert "Sent back by the bank" in words and "The account number is not right." in words
    later(days=5)
    work()
    assert sent(stripe) == [1000_00] and len(list(db.session.scalars(select(Transfer)))) == 1
    assert holds(AccountKind.PAYABLE, "reward_1") == 0


@pytest.mark.once
def test_every_reason_of_the_banks_is_said_in_words():
    for code in [*WHY, "could_not_process", "something_new", None]:
        said = why_failed(BankPayout(failure_code=code))
        assert said.endswith(".") and "_" not in said
        assert (said == UNNAMED) is (code not in WHY)


def test_a_payout_only_goes_forward(stripe, paid):
    def reading(status: str) -> list[PayoutReading]:
        return [PayoutReading("po_1", usd(5), status, clock.now(), clock.now(), None)]

    seen = []
    for status in ("pending", "paid", "in_transit", "failed", "paid", "canceled"):
        with transaction():
            note_payouts(paid.id, reading(status))
        seen.append(payouts()[0].state.value)
    assert seen == ["pending", "paid", "paid", "failed", "failed", "failed"]


def test_old_failures_are_shown_but_not_mailed(stripe, paid, news, work):
    with transaction():
        note_payouts(paid.id, [PayoutReading("po_1", usd(5), "failed", clock.now() - timedelta(days=31), clock.now(), None)])
    work()
    assert payouts()[0].state is PayoutState.FAILED and letters(news, "payout_failed") == []


def test_without_any_event_the_daily_look_finds_it(stripe, paid, work, later, news):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd", status="failed")
    for _ in range(2):
        with transaction():
            bank_payouts.watch_bank_payouts()
    assert len(promised("check_bank_payouts")) == 1
    work()
    assert [one.state for one in payouts()] == [PayoutState.FAILED] and len(letters(news, "payout_failed")) == 1
    assert SCHEDULE["watch_bank_payouts"] == timedelta(days=1) and "watch_bank_payouts" in JOBS
    later(days=15)  # Long after the last transfer nobody is looked at any more.
    with transaction():
        bank_payouts.watch_bank_payouts()
    assert promised("check_bank_payouts") == []


def test_an_account_that_stripe_shows_nothing_of_keeps_what_was_seen(stripe, paid):
    """Not made yet, or closed and gone."""
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd")
    for known in (paid.stripe_account_id, None, "acct_of_nobody"):
        with transaction():
            db.session.get_one(ConnectedAccount, paid.id).stripe_account_id = known
        do_now(bank_payouts.CHECK_BANK_PAYOUTS, payee_id=paid.id)
        assert [one.state for one in payouts()] == [PayoutState.PAID]
    asked = [call for call in stripe.control.read_calls()["calls"] if call["path"] == "/v1/payouts"]
    assert len(asked) == 2  # Without an account Stripe would show the platform's own.


def test_looking_again_fetches_them(stripe, paid, ana, as_user):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd")
    as_user(ana).page("/payouts/return")
    assert [one.state for one in payouts()] == [PayoutState.PAID]


def test_nobody_sees_the_payouts_of_others(stripe, paid, heard, as_user):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd")
    heard()
    assert "From Stripe to your bank" not in words_of(as_user(make_user()).page("/payouts"))


# --- whose event it is


def test_an_event_of_an_account_that_is_none_of_ours_is_parked_with_what_became_of_it(stripe, paid, heard):
    account_id = paid.stripe_account_id
    stripe.control.pay_out_account(account_id, currency="usd")
    with transaction():
        db.session.get_one(ConnectedAccount, paid.id).stripe_account_id = "acct_somebody"
    heard()
    found = db.session.scalars(select(StripeEvent).where(StripeEvent.type.like("payout.%"))).all()
    assert {event.outcome for event in found} == {"ignored: of a connected account that is none of ours"}
    assert all(event.account == account_id and event.handled_at for event in found)
    assert payouts() == []


def test_our_own_kinds_of_events_are_not_taken_from_a_connected_account(stripe, paid, heard):
    with stripe.box.world.store.transaction():
        (transfer,) = stripe.box.world.store.all("transfer")
        emit(stripe.box.world, "transfer.reversed", transfer, account="acct_of_a_stranger")
    heard()
    event = db.session.scalars(select(StripeEvent).where(StripeEvent.account == "acct_of_a_stranger")).one()
    assert event.outcome.startswith("ignored")


def test_an_event_of_the_platforms_own_payout_is_not_a_payees(stripe, paid, heard):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd")
    heard()
    with stripe.box.world.store.transaction():
        (payout,) = stripe.box.world.store.all("payout")
        stripe.box.world.store.save(payout | {"status": "failed"})
        emit(stripe.box.world, "payout.failed", payout)
    heard()
    assert [one.state for one in payouts()] == [PayoutState.PAID]


# --- the currencies of payouts


@pytest.mark.once
def test_the_sandbox_pays_a_bank_whole_units_only(stripe, payee):
    store, account_id = stripe.box.world.store, payee.stripe_account_id
    for currency, there, paid_out in (
            ("huf", 123_456, 123_400), ("isk", 199, 100), ("kwd", 1_234, 1_230), ("usd", 1_234, 1_234), ("jpy", 7, 7)):
        store.save(store.get("v2.core.account", account_id) | {"_balance": {currency: there}})
        stripe.control.pay_out_account(account_id, currency=currency)
        found = stripe.gateway().list_payouts(account_id, at_most=1)[0]
        assert found.amount == Money(paid_out, currency)
        assert stripe.control.read_balances()["accounts"][account_id][currency] == there - paid_out
