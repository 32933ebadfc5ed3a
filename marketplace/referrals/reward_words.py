"""Which part of what was promised a reward is, and what happens to it next, in plain words."""
from collections.abc import Sequence

from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import For, RewardKind, Terms
from marketplace.bounties.rule_words import what_in_words, when_to_buyer
from marketplace.foundation.db import db
from marketplace.foundation.money import show_money, zero
from marketplace.foundation.show import day_in_words
from marketplace.referrals.models import (
    Choice,
    ClawbackState,
    Conversion,
    ConversionKind,
    KindState,
    Lead,
    Reward,
    RewardInKind,
    RewardState,
    Thing,
)
from marketplace.referrals.waiting import why_waiting

THINGS = {
    Thing.CREDIT: "a credit", Thing.THANK_YOU: "a thank-you", Thing.FAVOUR: "a favour owed",
    Thing.DONATION: "a donation",
}


def part_in_words(of: Reward | Conversion) -> str:
    """``for the qualified lead``, ``for the sale``, ``90 days after the sale``, ``for renewal 2``."""
    kind = of.part if isinstance(of, Reward) else of.kind
    return {
        ConversionKind.QUALIFIED: "for the qualified lead", ConversionKind.SALE: "for the sale",
        ConversionKind.LATER: f"for the {of.number} days after the sale",
        ConversionKind.RENEWAL: f"for renewal {of.number}",
        ConversionKind.CORRECTION: "for the rest of the sale, as decided in a dispute",
    }[kind]


def thing_in_words(thing: RewardInKind) -> str:
    """``a thank-you (a bottle of wine)``, ``a donation to the animal shelter``."""
    if thing.thing is Thing.DONATION:
        return f"a donation to {thing.words}"
    return f"{THINGS[thing.thing]} ({thing.words})"


def thing_at_start(thing: RewardInKind) -> str:
    """The same where a sentence or a line begins."""
    words = thing_in_words(thing)
    return words[:1].upper() + words[1:]


def buyer_share_in_words(terms: Terms, ruling: Ruling = FREE) -> str:
    """To the buyer: ``$50 if you buy; you may take the money, give it to X, or decline it.`` Empty: no share."""
    theirs = [rule for rule in terms.rules if rule.whom is For.BUYER and not ruling.forbids(rule)]
    said = "; ".join(f"{what_in_words(rule, terms.currency)} {when_to_buyer(rule)}" for rule in theirs)
    if not any(rule.kind is not RewardKind.NON_CASH for rule in theirs):
        return said and f"{said}."
    given = f", give it to {terms.cause}" if terms.cause else ""
    return f"{said}. You may take the money{given}, or decline it."


def main_reward(rewards: Sequence[Reward]) -> Reward:
    """Of several the newest that tells how a lead stands: the referrer's own, else one that they share, else any."""
    pointed = db.session.get_one(Lead, rewards[0].lead_id).referrer_id
    shared = [one for one in rewards if one.whom is For.REFERRER]
    own = [one for one in shared if one.beneficiary_id == pointed and one.state is not RewardState.VOIDED]
    return (own or shared or rewards)[-1]


def reward_next(reward: Reward) -> str:
    """One sentence: what happens next with this reward."""
    if reward.state is RewardState.VOIDED:
        return f"Nothing: {reward.void_reason}"
    why = why_waiting(reward)
    if said := taking_back(reward) or (why and f"{why} It is neither lost nor taken back meanwhile."):
        return said
    if reward.whom is For.BUYER and reward.state is RewardState.PENDING:
        if reward.choice is None:
            return ("The buyer chooses: money, the business’s cause, or no. Without a choice it goes back."
                    if reward.choice_due_at else "The buyer may choose what becomes of it; it is held meanwhile.")
        if reward.choice is Choice.DONATION:
            return "The business gives as much to its cause after the return period, and then has this back."
    if reward.state is RewardState.PENDING:
        return f"The reward waits out the return period until {day_in_words(reward.release_at)}, then it is released."
    return NOTHING_LEFT if reward.state is RewardState.PAID and not reward.net.minor else REWARD_NEXT[reward.state]


def taking_back(reward: Reward) -> str | None:
    """What is asked of Stripe, or could not be had yet, of a refunded sale; None where nothing is."""
    asked = [one for one in reward.clawbacks if one.state is not ClawbackState.TAKEN]
    if not asked:
        return None
    taken = show_money(sum((one.amount for one in asked), start=zero(reward.currency)))
    why = "A dispute was decided" if asked[-1].dispute_id else "Part of the sale was refunded"
    if asked[-1].state is ClawbackState.REVERSING:
        return f"{why}: {taken} is being taken back from the Stripe account."
    return f"{why}: {taken} could not be taken back yet. We ask again."


def thing_next(thing: RewardInKind) -> str:
    """One sentence: what happens next with a reward in kind."""
    if thing.thing is Thing.DONATION and thing.state is KindState.OWED:
        return "The business gives it, says so here, and has the money back that is held for it."
    return THING_NEXT[thing.state]


REWARD_NEXT: dict[RewardState, str] = {
    RewardState.ON_HOLD: "An admin looks into the reward; it is neither lost nor released meanwhile.",
    RewardState.PAYABLE: "The reward goes out with the next transfer, once the Stripe account is ready.",
    RewardState.SCHEDULED: "The transfer is on its way to Stripe.",
    RewardState.PAID: "Nothing more: the reward is paid. Stripe pays it out to the bank.",
    RewardState.VOIDED: "Nothing: the sale was given back in full.",
}
NOTHING_LEFT = "Nothing more: none of it is left."
THING_NEXT: dict[KindState, str] = {
    KindState.OWED: "The business says how to have it.",
    KindState.OFFERED: "Take it up as the business says; it notes here when it is done.",
    KindState.FULFILLED: "Whoever it was for may say thank you.",
    KindState.ACKNOWLEDGED: "Nothing more: it is done and thanked for.",
    KindState.DECLINED: "Nothing: it was not wanted.",
    KindState.FORGIVEN: "Nothing: it is owed no more.",
    KindState.EXPIRED: "Nothing: it was not offered in time.",
}
