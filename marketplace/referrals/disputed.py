"""What disputes keep of a reward just now: which of them, and how much."""
from collections.abc import Iterable, Mapping

from sqlalchemy import bindparam, or_, select, text

from marketplace.bounties.models import For
from marketplace.foundation.db import db, facts, is_just_written
from marketplace.foundation.money import Money, zero
from marketplace.identity.models import User
from marketplace.payments.models import Payable, PayableState, StopScope, TransferStop
from marketplace.payments.money_out import stops
from marketplace.referrals.at_issue import WAITS_FOR_ADMIN
from marketplace.referrals.models import LIVE_DISPUTES, Dispute, DisputeKind, Reward, RewardState

ABOUT = or_(Dispute.about_id == Reward.id, (Dispute.about_id == Reward.lead_id)
            & (Dispute.kind == DisputeKind.DUPLICATE_OWNERSHIP) & (Dispute.respondent_id == Reward.beneficiary_id)
            & (Reward.whom == For.REFERRER))
STOPPING = text(f"disputes.{LIVE_DISPUTES}"), Dispute.state.not_in(WAITS_FOR_ADMIN)
OF_REWARDS = select(Reward.id, Dispute.id).join(Dispute, ABOUT).where(
    Reward.id.in_(bindparam("reward_ids", expanding=True)), *STOPPING).order_by(Dispute.id)
HELD = frozenset({RewardState.PENDING, RewardState.ON_HOLD})
Parts = list[tuple[Dispute, Money]]
PartsByReward = Mapping[str, Parts]


def disputed_among(rewards: Iterable[Reward]) -> dict[str, Parts]:
    """Of each reward: the disputes that stop something of it, with as much as they stop. They may name the same part.

    A few statements, however many rewards; where nothing is disputed it is one.
    """
    by_id = {reward.id: reward for reward in rewards
             if reward.state is not RewardState.VOIDED and not is_just_written(reward)}
    found = facts(OF_REWARDS, {"reward_ids": list(by_id)}).all() if by_id else ()
    if not found:
        return {}
    disputes = {one.id: one for one in db.session.scalars(
        select(Dispute).where(Dispute.id.in_({dispute_id for _, dispute_id in found})))}
    unsent, parts = _unsent([one for one in by_id.values() if one.state not in HELD], disputes), dict[str, Parts]()
    for reward_id, dispute_id in found:
        reward, dispute = by_id[reward_id], disputes[dispute_id]
        stopped = _held_by(dispute, reward) if reward.state in HELD else unsent.get(
            (reward_id, dispute_id), zero(reward.currency))
        if stopped.minor > 0:
            parts.setdefault(reward_id, []).append((dispute, stopped))
    return parts


def disputed_parts(reward: Reward, among: PartsByReward | None = None) -> Parts:
    """``among``, here and wherever it is handed on: what lists have read of all their rewards."""
    return (disputed_among([reward]) if among is None else among).get(reward.id, [])


def _held_by(dispute: Dispute, reward: Reward) -> Money:
    """Of what is held: what stays when the rest is released."""
    return reward.net if dispute.kind is DisputeKind.DUPLICATE_OWNERSHIP else min(dispute.at_issue, reward.net)


def _unsent(rewards: Iterable[Reward], dispute_ids: Iterable[str]) -> dict[tuple[str, str], Money]:
    """Of what is released, by reward and dispute: what is in no transfer, and stopped by it."""
    ids, sums = [reward.id for reward in rewards], dict[tuple[str, str], Money]()
    stopped = stops.open_stops().join(Payable, Payable.id == TransferStop.subject_id).where(
        TransferStop.scope == StopScope.PAYABLE, TransferStop.source.in_(dispute_ids),
        Payable.state == PayableState.OWED, or_(Payable.id.in_(ids), Payable.rest_of.in_(ids)))
    for source, piece in db.session.execute(stopped.with_only_columns(TransferStop.source, Payable)) if ids else ():
        key = piece.rest_of or piece.id, source
        sums[key] = sums.get(key, zero(piece.currency)) + piece.amount
    return sums


def frozen_of(reward: Reward, among: PartsByReward | None = None) -> Money:
    return max((amount for _, amount in disputed_parts(reward, among)), default=zero(reward.currency))


def disputed_rewards_of(user: User) -> list[Reward]:
    """Of which a dispute stops something, or did before it was sent."""
    return list(db.session.scalars(
        select(Reward).join(Dispute, ABOUT).where(Reward.beneficiary_id == user.id, *STOPPING).distinct()))
