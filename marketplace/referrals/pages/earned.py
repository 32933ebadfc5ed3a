"""What a lead was paid for, part by part, with the arithmetic of that day: for the pages that show it."""
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.bounties.rules import Event, Happening, price
from marketplace.foundation.money import Money
from marketplace.referrals.models import Conversion, ConversionKind, Lead, Reward, RewardInKind
from marketplace.referrals.reward_words import part_in_words


@dataclass(frozen=True)
class EarnedPart:
    """One event: ``lines`` are (words, amount or None), ``rewards`` and ``things`` what it made."""

    title: str
    conversion: Conversion
    lines: tuple[tuple[str, Money | None], ...]
    rewards: tuple[Reward, ...]
    things: tuple[RewardInKind, ...]


def earned_parts(
    lead: Lead, conversions: Sequence[Conversion], rewards: Sequence[Reward], things: Sequence[RewardInKind]
) -> list[EarnedPart]:
    """Oldest first."""
    return [EarnedPart(
        part_in_words(one).capitalize(), one, _lines(lead, one),
        tuple(reward for reward in rewards if reward.conversion_id == one.id),
        tuple(thing for thing in things if thing.conversion_id == one.id)) for one in conversions]


def _lines(lead: Lead, conversion: Conversion) -> tuple[tuple[str, Money | None], ...]:
    kept = conversion.payload.get("lines")
    if kept is None and conversion.kind is ConversionKind.SALE:  # Recorded before the arithmetic was kept.
        return price(lead.terms, Event(Happening.WON, conversion.amount)).lines
    return tuple((words, None if minor is None else Money(minor, conversion.currency)) for words, minor in kept or ())
