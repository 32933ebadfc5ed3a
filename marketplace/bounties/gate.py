"""What the law of a place lets anybody be given for a referral: of the places that count, the strictest decides."""
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import aliased

from marketplace.bounties.models import Allowed, Category, For, GateRule, NonCash, RewardRule, Terms
from marketplace.foundation.db import db
from marketplace.foundation.jurisdictions import covers, name_of

FREEST_FIRST = list(Allowed)
# A rule that was shipped, or that a second admin has reviewed; of each its newest number. Built once: every page asks.
IN_FORCE = or_(GateRule.proposed_by.is_(None), GateRule.reviewed_at.is_not(None))
_NEWER = aliased(GateRule)
ALL_IN_FORCE = select(GateRule).where(IN_FORCE, GateRule.number == (
    select(func.max(_NEWER.number))
    .where(_NEWER.key == GateRule.key, or_(_NEWER.proposed_by.is_(None), _NEWER.reviewed_at.is_not(None)))
    .scalar_subquery()))
_OF_CATEGORY = (
    ALL_IN_FORCE.where(GateRule.category == bindparam("of")).order_by(GateRule.jurisdiction, GateRule.key))


@dataclass(frozen=True)
class Ruling:
    """The most that may be given, and the rule that says so; no rule where nothing is forbidden."""

    allows: Allowed = Allowed.CASH
    rule: GateRule | None = None

    def forbids(self, part: RewardRule) -> bool:
        """Whether this part of a reward goes beyond what may be given."""
        if part.whom is For.BUYER and (self.rule is None or not self.rule.binds_buyer):
            return False
        return FREEST_FIRST.index(worth(part)) < FREEST_FIRST.index(self.allows)


FREE = Ruling()


def rule_on(category: Category, jurisdictions: Iterable[str]) -> Ruling:
    """``jurisdictions`` of business, referrer and buyer, as far as they are known ("" is not)."""
    return strictest(rules_in_force(category), jurisdictions)


def rule_on_terms(terms: Terms) -> Ruling:
    """What the law says where it is sold, whoever points and buys."""
    return rule_on(terms.category, [terms.jurisdiction])


def strictest(rules: Iterable[GateRule], jurisdictions: Iterable[str]) -> Ruling:
    """Of the rules of one category, that which binds these places most."""
    places = {place for place in jurisdictions if place}
    binding = [rule for rule in rules
               if not rule.jurisdiction or any(covers(rule.jurisdiction, place) for place in places)]
    return stricter(*(Ruling(rule.allows, rule) for rule in binding))


def stricter(*rulings: Ruling) -> Ruling:
    return max(rulings, key=lambda ruling: FREEST_FIRST.index(ruling.allows), default=FREE)


def rules_in_force(category: Category) -> list[GateRule]:
    return list(db.session.scalars(_OF_CATEGORY, {"of": category}))


def is_gated(category: Category) -> bool:
    """Whether any place's law is known to say less than money: then the place must be known."""
    return any(rule.allows is not Allowed.CASH for rule in rules_in_force(category))


def forbidden_parts(terms: Terms, ruling: Ruling) -> list[RewardRule]:
    return [part for part in terms.rules if ruling.forbids(part)]


def worth(part: RewardRule) -> Allowed:
    """What a law would call it: thanks have no value; money, credit and a favour have."""
    return Allowed.THANK_YOU if part.thing is NonCash.THANK_YOU else Allowed.CASH


def place_in_words(rule: GateRule) -> str:
    return name_of(rule.jurisdiction) if rule.jurisdiction else "Everywhere"
