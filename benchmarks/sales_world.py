"""Businesses with leads that are about to be won, made by the rows: the verbs would take minutes for thousands."""
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert

from marketplace.bounties.models import Bounty, BountyState, Category, For, Happening, RewardKind, RewardRule, Terms
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, MemberRole, Membership, User
from marketplace.payments import ledger
from marketplace.payments.ledger import Movement
from marketplace.payments.models import AccountKind
from marketplace.referrals.models import (
    Acquaintance,
    Buyer,
    Consent,
    Evidence,
    EvidenceState,
    Lead,
    Moderation,
    Stage,
)

REWARD, WITH_FEE = 50_000, 52_500
FUNDS = Money(90_000_000, "usd")
A_TIME = 500  # Rows a transaction: little memory, and the file's log stays short.


@dataclass(frozen=True)
class Shop:
    """A business with one bounty of one flat reward, and who works its leads."""

    business_id: str
    owner_id: str
    bounty_id: str
    terms_id: str
    referrer_id: str


def make_shops(count: int) -> list[Shop]:
    """Live and funded. Sales wait for no return period here, so that a reward may be released at once."""
    shops = [Shop(new_id("biz"), new_id("user"), new_id("bounty"), new_id("terms"), new_id("user"))
             for _ in range(count)]
    for start in range(0, count, A_TIME):
        with transaction():
            _insert_shops(shops[start:start + A_TIME])
        db.session.remove()
    return shops


def _insert_shops(shops: list[Shop]) -> None:
    now = clock.now()
    db.session.execute(insert(User), [
        {"id": one, "name": "Someone", "email": f"{one}@example.com", "password_hash": "-", "email_confirmed_at": now}
        for shop in shops for one in (shop.owner_id, shop.referrer_id)])
    db.session.execute(insert(Business), [
        {"id": shop.business_id, "name": "Westside Auto", "slug": shop.business_id} for shop in shops])
    db.session.execute(insert(Membership), [
        {"business_id": shop.business_id, "user_id": shop.owner_id, "role": MemberRole.OWNER} for shop in shops])
    db.session.execute(insert(Bounty), [
        {"id": shop.bounty_id, "business_id": shop.business_id, "title": "Point us at a buyer", "version": 1,
         "offer": "We sell new and used cars, and we call people back the same day.", "state": BountyState.LIVE,
         "terms_number": 1, "category": Category.CARS, "place": "", "currency": "usd", "highest_reward": REWARD,
         "published_at": now} for shop in shops])
    db.session.execute(insert(Terms), [
        {"id": shop.terms_id, "bounty_id": shop.bounty_id, "number": 1, "criteria": ["Wants to buy soon"],
         "rule_count": 1, "currency": "usd", "fee_bps": 500, "hold_days": 0, "protection_days": 90,
         "consent_days": 14, "evidence_days": 30, "category": Category.CARS, "place": ""} for shop in shops])
    db.session.execute(insert(RewardRule), [
        {"terms_id": shop.terms_id, "position": 1, "happening": Happening.WON, "whom": For.REFERRER,
         "kind": RewardKind.FLAT, "amount_minor": REWARD} for shop in shops])
    clearing = ledger.clearing("usd")
    funds = ledger.accounts(AccountKind.FUNDS, {shop.bounty_id: "usd" for shop in shops})
    ledger.post_many([
        Movement("funding", f"{shop.bounty_id}:funds", [(clearing, -FUNDS), (funds[shop.bounty_id], FUNDS)])
        for shop in shops])


def make_leads(shops: list[Shop], count: int) -> list[tuple[Shop, str]]:
    """``count`` leads, dealt to the shops in turn: accepted, the buyer said yes, their money is reserved."""
    leads = [(shops[number % len(shops)], new_id("lead")) for number in range(count)]
    for start in range(0, count, A_TIME):
        with transaction():
            _insert_leads(leads[start:start + A_TIME])
        db.session.remove()
    return leads


def _insert_leads(leads: list[tuple[Shop, str]]) -> None:
    now = clock.now()
    buyers = {lead_id: new_id("buyer") for _, lead_id in leads}
    db.session.execute(insert(Buyer), [{"id": one} for one in buyers.values()])
    db.session.execute(insert(Lead), [
        {"id": lead_id, "bounty_id": shop.bounty_id, "terms_id": shop.terms_id, "business_id": shop.business_id,
         "referrer_id": shop.referrer_id, "buyer_id": buyers[lead_id], "moderation": Moderation.ACCEPTED,
         "consent": Consent.GRANTED, "stage": Stage.NEGOTIATION, "acquaintance": Acquaintance.ONLINE,
         "how_known": "I have read this blog for years.", "submitted_at": now, "accepted_at": now,
         "protected_until": now + timedelta(days=90), "version": 1} for shop, lead_id in leads])
    db.session.execute(insert(Evidence), [
        {"lead_id": lead_id, "state": EvidenceState.CAPTURED, "quote": "I am in the market for a car.", "version": 1}
        for _, lead_id in leads])
    clearing, amount = ledger.clearing("usd"), Money(WITH_FEE, "usd")
    kept = ledger.accounts(AccountKind.RESERVED, {lead_id: "usd" for _, lead_id in leads})
    ledger.post_many([Movement("reserve", f"{lead_id}:reserved", [(clearing, -amount), (kept[lead_id], amount)])
                      for _, lead_id in leads])
