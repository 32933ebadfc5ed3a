"""A market with every kind of movement at Stripe, and what the tests of the books do with it."""
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business, User
from marketplace.payments.books import reconciliation
from marketplace.payments.models import (
    OpenItem,
    Reconciliation,
    Transfer,
)
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out.transfers import request_transfers
from tests.browsing import end_reading
from tests.moving_clock import MovingClock
from tests.payments.money_steps import BOUNTY, make_ready, owe, pay_in, take_back, usd
from tests.sandbox_server import SandboxServer


@dataclass
class Market:
    """Westside has paid in three times, Ana was paid and gave a part back, what was free went back to the card."""

    stripe: SandboxServer
    clock: MovingClock
    work: Callable[[], int]
    wes: User
    ana: User
    westside: Business

    def live(self) -> "Market":
        pay_in(self.stripe, self.wes, usd(2000))
        pay_in(self.stripe, self.wes, usd(3000), purpose="bounty_trucks")
        pay_in(self.stripe, self.wes, usd(500), purpose="bounty_boats")
        make_ready(self.stripe, self.ana)
        self.clock.move(timedelta(days=10))
        self.pay_ana()
        take_back("reward_1", usd(100))
        with transaction():
            refund_free_funds(BOUNTY, "usd", by=self.wes.id)
        self.stripe.control.plan_refund(status="pending")
        with transaction():
            refund_free_funds("bounty_boats", "usd", by=self.wes.id)
        self.work()
        return self

    def pay_ana(self, reference: str = "reward_1", amount: int = 1000) -> Transfer:
        owe(self.ana, self.westside.id, usd(amount), reference)
        with transaction():
            request_transfers(self.ana.id)
        self.work()
        return self.newest(Transfer)

    def newest(self, model: Any) -> Any:
        end_reading()
        return db.session.scalars(select(model).order_by(model.id.desc()).limit(1)).one()

    def later(self, **delta: int) -> None:
        self.clock.move(timedelta(**delta))

    def movement(self, source: str | None, number: int = -1) -> dict[str, object]:
        """The first one that Stripe has of this charge, transfer, refund..."""
        return self.stripe.control.read_movements(source=source)["movements"][number]


def reconcile() -> Reconciliation:
    """A run, from its first page to its comparison."""
    end_reading()
    with transaction():
        run = reconciliation.begin_by_hand()
    finished = reconciliation.run_to_the_end(run.id)
    end_reading()
    return finished


def named() -> dict[str, int]:
    """Open items by name, with what they are worth."""
    end_reading()
    return {item.kind.value: item.amount_minor
            for item in db.session.scalars(select(OpenItem).where(OpenItem.resolved_at.is_(None)))}


def unnamed(run: Reconciliation) -> dict[str, int]:
    """By currency, what is neither named nor under way: it must be nothing, always."""
    assert run.lines is not None
    ways = {currency: reconciliation.FourWays(**line) for currency, line in run.lines.items()}
    return {currency: one.unnamed_minor for currency, one in ways.items() if one.unnamed_minor}
