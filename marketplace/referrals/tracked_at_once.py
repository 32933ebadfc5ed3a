"""Many customers who came by a link and bought, each new: lead, sale, reward and postings of all of them at once.

What ``open_tracked_lead`` and ``sell`` make one by one, in a handful of statements however many there are. For the
plain case alone: terms that pay one sale in money, without caps, where no law and no doubt stands between; all others
go the way of every day. The sums are those of ``bounties/rules.py``; a test holds that both ways write the same.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from marketplace.bounties.gate import Ruling, rule_on
from marketplace.bounties.models import Bounty, For, Happening, Terms
from marketplace.bounties.publishing import pause_if_out_of_funds
from marketplace.bounties.rules import Event, RewardPreview, price, worst_case
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, rows_of
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.disputes.queries import suspicions_about
from marketplace.payments.ledger import Movement
from marketplace.payments.models import AccountKind
from marketplace.payments.money_in.funds import free_funds
from marketplace.referrals.legal_clocks import BY_BUSINESS
from marketplace.referrals.models import (
    Acquaintance,
    Buyer,
    Consent,
    Conversion,
    ConversionKind,
    ConversionSource,
    ConversionState,
    Evidence,
    EvidenceState,
    Lead,
    LeadSource,
    Moderation,
    Reward,
    RewardState,
    Stage,
)

BUYERS, LEADS, EVIDENCE, CONVERSIONS, REWARDS = (
    insert(rows_of(model)) for model in (Buyer, Lead, Evidence, Conversion, Reward))


@dataclass(frozen=True)
class Came:
    """A customer of whom nothing is known yet, and what they bought."""

    bounty: Bounty
    referrer: User
    source: LeadSource
    name: str
    email_hash: str | None
    touched_at: datetime
    amount: Money
    occurred_on: date
    sold_by: ConversionSource
    external_id: str


@dataclass(frozen=True)
class Sold:
    lead_id: str
    conversion_id: str
    reward: dict[str, Any] | None  # Its columns.


class PlainBounty:
    """What is the same for all who come to one bounty by one referrer: whether it is plain, and what is free."""

    def __init__(self, bounty: Bounty, referrer: User) -> None:
        self.terms: Terms = bounty.terms
        self.ruling: Ruling = rule_on(self.terms.category, [self.terms.jurisdiction, referrer.jurisdiction])
        self.most = worst_case(self.terms)
        self.is_plain = (
            not (self.terms.cap_per_referrer_minor or self.terms.cap_per_bounty_minor or self.terms.cap_per_month_minor)
            and all(rule.happening is Happening.WON and rule.whom is For.REFERRER and rule.thing is None
                    and not self.ruling.forbids(rule) for rule in self.terms.rules)
            and not suspicions_about(bounty.id))
        self._priced: dict[Money, RewardPreview] = {}

    def price(self, amount: Money) -> RewardPreview:
        if amount not in self._priced:
            self._priced[amount] = price(self.terms, Event(Happening.WON, amount), None, self.ruling)
        return self._priced[amount]


def free_of(bounty: Bounty) -> Money:
    """The caller holds the lock of the bounty's funds."""
    return free_funds(bounty.id, bounty.currency)


def sell_at_once(
    sales: Sequence[tuple[Came, RewardPreview, Ruling]], *, left: Mapping[str, Money], by: str
) -> list[Sold]:
    """In the order given. The caller holds the funds' locks, has seen that they suffice, and says what is ``left``."""
    now = clock.now()
    ids = [(new_id("lead"), new_id("buyer"), new_id("conversion"), new_id("reward")) for _ in sales]
    rows: dict[Any, list[dict[str, Any]]] = {one: [] for one in (BUYERS, LEADS, EVIDENCE, CONVERSIONS, REWARDS)}
    made = []
    for (came, preview, ruling), (lead_id, buyer_id, conversion_id, reward_id) in zip(sales, ids, strict=True):
        rows[BUYERS].append(_buyer(came, buyer_id, now))
        rows[LEADS].append(_lead(came, ruling, lead_id, buyer_id, now))
        rows[EVIDENCE].append(_evidence(came, lead_id, now))
        rows[CONVERSIONS].append(_conversion(came, preview, lead_id, conversion_id, now))
        reward = _reward(came, preview, (lead_id, conversion_id, reward_id), now) if preview.reward.minor else None
        rows[REWARDS] += [reward] if reward else []
        made.append(Sold(lead_id, conversion_id, reward))
        _tell(came, preview, made[-1], by=by)
    db.session.flush()
    connection = db.session.connection()
    for statement, some in rows.items():
        if some:
            connection.execute(statement, some)
    _post(sales, made)
    for bounty in {came.bounty.id: came.bounty for came, _, _ in sales}.values():
        if left[bounty.id] < worst_case(bounty.terms):
            pause_if_out_of_funds(bounty)
    return made


def _buyer(came: Came, buyer_id: str, now: datetime) -> dict[str, Any]:
    return {"id": buyer_id, "email_hash": came.email_hash, "told_at": now, "told_how": BY_BUSINESS, "created_at": now}


def _lead(came: Came, ruling: Ruling, lead_id: str, buyer_id: str, now: datetime) -> dict[str, Any]:
    terms = came.bounty.terms
    return {
        "id": lead_id, "bounty_id": came.bounty.id, "terms_id": terms.id, "business_id": came.bounty.business_id,
        "referrer_id": came.referrer.id, "buyer_id": buyer_id, "source": came.source, "moderation": Moderation.ACCEPTED,
        "consent": Consent.UNKNOWN, "stage": Stage.WON, "acquaintance": Acquaintance.NONE, "how_known": "",
        "buyer_hash": came.email_hash, "buyer_jurisdiction": "", "allowed": ruling.allows,
        "gate_rule_id": ruling.rule.id if ruling.rule else None, "submitted_at": came.touched_at, "decided_at": now,
        "decided_by": audit.SYSTEM, "accepted_at": came.touched_at,
        "protected_until": now + timedelta(days=terms.protection_days), "is_held": False, "created_at": now,
        "version": 1}


def _evidence(came: Came, lead_id: str, now: datetime) -> dict[str, Any]:
    return {"id": new_id("evidence"), "lead_id": lead_id, "state": EvidenceState.GIVEN,
            "quote": f"Came by the {came.source} {came.name} on {day_in_words(came.touched_at)}.", "created_at": now,
            "version": 1}


def _conversion(
    came: Came, preview: RewardPreview, lead_id: str, conversion_id: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": conversion_id, "business_id": came.bounty.business_id, "bounty_id": came.bounty.id, "lead_id": lead_id,
        "kind": ConversionKind.SALE, "number": 1, "source": came.sold_by, "external_id": came.external_id,
        "amount_minor": came.amount.minor, "currency": came.amount.currency, "occurred_on": came.occurred_on,
        "refunded_minor": 0, "state": ConversionState.APPROVED, "created_at": now, "version": 1, "payload": {
            "amount_minor": came.amount.minor, "currency": came.amount.currency, "order_number": came.external_id,
            "lines": [[words, part.minor if part else None] for words, part in preview.lines]}}


def _reward(came: Came, preview: RewardPreview, ids: tuple[str, str, str], now: datetime) -> dict[str, Any]:
    lead_id, conversion_id, reward_id = ids
    return {
        "id": reward_id, "conversion_id": conversion_id, "lead_id": lead_id, "bounty_id": came.bounty.id,
        "business_id": came.bounty.business_id, "part": ConversionKind.SALE, "number": 1, "whom": For.REFERRER,
        "beneficiary_id": came.referrer.id, "amount_minor": preview.reward.minor, "fee_minor": preview.fee.minor,
        "currency": preview.reward.currency, "state": RewardState.PENDING,
        "release_at": now + timedelta(days=came.bounty.terms.hold_days), "created_at": now, "version": 1}


def _tell(came: Came, preview: RewardPreview, sold: Sold, *, by: str) -> None:
    """The trail and the promises of one of them."""
    cost = preview.reward + preview.fee
    audit.record("lead.came", sold.lead_id, by=by, through=came.source)
    if cost.minor:
        audit.record("funds.reserved", sold.lead_id, by=audit.SYSTEM, bounty=came.bounty.id, amount_minor=cost.minor,
                     currency=cost.currency)
    audit.record("stage.won", sold.lead_id, by=by, was=Stage.NEW)
    audit.record("conversion.approved", sold.conversion_id, by=by, kind=ConversionKind.SALE, source=came.sold_by,
                 number=1)
    if sold.reward is not None:
        audit.record("reward.pending", sold.reward["id"], by=by, conversion=sold.conversion_id)
        outbox.promise("release_reward", after=timedelta(days=came.bounty.terms.hold_days), reward_id=sold.reward["id"])
        outbox.promise("send_letter", letter="reward_earned", reward_id=sold.reward["id"])
        outbox.promise("look_at_rewards", conversion_id=sold.conversion_id)


def _post(sales: Sequence[tuple[Came, RewardPreview, Ruling]], made: Sequence[Sold]) -> None:
    """funds -> reserved -> held, each an entry of its own, as for any other lead."""
    paid = [(came, preview, sold, sold.reward["id"]) for (came, preview, _), sold in zip(sales, made, strict=True)
            if sold.reward is not None]
    if not paid:
        return
    currency = {came.bounty.id: came.bounty.currency for came, _, _, _ in paid}
    funds = ledger.accounts(AccountKind.FUNDS, currency)
    opened = ledger.open_accounts(*(
        (kind, owner, currency[came.bounty.id]) for came, _, one, reward_id in paid
        for kind, owner in ((AccountKind.RESERVED, one.lead_id), (AccountKind.HELD, reward_id))))
    movements = []
    for came, preview, sold, reward_id in paid:
        cost, own = preview.reward + preview.fee, opened[sold.lead_id]
        movements += [
            Movement("reserve", f"{sold.lead_id}:reserved:1", [(funds[came.bounty.id], -cost), (own, cost)]),
            Movement("reward_earned", f"{reward_id}:earned", [(own, -cost), (opened[reward_id], cost)])]
    ledger.post_many(movements, are_new=True)
