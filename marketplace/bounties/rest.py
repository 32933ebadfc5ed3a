"""What one lead can still cost after what has happened: the rest of the worst case, part by part."""
from dataclasses import dataclass

from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import Happening, RewardRule, Terms
from marketplace.bounties.rules import Event, fee_on, most_of, price, times_at_most
from marketplace.foundation.money import Money, zero


@dataclass(frozen=True)
class Past:
    """What a lead has been paid for. ``later`` holds the days of the later parts that have fallen due."""

    is_qualified: bool = False
    sale: Money | None = None
    later: frozenset[int] = frozenset()
    renewals: int = 0
    months: int = 0  # Whole months since the sale.
    may_renew: bool = True


def most_left(terms: Terms, past: Past, ruling: Ruling = FREE) -> Money:
    """Shares and fees at most, caps apart: what is reserved and goes beyond this can never be earned."""
    total, rules = zero(terms.currency), [rule for rule in terms.rules if not ruling.forbids(rule)]
    for rule in rules:
        if rule.happening is not Happening.LATER or past.sale is None:
            each = Money(most_of(rule), terms.currency)
            for _ in range(_times_left(rule, past)):
                total += each + fee_on(terms, each)
    if past.sale is not None:
        for days in {rule.after_days or 0 for rule in rules if rule.happening is Happening.LATER} - past.later:
            due = price(terms, Event(Happening.LATER, past.sale, after_days=days), ruling=ruling)
            total += due.reward + due.buyer_share + due.fee
    return total


def _times_left(rule: RewardRule, past: Past) -> int:
    if rule.happening is Happening.QUALIFIED:
        return 0 if past.is_qualified or past.sale is not None else 1
    if rule.happening is not Happening.RENEWAL:
        return 1 if past.sale is None else 0
    is_over = rule.within_months is not None and past.months > rule.within_months
    return 0 if is_over or not past.may_renew else max(times_at_most(rule) - past.renewals, 0)
