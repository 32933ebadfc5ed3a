"""Why a reward does not move just now, in one sentence for everybody who may see it."""
from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.payments.models import ConnectedAccount, Payable, PayeeState
from marketplace.payments.money_out import stops
from marketplace.referrals.holds import why_held
from marketplace.referrals.models import Reward, RewardState

ACCOUNTS = {
    PayeeState.CLOSED: "The Stripe account it was to go to is closed; it waits for a new one.",
    PayeeState.RESTRICTED: "Stripe has paused the account it was to go to; it waits until Stripe is content.",
    PayeeState.ACTION_NEEDED: "Stripe needs something more from its owner before it can go out.",
}


def why_waiting(reward: Reward) -> str | None:
    """A payment in doubt, a stopped transfer, or an account that cannot take it; None where it goes its way."""
    if reward.state is RewardState.ON_HOLD:
        return why_held(reward)
    if reward.state not in {RewardState.PAYABLE, RewardState.SCHEDULED} or reward.beneficiary_id is None:
        return None
    payable = db.session.get(Payable, reward.id)
    stopped = stops.why_stopped(payable) if payable else None
    state = db.session.scalar(select(ConnectedAccount.state).filter_by(user_id=reward.beneficiary_id))
    return stopped or ACCOUNTS.get(state) if state else stopped
