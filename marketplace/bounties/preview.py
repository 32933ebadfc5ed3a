"""What would I earn? The terms' rewards as a reader meets them: the whole way, the sign, the plain words."""
from dataclasses import dataclass

from marketplace.bounties.models import For, Happening, RewardKind, RewardRule, Terms
from marketplace.bounties.rule_words import THINGS, limits_in_words, percent_text, what_in_words, when_in_words
from marketplace.bounties.rules import Earned, Event, RewardPreview, highest_reward, price, times_at_most
from marketplace.foundation.money import Money, show_money, zero

MONTHS_BETWEEN = 1  # Renewals are previewed one a month, as often as terms can pay them.


@dataclass(frozen=True)
class Step:
    """One event on a lead's way and what it earns; ``title`` says when."""

    title: str
    preview: RewardPreview


@dataclass(frozen=True)
class Way:
    """A lead that goes all the way. Sums are of money alone."""

    steps: tuple[Step, ...]
    reward: Money
    buyer_share: Money
    fee: Money


def preview_way(terms: Terms, sale: Money, *, renewals: int = 0) -> Way:
    """Qualified, sold for ``sale``, renewed so often at that price, the days after it gone by. Caps count all of it."""
    promised = {rule.happening for rule in terms.rules}
    events = [Event(happening, sale if happening is not Happening.QUALIFIED else None)
              for happening in (Happening.QUALIFIED, Happening.WON, Happening.LATER) if happening in promised]
    if Happening.RENEWAL in promised:
        events += [Event(Happening.RENEWAL, sale, number, number * MONTHS_BETWEEN) for number in range(1, renewals + 1)]
    nothing = zero(terms.currency)
    reward, buyer_share, fee = nothing, nothing, nothing
    steps = []
    for event in events:
        preview = price(terms, event, Earned(reward, reward + buyer_share, nothing))
        reward, buyer_share, fee = reward + preview.reward, buyer_share + preview.buyer_share, fee + preview.fee
        steps.append(Step(_title(event), preview))
    return Way(tuple(steps), reward, buyer_share, fee)


def most_renewals(terms: Terms) -> int:
    """How many renewals these terms can pay for; 0 where they pay for none."""
    return max((times_at_most(rule) for rule in terms.rules if rule.happening is Happening.RENEWAL), default=0)


def reward_in_words(terms: Terms) -> str:
    """``$1,000``, ``2.5% of the sale, at most $500``, ``at most $1,300 in 3 parts``, ``a thank-you (a cake)``."""
    mine = [rule for rule in terms.rules if rule.whom is For.REFERRER]
    if not mine:
        return "nothing"
    if len(mine) == 1 and mine[0].happening is Happening.WON:
        return what_in_words(mine[0], terms.currency)
    most = highest_reward(terms)
    if most.minor == 0:
        return " and ".join(what_in_words(rule, terms.currency) for rule in mine)
    return f"{_at_most(mine)}{show_money(most)}{_in_parts(mine)}"


def reward_sign(terms: Terms) -> tuple[str, str]:
    """The same for a sign plate: what is large, and the words after it."""
    mine = [rule for rule in terms.rules if rule.whom is For.REFERRER]
    cash = [rule for rule in mine if rule.kind is not RewardKind.NON_CASH]
    more = ", and a share for the buyer" if len(mine) < len(terms.rules) else ""
    if len(cash) == 1 and cash[0].happening is not Happening.RENEWAL:
        rule, thing = cash[0], ", and a thing that is no money" if len(mine) > 1 else ""
        if rule.kind is RewardKind.FLAT:
            return what_in_words(rule, terms.currency), f"{when_in_words(rule)}{thing}{more}"
        return percent_text(rule.rate_bps or 0), (
            f"of the sale, {limits_in_words(rule, terms.currency)}{thing}{more}")
    if cash:
        return show_money(highest_reward(terms)), f"{_at_most(mine) and 'at most'}{_in_parts(mine)}{more}".strip()
    if mine and mine[0].thing:
        return THINGS[mine[0].thing].capitalize(), f"{when_in_words(mine[0])}{more}"
    return "A share", "for the buyer, when they buy"


def plain_terms(terms: Terms) -> list[tuple[str, str]]:
    """The terms as (question, answer) pairs that anybody can read."""
    return [
        ("What you earn", _earning_words(terms)),
        *_buyer_words(terms),
        *_cap_words(terms),
        ("When it is paid", _hold_words(terms)),
        ("How long you are protected",
         f"For {terms.protection_days} days from acceptance the buyer counts as yours, even if talks take a while."),
        ("The buyer decides", (f"We ask them once, with one reminder, and wait {terms.consent_days} days for a yes. "
         "They are told who pointed, to whom, and what you would earn.")),
        ("How fresh the evidence must be", f"A post older than {terms.evidence_days} days needs a good reason."),
        ("If the sale is refunded", ("The part of the reward that the refunded part earned is taken back; "
         "odd cents stay with you.")),
        ("What it costs you", ("Nothing. The business pays the reward and our fee of "
         f"{percent_text(terms.fee_bps)} of it on top.")),
    ]


def _earning_words(terms: Terms) -> str:
    mine = [rule for rule in terms.rules if rule.whom is For.REFERRER]
    if len(mine) == 1 and mine[0].happening is Happening.WON:
        return f"{_capital(what_in_words(mine[0], terms.currency))}, when the buyer you pointed out buys."
    return _listed(mine, terms) or "Nothing: here the buyer gets a share."


def _buyer_words(terms: Terms) -> list[tuple[str, str]]:
    theirs = [rule for rule in terms.rules if rule.whom is For.BUYER]
    if not theirs:
        return []
    if not any(rule.kind is not RewardKind.NON_CASH for rule in theirs):
        return [("What the buyer gets", _listed(theirs, terms))]
    given = f", give it to {terms.cause}," if terms.cause else ""
    return [("What the buyer gets", f"{_listed(theirs, terms)} They may take it{given} or decline it.")]


def _cap_words(terms: Terms) -> list[tuple[str, str]]:
    caps = ((terms.cap_per_referrer_minor, "to one referrer"), (terms.cap_per_bounty_minor, "under this bounty"),
            (terms.cap_per_month_minor, "in a month of the calendar"))
    said = [f"{show_money(Money(cap, terms.currency))} {words}" for cap, words in caps if cap]
    return [("At the very most", f"{', '.join(said)}. What goes beyond is not paid.")] if said else []


def _listed(rules: list[RewardRule], terms: Terms) -> str:
    """``$200 when they are qualified; $1,000 when they buy.``"""
    return _capital("; ".join(
        f"{what_in_words(rule, terms.currency)}{',' if rule.kind is RewardKind.PERCENT else ''} {when_in_words(rule)}"
        for rule in rules) + ".") if rules else ""


def _at_most(rules: list[RewardRule]) -> str:
    is_open = any(rule.kind is RewardKind.PERCENT or rule.happening is Happening.RENEWAL for rule in rules)
    return "at most " if is_open else ""


def _in_parts(rules: list[RewardRule]) -> str:
    parts = sum(times_at_most(rule) for rule in rules if rule.kind is not RewardKind.NON_CASH)
    return f" in {parts} parts" if parts > 1 else ""


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _hold_words(terms: Terms) -> str:
    if terms.hold_days == 0:
        return "At once, to your Stripe account."
    return f"{terms.hold_days} days after the sale (the return period), to your Stripe account."


def _title(event: Event) -> str:
    return {
        Happening.QUALIFIED: "When they are qualified", Happening.WON: "When they buy",
        Happening.LATER: "After the sale", Happening.RENEWAL: f"Renewal {event.number}",
    }[event.happening]
