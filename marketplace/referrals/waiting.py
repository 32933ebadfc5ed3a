"""Why a reward does not move just now, and what happens next, for everybody who may see it."""
from typing import NamedTuple

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import ConnectedAccount, Payable, PayeeState
from marketplace.payments.money_out import stops
from marketplace.referrals.at_issue import IN_DISPUTE
from marketplace.referrals.disputed import PartsByReward, disputed_parts
from marketplace.referrals.disputes.words import next_in_words, title_of
from marketplace.referrals.holds import live_holds
from marketplace.referrals.models import Reward, RewardState

ACCOUNTS = {
    PayeeState.CLOSED: "The Stripe account it was to go to is closed; it waits for a new one.",
    PayeeState.RESTRICTED: "Stripe has paused the account it was to go to; it waits until Stripe is content.",
    PayeeState.ACTION_NEEDED: "Stripe needs something more from its owner before it can go out.",
}


class Waiting(NamedTuple):
    why: str
    next: str


def why_waiting(reward: Reward, to: str | None = None, among: PartsByReward | None = None) -> Waiting | None:
    """A dispute, a payment in doubt, a stopped transfer, or an account that cannot take it; None where it goes its way.

    ``to``: who reads, by the id of the person or the business.
    """
    parts, other = disputed_parts(reward, among), _other_reason(reward)
    if parts:
        frozen = max(amount for _, amount in parts)
        much = "All of the reward" if frozen == reward.net else f"{show_money(frozen)} of the reward"
        names = " and ".join(f"“{title_of(dispute)}”" for dispute, _ in parts)
        why = f"{much} is frozen by the dispute {names}."
        after = [next_in_words(dispute, to) for dispute, _ in parts]
        return Waiting(f"{other} {why}" if other else why,
                       " ".join([*after, *([] if other or frozen == reward.net else [_rest(reward)])]))
    return Waiting(other, "It is neither lost nor taken back meanwhile.") if other else None


def _other_reason(reward: Reward) -> str | None:
    """Beside disputes."""
    if reward.state is RewardState.ON_HOLD:
        return next((hold.reason for hold in live_holds(reward.id) if hold.reason != IN_DISPUTE), None)
    if reward.state not in {RewardState.PAYABLE, RewardState.SCHEDULED} or reward.beneficiary_id is None:
        return None
    payable = db.session.get(Payable, reward.id)
    stopped = stops.why_stopped(payable) if payable else None
    if stopped and stopped != IN_DISPUTE:
        return stopped
    state = db.session.scalar(select(ConnectedAccount.state).filter_by(user_id=reward.beneficiary_id))
    return ACCOUNTS.get(state) if state else None


def _rest(reward: Reward) -> str:
    """What becomes of the part that no dispute is about."""
    return {
        RewardState.PENDING: f"The rest waits out the return period until {day_in_words(reward.release_at)}, then it "
                             "is released.",
        RewardState.PAYABLE: "The rest goes out with the next transfer.",
        RewardState.SCHEDULED: "The rest is on its way to Stripe.", RewardState.PAID: "The rest is paid.",
    }.get(reward.state, "")
