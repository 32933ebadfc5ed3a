"""Many workers on one batch, and workers killed (kill -9) in the middle of it: every line once, every payee once."""
import os
import random
import signal
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    AccountKind,
    BatchLine,
    BatchState,
    ConnectedAccount,
    LineState,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
    TransferBatch,
)
from marketplace.payments.money_out import batches, payables, transfers
from tests.browsing import end_reading
from tests.database import copies_of
from tests.factories import make_business, make_user
from tests.payments.money_steps import fresh, usd
from tests.races.test_money import at_once

K = AccountKind
PAYEES, EACH = 24, 2


@pytest.fixture
def due(app) -> str:
    """A batch for 24 payees with two rewards each, approved and not begun. Stripe is not asked in this file."""
    business_id = make_business().id
    mona = make_user("Mona Lind", is_admin=True)
    with transaction():
        for number in range(PAYEES):
            payee = User(name=f"Payee {number}", email=f"payee{number}@example.com", password_hash="-")
            db.session.add(payee)
            db.session.flush()
            db.session.add(ConnectedAccount(
                user_id=payee.id, country="US", currency="usd", state=PayeeState.READY, idempotency_key=f"key{number}",
                stripe_account_id=f"acct_{number}"))
            for reward in range(EACH):
                reference = new_id("reward")
                ledger.move(usd(20 + reward), source=ledger.clearing("usd"), kind="test", reference=reference,
                            target=ledger.account(K.PAYABLE, reference, "usd"))
                payables.owe(reference, payee_id=payee.id, business_id=business_id, amount=usd(20 + reward))
    with transaction():
        batch = batches.plan_batch(by=mona)
        batches.approve_batch(batch, by=mona)
    return batch.id


def all_went_once(batch_id: str) -> None:
    end_reading()
    assert fresh(TransferBatch, batch_id).state is BatchState.DONE
    ours = db.session.scalars(select(Transfer)).all()
    assert Counter(transfer.amount for transfer in ours) == {usd(41): PAYEES}
    assert len({transfer.payee_id for transfer in ours}) == PAYEES
    assert {line.state for line in db.session.scalars(select(BatchLine))} == {LineState.REQUESTED}
    assert {payable.state for payable in db.session.scalars(select(Payable))} == {PayableState.IN_TRANSFER}
    promised = Counter(job.arguments["transfer_id"] for job in db.session.scalars(
        select(OutboxMessage).filter_by(job="send_transfer")))
    assert promised == Counter(transfer.id for transfer in ours)
    assert check_ledger() == []
    assert ledger.balance(ledger.clearing("usd")) == Money(-41_00 * PAYEES, "usd")


def test_sixteen_workers_on_one_batch_ask_for_every_transfer_once(app, due, monkeypatch):
    monkeypatch.setattr(batches, "AT_A_TIME", 3)

    def run(number: int) -> str:
        for _ in range(200):
            try:
                with transaction():
                    batches.run_batch(due)
            except (StaleDataError, OperationalError):
                continue
            if db.session.get_one(TransferBatch, due, populate_existing=True).state is BatchState.DONE:
                return "done"
        return "gave up"

    assert at_once(app, 16, run) == Counter(done=16)
    all_went_once(due)


def test_a_batch_and_single_requests_at_once_ask_once(app, due, monkeypatch):
    """Two workers on the batch, while four others ask for six payees' transfers each."""
    monkeypatch.setattr(batches, "AT_A_TIME", 3)
    payee_ids = db.session.scalars(select(ConnectedAccount.user_id)).all()

    def act(number: int) -> str:
        for turn in range(PAYEES):
            try:
                with transaction():
                    if number < 2:
                        batches.run_batch(due)
                    elif turn < 6:
                        transfers.request_transfers(payee_ids[turn * 4 + number - 2])
            except (StaleDataError, OperationalError):
                continue
        return "done"

    assert at_once(app, 6, act) == Counter(done=6)
    while fresh(TransferBatch, due).state is not BatchState.DONE:
        with transaction():
            batches.run_batch(due)
    end_reading()
    ours = db.session.scalars(select(Transfer)).all()
    assert Counter(transfer.payee_id for transfer in ours) == Counter(payee_ids)
    assert {transfer.amount for transfer in ours} == {usd(41)}
    assert check_ledger() == []


QUIET: outbox.Jobs = {  # What a batch sets off is told elsewhere.
    "run_batch": batches.run_batch,
    **{name: (lambda **said: None) for name in ("send_transfer", "note_transfer", "send_letter")},
}


def start_worker(app: Flask, die_at: int) -> int:
    """A process that does jobs until none is due, or kills itself at its n-th commit, before it or after."""
    db.session.remove()
    copies_of(db.engine.url).let_go()
    db.engine.dispose()
    process = os.fork()
    if process:
        return process
    try:
        passed = count(1)

        def point(*of: object) -> None:
            if next(passed) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        db.engine.dispose(close=False)
        event.listen(db.engine, "commit", point)
        event.listen(Session, "after_commit", point)
        with app.app_context():
            while outbox.run_next(QUIET):
                pass
        os._exit(0)
    finally:
        os._exit(1)


def test_killed_workers_leave_nothing_undone_and_nothing_doubled(app, due, clock, monkeypatch):
    """Two workers at a time, each killed at a random commit; their leases run out before the next two begin."""
    monkeypatch.setattr(batches, "AT_A_TIME", 3)
    dice = random.Random(int(os.environ.get("FINGERPOST_SEED", "20261122")))
    running = select(func.count()).where(OutboxMessage.job == "run_batch", OutboxMessage.done_at.is_(None))
    ends: Counter[int] = Counter()
    for _ in range(100):
        end_reading()
        if not db.session.scalar(running):
            break
        workers = [start_worker(app, dice.randint(1, 12)) for _ in range(2)]
        ends.update(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers)
        clock.move(timedelta(seconds=150))
    assert ends[-signal.SIGKILL] >= 5 and ends[1] == 0, ends
    all_went_once(due)
