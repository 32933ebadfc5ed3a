"""The same random operations, replayed on SQLite and on PostgreSQL: the same answers, and the same books to the cent."""
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask

from marketplace.app import create_app
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out import transfers
from marketplace.settings import Settings
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import fresh, make_ready, owe, pay_in, take_back, usd
from tests.properties.ledger_machine import Drill, sums_in_the_books

LENGTH = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED") or 2026)
ROOT = Path(__file__).resolve().parent.parent.parent
BOUNTIES = ("bounty_cars", "bounty_roofs")


class Market:
    """One business, three people who are paid, two bounties; each act answers with a word."""

    def __init__(self, stripe: Any, jobs: outbox.Jobs, later: Callable[..., None], seed: int) -> None:
        self.stripe, self.jobs, self.later, self.dice = stripe, jobs, later, random.Random(seed)
        wes = owner_of(make_business())
        self.wes, self.business_id = wes.id, wes.memberships[0].business_id
        payees = [make_user(f"Payee {number}") for number in range(3)]
        for payee in payees:
            make_ready(stripe, payee)
        self.payees = [payee.id for payee in payees]
        self.owed = self.taken = 0

    def live(self, acts: int) -> list[str]:
        names = ("pay_in", "owe", "owe", "owe", "send", "take_back", "take_back", "refund", "wait", "work", "work")
        return [self.act(self.dice.choice(names)) for _ in range(acts)]

    def act(self, name: str) -> str:
        try:
            return f"{name} {getattr(self, name)()}"
        except DomainError as refusal:
            return f"{name} {refusal.code}"

    def pay_in(self) -> str:
        paid = pay_in(self.stripe, fresh(User, self.wes), usd(self.dice.randint(5, 900)), self.dice.choice(BOUNTIES))
        return paid.state

    def owe(self) -> str:
        amount, payee = usd(self.dice.randint(1, 200)), fresh(User, self.dice.choice(self.payees))
        owe(payee, self.business_id, amount, f"reward_{self.owed}", self.dice.choice(BOUNTIES))
        self.owed += 1
        return ""

    def send(self) -> str:
        with transaction():
            transfers.request_transfers(self.dice.choice(self.payees))
        return ""

    def take_back(self) -> str:
        if not self.owed:
            return "nothing"
        self.taken += 1
        return take_back(f"reward_{self.dice.randrange(self.owed)}", usd(self.dice.randint(1, 60)),
                         f"clawback_{self.taken}", self.dice.choice(BOUNTIES))

    def refund(self) -> int:
        with transaction():
            return len(refund_free_funds(self.dice.choice(BOUNTIES), "usd", by=audit.SYSTEM))

    def wait(self) -> str:
        self.later(days=self.dice.choice((1, 3, 10)))
        return ""

    def work(self) -> str:
        end_reading()
        while outbox.run_next(self.jobs):
            pass
        end_reading()
        return ""


@contextmanager
def beside(settings_env: dict[str, str], folder: Path) -> Iterator[Flask]:
    """The same application on an embedded database."""
    url = f"sqlite:///{folder / 'beside.sqlite'}"
    application = create_app(Settings.from_env(settings_env | {"DATABASE_URL": url}))
    with application.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        yield application
        db.session.remove()
        db.engine.dispose()


@pytest.mark.database("postgresql")
def test_the_ledger_comes_to_the_same(app, settings_env, tmp_path):
    there = Drill(SEED, 1_000 * LENGTH)
    there.run()
    books = sums_in_the_books()
    end_reading()
    with beside(settings_env, tmp_path):
        here = Drill(SEED, 1_000 * LENGTH)
        here.run()
        assert here.done == there.done
        assert sums_in_the_books() == books != {}


@pytest.mark.database("postgresql")
def test_a_market_lives_the_same_life(app, sandbox, settings_env, tmp_path, jobs, later, clock, record_property):
    def live() -> tuple[list[str], list[Any]]:
        sandbox.reset()
        clock.moved *= 0
        market = Market(sandbox, jobs, later, SEED)
        said = market.live(120 * LENGTH)
        return [*said, market.work()], ledger.trial_balance()

    there = live()
    end_reading()
    with beside(settings_env, tmp_path):
        here = live()
    assert here == there
    record_property("operations", len(there[0]))
    assert sum(minor != 0 for _, _, minor in there[1]) >= 4 and len(set(there[0])) > 8
