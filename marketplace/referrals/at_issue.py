"""The sum at issue of a reward, and no more, waits for its dispute: held while it is held, stopped once released."""
from collections.abc import Sequence

from marketplace.bounties.models import For
from marketplace.foundation import audit, outbox
from marketplace.foundation.money import BASIS, Money, zero
from marketplace.payments.money_out import payables, stops
from marketplace.referrals.holds import hold_reward, lift_holds
from marketplace.referrals.models import Dispute, DisputeState, Reward, RewardState
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.queries import disputes_about, disputes_of_ownership, unpaid_rulings

IN_DISPUTE = "A dispute about it is not decided yet."
OVER = "The dispute is over."
OWED_BY_RULING = "The business has still to pay for this: a dispute was decided, and its funds did not suffice."
WAITS_FOR_ADMIN = frozenset({DisputeState.OPEN})  # Many were lost: it stops nothing before an admin takes it up.


def freeze_reward(dispute: Dispute, reward: Reward, amount: Money) -> None:
    """All of it: pending -> on_hold. A part: that much stays when the rest is released."""
    if reward.state in {RewardState.PENDING, RewardState.ON_HOLD} and amount >= reward.net:
        hold_reward(reward, source_id=dispute.id, reason=IN_DISPUTE, letter="")
    elif reward.state is RewardState.PAYABLE:
        stop_released(dispute, reward, amount)


def hold_until_paid(lead_id: str, rewards: Sequence[Reward]) -> None:
    """A ruling about the lead gave more than the business had: whatever the lead earns waits until that is paid."""
    for dispute_id in unpaid_rulings(lead_id) if rewards else ():
        for reward in rewards:
            hold_reward(reward, source_id=dispute_id, reason=OWED_BY_RULING, letter="")


def hold_what_is_earned_now(dispute: Dispute, rewards: Sequence[Reward]) -> None:
    """It is not decided whose buyer it is, and the lead earns: the owner's part waits too."""
    owner_id = dispute.respondent_id
    for reward in [one for one in rewards if one.whom is For.REFERRER and one.beneficiary_id == owner_id]:
        dispute.at_issue_minor += reward.amount_minor
        if dispute.state not in WAITS_FOR_ADMIN:
            freeze_reward(dispute, reward, reward.amount)


def stop_what_is_disputed(reward: Reward) -> None:
    """Of a reward that comes to be owed: now released, or back from a transfer that did not go through."""
    for dispute in disputes_about(reward.id):
        stop_released(dispute, reward, dispute.at_issue)
    if reward.whom is For.REFERRER:
        for dispute in disputes_of_ownership(reward.lead_id):
            if dispute.respondent_id == reward.beneficiary_id:
                stop_released(dispute, reward, reward.net)


def stop_released(dispute: Dispute, reward: Reward, amount: Money) -> None:
    """Of a reward that is released and in no transfer yet. What is on its way goes, and could be taken back."""
    if dispute.state in WAITS_FOR_ADMIN:
        return
    pieces, stopped = payables.lock_pieces(reward.id), stops.stopped_by(dispute.id)
    missing = sum((-piece.amount for piece in pieces if piece.id in stopped), min(amount, reward.net))
    for piece in [one for one in pieces if one.id not in stopped]:
        apart = payables.set_apart(piece.id, missing) if missing.minor > 0 else None
        if apart is not None:
            stops.stop_transfers("payable", apart.id, reason=IN_DISPUTE, source=dispute.id, by=audit.SYSTEM)
            missing -= apart.amount


def left_to_take(dispute: Dispute, reward: Reward, *, share_bps: int) -> Money:
    """Of what a business claims back of a reward, where ``share_bps`` are found; what was taken meanwhile counts."""
    by_case, by_order = taken_meanwhile(dispute, reward)
    found = min(dispute.at_issue, reward.net + by_case).part(share_bps, BASIS)
    return max(found - by_case - by_order, zero(reward.currency))


def taken_meanwhile(dispute: Dispute, reward: Reward) -> tuple[Money, Money]:
    """Between claim and end: because its lead was found false, and by admins' orders. A refund of the sale is for
    another reason, and counts by itself."""
    by_case = by_order = zero(reward.currency)
    for one in money_back_of([reward])[reward.id].takings:
        at = one.order.at if one.order else one.clawback.created_at if one.clawback else one.at
        if at < dispute.created_at or (dispute.ended_at is not None and at > dispute.ended_at):
            continue
        if one.order:
            by_order += one.amount
        elif one.clawback and one.clawback.is_of_fraud:
            by_case += one.amount
    return by_case, by_order


def thaw_what_was_at_issue(dispute: Dispute, *, payee_ids: Sequence[str]) -> None:
    """It goes on where it was; what is due is released, and what is released goes with the next transfer."""
    lift_holds(dispute.id, why=OVER, letter="")
    stops.lift_stops(dispute.id, by=audit.SYSTEM)
    for payee_id in payee_ids:
        outbox.promise("request_transfers", payee_id=payee_id)
