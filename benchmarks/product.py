"""The product on a new database, an SQLite file as `make run` starts it or PostgreSQL, for the benchmarks to call."""
import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import create_engine, insert, text
from sqlalchemy.engine import make_url

from marketplace.app import create_app
from marketplace.bounties.models import Bounty, BountyState, Category, For, Happening, RewardKind, RewardRule, Terms
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.models import PLATFORM, AccountKind
from marketplace.settings import Settings
from scripts.processes import ROOT, generated_secrets

REWARD_MINOR, FEE_BPS = 50_000, 500


@contextlib.contextmanager
def product(server: str | None = None) -> Iterator[Flask]:
    """Migrated and empty, with an application context open; on SQLite, or on a PostgreSQL ``server`` (its URL)."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder, _database(server, folder) as url:
        mails = Path(folder) / "mail"
        mails.mkdir()
        app = create_app(Settings.from_env(generated_secrets() | {
            "FINGERPOST_ENV": "development", "DATABASE_URL": url,
            "PUBLIC_URL": "http://localhost", "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_API_BASE": "http://127.0.0.1:9", "MAIL_DIR": str(mails), "FETCH_ALLOW": ""}))
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            yield app
            db.session.remove()
            db.engine.dispose()


@contextlib.contextmanager
def _database(server: str | None, folder: str) -> Iterator[str]:
    if server is None:
        yield f"sqlite:///{folder}/bench.sqlite"
        return
    name = f"bench_{secrets.token_hex(4)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def settle() -> None:
    """After many rows were made: as PostgreSQL's autovacuum, or SQLite's ANALYZE, leaves the tables."""
    db.session.remove()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if db.engine.dialect.name == "sqlite" else "VACUUM ANALYZE")


def make_user(name: str) -> User:
    with transaction():
        user = User(name=name, email=f"{name.lower()}@example.com", password_hash="-", email_confirmed_at=clock.now(),
                    jurisdiction="US-CO")
        db.session.add(user)
    return user


def make_live_bounties(count: int, *, funded_each_minor: int) -> list[str]:
    """By the rows, with one ledger entry for all their funds: the verbs would take minutes for thousands."""
    with transaction():
        business = Business(name="Westside Auto", slug="westside-auto")
        db.session.add(business)
        db.session.flush()
        bounties = [{
            "id": new_id("bounty"), "business_id": business.id, "title": f"Point us at a buyer of kind {number}",
            "offer": "We sell new and used cars in and around San Diego, and we call people back the same day. " * 3,
            "state": BountyState.LIVE, "terms_number": 1, "category": list(Category)[number % len(Category)],
            "place": ("San Diego, US", "Freiburg, DE", "")[number % 3], "currency": "usd",
            "highest_reward": REWARD_MINOR, "published_at": clock.now()} for number in range(count)]
        db.session.execute(insert(Bounty), [{"version": 1, **bounty} for bounty in bounties])
        terms = [{
            "id": new_id("terms"), "bounty_id": bounty["id"], "number": 1,
            "criteria": ["Wants to buy within three months", "Lives nearby"],
            "rule_count": 1, "currency": "usd", "fee_bps": FEE_BPS,
            "hold_days": 30, "protection_days": 90, "consent_days": 14, "evidence_days": 30,
            "category": bounty["category"], "place": bounty["place"]} for bounty in bounties]
        db.session.execute(insert(Terms), terms)
        db.session.execute(insert(RewardRule), [{
            "terms_id": one["id"], "position": 1, "happening": Happening.WON, "whom": For.REFERRER,
            "kind": RewardKind.FLAT, "amount_minor": REWARD_MINOR} for one in terms])
        funds = Money(funded_each_minor, "usd")
        clearing = ledger.account(AccountKind.CLEARING, PLATFORM, "usd")
        ledger.post(
            [(clearing, Money(-funds.minor * count, "usd"))]
            + [(ledger.account(AccountKind.FUNDS, bounty["id"], "usd"), funds) for bounty in bounties],
            kind="funding", reference="benchmark:funds")
    return [bounty["id"] for bounty in bounties]
