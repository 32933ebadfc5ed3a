"""Writing and changing an offer. Terms are never edited: a change makes the next number."""
from typing import Any

from marketplace.bounties.models import Bounty, BountyState, For, Happening, Pick, RewardKind, RewardRule, Terms
from marketplace.bounties.permissions import may_edit, may_post_for
from marketplace.bounties.publishing import pause_if_out_of_funds, refuse_forbidden, resume_when_funded
from marketplace.bounties.queries import was_ever_funded
from marketplace.bounties.rules import highest_reward
from marketplace.bounties.search import keep_findable
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.web import check_version
from marketplace.identity.models import Business, User

PLATFORM_FEE_BPS = 500  # Of the reward, paid by the business on top, shown before funding.
PROMISED = (  # Changing any of these makes new terms; title and offer are only words about them.
    "criteria", "cap_per_referrer_minor", "cap_per_bounty_minor", "cap_per_month_minor", "cause", "currency",
    "hold_days", "protection_days", "consent_days", "evidence_days", "category", "place", "jurisdiction",
    "click_days", "click_pick",
)
USUAL = {"jurisdiction": "", "click_days": 90, "click_pick": Pick.LAST}  # Where nothing was said.
RULE = (
    "happening", "whom", "kind", "amount_minor", "rate_bps", "floor_minor", "cap_minor", "times", "within_months",
    "after_days", "thing", "words",
)


class CurrencyFixed(Conflict):
    code = "currency_fixed"


def draft_bounty(business: Business, *, by: User, title: str, offer: str, **promised: Any) -> Bounty:
    """``promised`` has the fields named in PROMISED, and ``rules``, as BountyInput gives them."""
    require(may_post_for(by, business.id), "post bounties for this business")
    bounty = Bounty(business_id=business.id, business=business, title=title, offer=offer, category=promised["category"],
                    place=promised["place"], currency=promised["currency"], highest_reward=0)
    db.session.add(bounty)
    db.session.flush()
    audit.record("bounty.drafted", bounty.id, by=by.id)
    _set_terms(bounty, promised, by=by.id)
    return bounty


def change_bounty(
    bounty: Bounty, *, by: User, title: str, offer: str, version: int | None = None, **promised: Any
) -> None:
    """Leads that exist keep the terms of their day. StaleForm (409) if someone else changed it first."""
    require(may_edit(by, bounty), "change this bounty")
    check_version(bounty, version)
    if bounty.is_closed:
        raise Conflict("A closed bounty cannot be changed.", next_step="Post a new one.")
    if promised["currency"] != bounty.terms.currency and (
            bounty.state is not BountyState.DRAFT or was_ever_funded(bounty)):
        raise CurrencyFixed(
            "A bounty that was published or funded keeps its currency.",
            next_step="Close it and post one in the other currency.")
    bounty.title, bounty.offer = title, offer
    promised = {**{name: getattr(bounty.terms, name) for name in USUAL}, **promised}  # Who does not say leaves it.
    if _differs(bounty.terms, promised):
        _set_terms(bounty, promised, by=by.id)
        if bounty.state is not BountyState.DRAFT:
            refuse_forbidden(bounty)
        pause_if_out_of_funds(bounty)  # A higher reward may need more than is there, a lower one less.
        resume_when_funded(bounty.id)
    keep_findable(bounty)
    audit.record("bounty.changed", bounty.id, by=by.id, terms=str(bounty.terms_number))


def replace_rules(bounty: Bounty, rules: list[dict[str, Any]], *, by: str) -> None:
    """The next terms, alike but for what they pay."""
    pays_buyer = any(rule["whom"] is For.BUYER and rule["kind"] is not RewardKind.NON_CASH for rule in rules)
    promised = {name: getattr(bounty.terms, name) for name in PROMISED}
    _set_terms(bounty, {**promised, "rules": rules, "cause": promised["cause"] if pays_buyer else None}, by=by)


def rule_as_typed(rule: RewardRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in RULE}


def write_terms(promised: dict[str, Any], **known: Any) -> Terms:
    """Terms with their rules, in the order of a lead's life; not in the session yet."""
    rules = [RewardRule(position=place, **rule) for place, rule in enumerate(in_order(promised["rules"]), start=1)]
    return Terms(fee_bps=PLATFORM_FEE_BPS, rule_count=len(rules), rules=rules, **_plain(promised), **known)


def _plain(promised: dict[str, Any]) -> dict[str, Any]:
    """What is promised beside the rules; of what was not said the usual."""
    return {name: promised.get(name) or USUAL.get(name) if name in USUAL else promised.get(name) for name in PROMISED}


def in_order(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By what happens, the referrer's before the buyer's, money before things: a form sent twice says the same."""
    return sorted((complete(rule) for rule in rules), key=lambda rule: (
        list(Happening).index(rule["happening"]), rule["whom"] is For.BUYER, rule["kind"] is RewardKind.NON_CASH))


def complete(rule: dict[str, Any]) -> dict[str, Any]:
    """With every field of a rule; unsaid, it is for the referrer when the buyer buys."""
    return {**dict.fromkeys(RULE), "happening": Happening.WON, "whom": For.REFERRER, **rule}


def _differs(terms: Terms, promised: dict[str, Any]) -> bool:
    rules = [rule_as_typed(rule) for rule in terms.rules]
    return rules != in_order(promised["rules"]) or any(
        getattr(terms, name) != value for name, value in _plain(promised).items())


def _set_terms(bounty: Bounty, promised: dict[str, Any], *, by: str) -> None:
    number = bounty.terms_number + 1
    terms = write_terms(promised, bounty_id=bounty.id, number=number)
    db.session.add(terms)
    bounty.terms_number = number
    bounty.category, bounty.place, bounty.currency = terms.category, terms.place, terms.currency
    bounty.highest_reward = highest_reward(terms).minor
    db.session.flush()
    db.session.refresh(bounty, ["terms"])
    audit.record("terms.set", bounty.id, by=by, number=number)
