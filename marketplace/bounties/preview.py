"""What would I earn? The one place that explains a reward's arithmetic, line by line."""
from dataclasses import dataclass

from marketplace.bounties.models import RewardKind, Terms
from marketplace.foundation.money import Money, show_money


@dataclass(frozen=True)
class RewardPreview:
    """``lines`` are (words, amount) in the order of the arithmetic; ``reward`` is what the referrer gets."""

    reward: Money
    fee: Money
    lines: tuple[tuple[str, Money], ...]


def preview_reward(terms: Terms, sale: Money) -> RewardPreview:
    reward = terms.reward_for(sale)
    fee = terms.fee_on(reward)
    lines = [("The sale", sale)]
    if terms.reward_kind is RewardKind.PERCENT:
        share = sale.share(terms.reward_bps or 0)
        lines.append((f"{percent_text(terms.reward_bps or 0)} of it, rounded down", share))
        if share > reward:
            lines.append((f"But never more than {show_money(terms.highest_reward)}", reward))
    else:
        lines.append(("A fixed reward, whatever the sale", reward))
    return RewardPreview(reward, fee, tuple(lines))


def percent_text(basis_points: int) -> str:
    """250 as ``2.5%``."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%"


def reward_in_words(terms: Terms) -> str:
    """``$1,000`` or ``2.5% of the sale, at most $500``."""
    if terms.reward_kind is RewardKind.FLAT:
        return show_money(terms.highest_reward)
    return f"{percent_text(terms.reward_bps or 0)} of the sale, at most {show_money(terms.highest_reward)}"


def reward_sign(terms: Terms) -> tuple[str, str]:
    """The same for a sign plate: what is large, and the words after it."""
    if terms.reward_kind is RewardKind.FLAT:
        return show_money(terms.highest_reward), "when they buy"
    return percent_text(terms.reward_bps or 0), f"of the sale, at most {show_money(terms.highest_reward)}"


def plain_terms(terms: Terms) -> list[tuple[str, str]]:
    """The terms as (question, answer) pairs that anybody can read."""
    return [
        ("What you earn", f"{reward_in_words(terms)}, when the buyer you pointed out buys."),
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


def _hold_words(terms: Terms) -> str:
    if terms.hold_days == 0:
        return "At once, to your Stripe account."
    return f"{terms.hold_days} days after the sale (the return period), to your Stripe account."
