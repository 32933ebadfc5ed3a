"""Money's own tests: the real verbs and jobs, a real database, the sandbox; only the news to higher packages is caught."""
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.identity.models import Business, User
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.ledger import check_ledger
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import News
from tests.sandbox_server import SandboxServer


@pytest.fixture
def stripe(app: Flask, sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox, asked without the SDK's own retries, so that each fault reaches us. At the end the books agree."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield sandbox
    sandbox.control.clear_faults()
    end_reading()
    assert check_ledger() == []
    assert {line.currency: line.difference_minor for line in compare_with_stripe() if line.difference_minor} == {}
    app.extensions["gateway"] = before


@pytest.fixture
def news() -> News:
    return []


@pytest.fixture
def jobs(app: Flask, news: News) -> outbox.Jobs:
    def hear(name: str) -> Callable[..., None]:
        return lambda **said: news.append((name, said))

    told = ("note_funding", "note_transfer", "note_reversal", "return_free_funds", "send_letter", "note_bad_day",
            "note_funds_left")
    return {**PAYMENTS_JOBS, **{name: hear(name) for name in told}}


@pytest.fixture
def work(app: Flask, jobs: outbox.Jobs) -> Callable[[], int]:
    """Every payments job that is due, until none is."""
    def run_due() -> int:
        done = 0
        db.session.rollback()
        while outbox.run_next(jobs):
            done += 1
            assert done < 1_000, "jobs promise each other without end"
        end_reading()
        return done
    return run_due


@pytest.fixture
def westside(app: Flask) -> Business:
    return make_business()


@pytest.fixture
def wes(westside: Business) -> User:
    return owner_of(westside)


@pytest.fixture
def ana(app: Flask) -> User:
    return make_user("Ana Flores")
