"""What would I earn? The terms' rewards as a reader meets them: the whole way, the sign, the plain words."""
from dataclasses import dataclass
from itertools import groupby

from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import For, Happening, RewardKind, RewardRule, Terms
from marketplace.bounties.rule_words import THINGS, limits_in_words, percent_text, what_in_words, when_in_words
from marketplace.bounties.rules import (
    Earned,
    Event,
    RewardPreview,
    fee_on,
    highest_reward,
    most_in_shares,
    price,
    times_at_most,
    worst_case,
)
from marketplace.foundation.money import Money, show_money, zero

MONTHS_BETWEEN = 1  # Renewals are previewed one a month, as often as terms can pay them.


@dataclass(frozen=True)
class Step:
    """An event on a lead's way and what it earns, or several alike; ``title`` says when."""

    title: str
    preview: RewardPreview


@dataclass(frozen=True)
class Way:
    """A lead that goes all the way. Sums are of money alone."""

    steps: tuple[Step, ...]
    reward: Money
    buyer_share: Money
    fee: Money


def preview_way(terms: Terms, sale: Money, *, renewals: int = 0, ruling: Ruling = FREE) -> Way:
    """Qualified, sold for ``sale``, renewed so often at that price, the days after it gone by. Caps count all of it.

    As far as ``ruling`` lets it be given.
    """
    promised = {rule.happening for rule in terms.rules}
    events = [Event(happening, sale if happening is not Happening.QUALIFIED else None)
              for happening in (Happening.QUALIFIED, Happening.WON, Happening.LATER) if happening in promised]
    if Happening.RENEWAL in promised:
        events += [Event(Happening.RENEWAL, sale, number, number * MONTHS_BETWEEN)
                   for number in range(1, min(renewals, most_renewals(terms) + 1) + 1)]
    nothing = zero(terms.currency)
    reward, buyer_share, fee = nothing, nothing, nothing
    steps: list[tuple[Event, RewardPreview]] = []
    for event in events:
        preview = price(terms, event, Earned(reward, reward + buyer_share, nothing), ruling)
        reward, buyer_share, fee = reward + preview.reward, buyer_share + preview.buyer_share, fee + preview.fee
        steps.append((event, preview))
    alike = [list(group) for _, group in groupby(steps, key=lambda step: (step[0].happening, step[1]))]
    return Way(tuple(Step(_title(group[0][0], group[-1][0]), group[0][1]) for group in alike), reward, buyer_share, fee)


def most_renewals(terms: Terms) -> int:
    """How many renewals these terms can pay for; 0 where they pay for none."""
    return max((times_at_most(rule) for rule in terms.rules if rule.happening is Happening.RENEWAL), default=0)


def reward_in_words(terms: Terms) -> str:
    """``$1,000``, ``2.5% of the sale, at most $500``, ``at most $1,300 in 3 parts and a thank-you (a cake)``."""
    cash, things = _parted(terms)
    said = [what_in_words(rule, terms.currency) for rule in things]
    if len(cash) == 1 and cash[0].happening is not Happening.RENEWAL:
        said.insert(0, what_in_words(cash[0], terms.currency))
    elif cash:
        said.insert(0, f"{_at_most(cash)}{show_money(highest_reward(terms))}{_in_parts(cash)}")
    return " and ".join(said) or "nothing"


def reward_sign(terms: Terms) -> tuple[str, str]:
    """The same for a sign plate: what is large, and the words after it."""
    cash, things = _parted(terms)
    large, after = "A share", "for the buyer"
    if len(cash) == 1 and cash[0].happening is not Happening.RENEWAL:
        large, after = show_money(highest_reward(terms)), when_in_words(cash[0])
        if cash[0].rate_bps:
            large, after = percent_text(cash[0].rate_bps), f"of the sale, {limits_in_words(cash[0], terms.currency)}"
    elif cash:
        large, after = show_money(highest_reward(terms)), f"{_at_most(cash)}{_in_parts(cash).strip()}".strip()
    elif things and things[0].thing:
        large, after = THINGS[things[0].thing].removeprefix("a ").capitalize(), when_in_words(things[0])
        things = things[1:]
    more = [THINGS[rule.thing] for rule in things if rule.thing]
    if large != "A share" and any(rule.whom is For.BUYER for rule in terms.rules):
        more.append("a share for the buyer")
    return large, ", and ".join([after, *more])


def _parted(terms: Terms) -> tuple[list[RewardRule], list[RewardRule]]:
    """The referrer's rules: those that give money, those that give a thing."""
    mine = [rule for rule in terms.rules if rule.whom is For.REFERRER]
    return [rule for rule in mine if not rule.thing], [rule for rule in mine if rule.thing]


def plain_terms(terms: Terms) -> list[tuple[str, str]]:
    """The terms as (question, answer) pairs that anybody can read."""
    return [
        *_earning_words(terms),
        *_buyer_words(terms),
        *_cap_words(terms),
        ("When it is paid", _hold_words(terms)),
        ("How long you are protected",
         f"For {terms.protection_days} days from acceptance the buyer counts as yours, even if talks take a while."),
        ("The buyer decides", (f"We ask them once, with one reminder, and wait {terms.consent_days} days for a yes. "
         "They are told who pointed, to whom, and what you would earn.")),
        ("How fresh the evidence must be", f"A post older than {terms.evidence_days} days needs a good reason."),
        ("If you send a link or say your code", (
            f"A click counts for {terms.click_days} {'day' if terms.click_days == 1 else 'days'}; of several the "
            f"{terms.click_pick.value} one. A code that is said beats a click. Whoever is your customer by then stays "
            "yours.")),
        *_money_words(terms),
    ]


def pays_in_money(terms: Terms) -> bool:
    """Whether its referrer can earn money at all."""
    return any(rule.whom is For.REFERRER and rule.kind is not RewardKind.NON_CASH for rule in terms.rules)


def _money_words(terms: Terms) -> list[tuple[str, str]]:
    if not pays_in_money(terms):
        return [("What it costs you", "Nothing.")]
    return [
        ("If the sale is refunded", ("The part of the reward that the refunded part earned is taken back; "
         "odd cents stay with you.")),
        ("What it costs you", ("Nothing. The business pays the reward and our fee of "
         f"{percent_text(terms.fee_bps)} of it on top.")),
    ]


def cost_arithmetic(terms: Terms) -> list[tuple[str, Money]]:
    """What one lead can cost at most, shown before anything is paid."""
    reward, shares = highest_reward(terms), most_in_shares(terms)
    buyers = shares - reward
    feed = "both" if buyers.minor else "the reward"
    return [
        ("Reward to the referrer, at most", reward),
        *([("Share for the buyer, at most", buyers)] if buyers.minor else []),
        (f"Our fee, {percent_text(terms.fee_bps)} of {feed}", fee_on(terms, shares)),
        ("Kept ready for each lead", worst_case(terms)),
    ]


def _earning_words(terms: Terms) -> list[tuple[str, str]]:
    """One line for one reward on a sale; otherwise a line for each time that something is earned."""
    mine = [rule for rule in terms.rules if rule.whom is For.REFERRER]
    if not mine:
        return [("What you earn", "Nothing: here the buyer gets a share.")]
    if _is_plain(mine):
        what = _capital(what_in_words(mine[0], terms.currency))
        return [("What you earn", f"{what}, when the buyer you pointed out buys.")]
    return [(_capital(when), f"You earn {' and '.join(what_in_words(rule, terms.currency) for rule in rules)}.")
            for when, rules in groupby(mine, key=when_in_words)]


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


def _is_plain(rules: list[RewardRule]) -> bool:
    return len(rules) == 1 and rules[0].happening is Happening.WON


def _hold_words(terms: Terms) -> str:
    if not pays_in_money(terms):
        return "It is no money: the business has two weeks to say how to have it."
    if terms.hold_days == 0:
        return "At once, to your Stripe account."
    if not _is_plain([rule for rule in terms.rules if rule.whom is For.REFERRER]):
        return f"Each part {terms.hold_days} days after it is earned (the return period), to your Stripe account."
    return f"{terms.hold_days} days after the sale is recorded (the return period), to your Stripe account."


def _title(first: Event, last: Event) -> str:
    if first.happening is Happening.RENEWAL and last.number > first.number:
        return f"Renewals {first.number} to {last.number}, each"
    return {
        Happening.QUALIFIED: "When they are qualified", Happening.WON: "When they buy",
        Happening.LATER: "After the sale", Happening.RENEWAL: f"Renewal {first.number}",
    }[first.happening]
