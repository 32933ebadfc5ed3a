"""A market with one funded bounty, on which the threads meet."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db
from marketplace.identity.models import User
from marketplace.payments.money_out import payees
from marketplace.referrals import consent, moderation, pointing
from marketplace.referrals.models import Acquaintance, Channel, Lead
from marketplace.referrals.queries import find_live_grant
from tests.database import WayBack
from tests.factories import make_business, make_user, owner_of
from tests.moving_clock import MovingClock
from tests.payments.money_steps import make_ready, owe, pay_in, usd
from tests.properties.market import OK, Market, attempt, bounty_row, decide, person
from tests.sandbox_server import SandboxServer

REWARD, COST = 10_000, 10_500


@pytest.fixture(autouse=True)
def _on_all_cores(all_cores: None) -> None: ...


@dataclass
class Stage:
    """Everything that most races need, by id."""

    market: Market
    owner: str
    business: str
    admins: list[str]
    referrers: list[str]
    serial: "count[int]"

    def open_bounty(self, *, leads: int, hold_days: int = 0) -> str:
        """Live, with funds for this many leads."""
        bounty = self.market.draft(self.business, by=self.owner, currency="usd", flat=REWARD, hold_days=hold_days)
        self.market.fund(bounty, self.business, COST * leads, "usd", by=self.owner)
        assert attempt(lambda: publish_bounty(bounty_row(bounty), by=person(self.owner))) == OK
        return bounty

    def point(self, bounty: str, *, referrer: int = 0, email: str | None = None, url: str | None = None) -> str:
        """A lead in review."""
        kept: list[Lead] = []
        happened = attempt(lambda: kept.append(self.pointing(bounty, referrer=referrer, email=email, url=url)()))
        assert happened == OK
        self.market.work()
        return kept[0].id

    def pointing(
        self, bounty: str, *, referrer: int = 0, email: str | None = None, url: str | None = None
    ) -> Callable[[], Lead]:
        address = email or (None if url else f"buyer{next(self.serial)}@mail.example")
        return lambda: pointing.point_at_buyer(
            bounty_row(bounty), by=person(self.referrers[referrer]), quote="I am looking for one.", url=url,
            text=None if url else "I am looking for one.", acquaintance=Acquaintance.ONLINE, how_known="I read them.",
            buyer_email=address)

    def introduce(self, bounty: str, *, referrer: int = 0) -> str:
        """A lead whose buyer said yes."""
        lead_id = self.point(bounty, referrer=referrer)
        assert attempt(lambda: decide(moderation.accept_lead, lead_row(lead_id), by=person(self.admins[0]))) == OK
        email = f"yes{next(self.serial)}@mail.example"

        def say_yes() -> None:
            consent.give_consent(lead_row(lead_id), name="Dana", email=email, channel=Channel.EMAIL,
                                 until=product_clock.now().date(), proven=False)
            grant = find_live_grant(lead_row(lead_id))
            assert grant is not None
            consent.confirm_consent(grant)

        assert attempt(say_yes) == OK
        self.market.work()
        return lead_id

    def onboard(self, referrer: int = 0) -> None:
        user_id = self.referrers[referrer]
        assert attempt(lambda: payees.start_payee(person(user_id), "US", by=person(user_id))) == OK
        self.market.pass_time(seconds=21)
        self.market.work()
        payee = payees.find_payee(user_id)
        assert payee is not None
        payee_id, account = payee.id, payee.stripe_account_id
        assert account is not None
        assert attempt(lambda: payees.note_link_issued(payee_id, by=person(user_id))) == OK
        self.market.sandbox.control.set_account_state(account, state="active")
        self.market.sandbox.deliver_webhooks()
        self.market.work()


def lead_row(lead_id: str) -> Lead:
    return db.session.get_one(Lead, lead_id)


DEADLOCK = "40P01"  # PostgreSQL's, for those who wait for each other in a circle.


@pytest.fixture(autouse=True)
def _no_circles(app: Flask) -> Iterator[None]:
    """Also where a race tries again: money stays right, but nobody should have had to."""
    met: list[str] = []

    def note(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == DEADLOCK:
            met.append(str(context.statement))

    engine = db.engine
    event.listen(engine, "handle_error", note)
    yield
    event.remove(engine, "handle_error", note)
    assert met == []


@pytest.fixture
def stage(
    app: Flask, stripe_sandbox: SandboxServer, clock: MovingClock, _emptying: WayBack
) -> Iterator[Stage]:
    market = Market(app, stripe_sandbox, clock, _emptying)
    owner = market.make_person("Wes")
    admins = [market.make_person(f"Admin {n}", is_admin=True) for n in range(8)]
    referrers = [market.make_person(name) for name in ("Ana", "Ben")]
    with market.quick_gateway():
        yield Stage(market, owner, market.make_business(owner, "Westside Auto"), admins, referrers, count(1))


@pytest.fixture
def stripe(app: Flask, sandbox):
    """The sandbox, asked without the SDK's own retries, so that each fault reaches us."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield sandbox
    app.extensions["gateway"] = before


@pytest.fixture
def owed(stripe, clock: MovingClock) -> User:
    """Ana is ready and is owed $1,000 that are there."""
    wes = owner_of(make_business())
    ana = make_user("Ana Flores")
    pay_in(stripe, wes)
    clock.move(days=10)
    make_ready(stripe, ana)
    owe(ana, wes.memberships[0].business_id, usd(1000))
    return ana
