"""Workers killed (kill -9) at every point between asking and settling: each payee gets the money once, and all do.

A worker kills itself at the n-th point it passes: before or after a commit, before or after a call to Stripe. Its jobs
wait until its lease is over, while the next workers start. About a third of the calls meet trouble of their own besides.
"""
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from marketplace.foundation import audit, outbox
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import Refund, RefundState, Transfer, TransferReversal, TransferState
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out import transfers
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import BOUNTY, make_ready, owe, pay_in, take_back, usd

pytestmark = pytest.mark.long

LENGTH = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED", "20261122"))
PAYEES = 10 * LENGTH
FURTHEST_POINT = 16  # About as many as a worker passes in two jobs.
TROUBLES = ["lost_before", "lost_after", "half_written", "error_unstored", "error_stored", "error_stored_after",
            "rate_limited", "key_in_use"]
IGNORED = {name: lambda **said: None for name in ("note_funding", "note_transfer", "note_reversal", "return_free_funds")}
JOBS = {**PAYMENTS_JOBS, **IGNORED}


class Clock:
    """Real time, moved on; read by this process and by the workers."""

    def __init__(self, file: Path) -> None:
        self.file, self.offset = file, 0
        file.write_text("0")

    def move(self, seconds: int) -> None:
        self.offset += seconds
        self.file.write_text(str(self.offset))


@pytest.fixture
def time(clock, tmp_path: Path) -> Clock:
    moved = Clock(tmp_path / "clock")
    product_clock.use(product_clock.shifted_by_file(moved.file))
    return moved


@pytest.fixture
def stripe(app: Flask, sandbox):
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield sandbox
    app.extensions["gateway"] = before


class Watched:
    """A gateway whose every call is preceded and followed by a point at which the worker may die."""

    def __init__(self, gateway: object, point: Callable[[], None]) -> None:
        self.gateway, self.point = gateway, point

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.point()
            answer = getattr(self.gateway, name)(*arguments, **named)
            self.point()
            return answer
        return call


def start_worker(app: Flask, stripe: Any, die_at: int) -> int:
    """A process of its own that does jobs until none is due, or until its point of death."""
    db.session.remove()
    db.engine.dispose()
    process = os.fork()
    if process:
        return process
    try:
        passed = count(1)

        def point() -> None:
            if next(passed) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        db.engine.dispose(close=False)
        event.listen(db.engine, "commit", lambda connection: point())
        event.listen(Session, "after_commit", lambda session: point())
        app.extensions["gateway"] = Watched(stripe.gateway(), point)
        with app.app_context():
            while outbox.run_next(JOBS):
                pass
        os._exit(0)
    finally:
        os._exit(1)


def open_jobs() -> list[str]:
    """Each with what an operator would see of it."""
    end_reading()
    waiting = select(OutboxMessage).where(
        OutboxMessage.done_at.is_(None), OutboxMessage.job.in_([
            "request_transfers", "send_transfer", "deliver_transfer", "send_reversal", "deliver_reversal", "send_refund",
            "deliver_refund"]))
    return [f"{one.job} tried {one.attempts}, due {one.due_at}, dead {one.dead_at}: {one.last_error}"
            for one in db.session.scalars(waiting)]


def press_try_again() -> None:
    """What an operator does with a job that met trouble fourteen times in a row."""
    with transaction():
        for message in db.session.scalars(outbox.dead_letters()):
            outbox.revive(message, by="operator")


def test_killed_workers_pay_everybody_once(app, stripe, time, record_property):
    dice = random.Random(SEED)
    wes = owner_of(make_business())
    business_id = wes.memberships[0].business_id
    pay_in(stripe, wes, usd(100 * PAYEES + 50))
    pay_in(stripe, wes, usd(100 * PAYEES), "bounty_other")  # So that Stripe's fees leave enough to transfer.
    time.move(10 * 86_400)
    payees = [make_user(f"Payee {number}") for number in range(PAYEES)]
    for number, payee in enumerate(payees):
        make_ready(stripe, payee)
        owe(payee, business_id, usd(100), f"reward_{number}")
    with transaction():
        refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)
        for payee in payees:
            transfers.request_transfers(payee.id)
    for number in range(0, PAYEES, 2):
        assert take_back(f"reward_{number}", usd(10), f"clawback_{number}") == "reversing"

    for kind in TROUBLES:
        stripe.control.plan_fault(kind=kind, path="/v1/(transfers|refunds)", times=None, chance=0.4 / len(TROUBLES))
    ends: Counter[int] = Counter()
    for _ in range(400 * LENGTH):
        if not open_jobs():
            break
        workers = [start_worker(app, stripe, dice.randint(1, FURTHEST_POINT)) for _ in range(2)]
        ends.update(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers)
        time.move(150)  # The leases of the dead are over, and nobody's key is too old.
        press_try_again()
    record_property("kills", ends[-signal.SIGKILL])
    assert open_jobs() == [], f"seed {SEED}: still open at {product_clock.now()} after {ends}"
    assert ends[1] == 0 and ends[-signal.SIGKILL] >= PAYEES, f"seed {SEED}: {ends}"

    at_stripe = stripe.box.world.store
    paid = Counter(one["metadata"]["transfer_id"] for one in at_stripe.all("transfer"))
    ours = db.session.scalars(select(Transfer)).all()
    assert paid == Counter(transfer.id for transfer in ours), f"seed {SEED}"
    assert {one.state for one in ours} <= {TransferState.SENT, TransferState.PARTLY_REVERSED}
    assert {one["amount"] for one in at_stripe.all("transfer")} == {100_00}
    taken = Counter(one["metadata"]["reversal_id"] for one in at_stripe.all("transfer_reversal"))
    assert taken == Counter(db.session.scalars(select(TransferReversal.id)).all()), f"seed {SEED}"
    assert [one["amount"] for one in at_stripe.all("refund")] == [50_00]
    assert db.session.scalars(select(Refund)).one().state is RefundState.SUCCEEDED
    assert check_ledger() == []
    stripe.control.clear_faults()
    assert [line.difference_minor for line in compare_with_stripe()] == [0]
