"""Workers killed (kill -9) at every point between asking and settling: each payee gets the money once, and all do.

A worker kills itself at a point: before or after a commit, before or after a call to Stripe, each named by the job that
passes it. First each point by its name has its turn, then points at random. A dead worker's jobs wait until its lease is
over, while the next workers start. About a third of the calls meet trouble of their own besides.
"""
import gc
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from marketplace.foundation import clock as product_clock
from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import Errand
from marketplace.identity.models import User
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    Funding,
    FundingState,
    FundingWay,
    Refund,
    RefundState,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_in.agreements import agree_top_up
from marketplace.payments.money_in.funding import CHECK_FUNDING, OPEN_CHECKOUT, request_funding
from marketplace.payments.money_in.top_ups import charge_top_up
from tests.database import copies_of
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import fresh, make_ready, pay_in, usd
from tests.races.rounds import JOBS, PAYEES, TROUBLES, Round, open_jobs, press_try_again

pytestmark = pytest.mark.long

LENGTH = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED", "20261122"))
KILLS = 200 * LENGTH
TOPPED_UP = "bounty_topped_up"
FURTHEST_POINT = 16  # About as many as a worker passes in two jobs.
POINTS = [f"{when} {what}" for what in (
    "commit of a claim", "commit of send_transfer", "commit of deliver_transfer", "commit of deliver_reversal",
    "commit of deliver_refund", "commit of send_top_up", "commit of deliver_top_up",
    "read_connected_account of deliver_transfer", "send_transfer of deliver_transfer",
    "reverse_transfer of deliver_reversal", "refund_payment of deliver_refund", "charge_card of deliver_top_up",
) for when in ("before", "after")]


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


class Watched:
    """A gateway whose every call is preceded and followed by a point at which the worker may die."""

    def __init__(self, gateway: object, point: Callable[[str], None]) -> None:
        self.gateway, self.point = gateway, point

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.point(f"before {name}")
            answer = getattr(self.gateway, name)(*arguments, **named)
            self.point(f"after {name}")
            return answer
        return call


class Worker:
    """Does jobs until none is due, or until its point of death: a name, or a number of points passed."""

    def __init__(self, app: Flask, stripe: Any, die_at: str | int) -> None:
        self.app, self.stripe, self.die_at = app, stripe, die_at
        self.job, self.passed = "a claim", 0

    def point(self, name: str) -> None:
        self.passed += 1
        if self.die_at in (f"{name} of {self.job}", self.passed):
            os.kill(os.getpid(), signal.SIGKILL)

    def known(self, name: str, job: Any) -> Any:
        """The job, which first says its name."""
        def begin(do: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
            self.job = name
            return do(*arguments, **named)

        if isinstance(job, Errand):
            return Errand(partial(begin, job.call), partial(begin, job.settle))
        return partial(begin, job)

    def run(self) -> None:
        db.engine.dispose(close=False)
        event.listen(db.engine, "commit", lambda connection: self.point("before commit"))
        event.listen(Session, "after_commit", lambda session: self.point("after commit"))
        self.app.extensions["gateway"] = Watched(self.stripe.gateway(), self.point)
        jobs = {name: self.known(name, job) for name, job in JOBS.items()}
        with self.app.app_context():
            while outbox.run_next(jobs):
                self.job = "a claim"


def start_worker(app: Flask, stripe: Any, die_at: str | int) -> int:
    """A process of its own."""
    db.session.remove()
    copies_of(db.engine.url).let_go()
    db.engine.dispose()
    process = os.fork()
    if process:
        return process
    gc.disable()  # It would touch, and so copy, every page that is shared with the parent.
    try:
        Worker(app, stripe, die_at).run()
        os._exit(0)
    finally:
        os._exit(1)


def warm_up(rounds: Round) -> None:
    """One round without a death: what the parent has compiled by then, no worker compiles again."""
    rounds.begin()
    with transaction():
        charge_top_up(TOPPED_UP)
    while outbox.run_next(JOBS):
        pass
    gc.freeze()


def agree_to_top_ups(stripe: Any, wes: User) -> None:
    """Of a bounty of its own, with a card that was kept when another was paid for."""
    business_id = wes.memberships[0].business_id
    with transaction():
        funding = request_funding(business_id, "bounty_other", usd(100), by=wes, keeps_card=True)
    outbox.do_now(OPEN_CHECKOUT, funding_id=funding.id)
    stripe.control.pay_checkout(fresh(Funding, funding.id).checkout_session_id)
    outbox.do_now(CHECK_FUNDING, funding_id=funding.id)
    with transaction():
        agree_top_up(business_id, TOPPED_UP, usd(20), usd(90_000), by=fresh(User, wes.id))


def test_killed_workers_pay_everybody_once(app, stripe, time, record_property):
    dice = random.Random(SEED)
    wes = owner_of(make_business())
    pay_in(stripe, wes, usd(90_000))
    pay_in(stripe, wes, usd(90_000), "bounty_other")  # So that Stripe's fees leave enough to transfer.
    payees = [make_user(f"Payee {number}") for number in range(PAYEES)]
    for payee in payees:
        make_ready(stripe, payee)
    agree_to_top_ups(stripe, wes)
    time.move(10 * 86_400)
    rounds = Round(stripe, wes, payees)
    warm_up(rounds)
    waiting = POINTS * LENGTH
    ends: Counter[int] = Counter()
    while ends[-signal.SIGKILL] < KILLS or waiting or open_jobs():
        assert sum(ends.values()) < 30 * KILLS, f"seed {SEED}: still open at {product_clock.now()}: {open_jobs()}"
        if not open_jobs():
            stripe.control.clear_faults(seed=SEED)
            rounds.begin()
            with transaction():
                charge_top_up(TOPPED_UP)
            for kind in TROUBLES:
                stripe.control.plan_fault(
                    kind=kind, path="/v1/(transfers|refunds|payment_intents)", times=None, chance=0.4 / len(TROUBLES))
        at = [waiting[0] if waiting else dice.randint(1, FURTHEST_POINT), dice.randint(1, FURTHEST_POINT)]
        first, second = (os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
                         for worker in [start_worker(app, stripe, point) for point in at])
        ends.update((first, second))
        if waiting:
            # One that found no such point to die at leaves it for a later round.
            point = waiting.pop(0)
            waiting += [] if first == -signal.SIGKILL else [point]
        time.move(150)  # The leases of the dead are over, and nobody's key is too old.
        press_try_again()
    record_property("kills", ends[-signal.SIGKILL])
    record_property("points", len(POINTS))
    assert ends[1] == 0, f"seed {SEED}: {ends}"

    at_stripe = stripe.box.world.store
    paid = Counter(one["metadata"]["transfer_id"] for one in at_stripe.all("transfer"))
    ours = db.session.scalars(select(Transfer)).all()
    assert paid == Counter(transfer.id for transfer in ours), f"seed {SEED}"
    assert {one.state for one in ours} <= {TransferState.SENT, TransferState.PARTLY_REVERSED}
    assert sum(one["amount"] for one in at_stripe.all("transfer")) == rounds.number * PAYEES * 100_00
    taken = Counter(one["metadata"]["reversal_id"] for one in at_stripe.all("transfer_reversal"))
    assert taken == Counter(db.session.scalars(select(TransferReversal.id)).all()), f"seed {SEED}"
    assert [one["amount"] for one in at_stripe.all("refund")] == [50_00] * rounds.number
    assert set(db.session.scalars(select(Refund.state))) == {RefundState.SUCCEEDED}
    topped_up = db.session.scalars(select(Funding).filter_by(way=FundingWay.TOP_UP)).all()
    assert len(topped_up) == rounds.number and {one.state for one in topped_up} == {FundingState.PAID}
    charged = Counter(one["metadata"]["funding_id"] for one in at_stripe.all("payment_intent")
                      if one["transfer_group"] == TOPPED_UP and one["status"] == "succeeded")
    assert charged == Counter(one.id for one in topped_up), f"seed {SEED}"
    assert check_ledger() == []
    stripe.control.clear_faults()
    assert [line.difference_minor for line in compare_with_stripe()] == [0]
