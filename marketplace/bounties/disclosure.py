"""The sentence with which a referrer is open about what they may get, to paste wherever they talk to the buyer."""
from collections.abc import Iterable
from itertools import groupby

from marketplace.bounties.gate import Ruling, rule_on
from marketplace.bounties.models import Allowed, Bounty, For, Happening, NonCash, RewardKind, RewardRule, Terms
from marketplace.bounties.rule_words import what_in_words, when_to_buyer
from marketplace.bounties.rules import highest_reward, most_of, times_at_most
from marketplace.foundation.money import Money, show_money

DECIDES = "You decide whether they hear of you."
MOST_NAMED = 3  # Times at which something is earned: more of them are summed up.
ORDER = list(Happening)


def disclosure_on(bounty: Bounty, *, home: str) -> str:
    """Before pointing, for a referrer who lives at ``home`` (a jurisdiction; "" is not known)."""
    ruling = rule_on(bounty.terms.category, [bounty.terms.jurisdiction, home])
    return disclose(bounty.terms, ruling, bounty.business.name)


def disclose(terms: Terms, ruling: Ruling, business: str, *, is_decided: bool = False) -> str:
    """``I may get $1,000 from Westside Auto through Fingerpost if you buy. You decide whether they hear of you.``

    ``is_decided``: the buyer has said yes, so the second sentence is over.
    """
    mine = sorted((part for part in terms.rules if part.whom is For.REFERRER),
                  key=lambda part: (ORDER.index(part.happening), part.after_days or 0))
    kept = [part for part in mine if not ruling.forbids(part)]
    said = _said(terms, mine, kept, ruling, business)
    return said if is_decided else f"{said} {DECIDES}"


def _said(
    terms: Terms, mine: list[RewardRule], kept: list[RewardRule], ruling: Ruling, business: str
) -> str:
    if not kept and mine and ruling.allows is Allowed.THANK_YOU:
        return f"I am not paid for this: {business} may only thank me, through Fingerpost, {_when(mine[0])}."
    if not kept:
        return f"I get nothing for this, neither from {business} nor from Fingerpost."
    times = [(when, list(parts)) for when, parts in groupby(kept, key=_when)]
    if all(part.thing is NonCash.THANK_YOU for part in kept):
        thanks = "; ".join(f"{_what(parts, terms)} {when}" for when, parts in times)
        return f"I get no money for this: {business} may give me, through Fingerpost, {thanks}."
    if len(times) == 1:
        when, parts = times[0]
        return f"I may get {_what(parts, terms)} from {business} through Fingerpost {when}."
    if len(times) <= MOST_NAMED:
        listed = "; ".join(f"{_what(parts, terms)} {when}" for when, parts in times)
        return f"From {business} I may get, through Fingerpost: {listed}{_at_most(terms, kept)}."
    return f"I may get {_in_all(terms, kept)} from {business} through Fingerpost, the first {times[0][0]}."


def _what(parts: list[RewardRule], terms: Terms) -> str:
    """What is earned at one time. A percentage ends with a comma, for its limits stand between two."""
    said = " and ".join(_one(part, terms.currency) for part in parts)
    return said + ("," if parts[-1].kind is RewardKind.PERCENT else "")


def _one(part: RewardRule, currency: str) -> str:
    if part.thing is NonCash.FAVOUR:
        return f"a favour in return ({part.words})"
    return what_in_words(part, currency)


def _when(part: RewardRule) -> str:
    if part.happening is not Happening.RENEWAL:
        return when_to_buyer(part)
    times = times_at_most(part)
    return "when you first renew" if times == 1 else f"each time you renew, up to {times} times"


def _in_all(terms: Terms, parts: list[RewardRule]) -> str:
    """``up to $1,300 in 4 parts and a thank-you (a cake)``."""
    times = sum(times_at_most(part) for part in parts if not part.thing)
    things = [_one(part, terms.currency) for part in parts if part.thing]
    money = [f"up to {show_money(highest_reward(terms))} in {times} parts"] if times else []
    return " and ".join([*money, *things])


def _at_most(terms: Terms, parts: Iterable[RewardRule]) -> str:
    """Where a cap of the bounty leaves less than the parts add up to."""
    added = Money(sum(most_of(part) * times_at_most(part) for part in parts if not part.thing), terms.currency)
    most = highest_reward(terms)
    return f"; never more than {show_money(most)} in all" if most < added else ""
