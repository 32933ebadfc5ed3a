"""The product on an SQLite file of its own, as `make run` starts it, for the benchmarks to call."""
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import insert

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
def product() -> Iterator[Flask]:
    """Migrated and empty, with an application context open."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        mails = Path(folder) / "mail"
        mails.mkdir()
        app = create_app(Settings.from_env(generated_secrets() | {
            "FINGERPOST_ENV": "development", "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite",
            "PUBLIC_URL": "http://localhost", "STRIPE_SECRET_KEY": "sk_test_sandbox",
            "STRIPE_API_BASE": "http://127.0.0.1:9", "MAIL_DIR": str(mails), "FETCH_ALLOW": ""}))
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            yield app
            db.session.remove()
            db.engine.dispose()


def make_user(name: str) -> User:
    with transaction():
        user = User(name=name, email=f"{name.lower()}@example.com", password_hash="-", email_confirmed_at=clock.now())
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
