"""Commands for operators: flask work | seed | make-admin | resume-payee | trial-balance | reconcile | doctor."""
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import requests
from flask import Flask, current_app

from marketplace import seed as demo
from marketplace.foundation import audit, crypto, outbox
from marketplace.foundation.db import db, finish_reading, transaction
from marketplace.foundation.errors import DomainError
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.rota import Rota
from marketplace.identity.admins import make_admin
from marketplace.identity.models import Business
from marketplace.identity.queries import find_user
from marketplace.jobs import JOBS, SCHEDULE
from marketplace.payments import ledger
from marketplace.payments.books import open_items, reconciliation
from marketplace.payments.money_out import bank_accounts
from marketplace.payments.money_out.payees import find_payee
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import PermanentFailure, TemporaryFailure
from marketplace.privacy import rotation
from marketplace.privacy.erasing import find_proofs
from marketplace.tracking.taking_in import Rounds

IDLE_SECONDS = 0.25  # Between two looks when nothing is due, ± half, so that workers do not march in step.


def register(app: Flask) -> None:
    for command in (work, seed, promote, resume_payee, show_trial_balance, reconcile, doctor, rotate_keys, find_yes):
        app.cli.add_command(command)


@click.command("work")
def work() -> None:
    """Do promised jobs as they fall due, until told to stop (SIGTERM or Ctrl-C); the job in hand is finished."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    rota, clicks = Rota(SCHEDULE), Rounds(current_app.extensions["settings"].click_dir)
    while not stopping:
        did_one = False
        try:
            rota.promise_due()
            clicks.go_round()
            did_one = outbox.run_next(JOBS)
        except Exception:  # The database is away for a moment: say so, and look again.
            current_app.logger.exception("the worker could not look for jobs")
        db.session.remove()
        if not did_one and not stopping:
            time.sleep(IDLE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - spreading load, not a secret


@contextmanager
def _said_plainly() -> Iterator[None]:
    """What Stripe did or did not answer is one sentence for an operator, not a traceback."""
    try:
        yield
    except (TemporaryFailure, requests.RequestException) as failure:
        raise click.ClickException(f"Stripe does not answer: {failure}. Nothing is lost; try again.") from failure
    except PermanentFailure as failure:
        raise click.ClickException(f"Stripe refuses: {failure}.") from failure


@click.command("seed")
def seed() -> None:
    """Make the demo people and bounties (development only); nothing is made twice."""
    if current_app.extensions["settings"].production:
        raise click.ClickException("demo data is for development only")
    base = demo.sandbox_base()

    def pay(session_id: str) -> None:
        requests.post(f"{base}/_sandbox/checkout/{session_id}/payments", json={}, timeout=20).raise_for_status()

    with _said_plainly():
        for line in [*demo.plant_demo(pay if base else None), *demo.sign_ins()]:
            click.echo(line)


@click.command("make-admin")
@click.argument("email")
def promote(email: str) -> None:
    """Make a user with this e-mail address an admin. There is no form for it on purpose."""
    try:
        with transaction():
            user = make_admin(email)
    except DomainError as refusal:
        raise click.ClickException(f"{refusal.message} {refusal.next_step}".strip()) from refusal
    click.echo(f"{user.email} is an admin now.")


@click.command("resume-payee")
@click.argument("email")
def resume_payee(email: str) -> None:
    """Send money again to somebody who had said that another person changed their bank account."""
    with transaction():
        user = find_user(email)
        payee = find_payee(user.id) if user else None
        if payee is None or not bank_accounts.is_objected_to(payee):
            raise click.ClickException(f"Nobody with the address {email} has objected to a bank account.")
        bank_accounts.end_objection(payee, by=audit.SYSTEM)
    click.echo("What they are owed goes out again, unless another stop names it.")


@click.command("trial-balance")
def show_trial_balance() -> None:
    """Print the ledger by kind of account and currency. Exit 1 unless it adds up to nothing in each currency."""
    sums: dict[str, int] = {}
    for kind, currency, minor in ledger.trial_balance():
        sums[currency] = sums.get(currency, 0) + minor
        if minor:
            click.echo(f"{kind.replace('_', ' '):<16}{show_money(Money(minor, currency)):>16}")
    for currency, minor in sums.items():
        click.echo(f"{'sum ' + currency:<16}{show_money(Money(minor, currency)):>16}")
    if any(sums.values()):
        raise SystemExit(1)


@click.command("reconcile")
def reconcile() -> None:
    """Read Stripe's movements and compare, per currency and cent. Exit 1 if a cent differs or an item is open.

    What differs is kept as an open item, under its name. Nothing is repaired.
    """
    with _said_plainly():
        with transaction():
            run = reconciliation.begin_by_hand()
        lines = reconciliation.run_to_the_end(run.id).lines or {}
        differences = {currency: reconciliation.FourWays(**line) for currency, line in lines.items()}
    for currency, line in differences.items():
        click.echo(f"{currency.upper()}  ledger {show_money(Money(line.ledger_minor, currency)):>16}"
                   f"  Stripe {show_money(Money(line.stripe_minor, currency)):>16}"
                   f"  difference {show_money(Money(line.difference_minor, currency)):>12}")
    items = db.session.scalars(open_items.open_items()).all()
    for item in items:
        click.echo(f"{item.kind}  {item.subject_id}  {open_items.worth(item)}  since {item.created_at:%Y-%m-%d %H:%M}")
    if items or any(line.difference_minor for line in differences.values()):
        raise SystemExit(1)


@click.command("doctor")
def doctor() -> None:
    """Look at the ledger's invariants, the dead-letter list, Stripe's payouts to us. Exit 1 if something is wrong."""
    faults = [f"ledger: {fault}" for fault in ledger.check_ledger()]
    faults += [f"dead job {message.id}: {message.job} {message.last_error}"
               for message in db.session.scalars(outbox.dead_letters())]
    faults += _payouts_by_themselves()
    for fault in faults:
        click.echo(fault)
    if faults:
        raise SystemExit(1)
    waiting = len(db.session.scalars(outbox.due_now()).all())
    click.echo(f"The ledger is sound, no job is dead, {waiting} due.")


@click.command("find-yes")
@click.argument("email")
def find_yes(email: str) -> None:
    """What this address agreed to, where its data is erased by now: for somebody who says that they never did."""
    for grant in (found := find_proofs(email)):
        business = db.session.get_one(Business, grant.business_id)
        ended = f", taken back {grant.withdrawn_at:%Y-%m-%d %H:%M}" if grant.withdrawn_at else ""
        click.echo(f"{grant.id}  to {business.name}, {grant.purpose}, by {grant.channel}, until {grant.until}, "
                   f"confirmed {grant.confirmed_at:%Y-%m-%d %H:%M}{ended}")
    if not found:
        raise click.ClickException("No yes of this address is kept whose data is erased.")


@click.command("rotate-keys")
@click.option("--check", is_flag=True, help="Only say how many values wait for the newest key.")
def rotate_keys(check: bool) -> None:  # noqa: FBT001 - click's way
    """Encrypt anew, with the newest of ENCRYPTION_KEYS, what older keys encrypted. The site may run meanwhile.

    It may be stopped and begun again. Exit 1 while anything waits, or cannot be read with the keys that are there.
    """
    unreadable = []
    for column in [] if check else rotation.rotate():
        unreadable += [f"{column.column} {row}" for row in column.unreadable]
        if column.changed:
            click.echo(f"{column.column}: {column.changed} encrypted anew")
    old = rotation.count_old()
    for line in [*unreadable, *(f"{name}: {count} still under an older key" for name, count in old.items())]:
        click.echo(line)
    if unreadable or old:
        raise SystemExit(1)
    click.echo(f"Everything is encrypted with {crypto.newest_key()}; older keys may leave ENCRYPTION_KEYS.")


def _payouts_by_themselves() -> list[str]:
    """A payout that Stripe makes to our bank by itself takes the money that is promised to referrers."""
    finish_reading()
    try:
        interval = gateway().read_payout_interval()
    except (TemporaryFailure, PermanentFailure) as failure:
        click.echo(f"Stripe does not say how it pays out to us: {failure}")
        return []
    return [] if interval == "manual" else [
        f"Stripe pays out to our bank automatically ({interval}). Set it to manual: dashboard, Settings, Payouts."]
