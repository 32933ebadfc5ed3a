"""A small market on the real application: people, businesses, bounties; every act is a verb in a transaction or a job.

Stripe is the sandbox, reached over HTTP through the product's own gateway; its webhooks come in through the product's own door.
"""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask

from marketplace.bounties.drafting import draft_bounty
from marketplace.bounties.models import Bounty, Category, RewardKind
from marketplace.foundation import clock as product_clock
from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError
from marketplace.foundation.limits import limiter
from marketplace.foundation.money import Money
from marketplace.identity.businesses import found_business
from marketplace.identity.models import Business, User
from marketplace.jobs import JOBS
from marketplace.payments.models import Funding, FundingState
from marketplace.payments.money_in import funding
from marketplace.referrals.desk.telling import tell_now
from marketplace.referrals.models import Lead
from tests.browsing import apart, end_reading
from tests.database import WayBack
from tests.moving_clock import MovingClock
from tests.properties.facts import Looking
from tests.sandbox_server import SandboxServer

T = TypeVar("T")
UNTIL_THE_JOB = timedelta(seconds=21)  # Pages ask Stripe themselves; their jobs come twenty seconds later.
OK = "ok"


class Market:
    """Starts empty; people are rows, so that nothing is spent on passwords."""

    def __init__(self, app: Flask, sandbox: SandboxServer, clock: MovingClock, empty: WayBack) -> None:
        self.app, self.sandbox, self.clock, self._empty = app, sandbox, clock, empty
        self._serial = count(1)
        self.looking = Looking(sandbox)

    def begin(self) -> None:
        end_reading()
        db.session.remove()
        self._empty()
        self.looking.forget()
        for mail in Path(self.app.extensions["settings"].mail_dir).iterdir():
            mail.unlink()
        limiter.reset()  # It goes by real time, and a life of months passes in a second.
        self.sandbox.reset()
        self.sandbox.deliver_to_app(apart(self.app))
        # The same life again must meet the same moments, or Hypothesis calls it flaky.
        self.clock.moved, self.clock._looks = timedelta(0), count()

    @contextmanager
    def quick_gateway(self) -> Iterator[None]:
        """The SDK's own retries sleep; here the job's next attempt does their work."""
        usual = self.app.extensions["gateway"]
        self.app.extensions["gateway"] = self.sandbox.gateway()
        try:
            with self.looking:
                yield
        finally:
            self.app.extensions["gateway"] = usual

    # ---- people and bounties -------------------------------------------------------------------------------------

    def make_person(self, name: str, *, is_admin: bool = False) -> str:
        number = next(self._serial)
        with transaction():
            user = User(name=name, email=f"person{number}@example.com", password_hash="-", is_admin=is_admin,
                        email_confirmed_at=product_clock.now())
            db.session.add(user)
            db.session.flush()
            return user.id

    def make_business(self, owner_id: str, name: str) -> str:
        with transaction():
            return found_business(name, by=person(owner_id)).id

    def draft(self, business_id: str, *, by: str, **promised: Any) -> str:
        with transaction():
            return draft_bounty(
                db.session.get_one(Business, business_id), by=person(by), title="Introduce a buyer to us",
                offer="We sell what people like to buy.", **terms_of(**promised)).id

    # ---- time, jobs and Stripe -----------------------------------------------------------------------------------

    def now(self) -> float:
        return (self.clock.start + self.clock.moved).timestamp()

    def pass_time(self, **delta: float) -> None:
        self.clock.move(timedelta(**delta))

    def work(self) -> int:
        """Every job that is due, as the worker does them."""
        done = 0
        end_reading()
        while outbox.run_next(JOBS):
            done += 1
            assert done < 3_000, "jobs promise each other without end"
        end_reading()
        return done

    def ask_funding(self, bounty_id: str, business_id: str, minor: int, currency: str, *, by: str) -> str:
        with transaction():
            return funding.request_funding(business_id, bounty_id, Money(minor, currency), by=person(by)).id

    def pay(self, funding_id: str) -> bool:
        """What the payer does on Stripe's page, if there is one."""
        row = db.session.get_one(Funding, funding_id)
        state, session_id = row.state, row.checkout_session_id
        end_reading()
        if state is not FundingState.OPEN or session_id is None:
            return False
        try:
            self.sandbox.control.pay_checkout(session_id)
        except Exception:  # The page has expired meanwhile.
            return False
        return True

    def fund(self, bounty_id: str, business_id: str, minor: int, currency: str, *, by: str) -> str:
        """Ask, pay, be told by Stripe: the whole of it."""
        funding_id = self.ask_funding(bounty_id, business_id, minor, currency, by=by)
        self.pass_time(seconds=UNTIL_THE_JOB.total_seconds())
        self.work()
        assert self.pay(funding_id)
        self.sandbox.deliver_webhooks()
        self.work()
        return funding_id


def person(user_id: str) -> User:
    return db.session.get_one(User, user_id)


def bounty_row(bounty_id: str) -> Bounty:
    return db.session.get_one(Bounty, bounty_id)


def decide(verb: Callable[..., None], lead: Lead, *, by: User, **said: Any) -> None:
    """An admin's decision that is told at once: nobody waits whether it is undone."""
    verb(lead, by=by, **said)
    tell_now(lead, by=by)


def attempt(verb: Callable[[], object]) -> str:
    """``ok``, or the code of the refusal; in a transaction of its own, as a route would."""
    try:
        with transaction():
            verb()
    except DomainError as refusal:
        return refusal.code
    finally:
        end_reading()
    return OK


def terms_of(
    *, currency: str, flat: int | None = None, bps: int | None = None, cap: int | None = None, hold_days: int = 30,
    category: Category = Category.OTHER,
) -> dict[str, Any]:
    return {
        "criteria": ["Wants to buy"], "currency": currency,
        "rules": [{"kind": RewardKind.FLAT, "amount_minor": flat} if flat else
                  {"kind": RewardKind.PERCENT, "rate_bps": bps, "cap_minor": cap}],
        "hold_days": hold_days, "protection_days": 90, "consent_days": 14, "evidence_days": 30,
        "category": category, "place": "",
    }
