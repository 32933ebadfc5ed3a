"""What disputes keep of a reward just now: which of them, and how much."""
from sqlalchemy import bindparam, or_, select, text

from marketplace.bounties.models import For
from marketplace.foundation.db import db, facts
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import User
from marketplace.payments.models import Payable, PayableState
from marketplace.payments.money_out import stops
from marketplace.referrals.at_issue import WAITS_FOR_ADMIN
from marketplace.referrals.models import LIVE_DISPUTES, Dispute, DisputeKind, Reward, RewardState

ABOUT = or_(Dispute.about_id == Reward.id, (Dispute.about_id == Reward.lead_id)
            & (Dispute.kind == DisputeKind.DUPLICATE_OWNERSHIP) & (Dispute.respondent_id == Reward.beneficiary_id)
            & (Reward.whom == For.REFERRER))
STOPPING = text(f"disputes.{LIVE_DISPUTES}"), Dispute.state.not_in(WAITS_FOR_ADMIN)
OF_REWARD = select(Dispute.id).join(Reward, ABOUT).where(
    Reward.id == bindparam("reward_id"), *STOPPING).order_by(Dispute.id)
HELD = frozenset({RewardState.PENDING, RewardState.ON_HOLD})


def disputed_parts(reward: Reward) -> list[tuple[Dispute, Money]]:
    """Each dispute that stops something of it, with as much as it stops. They may name the same part."""
    if reward.state is RewardState.VOIDED:
        return []
    found = [db.session.get_one(Dispute, one) for one in facts(OF_REWARD, {"reward_id": reward.id}).scalars().all()]
    parts = [(one, _stopped(one, reward)) for one in found]
    return [(one, amount) for one, amount in parts if amount.minor > 0]


def _stopped(dispute: Dispute, reward: Reward) -> Money:
    """Of what is held, what stays when the rest is released; once released, what is in no transfer."""
    if reward.state in HELD:
        return reward.net if dispute.kind is DisputeKind.DUPLICATE_OWNERSHIP else min(dispute.at_issue, reward.net)
    pieces = db.session.scalars(select(Payable).where(
        or_(Payable.id == reward.id, Payable.rest_of == reward.id), Payable.state == PayableState.OWED,
        Payable.id.in_(stops.stopped_by(dispute.id))))
    return sum((piece.amount for piece in pieces), start=zero(reward.currency))


def frozen_of(reward: Reward) -> Money:
    return max((amount for _, amount in disputed_parts(reward)), default=zero(reward.currency))


def disputed_rewards_of(user: User) -> list[Reward]:
    """Of which a dispute stops something, or did before it was sent."""
    return list(db.session.scalars(
        select(Reward).join(Dispute, ABOUT).where(Reward.beneficiary_id == user.id, *STOPPING).distinct()))
