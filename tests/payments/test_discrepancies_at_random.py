"""Differences of every kind, several at once, anywhere in a market and at any moment: all are named, and nothing else is."""
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, Funding, OpenItem, OpenItemKind
from marketplace.payments.money_in.refunds import request_refund
from marketplace.payments.money_out.payables import take_back
from marketplace.payments.money_out.stops import why_stopped
from marketplace.payments.money_out.transfers import request_transfers, send_transfer
from tests.backups import Backup, SandboxBackup
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.moving_clock import MovingClock
from tests.payments.book_steps import reconcile, unnamed
from tests.payments.discrepancies import (
    AT_STRIPE,
    BY_HAND,
    CURRENCIES,
    FLOWING,
    KINDS,
    LAST,
    STALE,
    Found,
    NothingLeft,
    Scene,
    late_transfer,
    request_one,
    row_without_posting,
)
from tests.payments.money_steps import fresh, make_ready, owe, pay_in
from tests.sandbox_server import SandboxServer

LENGTH = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED") or 2026)
AT_ONCE = 6  # In one market, at most.
CONTRADICTIONS = {"balance_differs", "row_without_posting", "posting_without_row", "account_differs", "below_floor",
                  "ledger_unsound"}  # Of our own books: while one is open, nothing is sent, whatever it is worth.
pytestmark = [pytest.mark.once] if LENGTH == 1 else []


@pytest.fixture
def stripe(app: Flask, sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """Here the books disagree in the end."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield sandbox
    sandbox.box.world.balance_skew.clear()
    app.extensions["gateway"] = before


@dataclass
class Kept:
    """A market as it was, for as many stories as there are."""

    rows: Backup
    at_stripe: SandboxBackup
    moved: timedelta


class Markets:
    """Three currencies; in each, payments that stay and payments of which a part went back, and transfers of which a part
    was taken back. In the older market a run has read of the first half, and then the same was lived again."""

    def __init__(self, stripe: SandboxServer, clock: MovingClock, work: Callable[[], int]) -> None:
        self.stripe, self.clock, self.work = stripe, clock, work
        business = make_business()
        self.business_id, self.wes = business.id, owner_of(business).id
        self.payees = {currency: make_user(f"Payee of {currency}").id for currency in CURRENCIES}
        for currency, payee in self.payees.items():
            make_ready(stripe, fresh_user(payee), {"usd": "US", "eur": "DE", "jpy": "JP"}[currency])
        self.live("young")
        self.kept = [self.keep()]

    def grow_old(self) -> None:
        run = reconcile()
        assert run.movements == 27 and named() == {}
        self.live("older")
        self.kept.append(self.keep())

    def live(self, age: str) -> None:
        for currency in CURRENCIES:
            pay_in(self.stripe, fresh_user(self.wes), Money(900_000, currency), f"cars_{currency}")
            for what in ("boats", "bikes"):
                pay_in(self.stripe, fresh_user(self.wes), Money(70_000, currency), f"{what}_{age}_{currency}")
        self.clock.move(timedelta(days=10))
        for minor in (10_000, 25_000):
            for currency, payee in self.payees.items():
                owe(fresh_user(payee), self.business_id, Money(minor, currency), f"reward_{age}_{minor}_{currency}", f"cars_{currency}")
                with transaction():
                    request_transfers(payee)
            self.work()
        with transaction():
            for currency in CURRENCIES:
                for minor in (10_000, 25_000):
                    credit = ledger.account(AccountKind.FUNDS, f"given_{age}_{minor}_{currency}", currency)
                    take_back(f"reward_{age}_{minor}_{currency}", Money(minor // 10, currency), credit=credit,
                              clawback_id=f"clawback_{age}_{minor}_{currency}")
            for funding in db.session.scalars(select(Funding).where(Funding.purpose_id.contains(age)).with_for_update()):
                request_refund(funding, Money(20_000, funding.currency), by=audit.SYSTEM,
                               source=ledger.account(AccountKind.FUNDS, funding.purpose_id, funding.currency))
        self.stripe.control.plan_refund(status="pending")
        self.stripe.control.plan_refund(status="pending")
        self.work()
        self.clock.move(timedelta(hours=30))

    def keep(self) -> Kept:
        return Kept(Backup(), SandboxBackup(self.stripe), self.clock.moved)

    def begin(self, kept: Kept, dice: random.Random, *, is_long: bool) -> Scene:
        kept.rows.restore()
        kept.at_stripe.restore(self.stripe)
        self.stripe.box.world.balance_skew.clear()
        self.clock.moved, self.clock._looks = kept.moved + timedelta(hours=dice.randrange(1, 40)), count(10_000)
        return Scene(self.stripe, dice, is_long, self.wes, self.business_id, self.payees)


def fresh_user(user_id: str):
    from marketplace.identity.models import User  # noqa: PLC0415

    return fresh(User, user_id)


def named() -> Found:
    end_reading()
    return {(item.kind.value, item.subject_id, item.currency): item.amount_minor
            for item in db.session.scalars(select(OpenItem).where(OpenItem.resolved_at.is_(None)))}


def stops(found: Found) -> bool:
    return any(name in CONTRADICTIONS or (minor and name != "held_in_reserve") for (name, _, _), minor in found.items())


def compare(scene: Scene) -> None:
    """What a run names is what was done, to the cent, and transfers are stopped if any of it says so."""
    expected = scene.expected(is_stopped=why_stopped(None) is not None)
    run = reconcile()
    assert named() == expected
    assert unnamed(run) == {}
    assert (why_stopped(None) is not None) == stops(expected)
    scene.note_told(expected)


def tell(markets: Markets, kinds: list, dice: random.Random) -> list:
    """One story: these kinds of differences in one market. Those for which it has no room are given back."""
    is_long = any(kind in STALE for kind in kinds) or dice.random() < 0.2
    scene = markets.begin(dice.choice(markets.kept), dice, is_long=is_long)
    dice.shuffle(kinds)
    left = []
    looks_between = dice.random() < 0.2
    for stage in (FLOWING, (*AT_STRIPE, *BY_HAND), LAST):
        for kind in [one for one in kinds if one in stage]:
            try:
                scene.note(kind(scene))
            except NothingLeft:
                left.append(kind)
            markets.clock.move(timedelta(minutes=dice.randrange(20)))
            if looks_between and kind not in FLOWING and dice.random() < 0.5:
                so_far = scene.expected(is_stopped=False)
                run = reconcile()  # Some are too young to be named.
                assert named().items() <= so_far.items() and unnamed(run) == {}
    markets.clock.move(timedelta(hours=dice.randrange(26, 60) if is_long else dice.randrange(2, 16)))
    compare(scene)
    items = set(db.session.scalars(select(OpenItem.id)))
    if dice.random() < 0.4:
        markets.clock.move(timedelta(hours=dice.randrange(4)))
        compare(scene)
        assert set(db.session.scalars(select(OpenItem.id))) == items  # Found again, it is the same.
    return left


def test_a_late_transfer_stays_named_while_transfers_are_stopped_by_the_run_that_named_it(stripe, clock, work):
    """Until its job, which gives it up because of the stop, has moved it on."""
    markets = Markets(stripe, clock, work)
    scene = markets.begin(markets.kept[0], random.Random(SEED), is_long=True)
    transfer_id = request_one(scene)
    scene.note(late_transfer(scene, transfer_id))
    scene.note(row_without_posting(scene))
    clock.move(timedelta(hours=26))
    for _ in range(2):
        compare(scene)
        assert ("transfer_stale", transfer_id, "") in named() and why_stopped(None) is not None
    with transaction():
        send_transfer(transfer_id)
    scene.moved_on("transfer_stale", transfer_id)
    compare(scene)


def test_every_difference_is_named_and_nothing_else_wherever_and_whenever_it_is(stripe, clock, work, record_property):
    assert {kind.__name__ for kind in KINDS} == {kind.value for kind in OpenItemKind}
    dice = random.Random(SEED)
    print(f"seed {SEED} (FINGERPOST_SEED={SEED} repeats it)")
    markets = Markets(stripe, clock, work)
    if LENGTH > 1:
        markets.grow_old()
    waiting = [*KINDS] * LENGTH
    dice.shuffle(waiting)
    done: Counter[str] = Counter()
    stories = 0
    while waiting:
        kinds = [waiting.pop() for _ in range(min(dice.randint(1, AT_ONCE), len(waiting)))]
        stories += 1
        seed = f"{SEED}, story {stories}: {', '.join(kind.__name__ for kind in kinds)}"
        try:
            left = tell(markets, list(kinds), random.Random(f"{SEED} {stories}"))
        except Exception as fault:
            fault.add_note(f"seed {seed}")
            raise
        assert len(left) < len(kinds), seed
        waiting += left
        dice.shuffle(waiting)
        done.update(kind.__name__ for kind in kinds)
        done.subtract(kind.__name__ for kind in left)
    assert set(done.values()) == {LENGTH}
    record_property("injections", done.total())
    record_property("stories", stories)
    record_property("kinds", len(done))
    record_property("seed", SEED)
