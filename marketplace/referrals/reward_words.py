"""Which part of what was promised a reward is, and what happens to it next, in plain words."""
from collections.abc import Sequence

from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import For, RewardKind, Terms
from marketplace.bounties.rule_words import what_in_words, when_to_buyer
from marketplace.foundation.db import db
from marketplace.foundation.money import show_money, zero
from marketplace.foundation.show import day_in_words, list_in_words
from marketplace.referrals.audience import Audience
from marketplace.referrals.caps import CREDITED_ANEW
from marketplace.referrals.models import (
    Choice,
    Clawback,
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
from marketplace.referrals.waiting import Among, why_waiting

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


def reward_next(reward: Reward, to: str | None = None, among: Among | None = None) -> str:
    """One or two sentences: what happens next with this reward.

    ``to``, here and below: who reads, by the id of the person or the business, or “buyer” (audience.reader_of).
    """
    if reward.state is RewardState.VOIDED:
        return f"Nothing: {reward.void_reason}"
    if said := taking_back(reward, to):
        return said
    if waiting := why_waiting(reward, to, among):
        return " ".join(waiting)
    if reward.whom is For.BUYER and reward.state is RewardState.PENDING and reward.choice is not Choice.MONEY:
        return _choice_next(reward, to)
    if reward.state is RewardState.PENDING:
        return f"The reward waits out the return period until {day_in_words(reward.release_at)}, then it is released."
    return _by_state(reward, to)


def _by_state(reward: Reward, to: str | None) -> str:
    if reward.state is RewardState.PAID and not reward.net.minor:
        return NOTHING_LEFT
    mine = TO_PAYEE if to and to == reward.beneficiary_id else REWARD_NEXT
    return mine.get(reward.state, REWARD_NEXT[reward.state])


def _choice_next(reward: Reward, to: str | None) -> str:
    """Of a share that the buyer has not taken as money."""
    is_buyer, is_business = to == Audience.BUYER.value, to == reward.business_id
    if reward.choice is None and reward.choice_due_at:
        cause = "your" if is_business else "the business’s"
        return (f"{'You choose' if is_buyer else 'The buyer chooses'}: money, {cause} cause, or no. "
                "Without a choice it goes back.")
    if reward.choice is None:
        return f"{'You' if is_buyer else 'The buyer'} may choose what becomes of it; it is held meanwhile."
    return ("You give as much to your cause after the return period, and then have this back." if is_business
            else "The business gives as much to its cause after the return period, and then has this back.")


def taking_back(reward: Reward, to: str | None = None) -> str | None:
    """What is asked of Stripe, or could not be had yet, of a refunded sale; None where nothing is."""
    asked = [one for one in reward.clawbacks if one.state is not ClawbackState.TAKEN]
    if not asked:
        return None
    taken = show_money(sum((one.amount for one in asked), start=zero(reward.currency)))
    why = list_in_words(dict.fromkeys(CAUSES[_cause(one)][0] for one in asked))
    why = why[:1].upper() + why[1:]
    if asked[-1].state is ClawbackState.REVERSING:
        whose = "your" if to and to == reward.beneficiary_id else "the"
        return f"{why}: {taken} is being taken back from {whose} Stripe account."
    return f"{why}: {taken} could not be taken back yet. We ask again."


def why_taken(clawbacks: Sequence[Clawback]) -> str:
    """``for a refund of the sale and by a dispute``: each cause once, the oldest first."""
    return list_in_words(dict.fromkeys(CAUSES[_cause(one)][1] for one in clawbacks))


def _cause(one: Clawback) -> str:
    if one.dispute_id is None:
        return "refund"
    return "credited anew" if one.dispute_id.startswith(CREDITED_ANEW) else "dispute"


def thing_next(thing: RewardInKind, to: str | None = None) -> str:
    """One sentence: what happens next with a reward in kind."""
    is_business = to == thing.business_id
    if thing.thing is Thing.DONATION and thing.state is KindState.OWED:
        return ("Give it and say so here: then you have the money back that is held for it." if is_business
                else "The business gives it, says so here, and has the money back that is held for it.")
    is_theirs = bool(to) and to in (thing.beneficiary_id, thing.whom.value)
    said = THING_TO_BUSINESS if is_business else THING_TO_RECEIVER if is_theirs else THING_NEXT
    return said.get(thing.state, THING_NEXT[thing.state])


# Of a clawback: what happened, and what it was taken back for.
CAUSES = {
    "refund": ("part of the sale was refunded", "for a refund of the sale"),
    "dispute": ("a dispute was decided", "by a dispute"),
    "credited anew": ("an admin found that somebody else had brought them",
                      "because an admin found that somebody else had brought them"),
}
REWARD_NEXT: dict[RewardState, str] = {
    RewardState.ON_HOLD: "An admin looks into the reward; it is neither lost nor released meanwhile.",
    RewardState.PAYABLE: "The reward goes out with the next transfer, once the Stripe account is ready.",
    RewardState.SCHEDULED: "The transfer is on its way to Stripe.",
    RewardState.PAID: "Nothing more: the reward is paid. Stripe pays it out to the bank.",
    RewardState.VOIDED: "Nothing: the sale was given back in full.",
}
TO_PAYEE: dict[RewardState, str] = {
    RewardState.PAYABLE: "The reward goes out with the next transfer, once your Stripe account is ready.",
    RewardState.PAID: "Nothing more: the reward is paid. Stripe pays it out to your bank.",
}
NOTHING_LEFT = "Nothing more: none of it is left."
THING_NEXT: dict[KindState, str] = {
    KindState.OWED: "The business says how to have it.",
    KindState.OFFERED: "Whoever it is for takes it up as the business says, which notes here when it is done.",
    KindState.FULFILLED: "Whoever it was for may say thank you.",
    KindState.ACKNOWLEDGED: "Nothing more: it is done and thanked for.",
    KindState.DECLINED: "Nothing: it was not wanted.",
    KindState.FORGIVEN: "Nothing: it is owed no more.",
    KindState.EXPIRED: "Nothing: it ended before it was given.",
}
THING_TO_RECEIVER: dict[KindState, str] = {
    KindState.OFFERED: "Take it up as the business says; it notes here when it is done.",
    KindState.FULFILLED: "You may say thank you.",
}
THING_TO_BUSINESS: dict[KindState, str] = {
    KindState.OWED: "Say how to have it.",
    KindState.OFFERED: "They take it up as you said; note here when it is done.",
}
