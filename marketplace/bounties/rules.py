"""What terms earn: ``price`` of one event, ``worst_case`` of them all. No second arithmetic anywhere.

Whole minor units, rounded down: the fraction stays with the business. Where a cap leaves too little for everybody, the
referrer is served first, in the order of the rules, and the buyer gets what is left.
"""
from collections import defaultdict
from dataclasses import dataclass

from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import Allowed, For, Happening, NonCash, RewardKind, RewardRule, Terms
from marketplace.bounties.rule_words import WHOM, first_line
from marketplace.foundation.money import Money, show_money, zero

__all__ = [
    "Earned", "Event", "For", "Happening", "NonCash", "RewardPreview", "Share", "fee_on", "highest_reward",
    "most_in_shares", "price", "worst_case",
]
Line = tuple[str, Money | None]
THANKS = "A public thank-you"
NOT_PROMISED = {
    Happening.QUALIFIED: "a qualified lead alone", Happening.WON: "the sale itself",
    Happening.LATER: "the time after the sale", Happening.RENEWAL: "this renewal",
}


@dataclass(frozen=True)
class Event:
    """What happened to a lead. ``sale`` is the value of the sale (LATER too) or of the renewal."""

    happening: Happening
    sale: Money | None = None
    number: int = 1  # Which renewal.
    months: int = 0  # Whole months since the sale.
    after_days: int | None = None  # Of LATER: the parts that fall due so many days after the sale; None: all of them.


@dataclass(frozen=True)
class Earned:
    """What the caps have used up, fees apart: what this referrer was awarded under this bounty; all that was awarded
    under it, buyers' shares too; and what of that was awarded in this month of the calendar (UTC)."""

    by_referrer: Money
    on_bounty: Money
    this_month: Money

    def after(self, preview: "RewardPreview") -> "Earned":
        """And what this earns too, now."""
        both = preview.reward + preview.buyer_share
        return Earned(self.by_referrer + preview.reward, self.on_bounty + both, self.this_month + both)


@dataclass(frozen=True)
class Share:
    """What one rule gives. ``amount`` and ``fee`` are zero for a thing; ``after_days`` counts from the sale."""

    rule: RewardRule
    whom: For
    amount: Money
    fee: Money  # Paid by the business on top.
    thing: NonCash | None
    after_days: int
    words: str = ""  # Of a thing: which.


@dataclass(frozen=True)
class RewardPreview:
    """``lines`` are (words, amount) in the order of the arithmetic; ``reward`` is the referrer's money in all."""

    shares: tuple[Share, ...]
    reward: Money
    buyer_share: Money
    fee: Money
    lines: tuple[Line, ...]


def price(terms: Terms, event: Event, earned: Earned | None = None, ruling: Ruling = FREE) -> RewardPreview:
    """What ``event`` earns under ``terms``, as far as ``ruling`` lets it be given.

    ValueError for a percentage without a sale, or of another currency.
    """
    lines: list[Line] = [(f"The {_sold(event)}", event.sale)] if event.sale else []
    shares: list[Share] = []
    rooms = _Rooms(terms, earned)
    due = [rule for rule in terms.rules if _is_due(rule, event)]
    forbidden = [rule for rule in due if ruling.forbids(rule)]
    allowed = [rule for rule in due if rule not in forbidden]
    for rule in sorted(allowed, key=lambda rule: rule.whom is For.BUYER):
        amount = _amount(terms, rule, event, rooms, lines)
        if amount.minor or rule.thing:
            shares.append(Share(rule, rule.whom, amount, fee_on(terms, amount), rule.thing, rule.after_days or 0,
                                rule.words or ""))
    if forbidden:
        shares += _instead(terms, forbidden, allowed, ruling, lines)
    if not due:
        lines.append((f"Nothing is promised for {NOT_PROMISED[event.happening]}", None))
    cash = {whom: _total([share.amount for share in shares if share.whom is whom], terms.currency) for whom in For}
    lines += [(f"For {WHOM[whom]}, together", cash[whom]) for whom in For
              if sum(rule.whom is whom and not rule.thing for rule in allowed) > 1]
    return RewardPreview(tuple(shares), cash[For.REFERRER], cash[For.BUYER],
                         _total([share.fee for share in shares], terms.currency), tuple(lines))


def _instead(
    terms: Terms, forbidden: list[RewardRule], allowed: list[RewardRule], ruling: Ruling, lines: list[Line]
) -> list[Share]:
    """Thanks for what may not be paid, where thanks may be given and are not given anyway."""
    lines += [(f"{first_line(rule)}: not allowed by the law of a place concerned", None) for rule in forbidden]
    mine = [rule for rule in forbidden if rule.whom is For.REFERRER]
    if not mine or ruling.allows is not Allowed.THANK_YOU or any(rule.whom is For.REFERRER for rule in allowed):
        return []
    lines.append(("A thank-you instead", None))
    nothing = zero(terms.currency)
    return [Share(mine[0], For.REFERRER, nothing, nothing, NonCash.THANK_YOU, mine[0].after_days or 0, THANKS)]


def worst_case(terms: Terms) -> Money:
    """The most that one lead can cost, with our fee: the dearest way through all that these terms pay for."""
    shares = most_in_shares(terms)
    return shares + fee_on(terms, shares)


def most_in_shares(terms: Terms) -> Money:
    """The same without the fee: the referrer's and the buyer's shares at most."""
    if all(rule.whom is For.REFERRER for rule in terms.rules):
        return highest_reward(terms)
    both = _most(terms, For.REFERRER, For.BUYER)
    return min(both, _most(terms, For.REFERRER) + _most(terms, For.BUYER))  # A referrer's cap binds no buyer.


def highest_reward(terms: Terms) -> Money:
    """The most that one lead can earn its referrer in money."""
    return _most(terms, For.REFERRER)


def fee_on(terms: Terms, amount: Money) -> Money:
    """The platform fee on a share in money, paid by the business on top; rounded down."""
    return amount.share(terms.fee_bps)


def times_at_most(rule: RewardRule) -> int:
    """How often a rule can pay for one lead: of renewals so many, or one a month for so many months."""
    return min([bound for bound in (rule.times, rule.within_months) if bound], default=1)


def most_of(rule: RewardRule) -> int:
    """The most that a rule gives at once, in minor units."""
    return rule.amount_minor or rule.cap_minor or 0


def _is_due(rule: RewardRule, event: Event) -> bool:
    if rule.happening is not event.happening or event.after_days not in {None, rule.after_days}:
        return False
    in_time = rule.within_months is None or event.months <= rule.within_months
    return rule.happening is not Happening.RENEWAL or (in_time and event.number <= times_at_most(rule))


def _amount(terms: Terms, rule: RewardRule, event: Event, rooms: "_Rooms", lines: list[Line]) -> Money:
    """What ``rule`` gives now, and its arithmetic added to ``lines``."""
    if rule.kind is RewardKind.NON_CASH:
        lines.append((first_line(rule), None))
        return zero(terms.currency)
    if rule.kind is RewardKind.FLAT:
        amount = Money(rule.amount_minor or 0, terms.currency)
        lines.append((first_line(rule), amount))
    else:
        amount = _percentage(terms, rule, event, lines)
    return rooms.take(rule.whom, amount, lines)


def _percentage(terms: Terms, rule: RewardRule, event: Event, lines: list[Line]) -> Money:
    if event.sale is None or event.sale.currency != terms.currency:
        raise ValueError(f"a percentage needs a sale in {terms.currency}, not {event.sale}")
    floor, cap = Money(rule.floor_minor or 0, terms.currency), Money(rule.cap_minor or 0, terms.currency)
    part = event.sale.share(rule.rate_bps or 0)
    lines.append((first_line(rule), part))
    if part < floor:
        lines.append((f"But at least {show_money(floor)}", floor))
    if part > cap:
        lines.append((f"But never more than {show_money(cap)}", cap))
    return min(max(part, floor), cap)


def _most(terms: Terms, *whom: For) -> Money:
    """The most that goes to ``whom`` if everything happens, each event in a month of its own."""
    by_event: dict[tuple[Happening, int, int], int] = defaultdict(int)
    for rule in terms.rules:
        if rule.whom in whom:
            for number in range(times_at_most(rule)):
                by_event[rule.happening, rule.after_days or 0, number] += most_of(rule)
    total = sum(min(minor, terms.cap_per_month_minor or minor) for minor in by_event.values())
    caps = [terms.cap_per_bounty_minor, terms.cap_per_referrer_minor if For.BUYER not in whom else None]
    return Money(min([total, *(cap for cap in caps if cap)]), terms.currency)


class _Rooms:
    """What is left under the caps, and gets less with every share."""

    def __init__(self, terms: Terms, earned: Earned | None) -> None:
        nothing = zero(terms.currency)
        used = earned or Earned(nothing, nothing, nothing)
        caps = (("to one referrer", terms.cap_per_referrer_minor, used.by_referrer),
                ("by this bounty", terms.cap_per_bounty_minor, used.on_bounty),
                ("in a month", terms.cap_per_month_minor, used.this_month))
        self.caps = {words: Money(cap, terms.currency) for words, cap, _ in caps if cap}
        self.left = {words: max(Money(cap, terms.currency) - gone, nothing) for words, cap, gone in caps if cap}

    def take(self, whom: For, amount: Money, lines: list[Line]) -> Money:
        binding = [words for words in self.left if whom is For.REFERRER or words != "to one referrer"]
        for words in binding:
            if self.left[words] < amount:
                amount = self.left[words]
                lines.append((f"But only what is left of the {show_money(self.caps[words])} paid {words}", amount))
        for words in binding:
            self.left[words] -= amount
        return amount


def _sold(event: Event) -> str:
    return "renewal" if event.happening is Happening.RENEWAL else "sale"


def _total(amounts: list[Money], currency: str) -> Money:
    return sum(amounts, zero(currency))
