"""Many at once after the same money: never more than there is, and every transfer once."""
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage
from marketplace.payments import ledger
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.ledger import NotEnoughMoney, check_ledger
from marketplace.payments.models import AccountKind, StripeEvent, Transfer, TransferState
from marketplace.payments.money_in import funds
from marketplace.payments.money_out import transfers
from marketplace.payments.stripe_readings import TemporaryFailure
from tests.browsing import apart, end_reading
from tests.factories import make_business, owner_of
from tests.payments.money_steps import BOUNTY, holds, pay_in, usd

K = AccountKind
IGNORED = {name: lambda **said: None for name in ("note_funding", "note_transfer", "note_reversal")}


def at_once(app: Flask, count: int, act: Callable[[int], str]) -> Counter[str]:
    """``act(number)`` in so many threads that start together; what each of them says, counted."""
    said: Counter[str] = Counter()
    gate, guard = threading.Barrier(count), threading.Lock()

    def run(number: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                word = act(number)
            except Exception as error:
                word = type(error).__name__
            finally:
                db.session.remove()
            with guard:
                said[word] += 1

    db.session.rollback()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end_reading()
    return said


@pytest.fixture
def funded(app: Flask) -> str:
    with transaction():
        ledger.move(usd(99), source=ledger.clearing("usd"), target=ledger.account(K.FUNDS, BOUNTY, "usd"),
                    kind="funding", reference="fund_1")
    return BOUNTY


def test_sixteen_spend_one_bountys_funds_and_never_more_than_there_is(app, funded):
    def spend(number: int) -> str:
        for turn in range(10):
            try:
                with transaction():
                    funds.reserve(f"lead_{number}_{turn}", bounty_id=BOUNTY, amount=usd(1))
            except NotEnoughMoney:
                return "short"
        return "done"

    said = at_once(app, 16, spend)
    assert set(said) <= {"short", "done"} and said["short"]
    assert holds(K.FUNDS, BOUNTY) == 0
    assert sum(minor for kind, _, minor in ledger.trial_balance() if kind is K.RESERVED) == 99_00
    assert check_ledger() == []


def test_one_lead_reserved_by_many_at_once_is_reserved_once(app, funded):
    def reserve(number: int) -> str:
        with transaction():
            funds.reserve("lead_1", bounty_id=BOUNTY, amount=usd(10))
        return "done"

    at_once(app, 8, reserve)
    reserved = holds(K.RESERVED, "lead_1")
    assert reserved + holds(K.FUNDS, BOUNTY) == 99_00 and reserved >= 10_00
    assert check_ledger() == []


def test_the_same_reference_from_many_posts_once(app):
    def post(number: int) -> str:
        with transaction():
            return ledger.move(usd(10), source=ledger.clearing("usd"), target=ledger.account(K.FUNDS, BOUNTY, "usd"),
                               kind="funding", reference="fund_1")

    said = at_once(app, 8, post)
    assert len([word for word in said if word.startswith("entry_")]) == 1
    assert {word for word in said if not word.startswith("entry_")} <= {IntegrityError.__name__}
    assert holds(K.FUNDS, BOUNTY) == 10_00


def test_money_going_both_ways_between_two_accounts_waits_for_nobody_in_a_circle(app, funded):
    with transaction():
        ledger.move(usd(99), source=ledger.clearing("usd"), target=ledger.account(K.FUNDS, "bounty_2", "usd"),
                    kind="funding", reference="fund_2")

    def swap(number: int) -> str:
        there, back = (BOUNTY, "bounty_2") if number % 2 else ("bounty_2", BOUNTY)
        for turn in range(10):
            with transaction():
                ledger.move(usd(1), source=ledger.account(K.FUNDS, there, "usd"),
                            target=ledger.account(K.FUNDS, back, "usd"), kind="swap", reference=f"{number}:{turn}")
        return "done"

    assert at_once(app, 8, swap) == Counter(done=8)
    assert holds(K.FUNDS, BOUNTY) + holds(K.FUNDS, "bounty_2") == 198_00
    assert check_ledger() == []


def test_one_account_made_by_many_at_once_is_one(app):
    def make(number: int) -> str:
        with transaction():
            return ledger.account(K.FUNDS, "bounty_new", "usd").id

    assert len(at_once(app, 8, make)) == 1


def work_all(number: int) -> str:
    while outbox.run_next({**PAYMENTS_JOBS, **IGNORED}):
        pass
    return "done"


def only_sent(stripe) -> None:
    transfer = db.session.scalars(select(Transfer)).one()
    assert transfer.state is TransferState.SENT
    assert [one["amount"] for one in stripe.box.world.store.all("transfer")] == [1000_00]
    assert holds(K.IN_TRANSIT, transfer.id) == 0
    assert check_ledger() == []


def test_four_workers_on_one_transfer_send_it_once(app, stripe, owed):
    assert at_once(app, 4, work_all) == Counter(done=4)
    only_sent(stripe)


def test_four_workers_that_all_hold_the_call_in_hand_send_it_once(app, stripe, owed):
    """As when leases ran out under slow workers: each makes the call, each settles."""
    with transaction():
        transfers.request_transfers(owed.id)
    transfer_id = db.session.scalars(select(Transfer.id)).one()
    with transaction():
        transfers.send_transfer(transfer_id)

    def deliver(number: int) -> str:
        for _ in range(20):
            try:
                outbox.do_now(transfers.DELIVER_TRANSFER, transfer_id=transfer_id)
            except (TemporaryFailure, StaleDataError, OperationalError):
                continue
            return "done"
        return "gave up"

    assert at_once(app, 4, deliver) == Counter(done=4)
    only_sent(stripe)


def test_many_asking_for_one_payees_transfers_ask_for_one(app, stripe, owed):
    def ask(number: int) -> str:
        with transaction():
            transfers.request_transfers(owed.id)
        return "done"

    assert at_once(app, 8, ask) == Counter(done=8)
    assert db.session.scalars(select(Transfer)).one().amount == Money(1000_00, "usd")
    work_all(0)
    end_reading()
    only_sent(stripe)


def test_one_event_delivered_by_many_at_once_is_stored_once(app, stripe):
    def deliver(number: int) -> str:
        return str(stripe.box.control.resend_webhook(event_id=event_id)["taken"])

    stripe.deliver_to_app(apart(app))
    wes = owner_of(make_business())
    pay_in(stripe, wes)
    event_id = stripe.box.world.store.all("event")[0]["id"]
    said = at_once(app, 8, deliver)
    assert set(said) == {"1"}
    assert len(db.session.scalars(select(StripeEvent)).all()) == 1
    handling = select(OutboxMessage).where(OutboxMessage.job == "handle_stripe_event")
    assert len(db.session.scalars(handling).all()) == 1
