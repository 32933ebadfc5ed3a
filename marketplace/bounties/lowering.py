"""A bounty that promises more than a place's law allows: lowered by its business, paused, or read as less."""
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from marketplace.bounties import lifecycle
from marketplace.bounties.drafting import complete, replace_rules, rule_as_typed
from marketplace.bounties.gate import (
    Ruling,
    forbidden_parts,
    is_gated,
    rule_on,
    rule_on_terms,
    rules_in_force,
    strictest,
)
from marketplace.bounties.models import (
    Allowed,
    Bounty,
    BountyState,
    Category,
    For,
    GateRule,
    NonCash,
    RewardKind,
    RewardRule,
    Terms,
)
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.preview import reward_sign
from marketplace.bounties.publishing import FORBIDDEN, resume_when_funded
from marketplace.bounties.rule_words import what_in_words
from marketplace.bounties.rules import THANKS
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.jurisdictions import named_together
from marketplace.identity.models import User


class NothingToLower(Conflict):
    code = "nothing_to_lower"


class NothingAllowed(Conflict):
    code = "nothing_allowed"


def lower_bounty(bounty: Bounty, *, by: User) -> None:
    """New terms without what is forbidden; where thanks are allowed, the referrer gets thanks for what was money.

    Leads that exist keep the terms of their day. NothingToLower, NothingAllowed (409).
    """
    require(may_edit(by, bounty), "lower what this bounty pays")
    if bounty.is_closed:
        raise Conflict("A closed bounty cannot be changed.", next_step="Post a new one.")
    ruling = rule_on_terms(bounty.terms)
    if not forbidden_parts(bounty.terms, ruling):
        raise NothingToLower("All that this bounty pays is allowed where it is sold.", next_step="Publish it.")
    rules = lowered_rules(bounty, ruling)
    if not rules:
        raise NothingAllowed(
            f"Nothing at all may be given for a referral there. {ruling.rule.says if ruling.rule else ''}".strip(),
            next_step="Close this bounty, or say another place if it is sold elsewhere.")
    replace_rules(bounty, rules, by=by.id)
    audit.record("bounty.lowered", bounty.id, by=by.id, rule=ruling.rule.id if ruling.rule else None)
    resume_when_funded(bounty.id)


def lowered_rules(bounty: Bounty, ruling: Ruling) -> list[dict[str, Any]]:
    """What the bounty may pay; empty where that is nothing."""
    kept = [rule_as_typed(part) for part in bounty.terms.rules if not ruling.forbids(part)]
    if ruling.allows is Allowed.THANK_YOU and not any(rule["whom"] is For.REFERRER for rule in kept):
        kept.append(complete({"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU,
                              "words": f"{THANKS} from {bounty.business.name}"}))
    return kept


@dataclass(frozen=True)
class Law:
    """What the gate says of a bounty for one reader. ``lowered``: what the reward would become, "" for nothing."""

    rule: GateRule | None
    is_forbidden: bool
    is_place_unsaid: bool
    lowered: str

    def sign(self, terms: Terms) -> tuple[str, str]:
        """For a sign plate: what this reader would get."""
        if not self.is_forbidden:
            return reward_sign(terms)
        return "Thank-you" if self.lowered else "Nothing", "by the law where you live"


def read_law(bounty: Bounty, home: str) -> Law:
    """``home``: the jurisdiction where the reader lives, as far as it is known."""
    terms = bounty.terms
    ruling = rule_on(terms.category, [terms.jurisdiction, home])
    rules = lowered_rules(bounty, ruling)
    return Law(ruling.rule, bool(forbidden_parts(terms, ruling)),
               not terms.jurisdiction and is_gated(terms.category),
               " and ".join(what_in_words(RewardRule(**rule), terms.currency) for rule in rules))


def less_elsewhere(bounty: Bounty) -> dict[str, str]:
    """What it would become -> the places whose law leaves no more of it; "" for nothing. For who has not said where."""
    found: dict[str, list[str]] = {}
    for rule in rules_in_force(bounty.terms.category):
        law = read_law(bounty, rule.jurisdiction)
        if rule.jurisdiction and law.is_forbidden:
            found.setdefault(law.lowered, []).append(rule.jurisdiction)
    return {left: named_together(places) for left, places in found.items()}


def apply_gate(category: str) -> None:
    """Job, when a rule came into force: live bounties that it forbids pause, and their business is told what to do."""
    live = db.session.scalars(
        select(Bounty).where(Bounty.category == Category(category), Bounty.state == BountyState.LIVE)
        .order_by(Bounty.id)).all()
    rules = rules_in_force(Category(category))
    for bounty in live:
        if forbidden_parts(bounty.terms, strictest(rules, [bounty.terms.jurisdiction])):
            lifecycle.lock(bounty)
            if bounty.state is BountyState.LIVE:
                lifecycle.move(bounty, BountyState.PAUSED, by=audit.SYSTEM, reason=FORBIDDEN)
                bounty.paused_because = FORBIDDEN
                outbox.promise("send_letter", letter="bounty_forbidden", bounty_id=bounty.id)
