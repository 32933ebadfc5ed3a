"""Money's own tests: the real verbs and jobs, a real database, the sandbox; only the news to higher packages is caught."""
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.identity.models import Business, User
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.ledger import check_ledger
from tests.browsing import end_reading
from tests.factories import make_business, make_user
from tests.kept import Keep
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
            "note_funds_left", "return_fee")
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
def keep(keep: Keep, news: News) -> Callable[[str, Callable[[], Any]], Any]:
    """With the news that the building of the world was."""
    def kept(name: str, build: Callable[[], Any]) -> Any:
        said, told = keep(name, lambda: (build(), list(news)))
        news[:] = told
        return said
    return kept


@pytest.fixture
def keep_row(keep: Callable[..., Any], request: pytest.FixtureRequest) -> Callable[[str, Callable[[], Any]], Any]:
    """`keep_row("paid in", build)`: the row that `build` makes, kept for this file's tests, as the database has it."""
    def kept(name: str, build: Callable[[], Any]) -> Any:
        def model_and_id() -> tuple[type, str]:
            row = build()
            return type(row), row.id
        model, row_id = keep(f"{request.module.__name__}: {name}", model_and_id)
        end_reading()
        return db.session.get_one(model, row_id, populate_existing=True)
    return kept


@pytest.fixture
def _people(app: Flask, keep: Callable[..., Any]) -> dict[str, str]:
    """Ids."""
    def make() -> dict[str, str]:
        wes = make_user("Wes Park")
        return {"wes": wes.id, "westside": make_business(wes).id, "ana": make_user("Ana Flores").id}
    return dict(keep("the people of money's tests", make))


@pytest.fixture
def westside(_people: dict[str, str]) -> Business:
    return db.session.get_one(Business, _people["westside"])


@pytest.fixture
def wes(_people: dict[str, str]) -> User:
    return db.session.get_one(User, _people["wes"])


@pytest.fixture
def ana(_people: dict[str, str]) -> User:
    return db.session.get_one(User, _people["ana"])
