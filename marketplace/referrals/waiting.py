"""Why a reward does not move just now, and what happens next, for everybody who may see it."""
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import ConnectedAccount, Payable, PayeeState
from marketplace.payments.money_out import stops
from marketplace.referrals.at_issue import IN_DISPUTE
from marketplace.referrals.disputed import PartsByReward, disputed_among
from marketplace.referrals.disputes.words import next_in_words, title_of
from marketplace.referrals.holds import live_holds_among
from marketplace.referrals.models import Reward, RewardState
from marketplace.referrals.money_back import MoneyBack, money_back_of

ACCOUNTS = {
    PayeeState.CLOSED: "The Stripe account it was to go to is closed; it waits for a new one.",
    PayeeState.RESTRICTED: "Stripe has paused the account it was to go to; it waits until Stripe is content.",
    PayeeState.ACTION_NEEDED: "Stripe needs something more from its owner before it can go out.",
}


class Waiting(NamedTuple):
    why: str
    next: str


class Among(NamedTuple):
    """What lists have read of all their rewards: what disputes stop of each, why else one does not move, and what was
    taken back of it."""

    disputed: PartsByReward
    others: Mapping[str, str]
    back: Mapping[str, MoneyBack]


def look_among(rewards: Iterable[Reward]) -> Among:
    """A few statements, however many rewards."""
    asked = list(rewards)
    return Among(disputed_among(asked), _other_reasons(asked), money_back_of(asked))


def why_waiting(reward: Reward, to: str | None = None, among: Among | None = None) -> Waiting | None:
    """A dispute, a payment in doubt, a stopped transfer, or an account that cannot take it; None where it goes its way.

    ``to``: who reads, by the id of the person or the business. ``among``, here and wherever it is handed on: of a list.
    """
    found = look_among([reward]) if among is None else among
    parts, other = found.disputed.get(reward.id, []), found.others.get(reward.id)
    if parts:
        frozen = max(amount for _, amount in parts)
        much = "All of the reward" if frozen == reward.net else f"{show_money(frozen)} of the reward"
        names = " and ".join(f"“{title_of(dispute)}”" for dispute, _ in parts)
        why = f"{much} is frozen by the dispute {names}."
        after = [next_in_words(dispute, to) for dispute, _ in parts]
        return Waiting(f"{other} {why}" if other else why,
                       " ".join([*after, *([] if other or frozen == reward.net else [_rest(reward)])]))
    return Waiting(other, "It is neither lost nor taken back meanwhile.") if other else None


def _other_reasons(rewards: Iterable[Reward]) -> dict[str, str]:
    """By reward, beside disputes: the oldest hold of what is not released; of the rest what stops it."""
    held, sent, found = list[str](), dict[str, str](), dict[str, str]()
    for one in rewards:
        if one.state is RewardState.ON_HOLD:
            held.append(one.id)
        elif one.state in {RewardState.PAYABLE, RewardState.SCHEDULED} and one.beneficiary_id is not None:
            sent[one.id] = one.beneficiary_id
    for hold in live_holds_among(held):
        if hold.reason != IN_DISPUTE:
            found.setdefault(hold.reward_id, hold.reason)
    if not sent:
        return found
    stopped = stops.stopped_among(db.session.scalars(select(Payable).where(Payable.id.in_(sent))))
    accounts = {row[0]: row[1] for row in db.session.execute(
        select(ConnectedAccount.user_id, ConnectedAccount.state).where(ConnectedAccount.user_id.in_(sent.values())))}
    for reward_id, payee_id in sent.items():
        why = stopped.get(reward_id)
        if why is None or why == IN_DISPUTE:
            state = accounts.get(payee_id)
            why = ACCOUNTS.get(state) if state else None
        if why:
            found[reward_id] = why
    return found


def _rest(reward: Reward) -> str:
    """What becomes of the part that no dispute is about."""
    return {
        RewardState.PENDING: f"The rest waits out the return period until {day_in_words(reward.release_at)}, then it "
                             "is released.",
        RewardState.PAYABLE: "The rest goes out with the next transfer.",
        RewardState.SCHEDULED: "The rest is on its way to Stripe.", RewardState.PAID: "The rest is paid.",
    }.get(reward.state, "")
