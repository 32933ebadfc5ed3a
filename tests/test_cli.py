"""Commands for operators, as they are typed."""
import os
import signal
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from marketplace import cli
from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.publishing import OUT_OF_FUNDS
from marketplace.foundation import outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business, User
from marketplace.payments.books.reconciliation import FourWays
from marketplace.payments.models import Funding, Reconciliation
from marketplace.seed import ADMINS, ANA, OFFERS, PASSWORD, PEOPLE
from tests import factories as make
from tests.browsing import end_reading


@pytest.fixture
def flask(app: Flask) -> Callable[..., Result]:
    """`flask("make-admin", "ana@example.com")`: the command's output and exit code; an unforeseen error fails the test."""
    def run(*words: str) -> Result:
        end_reading()
        done = app.test_cli_runner().invoke(args=list(words))
        end_reading()
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done
    return run


def how_many(model: type) -> int:
    end_reading()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_an_admin_is_made_by_command_with_a_record_of_it(flask):
    user = make.make_user("Mona Lind", email="mona@example.com")
    said = flask("make-admin", "  Mona@Example.com ")
    assert said.exit_code == 0 and said.output == "mona@example.com is an admin now.\n"
    assert db.session.get_one(User, user.id).is_admin
    assert "user.made_admin" in {e.action for e in db.session.scalars(select(AuditEvent).where(AuditEvent.subject_id == user.id))}
    assert flask("make-admin", "mona@example.com").exit_code == 0  # Twice is once.


def test_nobody_is_made_admin_by_a_mistyped_address(flask):
    said = flask("make-admin", "nobody@example.com")
    assert said.exit_code == 1 and said.output.startswith("Error: ") and "Traceback" not in said.output


def test_the_trial_balance_adds_up(flask):
    assert flask("trial-balance").exit_code == 0
    make.fund_bounty(make.make_bounty(), leads=2)
    said = flask("trial-balance")
    assert said.exit_code == 0
    assert [line.split() for line in said.output.splitlines()] == [
        ["clearing", "-$2,100"], ["funds", "$2,100"], ["sum", "usd", "$0"]]


def test_the_ledger_is_compared_with_stripe(flask, stripe_sandbox, later):
    assert flask("reconcile").exit_code == 0
    make.fund_bounty(make.make_bounty())  # Never paid at Stripe.
    said = flask("reconcile")
    assert said.exit_code == 1
    assert said.output.split() == ["USD", "ledger", "$1,050", "Stripe", "$0", "difference", "-$1,050"]
    later(hours=2)  # Until then it may be on its way.
    assert "movement_missing" in flask("reconcile").output and "Stripe has $1,050 less than we count on" in flask("reconcile").output


def test_where_stripe_does_not_answer_it_is_said_in_a_sentence(flask, settings_env, app, monkeypatch):
    from marketplace.payments.stripe_gateway import make_gateway  # noqa: PLC0415

    monkeypatch.setitem(app.extensions, "gateway", make_gateway("sk_test_x", api_base="http://127.0.0.1:1", network_retries=0))
    for command in ("reconcile", "seed"):
        said = flask(command)
        assert said.exit_code == 1 and said.output.startswith("Error: Stripe does not answer"), said.output


def test_the_doctor_finds_a_dead_job(flask, app, stripe_sandbox):
    with transaction():
        outbox.promise("send_letter", letter="lead_expired", lead_id="lead_x")
    said = flask("doctor")
    assert said.exit_code == 0 and said.output == "The ledger is sound, no job is dead, 1 due.\n"
    with transaction():
        dead = db.session.scalars(select(outbox.OutboxMessage)).one()
        dead.dead_at, dead.last_error = dead.due_at, "ValueError: no such lead"
    said = flask("doctor")
    assert said.exit_code == 1 and said.output == f"dead job {dead.id}: send_letter ValueError: no such lead\n"


def test_the_doctor_finds_payouts_that_stripe_makes_by_itself_and_says_when_stripe_is_silent(flask, app, stripe_sandbox, monkeypatch):
    assert flask("doctor").exit_code == 0
    stripe_sandbox.control.schedule_payouts(interval="daily")
    said = flask("doctor")
    assert said.exit_code == 1 and "pays out to our bank automatically (daily)" in said.output
    from marketplace.payments.stripe_gateway import make_gateway  # noqa: PLC0415

    monkeypatch.setitem(app.extensions, "gateway", make_gateway("sk_test_x", api_base="http://127.0.0.1:1", network_retries=0))
    said = flask("doctor")
    assert said.exit_code == 0 and said.output.startswith("Stripe does not say how it pays out to us")


def test_the_worker_does_what_is_due_and_stops_when_told(flask, app, mailbox, monkeypatch):
    bounty = make.make_bounty()
    address = make.owner_of(bounty.business).email
    with transaction():
        db.session.get_one(Bounty, bounty.id).paused_because = OUT_OF_FUNDS
        outbox.promise("send_letter", letter="bounty_out_of_funds", bounty_id=bounty.id)
    told_to_stop = []

    def when_idle(seconds: float) -> None:
        told_to_stop.append(seconds)
        os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(cli, "SCHEDULE", {})  # What comes round asks Stripe, and nobody answers here.
    monkeypatch.setattr(cli, "time", SimpleNamespace(sleep=when_idle))  # The library's own belongs to every thread.
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert flask("work").exit_code == 0
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert len(told_to_stop) == 1 and len(mailbox.to(address)) == 1


def test_the_demo_is_planted_once_and_pays_its_bounties_at_the_sandbox(flask, stripe_sandbox, work):
    said = flask("seed")
    assert said.exit_code == 0 and f"{len(PEOPLE)} people, {len(OFFERS)} businesses with a funded bounty each" in said.output
    assert PASSWORD in said.output and ANA in said.output
    assert [b.state for b in db.session.scalars(select(Bounty))] == [BountyState.LIVE] * len(OFFERS)
    assert {user.email for user in db.session.scalars(select(User).where(User.is_admin))} == set(ADMINS)
    [run] = db.session.scalars(select(Reconciliation))  # Of the seed itself: the worker's own had met half of it.
    assert {currency: (one["stripe_minor"] > 0, FourWays(**one).difference_minor) for currency, one in run.lines.items()} == {
        "eur": (True, 0), "usd": (True, 0)}
    stripe_sandbox.deliver_webhooks()
    work()
    assert flask("reconcile").exit_code == flask("trial-balance").exit_code == flask("doctor").exit_code == 0
    counted = [how_many(model) for model in (User, Business, Bounty, Funding)]
    again = flask("seed")
    assert again.exit_code == 0 and "made" not in again.output and ANA in again.output
    assert [how_many(model) for model in (User, Business, Bounty, Funding)] == counted


def test_a_seed_that_broke_off_is_taken_up_again(flask, stripe_sandbox, monkeypatch):
    from marketplace import seed  # noqa: PLC0415

    def break_off(offer: seed.Offer, *rest: object) -> None:
        if offer.business == OFFERS[1].business:
            raise KeyboardInterrupt
        whole(offer, *rest)
    whole = seed._fund_and_publish
    monkeypatch.setattr(seed, "_fund_and_publish", break_off)
    assert flask("seed").exit_code == 1  # Ctrl-C
    monkeypatch.setattr(seed, "_fund_and_publish", whole)
    assert f"{len(OFFERS) - 1} businesses with a funded bounty" in flask("seed").output
    assert how_many(Business) == how_many(Bounty) == how_many(Funding) == len(OFFERS)
    assert [b.state for b in db.session.scalars(select(Bounty))] == [BountyState.LIVE] * len(OFFERS)


def test_what_people_did_with_the_demo_is_left_alone(flask, stripe_sandbox):
    flask("seed")
    westside = db.session.scalars(select(Bounty).join(Business).where(Business.name == "Westside Auto")).one()
    with transaction():
        westside.title, westside.business.name = "Vans wanted", "Westside Vans"
    assert "made" not in flask("seed").output
    assert how_many(Bounty) == how_many(Business) == len(OFFERS)


def test_with_a_stripe_key_of_ones_own_the_bounties_stay_drafts(flask, app, monkeypatch):
    import dataclasses  # noqa: PLC0415

    monkeypatch.setitem(app.extensions, "settings", dataclasses.replace(app.extensions["settings"], stripe_api_base=None))
    assert "With your own Stripe key, fund and publish the bounties by hand." in flask("seed").output
    assert {b.state for b in db.session.scalars(select(Bounty))} == {BountyState.DRAFT}
    assert "drafts" not in flask("seed").output


def test_production_takes_no_demo_data(flask, app, monkeypatch):
    import dataclasses  # noqa: PLC0415

    monkeypatch.setitem(app.extensions, "settings", dataclasses.replace(app.extensions["settings"], production=True))
    said = flask("seed")
    assert said.exit_code == 1 and "development only" in said.output and how_many(User) == 0
