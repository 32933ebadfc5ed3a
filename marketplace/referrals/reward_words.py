"""Which part of what was promised a reward is, and what happens to it next, in plain words."""
from collections.abc import Sequence

from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import For, RewardKind, Terms
from marketplace.bounties.rule_words import what_in_words, when_to_buyer
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, show_money, zero
from marketplace.foundation.show import day_in_words, list_in_words
from marketplace.payments.money_out.came_back import How
from marketplace.referrals.audience import Audience
from marketplace.referrals.caps import CREDITED_ANEW
from marketplace.referrals.models import (
    Choice,
    Conversion,
    ConversionKind,
    KindState,
    Lead,
    Reward,
    RewardInKind,
    RewardState,
    Thing,
)
from marketplace.referrals.money_back import MoneyBack, Taking
from marketplace.referrals.waiting import Among, look_among, why_waiting

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


def cost_in_words(rewards: Sequence[Reward]) -> str:
    """To the business that pays for them: ``It earns $1,000; with our fee of $50 that is $1,050 of the bounty’s
    funds.`` Empty: it earns nothing."""
    earned = [one for one in rewards if one.net.minor]
    if not earned:
        return ""
    none = zero(earned[0].currency)
    net, fee = sum((one.net for one in earned), none), sum((one.fee - one.fee_given_back for one in earned), none)
    return (f"It earns {show_money(net)}; with our fee of {show_money(fee)} that is {show_money(net + fee)} of the "
            "bounty’s funds.")


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
        why = reward.void_reason or ""
        return f"Nothing: {why[:1].lower()}{why[1:]}"
    found = look_among([reward]) if among is None else among
    back, is_payee = found.back[reward.id], bool(to) and to == reward.beneficiary_id
    if back.is_paid_and_gone:
        return f"Nothing more: it {gone_in_words(back, is_payee=is_payee)}"
    taken = taken_in_words(back, is_payee=is_payee)
    if still := taking_back(back, is_payee=is_payee):
        return f"{still} {taken}".strip()
    if taken and reward.state is RewardState.PAID:
        return f"{taken} The rest stays paid; nothing more happens with it."
    return f"{_not_taken_next(reward, to, found)} {taken}".strip()


def _not_taken_next(reward: Reward, to: str | None, among: Among) -> str:
    """What happens with the rest of it."""
    if waiting := why_waiting(reward, to, among):
        return " ".join(waiting)
    if reward.whom is For.BUYER and reward.state is RewardState.PENDING and reward.choice is not Choice.MONEY:
        return _choice_next(reward, to)
    if reward.state is RewardState.PENDING:
        return f"The reward waits out the return period until {day_in_words(reward.release_at)}, then it is released."
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


def taking_back(back: MoneyBack, *, is_payee: bool = False) -> str:
    """What is asked of Stripe, or could not be had yet; empty where nothing is."""
    return " ".join(_asked_in_words(back, how, then) for how, then in (
        (How.ASKED, f"is being taken back from {'your' if is_payee else 'the'} Stripe account."),
        (How.REFUSED, "could not be taken back yet. We ask again."),
    ) if any(one.how is how for one in back.takings))


def _asked_in_words(back: MoneyBack, how: How, then: str) -> str:
    asked = [one for one in back.takings if one.how is how]
    why = list_in_words(dict.fromkeys(CAUSES[_cause(one)][0] for one in asked))
    amount = show_money(sum((one.amount for one in asked), start=zero(back.reward.currency)))
    return f"{why[:1].upper()}{why[1:]}: {amount} {then}"


def taken_in_words(back: MoneyBack, *, is_payee: bool = False) -> str:
    """``Taken back: $10 on 2 Nov 2026 for a refund of the sale, out of your Stripe account.`` Empty: nothing was."""
    return f"Taken back: {_takings(back, is_payee=is_payee)}." if back.given else ""


def gone_in_words(back: MoneyBack, *, is_payee: bool = False) -> str:
    """Of a reward that was paid, and of which nothing is left."""
    return f"was paid, then taken back in full: {_takings(back, is_payee=is_payee)}."


def _takings(back: MoneyBack, *, is_payee: bool) -> str:
    """What moved: how much, when, why, and out of what; the oldest first, what is alike of one day together,
    but each order of an admin's on its own."""
    sums = dict[tuple[str, str, How, str], Money]()
    for one in back.given:
        alike = day_in_words(one.at), CAUSES[_cause(one)][1], one.how, one.order.order_id if one.order else ""
        sums[alike] = sums.get(alike, zero(back.reward.currency)) + one.amount
    out_of = {how: f", {words}" for how, words in (OUT_OF_YOURS if is_payee else OUT_OF).items()}
    if back.reward.state is not RewardState.PAID:
        out_of[How.UNSENT] = ""
    return "; ".join(f"{show_money(amount)} on {day} {why}{out_of[how]}" for (day, why, how, _), amount in sums.items())


def _cause(one: Taking) -> str:
    if one.clawback is None:
        return "order"
    if one.clawback.dispute_id is None:
        return "refund"
    if one.clawback.is_of_fraud:
        return "found false"
    return "credited anew" if one.clawback.dispute_id.startswith(CREDITED_ANEW) else "dispute"


def thing_next(thing: RewardInKind, to: str | None = None) -> str:
    """One sentence: what happens next with a reward in kind."""
    is_business = to == thing.business_id
    if thing.thing is Thing.DONATION and thing.state is KindState.OWED:
        return ("Give it and say so here: then you have the money back that is held for it." if is_business
                else "The business gives it, says so here, and has the money back that is held for it.")
    is_theirs = bool(to) and to in (thing.beneficiary_id, thing.whom.value)
    said = THING_TO_BUSINESS if is_business else THING_TO_RECEIVER if is_theirs else THING_NEXT
    return said.get(thing.state, THING_NEXT[thing.state])


# Of what is taken back: what happened, and what for.
CAUSES = {
    "refund": ("part of the sale was refunded", "for a refund of the sale"),
    "dispute": ("a dispute was decided", "by a dispute"),
    "credited anew": ("an admin found that somebody else had brought them",
                      "because an admin found that somebody else had brought them"),
    "found false": ("it was found not to be genuine", "because it was found not to be genuine"),
    "order": ("an admin ordered it", "by an admin"),
}
OUT_OF = {
    How.UNSENT: "before it was sent", How.ACCOUNT: "out of the Stripe account", How.LATER: "out of later rewards",
    How.OURS: "which we paid ourselves",
}
OUT_OF_YOURS = OUT_OF | {
    How.ACCOUNT: "out of your Stripe account", How.LATER: "out of later rewards of yours",
    How.OURS: "which we paid ourselves: you owe it no more"}
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
