"""A reward waits while a payment of its business is in doubt, or an admin looks; it goes on with the last reason."""
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.payments.models import PayableState
from marketplace.payments.money_out import payables, stops
from marketplace.referrals import lifecycle
from marketplace.referrals.models import Reward, RewardHold, RewardState

UNRELEASED = frozenset({RewardState.PENDING, RewardState.ON_HOLD})
RELEASED = frozenset({RewardState.PAYABLE, RewardState.SCHEDULED, RewardState.PAID})  # Parts of it may be owed still.


def hold_unsent(rewards: Sequence[Reward], *, source_id: str, reason: str, letter: str = "reward_frozen") -> None:
    """What is not released waits, whatever else holds it lets go first; of what is released nothing more is sent."""
    for reward in rewards:
        if reward.state in UNRELEASED:
            hold_reward(reward, source_id=source_id, reason=reason, letter=letter)
        elif reward.state in RELEASED and _stop(reward, source_id, reason) and letter:
            outbox.promise("send_letter", letter=letter, reward_id=reward.id)


def lift_unsent(rewards: Sequence[Reward], source_id: str, *, why: str, letter: str = "reward_thawed") -> None:
    """All of it goes on where it stood; what is released goes with the next transfer."""
    stopped = stops.stopped_by(source_id)
    lift_holds(source_id, why=why, letter=letter)
    stops.lift_stops(source_id, by=audit.SYSTEM)
    released = [one for one in rewards if one.state in RELEASED]
    for payee_id in sorted({one.beneficiary_id for one in released if one.beneficiary_id}):
        outbox.promise("request_transfers", payee_id=payee_id)
    for reward in released if letter else ():
        if any(piece.id in stopped for piece in payables.lock_pieces(reward.id)):
            outbox.promise("send_letter", letter=letter, reward_id=reward.id)


def _stop(reward: Reward, source_id: str, reason: str) -> bool:
    """Whether any of it was still on its way, and went on until now."""
    stopped, told = stops.stopped_by(source_id), False
    for piece in payables.lock_pieces(reward.id):
        if piece.state is not PayableState.SENT:
            stops.stop_transfers("payable", piece.id, reason=reason, source=source_id, by=audit.SYSTEM)
            told = told or piece.id not in stopped
    return told


def hold_reward(reward: Reward, *, source_id: str, reason: str, letter: str = "reward_frozen") -> None:
    """pending -> on_hold, because of ``source_id`` (a chargeback, a fraud warning, a case of fraud). Asked again, it is
    told anew why. One that an admin froze before stays the admin's to end. ``letter``: "" where another one tells it.
    """
    live = live_holds(reward.id)
    own = db.session.scalar(select(RewardHold).filter_by(reward_id=reward.id, source_id=source_id))
    others = [hold for hold in live if hold is not own]
    if own is None or own.lifted_at is not None:
        was_on_hold = others[0].was_on_hold if others else reward.state is RewardState.ON_HOLD
        if own is None:
            own = RewardHold(reward_id=reward.id, source_id=source_id, reason=reason, was_on_hold=was_on_hold)
            db.session.add(own)
        own.was_on_hold, own.lifted_at = was_on_hold, None
    own.reason = reason
    db.session.flush()
    if reward.state is RewardState.PENDING:
        lifecycle.move_reward(reward, RewardState.ON_HOLD, by=audit.SYSTEM, reason=reason)
        if letter:
            outbox.promise("send_letter", letter=letter, reward_id=reward.id)


def lift_holds(source_id: str, *, why: str, letter: str = "reward_thawed") -> None:
    """on_hold -> pending, of all that waited for ``source_id`` alone; what is due is released at once."""
    holds = db.session.scalars(
        select(RewardHold).filter_by(source_id=source_id, lifted_at=None).order_by(RewardHold.reward_id)).all()
    for hold in holds:
        reward = db.session.get_one(Reward, hold.reward_id, populate_existing=True, with_for_update={"key_share": True})
        hold.lifted_at = clock.now()
        db.session.flush()
        if reward.state is not RewardState.ON_HOLD or hold.was_on_hold or live_holds(reward.id):
            continue
        lifecycle.move_reward(reward, RewardState.PENDING, by=audit.SYSTEM, reason=why)
        wait = max(reward.release_at - clock.now(), timedelta(0))
        outbox.promise("release_reward", after=wait, reward_id=reward.id)
        if letter:
            outbox.promise("send_letter", letter=letter, reward_id=reward.id)


def live_holds(reward_id: str) -> Sequence[RewardHold]:
    """Oldest first."""
    return live_holds_among([reward_id])


def live_holds_among(reward_ids: Sequence[str]) -> Sequence[RewardHold]:
    """The same of many."""
    return db.session.scalars(select(RewardHold).where(
        RewardHold.reward_id.in_(reward_ids), RewardHold.lifted_at.is_(None)).order_by(RewardHold.id)).all() if (
        reward_ids) else []


def sources_holding_of(user_id: str) -> set[str]:
    """The chargebacks and warnings for which rewards of this person wait: others decide about those."""
    return set(db.session.scalars(
        select(RewardHold.source_id).join(Reward, Reward.id == RewardHold.reward_id)
        .where(Reward.beneficiary_id == user_id, RewardHold.lifted_at.is_(None))))


def why_held(reward: Reward) -> str | None:
    """For everybody who may see the reward; None where no payment is in doubt."""
    live = live_holds(reward.id)
    return live[0].reason if live else None
